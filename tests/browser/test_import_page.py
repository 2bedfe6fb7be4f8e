"""Importing in Chromium: files are chosen and followed, also across a reload and without scripts."""

import re

import pytest

from statflow_http.moving.jobs import Jobs
from statflow_http.moving.options import ImportOptions
from tests.browser.pages import assert_accessible, assert_good, sign_in
from tests.browser.tabs import DESKTOP, PHONE, shown
from tests.http.conftest import LIVE

NASTY = "<img src=x onerror=alert(1)>.csv"
CSV = (
    "name,time,count\n" + "".join(f"views,{1_790_000_000 + 60 * n},{n % 7}\n" for n in range(2_000)) + "views,soon,1\n"
)


@pytest.fixture
def member(tab, api):
    """A tab that is signed in."""
    return sign_in(tab, api)


@pytest.fixture
def visits(tmp_path):
    """A file of somebody's own."""
    path = tmp_path / "visits.csv"
    path.write_text(CSV)
    return path


def waiting(api):
    """An import that nobody has begun."""
    services = api.app.services
    account, jobs = services.accounts.get("owner"), Jobs(services.documents, api.engine.path)
    return jobs.create(account, live=True, source=NASTY, options=ImportOptions(), now_s=1, url="https://192.0.2.1")


def test_a_file_is_looked_at_and_then_brought(member, api, visits):
    page = member.open(f"{api.url}/import")
    page.get_by_label("Files, up to").set_input_files(visits)
    page.get_by_role("button", name="Look first").click()
    page.wait_for_url("**/import/check")
    assert '"views" (counter): 2000 rows' in page.locator(".report").inner_text()
    assert api.engine.series(LIVE) == []

    page.get_by_role("button", name="Import it").click()
    page.get_by_role("status").get_by_text("done").wait_for()

    assert shown(page.get_by_text("visits.csv:2002"))
    assert [series.name for series in api.engine.series(LIVE)] == ["views"]
    page.get_by_role("link", name="All imports").click()
    assert shown(page.get_by_role("link", name="visits.csv"))
    assert_good(member, api)


def test_what_is_wrong_is_told_beside_the_form_and_the_choice_stays(member, api, visits):
    page = member.open(f"{api.url}/import")
    page.get_by_text("A CSV of your own?").click()
    page.get_by_label("Times without a zone").fill("Mars")
    page.get_by_label("Files, up to").set_input_files(visits)
    page.get_by_role("button", name="Import", exact=True).click()

    page.get_by_text("Tz must be the name of a time zone").wait_for()
    page.get_by_label("Times without a zone").fill("UTC")
    page.get_by_role("button", name="Import", exact=True).click()
    page.get_by_role("status").get_by_text("done").wait_for()

    # The browser itself notes the refusal, which is one on purpose.
    assert [failure for failure in member.failures if "400" not in failure] == []


def test_an_import_is_followed_across_a_reload_and_can_be_cancelled(member, api):
    job = waiting(api)
    page = member.open(f"{api.url}/import/{job.id}")
    assert shown(page.get_by_text("It waits for its turn"))
    page.reload()
    page.get_by_role("button", name="Cancel").click()

    page.get_by_text("It was cancelled.").wait_for()
    assert page.locator("h1").inner_text() == NASTY
    assert_good(member, api)


def test_the_page_follows_without_being_loaded_anew(member, api):
    job = waiting(api)
    page = member.open(f"{api.url}/import/{job.id}")
    page.evaluate("window.isTheSame = true")

    Jobs(api.app.services.documents, api.engine.path).cancel(LIVE, job.id)

    page.get_by_text("It was cancelled.").wait_for()
    assert page.evaluate("window.isTheSame")
    assert_good(member, api)


def test_it_works_without_scripts(new_tab, api, visits):
    tab = sign_in(new_tab(java_script_enabled=False), api)
    page = tab.page
    page.goto(f"{api.url}/import")
    page.get_by_label("Files, up to").set_input_files([visits, visits])
    page.get_by_role("button", name="Import", exact=True).click()

    page.get_by_text("2 files").first.wait_for()
    page.get_by_role("link", name="See your stats").wait_for()

    assert [series.name for series in api.engine.series(LIVE)] == ["views"]


@pytest.mark.parametrize("is_dark", [False, True])
@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_pictures_are_taken_and_fit_for_everybody(api, new_tab, shots, visits, width, is_dark):
    """For people to look at: set STATFLOW_SCREENSHOTS."""
    tab = sign_in(new_tab(width=width, is_dark=is_dark), api)
    looks = f"{width} {'dark' if is_dark else 'light'}"
    page = tab.open(f"{api.url}/import")
    page.get_by_label("Files, up to").set_input_files(visits)
    page.get_by_role("button", name="Look first").click()
    page.wait_for_url("**/import/check")
    tab.shoot(shots, f"import check {looks}")
    assert_accessible(tab)
    page.get_by_role("button", name="Import it").click()
    page.get_by_role("status").get_by_text("done").wait_for()
    tab.shoot(shots, f"import done {looks}")
    assert_accessible(tab)
    tab.open(f"{api.url}/import/{waiting(api).id}")
    tab.shoot(shots, f"import waits {looks}")
    assert_accessible(tab)
    tab.open(f"{api.url}/import")
    assert re.search("visits.csv", page.content())
    tab.shoot(shots, f"import {looks}")
    assert_accessible(tab)
    assert_good(tab, api)

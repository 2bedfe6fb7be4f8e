"""The settings and the alerts in Chromium: a key made, copied, used and revoked; how they look."""

import re

import pytest

from statflow_http.accounts.keys import Scope
from statflow_http.accounts.plans import Plan
from statflow_http.alerts.evaluation import Evaluator
from statflow_http.alerts.rules import Rules, RuleWish, condition
from tests.browser.pages import NASTY, assert_accessible, assert_good, history, sign_in
from tests.browser.tabs import DESKTOP, PHONE, shown
from tests.http.conftest import LIVE

SETTINGS = [
    "/settings",
    "/settings/keys",
    "/settings/keys/old",
    "/settings/people",
    "/settings/plan",
    "/settings/export",
]
ALERTS = ["/alerts", "/alerts/receivers", "/alerts/mail"]


@pytest.fixture
def member(tab, api):
    """A tab that is signed in."""
    return sign_in(tab, api)


@pytest.fixture
def furnished(api):
    """Keys, people, a plan with limits and alerts, some of them with names that mean no good."""
    services, now_s = api.app.services, api.engine.now_s()
    keys = services.keys
    keys.create("owner", now_s, label="web server")
    keys.create("owner", now_s, label="newsletter pixel", scope=Scope.WRITE)
    keys.create("owner", now_s, label=NASTY[1][:90], scope=Scope.READ, live=False, expires_s=now_s + 86_400)
    keys.revoke("owner", keys.list("owner")[0].id, now_s)
    services.people.create("owner", "grace@example.com", "", now_s)
    services.plans.save(Plan("team", stats=20, points_a_month=20_000, requests_a_second=50))
    services.accounts.set_plan("owner", "team")
    for name in ("errors", *NASTY[:3]):
        history(api, name, days=2)
    rules = Rules(services.documents)
    for name, threshold in (("errors", "5"), (NASTY[1], "1e9")):
        series = api.engine.find(name, namespace=LIVE)
        wish = RuleWish(kind="value", operator="greater than", threshold=threshold, time_window="1h")
        rules.create(LIVE, series.id, series.name, condition(wish), now_s)
    Evaluator(api.engine, services.documents).run(now_s)
    return api


def test_a_key_is_made_copied_used_and_revoked(member, api):
    page = member.open(f"{api.url}/stats")
    # As the docs tell people to: Dashboard, Settings, API Keys.
    page.get_by_role("link", name="Settings").click()
    page.get_by_role("link", name="API Keys").click()
    page.get_by_label("Label").fill("from the browser")
    page.get_by_label("Send only").check()
    page.get_by_role("button", name="Make the key").click()

    key = page.locator("#made-key").inner_text()
    assert re.fullmatch(r"sk_live_\w{32}", key)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator("[data-copies=made-line]").click()
    page.get_by_text("Copied").wait_for()
    assert key in page.evaluate("navigator.clipboard.readText()")
    assert api.json("/v1/stat", {"stat": "a"}, key=key).status_code == 200

    page.goto(f"{api.url}/settings/keys")
    assert key not in page.content()
    page.get_by_role("link", name="Manage from the browser").click()
    page.get_by_label("Whatever uses this key").check()
    page.get_by_role("button", name="Revoke this key").click()

    page.get_by_text("is revoked.").wait_for()
    assert api.json("/v1/stat", {"stat": "a"}, key=key).status_code == 401
    assert_good(member, api)


def test_a_revocation_without_the_tick_is_not_even_sent(member, api):
    page = member.open(f"{api.url}/settings/keys/{api.key[8:16]}")

    page.get_by_role("button", name="Revoke this key").click()

    assert page.url.endswith(api.key[8:16])
    assert api.keys.sender(api.key.encode()) is not None


def test_a_new_key_stands_in_the_docs_of_this_answer_only(member, api):
    page = member.open(f"{api.url}/settings/keys")
    page.get_by_role("button", name="Make the key").click()
    key = page.locator("#made-key").inner_text()

    page.get_by_role("button", name="Open the docs with this key").click()

    page.wait_for_url(f"{api.url}/docs")
    assert key in page.locator("#s-first").inner_text()
    page.goto(f"{api.url}/docs")
    assert key not in page.content()
    assert page.evaluate("[localStorage.length, sessionStorage.length]") == [0, 0]
    assert_good(member, api)


def test_the_form_of_an_alert_shows_what_it_needs_and_says_what_it_will_watch(member, furnished):
    page = member.open(f"{furnished.url}/alerts")
    page.get_by_label("Stat", exact=True).fill("errors")
    page.get_by_label("Number", exact=True).fill("500")
    assert page.locator(".sentence").inner_text() == "Tell me when errors is greater than 500 over 1 hour."
    assert not page.get_by_label("Percent", exact=True).is_visible()

    page.get_by_label("A change").check()
    page.get_by_label("Percent", exact=True).fill("30")
    page.get_by_label("Compare", exact=True).select_option("different than")
    assert "changes by more than 30 % over 1 hour, against 1 day before." in page.locator(".sentence").inner_text()

    page.locator("[name=kind][value=data]").check()
    assert not page.get_by_label("Compare", exact=True).is_visible()
    page.get_by_role("button", name="Watch it").click()

    page.get_by_text("It is watched from now on.").wait_for()
    assert shown(page.get_by_text("nothing received in 1 hour").first)
    assert_good(member, furnished)


@pytest.mark.parametrize("path", [*SETTINGS, "/access", *ALERTS])
def test_the_pages_are_fit_for_everybody(member, furnished, path):
    member.open(furnished.url + path)

    assert_accessible(member)
    assert_good(member, furnished)


def test_one_of_each_is_fit_for_everybody(member, furnished):
    services = furnished.app.services
    rule = Rules(services.documents).all(LIVE)[0]
    paths = [f"/settings/keys/{furnished.key[8:16]}", f"/settings/people/{services.people.list('owner')[1].id}"]

    for path in (*paths, f"/alerts/{rule.id}"):
        member.open(furnished.url + path)
        assert_accessible(member)
        assert_good(member, furnished)


def test_all_of_it_works_without_scripts(new_tab, furnished):
    tab = sign_in(new_tab(java_script_enabled=False), furnished)
    page = tab.page
    page.goto(f"{furnished.url}/settings/keys")
    page.get_by_role("button", name="Make the key").click()
    assert page.locator("#made-key").inner_text().startswith("sk_live_")

    page.goto(f"{furnished.url}/alerts")
    page.get_by_label("Stat", exact=True).fill("errors")
    page.get_by_label("Number", exact=True).fill("500")
    page.get_by_role("button", name="Watch it").click()

    assert shown(page.get_by_text("It is watched from now on."))


@pytest.mark.parametrize("is_dark", [False, True])
@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_pictures_are_taken(furnished, new_tab, shots, width, is_dark):
    """For people to look at: set STATFLOW_SCREENSHOTS."""
    tab = sign_in(new_tab(width=width, is_dark=is_dark), furnished)
    rule = Rules(furnished.app.services.documents).all(LIVE)[0]
    ones = {"one alert": f"/alerts/{rule.id}", "one key": f"/settings/keys/{furnished.key[8:16]}"}
    for name, path in ({path: path for path in (*SETTINGS, "/access", *ALERTS)} | ones).items():
        tab.open(furnished.url + path)
        assert tab.shoot(shots, f"{name} {width} {'dark' if is_dark else 'light'}").stat().st_size > 5_000
        assert_good(tab, furnished)
    page = tab.open(f"{furnished.url}/settings/keys")
    page.get_by_role("button", name="Make the key").click()
    tab.shoot(shots, f"settings keys made {width} {'dark' if is_dark else 'light'}")
    assert_good(tab, furnished)

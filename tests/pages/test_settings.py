"""Settings: the account, the plan with its bars, and all data to take along."""

import re

import msgspec
import pytest

from statflow_engine import Kind
from statflow_http.accounts.accounts import Account
from statflow_http.accounts.people import Person
from statflow_http.accounts.plans import Plan
from statflow_http.pages.settings import zones
from tests.http.conftest import LIVE, TEST
from tests.pages.visits import Visit, texts

PAGES = [
    "/settings",
    "/settings/keys",
    "/settings/keys/old",
    "/settings/people",
    "/settings/plan",
    "/settings/export",
    "/access",
]
NASTY = "</script><img src=x onerror=alert(1)>\"'"


@pytest.mark.parametrize("path", PAGES)
def test_each_part_of_the_settings_links_to_all_others_and_marks_where_one_is(owner, path):
    answer = owner.get(path)

    assert answer.status_code == 200
    assert {f'href="{each}"' in answer.text for each in PAGES if not each.endswith("old")} == {True}
    assert "API Keys" in texts(answer)
    # The section in the head, and the part of the settings; the access token lies beside the section.
    assert answer.text.count('aria-current="page"') == 2
    assert "<script>" not in answer.text
    assert " style=" not in answer.text


@pytest.mark.parametrize("path", [*PAGES, "/settings/export/file", "/settings/keys/abcdefgh", "/settings/people/abc"])
def test_who_is_not_signed_in_is_sent_to_sign_in(guest, path):
    answer = guest.get(path)

    assert (answer.status_code, answer.headers["Location"]) == (303, f"/login?next={path}")


@pytest.mark.parametrize("path", [*PAGES[:4], "/settings/own", "/access", "/settings/keys/abcdefgh"])
def test_a_form_that_is_not_from_a_page_of_ours_changes_nothing(owner, path):
    before = [owner.services.keys.list("owner"), owner.services.people.list("owner")]

    assert owner.post(path, {"label": "x", "email": "e@example.com"}, csrf="").status_code == 403

    assert [owner.services.keys.list("owner"), owner.services.people.list("owner")] == before


def test_the_account_is_saved(owner):
    answer = owner.post("/settings", {"tz": "Europe/Berlin", "tilde_join": "space"})

    assert (answer.status_code, answer.headers["Location"]) == (303, "/settings")
    account = owner.services.accounts.get("owner")
    assert (account.tz, account.tilde_join, account.new_stat_notices) == ("Europe/Berlin", " ", False)
    page = owner.get("/settings")
    assert "Saved." in texts(page)
    assert '<option value="Europe/Berlin" selected>' in page.text
    assert 'value="space" checked' in page.text


def test_a_zone_that_is_none_is_refused_and_nothing_is_changed(owner):
    answer = owner.post("/settings", {"tz": "Europe/Atlantis", "tilde_join": "space"})

    assert answer.status_code == 400
    assert "Tz must be the name of a time zone" in texts(answer)
    assert owner.services.accounts.get("owner").tilde_join == "~"


def test_the_zone_that_is_set_can_always_be_chosen_again():
    assert "US/Pacific" in zones("US/Pacific")["US"]
    assert zones("UTC")["Universal"] == ["UTC"]
    assert "Etc/GMT+5" not in zones("Europe/Berlin").get("Etc", [])


@pytest.fixture
def limited(app):
    """Somebody whose plan allows 2 stats and 10 points."""
    services = app.services
    services.plans.save(Plan("small", stats=2, points_a_month=10, requests_a_second=50))
    services.accounts.save(Account("adas", services.now_s(), plan="small"))
    person = services.people.create("adas", "ada@example.com", "", services.now_s(), is_owner=True)
    visit = Visit(app).sign_in(person)
    visit.key = services.keys.create("adas", services.now_s())
    return visit


def test_the_plan_tells_what_is_used_what_was_refused_and_when_it_begins_again(limited, api):
    api.json("/v1/stats", {"stats": [{"stat": "a", "count": 1}] * 9 + [{"stat": "b"}]}, key=limited.key)
    assert api.json("/v1/stat", {"stat": "a", "count": 1}, key=limited.key).status_code == 429

    answer = limited.get("/settings/plan")

    words = texts(answer)
    assert "Plan: small" in words
    assert "Points this month 10 of 10" in words
    assert "Stats 2 of 2" in words
    assert "Refused this month 1" in words
    assert "50 requests a second" in words
    assert "January 2027 (UTC), begins again" in words
    assert '<progress class="usage full" max="10" value="10"' in answer.text


def test_a_plan_without_limits_has_no_bars(owner, api):
    api.json("/v1/stat", {"stat": "a", "count": 1})

    answer = owner.get("/settings/plan")

    assert "Points this month 1 As many as you like." in texts(answer)
    assert "<progress" not in answer.text


@pytest.mark.parametrize(("data", "name", "namespace"), [("live", "views", LIVE), ("test", "tries", TEST)])
def test_what_is_downloaded_is_the_data_that_is_shown(owner, engine, data, name, namespace):
    engine.count("views", 3, namespace=LIVE)
    engine.count("tries", 3, namespace=TEST)
    owner.post("/view", {"data": data})

    answer = owner.get("/settings/export/file?format=ndjson")

    assert answer.headers["Content-Disposition"] == f'attachment; filename="statflow-{data}.ndjson"'
    lines = [msgspec.json.decode(line) for line in answer.text.splitlines()]
    assert [line["stat"]["name"] for line in lines if "stat" in line] == [name]
    assert owner.get("/settings/export/file?format=csv").text.startswith("stat,kind,")


def test_a_download_of_no_known_form_is_refused_as_a_page(owner):
    answer = owner.get("/settings/export/file?format=exe")

    assert answer.status_code == 400
    assert "Format must be one of ndjson, csv" in texts(answer)


def test_a_nasty_label_and_a_nasty_address_are_only_text(owner):
    owner.services.keys.create("owner", owner.services.now_s(), label=NASTY)
    owner.services.people.create("owner", "<img/src=x>@example.com", "", owner.services.now_s())

    for path in ("/settings/keys", "/settings/people"):
        assert "<img src=x" not in owner.get(path).text
        assert "<img/src=x" not in owner.get(path).text


def test_the_pages_stay_below_where_the_app_is_mounted(app, engine):
    engine.write(["a"], Kind.COUNTER, None, [1], namespace=LIVE)
    visit = Visit(app, root="/flow").sign_in()

    for path in PAGES:
        text = visit.get(path).text
        assert 'href="/settings' not in text
        assert 'action="/' not in text.replace('action="/flow/', "")


def test_a_person_is_told_by_whose_role_what_may_be_done(app, owner):
    services = owner.services
    member: Person = services.people.create("owner", "m@example.com", "", services.now_s())
    visit = Visit(app).sign_in(member)

    assert "Add somebody" not in texts(visit.get("/settings/people"))
    assert visit.post("/settings/people", {"email": "x@example.com"}).status_code == 403
    assert visit.get(f"/settings/people/{owner.person.id}").status_code == 403
    assert "Add somebody" in texts(owner.get("/settings/people"))


@pytest.mark.parametrize(
    ("path", "fields", "heading"),
    [
        ("/settings/keys", {"label": "x" * 101}, "New key"),
        ("/settings/people", {"email": "nobody"}, "Add somebody"),
        ("/alerts", {"stat": ""}, "New alert"),
        ("/alerts/receivers", {"kind": "email", "email": "nobody"}, "By e-mail"),
        ("/alerts/receivers", {"kind": "webhook", "url": "http://127.0.0.1/"}, "By webhook"),
        ("/alerts/receivers", {"kind": "apprise", "url": "nothing"}, "Slack, Discord"),
    ],
)
def test_a_refusal_is_told_once_in_its_form_and_has_the_focus(owner, path, fields, heading):
    answer = owner.post(path, fields)

    assert answer.status_code == 400
    assert answer.text.count('role="alert"') == answer.text.count(" autofocus") == 1
    before = answer.text.partition('role="alert"')[0]
    assert heading in before.rpartition("<form")[2] or heading in before.rpartition("<summary")[2]
    for name, text in fields.items():
        assert name == "stat" or f'value="{text}"' in answer.text


@pytest.mark.parametrize(("path", "fields"), [("/settings", {"tz": "Mars/Base"}), ("/access", {"label": "a" * 300})])
def test_what_was_wrong_stands_in_its_form(owner, path, fields):
    page = owner.post(path, fields).text

    assert re.search(rf'<form method="post" action="{path}"(?:(?!</form>).)*role="alert"', page, re.DOTALL)

"""The pages of alerts: what is watched, tried, silenced, removed; what is watched by itself; who is told."""

import re

import pytest

from statflow_engine import Kind
from statflow_http import ids
from statflow_http.accounts.accounts import Account
from statflow_http.alerts.accounts import AlertAccounts
from statflow_http.alerts.automatic import AutomaticSettings
from statflow_http.alerts.evaluation import Evaluator
from statflow_http.alerts.receivers import Receivers
from statflow_http.alerts.rules import Rules
from statflow_http.alerts.silencing import state_of
from tests.http.conftest import LIVE
from tests.pages.visits import Visit, texts

NASTY = "</script><img src=x onerror=alert(1)>\"'"
LIMIT = {"stat": "errors", "kind": "value", "operator": "greater than", "threshold": "500", "time_window": "1h"}


@pytest.fixture(autouse=True)
def errors(engine):
    """A stat with 600 in the last hour, and a day of 10 an hour before."""
    now_s = engine.now_s()
    times_s = [*range(now_s - 86_400, now_s - 3_600, 3_600), now_s - 60]
    engine.write(["errors"] * len(times_s), Kind.COUNTER, times_s, [*[10] * (len(times_s) - 1), 600], namespace=LIVE)
    return engine.find("errors", namespace=LIVE)


def rules(visit):
    return Rules(visit.services.documents).all(LIVE)


def watch(owner, **fields):
    """Make an alert by the form; its path."""
    return owner.post("/alerts", {**LIMIT, **fields}).headers["Location"]


def look(owner):
    """What the server does every few seconds."""
    Evaluator(owner.services.engine, owner.services.documents).run(owner.services.now_s())


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, "greater than 500 over 1 hour"),
        ({"operator": "less than", "threshold": "0.5", "time_window": "1d"}, "less than 0.5 over 1 day"),
        (
            {"kind": "delta", "operator": "different than", "percentage": "30", "time_delta": "1d"},
            "changes by more than 30 % over 1 hour against 1 day before",
        ),
        ({"kind": "data", "time_window": "5m"}, "nothing received in 5 minutes"),
    ],
)
def test_an_alert_is_made_and_told_in_a_sentence(owner, fields, text):
    path = watch(owner, **fields)

    assert path == f"/alerts/{rules(owner)[0].id}"
    page = owner.get(path)
    assert text in texts(page)
    assert "It is watched from now on." in texts(page)
    assert f"errors {text}" in texts(owner.get("/alerts"))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"stat": ""}, "Choose a stat."),
        ({"stat": "nothing"}, "There is no such stat yet: send it a number first."),
        ({"threshold": ""}, "Threshold is missing: a number."),
        ({"threshold": "many"}, "Threshold must be a number"),
        ({"time_window": "2h"}, "Time_window must be one of"),
        ({"kind": "delta", "percentage": "-1", "time_delta": "1d"}, "Percentage must be above 0"),
        ({"kind": ""}, "Kind is missing"),
        ({"receivers": "3pkfagyipfgm"}, "No such receiver"),
    ],
)
def test_what_is_wrong_with_an_alert_is_told_and_what_was_written_stays(owner, fields, words):
    answer = owner.post("/alerts", {**LIMIT, **fields})

    assert answer.status_code == 400
    assert words.lower() in texts(answer).lower()
    assert f'value="{fields.get("stat", "errors")}"' in answer.text
    assert rules(owner) == []


def test_it_can_be_tried_before_it_is_made(owner):
    answer = owner.post("/alerts", {**LIMIT, "try": "1"})

    words = texts(answer)
    assert "In the last 30 days" in words
    assert '"errors" is 600 over 1 hour: greater than 500' in words
    assert "It would have opened 1 time" in words or "It would never have opened." in words
    assert rules(owner) == []


def test_one_that_is_open_comes_first_and_tells_since_when_and_why(owner, engine):
    engine.count("quiet", namespace=LIVE)
    watch(owner, stat="quiet")
    path = watch(owner)
    look(owner)

    page = texts(owner.get("/alerts"))
    one = texts(owner.get(path))

    assert page.index("errors greater") < page.index("quiet greater")
    assert "errors greater than 500 over 1 hour open" in page
    assert 'Opened 15 Jan 2027, 08:00 : "errors" was 600 over 1 hour: greater than 500' in one
    assert "History" in one


def test_one_can_be_silenced_and_told_of_again(owner):
    path = watch(owner)
    rule_id = path.rpartition("/")[2]

    owner.post(path, {"silence": "1", "hours": "8"})
    until_s = state_of(owner.services.documents, LIVE, rule_id).silenced_until_s
    assert until_s == owner.services.now_s() + 8 * 3_600
    assert "silenced" in texts(owner.get(path))

    owner.post(path, {"speak": "1"})
    assert not state_of(owner.services.documents, LIVE, rule_id).is_silenced(owner.services.now_s())
    assert owner.post(path, {"silence": "1", "hours": "1e9"}).status_code == 400


def test_one_can_be_changed(owner):
    path = watch(owner)
    assert 'value="500"' in owner.get(path).text

    owner.post(path, {**LIMIT, "threshold": "700", "hold": "15m", "repeat": "1d"})

    rule = rules(owner)[0]
    assert (rule.threshold, rule.hold, rule.repeat) == (700.0, "15m", "1d")
    assert owner.post(path, {**LIMIT, "threshold": "x"}).status_code == 400


def test_one_is_removed_only_with_a_tick(owner):
    path = watch(owner)
    assert owner.post(path, {"delete": "1"}).status_code == 400

    assert owner.post(path, {"delete": "1", "sure": "on"}).headers["Location"] == "/alerts"

    assert rules(owner) == []
    assert owner.get(path).status_code == 404


def test_the_alerts_of_one_stat_are_shown_alone(owner, engine, errors):
    engine.count("other", namespace=LIVE)
    watch(owner, stat="other")
    watch(owner)

    page = owner.get(f"/alerts?stat={ids.stat_id(errors.id)}")

    assert "other greater" not in texts(page)
    assert 'id="f-stat" name="stat" list="stat-names" value="errors"' in page.text
    assert owner.get("/alerts?stat=zzzz").status_code == 404
    assert owner.get("/alerts?stat=not-an-id!").status_code == 404


def test_what_is_watched_by_itself_can_be_set_for_all(owner):
    owner.post("/alerts/automatic", {"sensitivity": "low", "weekly_report": "on"})

    setting = AutomaticSettings(owner.services.documents).get(LIVE)
    assert (setting.on, setting.sensitivity) == (False, "low")
    assert AlertAccounts(owner.services.documents).get("owner").weekly_report
    assert owner.post("/alerts/automatic", {"sensitivity": "extreme"}).status_code == 400


def test_what_is_watched_by_itself_can_be_set_for_one_stat(owner, errors):
    stat_id = ids.stat_id(errors.id)
    assert "errors" in texts(owner.get(f"/alerts/automatic?stat={stat_id}"))

    owner.post("/alerts/automatic", {"stat_id": stat_id, "on": "on", "sensitivity": "high"})

    settings = AutomaticSettings(owner.services.documents)
    assert settings.get(LIVE, errors.id).sensitivity == "high"
    assert settings.get(LIVE).sensitivity == "medium"


def test_a_mailbox_is_added_tested_and_removed(owner):
    assert "Nobody is told yet" in texts(owner.get("/alerts"))
    path = owner.post("/alerts/receivers", {"kind": "email", "email": "Ops@Example.com"}).headers["Location"]
    assert "Nobody is told yet" not in texts(owner.get("/alerts"))
    assert "ops@example.com" in texts(owner.get(path))

    owner.post(path, {"test": "1"})
    assert "StatFlow: this is a test waiting" in texts(owner.get(path))

    owner.post(path, {"name": "the team"})
    assert not Receivers(owner.services.documents).all("owner")[0].is_on
    assert owner.post(path, {"delete": "1"}).status_code == 400
    owner.post(path, {"delete": "1", "sure": "on"})
    assert Receivers(owner.services.documents).all("owner") == []


def test_the_secret_of_a_webhook_is_shown_once(owner):
    answer = owner.post("/alerts/receivers", {"kind": "webhook", "url": "https://192.0.43.8/hook"})

    secret = re.search(r"whsec_[A-Za-z0-9+/=]+", texts(answer))[0]
    path = f"/alerts/receivers/{Receivers(owner.services.documents).all('owner')[0].id}"
    assert secret not in texts(owner.get(path))
    assert "whsec_" not in texts(owner.get("/alerts/receivers"))
    again = owner.post(path, {"rotate": "1"})
    assert "whsec_" in texts(again)
    assert secret not in texts(again)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"kind": "email", "email": "nobody"}, "Email must be an address"),
        ({"kind": "webhook", "url": "http://127.0.0.1/"}, "Address is not allowed: it is private; `--allow-private`"),
        ({}, "Email or url is missing"),
    ],
)
def test_who_cannot_be_told_is_refused(owner, fields, words):
    answer = owner.post("/alerts/receivers", fields)

    assert answer.status_code == 400
    assert words in texts(answer)


def test_an_alert_names_who_is_told(owner):
    owner.post("/alerts/receivers", {"kind": "email", "email": "ops@example.com"})
    receiver_id = Receivers(owner.services.documents).all("owner")[0].id

    path = watch(owner, receivers=receiver_id)

    assert rules(owner)[0].receivers == (receiver_id,)
    assert f'value="{receiver_id}" checked' in owner.get(path).text
    owner.post(path, LIMIT)
    assert rules(owner)[0].receivers == ()


def test_the_mail_settings_are_for_the_owner_of_the_server(owner):
    fields = {
        "host": "mail.example.com",
        "port": "587",
        "sender": "a@example.com",
        "tls": "starttls",
        "password": "p w",
    }

    owner.post("/alerts/mail", fields)

    page = owner.get("/alerts/mail")
    assert 'value="mail.example.com"' in page.text
    assert "p w" not in page.text
    owner.post("/alerts/mail", {**fields, "password": "", "port": "25"})
    assert 'value="25"' in owner.get("/alerts/mail").text
    assert owner.post("/alerts/mail", {**fields, "port": "x"}).status_code == 400


def test_a_nasty_name_is_only_text(owner, engine):
    engine.count(NASTY, namespace=LIVE)
    path = watch(owner, stat=NASTY)
    tried = owner.post("/alerts", {**LIMIT, "stat": NASTY, "try": "1"})

    for page in (owner.get("/alerts"), owner.get(path), tried):
        assert "<img src=x" not in page.text
        assert " style=" not in page.text


@pytest.mark.parametrize("path", ["/alerts", "/alerts/automatic", "/alerts/receivers", "/alerts/mail"])
def test_a_form_from_elsewhere_changes_nothing(owner, path):
    assert owner.post(path, LIMIT, csrf="").status_code == 403
    assert rules(owner) == []


@pytest.mark.parametrize("path", ["/alerts/nothing", "/alerts/3pkfagyipfgm", "/alerts/receivers/3pkfagyipfgm"])
def test_what_is_none_is_not_there(owner, path):
    assert owner.get(path).status_code == 404


def test_the_alerts_of_live_stats_are_not_among_those_of_test_ones(owner):
    path = watch(owner)

    owner.post("/view", {"data": "test"})

    assert "errors greater" not in texts(owner.get("/alerts"))
    assert owner.get(path).status_code == 404


def test_the_owner_of_another_account_has_no_say_about_the_mail_of_the_server(app):
    services = app.services
    services.accounts.save(Account("adas", services.now_s()))
    person = services.people.create("adas", "ada@example.com", "", services.now_s(), is_owner=True)
    visit = Visit(app).sign_in(person)

    assert visit.get("/alerts/mail").status_code == 403
    assert visit.post("/alerts/mail", {"host": "mail.evil.example", "sender": "a@evil.example"}).status_code == 403
    assert 'href="/alerts/mail"' not in visit.get("/alerts/receivers").text


def test_an_alert_that_holds_and_is_not_open_yet_says_so(owner, clock):
    path = watch(owner, hold="15m")
    assert "not looked at yet" in texts(owner.get("/alerts"))
    look(owner)

    for page in ("/alerts", path):
        assert "about to open" in texts(owner.get(page))
        assert "not looked at yet" not in texts(owner.get(page))

"""New stats, and the report of the week."""

import numpy as np
import pytest

from statflow_engine import Kind
from statflow_http.alerts.accounts import AlertAccounts, AlertWish
from statflow_http.alerts.mail_settings import MailStore, MailWish
from statflow_http.alerts.news import LOOK_S, News, last_monday
from statflow_http.alerts.notices import Outbox
from statflow_http.alerts.options import AlertOptions
from tests.http.conftest import LIVE

HOUR_S, DAY_S, WEEK_S = 3_600, 86_400, 7 * 86_400
# 2027-01-18, the first Monday after the clock of the tests.
MONDAY_S = 1_800_230_400


@pytest.fixture
def news(world):
    """A world with an owner who gets mail, looked at for a first time."""
    people = world.app.services.people
    people.set_email(people.ensure_owner(world.engine.now_s()), "owner@example.com")
    store = MailStore(world.documents, AlertOptions(public_url="https://stats.example.com"))
    store.change(MailWish(host="127.0.0.1", sender="stats@example.com", tls="none"))
    world.news = News(world.engine, world.documents, store)
    world.news.run(world.engine.now_s())
    world.clock.advance(LOOK_S)
    return world


def run(world, seconds=LOOK_S):
    world.news.run(world.engine.now_s())
    world.clock.advance(seconds)
    return Outbox(world.documents).waiting()


def test_new_stats_are_told_of_in_one_mail_with_a_way_to_delete_each(news):
    news.count(1, stat="one")
    news.value(1, stat="two")
    (notice,) = run(news)

    assert (notice.type, notice.receiver_id, notice.facts["count"]) == ("stats.new", "owner", 2)
    ((_, rows),) = notice.facts["tables"]
    assert [(name, kind) for name, kind, _, _ in rows] == [("one", "counter"), ("two", "value")]
    path = rows[0][3].removeprefix("https://stats.example.com")
    assert news.post(path).status_code == 200
    assert news.names() == ["two"]


def test_each_is_told_of_once(news):
    news.count(1, stat="one")
    run(news)
    news.count(1, stat="two")
    found = run(news)

    assert [each.facts["tables"][0][1][0][0] for each in found] == ["one", "two"]
    assert len(run(news)) == 2


def test_who_wants_no_notices_gets_none(news):
    answer = news.client.simulate_patch(
        "/v1/account", json={"new_stat_notices": False}, headers={"Authorization": f"Bearer {news.key}"}
    )
    assert answer.status_code == 200
    news.count(1, stat="one")

    assert run(news) == []


def test_who_turned_mails_off_by_a_link_gets_none(news):
    AlertAccounts(news.documents).change("owner", AlertWish(owner_mails=False))
    news.count(1, stat="one")

    assert run(news) == []


def test_the_stats_of_an_old_store_are_no_news(world):
    world.count(1, stat="old")
    world.clock.advance(30 * DAY_S)
    people = world.app.services.people
    people.set_email(people.ensure_owner(world.engine.now_s()), "owner@example.com")
    store = MailStore(world.documents, AlertOptions(smtp_host="x", smtp_from="a@example.com"))
    News(world.engine, world.documents, store).run(world.engine.now_s())

    assert Outbox(world.documents).waiting() == []


def test_very_many_are_named_in_part(news):
    for number in range(60):
        news.count(1, stat=f"s{number}")
    (notice,) = run(news)

    assert notice.facts["count"] == 60
    assert notice.facts["lines"][-1] == "and 10 more"


@pytest.mark.parametrize(
    ("moment", "tz", "week"),
    [
        ("2027-01-18T07:59:59", "UTC", "2027-01-04"),
        ("2027-01-18T08:00:00", "UTC", "2027-01-11"),
        ("2027-01-18T07:00:00", "Europe/Berlin", "2027-01-11"),
        ("2027-01-18T06:59:59", "Europe/Berlin", "2027-01-04"),
        ("2027-01-24T23:00:00", "UTC", "2027-01-11"),
    ],
)
def test_a_report_is_of_the_week_before_the_last_monday_at_eight(moment, tz, week):
    now_s = int(np.datetime64(moment).astype("datetime64[s]").astype(np.int64))

    assert last_monday(now_s, tz)[1] == week


def weeks(world, name, before, after, kind=Kind.COUNTER):
    """Two whole weeks before a Monday, so much an hour in each; it is nine o'clock on that day."""
    times_s = MONDAY_S - HOUR_S * np.arange(336, 0, -1)
    values = np.repeat([float(before), float(after)], 168)
    ones = np.ones(336, np.int64)
    extremes = {} if kind is Kind.COUNTER else {"mins": values, "maxs": values}
    world.clock.set(MONDAY_S + 9 * HOUR_S)
    world.engine.write_cells([name] * 336, kind, times_s, ones, values, namespace=LIVE, **extremes)


def test_the_week_tells_of_movers_and_new_stats(news):
    AlertAccounts(news.documents).change("owner", AlertWish(weekly_report=True))
    run(news, 0)
    weeks(news, "up", 10, 30)
    weeks(news, "down", 50, 10, Kind.VALUE)
    (report,) = [each for each in run(news) if each.type == "report.weekly"]

    assert (report.receiver_id, report.facts["week"]) == ("owner", "2027-01-11")
    tables = {title: [row[:3] for row in rows] for title, rows in report.facts["tables"]}
    assert tables["Rose most"] == [["up", "1,680 → 5,040", "+200 %"]]
    assert tables["Fell most"] == [["down", "50 → 10", "-80 %"]]
    assert [row[0] for row in tables["New stats: 2"]] == ["up", "down"]
    assert [each.type for each in run(news)].count("report.weekly") == 1
    assert [each.type for each in _next_monday(news)].count("report.weekly") == 2


def _next_monday(world):
    world.clock.advance(WEEK_S)
    return run(world)


def test_who_did_not_ask_for_it_gets_no_report(news):
    weeks(news, "up", 10, 30)
    run(news)

    assert not [each for each in _next_monday(news) if each.type == "report.weekly"]

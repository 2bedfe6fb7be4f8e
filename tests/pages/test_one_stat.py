"""The page of one stat, without a browser: what it tells, for whom, and what may be changed by whom."""

import html
import json
import re

import pytest

from statflow_engine import Kind
from statflow_http import ids
from statflow_http.accounts.accounts import Account
from statflow_http.pages import periods, reading
from statflow_http.pages.stats import REVISION
from statflow_http.stats.annotations import Annotations
from tests.clocks import START_S
from tests.http.conftest import LIVE, TEST
from tests.pages.visits import Visit, texts

DAY_S = 86_400


@pytest.fixture
def stat(engine):
    """The id of a counter: 60 this hour, 30 the hour before."""
    for ago_s, count in ((600, 60), (4_200, 30)):
        engine.count("page views", count, START_S - ago_s, namespace=LIVE)
    return ids.stat_id(engine.find("page views", namespace=LIVE).id)


@pytest.fixture
def stranger(app):
    """Somebody with another account."""
    services = app.services
    services.accounts.save(Account("other", services.now_s()))
    return Visit(app).sign_in(services.people.create("other", "eve@example.com", "", services.now_s(), is_owner=True))


def publish(app, engine, name="page views"):
    app.services.properties.change(LIVE, engine.find(name, namespace=LIVE).id, public=True)


def test_it_tells_the_period_and_the_one_before(owner, stat):
    told = texts(owner.get(f"/stats/{stat}?period=hour"))

    assert "Total 60 30 +100%" in told
    assert "Points 1 1 ±0%" in told
    assert "the hour before" in told


@pytest.mark.parametrize("period", list(periods.PERIODS))
def test_every_period_has_a_chart(owner, stat, period):
    answer = owner.get(f"/stats/{stat}?period={period}")

    assert answer.status_code == 200
    assert '<svg xmlns="http://www.w3.org/2000/svg" width="960"' in answer.text
    assert f">{period.capitalize()}</a>" in answer.text


@pytest.mark.parametrize(
    ("query", "step"),
    [("period=week&step=1d", "day"), ("period=hour&step=1d", "minute"), ("step=evil", "hour")],
)
def test_a_step_that_fits_is_taken_and_another_is_not(owner, stat, query, step):
    assert f"a row for every {step}" in texts(owner.get(f"/stats/{stat}?{query}"))


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("from=yesterday", "A time must be such as"),
        ("from=2027-01-15T07:00&to=2027-01-14T07:00", "The range must end after it begins"),
        ("from=0&to=99999999999", "The range must end after it begins"),
        ("from=99999999999", "The range must end after it begins"),
    ],
)
def test_a_range_that_is_none_is_told(owner, stat, query, words):
    answer = owner.get(f"/stats/{stat}?{query}")

    assert answer.headers["Location"] == f"/stats/{stat}"
    assert words in texts(owner.get(f"/stats/{stat}"))


@pytest.mark.parametrize(
    "query", ["from=0", "from=0&to=3600", "from=2020-01-01&to=2020-01-02&step=1m", "from=1800000000&to=1900000000"]
)
def test_ranges_far_from_all_that_is_kept_are_shown_as_empty_ones(owner, stat, query):
    assert owner.get(f"/stats/{stat}?{query}").status_code == 200


def test_times_are_those_of_the_account(owner, app, stat):
    app.services.accounts.save(Account("owner", START_S, tz="Asia/Tokyo"))

    told = texts(owner.get(f"/stats/{stat}?from=2027-01-15T16:40&to=2027-01-15T17:00"))

    assert "Total 60" in told
    assert "15 Jan 2027, 16:50" in told


@pytest.mark.parametrize(
    ("start", "end", "step", "tz", "wanted"),
    [
        # An hour was skipped in between: as many days, though not as many seconds.
        ("2026-03-29T00:00", "2026-04-05T00:00", "1d", "Europe/Berlin", "2026-03-22T00:00"),
        ("2026-03-01T00:00", "2026-04-01T00:00", "1M", "UTC", "2026-02-01T00:00"),
        ("2026-01-01T00:00", "2026-07-01T00:00", "1M", "UTC", "2025-07-01T00:00"),
        ("2026-01-01T00:00", "2027-01-01T00:00", "1y", "UTC", "2025-01-01T00:00"),
        ("2026-03-02T06:00", "2026-03-02T12:00", "1h", "UTC", "2026-03-02T00:00"),
    ],
)
def test_the_period_before_follows_the_calendar(start, end, step, tz, wanted):
    start_s, end_s = (periods.moment_s(text, tz) for text in (start, end))

    before = periods.earlier(start_s, end_s, step, tz)

    assert (periods.wall_text(before[0], tz), before[1]) == (wanted, start_s)


def test_the_chart_of_a_script_has_the_numbers_of_the_picture(owner, engine, stat):
    answer = owner.get(f"/stats/{stat}?period=hour")

    data = json.loads(html.unescape(re.search(r'data-chart="([^"]+)"', answer.text)[1]))
    assert sum(value or 0 for value in data["lines"][0]["values"]) == 60
    assert sum(value or 0 for value in data["previous"]) == 30
    assert data["runs"] is True


@pytest.mark.parametrize("form", ["csv", "json"])
def test_the_numbers_are_to_be_had_as_a_file(owner, engine, form):
    engine.count('a "b"\r\nc/é'.replace("\r\n", " "), 5, namespace=LIVE)
    stat_id = ids.stat_id(engine.series(LIVE)[0].id)

    answer = owner.get(f"/stats/{stat_id}/data?period=hour&format={form}")

    assert answer.headers["Content-Disposition"].startswith(f'attachment; filename="{stat_id}.{form}"')
    assert "%22b%22%20c%2F%C3%A9" in answer.headers["Content-Disposition"]
    if form == "json":
        assert sum(point["value"] or 0 for point in answer.json["points"]) == 5
    else:
        assert answer.text.splitlines()[0] == "stat,timestamp,datetime,value"
        assert ",5.0" in answer.text


# -- who sees it --


def test_a_stat_of_somebody_else_is_not_there(stranger, guest, stat):
    assert stranger.get(f"/stats/{stat}").status_code == 404
    assert guest.get(f"/stats/{stat}").status_code == 404
    assert guest.get(f"/stats/{stat}/data").status_code == 404


@pytest.mark.parametrize("stat_id", ["zzzz", "a", "first", "AAAB", "aaab%00", "é", "a" * 100])
def test_what_is_no_stat_is_not_there(owner, stat, stat_id):
    assert owner.get(f"/stats/{stat_id}").status_code == 404


def test_a_public_stat_is_seen_by_everybody_and_changed_by_nobody_else(app, engine, stranger, guest, stat):
    publish(app, engine)

    for visit in (stranger, guest):
        page = visit.get(f"/stats/{stat}?period=hour")
        assert "Total 60" in texts(page)
        assert "lassic key" not in page.text
        assert f"/stats/{stat}/delete" not in page.text
        assert visit.get(f"/stats/{stat}/data").status_code == 200
    for path in ("settings", "delete", "notes", "notes/aaaaaaaaaaaa/delete"):
        assert stranger.post(f"/stats/{stat}/{path}", {"text": "x", "public": "off"}).status_code == 404, path
        assert guest.post(f"/stats/{stat}/{path}", {"text": "x"}).headers["Location"] == "/login"


def test_a_public_page_is_live_for_a_guest(app, engine, guest, stat):
    publish(app, engine)
    revision = re.search(r'data-revision="([^"]+)"', guest.get(f"/stats/{stat}").text)[1]
    assert guest.get(f"/stats/{stat}", **{REVISION: revision}).status_code == 204

    engine.count("page views", 1_000, namespace=LIVE)

    assert "1,090" in texts(guest.get(f"/stats/{stat}", **{REVISION: revision}))


def test_the_trash_of_a_public_stat_is_not_public(app, engine, guest, stat):
    publish(app, engine)
    engine.delete("page views", namespace=LIVE)

    assert guest.get(f"/stats/{stat}").status_code == 404


def test_test_data_has_pages_of_its_own(owner, engine, stat):
    engine.count("a test", namespace=TEST)
    stat_id = ids.stat_id(engine.find("a test", namespace=TEST).id)

    assert owner.get(f"/stats/{stat_id}").status_code == 404
    owner.post("/view", {"data": "test"})
    assert owner.get(f"/stats/{stat_id}").status_code == 200
    assert owner.get(f"/stats/{stat}").status_code == 404


# -- what can be changed --


def test_it_is_made_public_and_private_again(owner, guest, stat):
    owner.post(f"/stats/{stat}/settings", {"public": "on"})
    assert "Everybody who has the link" in texts(owner.get(f"/stats/{stat}"))
    assert guest.get(f"/stats/{stat}").status_code == 200

    owner.post(f"/stats/{stat}/settings", {"public": "off"})
    assert guest.get(f"/stats/{stat}").status_code == 404


def test_the_snippets_have_the_id_of_a_public_stat_and_else_a_key_that_only_shows(owner, app, engine, stat):
    key = ids.embed_key(app.services.secret, engine.find("page views", namespace=LIVE).id)
    assert f"/embed/graph/{key}.svg" in owner.get(f"/stats/{stat}").text

    publish(app, engine)

    page = owner.get(f"/stats/{stat}").text
    assert key not in page
    assert f"/embed/graph/{stat}.html" in page


def test_a_unit_is_set_and_a_wrong_one_is_told(owner, stat):
    owner.post(f"/stats/{stat}/settings", {"unit": "views"})
    assert "60 views" in texts(owner.get(f"/stats/{stat}?period=hour"))

    owner.post(f"/stats/{stat}/settings", {"unit": "x" * 33})
    told = texts(owner.get(f"/stats/{stat}?period=hour"))
    assert "Unit is longer than 32 characters." in told
    assert "60 views" in told


def test_a_note_is_added_at_its_time_and_removed(owner, app, stat):
    query = "?period=day"
    answer = owner.post(f"/stats/{stat}/notes", {"text": "deployed", "t": "2027-01-15T07:30", "next": query})
    assert answer.headers["Location"] == f"/stats/{stat}{query}"
    (note,) = Annotations(app.services.documents).between(LIVE)
    assert (note.t_s, note.stat_name) == (START_S - 1_800, "page views")
    assert "15 Jan 2027, 07:30 deployed" in texts(owner.get(f"/stats/{stat}{query}"))

    owner.post(f"/stats/{stat}/notes/{note.id}/delete")

    assert Annotations(app.services.documents).between(LIVE) == []


def test_a_note_on_all_stats_is_on_the_charts_of_all(owner, app, engine, stat):
    engine.value("time", 5, namespace=LIVE)
    other = ids.stat_id(engine.find("time", namespace=LIVE).id)

    owner.post(f"/stats/{stat}/notes", {"text": "newsletter", "everywhere": "1"})

    assert "newsletter all stats" in texts(owner.get(f"/stats/{other}"))


@pytest.mark.parametrize(
    ("fields", "words"),
    [({"text": " "}, "Text is empty."), ({"text": "a", "t": "noon"}, "A time must be such as")],
)
def test_a_note_that_is_none_is_told(owner, stat, fields, words):
    owner.post(f"/stats/{stat}/notes", fields)

    assert words in texts(owner.get(f"/stats/{stat}"))


@pytest.mark.parametrize("next_", ["//evil.example", "https://evil.example", "/../..", "?a\r\nSet-Cookie: a=b", "?é"])
def test_a_note_goes_back_to_no_other_site(owner, stat, next_):
    answer = owner.post(f"/stats/{stat}/notes", {"text": "a", "next": next_})

    assert answer.headers["Location"] == f"/stats/{stat}"


def test_a_deleted_stat_waits_in_the_trash_and_comes_back(owner, stat):
    owner.post(f"/stats/{stat}/delete")
    assert "page views counter 15 Jan 2027, 08:00 17 Jan 2027, 08:00" in texts(owner.get("/trash"))
    assert owner.get(f"/stats/{stat}").status_code == 404

    answer = owner.post(f"/trash/{stat}/restore")

    assert answer.headers["Location"] == f"/stats/{stat}"
    assert "Total 60" in texts(owner.get(f"/stats/{stat}?period=hour"))


def test_a_deleted_stat_whose_name_is_taken_again_stays_in_the_trash_and_says_why(owner, engine, stat):
    owner.post(f"/stats/{stat}/delete")
    engine.count("page views", namespace=LIVE)

    assert owner.post(f"/trash/{stat}/restore").headers["Location"] == "/trash"
    assert "page views" in texts(owner.get("/trash"))


def test_what_is_in_no_trash_of_ones_own_cannot_be_restored(owner, stranger, stat):
    owner.post(f"/stats/{stat}/delete")

    assert stranger.post(f"/trash/{stat}/restore").status_code == 404
    assert owner.post("/trash/zzzz/restore").status_code == 404
    assert owner.post("/trash/no-id/restore").status_code == 404


# -- several --


def test_stats_that_are_alike_share_a_chart_and_others_do_not(owner, engine, app, stat):
    engine.count("signups", 5, namespace=LIVE)
    engine.write(["time"], Kind.VALUE, None, [5], namespace=LIVE)
    found = [ids.stat_id(engine.find(name, namespace=LIVE).id) for name in ("page views", "signups", "time")]

    answer = owner.get("/compare?" + "&".join(f"s={stat_id}" for stat_id in found))

    assert answer.text.count("<figure") == 2
    assert "each has a chart of its own" in texts(answer)
    assert answer.text.count('name="stats"') == 3
    assert 'action="/dashboards"' in answer.text


def test_a_fourth_is_left_out_and_the_same_twice_is_one(owner, engine, stat):
    engine.write([f"s{index}" for index in range(4)], 0, None, [1] * 4, namespace=LIVE)
    found = [ids.stat_id(series.id) for series in engine.series(LIVE)]

    assert owner.get("/compare?" + "&".join(f"s={each}" for each in found)).text.count('name="stats"') == 3
    assert owner.get(f"/compare?s={stat}&s={stat}").text.count('name="stats"') == 1


def test_a_stat_is_added_by_its_name(owner, engine, stat):
    engine.count("signups", namespace=LIVE)

    assert owner.get(f"/compare?s={stat}&add=signups").text.count('name="stats"') == 2
    assert owner.get(f"/compare?s={stat}&add=nothing").text.count('name="stats"') == 1


def test_what_is_not_ones_own_is_not_compared(stranger, app, engine, stat):
    publish(app, engine)

    assert stranger.get(f"/compare?s={stat}").status_code == 404


@pytest.mark.parametrize(
    ("minutes", "period"), [(0, "Hour"), (59, "Hour"), (60, "Day"), (1_439, "Day"), (1_440, "Week")]
)
def test_the_page_of_a_young_stat_opens_with_a_period_that_it_can_fill(owner, engine, clock, minutes, period):
    engine.count("new", namespace=LIVE)
    stat_id = ids.stat_id(engine.find("new", namespace=LIVE).id)
    clock.advance(60 * minutes)

    page = owner.get(f"/stats/{stat_id}").text

    assert f'aria-current="true">{period}</a>' in page
    assert f'href="/stats/{stat_id}?period=week"' in page


def test_a_stat_that_brought_a_past_is_not_young(owner, stat):
    assert 'aria-current="true">Week</a>' in owner.get(f"/stats/{stat}").text


def test_before_a_row_is_over_a_counter_has_a_total_and_nothing_else_is_told(owner, engine):
    engine.count("new", 5, namespace=LIVE)
    stat_id = ids.stat_id(engine.find("new", namespace=LIVE).id)

    told = texts(owner.get(f"/stats/{stat_id}"))

    assert "Now Total 5 Points 1 Now: last 60 minutes. Last received" in told


def test_the_note_of_another_is_told_to_a_page_that_is_open(app, owner, stat):
    revision = re.search(r'data-revision="([^"]+)"', owner.get(f"/stats/{stat}").text)[1]
    Annotations(app.services.documents).create(LIVE, "deployed", START_S - 60, START_S)

    answer = owner.get(f"/stats/{stat}", **{REVISION: revision})

    assert "deployed" in texts(answer)


@pytest.mark.parametrize(("period", "back_s"), [("day", DAY_S), ("week", 7 * DAY_S)])
@pytest.mark.parametrize("kind", list(Kind))
def test_each_row_lies_beside_the_one_of_the_same_time_in_the_period_before(engine, period, back_s, kind):
    """Also while the last one runs, which is compared with nothing in the table."""
    now_s = START_S + 600  # ten minutes into a row
    times_s = [now_s - now_s % 900 + 60 - 900 * number for number in range(2 * back_s // 900)]
    engine.write(
        ["x"] * len(times_s), kind, times_s, [float(number + 1) for number in range(len(times_s))], namespace=LIVE
    )
    series = engine.find("x", namespace=LIVE)

    found = reading.seen(engine, series, periods.range_of(period, "", "", "", engine.now_s(), "UTC"), "UTC", "")

    assert found.before is not None
    assert (found.window.times_s - found.before.times_s == back_s).all()
    assert found.settled == len(found.window) - 1
    _, before = reading.figures(found)
    assert before is not None
    assert before.points == int(found.before.counts[:-1].sum())
    points = next(row for row in reading.compared(found) if row["label"] == "Points")
    assert points["change"] == pytest.approx(found.window.counts[:-1].sum() / before.points - 1)

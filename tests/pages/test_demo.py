"""The demo: its history has days, weeks, growth and one bad afternoon, and whoever has the link comes in, once."""

import numpy as np
import pytest

import statflow_engine
from statflow_engine import Kind
from statflow_http import create_app
from statflow_http.demo import shapes
from statflow_http.demo.feeding import Feed
from statflow_http.demo.filling import NAMESPACE, fill, local_zone
from statflow_http.demo.serving import Door
from statflow_http.demo.shapes import DAY_S, HOUR_S, STORIES, World, drawn
from statflow_http.pages.site import Site
from tests.clocks import StoppedClock
from tests.pages.visits import Visit, texts

NOW_S = 1_800_000_000  # a Friday, 08:00 UTC
WORLD = World(NOW_S)


def story(name):
    return next(story for story in STORIES if story.name == name)


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A demo's folder, and what was made in it."""
    folder = tmp_path_factory.mktemp("demo")
    return folder, fill(folder, clock=StoppedClock(NOW_S), tz="UTC")


@pytest.fixture(scope="module")
def engine(filled):
    with statflow_engine.open(filled[0], clock=StoppedClock(NOW_S)) as engine:
        yield engine
        assert list(engine.check()) == []


def days(engine, name, count, *, ago=0):
    """The sums, or the means, of whole days before now."""
    end_s = NOW_S // DAY_S * DAY_S - ago * DAY_S
    window = engine.query(name, end_s - count * DAY_S, end_s, step="1d", namespace=NAMESPACE)
    return window.sums if window.kind is Kind.COUNTER else window.means


def test_there_are_twelve_stats_with_ninety_days(engine):
    series = engine.series(NAMESPACE)

    assert [each.name for each in series] == [each.name for each in STORIES]
    for each in series:
        assert (days(engine, each.name, 89) > 0).all(), each.name


def test_people_come_in_the_evening_and_on_sundays(engine):
    window = engine.query("orders", NOW_S - 8 * DAY_S, NOW_S - DAY_S, step="1h", namespace=NAMESPACE)
    by_hour = [window.sums[window.times_s // HOUR_S % 24 == hour].sum() for hour in range(24)]
    weekdays = (np.arange(NOW_S // DAY_S - 28, NOW_S // DAY_S) + 3) % 7
    by_day = [days(engine, "orders", 28)[weekdays == day].mean() for day in range(7)]

    assert np.argmax(by_hour) in (19, 20, 21)
    assert np.argmin(by_hour) in (2, 3, 4)
    assert np.argmax(by_day) == 6


@pytest.mark.parametrize(("name", "least"), [("page views", 1.2), ("sign-ups", 1.3), ("disk used", 1.2)])
def test_the_shop_grows(engine, name, least):
    assert days(engine, name, 21).mean() / days(engine, name, 21, ago=67).mean() > least


def test_one_afternoon_was_bad(engine):
    at_s = WORLD.incident_s + 20 * 60
    hour = {}
    for name in ("errors", "orders", "response time"):
        window = engine.query(name, at_s, at_s + 1_800, step="5m", namespace=NAMESPACE)
        before = engine.query(name, at_s - DAY_S, at_s - DAY_S + 1_800, step="5m", namespace=NAMESPACE)
        hour[name] = (
            (window.sums.sum(), before.sums.sum()) if name != "response time" else (window.means[2], before.means[2])
        )

    assert hour["errors"][0] > 10 * max(hour["errors"][1], 1)
    assert hour["orders"][0] < hour["orders"][1] / 2
    assert hour["response time"][0] > 3 * hour["response time"][1]


def test_what_waits_is_more_than_is_watched_for_the_last_hour(engine):
    window = engine.query("jobs waiting", NOW_S - HOUR_S, NOW_S, step="5m", namespace=NAMESPACE)

    assert window.means.min() > 40
    # And goes on so, whatever the hour of the day: the alert stays open while somebody looks.
    for hour in range(24):
        world = World(NOW_S + hour * HOUR_S)
        times_s = np.arange(world.now_s - HOUR_S, world.now_s + HOUR_S, 60)
        assert world.level(story("jobs waiting"), times_s).min() > 42


def test_means_lie_between_the_extremes():
    times_s = np.arange(NOW_S - DAY_S, NOW_S, 60)

    rows = drawn(WORLD, story("response time"), times_s, np.random.default_rng(1))

    means = rows.sums / rows.counts
    assert (rows.mins <= means + 1e-9).all()
    assert (means <= rows.maxs + 1e-9).all()
    assert (rows.mins > 0).all()


def test_seconds_add_up_to_minutes():
    times_s = np.arange(NOW_S - 4 * HOUR_S, NOW_S)
    by_second = drawn(WORLD, story("page views"), times_s, np.random.default_rng(1), length_s=1)
    by_minute = drawn(WORLD, story("page views"), times_s[::60], np.random.default_rng(2))

    assert by_second.sums.sum() == pytest.approx(by_minute.sums.sum(), rel=0.06)


def test_the_feed_sends_about_a_point_a_second(engine):
    feed = Feed(engine, WORLD)
    before = engine.query("page views", NOW_S, NOW_S + 60, step="1m", namespace=NAMESPACE).sums.sum()

    points = [feed.send(NOW_S + second) for second in range(60)]

    assert 40 < sum(points) < 200
    assert engine.query("page views", NOW_S, NOW_S + 60, step="1m", namespace=NAMESPACE).sums.sum() > before


def test_the_zone_of_the_machine_is_one(monkeypatch):
    monkeypatch.setenv("TZ", ":Asia/Tokyo")
    assert local_zone() == "Asia/Tokyo"
    for name in ("no/such", "Etc/UTC"):
        monkeypatch.setenv("TZ", name)
        assert local_zone() == "UTC"


def test_the_bad_afternoon_is_one_wherever_the_shop_is():
    for offset_s in (-8 * HOUR_S, 0, 10 * HOUR_S):
        world = World(NOW_S, offset_s)
        assert (world.incident_s + offset_s) % DAY_S == 14 * HOUR_S + 600
        assert 11 * DAY_S < NOW_S - world.incident_s < 13 * DAY_S


@pytest.fixture
def visit(filled, engine):
    """Somebody before the door."""
    app = create_app(engine)
    app.add_route("/demo/{token}", Door(Site(app.services), filled[1].board_path))
    yield Visit(app)
    app.close()


def test_the_link_signs_in_once_and_shows_the_dashboard(filled, visit):
    path = f"/demo/{filled[1].token}"

    answer = visit.get(path)

    assert answer.headers["Location"] == filled[1].board_path
    assert visit.get(filled[1].board_path).status_code == 200
    # In the same browser it goes on working.
    assert visit.get(path).headers["Location"] == filled[1].board_path
    stranger = Visit(visit._client.app)
    assert stranger.get(path).status_code == 404
    assert "start the demo again" in texts(stranger.answer)


def test_both_alerts_are_there_and_no_stat_is_watched_that_is_none(visit, filled):
    visit.sign_in()

    words = texts(visit.get("/alerts"))

    assert "jobs waiting greater than 40 over 1 hour" in words
    assert shapes.DAYS == 90

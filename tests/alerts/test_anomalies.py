"""Automatic alerts: what is unusual is told of once, to who wants to know, and looks at rules wait for none of it."""

import numpy as np
import pytest

from statflow_engine import Kind
from statflow_engine.insight import HOURLY, anomalies, newest
from statflow_http.alerts.anomalies import HOURS_READ, LATE_S, THRESHOLDS, Anomalies, evened, told_since
from statflow_http.alerts.automatic import AutomaticSettings, AutomaticWish, Sensitivity
from tests.http.conftest import LIVE

HOUR_S = 3_600
WEEKS = 6


def fill(world, name="hits", *, weeks=WEEKS, kind=Kind.COUNTER, seed=1):
    """Weeks of hours with a shape of the day, up to the hour that is over now."""
    random = np.random.default_rng(seed)
    now_s = world.engine.now_s()
    times_s = now_s - now_s % HOUR_S - HOUR_S * np.arange(weeks * 168, 0, -1)
    means = 100 * (1.5 + np.sin(times_s / 86_400 * 2 * np.pi))
    values = random.poisson(means).astype(np.float64)
    counts = np.maximum(values, 1).astype(np.int64) if kind is Kind.COUNTER else np.full(len(values), 10)
    sums = values if kind is Kind.COUNTER else values * 10
    extremes = {} if kind is Kind.COUNTER else {"mins": values, "maxs": values}
    world.engine.write_cells([name] * len(times_s), kind, times_s, counts, sums, namespace=LIVE, **extremes)


@pytest.fixture
def watched(world):
    """A world with a webhook, and a look that is due."""
    world.webhook("http://127.0.0.1:1/")
    world.clock.advance(LATE_S)
    return world


def look(world, **options):
    """One whole look of an hour."""
    looker = Anomalies(world.engine, world.documents, can_mail=lambda: False, **options)
    while not looker.run(world.engine.now_s()):
        pass


def spike(world, size, name="hits"):
    """Something in the hour that is over."""
    now_s = world.engine.now_s()
    world.engine.count(name, size, now_s - now_s % HOUR_S - 60, namespace=LIVE)


def next_hour(world, name="hits"):
    """An hour goes by in which as much comes as usual."""
    world.clock.advance(HOUR_S)
    now_s = world.engine.now_s()
    start_s = now_s - now_s % HOUR_S - HOUR_S
    usual = 100 * (1.5 + np.sin(start_s / 86_400 * 2 * np.pi))
    world.engine.count(name, round(usual), start_s + 60, namespace=LIVE)


def test_a_spike_is_told_of_in_a_sentence(watched):
    fill(watched)
    spike(watched, 2_000)
    look(watched)

    assert watched.told() == ["alert.anomaly"]
    (found,) = told_since(watched.documents, LIVE, 0)
    assert found.words.startswith('"hits": 2,2')
    assert "usually" in found.words
    assert found.score > THRESHOLDS[Sensitivity.MEDIUM]


def test_what_is_usual_is_not_told_of(watched):
    for number in range(20):
        fill(watched, f"s{number}", seed=number)
    look(watched)

    assert watched.told() == []


def test_silence_where_much_is_usual_is_told_of(watched):
    fill(watched)
    watched.clock.advance(HOUR_S)
    look(watched)

    assert watched.told() == ["alert.anomaly"]
    assert told_since(watched.documents, LIVE, 0)[0].score < 0


def test_an_anomaly_that_goes_on_is_told_of_once(watched):
    fill(watched)
    spike(watched, 2_000)
    look(watched)
    next_hour(watched)
    spike(watched, 3_000)
    look(watched)

    assert watched.told() == ["alert.anomaly"]
    (found,) = told_since(watched.documents, LIVE, 0)
    assert found.last_s - found.since_s == HOUR_S


def test_after_six_usual_hours_the_next_one_is_told_of(watched):
    fill(watched)
    spike(watched, 2_000)
    look(watched)
    for _ in range(7):
        next_hour(watched)
        look(watched)
    assert watched.told() == ["alert.anomaly"]
    next_hour(watched)
    spike(watched, 4_000)
    look(watched)

    assert watched.told() == ["alert.anomaly", "alert.anomaly"]


def test_an_hour_is_looked_at_once_also_after_a_restart(watched):
    fill(watched)
    look(watched)
    spike(watched, 2_000)
    look(watched)

    assert watched.told() == []


def test_who_turned_it_off_is_told_nothing(watched):
    fill(watched)
    fill(watched, "other")
    settings = AutomaticSettings(watched.documents)
    settings.change(LIVE, watched.engine.find("hits", namespace=LIVE).id, AutomaticWish(on=False))
    for name in ("hits", "other"):
        spike(watched, 2_000, name)
    look(watched)

    assert [names for _, _, names in watched.waiting()] == [["other"]]


@pytest.mark.parametrize(("sensitivity", "is_told"), [("high", True), ("low", False)])
def test_the_sensitivity_decides_how_unusual_it_must_be(watched, sensitivity, is_told):
    fill(watched)
    AutomaticSettings(watched.documents).change(LIVE, None, AutomaticWish(sensitivity=sensitivity))
    now_s = watched.engine.now_s()
    window = watched.engine.query(
        "hits", now_s - HOURS_READ * HOUR_S, now_s - now_s % HOUR_S, step=HOUR_S, namespace=LIVE
    )
    spike(watched, round(float(window.sums[-1]) * 0.45))
    look(watched)

    assert bool(watched.told()) == is_told


def test_many_at_once_are_one_digest(watched):
    for number in range(8):
        fill(watched, f"s{number}", seed=number)
        spike(watched, 2_000, f"s{number}")
    look(watched)

    assert watched.told() == ["alert.digest"]
    assert len(watched.waiting()[0][2]) == 8


def test_values_are_watched_too(watched):
    fill(watched, "time", kind=Kind.VALUE)
    now_s = watched.engine.now_s()
    for _ in range(90):
        watched.engine.value("time", 5_000, now_s - now_s % HOUR_S - 60, namespace=LIVE)
    look(watched)

    assert watched.told() == ["alert.anomaly"]


def test_a_look_is_done_in_slices(watched):
    """Five hundred stats a step: with no time at all each run does one step."""
    for number in range(3):
        watched.engine.count(f"s{number}", 1, namespace=LIVE)
    looker = Anomalies(watched.engine, watched.documents, slice_s=0)

    assert [looker.run(watched.engine.now_s()) for _ in range(3)] == [False, True, True]


@pytest.mark.parametrize("kind", [Kind.COUNTER, Kind.VALUE])
@pytest.mark.parametrize("tz", ["UTC", "Europe/Berlin"])
def test_many_stats_get_the_verdicts_that_each_would_get_alone(world, kind, tz):
    """Over the hour that is put back in autumn, too."""
    world.clock.set(1_793_577_600 + 5 * 86_400)
    fill(world, "a", kind=kind, weeks=8)
    fill(world, "b", kind=kind, weeks=5, seed=2)
    now_s = world.engine.now_s()
    end_s = now_s - now_s % HOUR_S
    windows = world.engine.query_many(["a", "b"], end_s - HOURS_READ * HOUR_S, end_s, step=HOUR_S, namespace=LIVE)

    expected = newest(evened(windows, tz), HOURLY, is_counter=kind is Kind.COUNTER)
    for index, window in enumerate(windows):
        alone = anomalies(window, threshold=1e-9, tz=tz)
        assert alone.scores[-1] == pytest.approx(expected.scores[index, 0])

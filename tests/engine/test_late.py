"""Late points: added in every ring that reached back to them when they came, whatever was closed or sealed before."""

import numpy as np
import pytest

import statflow_engine
from statflow_engine import Kind, QueryError
from tests.clocks import START_S

HOUR_S, DAY_S = 3_600, 86_400


def counts(engine, name, start_s, end_s, step):
    return engine.query(name, start_s, end_s, step=step).counts.tolist()


@pytest.mark.parametrize("folded", ["never", "at the end", "after each"])
@pytest.mark.parametrize("age_s", [0, 59, 64 * 60, 119 * 60])
def test_a_late_point_within_the_finest_ring_is_in_all_rings(small_engine, age_s, folded):
    small_engine.count("c", 1, START_S)
    if folded == "after each":
        small_engine.fold()
    small_engine.count("c", 1, START_S - age_s)
    if folded != "never":
        small_engine.fold()

    for step in ("1m", "10m", "1h"):
        assert sum(counts(small_engine, "c", START_S - 119 * 60, START_S + 60, step)) == 2


@pytest.mark.parametrize("folded", [False, True])
def test_a_later_point_is_in_the_coarser_rings_only(small_engine, folded):
    small_engine.count("c", 1, START_S - 3 * HOUR_S)
    small_engine.count("c", 1, START_S - 2 * DAY_S)
    if folded:
        small_engine.fold()

    assert sum(counts(small_engine, "c", START_S - 119 * 60, START_S + 60, "1m")) == 0
    assert sum(counts(small_engine, "c", START_S - 20 * HOUR_S, START_S + 60, "10m")) == 1
    assert sum(counts(small_engine, "c", START_S - 3 * DAY_S, START_S + 60, "1h")) == 2


@pytest.mark.parametrize("folded", [False, True])
@pytest.mark.parametrize("early", [False, True])
def test_what_a_ring_admits_is_decided_when_the_point_is_received(small_engine, clock, folded, early):
    """The oldest slot of the minute ring is let in; a minute older is not, and stays out although time stands still."""
    oldest_s = START_S - 119 * 60
    small_engine.count("c", 1, oldest_s - (0 if early else 1))
    clock.advance(30)
    if folded:
        small_engine.fold()

    assert counts(small_engine, "c", oldest_s, oldest_s + 60, "1m") == [1 if early else 0]
    assert sum(counts(small_engine, "c", oldest_s - 600, oldest_s + 600, "10m")) == 1


def test_a_fold_long_after_asks_what_the_rings_reached_when_the_point_came(small_engine, clock):
    small_engine.count("c", 1, START_S)
    clock.advance(5 * HOUR_S)
    small_engine.count("c")
    small_engine.fold()
    clock.set(START_S + 60)

    assert counts(small_engine, "c", START_S, START_S + 60, "1m") == [1]


def test_late_points_for_closed_spans_and_sealed_chapters_are_added(small_engine, clock):
    for _ in range(4 * 24):
        small_engine.write(["c", "v"], [0, 1], None, [1.0, 5.0])
        clock.advance(HOUR_S)
        small_engine.fold()
    now_s = clock.now_s
    hours_ago = range(1, 97)
    for ago in hours_ago:
        small_engine.write(["c", "v"], [0, 1], [now_s - ago * HOUR_S] * 2, [10.0, -7.0])
        if ago % 10 == 0:
            small_engine.fold()

    for _ in range(2):
        hours = small_engine.query("v", now_s - 96 * HOUR_S, now_s, step="1h")
        assert hours.counts.tolist() == [2] * 96
        assert hours.mins.tolist() == [-7.0] * 96
        assert hours.maxs.tolist() == [5.0] * 96
        assert small_engine.query("c", now_s - 96 * HOUR_S, now_s, step="1h").sums.tolist() == [11.0] * 96
        small_engine.fold()


def test_late_points_come_again_and_again_to_the_same_chapter(small_engine, clock):
    clock.advance(3 * DAY_S)
    small_engine.count("c")
    small_engine.fold()
    for number in range(1, 60):
        small_engine.write((["c"], np.zeros(40, int)), Kind.COUNTER, START_S + 60 * np.arange(40), np.ones(40))
        small_engine.fold()
        assert sum(counts(small_engine, "c", START_S, START_S + HOUR_S, "1h")) == number * 40


def test_a_year_that_arrives_at_once_is_in_every_ring_that_reaches(engine):
    minutes = np.arange(START_S - 365 * DAY_S, START_S, 600)
    engine.write((["c", "v"], np.zeros(len(minutes), int)), Kind.COUNTER, minutes, np.ones(len(minutes)))
    for folded in (False, True):
        assert set(counts(engine, "c", START_S - 360 * DAY_S, START_S - DAY_S, "1d")) == {144}
        assert set(counts(engine, "c", START_S - 360 * DAY_S, START_S, "1h")) == {6}
        recent = counts(engine, "c", START_S - 89 * DAY_S, START_S, "1m")
        assert recent == [1, 0, 0, 0, 0, 0, 0, 0, 0, 0] * (89 * 144)
        if not folded:
            engine.fold()


def test_a_backfill_in_pieces_and_backwards_is_as_at_once(engine):
    rng = np.random.default_rng(7)
    times_s = START_S - np.arange(0, 200 * DAY_S, 1_200)
    for piece in np.array_split(times_s, 20):
        shuffled = rng.permutation(piece)
        engine.write((["v"], np.zeros(len(piece), int)), Kind.VALUE, shuffled, shuffled % 1_000)
        engine.fold()

    days = engine.query("v", START_S - 190 * DAY_S, START_S - DAY_S, step="1d")
    assert set(days.counts.tolist()) == {72}
    hours = engine.query("v", START_S - 190 * DAY_S, START_S, step="1h")
    assert set(hours.counts.tolist()) == {3}
    assert hours.sums.sum() == sum(int(t) % 1_000 for t in times_s if START_S - 190 * DAY_S <= t < START_S)


def test_coarse_is_the_roll_up_of_fine_from_a_day_after_its_horizon(small_engine, clock):
    rng = np.random.default_rng(11)
    for _ in range(60):
        ages_s = rng.integers(-DAY_S // 2, 3 * DAY_S, 50)
        small_engine.write((["v"], np.zeros(50, int)), Kind.VALUE, clock.now_s - ages_s, rng.integers(0, 9, 50))
        clock.advance(int(rng.integers(1, 2 * HOUR_S)))
        if rng.random() < 0.4:
            small_engine.fold()
    # What came while the finer ring reached it is in both. Here that is what was received in the last two hours.
    now_s = clock.now_s
    start_s = now_s // HOUR_S * HOUR_S + HOUR_S
    end_s = start_s + 12 * HOUR_S

    minutes = small_engine.query("v", start_s, end_s, step="1m")
    hours = small_engine.query("v", start_s, end_s, step="1h")

    assert hours.counts.sum() > 0
    assert minutes.counts.reshape(-1, 60).sum(axis=1).tolist() == hours.counts.tolist()
    assert minutes.sums.reshape(-1, 60).sum(axis=1).tolist() == hours.sums.tolist()


def test_a_point_ahead_of_the_clock_is_there_when_its_time_has_come(small_engine, clock):
    small_engine.count("c", 1, START_S + DAY_S)
    small_engine.fold()
    for _ in range(24):
        clock.advance(HOUR_S)
        small_engine.count("c")
        small_engine.fold()

    assert counts(small_engine, "c", START_S + DAY_S, START_S + DAY_S + 60, "1m") == [2]
    assert counts(small_engine, "c", START_S + DAY_S, START_S + DAY_S + HOUR_S, "1h") == [2]


def test_an_early_point_overwrites_nothing_inside_the_retention(small_engine, clock):
    for minute in range(0, 120, 7):
        small_engine.count("c", 1, START_S - minute * 60)
    small_engine.fold()
    small_engine.write((["c"], np.zeros(1_440, int)), Kind.COUNTER, START_S + 60 * np.arange(1, 1_441), np.ones(1_440))
    small_engine.fold()

    past = counts(small_engine, "c", START_S - 119 * 60, START_S + 60, "1m")
    assert sum(past) == len(range(0, 120, 7))
    with pytest.raises(QueryError):
        counts(small_engine, "c", START_S - 120 * 60, START_S, "1m")


def test_a_late_point_of_before_the_clock_was_put_back_is_no_damage(tmp_path, clock):
    """It is in the coarse ring only, and lies ahead of the clock by now: the checker knows when it was received."""
    clock.advance(91_136)
    with statflow_engine.open(tmp_path, schema="1s:1h, 1m:2d", clock=clock) as engine:
        engine.count("c", 1, clock.now_s - HOUR_S)
        clock.set(START_S + 4_096)
        engine.count("c")
        for _ in range(2):
            assert list(engine.check()) == []
            engine.fold()

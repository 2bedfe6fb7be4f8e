"""Rings go round: what an earlier lap left behind is never seen again, and only arriving points overwrite it."""

import numpy as np
import pytest

import statflow_engine
from statflow_engine import Kind, QueryError
from tests.clocks import START_S, StoppedClock

HOUR_S, DAY_S = 3_600, 86_400
SCHEMAS = ["1m:2h, 10m:1d, 1h:7d", "1s:1m", "1m:1d", "1h:2d, 1d:30d"]
LEAPS = [1.0, 1.5, 3.0, 1_000.0]


def whole_ring(engine, name, ring):
    """The sums that the ring shows, and what lies up to a day ahead."""
    now_s = engine.now_s()
    rows_ahead = min(DAY_S, 2_000 * ring.resolution_s)
    return engine.query(name, ring.reach_s(now_s), now_s + rows_ahead, step=ring.resolution_s)


def fill_all_slots(engine, value):
    """A point in every period that the finest ring shows, and one in every period of the next hour or so."""
    ring = engine.schema.finest
    now_s = engine.now_s()
    first = ring.first_period(now_s)
    periods = np.arange(first, first + ring.slot_count + 60)
    times_s = np.minimum(periods * ring.resolution_s, now_s + DAY_S)
    names = (["c"], np.zeros(len(times_s), int))
    engine.write(names, Kind.COUNTER, times_s, np.full(len(times_s), value))


@pytest.mark.parametrize("schema", SCHEMAS)
@pytest.mark.parametrize("leap", LEAPS)
@pytest.mark.parametrize("folded", [False, True])
def test_after_a_leap_there_are_no_ghosts(tmp_path, schema, leap, folded):
    clock = StoppedClock()
    with statflow_engine.open(tmp_path, schema=schema, clock=clock) as engine:
        fill_all_slots(engine, 1.0)
        if folded:
            engine.fold()
        # Beyond what was written ahead, by so many retentions.
        finest = engine.schema.finest
        clock.advance(61 * finest.resolution_s + int(finest.retention_s * leap))

        assert whole_ring(engine, "c", finest).counts.sum() == 0
        engine.fold()
        assert whole_ring(engine, "c", finest).counts.sum() == 0
        engine.count("c", 5.0)
        for _ in range(2):
            window = whole_ring(engine, "c", finest)
            assert (window.counts.sum(), window.sums.sum()) == (1, 5.0)
            engine.fold()
        assert list(engine.check()) == []


@pytest.mark.parametrize("schema", SCHEMAS)
@pytest.mark.parametrize("leap", LEAPS)
def test_after_a_leap_of_the_coarsest_ring_nothing_is_left_in_any(tmp_path, schema, leap):
    clock = StoppedClock()
    with statflow_engine.open(tmp_path, schema=schema, clock=clock) as engine:
        fill_all_slots(engine, 1.0)
        engine.fold()
        coarsest = engine.schema.coarsest
        clock.advance(61 * engine.schema.finest.resolution_s + int(coarsest.retention_s * leap) + coarsest.resolution_s)
        engine.value("other", 1.0)
        engine.fold()

        for ring in engine.schema.rings:
            assert whole_ring(engine, "c", ring).counts.sum() == 0
            assert whole_ring(engine, "other", ring).counts.sum() == 1
        assert list(engine.check()) == []


@pytest.mark.parametrize("schema", SCHEMAS)
@pytest.mark.parametrize("leap", LEAPS)
def test_the_next_lap_shows_its_own_points_only(tmp_path, schema, leap):
    clock = StoppedClock()
    with statflow_engine.open(tmp_path, schema=schema, clock=clock) as engine:
        finest = engine.schema.finest
        for lap in range(1, 5):
            fill_all_slots(engine, float(lap))
            engine.fold()
            window = engine.query("c", finest.reach_s(clock.now_s), clock.now_s, step=finest.resolution_s)
            assert set(window.sums.tolist()) == {float(lap)}
            clock.advance(int(finest.retention_s * leap) + 61 * finest.resolution_s)
        assert list(engine.check()) == []


def test_a_leap_alone_overwrites_nothing(small_engine, clock):
    small_engine.count("c")
    small_engine.fold()
    clock.advance(1_000 * DAY_S)
    small_engine.fold()
    assert small_engine.query("c", clock.now_s - HOUR_S, clock.now_s, step="1m").counts.sum() == 0

    clock.set(START_S + 60)

    assert small_engine.query("c", START_S, START_S + 60, step="1m").counts.tolist() == [1]


def test_a_store_that_went_round_many_times_stays_bounded(tmp_path):
    clock = StoppedClock()
    names = [f"s{number}" for number in range(64)]
    sizes = []
    with statflow_engine.open(tmp_path, schema="1m:2h, 10m:1d", clock=clock) as engine:
        for lap in range(60):
            for _ in range(6):
                engine.write(names, Kind.VALUE, None, np.random.default_rng(lap).random(64))
                clock.advance(2 * HOUR_S)
            engine.fold()
            sizes.append(engine.status().used_bytes)
        assert list(engine.check()) == []

    assert max(sizes[30:]) <= 1.5 * max(sizes[15:30])


def test_a_clock_put_back_and_forth_again_leaves_right_answers(small_engine, clock):
    small_engine.count("c")
    clock.advance(DAY_S)
    small_engine.count("c")
    small_engine.fold()
    clock.advance(-DAY_S)
    small_engine.count("c")
    small_engine.fold()
    clock.advance(DAY_S)

    assert small_engine.query("c", clock.now_s, clock.now_s + 60, step="1m").counts.tolist() == [1]
    hours = small_engine.query("c", START_S, clock.now_s + HOUR_S, step="1h")
    assert (hours.counts[0], hours.counts[-1], hours.counts.sum()) == (2, 1, 3)


@pytest.mark.parametrize("sealed", [False, True])
def test_in_a_clash_of_laps_the_later_one_wins(small_engine, clock, sealed):
    """A clock far ahead made points; once it is right again their places are taken, in that ring only."""
    finest = small_engine.schema.finest
    laps_s = 40 * finest.place_count * finest.periods_per_chapter * finest.resolution_s
    clock.advance(laps_s)
    small_engine.count("c", 5)
    small_engine.fold()
    if sealed:
        clock.advance(finest.periods_per_chapter * finest.resolution_s)
        small_engine.count("c")
        small_engine.fold()
    clock.set(START_S)
    small_engine.count("c", 7)
    small_engine.fold()

    assert small_engine.query("c", START_S, START_S + HOUR_S, step="1h").sums.tolist() == [7.0]
    assert small_engine.query("c", START_S, START_S + 60, step="1m").counts.sum() <= 1
    clock.set(START_S + laps_s)
    assert small_engine.query("c", clock.now_s, clock.now_s + 60, step="1m").sums.tolist() == [5.0]


def test_a_ring_older_than_unix_time_is_fine(tmp_path, clock):
    with statflow_engine.open(tmp_path, schema="1d:100y", clock=clock) as engine:
        engine.count("c", 1, 1)
        engine.fold()

        assert engine.query("c", 0, DAY_S, step="1d").counts.tolist() == [1]
        with pytest.raises(QueryError):
            engine.query("c", -1, DAY_S, step="1d")
        assert list(engine.check()) == []


@pytest.mark.parametrize("start_s", [2**31 - 30, 2**32 - 30, 2**33])
def test_the_years_2038_and_2106_pass_unnoticed(tmp_path, start_s):
    clock = StoppedClock(start_s)
    with statflow_engine.open(tmp_path, schema="1m:2h, 10m:1d, 1h:7d", clock=clock) as engine:
        for _ in range(3):
            engine.value("v", 2.0)
            engine.fold()
            clock.advance(60)

        window = engine.query("v", start_s, start_s + 240, step="1m")
        assert window.counts.sum() == 3
        assert list(engine.check()) == []

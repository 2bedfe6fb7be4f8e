"""Asking: rows are dense and half-open, the ring is chosen by step and start, and what was acknowledged is there."""

import math
from datetime import UTC, datetime

import numpy as np
import pytest

import statflow_engine
from statflow_engine import Kind, QueryError, UnknownSeriesError, combine
from tests.clocks import START_S

HOUR_S, DAY_S = 3_600, 86_400


def test_a_known_series_without_points_in_the_range_has_empty_rows(engine):
    engine.value("v", 1.0)

    window = engine.query("v", START_S - HOUR_S, START_S, step="1m")

    assert len(window) == 60
    assert window.counts.tolist() == [0] * 60
    assert window.sums.tolist() == [0.0] * 60
    assert np.isnan(window.means).all()
    assert np.isnan(window.mins).all()
    assert np.isnan(window.maxs).all()


def test_the_range_is_half_open_and_aligned_to_the_step(engine):
    engine.count("c")

    window = engine.query("c", START_S + 61, START_S + 601, step="5m")

    assert (window.start_s, window.end_s, window.step) == (START_S, START_S + 900, "5m")
    assert window.times_s.tolist() == [START_S, START_S + 300, START_S + 600]
    assert window.counts.tolist() == [1, 0, 0]
    assert window.now_s == START_S


def test_a_step_is_seconds_or_text(engine):
    engine.count("c")

    for step in (300, "300", "5m"):
        assert engine.query("c", START_S, START_S + 600, step=step).step == "5m"


def test_the_default_range_is_the_last_day(engine, clock):
    engine.count("c")
    clock.advance(DAY_S - 60)

    window = engine.query("c")

    assert window.counts.sum() == 1
    assert window.start_s <= START_S
    assert window.end_s >= START_S + DAY_S - 60
    assert len(window) <= 1_000


def test_the_default_range_shows_the_running_second(engine):
    engine.count("c")

    assert engine.query("c").counts.sum() == 1


@pytest.mark.parametrize("schema", ["1m:1d", "1m:2h", "1s:1m", "7s:700s", "1m:2h, 10m:1d"])
def test_the_default_range_is_what_rings_hold_of_the_last_day(tmp_path, clock, schema):
    with statflow_engine.open(tmp_path, schema=schema, clock=clock) as engine:
        engine.count("c")
        for step in (None, engine.schema.finest.resolution_s):
            window = engine.query("c", step=step)
            assert window.counts.sum() == 1
            assert window.start_s >= engine.schema.coarsest.reach_s(START_S)


def test_without_a_step_there_are_at_most_a_thousand_rows(engine):
    engine.count("c")

    assert engine.query("c", START_S - HOUR_S, START_S).step == "1m"
    assert engine.query("c", START_S - 30 * DAY_S, START_S).step == "1h"
    assert len(engine.query("c", START_S - 3_000 * DAY_S, START_S)) <= 1_000


def test_coarse_rows_are_the_roll_up_of_fine_ones(engine):
    times_s = START_S - np.arange(0, 3 * DAY_S, 50)
    engine.write((["v"], np.zeros(len(times_s), int)), Kind.VALUE, times_s, np.arange(float(len(times_s))))
    start_s = START_S - 2 * DAY_S

    fine = engine.query("v", start_s, START_S, step="1m")
    hours = engine.query("v", start_s, START_S, step="1h")

    assert fine.counts.reshape(-1, 60).sum(axis=1).tolist() == hours.counts.tolist()
    assert fine.sums.reshape(-1, 60).sum(axis=1).tolist() == hours.sums.tolist()
    assert fine.mins.reshape(-1, 60).min(axis=1).tolist() == hours.mins.tolist()
    assert fine.maxs.reshape(-1, 60).max(axis=1).tolist() == hours.maxs.tolist()


def test_a_range_is_the_sum_of_its_parts(engine):
    times_s = START_S - np.arange(0, DAY_S, 77)
    engine.write((["c"], np.zeros(len(times_s), int)), Kind.COUNTER, times_s, np.ones(len(times_s)))
    a, b, c = START_S - DAY_S, START_S - 5 * HOUR_S, START_S + 60

    before, after, whole = (engine.query("c", s, e, step="1m") for s, e in ((a, b), (b, c), (a, c)))

    assert [*before.counts, *after.counts] == whole.counts.tolist()
    assert whole.counts.sum() == len(times_s)


def test_the_answer_is_a_copy(engine):
    engine.value("v", 5.0)
    first = engine.query("v", START_S, START_S + 60, step="1m")
    for column in (first.counts, first.sums, first.mins, first.maxs):
        column[:] = 99

    second = engine.query("v", START_S, START_S + 60, step="1m")

    assert (second.counts[0], second.sums[0], second.mins[0], second.maxs[0]) == (1, 5.0, 5.0, 5.0)


def test_a_window_survives_the_engine(tmp_path, clock):
    with statflow_engine.open(tmp_path, clock=clock) as engine:
        engine.value("v", 5.0)
        engine.fold()
        window = engine.query("v", START_S, START_S + 60, step="1m")

    assert window.means.tolist() == [5.0]


def test_what_a_ring_no_longer_reaches_is_not_shown(small_engine, clock):
    small_engine.count("c")
    clock.advance(2 * HOUR_S)

    with pytest.raises(QueryError, match="the finest step that reaches it is 10m"):
        small_engine.query("c", START_S, START_S + 60, step="1m")
    assert small_engine.query("c", START_S, START_S + 600, step="10m").counts.tolist() == [1]


def test_a_ring_shows_its_oldest_slot(small_engine, clock):
    small_engine.count("c")
    clock.advance(2 * HOUR_S - 1)

    assert small_engine.query("c", START_S, START_S + 60, step="1m").counts.tolist() == [1]


def test_points_ahead_of_the_clock_are_shown_when_asked_for(engine):
    engine.count("c", 1, START_S + HOUR_S)

    window = engine.query("c", START_S, START_S + 2 * HOUR_S, step="1h")

    assert window.counts.tolist() == [0, 1]
    assert math.isnan(window.rates[1])


def test_a_rate_of_the_running_row_is_of_the_time_elapsed(engine, clock):
    engine.count("c", 30)
    clock.advance(15)

    assert engine.query("c", START_S, START_S + 60, step="1m").rates.tolist() == [2.0]


def test_min_and_max_of_a_counter_are_refused(engine):
    engine.count("c")
    window = engine.query("c", START_S, START_S + 60, step="1m")

    with pytest.raises(QueryError, match="min of a counter"):
        _ = window.mins
    with pytest.raises(QueryError, match="max of a counter"):
        _ = window.maxs


def test_an_unknown_name_is_refused_by_name(engine):
    with pytest.raises(UnknownSeriesError, match="nobody"):
        engine.query("nobody", START_S, START_S + 60)
    with pytest.raises(UnknownSeriesError):
        engine.query("nobody", START_S, START_S + 60, namespace="other")


@pytest.mark.parametrize(
    ("start_s", "end_s", "options"),
    [
        (START_S, START_S - 1, {"step": "1m"}),
        (START_S, START_S + 60, {"step": "0m"}),
        (START_S, START_S + 60, {"step": "30s"}),
        (START_S, START_S + 60, {"step": "fortnight"}),
        (START_S, START_S + 60, {"step": "1d", "tz": "Atlantis/Capital"}),
        (0, START_S, {"step": "1d"}),
        (-1, START_S, {"step": "1d"}),
        (START_S, 2**60, {"step": "1d"}),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(engine, start_s, end_s, options):
    engine.count("c")

    with pytest.raises(QueryError):
        engine.query("c", start_s, end_s, **options)


# --- several series ---


def test_several_series_are_asked_by_name_or_glob(engine):
    engine.write(["cpu 1", "cpu 2", "mem"], [1, 1, 0], None, [1.0, 2.0, 3.0])

    def names(*patterns):
        return [window.name for window in engine.query_many(patterns, START_S, START_S + 60, step="1m")]

    assert sorted(names("cpu *")) == ["cpu 1", "cpu 2"]
    assert names("mem", "cpu 2") == ["mem", "cpu 2"]
    assert sorted(names("*")) == ["cpu 1", "cpu 2", "mem"]
    assert sorted(names("cpu [12]")) == ["cpu 1", "cpu 2"]
    assert names("nothing*") == []
    assert names() == []


def test_a_series_that_two_patterns_mean_is_given_once(engine):
    engine.write(["cpu 1", "cpu 2"], Kind.VALUE, None, [1.0, 2.0])

    windows = engine.query_many(["cpu 1", "cpu *"], START_S, START_S + 60, step="1m")

    assert [window.name for window in windows] == ["cpu 1", "cpu 2"]


def test_a_plain_unknown_name_among_patterns_is_refused(engine):
    engine.count("c")

    with pytest.raises(UnknownSeriesError, match="nobody"):
        engine.query_many(["c", "nobody"], START_S, START_S + 60)


def test_a_name_that_looks_like_a_glob_means_itself(engine):
    engine.write(["a*", "ab", "[x]"], Kind.COUNTER, None, [1.0, 2.0, 3.0])

    def names(pattern):
        return [window.name for window in engine.query_many([pattern], START_S, START_S + 60, step="1m")]

    assert names("a*") == ["a*"]
    assert names("[x]") == ["[x]"]
    assert sorted(names("a?")) == ["a*", "ab"]


def test_globs_keep_to_their_namespace(engine):
    engine.count("a", namespace="one")
    engine.count("b", namespace="two")

    windows = engine.query_many(["*"], START_S, START_S + 60, step="1m", namespace="one")

    assert [window.name for window in windows] == ["a"]


def test_several_series_can_be_combined(engine):
    engine.write(["a", "b", "a"], Kind.VALUE, None, [1.0, 2.0, 6.0])

    combined = combine(engine.query_many(["a", "b"], START_S, START_S + 60, step="1m"))

    assert (combined.counts[0], combined.sums[0], combined.mins[0], combined.maxs[0]) == (3, 9.0, 1.0, 6.0)


def test_series_of_different_kinds_come_together_but_are_not_combined(engine):
    engine.write(["c", "v"], [0, 1], None, [1.0, 2.0])
    windows = engine.query_many(["c", "v"], START_S, START_S + 60, step="1m")

    assert [window.kind for window in windows] == [Kind.COUNTER, Kind.VALUE]
    text = '^"c" is a counter and "v" a value: only one kind can be combined$'
    with pytest.raises(QueryError, match=text):
        combine(windows)
    with pytest.raises(QueryError, match=text):
        engine.query_sum(["c", "v"], START_S, START_S + 60, step="1m")


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (datetime(2027, 1, 15, tzinfo=UTC), r"start_s must be Unix seconds, met datetime.*: int\(start_s.timestamp"),
        ("2027-01-15", "start_s must be Unix seconds, met '2027-01-15'$"),
    ],
)
def test_a_time_that_is_no_number_is_refused_with_a_sentence(engine, time, text):
    engine.count("hits")

    for query in (engine.query, lambda name, time: engine.query_many([name], time)):
        with pytest.raises(QueryError, match=text):
            query("hits", time)


def test_a_time_may_be_a_number_of_numpy(engine):
    engine.count("hits")

    assert len(engine.query("hits", np.int64(START_S), np.int64(START_S + 120), step="1m")) == 2


@pytest.mark.parametrize("folded", [False, True])
def test_one_series_alone_and_among_many_gives_the_same(engine, folded):
    rng = np.random.default_rng(5)
    names = [f"s{number}" for number in range(100)]
    index = rng.integers(0, 100, 5_000)
    kinds = (index % 2).astype(int)
    engine.write((names, index), kinds, START_S - rng.integers(0, DAY_S, 5_000), rng.integers(0, 99, 5_000))
    if folded:
        engine.fold()

    many = engine.query_many(["s*"], START_S - DAY_S, START_S + 60, step="1h")

    assert len(many) == 100
    for window in many:
        alone = engine.query(window.name, START_S - DAY_S, START_S + 60, step="1h")
        assert alone.counts.tolist() == window.counts.tolist()
        assert alone.sums.tolist() == window.sums.tolist()
        if window.kind is Kind.VALUE:
            np.testing.assert_array_equal(alone.mins, window.mins)
            np.testing.assert_array_equal(alone.maxs, window.maxs)


# --- calendars ---


@pytest.mark.parametrize("folded", [False, True])
def test_days_of_berlin_are_built_from_hours(engine, folded):
    # Three days before now; a day of Berlin begins at 23:00 UTC in winter.
    times_s = START_S - np.arange(0, 4 * DAY_S, 600)
    engine.write((["c"], np.zeros(len(times_s), int)), Kind.COUNTER, times_s, np.ones(len(times_s)))
    if folded:
        engine.fold()

    window = engine.query("c", START_S - 3 * DAY_S, START_S, step="1d", tz="Europe/Berlin")

    assert ((window.times_s + HOUR_S) % DAY_S == 0).all()
    assert window.counts.tolist() == [144, 144, 144, 55]


def test_days_of_kathmandu_are_built_from_minutes_where_these_reach(engine):
    midnight_s = START_S // DAY_S * DAY_S - DAY_S + 18 * HOUR_S + 15 * 60  # 18:15 UTC
    engine.write(["c", "c"], Kind.COUNTER, [midnight_s - 1, midnight_s], [1.0, 10.0])

    window = engine.query("c", midnight_s - 60, midnight_s + 60, step="1d", tz="Asia/Kathmandu")

    assert window.times_s.tolist() == [midnight_s - DAY_S, midnight_s]
    assert window.sums.tolist() == [1.0, 10.0]


def test_an_hour_that_two_days_of_kathmandu_share_belongs_to_the_first(engine):
    midnight_s = START_S // DAY_S * DAY_S - 200 * DAY_S + 18 * HOUR_S + 15 * 60
    engine.write(["c", "c", "c"], Kind.COUNTER, [midnight_s - 1, midnight_s, midnight_s + HOUR_S], [1.0, 10.0, 100.0])

    window = engine.query("c", midnight_s - 60, midnight_s + 60, step="1d", tz="Asia/Kathmandu")

    assert window.sums.tolist() == [11.0, 100.0]


def test_weeks_months_and_years_are_of_the_calendar(engine):
    engine.count("c", 1, START_S)  # Friday, 2027-01-15

    week = engine.query("c", START_S, START_S + 1, step="1w")
    month = engine.query("c", START_S, START_S + 1, step="1M")
    year = engine.query("c", START_S, START_S + 1, step="1y")

    assert week.times_s.tolist() == [START_S - 8 * HOUR_S - 4 * DAY_S]
    assert month.times_s.tolist() == [START_S - 8 * HOUR_S - 14 * DAY_S]
    assert month.times_s.tolist() == year.times_s.tolist()
    assert week.counts.tolist() == month.counts.tolist() == year.counts.tolist() == [1]


# --- reading sees everything ---


def test_what_was_written_is_in_the_next_answer(engine):
    for number in range(1, 20):
        engine.count("c")
        if number % 5 == 0:
            engine.fold()
        assert engine.query("c", START_S, START_S + 60, step="1m").counts.tolist() == [number]
        assert engine.query("c", START_S, START_S + DAY_S, step="1d").counts.sum() == number


@pytest.mark.parametrize("folded", [False, True])
@pytest.mark.parametrize("count", [1, 7, 8, 63, 64])
def test_any_number_of_the_series_of_a_group_gives_what_each_gives_alone(engine, folded, count):
    names = [f"c{number}" for number in range(64)]
    engine.write(names, Kind.COUNTER, None, [1.0 + number for number in range(64)])
    engine.write(names[::3], Kind.COUNTER, [START_S - 120] * 22, [100.0] * 22)
    if folded:
        engine.fold()
    # From both ends, so that others lie between those that are asked for.
    asked = names[: count // 2] + names[64 - (count - count // 2) :]

    windows = engine.query_many(asked, START_S - HOUR_S, START_S + 1, step="1m")

    assert [window.name for window in windows] == asked
    for window in windows:
        alone = engine.query(window.name, START_S - HOUR_S, START_S + 1, step="1m")
        assert window.sums.tolist() == alone.sums.tolist()
        assert window.counts.tolist() == alone.counts.tolist()


def test_a_name_that_was_asked_for_means_the_new_series_after_the_old_one_was_deleted(tmp_path):
    with statflow_engine.open(tmp_path) as writer:
        writer.write(["a", "b"], Kind.COUNTER, None, [5.0, 6.0])
    with statflow_engine.open(tmp_path) as engine:
        assert [window.sums.sum() for window in engine.query_many(["a", "b"])] == [5.0, 6.0]

        engine.delete("a")

        with pytest.raises(UnknownSeriesError):
            engine.query_many(["a", "b"])
        engine.value("a", 1.5)
        assert [window.kind for window in engine.query_many(["a", "b"])] == [Kind.VALUE, Kind.COUNTER]


@pytest.mark.parametrize("folded", [False, True])
def test_when_series_received_their_last_point_is_asked_by_their_ids(engine, clock, folded):
    engine.write(["a", "b", "v"], [0, 0, 1], None, [1.0, 1.0, 1.0])
    if folded:
        engine.fold()
    clock.advance(60)
    engine.count("b")

    ids = sorted(series.id for series in engine.series())

    by_name = {series.name: series.id for series in engine.series()}
    expected = {by_name["a"]: START_S, by_name["b"]: START_S + 60, by_name["v"]: START_S}
    assert dict(zip(ids, engine.received_s(ids).tolist(), strict=True)) == expected
    assert engine.received_s([ids[-1] + 1]).tolist() == [0]
    assert engine.received_s([]).tolist() == []

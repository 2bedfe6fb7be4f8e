"""Anchored buckets out of aligned rows: exact where a ring is fine enough, and every point in one bucket always."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import statflow_engine
from statflow_engine import Kind, Schema
from statflow_http.stats.bucket_sums import bucket_sums, stretches
from statflow_http.wire.timeframes import DAY_S, Buckets, Timeframe
from tests.clocks import START_S, StoppedClock
from tests.conftest import SMALL_SCHEMA

HOUR_S = 3_600


def numbers(engine, name, buckets):
    (sums,) = bucket_sums(engine, [engine.find(name)], buckets)
    return sums.numbers.tolist()


def test_a_counter_is_summed_and_a_value_averaged_over_the_points_of_a_bucket(engine, clock):
    clock.advance(17 * 60 + 5)
    now_s = int(clock.now_s)
    for ago_s, number in [(0, 1.0), (3_600, 2.0), (3_599, 4.0), (3_601, 8.0)]:
        engine.count("hits", number, now_s // 60 * 60 - ago_s)
        engine.value("load", number, now_s // 60 * 60 - ago_s)
    buckets = Timeframe.parse("2h1h").buckets(now_s)

    assert numbers(engine, "hits", buckets) == [8.0, 6.0, 1.0]
    assert numbers(engine, "load", buckets) == [8.0, 3.0, 1.0]


def test_a_bucket_without_data_is_zero(engine):
    engine.value("load", 5.0, START_S)

    assert numbers(engine, "load", Timeframe.parse("3h1h").buckets(START_S)) == [0.0, 0.0, 0.0, 5.0]


def test_several_series_are_answered_in_the_order_asked_also_twice_and_with_globs_for_names(engine):
    for name, number in [("a*", 1), ("ab", 2), ("c", 3)]:
        engine.count(name, number, START_S)
    series = [engine.find(name) for name in ("c", "a*", "ab", "c")]

    found = bucket_sums(engine, series, Timeframe.parse("1h1h").buckets(START_S))

    assert [sums.numbers.tolist() for sums in found] == [[0.0, 3.0], [0.0, 1.0], [0.0, 2.0], [0.0, 3.0]]


def test_points_of_tomorrow_are_in_the_running_bucket(engine):
    engine.count("early", 7, START_S + DAY_S - 1)

    assert numbers(engine, "early", Timeframe.parse("2d1d").buckets(START_S)) == [0.0, 0.0, 7.0]


@pytest.mark.parametrize("start_s", [0, 60, START_S + 30 * DAY_S, 2**37 - 60])
def test_where_nothing_can_be_there_are_zeros(engine, start_s):
    engine.count("hits", 1, START_S)

    assert numbers(engine, "hits", Timeframe.parse("400d1d").buckets(START_S, start_s)) == [0.0] * 401


# Where the buckets begin, how long they are, and the resolution that is read for the latest of them.
EXACT = [
    (START_S, HOUR_S, HOUR_S),
    (START_S + 60, HOUR_S, 60),
    (START_S + 600, HOUR_S, 600),
    (START_S, 300, 60),
    (START_S, DAY_S, HOUR_S),
    (START_S + 1_800, DAY_S, 600),
]


@pytest.mark.parametrize(("first_s", "interval_s", "resolution_s"), EXACT)
def test_the_coarsest_ring_is_read_that_is_exact(first_s, interval_s, resolution_s):
    found = stretches(Schema.parse(SMALL_SCHEMA), Buckets(first_s, interval_s, 1), first_s + 10)

    assert [stretch.resolution_s for stretch in found] == [resolution_s]


def test_rings_meet_without_gap_or_overlap_where_a_coarser_period_ends():
    now_s = START_S + 1_234
    found = stretches(Schema.parse(SMALL_SCHEMA), Timeframe.parse("1w5m").buckets(now_s), now_s)

    assert [stretch.resolution_s for stretch in found] == [60, 600, 3_600]
    for later, earlier in itertools.pairwise(found):
        assert earlier.end_s == later.start_s
        assert later.start_s % earlier.resolution_s == 0
    assert found[0].start_s - (now_s - 2 * HOUR_S) <= 660
    assert found[1].start_s - (now_s - DAY_S) <= 4_200


def test_a_long_stretch_of_a_fine_ring_is_read_in_parts():
    found = stretches(Schema.parse("1s:30d"), Buckets(START_S - 30 * DAY_S, 1, 30 * DAY_S), START_S)

    assert len(found) == 6
    assert sum(part.end_s - part.start_s for part in found) > 29 * DAY_S
    assert all(later.start_s == earlier.end_s for earlier, later in itertools.pairwise(found))


times = st.integers(START_S - 6 * DAY_S, START_S + 1_234)
timeframes = st.sampled_from(["1w5m", "1w1h", "1d1d", "3d7h", "2h1m", "20m10m", "1d15m1d"])


@settings(max_examples=25)
@given(st.lists(st.tuples(times, st.integers(1, 100)), max_size=40), timeframes)
def test_every_point_is_in_one_bucket_no_further_off_than_the_resolution_that_is_left_of_it(
    tmp_path_factory, points, t
):
    now_s = START_S + 1_234
    buckets = Timeframe.parse(t).buckets(now_s)
    clock = StoppedClock(now_s)
    with statflow_engine.open(tmp_path_factory.mktemp("s"), schema=SMALL_SCHEMA, clock=clock) as engine:
        engine.count("hits", 0, now_s)
        for time_s, number in points:
            engine.count("hits", number, time_s)
        (sums,) = bucket_sums(engine, [engine.find("hits")], buckets)
        ways = stretches(engine.schema, buckets, now_s)

    wanted = np.zeros(buckets.count)
    for time_s, number in points:
        # The start of the period that the point is in, in the ring that answers for it, is in the bucket.
        way = next((way for way in ways if way.start_s <= time_s < way.end_s), None)
        if way is not None:
            wanted[buckets.numbers(np.array([time_s // way.resolution_s * way.resolution_s]))] += number
    assert sums.kind is Kind.COUNTER
    assert sums.sums.tolist() == wanted.tolist()


@settings(max_examples=20)
@given(st.lists(st.tuples(st.integers(0, 7_000), st.integers(1, 100)), max_size=40), st.integers(0, 3_600))
def test_within_the_minutes_ring_buckets_are_exact_wherever_they_are_anchored(tmp_path_factory, points, late_s):
    now_s = START_S + late_s
    buckets = Timeframe.parse("110m10m").buckets(now_s)
    with statflow_engine.open(tmp_path_factory.mktemp("s"), schema=SMALL_SCHEMA, clock=StoppedClock(now_s)) as engine:
        engine.count("hits", 0, now_s)
        for ago_s, number in points:
            engine.count("hits", number, now_s - ago_s)
        (sums,) = bucket_sums(engine, [engine.find("hits")], buckets)

    wanted = [
        sum(number for ago_s, number in points if start_s <= now_s - ago_s < start_s + 600)
        for start_s in buckets.times_s.tolist()
    ]
    assert sums.sums.tolist() == wanted

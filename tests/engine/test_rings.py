"""Timestamps, periods, spans, chapters and places: everything that divides or wraps."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statflow_engine.errors import SchemaError
from statflow_engine.pure.rings import (
    EARLY_S,
    PERIODS_PER_SPAN,
    RESOLUTION_S_MAX,
    RETENTION_S_MAX,
    Ring,
    duration_text,
    parse_duration,
)
from statflow_engine.pure.schema import Schema
from statflow_engine.store.storage import RING_KEY, tile_key
from tests.cells import LAW
from tests.strategies import rings

moments_s = st.integers(0, 2**33)


@LAW
@given(rings(), moments_s)
def test_an_early_point_never_lands_on_live_data(ring, now_s):
    first = ring.chapter_of_period(ring.first_period(now_s))
    last = ring.chapter_of_period(ring.period(now_s + EARLY_S))

    assert last - first < ring.place_count


@LAW
@given(rings(), st.integers(0, 2**33), st.integers(0, 10_000))
def test_two_chapters_share_a_place_only_whole_laps_apart(ring, chapter, apart):
    shared = ring.place(chapter) == ring.place(chapter + apart)

    assert shared == (apart % ring.place_count == 0)


@LAW
@given(rings(), st.integers(0, 2**33))
def test_a_place_is_one_of_those_there_are(ring, chapter):
    assert 0 <= ring.place(chapter) < ring.place_count


@pytest.mark.parametrize("resolution_s", [1, 60, 86_399, 86_400, RESOLUTION_S_MAX])
def test_the_last_place_of_the_longest_rings_fits_into_a_key(resolution_s):
    schema = Schema((Ring(resolution_s, RETENTION_S_MAX // resolution_s),))
    ring = schema.finest
    last = ring.place_count - 1

    assert RING_KEY.unpack(tile_key(schema, 0, 0, last * ring.spans_per_chapter))[2] == last


@LAW
@given(rings(), moments_s)
def test_a_period_holds_the_moment_that_falls_in_it(ring, timestamp_s):
    start_s = ring.period(timestamp_s) * ring.resolution_s

    assert start_s <= timestamp_s < start_s + ring.resolution_s


@LAW
@given(rings(), moments_s)
def test_span_and_chapter_are_the_same_by_timestamp_and_by_period(ring, timestamp_s):
    period, span = ring.period(timestamp_s), ring.span(timestamp_s)

    assert span == period // PERIODS_PER_SPAN
    assert ring.chapter_of_span(span) == ring.chapter_of_period(period)


@LAW
@given(rings(), st.integers(0, 2**33))
def test_a_span_is_an_item_of_its_chapter(ring, span):
    assert 0 <= ring.item(span) < ring.spans_per_chapter
    assert ring.chapter_of_span(span) * ring.spans_per_chapter + ring.item(span) == span


@LAW
@given(rings())
def test_a_strip_of_any_ring_has_at_most_1024_periods(ring):
    assert ring.periods_per_chapter == ring.spans_per_chapter * PERIODS_PER_SPAN <= 1_024


@LAW
@given(rings(), moments_s)
def test_a_ring_shows_its_slots_of_which_the_newest_is_the_period_that_runs(ring, now_s):
    first = ring.first_period(now_s)

    assert first == max(0, ring.period(now_s) + 1 - ring.slot_count)
    assert ring.reach_s(now_s) == first * ring.resolution_s


@LAW
@given(rings(), moments_s, st.integers(0, 2**33))
def test_a_ring_never_reaches_further_back_later_on(ring, now_s, later_s):
    assert ring.reach_s(now_s) <= ring.reach_s(now_s + later_s)


@pytest.mark.parametrize(
    ("resolution_s", "slot_count", "said"),
    [
        (0, 10, "is 0 s, not 1 s to"),
        (-60, 10, "is -60 s, not 1 s to"),
        (RESOLUTION_S_MAX + 1, 1, f"not 1 s to {RESOLUTION_S_MAX} s"),
        (60, 0, "keeps 0 periods, not at least 1"),
        (60, -5, "keeps -5 periods, not at least 1"),
        (60, RETENTION_S_MAX // 60 + 1, f"more than {RETENTION_S_MAX} s"),
    ],
)
def test_an_impossible_ring_is_refused_with_the_number_it_has_and_what_is_wanted(resolution_s, slot_count, said):
    with pytest.raises(SchemaError) as refused:
        Ring(resolution_s, slot_count)

    assert said in str(refused.value)


@pytest.mark.parametrize(("resolution_s", "slot_count"), [(1, 1), (RESOLUTION_S_MAX, 1), (60, RETENTION_S_MAX // 60)])
def test_a_ring_at_the_limits_is_fine(resolution_s, slot_count):
    assert Ring(resolution_s, slot_count).retention_s == resolution_s * slot_count


@LAW
@given(st.integers(0, 2**40))
def test_a_duration_is_read_back_from_its_text(duration_s):
    assert parse_duration(duration_text(duration_s)) == duration_s


@pytest.mark.parametrize(
    ("text", "duration_s"),
    [("1s", 1), ("5m", 300), ("1h", 3_600), ("90d", 7_776_000), ("2w", 1_209_600), ("1y", 31_536_000)],
)
def test_durations_have_one_of_six_units(text, duration_s):
    assert parse_duration(text) == duration_s


@pytest.mark.parametrize("text", ["", "5", "m", "-5m", "5.5m", "5 m", "5M", "1h30m", "٣m", "5mm"])
def test_what_is_no_duration_is_refused_with_its_text(text):
    with pytest.raises(SchemaError) as refused:
        parse_duration(text)

    assert str(refused.value) == f'"{text}" is not a duration such as 1m, 90d or 5y'

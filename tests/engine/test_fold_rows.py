"""The rows of a fold window: every point is in exactly one place, cut by group and span."""

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from statflow_engine.kinds import SERIES_PER_GROUP, Kind
from statflow_engine.pure.cells import DENSE_ROWS_PER_CELL_MAX, joined
from statflow_engine.pure.current_cells import Bounds, CurrentCells
from statflow_engine.pure.fold_rows import FoldRows, entry_rings
from statflow_engine.pure.records import Points, decode_columns, encode_record
from statflow_engine.pure.rings import EARLY_S, PERIODS_PER_SPAN
from statflow_engine.pure.schema import Schema
from statflow_engine.pure.tiles import OPEN, appended, decode_blocks
from tests.cells import HOME, LAW, cells_of, naively_reduced, rows_of
from tests.clocks import START_S
from tests.strategies import ages_s, whole_values

SCHEMA = Schema.parse("1m:2h, 10m:1d, 1h:7d")
NO_IDS = np.zeros(0, np.int64)


@st.composite
def windows(draw, least=1):
    """Points of a few groups of both kinds, received one after the other."""
    rows = draw(
        st.lists(
            st.tuples(st.integers(0, 5 * SERIES_PER_GROUP), ages_s(SCHEMA), whole_values(), st.integers(0, 9_000)),
            min_size=least,
            max_size=30,
        )
    )
    ids, ages, values, waits = (np.array(column) for column in zip(*rows, strict=True))
    received_s = START_S + np.sort(waits)
    oldest_s = np.array([SCHEMA.coarsest.reach_s(moment) for moment in received_s.tolist()])
    return Points(ids, np.maximum(received_s - ages, oldest_s), values.astype(np.float64), received_s)


def records_of(points):
    """The records in which points come, those of one moment in one."""
    changes = np.flatnonzero(np.diff(points.received_s)) + 1
    return [
        decode_columns(
            encode_record(ids, timestamps_s, values, received_s=int(received_s[0]), rows_before=0), "record x"
        )
        for ids, timestamps_s, values, received_s in zip(
            *(np.split(column, changes) for column in (points.series_ids, points.timestamps_s, points.values)),
            np.split(points.received_s, changes),
            strict=True,
        )
    ]


def fold_rows(points, dead=NO_IDS):
    return FoldRows.of(SCHEMA, records_of(points), dead)


def naive_rows(points, ring, rows):
    """Reduced rows, at one ring, of the points that some indices mean."""
    loose = []
    for at in rows:
        measured = points.series_ids[at] // SERIES_PER_GROUP % 2
        value = float(points.values[at])
        extremes = (value, value) if measured else (None, None)
        period = int(points.timestamps_s[at]) // ring.resolution_s
        loose.append((int(points.series_ids[at]), period, 1, value, *extremes))
    return naively_reduced(loose, 1 << 40)


def naive_entries(points):
    """For each point the first ring that reached back to it."""
    pairs = zip(points.timestamps_s.tolist(), points.received_s.tolist(), strict=True)
    return [
        next(at for at, ring in enumerate(SCHEMA.rings) if ring.reach_s(now_s) <= time_s) for time_s, now_s in pairs
    ]


@LAW
@given(windows())
def test_a_point_enters_the_finest_ring_that_reached_back_to_it_when_it_was_received(points):
    entries = entry_rings(SCHEMA, points.timestamps_s, points.received_s)

    assert entries.tolist() == naive_entries(points)


def test_a_point_that_no_ring_reaches_enters_none():
    before = np.array([SCHEMA.coarsest.reach_s(START_S) - 1])

    assert entry_rings(SCHEMA, before, np.array([START_S])).tolist() == [3]


@LAW
@given(windows())
def test_every_point_is_in_exactly_one_place(points):
    rows = fold_rows(points)
    entries = naive_entries(points)
    first_span = SCHEMA.finest.span(int(points.received_s.min()))
    spans = points.timestamps_s // (SCHEMA.finest.resolution_s * PERIODS_PER_SPAN)

    for group in rows.groups():
        own = [at for at in range(len(points)) if points.series_ids[at] // SERIES_PER_GROUP == group]
        finest = [at for at in own if entries[at] == 0]
        now = [row for piece in rows.current(group) for row in rows_of(piece.cells)]
        late = rows.late(group)
        assert sorted(now) == naive_rows(points, SCHEMA.finest, [at for at in finest if spans[at] >= first_span])
        assert sorted([] if late is None else rows_of(late)) == naive_rows(
            points, SCHEMA.finest, [at for at in finest if spans[at] < first_span]
        )
        for index, ring in enumerate(SCHEMA.rings[1:], 1):
            coarse = [row for cells in rows.coarse(group, index) for row in rows_of(cells)]
            assert sorted(coarse) == naive_rows(points, ring, [at for at in own if entries[at] == index])


@st.composite
def crowded_windows(draw):
    """Points of two or four groups that are so many that each cell may have a place, some of them late."""
    count = draw(st.integers(1_200, 2_000))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    received_s = START_S + np.sort(rng.integers(0, draw(st.sampled_from([1, 600, 6_000])), count))
    ages = rng.integers(0, draw(st.sampled_from([1, 300, 900])), count)
    ages[rng.random(count) < draw(st.sampled_from([0.0, 0.1]))] += 5_000
    first_group = draw(st.sampled_from([0, 1, 2, 7]))
    ids = rng.integers(0, draw(st.sampled_from([1, 64, 128])), count) + first_group * SERIES_PER_GROUP
    return Points(ids, received_s - ages, rng.integers(-9, 9, count).astype(np.float64), received_s)


@settings(max_examples=40)
@given(crowded_windows())
def test_every_point_of_a_crowded_window_is_in_exactly_one_place(points):
    event(f"counted into place: {CurrentCells.planned(SCHEMA, Bounds.of(records_of(points))) is not None}")
    test_every_point_is_in_exactly_one_place.hypothesis.inner_test(points)


def test_many_points_of_one_cell_are_added_in_pairs():
    count = DENSE_ROWS_PER_CELL_MAX * 16
    moments_s = np.full(count, START_S)
    points = Points(np.full(count, 64), moments_s, np.full(count, 0.1), moments_s)
    current = CurrentCells.planned(SCHEMA, Bounds.of(records_of(points)))
    assert current is not None
    current.add(points)
    assert not current.exact

    (piece,) = fold_rows(points).current(1)

    assert rows_of(piece.cells) == [(64, START_S // 60, count, pytest.approx(count * 0.1, rel=1e-14), 0.1, 0.1)]
    assert not np.isclose(np.cumsum(points.values)[-1], count * 0.1, rtol=1e-14, atol=0)


@LAW
@given(windows())
def test_groups_are_those_that_have_a_point(points):
    rows = fold_rows(points)

    assert rows.groups() == sorted(set((points.series_ids // SERIES_PER_GROUP).tolist()))
    assert (rows.before_s, rows.after_s) == (points.received_s.min(), points.received_s.max())


@LAW
@given(windows())
def test_the_block_of_a_piece_has_the_rows_of_the_piece(points):
    rows = fold_rows(points)

    for group in rows.groups():
        for piece in rows.current(group):
            tile = appended(None, OPEN, piece.span, piece.block, HOME)
            decoded = decode_blocks(tile, "tile x", group, PERIODS_PER_SPAN)
            assert rows_of(joined(decoded, measured=group % 2 == Kind.VALUE)) == rows_of(piece.cells)
            assert set((piece.cells.periods // PERIODS_PER_SPAN).tolist()) == {piece.span}


@LAW
@given(windows())
def test_the_last_point_of_each_series_tells_when_it_was_received(points):
    rows = fold_rows(points)
    wanted = dict(zip(points.series_ids.tolist(), points.received_s.tolist(), strict=True))

    for group in rows.groups():
        ids = range(group * SERIES_PER_GROUP, (group + 1) * SERIES_PER_GROUP)
        assert rows.received_s(group).tolist() == [wanted.get(id_, 0) for id_ in ids]


def test_a_clock_that_is_put_back_does_not_take_back_when_a_point_was_received():
    moments_s = np.array([START_S, START_S - 600])
    rows = fold_rows(Points(np.array([0, 0]), moments_s, np.array([1.0, 1.0]), moments_s))

    assert rows.received_s(0).tolist()[0] == START_S


@LAW
@given(windows(), st.sets(st.integers(0, 5 * SERIES_PER_GROUP), max_size=20), st.data())
def test_points_of_dead_series_are_dropped(points, more_dead, data):
    dead = {data.draw(st.sampled_from(points.series_ids.tolist())), *more_dead}
    rows = fold_rows(points, np.array(sorted(dead)))
    alive = [at for at, id_ in enumerate(points.series_ids.tolist()) if id_ not in dead]

    assert rows.groups() == sorted({int(points.series_ids[at]) // SERIES_PER_GROUP for at in alive})
    assert (rows.before_s, rows.after_s) == (points.received_s.min(), points.received_s.max())


def test_a_group_without_rows_has_none():
    rows = fold_rows(Points(np.array([0]), np.array([START_S]), np.array([1.0]), np.array([START_S])))

    for group in (1, 2, 200):
        assert list(rows.current(group)) == rows.coarse(group, 1) == []
        assert rows.late(group) is None


@pytest.mark.parametrize("early_s", [0, EARLY_S])
def test_an_early_point_waits_in_the_span_that_it_is_for(early_s):
    points = Points(np.array([64]), np.array([START_S + early_s]), np.array([2.5]), np.array([START_S]))
    (piece,) = fold_rows(points).current(1)

    assert piece.span == SCHEMA.finest.span(START_S + early_s)
    assert rows_of(piece.cells) == rows_of(cells_of([(64, (START_S + early_s) // 60, 1, 2.5, 2.5, 2.5)]))

"""The one reduction, and rolling up: held against a dict of rows."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from statflow_engine.kinds import Kind
from statflow_engine.pure.cells import joined, no_cells, of_points, reduce, roll_up, row_changes, stretches
from tests.cells import KINDS, LAW, cells_of, naively_reduced, rows, rows_of
from tests.strategies import whole_values

units = st.sampled_from([1, 8, 64, 1_024, 1 << 40])
small_counts = st.integers(1, 1_000)


def whole_rows(kind, *, periods=(0, 300)):
    """Loose rows whose sums are exact."""
    return rows(kind, groups=(0, 2), periods=periods, numbers=whole_values(), counts=small_counts)


@LAW
@given(st.data(), KINDS, units)
def test_a_reduction_equals_a_dict_of_rows(data, kind, unit_periods):
    loose = data.draw(whole_rows(kind))

    assert rows_of(reduce(cells_of(loose), unit_periods)) == naively_reduced(loose, unit_periods)


@LAW
@given(st.data(), KINDS)
def test_sums_of_any_numbers_are_right_to_1e12_of_their_magnitudes(data, kind):
    loose = data.draw(rows(kind, periods=(0, 3), most=200))
    reduced = reduce(cells_of(loose), 64)

    for series_id, period, count, total, least, most in rows_of(reduced):
        own = [row for row in loose if row[:2] == (series_id, period)]
        assert count == sum(row[2] for row in own)
        assert abs(total - math.fsum(row[3] for row in own)) <= 1e-12 * math.fsum(abs(row[3]) for row in own)
        if kind is Kind.VALUE:
            assert (least, most) == (min(row[4] for row in own), max(row[5] for row in own))


@LAW
@given(st.data(), KINDS, units)
def test_dense_and_sorted_reduction_agree(data, kind, unit_periods):
    loose = data.draw(whole_rows(kind, periods=(0, 10)))
    far = cells_of(
        [
            (
                2**31 + 64 * kind,
                2**20,
                1,
                1.0,
                None if kind is Kind.COUNTER else 1.0,
                None if kind is Kind.COUNTER else 1.0,
            )
        ]
    )
    dense = reduce(cells_of(loose), unit_periods)
    # A row that is far away makes for so many possible cells that counting into them all is out of the question.
    by_sorting = reduce(joined([cells_of(loose), far], measured=kind is Kind.VALUE), unit_periods)

    assert rows_of(by_sorting) == [*rows_of(dense), *rows_of(far)]


@LAW
@given(st.data(), KINDS, units, st.randoms())
def test_the_order_of_the_rows_does_not_matter(data, kind, unit_periods, random):
    loose = data.draw(whole_rows(kind))
    shuffled = random.sample(loose, len(loose))

    assert rows_of(reduce(cells_of(shuffled), unit_periods)) == rows_of(reduce(cells_of(loose), unit_periods))


@LAW
@given(st.data(), KINDS, units, st.integers(0, 60))
def test_reducing_in_two_parts_equals_reducing_at_once(data, kind, unit_periods, cut):
    loose = data.draw(whole_rows(kind))
    parts = [reduce(cells_of(part), unit_periods) for part in (loose[:cut], loose[cut:])]
    pieces = [part for part in parts if len(part)]

    at_once = reduce(cells_of(loose), unit_periods)
    assert rows_of(reduce(joined(pieces, measured=kind is Kind.VALUE), unit_periods)) == rows_of(at_once)


@LAW
@given(st.data(), KINDS, units)
def test_reducing_what_is_reduced_changes_nothing(data, kind, unit_periods):
    once = reduce(cells_of(data.draw(whole_rows(kind))), unit_periods)

    assert rows_of(reduce(once, unit_periods)) == rows_of(once)


@LAW
@given(st.data(), KINDS, units)
def test_a_reduction_leaves_its_input_as_it_was(data, kind, unit_periods):
    loose = data.draw(whole_rows(kind))
    cells = cells_of(loose)
    reduce(cells, unit_periods)

    assert rows_of(cells) == loose


@pytest.mark.parametrize("kind", list(Kind))
def test_a_hot_cell_of_many_points_is_exact_to_rounding(kind):
    values = np.full(100_001, 0.1)
    points = of_points(
        np.full(len(values), 64 * kind), np.zeros(len(values), np.int64), values, measured=kind is Kind.VALUE
    )
    reduced = reduce(points, 64)

    assert reduced.counts.tolist() == [100_001]
    assert abs(reduced.sums[0] - 10_000.1) <= 1e-12 * 10_000.1


@LAW
@given(st.data(), KINDS, st.integers(1, 12), st.integers(1, 12))
def test_rolling_up_in_two_steps_equals_one(data, kind, first, second):
    fine = reduce(cells_of(data.draw(whole_rows(kind))), 1 << 40)
    in_two = reduce(roll_up(roll_up(fine, first), second), 1 << 40)
    in_one = reduce(roll_up(fine, first * second), 1 << 40)

    assert rows_of(in_two) == rows_of(in_one)


@LAW
@given(st.data(), KINDS, st.integers(1, 60))
def test_rolling_up_equals_a_dict_of_coarse_rows(data, kind, factor):
    loose = data.draw(whole_rows(kind))
    coarse = [(row[0], row[1] // factor, *row[2:]) for row in loose]

    assert rows_of(reduce(roll_up(cells_of(loose), factor), 64)) == naively_reduced(coarse, 64)


def test_a_coarse_mean_is_weighted_by_count():
    fine = cells_of([(64, 0, 1, 10.0, 10.0, 10.0), (64, 1, 3, 2.0, 0.0, 1.0)])
    coarse = roll_up(fine, 2)

    assert rows_of(coarse) == [(64, 0, 4, 12.0, 0.0, 10.0)]
    assert coarse.sums[0] / coarse.counts[0] == 3.0


@pytest.mark.parametrize("measured", [False, True])
def test_no_rows_give_no_rows(measured):
    nothing = no_cells(measured=measured)

    assert len(reduce(nothing, 64)) == len(roll_up(nothing, 60)) == len(joined([], measured=measured)) == 0
    assert (nothing.mins is None) is (nothing.maxs is None) is (not measured)


def test_points_are_cells_of_one_point_each():
    ids, periods, values = np.array([64, 65]), np.array([3, 4]), np.array([1.5, -2.0])

    assert rows_of(of_points(ids, periods, values, measured=True)) == [
        (64, 3, 1, 1.5, 1.5, 1.5),
        (65, 4, 1, -2.0, -2.0, -2.0),
    ]
    assert rows_of(of_points(ids, periods, values, measured=False))[1] == (65, 4, 1, -2.0, None, None)


@LAW
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), max_size=40))
def test_stretches_are_the_runs_of_equal_rows(pairs):
    left, right = (np.array([pair[side] for pair in pairs], np.int64) for side in (0, 1))
    found = stretches(left, right)

    assert [at for start, end in found for at in range(start, end)] == list(range(len(pairs)))
    assert [start for start, _ in found] == row_changes(left, right).tolist()
    for start, end in found:
        assert len(set(pairs[start:end])) == 1
        assert end == len(pairs) or pairs[end] != pairs[start]

"""Layouts: the fewest bytes that lose nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from statflow_engine.kinds import Kind
from statflow_engine.pure.columns import Layout, narrowed, row_dtype
from tests.cells import KINDS, LAW, cells_of, rows


@LAW
@given(st.data(), KINDS)
def test_narrowed_columns_lose_nothing(data, kind):
    cells = cells_of(data.draw(rows(kind, least=1)))
    layout = Layout.of(cells)
    columns = [column.astype(np.float64).tolist() for column in narrowed(cells, layout)]

    assert columns.pop(0) == cells.sums.tolist()
    if layout.count_code:
        assert columns.pop(0) == cells.counts.tolist()
    else:
        assert set(cells.counts.tolist()) == {1}
    if layout.extremes:
        assert columns == [cells.mins.tolist(), cells.maxs.tolist()]


@LAW
@given(st.data(), KINDS)
def test_a_layout_is_read_back_from_its_byte(data, kind):
    layout = Layout.of(cells_of(data.draw(rows(kind, least=1))))

    assert Layout.from_byte(layout.byte) == layout


def test_a_byte_is_that_of_one_layout_or_of_none():
    layouts = [Layout.from_byte(byte) for byte in range(256)]

    assert [layout is None or layout.byte for layout in layouts] == [
        layout is None or byte for byte, layout in enumerate(layouts)
    ]


@pytest.mark.parametrize(
    ("total", "width"),
    [(0, 1), (255, 1), (256, 2), (65_535, 2), (65_536, 4), (2**32 - 1, 4), (2**32, 8), (-1, 8), (0.5, 8), (1e200, 8)],
)
def test_sums_are_as_wide_as_the_widest_needs(total, width):
    layout = Layout.of(cells_of([(0, 0, 1, 0.0, None, None), (0, 1, 1, float(total), None, None)]))

    assert row_dtype(layout)["sum"].itemsize == width


@pytest.mark.parametrize(
    ("count", "width"), [(1, 0), (2, 1), (255, 1), (256, 2), (65_536, 4), (2**32 - 1, 4), (2**32, 8)]
)
def test_counts_are_as_wide_as_the_widest_needs_and_absent_when_all_are_one(count, width):
    layout = Layout.of(cells_of([(0, 0, 1, 0.0, None, None), (0, 1, count, 0.0, None, None)]))

    assert row_dtype(layout).itemsize == 1 + 1 + width


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("count", [1, 2])
def test_extremes_are_stored_only_where_they_differ_from_the_sum(kind, count):
    extreme = 7.0 if kind is Kind.VALUE else None
    layout = Layout.of(cells_of([(64 * kind, 0, count, 7.0 * count, extreme, extreme)]))

    assert layout.extremes is (kind is Kind.VALUE and count == 2)

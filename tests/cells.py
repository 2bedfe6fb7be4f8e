"""Cells for tests of the pure layer: strategies, and the naive reduction that the real one is held against."""

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from statflow_engine.kinds import SERIES_PER_GROUP, Kind
from statflow_engine.pure.cells import Cells

Row = tuple[int, int, int, float, float | None, float | None]


def cells_of(rows: list[Row]) -> Cells:
    """Rows of (series id, period, count, sum, min, max) as columns; min and max are None for counters."""
    ids, periods, counts, sums, mins, maxs = zip(*rows, strict=True) if rows else [()] * 6
    measured = bool(rows) and rows[0][4] is not None
    return Cells(
        np.array(ids, np.int64),
        np.array(periods, np.int64),
        np.array(counts, np.int64),
        np.array(sums, np.float64),
        np.array(mins, np.float64) if measured else None,
        np.array(maxs, np.float64) if measured else None,
    )


def rows_of(cells: Cells) -> list[Row]:
    """The rows of cells, in their order."""
    nothing = [None] * len(cells)
    mins = nothing if cells.mins is None else cells.mins.tolist()
    maxs = nothing if cells.maxs is None else cells.maxs.tolist()
    columns = (cells.series_ids, cells.periods, cells.counts, cells.sums)
    return list(zip(*(column.tolist() for column in columns), mins, maxs, strict=True))


def naively_reduced(rows: list[Row], unit_periods: int) -> list[Row]:
    """One row for each (series, period), in the order of group, unit, series and period."""
    merged: dict[tuple[int, int], Row] = {}
    for row in rows:
        series_id, period, count, total, least, most = row
        known = merged.get((series_id, period))
        if known is not None:
            count, total = known[2] + count, known[3] + total
            least = None if least is None else min(known[4], least)
            most = None if most is None else max(known[5], most)
        merged[series_id, period] = (series_id, period, count, total, least, most)
    return sorted(merged.values(), key=lambda row: (row[0] // SERIES_PER_GROUP, row[1] // unit_periods, row[:2]))


def rows(
    kind: Kind,
    *,
    groups: tuple[int, int] = (0, 0),
    periods: tuple[int, int] = (0, 63),
    numbers: st.SearchStrategy[float] | None = None,
    counts: st.SearchStrategy[int] | None = None,
    least: int = 0,
    most: int = 60,
) -> st.SearchStrategy[list[Row]]:
    """Loose rows of one kind, whose groups and periods lie in ranges with both ends in."""
    half = st.integers(groups[0], groups[1]).map(lambda half: half * 2 + kind)
    ids = st.builds(lambda group, column: group * SERIES_PER_GROUP + column, half, st.integers(0, 63))
    number = whole_or_not() if numbers is None else numbers
    count = st.one_of(st.just(1), st.integers(1, 2**40)) if counts is None else counts

    def row(series_id: int, period: int, count: int, drawn: tuple[float, float, float]) -> Row:
        least, middle, most = sorted(drawn)
        if kind is Kind.COUNTER:
            return series_id, period, count, drawn[0], None, None
        # A cell of one point has it as its sum, min and max.
        return (
            (series_id, period, 1, middle, middle, middle)
            if count == 1
            else (series_id, period, count, *drawn[:1], least, most)
        )

    one = st.builds(row, ids, st.integers(*periods), count, st.tuples(number, number, number))
    return st.lists(one, min_size=least, max_size=most)


def reduced_rows(
    kind: Kind,
    *,
    groups: tuple[int, int] = (0, 0),
    periods: tuple[int, int] = (0, 63),
    unit_periods: int,
    least: int = 1,
    **more,
) -> st.SearchStrategy[list[Row]]:
    """Rows as `reduce` gives them: ordered, one for each (series, period)."""
    loose = rows(kind, groups=groups, periods=periods, least=least, **more)
    return loose.map(lambda drawn: naively_reduced(list({row[:2]: row for row in drawn}.values()), unit_periods))


def whole_or_not() -> st.SearchStrategy[float]:
    """Numbers of every width that a column may have: small and large whole ones, negative ones, fractions."""
    return st.one_of(
        st.integers(0, 255).map(float),
        st.integers(-(2**40), 2**40).map(float),
        st.floats(-1e200, 1e200),
        st.sampled_from([255.0, 256.0, 65_535.0, 65_536.0, 2.0**32 - 1, 2.0**32, 0.5, -1.0]),
    )


def flipped(stored: bytes, bit: int) -> bytes:
    """The same bytes with one bit turned; bits are counted round the end."""
    at, shift = divmod(bit % (len(stored) * 8), 8)
    return stored[:at] + bytes([stored[at] ^ 1 << shift]) + stored[at + 1 :]


# How hard the laws of the pure layer are tried at every run, each time with other examples; all of them together take
# some seconds.
LAW = settings(max_examples=20)

# The CRC-32 of a ring and group, wherever a test does not care which: the pure layer takes any.
HOME = 0x5EED_CAFE

KINDS = st.sampled_from(list(Kind))
BITS = st.integers(0, 2**20)

"""Columns of cells and the one reduction: by (series, period). Pure.

*Loose* cells may be in any order and hold several rows for one (series, period), as they come out of
the journal or of several tiles. *Reduced* cells hold one row for each, in tile order: by group, then
unit (a span or a chapter), then series, then period. All functions take and give cells of one kind.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from statflow_engine.kinds import SERIES_PER_GROUP

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

# Reduce by counting into every possible cell while these are at most this many times the rows, else by sorting:
# counting 1 M rows costs 2 ms a column, sorting them 20 ms, but each empty cell costs as much as a row.
DENSE_CELLS_PER_ROW = 8

# Counting adds one number after the other, which may lose half a unit in the last place each time; sorted rows are
# added in pairs. So many additions stay well below the 1e-12 of the magnitudes that is promised.
DENSE_ROWS_PER_CELL_MAX = 4_096


def within(numbers: Ints, size: int) -> Ints:
    """Each number's remainder by a power of two. numpy takes remainders ten times as fast by mask as by division."""
    assert size & (size - 1) == 0, size
    return numbers & (size - 1)


def split(numbers: Ints, size: int) -> tuple[Ints, Ints]:
    """(quotients, remainders). numpy divides by a constant four times as fast as it does both at once."""
    quotients = numbers // size
    return quotients, numbers - quotients * size


@dataclass(frozen=True)
class Cells:
    """Rows of (series, period, count, sum, min, max) as columns of equal length.

    Attributes:
        series_ids, periods, counts: int64. No row is empty: counts are at least 1.
        sums, mins, maxs: float64, finite. For counters mins and maxs are None.
    """

    series_ids: Ints
    periods: Ints
    counts: Ints
    sums: Floats
    mins: Floats | None
    maxs: Floats | None

    def __len__(self) -> int:
        return len(self.series_ids)

    def take(self, rows: NDArray[np.bool_] | Ints | slice) -> Self:
        """The rows that a mask, indices or a slice select."""
        mins, maxs = self.mins, self.maxs
        return type(self)(
            self.series_ids[rows],
            self.periods[rows],
            self.counts[rows],
            self.sums[rows],
            None if mins is None else mins[rows],
            None if maxs is None else maxs[rows],
        )

    @cached_property
    def single(self) -> bool:
        """Whether every cell holds one point, so that its min and max equal its sum."""
        return len(self.counts) == 0 or int(self.counts.max()) == 1


def of_points(series_ids: Ints, periods: Ints, values: Floats, *, measured: bool) -> Cells:
    """Each point as a loose cell of its own; ``measured`` points also are their min and max."""
    ones = np.ones(len(values), np.int64)
    extreme = values if measured else None
    return Cells(series_ids, periods, ones, values, extreme, extreme)


def no_cells(*, measured: bool) -> Cells:
    """Cells without a row."""
    return of_points(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0), measured=measured)


def joined(pieces: Sequence[Cells], *, measured: bool) -> Cells:
    """Loose cells: the rows of all pieces, in the order given."""
    if len(pieces) == 1:
        return pieces[0]
    if not pieces:
        return no_cells(measured=measured)
    return Cells(
        np.concatenate([piece.series_ids for piece in pieces]),
        np.concatenate([piece.periods for piece in pieces]),
        np.concatenate([piece.counts for piece in pieces]),
        np.concatenate([piece.sums for piece in pieces]),
        _joined_extremes([piece.mins for piece in pieces]),
        _joined_extremes([piece.maxs for piece in pieces]),
    )


def _joined_extremes(columns: list[Floats | None]) -> Floats | None:
    present = [column for column in columns if column is not None]
    return np.concatenate(present) if present else None


def reduce(loose: Cells, unit_periods: int) -> Cells:
    """Merge the rows of each (series, period) into one cell.

    Args:
        loose: cells of one kind, in any order.
        unit_periods: periods of a unit of the order wanted, of a span or of a chapter: a power of two.

    Returns:
        Cells in tile order: by group, unit, series, period. Rows of equal (series, period) are
        added in the order given, so equal input gives equal bytes. May be the very cells that
        came in, when these are reduced already.
    """
    if len(loose) == 0:
        return loose
    keys = _Keys.of(loose, unit_periods)
    if keys.cell_count <= DENSE_CELLS_PER_ROW * len(loose):
        rows_of_cell = np.bincount(keys.numbers, minlength=keys.cell_count)
        if int(rows_of_cell.max()) <= DENSE_ROWS_PER_CELL_MAX:
            return _reduce_dense(loose, keys, rows_of_cell)
    return _reduce_sorted(loose, keys)


@dataclass(frozen=True, slots=True)
class _Keys:
    """A number for each row that orders rows as tiles do, and what it takes to read it back."""

    numbers: Ints
    cell_count: int
    first_group: int
    first_unit: int
    unit_count: int
    unit_periods: int
    first_period: int
    period_count: int

    @classmethod
    def of(cls, loose: Cells, unit_periods: int) -> Self:
        """The least grid that has a place for each of some cells, of which there is one at least."""
        ids, periods = loose.series_ids, loose.periods
        first_group = int(ids.min()) // SERIES_PER_GROUP
        group_count = int(ids.max()) // SERIES_PER_GROUP - first_group + 1
        first_period, last_period = int(periods.min()), int(periods.max())
        first_unit = first_period // unit_periods
        unit_count = last_period // unit_periods - first_unit + 1
        if unit_count == 1:
            # Within one unit only the periods met need room: 10 rounds of a minute leave 54 of a span's 64 cells empty.
            period_count = last_period - first_period + 1
            numbers = (ids - first_group * SERIES_PER_GROUP) * period_count + (periods - first_period)
        else:
            period_count, first_period = unit_periods, 0
            unit = (ids // SERIES_PER_GROUP - first_group) * unit_count + (periods // unit_periods - first_unit)
            column_in_unit = unit * SERIES_PER_GROUP + within(ids, SERIES_PER_GROUP)
            numbers = column_in_unit * unit_periods + within(periods, unit_periods)
        cell_count = group_count * unit_count * SERIES_PER_GROUP * period_count
        return cls(numbers, cell_count, first_group, first_unit, unit_count, unit_periods, first_period, period_count)

    def read_back(self, numbers: Ints) -> tuple[Ints, Ints]:
        """(series ids, periods) of key numbers."""
        column_in_unit, period = split(numbers, self.period_count)
        if self.unit_count == 1:
            return column_in_unit + self.first_group * SERIES_PER_GROUP, period + self.first_period
        unit_in_group, column = split(column_in_unit, SERIES_PER_GROUP)
        group, unit = split(unit_in_group, self.unit_count)
        ids = (group + self.first_group) * SERIES_PER_GROUP + column
        return ids, (unit + self.first_unit) * self.unit_periods + period


def _reduce_dense(loose: Cells, keys: _Keys, rows_of_cell: NDArray[np.intp]) -> Cells:
    numbers = keys.numbers
    cells = np.flatnonzero(rows_of_cell)
    sums = np.bincount(numbers, weights=loose.sums, minlength=keys.cell_count).astype(np.float64, copy=False)[cells]
    if loose.single:
        counts = rows_of_cell[cells]
    else:
        counts = np.zeros(keys.cell_count, np.int64)
        np.add.at(counts, numbers, loose.counts)
        counts = counts[cells]
    series_ids, periods = keys.read_back(cells)
    mins = maxs = None
    if loose.mins is not None and loose.maxs is not None:
        mins = np.full(keys.cell_count, np.inf)
        np.minimum.at(mins, numbers, loose.mins)
        mins = mins[cells]
        maxs = np.full(keys.cell_count, -np.inf)
        np.maximum.at(maxs, numbers, loose.maxs)
        maxs = maxs[cells]
    return Cells(series_ids, periods, counts, sums, mins, maxs)


def _reduce_sorted(loose: Cells, keys: _Keys) -> Cells:
    numbers, ordered = _in_order(loose, keys)
    starts = row_changes(numbers)
    if len(starts) == len(numbers):
        return ordered
    return _merged_at(starts, ordered.series_ids[starts], ordered.periods[starts], ordered)


def _in_order(loose: Cells, keys: _Keys) -> tuple[Ints, Cells]:
    """Key numbers and rows by key, rows of equal key as they came."""
    numbers = keys.numbers
    if bool((numbers[1:] >= numbers[:-1]).all()):
        return numbers, loose
    row_bits = len(numbers).bit_length()
    if keys.cell_count.bit_length() + row_bits > 63:
        order = np.argsort(numbers, kind="stable")
        return numbers[order], loose.take(order)
    # Sorting (key, row) packed in one integer is stable because no two are equal, and numpy sorts plain integers five
    # to ten times as fast as it argsorts: 1 M in 5 ms against 75.
    packed = (numbers << row_bits) | np.arange(len(numbers))
    packed.sort()
    return packed >> row_bits, loose.take(packed & ((1 << row_bits) - 1))


def _merged_at(starts: Ints, series_ids: Ints, periods: Ints, rows: Cells) -> Cells:
    """One cell for each stretch of rows between neighbouring starts."""
    mins, maxs = rows.mins, rows.maxs
    return Cells(
        series_ids,
        periods,
        np.add.reduceat(rows.counts, starts),
        np.add.reduceat(rows.sums, starts),
        None if mins is None else np.minimum.reduceat(mins, starts),
        None if maxs is None else np.maximum.reduceat(maxs, starts),
    )


def row_changes(*columns: Ints) -> Ints:
    """The indices of rows that differ from the row above in any column, and 0; empty for no rows."""
    count = len(columns[0])
    if count == 0:
        return np.zeros(0, np.int64)
    changed = np.empty(count, bool)
    changed[0] = True
    changed[1:] = columns[0][1:] != columns[0][:-1]
    for column in columns[1:]:
        changed[1:] |= column[1:] != column[:-1]
    return np.flatnonzero(changed)


def stretches(*columns: Ints) -> list[tuple[int, int]]:
    """The stretches [start, end) of rows that are equal in all columns, in order."""
    starts = row_changes(*columns).tolist()
    return list(zip(starts, [*starts[1:], len(columns[0])], strict=True)) if starts else []


def roll_up(fine: Cells, factor: int) -> Cells:
    """Merge the cells of every ``factor`` periods into one coarser cell.

    Args:
        fine: cells in which the rows of one (series, coarse period) mostly follow each other.
        factor: fine periods in a coarse one, at least 1.

    Returns:
        Loose cells, in the same order: rows that do not follow each other stay apart and are
        merged by the reduction of the coarser ring.

    There is no mean on purpose: ``sum / count`` of the result is the mean of the
    points, which the mean of the means is not.
    """
    assert factor >= 1, factor
    if len(fine) == 0:
        return fine
    periods = fine.periods // factor
    starts = row_changes(fine.series_ids, periods)
    return _merged_at(starts, fine.series_ids[starts], periods[starts], fine)

"""The columns of an answer, with a place for every row, to which what is stored is added piece by piece. Pure."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from statflow_engine.kinds import Kind
from statflow_engine.pure.cells import Cells, Floats, Ints
from statflow_engine.pure.steps import Rows
from statflow_engine.pure.strands import Strand
from statflow_engine.pure.tiles import BlockRows

# Sums are to be right to 1e-12 of the magnitudes added. Adding one by one errs by up to 1.1e-16 an addend, so beyond so
# many for one row they are added in pairs, as reduceat does.
ONE_BY_ONE_MAX = 4_096

Columns = tuple[Ints, Floats, Floats | None, Floats | None]


class SeriesRows:
    """The rows of an answer about one series, to which what is stored of it is added piece by piece.

    A strand of periods that follow each other is added as it is where a row is a period. Everything else is gathered
    and added at the end, all at once: numpy charges by the call, and a day may lie in twenty pieces.

    Args:
        rows: of the answer; where they are of fixed length, a multiple of the resolution.
        resolution_s: of the ring whose periods are added.
        kind: of the series.
    """

    def __init__(self, rows: Rows, resolution_s: int, kind: Kind) -> None:
        self.rows = rows
        self.kind = kind
        self._resolution_s = resolution_s
        self._first = int(rows.edges_s[0]) // resolution_s if rows.fixed_s == resolution_s else None
        row_count = len(rows)
        self._counts = np.zeros(row_count, np.int64)
        self._sums = np.zeros(row_count)
        self._mins = self._maxs = None
        if kind is Kind.VALUE:
            self._mins, self._maxs = np.empty(row_count), np.empty(row_count)
            self._mins.fill(np.inf)
            self._maxs.fill(-np.inf)
        self._loose = _Loose()

    def add_strand(self, strand: Strand) -> None:
        """Add the cells of a strand."""
        numbers, columns = strand.periods, (strand.counts, strand.sums, strand.mins, strand.maxs)
        if self._first is not None and numbers is None:
            self._add_run(strand.first, *columns)
            return
        if numbers is None:
            numbers = np.arange(strand.first, strand.first + len(strand))
        self._loose.add(numbers, 0, 1, *columns)

    def add_block(self, block: BlockRows, to_period: int, factor: int) -> None:
        """Add rows of a block.

        Args:
            block: rows of the series.
            to_period: what makes a period of a cell's number.
            factor: so many of these periods are one of the ring's.
        """
        numbers, counts, sums, mins, maxs = block
        if self._first is not None and factor == 1:
            first = int(numbers[0])
            if int(numbers[-1]) - first + 1 == len(numbers):
                self._add_run(first + to_period, counts, sums, mins, maxs)
                return
        self._loose.add(numbers, to_period, factor, counts, sums, mins, maxs)

    def _add_run(
        self,
        first: int,
        counts: NDArray[Any] | None,
        sums: NDArray[Any],
        mins: NDArray[Any] | None,
        maxs: NDArray[Any] | None,
    ) -> None:
        """Add periods that follow each other, where each is a row."""
        assert self._first is not None
        at = first - self._first
        skipped, end = max(0, -at), min(len(sums), len(self._counts) - at)
        if end <= skipped:
            return
        to, of = slice(at + skipped, at + end), slice(skipped, end)
        # By views: column[to] += ... would also copy the slice onto itself.
        own_counts = self._counts[to]
        own_counts += 1 if counts is None else counts[of]
        own_sums = self._sums[to]
        own_sums += sums[of]
        if self._mins is not None and self._maxs is not None and mins is not None and maxs is not None:
            own_mins, own_maxs = self._mins[to], self._maxs[to]
            np.minimum(own_mins, mins[of], out=own_mins)
            np.maximum(own_maxs, maxs[of], out=own_maxs)

    def add_cells(self, cells: Cells) -> None:
        """Add loose cells of the series."""
        if len(cells):
            self._loose.add(cells.periods, 0, 1, cells.counts, cells.sums, cells.mins, cells.maxs)

    def columns(self) -> Columns:
        """Counts and sums, and for values mins and maxs, NaN where there is no point; call it once, at the end."""
        if self._loose:
            self._add_loose()
        full = np.count_nonzero(self._counts) == len(self._counts)
        if self._mins is not None and self._maxs is not None and not full:
            empty = self._counts == 0
            self._mins[empty] = self._maxs[empty] = np.nan
        return self._counts, self._sums, self._mins, self._maxs

    def _add_loose(self) -> None:
        numbers = self.rows.of_periods(self._loose.periods(), self._resolution_s)
        counts, sums, mins, maxs = self._loose.columns()
        if numbers.min() < 0 or numbers.max() >= len(self._counts):
            inside = (numbers >= 0) & (numbers < len(self._counts))
            numbers, sums = numbers[inside], sums[inside]
            counts = None if counts is None else counts[inside]
            mins, maxs = taken(mins, inside), taken(maxs, inside)
        np.add.at(self._counts, numbers, 1 if counts is None else counts)
        add_sums(self._sums, numbers, sums)
        if self._mins is not None and self._maxs is not None and mins is not None and maxs is not None:
            np.minimum.at(self._mins, numbers, mins)
            np.maximum.at(self._maxs, numbers, maxs)


class _Loose:
    """Columns in pieces, of whatever width they are stored in."""

    def __init__(self) -> None:
        self._numbers: list[NDArray[np.integer]] = []
        self._to_periods: list[int] = []
        self._factors: list[int] = []
        self._counts: list[NDArray[np.generic] | None] = []
        self._sums: list[NDArray[np.generic]] = []
        self._mins: list[NDArray[np.generic] | None] = []
        self._maxs: list[NDArray[np.generic] | None] = []

    def __bool__(self) -> bool:
        return bool(self._numbers)

    def add(
        self,
        numbers: NDArray[np.integer],
        to_period: int,
        factor: int,
        counts: NDArray[np.generic] | None,
        sums: NDArray[np.generic],
        mins: NDArray[np.generic] | None,
        maxs: NDArray[np.generic] | None,
    ) -> None:
        """Add a piece: ``number + to_period``, over ``factor``, is the ring's period of each row."""
        self._numbers.append(numbers)
        self._to_periods.append(to_period)
        self._factors.append(factor)
        self._counts.append(counts)
        self._sums.append(sums)
        self._mins.append(mins)
        self._maxs.append(maxs)

    def periods(self) -> Ints:
        """int64: the ring's period of each row."""
        numbers = np.concatenate(self._numbers, dtype=np.int64)
        lengths = [len(piece) for piece in self._numbers]
        periods = numbers + _of_each(self._to_periods, lengths)
        return periods if max(self._factors) == 1 else periods // _of_each(self._factors, lengths)

    def columns(self) -> tuple[Ints | None, Floats, Floats | None, Floats | None]:
        """Counts, None when every one is 1; sums; mins and maxs, None for a counter."""
        sums = np.concatenate(self._sums, dtype=np.float64)
        return self._all_counts(), sums, _floats(self._mins), _floats(self._maxs)

    def _all_counts(self) -> Ints | None:
        if not any(piece is not None for piece in self._counts):
            return None
        ones = (_ONE.repeat(len(numbers)) for numbers in self._numbers)
        whole = [one if piece is None else piece for piece, one in zip(self._counts, ones, strict=True)]
        return np.concatenate(whole, dtype=np.int64)


_ONE = np.ones(1, np.uint8)


def _floats(pieces: Sequence[NDArray[np.generic] | None]) -> Floats | None:
    present = [piece for piece in pieces if piece is not None]
    return np.concatenate(present, dtype=np.float64) if present else None


def taken(column: Floats | None, rows: NDArray[np.bool_] | slice) -> Floats | None:
    """Some rows of a column that a counter does not have."""
    return None if column is None else column[rows]


def _of_each(numbers: list[int], lengths: list[int]) -> Ints | int:
    """The number of each piece for each of its rows; one number when all pieces have the same."""
    if len(set(numbers)) == 1:
        return numbers[0]
    return np.array(numbers).repeat(lengths)


def dense_columns(
    row_count: int, numbers: Ints, counts: Ints, sums: Floats, mins: Floats | None, maxs: Floats | None
) -> Columns:
    """Columns with a place for every row, from loose cells and the number of the row that each belongs to."""
    # Why not sort and reduceat: these four loops cost 2 us each on the 1,440 rows of a day, and no order is asked for.
    dense_counts = np.zeros(row_count, np.int64)
    np.add.at(dense_counts, numbers, counts)
    dense_sums = np.zeros(row_count)
    add_sums(dense_sums, numbers, sums)
    if mins is None or maxs is None:
        return dense_counts, dense_sums, None, None
    empty = dense_counts == 0
    return (
        dense_counts,
        dense_sums,
        _dense_extremes(np.minimum, np.inf, numbers, mins, empty),
        _dense_extremes(np.maximum, -np.inf, numbers, maxs, empty),
    )


def add_sums(dense: Floats, numbers: Ints, sums: Floats) -> None:
    """Add each sum to the row that has its number."""
    if len(numbers) <= ONE_BY_ONE_MAX or np.bincount(numbers).max() <= ONE_BY_ONE_MAX:
        np.add.at(dense, numbers, sums)
        return
    order = np.argsort(numbers, kind="stable")
    numbers = numbers[order]
    starts = np.flatnonzero(np.diff(numbers, prepend=-1))
    dense[numbers[starts]] += np.add.reduceat(sums[order], starts)


def _dense_extremes(pick: np.ufunc, neutral: float, numbers: Ints, column: Floats, empty: NDArray[np.bool_]) -> Floats:
    dense = np.full(len(empty), neutral)
    pick.at(dense, numbers, column)
    dense[empty] = np.nan
    return dense

"""The rows of one fold window, reduced over all series at once and cut by group. Pure.

Rows are reduced together and not group by group, because numpy charges by the call: a window of a million
points of 100,000 series has 1,600 groups.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from statflow_engine.kinds import SERIES_PER_GROUP, Kind
from statflow_engine.pure.cells import Cells, Floats, Ints, no_cells, of_points, reduce, stretches
from statflow_engine.pure.current_cells import Bounds, CurrentCells
from statflow_engine.pure.records import Points, RecordColumns, points_of
from statflow_engine.pure.rings import PERIODS_PER_SPAN, Ring
from statflow_engine.pure.schema import Schema
from statflow_engine.pure.tiles import BlockWriter

_Rows = TypeVar("_Rows", Points, "Counted")

# Rows that are read at once: their columns fit into a core's cache.
CHUNK_ROWS = 32_768


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows of one group and span of the finest ring, also as a block ready to be appended."""

    span: int
    cells: Cells
    block: bytes


@dataclass(frozen=True, slots=True)
class Counted:
    """Points that were counted elsewhere: each row stands for some points of one series at one moment.

    Attributes:
        series_ids, timestamps_s: int64.
        counts: int64, at least 1.
        sums, mins, maxs: float64, finite; of counters mins and maxs mean nothing.
        received_s: int64, when they came in.
    """

    series_ids: Ints
    timestamps_s: Ints
    counts: Ints
    sums: Floats
    mins: Floats
    maxs: Floats
    received_s: Ints

    def __len__(self) -> int:
        return len(self.series_ids)

    def take(self, rows: NDArray[np.bool_]) -> Self:
        """The rows that a mask selects."""
        return type(self)(*(column[rows] for column in self.columns()))

    @classmethod
    def joined(cls, pieces: Sequence[Self]) -> Self:
        """One after the other."""
        if len(pieces) == 1:
            return pieces[0]
        return cls(*(np.concatenate(columns) for columns in zip(*(piece.columns() for piece in pieces), strict=True)))

    def columns(self) -> tuple[NDArray[Any], ...]:
        """All columns, in their order."""
        return (self.series_ids, self.timestamps_s, self.counts, self.sums, self.mins, self.maxs, self.received_s)


@dataclass(frozen=True)
class FoldRows:
    """What a fold window brings to each group.

    Attributes:
        before_s, after_s: the first and last moment at which its points were received. Spans that were over
            before it can be closed before its rows are added, spans that are over after it behind them.
    """

    before_s: int
    after_s: int
    _received: "_Received"
    _sides: tuple["_Side", ...]

    @classmethod
    def of(cls, schema: Schema, records: Sequence[RecordColumns], dead_ids: Ints) -> Self:
        """Reduce a window's records, of which there is one at least; points of dead series are dropped."""
        bounds = Bounds.of(records)
        received = _Received.within(bounds)
        current = CurrentCells.planned(schema, bounds)
        apart: list[Points] = []
        for points in _living(records, dead_ids):
            received.note(points)
            apart.append(points if current is None else current.add(points))
        if current is not None and not current.exact:
            # So many points of one cell are to be added in pairs, which takes all of them at once.
            current, apart = None, list(_living(records, dead_ids))
        sides = _sides(schema, apart, bounds, {} if current is None else current.by_kind())
        return cls(bounds.before_s, bounds.after_s, received, sides)

    @classmethod
    def of_counted(cls, schema: Schema, counted: Counted) -> Self:
        """Reduce points that were counted elsewhere; there is at least one."""
        bounds = _bounds_of(counted)
        received = _Received.within(bounds)
        received.note(counted)
        return cls(bounds.before_s, bounds.after_s, received, _sides(schema, [counted], bounds, {}))

    def groups(self) -> list[int]:
        """The groups that have rows, ascending."""
        return sorted({group for side in self._sides for group in side.groups()})

    def current(self, group: int) -> Iterator[Piece]:
        """Rows of the finest ring whose span was not over when the window began, by span."""
        for side in self._of(group):
            yield from side.pieces(group)

    def late(self, group: int) -> Cells | None:
        """Rows of the finest ring whose span was over, reduced in the order of chapters; None: there are none."""
        return next((side.late.cells(group) for side in self._of(group)), None)

    def coarse(self, group: int, ring: int) -> list[Cells]:
        """Rows that are too old for all rings finer than this one."""
        return [
            cells
            for side in self._of(group)
            if ring in side.coarse and (cells := side.coarse[ring].cells(group)) is not None
        ]

    def received_s(self, group: int) -> Ints:
        """int64, 64: when the last point of each series of the group was received; 0: none was."""
        return self._received.of_group(group)

    def _of(self, group: int) -> list["_Side"]:
        return [side for side in self._sides if side.kind == group % 2]


def _bounds_of(counted: Counted) -> Bounds:
    ids, timestamps_s, received_s = counted.series_ids, counted.timestamps_s, counted.received_s
    return Bounds(
        len(counted),
        int(ids.min()) // SERIES_PER_GROUP,
        int(ids.max()) // SERIES_PER_GROUP,
        int(timestamps_s.min()),
        int(timestamps_s.max()),
        int(received_s.min()),
        int(received_s.max()),
    )


def _chunks(records: Sequence[RecordColumns]) -> Iterator[Points]:
    """The points of all records, some at a time."""
    waiting: list[RecordColumns] = []
    row_count = 0
    for record in records:
        waiting.append(record)
        row_count += len(record.series_ids)
        if row_count >= CHUNK_ROWS:
            yield points_of(waiting)
            waiting, row_count = [], 0
    if waiting:
        yield points_of(waiting)


def _living(records: Sequence[RecordColumns], dead_ids: Ints) -> Iterator[Points]:
    """The same without the points of dead series."""
    for points in _chunks(records):
        yield points.take(~np.isin(points.series_ids, dead_ids)) if len(dead_ids) else points


class _Received:
    """When the last point of each series was received."""

    def __init__(self, first_id: int, id_count: int) -> None:
        self._first_id = first_id
        self._moments_s = np.zeros(id_count, np.int64)
        self._latest_s = 0

    @classmethod
    def within(cls, bounds: Bounds) -> Self:
        """For the series of a window's groups."""
        first_id = bounds.first_group * SERIES_PER_GROUP
        return cls(first_id, (bounds.last_group + 1) * SERIES_PER_GROUP - first_id)

    def note(self, points: "Points | Counted") -> None:
        """Note the moments of some points."""
        if len(points) == 0:
            return
        at = points.series_ids - self._first_id
        first_s, last_s = int(points.received_s.min()), int(points.received_s.max())
        if first_s == last_s >= self._latest_s:
            self._moments_s[at] = last_s
        else:
            # The latest moment and not the last row's: the clock may have been put back between them.
            np.maximum.at(self._moments_s, at, points.received_s)
        self._latest_s = max(self._latest_s, last_s)

    def of_group(self, group: int) -> Ints:
        """int64, 64; 0: none was."""
        at = group * SERIES_PER_GROUP - self._first_id
        found = self._moments_s[max(0, at) : max(0, at + SERIES_PER_GROUP)]
        return found if len(found) == SERIES_PER_GROUP else np.zeros(SERIES_PER_GROUP, np.int64)


@dataclass(frozen=True)
class _ByGroup:
    """Reduced cells, found by group."""

    all: Cells

    @cached_property
    def bounds(self) -> dict[int, slice]:
        groups = self.all.series_ids // SERIES_PER_GROUP
        return {int(groups[start]): slice(start, end) for start, end in stretches(groups)}

    def cells(self, group: int) -> Cells | None:
        bounds = self.bounds.get(group)
        return None if bounds is None else self.all.take(bounds)


@dataclass(frozen=True)
class _Side:
    """The rows of one kind."""

    kind: Kind
    now: _ByGroup
    late: _ByGroup
    coarse: dict[int, _ByGroup]

    @cached_property
    def _writer(self) -> BlockWriter:
        return BlockWriter(self.now.all, PERIODS_PER_SPAN)

    @cached_property
    def _pieces(self) -> dict[int, list[tuple[int, int, int]]]:
        """(span, first row, end) by group."""
        cells = self.now.all
        groups, spans = cells.series_ids // SERIES_PER_GROUP, cells.periods // PERIODS_PER_SPAN
        pieces: dict[int, list[tuple[int, int, int]]] = {}
        for start, end in stretches(groups, spans):
            pieces.setdefault(int(groups[start]), []).append((int(spans[start]), start, end))
        return pieces

    def groups(self) -> set[int]:
        found = {*self.now.bounds, *self.late.bounds}
        return found.union(*(by_group.bounds for by_group in self.coarse.values()))

    def pieces(self, group: int) -> Iterator[Piece]:
        for span, start, end in self._pieces.get(group, ()):
            yield Piece(span, self.now.all.take(slice(start, end)), self._writer.block(start, end))


def _sides(schema: Schema, apart: Sequence[_Rows], bounds: Bounds, current: Mapping[Kind, Cells]) -> tuple[_Side, ...]:
    """A side for each kind that has rows.

    Args:
        apart: points that are not reduced yet, in pieces.
        bounds: of the window.
        current: cells of the finest ring that are reduced already; then no point apart is of a span of theirs.
    """
    sides = []
    for kind in Kind:
        points = _joined_of_kind(apart, kind)
        if points is not None:
            sides.append(_side_of(schema, points, bounds, kind, current.get(kind)))
        elif kind in current:
            nothing = _ByGroup(no_cells(measured=kind is Kind.VALUE))
            sides.append(_Side(kind, _ByGroup(current[kind]), nothing, {}))
    return tuple(sides)


def _joined_of_kind(pieces: Sequence[_Rows], kind: Kind) -> _Rows | None:
    own: list[_Rows] = []
    for points in pieces:
        of_kind = (points.series_ids // SERIES_PER_GROUP & 1) == kind
        if bool(of_kind.any()):
            own.append(points if bool(of_kind.all()) else points.take(of_kind))
    return type(own[0]).joined(own) if own else None


def _side_of(schema: Schema, points: "Points | Counted", bounds: Bounds, kind: Kind, current: Cells | None) -> _Side:
    entries = entry_rings(schema, points.timestamps_s, points.received_s)
    finest = _cells_of(schema.finest, points.take(entries == 0) if entries.any() else points, kind)
    now, late = _split_at(finest, schema.finest.span(bounds.before_s) * PERIODS_PER_SPAN)
    assert current is None or len(now) == 0
    coarse = {
        ring: _ByGroup(reduce(_cells_of(schema.rings[ring], points.take(entries == ring), kind), 1))
        for ring in range(1, len(schema.rings))
        if bool((entries == ring).any())
    }
    now = reduce(now, PERIODS_PER_SPAN) if current is None else current
    late = reduce(late, schema.finest.periods_per_chapter)
    return _Side(kind, _ByGroup(now), _ByGroup(late), coarse)


def _split_at(cells: Cells, first_period: int) -> tuple[Cells, Cells]:
    """(cells from a period on, cells before it)."""
    nothing = cells.take(slice(0, 0))
    before = cells.periods < first_period
    if bool(before.all()):
        return nothing, cells
    if not bool(before.any()):
        return cells, nothing
    return cells.take(~before), cells.take(before)


def _cells_of(ring: Ring, points: "Points | Counted", kind: Kind) -> Cells:
    periods, measured = points.timestamps_s // ring.resolution_s, kind is Kind.VALUE
    if isinstance(points, Points):
        return of_points(points.series_ids, periods, points.values, measured=measured)
    extremes = (points.mins, points.maxs) if measured else (None, None)
    return Cells(points.series_ids, periods, points.counts, points.sums, *extremes)


def entry_rings(schema: Schema, timestamps_s: Ints, received_s: Ints) -> NDArray[np.uint8]:
    """For each point the index of the finest ring that reached back to it when it was received.

    The point enters that ring and all coarser ones. The number of rings: none reached back.
    """
    entries = np.zeros(len(timestamps_s), np.uint8)
    for index, ring in enumerate(schema.rings):
        # One comparison for all: the oldest point is within reach of the ring as it stood at the end.
        if len(timestamps_s) == 0 or int(timestamps_s.min()) >= ring.reach_s(int(received_s.max())):
            break
        first_periods = received_s // ring.resolution_s - ring.slot_count + 1
        entries[timestamps_s // ring.resolution_s < first_periods] = index + 1
    return entries

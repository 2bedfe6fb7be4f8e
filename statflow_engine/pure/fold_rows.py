"""The rows of one fold window, reduced over all series at once and cut by group. Pure.

Rows are reduced together and not group by group, because numpy charges by the call: a window of a million
points of 100,000 series has 1,600 groups.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from statflow_engine.kinds import SERIES_PER_GROUP, Kind
from statflow_engine.pure.cells import Cells, Floats, Ints, of_points, reduce, stretches
from statflow_engine.pure.records import Points
from statflow_engine.pure.rings import PERIODS_PER_SPAN, Ring
from statflow_engine.pure.schema import Schema
from statflow_engine.pure.tiles import BlockWriter


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


@dataclass(frozen=True)
class FoldRows:
    """What a fold window brings to each group.

    Attributes:
        before_s, after_s: the first and last moment at which its points were received. Spans that were over
            before it can be closed before its rows are added, spans that are over after it behind them.
    """

    before_s: int
    after_s: int
    _sides: tuple["_Side", ...]

    @classmethod
    def of(cls, schema: Schema, points: Points, dead_ids: Ints) -> Self:
        """Reduce a window's points; those of dead series are dropped."""
        before_s, after_s = int(points.received_s.min()), int(points.received_s.max())
        if len(dead_ids):
            living = _taken(points, ~np.isin(points.series_ids, dead_ids))
            assert isinstance(living, Points)
            points = living
        entries = entry_rings(schema, points.timestamps_s, points.received_s)
        return cls._split(schema, points, entries, before_s, after_s)

    @classmethod
    def of_counted(cls, schema: Schema, counted: Counted) -> Self:
        """Reduce points that were counted elsewhere; there is at least one."""
        entries = entry_rings(schema, counted.timestamps_s, counted.received_s)
        return cls._split(schema, counted, entries, int(counted.received_s.min()), int(counted.received_s.max()))

    @classmethod
    def _split(
        cls, schema: Schema, points: "Points | Counted", entries: NDArray[np.uint8], before_s: int, after_s: int
    ) -> Self:
        of_kind = points.series_ids // SERIES_PER_GROUP % 2
        first_span = schema.finest.span(before_s)
        sides = []
        for kind in Kind:
            own = of_kind == kind
            if bool(own.any()):
                sides.append(_Side.of(schema, _taken(points, own), entries[own], kind, first_span))
        return cls(before_s, after_s, tuple(sides))

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

    def received_s(self, group: int) -> Ints | None:
        """int64, 64: when the last point of each series of the group was received; 0: none was."""
        return next((side.received_s(group) for side in self._of(group)), None)

    def _of(self, group: int) -> list["_Side"]:
        return [side for side in self._sides if side.kind == group % 2]


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
    first_id: int
    received: Ints

    @classmethod
    def of(
        cls, schema: Schema, points: "Points | Counted", entries: NDArray[np.uint8], kind: Kind, first_span: int
    ) -> Self:
        """``entries``: for each point the finest ring that it enters."""
        finest = _cells_of(schema.finest, _taken(points, entries == 0) if entries.any() else points, kind)
        over = finest.periods < first_span * PERIODS_PER_SPAN
        any_over = bool(over.any())
        late = finest.take(over) if any_over else finest.take(slice(0, 0))
        now = finest.take(~over) if any_over else finest
        coarse = {
            ring: _ByGroup(reduce(_cells_of(schema.rings[ring], _taken(points, entries == ring), kind), 1))
            for ring in range(1, len(schema.rings))
            if bool((entries == ring).any())
        }
        first_id = int(points.series_ids.min()) // SERIES_PER_GROUP * SERIES_PER_GROUP
        received = np.zeros(int(points.series_ids.max()) - first_id + SERIES_PER_GROUP, np.int64)
        # The latest moment and not the last row's: the clock may have been put back between them.
        np.maximum.at(received, points.series_ids - first_id, points.received_s)
        return cls(
            kind,
            _ByGroup(reduce(now, PERIODS_PER_SPAN)),
            _ByGroup(reduce(late, schema.finest.periods_per_chapter)),
            coarse,
            first_id,
            received,
        )

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

    def received_s(self, group: int) -> Ints:
        at = group * SERIES_PER_GROUP - self.first_id
        found = self.received[max(0, at) : max(0, at + SERIES_PER_GROUP)]
        return found if len(found) == SERIES_PER_GROUP else np.zeros(SERIES_PER_GROUP, np.int64)


def _taken(points: "Points | Counted", rows: NDArray[np.bool_]) -> "Points | Counted":
    if bool(rows.all()):
        return points
    ids, timestamps_s, received_s = points.series_ids[rows], points.timestamps_s[rows], points.received_s[rows]
    if isinstance(points, Points):
        return Points(ids, timestamps_s, points.values[rows], received_s)
    counts, sums, mins, maxs = points.counts[rows], points.sums[rows], points.mins[rows], points.maxs[rows]
    return Counted(ids, timestamps_s, counts, sums, mins, maxs, received_s)


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

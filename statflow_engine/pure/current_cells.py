"""The current cells of a fold window, counted into place while its records are read. Pure.

What nearly all windows bring is points of the spans that are open. Their cells are few: so each gets a place in columns
that stay in a core's cache, and the records are added chunk by chunk. Columns of a million rows would all go through
memory once for every operation, and the kernel would hand out each of their pages anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from statflow_engine.kinds import SERIES_PER_GROUP, Kind
from statflow_engine.pure.cells import DENSE_CELLS_PER_ROW, DENSE_ROWS_PER_CELL_MAX, Cells, Ints, split
from statflow_engine.pure.records import Points, RecordColumns
from statflow_engine.pure.rings import PERIODS_PER_SPAN
from statflow_engine.pure.schema import Schema


@dataclass(frozen=True, slots=True)
class Bounds:
    """The least and greatest of each column of a window's points.

    Attributes:
        before_s, after_s: when the points were received.
    """

    row_count: int
    first_group: int
    last_group: int
    first_s: int
    last_s: int
    before_s: int
    after_s: int

    @classmethod
    def of(cls, records: Sequence[RecordColumns]) -> Self:
        """Of some records, one at least, none empty."""
        return cls(
            sum(len(record.series_ids) for record in records),
            min(int(record.series_ids.min()) for record in records) // SERIES_PER_GROUP,
            max(int(record.series_ids.max()) for record in records) // SERIES_PER_GROUP,
            min(record.base_s for record in records),
            max(record.base_s + int(record.offsets_s.max()) for record in records),
            min(record.received_s for record in records),
            max(record.received_s for record in records),
        )


class CurrentCells:
    """A place for every cell that current points of a window may fall in, kind by kind, each in tile order.

    Points are added one by one, which is exact enough while few fell in each place: see `exact`.
    """

    def __init__(self, schema: Schema, bounds: Bounds, first_period: int, last_period: int) -> None:
        self._resolution_s = schema.finest.resolution_s
        self._bounds = bounds
        self._first_half = bounds.first_group // 2
        self._half_count = bounds.last_group // 2 - self._first_half + 1
        first_unit = first_period // PERIODS_PER_SPAN
        self._unit_count = last_period // PERIODS_PER_SPAN - first_unit + 1
        if self._unit_count == 1:
            # Within one span only the periods met need room: 10 rounds of a minute leave 54 of its 64 cells empty.
            self._first_period, self._period_count = first_period, last_period - first_period + 1
        else:
            self._first_period, self._period_count = first_unit * PERIODS_PER_SPAN, PERIODS_PER_SPAN
        self._origin_s = self._first_period * self._resolution_s
        self.cell_count = 2 * self._half_count * self._cells_per_group

    @property
    def _cells_per_unit(self) -> int:
        return SERIES_PER_GROUP * self._period_count

    @property
    def _cells_per_group(self) -> int:
        return self._unit_count * self._cells_per_unit

    @classmethod
    def planned(cls, schema: Schema, bounds: Bounds) -> Self | None:
        """Places for a window within bounds; None when it has no current points, or too few for so many cells."""
        finest = schema.finest
        current = finest.span(bounds.before_s) * PERIODS_PER_SPAN
        first, last = max(current, finest.period(bounds.first_s)), finest.period(bounds.last_s)
        # A ring may be so short that it does not reach back over its window, or over the span that runs.
        if last < first or finest.first_period(bounds.after_s) > first:
            return None
        planned = cls(schema, bounds, first, last)
        if planned.cell_count > DENSE_CELLS_PER_ROW * bounds.row_count:
            return None
        planned._make_room()
        return planned

    def _make_room(self) -> None:
        """The columns of all cells, and for each series the number of its first cell."""
        self._counts = np.zeros(self.cell_count, np.int64)
        self._sums = np.zeros(self.cell_count)
        self._mins = np.full(self.cell_count, np.inf)
        self._maxs = np.full(self.cell_count, -np.inf)
        bounds = self._bounds
        groups = np.arange(bounds.first_group, bounds.last_group + 1)
        place = (groups & 1) * self._half_count + (groups >> 1) - self._first_half
        columns = np.arange(SERIES_PER_GROUP) * self._period_count
        self._first_cells = (place[:, None] * self._cells_per_group + columns).ravel()

    def add(self, points: Points) -> Points:
        """Add the points that are current; those that are not, which were received late."""
        late = points.timestamps_s < self._origin_s
        if bool(late.any()):
            self._add(points.take(~late))
            return points.take(late)
        self._add(points)
        return points.take(late)

    def _add(self, points: Points) -> None:
        periods = points.timestamps_s - self._origin_s
        periods //= self._resolution_s
        numbers = self._first_cells[points.series_ids - self._bounds.first_group * SERIES_PER_GROUP]
        numbers += periods
        if self._unit_count > 1:
            periods //= PERIODS_PER_SPAN
            periods *= self._cells_per_unit - PERIODS_PER_SPAN
            numbers += periods
        np.add.at(self._counts, numbers, 1)
        np.add.at(self._sums, numbers, points.values)
        np.minimum.at(self._mins, numbers, points.values)
        np.maximum.at(self._maxs, numbers, points.values)

    @property
    def exact(self) -> bool:
        """Whether the sums may stand; asked when everything was added."""
        return int(self._counts.max()) <= DENSE_ROWS_PER_CELL_MAX

    def by_kind(self) -> dict[Kind, Cells]:
        """Reduced cells in tile order, of each kind that has some."""
        met = np.flatnonzero(self._counts)
        counters = int(met.searchsorted(self._half_count * self._cells_per_group))
        found = {}
        for kind, numbers in ((Kind.COUNTER, met[:counters]), (Kind.VALUE, met[counters:])):
            if len(numbers):
                found[kind] = self._cells(kind, numbers)
        return found

    def _cells(self, kind: Kind, numbers: Ints) -> Cells:
        block, in_unit = split(numbers, self._cells_per_unit)
        column, period = split(in_unit, self._period_count)
        place, unit = split(block, self._unit_count)
        group = (place - kind * self._half_count + self._first_half) * 2 + kind
        is_value = kind is Kind.VALUE
        return Cells(
            group * SERIES_PER_GROUP + column,
            unit * PERIODS_PER_SPAN + period + self._first_period,
            self._counts[numbers],
            self._sums[numbers],
            self._mins[numbers] if is_value else None,
            self._maxs[numbers] if is_value else None,
        )

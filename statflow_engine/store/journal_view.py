"""The journal's rows sorted by series, in memory, so that a query finds one series' rows at once.

Why in memory and not sorted on disk: a writer then copies its columns and nothing else, and only a process that
queries pays for sorting, some 10 ns a row and once. Runs double in size, so there are few: searching one costs
2 us.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import lmdb
import numpy as np
from numpy.typing import NDArray

from statflow_engine.kinds import SERIES_PER_GROUP, Kind, kind_of_group
from statflow_engine.pure.cells import Cells, Floats, Ints, of_points
from statflow_engine.pure.fold_rows import entry_rings
from statflow_engine.pure.records import Points, points_of
from statflow_engine.pure.schema import Schema
from statflow_engine.store.journal import FoldCursor, Journal

_ROW_BITS = 31

# From so many series of a group on its rows are taken together: each series of its own costs 6 us.
TOGETHER_SERIES_MIN = 8


@dataclass(frozen=True, slots=True)
class _Run:
    """Rows of some records sorted by series; of one series in the order in which they came."""

    series_ids: NDArray[np.uint32]
    timestamps_s: Ints
    values: Floats
    entries: NDArray[np.uint8]
    positions: Ints
    received_s: Ints

    def __len__(self) -> int:
        return len(self.series_ids)

    @classmethod
    def of(cls, schema: Schema, points: Points, positions: Ints) -> Self:
        entries = entry_rings(schema, points.timestamps_s, points.received_s)
        ids = points.series_ids.astype(np.uint32)
        return cls(ids, points.timestamps_s, points.values, entries, positions, points.received_s)._sorted()

    @classmethod
    def merged(cls, runs: Sequence["_Run"]) -> Self:
        """One run of the rows of several, which came one after the other."""
        return cls(
            np.concatenate([run.series_ids for run in runs]),
            np.concatenate([run.timestamps_s for run in runs]),
            np.concatenate([run.values for run in runs]),
            np.concatenate([run.entries for run in runs]),
            np.concatenate([run.positions for run in runs]),
            np.concatenate([run.received_s for run in runs]),
        )._sorted()

    def _sorted(self) -> Self:
        packed = (self.series_ids.astype(np.int64) << _ROW_BITS) | np.arange(len(self))
        packed.sort()
        return self._taken(packed & ((1 << _ROW_BITS) - 1))

    def _taken(self, rows: Ints | NDArray[np.bool_]) -> Self:
        return type(self)(
            self.series_ids[rows],
            self.timestamps_s[rows],
            self.values[rows],
            self.entries[rows],
            self.positions[rows],
            self.received_s[rows],
        )

    def after(self, position: int) -> Self:
        """The rows of records behind a position."""
        kept = self.positions > position
        return self if bool(kept.all()) else self._taken(kept)

    def of_series(self, ids: NDArray[np.uint32]) -> list[slice]:
        """Where the rows of each series lie; no slice for a series without rows. ``ids`` are of the column's dtype."""
        starts = self.series_ids.searchsorted(ids, "left").tolist()
        ends = self.series_ids.searchsorted(ids, "right").tolist()
        return [slice(start, end) for start, end in zip(starts, ends, strict=True) if end > start]

    def between(self, ids: NDArray[np.uint32]) -> list[slice]:
        """Where the rows from the first of ascending ids to the last lie, others between them too; [] for no row."""
        start, end = (
            self.series_ids.searchsorted(ids[:1], "left")[0],
            self.series_ids.searchsorted(ids[-1:], "right")[0],
        )
        return [slice(int(start), int(end))] if end > start else []


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """Runs of the records behind `done` up to `through`."""

    done: int = 0
    through: int = 0
    runs: tuple[_Run, ...] = ()


class JournalView:
    """What a process knows of the journal; kept up as it is asked."""

    def __init__(self, schema: Schema, journal: Journal) -> None:
        self._schema = schema
        self._journal = journal
        self._snapshot = _Snapshot()
        self._lock = threading.Lock()

    def cells(self, txn: lmdb.Transaction, cursor: FoldCursor, group: int, ids: Ints, ring: int) -> list[Cells]:
        """Loose cells, at the resolution of a ring, of what is not folded of some series of one group.

        Args:
            txn: a read transaction.
            cursor: as the transaction sees it.
            group, ids: the group, and int64 ids of series of it, ascending.
            ring: index of the ring asked.
        """
        skip_to = cursor.window_last if cursor.in_window and group < cursor.next_group else cursor.done
        wanted = ids.astype(np.uint32)
        is_many = len(ids) >= TOGETHER_SERIES_MIN
        pieces = []
        for run in self._at(txn, cursor).runs:
            for rows in run.between(wanted) if is_many else run.of_series(wanted):
                taken = (run.positions[rows] > skip_to) & (run.entries[rows] <= ring)
                if is_many and len(ids) < SERIES_PER_GROUP:
                    taken &= np.isin(run.series_ids[rows], wanted)
                pieces.append(self._cells(run, rows, taken, group, ring))
        return pieces

    def _cells(self, run: _Run, rows: slice, taken: NDArray[np.bool_], group: int, ring: int) -> Cells:
        periods = run.timestamps_s[rows] // self._schema.rings[ring].resolution_s
        measured = kind_of_group(group) is Kind.VALUE
        cells = of_points(run.series_ids[rows].astype(np.int64), periods, run.values[rows], measured=measured)
        return cells if bool(taken.all()) else cells.take(taken)

    def received_s(self, txn: lmdb.Transaction, cursor: FoldCursor, ids: Ints) -> Ints:
        """int64, one an id: the latest moment at which an unfolded point of each was received; 0: there is none.

        ``ids`` are ascending.
        """
        received_s = np.zeros(len(ids), np.int64)
        wanted = ids.astype(np.uint32)
        for run in self._at(txn, cursor).runs:
            starts, ends = run.series_ids.searchsorted(wanted, "left"), run.series_ids.searchsorted(wanted, "right")
            found = ends > starts
            if bool(found.any()):
                # reduceat takes the stretch from each index to the next: every second one is a series' own.
                bounds = np.stack([starts[found], ends[found]], axis=1).ravel()
                latest = np.maximum.reduceat(np.append(run.received_s, 0), bounds)[::2]
                received_s[found] = np.maximum(received_s[found], latest)
        return received_s

    def _at(self, txn: lmdb.Transaction, cursor: FoldCursor) -> _Snapshot:
        with self._lock:
            known = self._snapshot
            if known.done > cursor.done:
                # The transaction began before rows that we dropped were folded; it needs them.
                return self._grown(txn, cursor, _Snapshot(cursor.done, cursor.done))
            if known.done < cursor.done:
                runs = tuple(run for run in (run.after(cursor.done) for run in known.runs) if len(run))
                known = _Snapshot(cursor.done, max(known.through, cursor.done), runs)
            self._snapshot = known = self._grown(txn, cursor, known)
            return known

    def _grown(self, txn: lmdb.Transaction, cursor: FoldCursor, known: _Snapshot) -> _Snapshot:
        """With the records behind those that are known."""
        last = self._journal.last_position(txn, cursor)
        if last <= known.through:
            return known
        positions, records = self._journal.read(txn, known.through, last)
        lengths = [len(record.series_ids) for record in records]
        of_rows = np.array(positions, np.int64).repeat(lengths)
        runs = [*known.runs, _Run.of(self._schema, points_of(records), of_rows)]
        while len(runs) > 1 and 2 * len(runs[-1]) > len(runs[-2]):
            runs[-2:] = [_Run.merged(runs[-2:])]
        return _Snapshot(known.done, last, tuple(runs))

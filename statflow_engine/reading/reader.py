"""Reading: all that is stored of some series for one ring and range, wherever it lies, as loose cells.

The answer at a ring is its strips and tiles, late rows, the roll-up of what finer rings have not closed yet, and
the journal; all seen by one read transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import lmdb
import numpy as np

from statflow_engine.errors import CorruptionError
from statflow_engine.kinds import SERIES_PER_GROUP, Kind, kind_of_group
from statflow_engine.pure.cells import Cells, Ints, joined, roll_up, within
from statflow_engine.pure.groups import GroupState
from statflow_engine.pure.rings import PERIODS_PER_SPAN
from statflow_engine.pure.schema import Schema
from statflow_engine.pure.strips import cut_strip, decode_strip
from statflow_engine.pure.tiles import CLOSED, PackedRows, decode_blocks, decode_closed
from statflow_engine.store.environment import Databases
from statflow_engine.store.journal import FoldCursor
from statflow_engine.store.journal_view import JournalView
from statflow_engine.store.storage import Found, RingStore

# From so many series of a group on a whole closed tile is decoded and the rest left out, else one series after another.
WHOLE_TILE_SERIES_MIN = 8


@dataclass(frozen=True, slots=True)
class Asked:
    """What one query wants: series of one group, at one ring, of the periods [first, end)."""

    ring: int
    group: int
    ids: Ints
    first: int
    end: int


class Reader:
    """Reads within one read transaction."""

    def __init__(self, schema: Schema, txn: lmdb.Transaction, db: Databases, view: JournalView) -> None:
        self._schema = schema
        self._txn = txn
        self._store = RingStore.of(schema, txn, db)
        self._view = view
        self._cursor = FoldCursor.read(txn, db)

    def received_s(self, ids: Ints) -> Ints:
        """int64, one an id: when the last point of each series was received; 0: none was."""
        folded = np.zeros(len(ids), np.int64)
        states: dict[int, Ints | None] = {}
        for index, id_ in enumerate(ids.tolist()):
            group, column = divmod(id_, SERIES_PER_GROUP)
            if group not in states:
                state = self._store.state(group)
                states[group] = None if state is None else state.received_s
            received_s = states[group]
            folded[index] = 0 if received_s is None else received_s[column]
        return np.maximum(folded, self._view.received_s(self._txn, self._cursor, ids))

    def cells(self, asked: Asked) -> Cells:
        """Loose cells at the ring's resolution; some may lie outside of the range asked."""
        pieces = self._view.cells(self._txn, self._cursor, asked.group, asked.ids, asked.ring)
        state = self._store.state(asked.group)
        if state is not None:
            pieces += _GroupReader(self._schema, self._store, state, asked).pieces()
        return joined(pieces, measured=kind_of_group(asked.group) is Kind.VALUE)


class _GroupReader:
    """Reads the rings of one group."""

    def __init__(self, schema: Schema, store: RingStore, state: GroupState, asked: Asked) -> None:
        self._schema = schema
        self._store = store
        self._state = state
        self._asked = asked
        self._ids = asked.ids.tolist()
        self._packed = PackedRows(kind_of_group(asked.group))
        self._pieces: list[Cells] = []

    def pieces(self) -> list[Cells]:
        asked, ring = self._asked, self._schema.rings[self._asked.ring]
        closed_until = self._state.closed_until[asked.ring]
        first_chapter, last_chapter = ring.chapter_of_period(asked.first), ring.chapter_of_period(asked.end - 1)
        sealed_before = ring.chapter_of_span(closed_until)
        for chapter in range(first_chapter, min(last_chapter, sealed_before) + 1):
            self._read_late(chapter)
            if chapter < sealed_before:
                self._read_book(chapter)
        first_span = max(asked.first // PERIODS_PER_SPAN, sealed_before * ring.spans_per_chapter)
        for span in range(first_span, min((asked.end - 1) // PERIODS_PER_SPAN + 1, closed_until)):
            self._read_closed(span)
        for index in range(asked.ring + 1):
            self._read_open(index)
        return self._pieces + self._packed.cells()

    # -- one thing after the other --

    def _read_book(self, chapter: int) -> None:
        asked = self._asked
        book = self._store.book(asked.ring, asked.group, chapter)
        if book is None:
            return
        periods = self._schema.rings[asked.ring].periods_per_chapter
        for id_ in self._ids:
            strip = cut_strip(book.stored, book.where, id_ % SERIES_PER_GROUP)
            if len(strip):
                self._pieces.append(decode_strip(strip, book.where, id_, chapter, periods))

    def _read_late(self, chapter: int) -> None:
        asked = self._asked
        late = self._store.late(asked.ring, asked.group, chapter)
        if late is not None:
            self._pieces += self._block_rows(late, self._schema.rings[asked.ring].periods_per_chapter)

    def _read_closed(self, span: int) -> None:
        asked = self._asked
        found = self._store.tile(asked.ring, asked.group, span)
        if found is None or found.form != CLOSED:
            return
        if len(self._ids) < WHOLE_TILE_SERIES_MIN:
            for id_ in self._ids:
                self._packed.cut(found.stored, found.where, id_)
        else:
            self._pieces.append(self._wanted(decode_closed(found.stored, found.where, asked.group)))

    def _read_open(self, index: int) -> None:
        """The open tiles of a ring in the range asked, rolled up to the ring asked."""
        asked, fine, coarse = self._asked, self._schema.rings[index], self._schema.rings[self._asked.ring]
        factor = coarse.resolution_s // fine.resolution_s
        for span in self._state.open_spans[index]:
            first = span * PERIODS_PER_SPAN
            if first // factor >= asked.end or (first + PERIODS_PER_SPAN - 1) // factor < asked.first:
                continue
            found = self._store.tile(index, asked.group, span)
            if found is None:
                where = f"tile of ring {index}, group {asked.group}, span {span}"
                raise CorruptionError(where, 0, "the group's state has it open, but there is none")
            rows = self._block_rows(found, PERIODS_PER_SPAN)
            self._pieces += rows if factor == 1 else [roll_up(cells, factor) for cells in rows]

    def _block_rows(self, found: Found, unit_periods: int) -> list[Cells]:
        group = self._asked.group
        if len(self._ids) == 1:
            column = self._ids[0] % SERIES_PER_GROUP
            return decode_blocks(found.stored, found.where, group, unit_periods, column)
        return [self._wanted(cells) for cells in decode_blocks(found.stored, found.where, group, unit_periods)]

    def _wanted(self, cells: Cells) -> Cells:
        if len(self._ids) == SERIES_PER_GROUP:
            return cells
        chosen = np.zeros(SERIES_PER_GROUP, bool)
        chosen[self._asked.ids % SERIES_PER_GROUP] = True
        return cells.take(chosen[within(cells.series_ids, SERIES_PER_GROUP)])


def by_group(ids: Sequence[int]) -> dict[int, Ints]:
    """Ascending ids of each group."""
    groups: dict[int, list[int]] = {}
    for id_ in sorted(ids):
        groups.setdefault(id_ // SERIES_PER_GROUP, []).append(id_)
    return {group: np.array(members, np.int64) for group, members in groups.items()}

"""Reading: all that is stored of some series for one ring and range, wherever it lies, as loose cells.

The answer at a ring is its strips and tiles, late rows, the roll-up of what finer rings have not closed yet, and
the journal; all seen by one read transaction.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import lmdb
import numpy as np

from statflow_engine.errors import CorruptionError
from statflow_engine.kinds import SERIES_PER_GROUP, Kind, kind_of_group
from statflow_engine.pure.cells import Cells, Ints, joined, roll_up, within
from statflow_engine.pure.dense import SeriesRows
from statflow_engine.pure.groups import GroupState
from statflow_engine.pure.rings import PERIODS_PER_SPAN
from statflow_engine.pure.schema import Schema
from statflow_engine.pure.strips import cut_strip, decode_strip
from statflow_engine.pure.tiles import CLOSED, PackedRows, cut_blocks, decode_blocks, decode_closed
from statflow_engine.store.environment import Databases
from statflow_engine.store.journal import FoldCursor
from statflow_engine.store.journal_view import JournalView
from statflow_engine.store.storage import Found, RingStore

# From so many series of a group on a whole closed tile is decoded and the rest left out, else one series after another.
WHOLE_TILE_SERIES_MIN = 8


class Asked(NamedTuple):
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
        measured = kind_of_group(asked.group) is Kind.VALUE
        pieces = self._view.cells(self._txn, self._cursor, asked.group, asked.ids, asked.ring)
        state = self._store.state(asked.group)
        if state is not None:
            several = _Several(asked)
            _Walk(self._schema, self._store, state, asked, several).read()
            pieces += several.pieces()
        return joined(pieces, measured=measured)

    def add_to(self, rows: SeriesRows, asked: Asked) -> None:
        """Add to the rows what there is of the one series asked; what lies outside of them is passed over."""
        for cells in self._view.cells(self._txn, self._cursor, asked.group, asked.ids, asked.ring):
            rows.add_cells(cells)
        state = self._store.state(asked.group)
        if state is not None:
            one = _One(asked, rows)
            _Walk(self._schema, self._store, state, asked, one).read()
            one.finish()


class _Taker(Protocol):
    """Takes what is asked for out of stored things that hold more."""

    def take_book(self, book: Found, chapter: int, chapter_periods: int) -> None:
        """Out of a book."""

    def take_closed(self, tile: Found) -> None:
        """Out of a closed tile."""

    def take_blocks(self, tile: Found, unit_periods: int, factor: int) -> None:
        """Out of an open or late tile; ``factor`` of its periods are one of the ring asked."""


class _Walk:
    """Goes through all that may hold something of a group for one ring and range."""

    def __init__(self, schema: Schema, store: RingStore, state: GroupState, asked: Asked, taker: _Taker) -> None:
        self._schema = schema
        self._store = store
        self._state = state
        self._asked = asked
        self._taker = taker

    def read(self) -> None:
        """Hand everything over: late rows and books, closed tiles, then the open ones of this ring and all finer."""
        asked, ring = self._asked, self._schema.rings[self._asked.ring]
        closed_until = self._state.closed_until[asked.ring]
        first_chapter, last_chapter = ring.chapter_of_period(asked.first), ring.chapter_of_period(asked.end - 1)
        sealed_before = ring.chapter_of_span(closed_until)
        for chapter in range(first_chapter, min(last_chapter, sealed_before) + 1):
            self._read_chapter(chapter, ring.periods_per_chapter, is_sealed=chapter < sealed_before)
        first_span = max(asked.first // PERIODS_PER_SPAN, sealed_before * ring.spans_per_chapter)
        for span in range(first_span, min((asked.end - 1) // PERIODS_PER_SPAN + 1, closed_until)):
            found = self._store.tile(asked.ring, asked.group, span)
            if found is not None and found.form == CLOSED:
                self._taker.take_closed(found)
        for index in range(asked.ring + 1):
            self._read_open(index)

    def _read_chapter(self, chapter: int, chapter_periods: int, *, is_sealed: bool) -> None:
        asked, store = self._asked, self._store
        late = store.late(asked.ring, asked.group, chapter)
        if late is not None:
            self._taker.take_blocks(late, chapter_periods, 1)
        book = store.book(asked.ring, asked.group, chapter) if is_sealed else None
        if book is not None:
            self._taker.take_book(book, chapter, chapter_periods)

    def _read_open(self, index: int) -> None:
        """The open tiles of a ring in the range asked."""
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
            self._taker.take_blocks(found, PERIODS_PER_SPAN, factor)


class _One:
    """Takes one series' share and adds it to the rows of an answer."""

    def __init__(self, asked: Asked, rows: SeriesRows) -> None:
        (self._id,) = asked.ids.tolist()
        self._column = self._id % SERIES_PER_GROUP
        self._rows = rows
        self._packed = PackedRows(rows.kind)

    def take_book(self, book: Found, chapter: int, chapter_periods: int) -> None:
        strip = cut_strip(book.stored, book.where, self._column)
        if len(strip):
            self._rows.add_strand(decode_strip(strip, book.where, self._id, chapter, chapter_periods))

    def take_closed(self, tile: Found) -> None:
        self._packed.cut(tile.stored, tile.where, self._id)

    def take_blocks(self, tile: Found, unit_periods: int, factor: int) -> None:
        to_period, blocks = cut_blocks(tile.stored, tile.where, self._rows.kind, unit_periods, self._column)
        for block in blocks:
            self._rows.add_block(block, to_period, factor)

    def finish(self) -> None:
        """Add what was only gathered."""
        for cells in self._packed.cells():
            self._rows.add_cells(cells)


class _Several:
    """Takes the shares of several series of a group, as loose cells."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._ids = asked.ids.tolist()
        self._packed = PackedRows(kind_of_group(asked.group))
        self._pieces: list[Cells] = []

    def take_book(self, book: Found, chapter: int, chapter_periods: int) -> None:
        for id_ in self._ids:
            strip = cut_strip(book.stored, book.where, id_ % SERIES_PER_GROUP)
            if len(strip):
                self._pieces.append(decode_strip(strip, book.where, id_, chapter, chapter_periods).cells(id_))

    def take_closed(self, tile: Found) -> None:
        if len(self._ids) < WHOLE_TILE_SERIES_MIN:
            for id_ in self._ids:
                self._packed.cut(tile.stored, tile.where, id_)
        else:
            self._pieces.append(self._wanted(decode_closed(tile.stored, tile.where, self._asked.group)))

    def take_blocks(self, tile: Found, unit_periods: int, factor: int) -> None:
        for cells in decode_blocks(tile.stored, tile.where, self._asked.group, unit_periods):
            wanted = self._wanted(cells)
            self._pieces.append(wanted if factor == 1 else roll_up(wanted, factor))

    def pieces(self) -> list[Cells]:
        """All that was taken."""
        return self._pieces + self._packed.cells()

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

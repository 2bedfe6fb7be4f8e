"""Sealing: the tiles of a chapter that is over become strips, one a series, in a book; and merging what came late."""

import numpy as np

from statflow_engine.kinds import SERIES_PER_GROUP, Kind, column_of, kind_of_group
from statflow_engine.pure.cells import Cells, joined, reduce, row_changes, stretches
from statflow_engine.pure.rings import Ring
from statflow_engine.pure.strips import cut_strip, decode_strip, encode_book, encode_strip, with_strips
from statflow_engine.pure.tiles import (
    CLOSED,
    LATE,
    BlockWriter,
    appended,
    decode_blocks,
    decode_closed,
    encode_blocks,
    over_full,
)
from statflow_engine.store.storage import Draft, Found, book_key, home_of, late_key, tile_key

# Late rows are merged into strips at once when they bring so many for each strip that has to be rewritten: decoding and
# encoding a strip costs some 60 us, appending a row to a late tile 0.3.
MERGE_ROWS_PER_STRIP = 128

# A late tile that has grown to this is merged, however few rows a strip gets: each append rewrites the whole tile.
LATE_TILE_SIZE_MAX = 65_536


class Sealer:
    """Keeps the chapters of one ring and group that are over."""

    def __init__(self, draft: Draft, ring_index: int, group: int) -> None:
        self._draft = draft
        self._schema = draft.store.schema
        self._index = ring_index
        self._ring: Ring = self._schema.rings[ring_index]
        self._group = group
        self._home = home_of(ring_index, group)

    # -- sealing a chapter --

    def seal(self, chapter: int) -> None:
        """Turn what tiles and late tile hold of a chapter into its book."""
        first_span = chapter * self._ring.spans_per_chapter
        pieces = []
        for span in range(first_span, first_span + self._ring.spans_per_chapter):
            found = self._draft.store.tile(self._index, self._group, span)
            if found is not None:
                assert found.form == CLOSED, (self._index, self._group, span)
                pieces.append(decode_closed(found.stored, found.where, self._group))
                self._draft.delete(tile_key(self._schema, self._index, self._group, span))
        self._merge(chapter, pieces)

    # -- late rows --

    def add_late(self, late: Cells, sealed_before: int) -> None:
        """Keep rows of spans that are over.

        Args:
            late: reduced, in the order of chapters.
            sealed_before: the first chapter that is not sealed.
        """
        chapters = self._ring.periods_per_chapter
        numbers = late.periods // chapters
        writer = BlockWriter(late, chapters)
        for start, end in stretches(numbers):
            chapter = int(numbers[start])
            rows = late.take(slice(start, end))
            if chapter < sealed_before and len(rows) >= MERGE_ROWS_PER_STRIP * len(row_changes(rows.series_ids)):
                self._merge(chapter, [rows])
            else:
                self._append_late(chapter, rows, writer.block(start, end), sealed=chapter < sealed_before)

    def _append_late(self, chapter: int, rows: Cells, block: bytes, *, sealed: bool) -> None:
        key = late_key(self._schema, self._index, self._group, chapter)
        found = self._draft.store.found(key)
        if found is not None and found.number > chapter:
            return  # A later lap has the place.
        old = found.stored if found is not None and found.number == chapter else None
        if sealed and old is not None and len(old) + len(block) > LATE_TILE_SIZE_MAX:
            self._merge(chapter, [rows])
            return
        stored = appended(old, LATE, chapter, block, self._home)
        if over_full(stored, self._index):
            stored = self._late_tile(chapter, self._reduced(self._late_rows(stored, chapter)))
        self._draft.put(key, stored)

    # -- books --

    def _merge(self, chapter: int, pieces: list[Cells]) -> None:
        """Merge rows, and the chapter's late tile, into its book; only strips that change are encoded again."""
        late = self._draft.store.late(self._index, self._group, chapter)
        if late is not None:
            pieces = [*pieces, *self._late_rows(late.stored, chapter)]
            self._draft.delete(late_key(self._schema, self._index, self._group, chapter))
        if not pieces:
            return
        key = book_key(self._schema, self._index, self._group, chapter)
        found = self._draft.store.found(key)
        if found is not None and found.number > chapter:
            return  # A later lap has the place.
        old = found if found is not None and found.number == chapter else None
        changed = self._changed(old, chapter, self._reduced(pieces))
        if old is None:
            book = encode_book(chapter, [changed.get(column, b"") for column in range(SERIES_PER_GROUP)], self._home)
        else:
            book = with_strips(old.stored, old.where, chapter, changed, self._home)
        self._draft.put(key, book)

    def _changed(self, book: Found | None, chapter: int, rows: Cells) -> dict[int, bytes]:
        """New strips by column, of the rows and what the book has of their series."""
        changed = {}
        for start, end in stretches(rows.series_ids):
            cells = rows.take(slice(start, end))
            series_id = int(cells.series_ids[0])
            column = column_of(series_id)
            strip = b"" if book is None else cut_strip(book.stored, book.where, column)
            if len(strip):
                old = decode_strip(strip, self._where("strip", chapter), series_id, chapter, self._chapter_periods)
                cells = self._reduced([old.cells(series_id), cells])
            changed[column] = encode_strip(cells, self._chapter_periods)
        return changed

    def blank(self, chapter: int, columns: list[int]) -> None:
        """Take the cells of some series out of a chapter's book and late tile."""
        book = self._draft.store.book(self._index, self._group, chapter)
        if book is not None:
            blank = dict.fromkeys(columns, b"")
            key = book_key(self._schema, self._index, self._group, chapter)
            self._draft.put(key, with_strips(book.stored, book.where, chapter, blank, self._home))
        late = self._draft.store.late(self._index, self._group, chapter)
        if late is not None:
            rows = without(joined(self._late_rows(late.stored, chapter), measured=self._measured), columns)
            key = late_key(self._schema, self._index, self._group, chapter)
            if len(rows):
                self._draft.put(key, self._late_tile(chapter, reduce(rows, self._chapter_periods)))
            else:
                self._draft.delete(key)

    # -- small things --

    @property
    def _chapter_periods(self) -> int:
        return self._ring.periods_per_chapter

    @property
    def _measured(self) -> bool:
        return kind_of_group(self._group) is Kind.VALUE

    def _reduced(self, pieces: list[Cells]) -> Cells:
        """One piece is what a tile, a strip or a reduction gave: reduced already."""
        if len(pieces) == 1:
            return pieces[0]
        return reduce(joined(pieces, measured=self._measured), self._chapter_periods)

    def _late_tile(self, chapter: int, cells: Cells) -> bytes:
        return encode_blocks(LATE, chapter, cells, self._chapter_periods, self._home)

    def _late_rows(self, stored: bytes | memoryview, chapter: int) -> list[Cells]:
        return decode_blocks(stored, self._where("late tile", chapter), self._group, self._chapter_periods)

    def _where(self, thing: str, number: int) -> str:
        return f"{thing} {number} of ring {self._index}, group {self._group}"


def without(cells: Cells, columns: list[int]) -> Cells:
    """The rows that are not of these columns of their group."""
    return cells.take(~np.isin(cells.series_ids % SERIES_PER_GROUP, columns))

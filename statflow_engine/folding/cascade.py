"""One group's rows on their way up the rings: appended to open tiles, closed when a span is over, rolled up, sealed.

Each row is added to each ring exactly once: rows of a span that is open are handed to the next coarser ring
when it closes, rows that come late at once.
"""

from collections.abc import Sequence

import numpy as np

from statflow_engine.errors import CorruptionError
from statflow_engine.folding.seal import Sealer
from statflow_engine.kinds import Kind, kind_of_group
from statflow_engine.pure.cells import Cells, Ints, joined, reduce, roll_up, stretches
from statflow_engine.pure.fold_rows import FoldRows
from statflow_engine.pure.groups import GroupState
from statflow_engine.pure.rings import PERIODS_PER_SPAN
from statflow_engine.pure.schema import Schema
from statflow_engine.pure.tiles import (
    OPEN,
    BlockWriter,
    appended,
    decode_blocks,
    encode_blocks,
    encode_closed,
    over_full,
)
from statflow_engine.store.storage import Draft, KeyText, home_of, tile_key


class GroupCascade:
    """Folds the rows of one group into a draft."""

    def __init__(self, draft: Draft, schema: Schema, group: int, rows: FoldRows) -> None:
        self._draft = draft
        self._schema = schema
        self._group = group
        self._rows = rows
        self._before = spans_at(schema, rows.before_s)
        self._after = spans_at(schema, rows.after_s)
        state = draft.store.state(group) or GroupState.new(self._before)
        self._closed_until = list(state.closed_until)
        self._open_spans = list(state.open_spans)
        self._received_s = state.received_s
        self._handed: list[Cells] = []

    def run(self) -> None:
        """Add the rows to every ring, close and seal what is over, and note the group's new state."""
        incoming: list[Cells] = []
        for index, ring in enumerate(self._schema.rings):
            self._handed = []
            self._close(index, self._before[index])
            if index == 0:
                self._add_finest()
            else:
                self._add(index, [*incoming, *self._rows.coarse(self._group, index)])
            self._close(index, self._after[index])
            if index + 1 < len(self._schema.rings):
                factor = self._schema.rings[index + 1].resolution_s // ring.resolution_s
                incoming = [roll_up(cells, factor) for cells in self._handed]
        self._draft.put_state(self._group, self._state())

    def _state(self) -> GroupState:
        received_s = self._rows.received_s(self._group)
        if received_s is not None:
            self._received_s = np.maximum(self._received_s, received_s)
        return GroupState(tuple(self._closed_until), tuple(self._open_spans), self._received_s)

    # -- rows come in --

    def _add_finest(self) -> None:
        """The finest ring's rows come reduced, and cut into blocks, for all groups together."""
        late = self._rows.late(self._group)
        late_pieces = [] if late is None else [late]
        for piece in self._rows.current(self._group):
            if piece.span < self._closed_until[0]:
                late_pieces.append(piece.cells)
            else:
                self._append(0, piece.span, piece.cells, piece.block)
        self._add_late(0, late_pieces)

    def _add(self, index: int, incoming: Sequence[Cells]) -> None:
        if not incoming:
            return
        rows = reduce(joined(incoming, measured=self._measured), PERIODS_PER_SPAN)
        spans = rows.periods // PERIODS_PER_SPAN
        first = int(np.searchsorted(spans, self._closed_until[index]))
        if first < len(rows):
            self._append_all(index, rows.take(slice(first, None)), spans[first:])
        self._add_late(index, [rows.take(slice(first))] if first else [])

    def _append_all(self, index: int, rows: Cells, spans: Ints) -> None:
        writer = BlockWriter(rows, PERIODS_PER_SPAN)
        for start, end in stretches(spans):
            self._append(index, int(spans[start]), rows.take(slice(start, end)), writer.block(start, end))

    def _add_late(self, index: int, pieces: Sequence[Cells]) -> None:
        """Hand rows of closed spans on at once and keep them beside what is closed."""
        if not pieces:
            return
        ring = self._schema.rings[index]
        late = reduce(joined(pieces, measured=self._measured), ring.periods_per_chapter)
        self._handed.append(late)
        sealed_before = ring.chapter_of_span(self._closed_until[index])
        Sealer(self._draft, index, self._group).add_late(late, sealed_before)

    def _append(self, index: int, span: int, cells: Cells, block: bytes) -> None:
        key = tile_key(self._schema, index, self._group, span)
        found = self._draft.store.found(key)
        if found is not None and found.number > span:
            # A later lap has the place: the older rows are dropped from this ring only.
            self._handed.append(cells)
            return
        if found is not None and found.number < span:
            if found.number in self._open_spans[index]:
                self._close(index, found.number + 1)
            found = None
        if found is None and span in self._open_spans[index]:
            # To begin a new tile would cover up that rows are gone.
            raise self._no_open_tile(index, span)
        stored = appended(None if found is None else found.stored, OPEN, span, block, self._home(index))
        if over_full(stored, index):
            stored = encode_blocks(OPEN, span, self._merged(index, span, stored), PERIODS_PER_SPAN, self._home(index))
        self._draft.put(key, stored)
        if span not in self._open_spans[index]:
            self._open_spans[index] = tuple(sorted((*self._open_spans[index], span)))

    # -- spans are over --

    def _close(self, index: int, until: int) -> None:
        """Close the spans below ``until``, hand their rows on, and seal the chapters that are over with them."""
        ring = self._schema.rings[index]
        begun = self._closed_until[index]
        if until <= begun:
            return
        closing = [span for span in self._open_spans[index] if span < until]
        self._open_spans[index] = tuple(span for span in self._open_spans[index] if span >= until)
        self._closed_until[index] = until
        for span in closing:
            self._close_span(index, span)
        over = {ring.chapter_of_span(span) for span in (begun, *closing)}
        for chapter in sorted(over):
            if chapter < ring.chapter_of_span(until):
                Sealer(self._draft, index, self._group).seal(chapter)

    def _close_span(self, index: int, span: int) -> None:
        found = self._draft.store.tile(index, self._group, span)
        if found is None or found.form != OPEN:
            raise self._no_open_tile(index, span)
        cells = self._merged(index, span, found.stored)
        self._draft.put(tile_key(self._schema, index, self._group, span), encode_closed(span, cells, self._home(index)))
        self._handed.append(cells)

    def _no_open_tile(self, index: int, span: int) -> CorruptionError:
        where = KeyText(tile_key(self._schema, index, self._group, span))
        return CorruptionError(where, 0, "the group's state has it open, but there is none")

    def _merged(self, index: int, span: int, stored: bytes | memoryview) -> Cells:
        where = f"tile of ring {index}, group {self._group}, span {span}"
        pieces = decode_blocks(stored, where, self._group, PERIODS_PER_SPAN)
        return reduce(joined(pieces, measured=self._measured), PERIODS_PER_SPAN)

    def _home(self, index: int) -> int:
        return home_of(index, self._group)

    @property
    def _measured(self) -> bool:
        return kind_of_group(self._group) is Kind.VALUE


def spans_at(schema: Schema, timestamp_s: int) -> tuple[int, ...]:
    """For each ring the span that a moment falls in: the first that is not over."""
    return tuple(ring.span(timestamp_s) for ring in schema.rings)

"""Folding: the journal's rows into the tiles of the rings, in short steps behind a stored cursor.

A step reads, reduces, merges and encodes in a read transaction; then it takes the write lock, checks that
nobody overtook it, puts and commits. Any process can go on from the cursor when one dies.
"""

import secrets
import struct
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import lmdb
import numpy as np

from statflow_engine.errors import CorruptionError
from statflow_engine.folding.cascade import GroupCascade, spans_at
from statflow_engine.pure.cells import Ints
from statflow_engine.pure.fold_rows import FoldRows
from statflow_engine.pure.groups import GroupState
from statflow_engine.pure.schema import Schema
from statflow_engine.store import checked
from statflow_engine.store.catalog import Catalog
from statflow_engine.store.environment import Environment, items_from
from statflow_engine.store.journal import FoldCursor, Journal, moved
from statflow_engine.store.storage import Draft, group_of_key

# What a step may write when nobody else writes: 1 MB of dirty pages is 3 ms of lock, and each commit costs 0.2 ms.
QUIET_STEP_BYTES = 8 * 1024 * 1024

# LMDB's write lock is unfair: a fold that loops starves writers. With pauses of four times the time that a step held
# the lock, two writers beside it wait 2 to 5 ms (p99) instead of 2 s.
PAUSE_PER_HELD = 4

WINDOW_ROWS_PER_SERIES = 10

# One process folds; another takes over when it has not made a step for so long.
LEASE_S = 5.0
_LEASE = struct.Struct("<16sd")


@dataclass(frozen=True, slots=True)
class _Window:
    """A window's rows in memory, and what they were made from."""

    done: int
    last: int
    dead_count: int
    rows: FoldRows
    row_count: int
    groups: list[int]


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A step that is only to be stored: what it puts, and where it began and ends."""

    cursor: FoldCursor
    window: _Window
    draft: Draft
    next_group: int | None


class Folder:
    """Folds one store. Used by one thread at a time."""

    def __init__(self, environment: Environment, schema: Schema, journal: Journal, catalog: Catalog) -> None:
        self._environment = environment
        self._db = environment.db
        self._schema = schema
        self._journal = journal
        self._catalog = catalog
        self._window: _Window | None = None
        self._dead: Ints = np.zeros(0, np.int64)
        self._token = secrets.token_bytes(16)
        self._transaction_after = 0

    # -- when --

    def rows_wanted(self) -> int:
        """Rows that the next fold should wait for; see `window_rows`."""
        with self._environment.read() as txn:
            return self.window_rows(txn)

    def window_rows(self, txn: lmdb.Transaction) -> int:
        """Rows that a fold should have: the more series there are, the more, or each brings too little to its tile.

        With a million series a window of a million rows brings a group 64 rows, and costs 1.1 us a row where ten
        rows a series cost 0.1.
        """
        limits = self._environment.limits
        for_all_series = WINDOW_ROWS_PER_SERIES * sum(self._catalog.ordinals(txn))
        return max(limits.fold_rows, min(for_all_series, limits.journal_rows_soft))

    def others_write(self) -> bool:
        """Whether somebody committed since our last step."""
        return int(self._environment.env.info()["last_txnid"]) != self._transaction_after

    def leased(self) -> bool:
        """Whether another process folds at this time."""
        with self._environment.read() as txn:
            try:
                stored = checked.get(txn, self._db, "meta", b"lease")
            except CorruptionError:
                return False  # Nothing but who works depends on it; the next step writes it anew.
            if stored is None:
                return False
            token, expires = _LEASE.unpack(stored)
        # A time further ahead than any lease is one of before the machine was started anew.
        return bool(token != self._token and 0 < expires - time.monotonic() <= LEASE_S)

    def fold(self, turn: AbstractContextManager[object], pause: Callable[[float], None] | None = None) -> None:
        """Fold until the journal is empty, or was when a step began.

        Args:
            turn: entered for each step, so that other threads get steps in between.
            pause: called with seconds between steps while others write; None: go straight on.
        """
        more = True
        while more:
            hurried = pause is not None and self.others_write()
            with turn:
                begun = time.monotonic()
                more = self.step(self._environment.limits.step_bytes if hurried else QUIET_STEP_BYTES)
                held_s = time.monotonic() - begun
            if more and pause is not None and hurried:
                pause(PAUSE_PER_HELD * held_s)

    # -- one step --

    def step(self, size_max: int) -> bool:
        """Fold the next groups of the window in hand, or of a new one.

        Args:
            size_max: bytes after which the step ends; at least one group is folded.

        Returns:
            Whether there was something to fold.
        """
        self._environment.reader_check()
        with self._environment.read() as txn:
            prepared = self._prepared(txn, FoldCursor.read(txn, self._db), size_max)
        if prepared is None:
            return False
        self._apply(prepared)
        return True

    def forget(self) -> None:
        """Let go of the window in memory: another process folds."""
        self._window = None

    def _prepared(self, txn: lmdb.Transaction, cursor: FoldCursor, size_max: int) -> _Prepared | None:
        window = self._window_at(txn, cursor)
        if window is None:
            return None
        draft = Draft(self._schema, txn, self._db)
        next_group = self._run(draft, window, cursor.next_group if cursor.in_window else 0, size_max)
        return _Prepared(cursor, window, draft, next_group)

    def _run(self, draft: Draft, window: _Window, first_group: int, size_max: int) -> int | None:
        """Fold groups into the draft; the first one that is left, None when all are done."""
        for group in window.groups:
            if group < first_group:
                continue
            if draft.size >= size_max:
                return group
            GroupCascade(draft, self._schema, group, window.rows).run()
        return None

    def _apply(self, prepared: _Prepared) -> None:
        with self._environment.write() as txn:
            if FoldCursor.read(txn, self._db).step != prepared.cursor.step:
                overtaken = self._prepared_again(txn)
                if overtaken is None:
                    return  # Another process folded: begin again from what is stored.
                prepared = overtaken
            prepared.draft.apply(txn)
            self._moved(txn, prepared).put(txn, self._db)
            checked.put(txn, self._db, "meta", b"lease", _LEASE.pack(self._token, time.monotonic() + LEASE_S))
        self._transaction_after = int(self._environment.env.info()["last_txnid"])

    def _prepared_again(self, txn: lmdb.Transaction) -> _Prepared | None:
        """A short step, made under the write lock, from the window in memory; None when that is none any more.

        Cells that are merged and a purge change tiles, an import for minutes and quicker than a step is made: one that
        began again each time would never come to its end, until the journal is full.
        """
        cursor = FoldCursor.read(txn, self._db)
        if self._in_hand(txn, cursor) is None:
            return None
        return self._prepared(txn, cursor, self._environment.limits.step_bytes)

    def _moved(self, txn: lmdb.Transaction, prepared: _Prepared) -> FoldCursor:
        """The cursor behind a step; the window's records are dropped with its last one."""
        cursor, window = prepared.cursor, prepared.window
        if prepared.next_group is not None:
            return moved(cursor, window_last=window.last, next_group=prepared.next_group)
        self._journal.drop(txn, window.last)
        return moved(
            cursor,
            done=window.last,
            done_rows=cursor.done_rows + window.row_count,
            window_last=window.last,
            next_group=0,
            swept_span=max(cursor.swept_span, self._schema.finest.span(window.rows.after_s)),
        )

    # -- the window --

    def _window_at(self, txn: lmdb.Transaction, cursor: FoldCursor) -> _Window | None:
        """The window that the cursor is in, or the next one; None when the journal is empty."""
        known = self._in_hand(txn, cursor)
        if known is not None:
            return known
        self._window = None
        last = cursor.window_last
        if not cursor.in_window:
            last, _ = self._journal.window_end(txn, cursor.done, self.window_rows(txn))
            if last == cursor.done:
                return None
        _, records = self._journal.read(txn, cursor.done, last)
        dead = self._dead_ids(txn)
        rows = FoldRows.of(self._schema, records, dead)
        groups = self._groups(txn, rows, cursor.swept_span)
        row_count = sum(len(record.series_ids) for record in records)
        self._window = _Window(cursor.done, last, len(dead), rows, row_count, groups)
        return self._window

    def _in_hand(self, txn: lmdb.Transaction, cursor: FoldCursor) -> _Window | None:
        """The window in memory, if it is the one that the cursor is in, or in front of."""
        known = self._window
        if known is None or (known.done, known.dead_count) != (cursor.done, self._catalog.dead_count(txn)):
            return None
        return None if cursor.in_window and cursor.window_last != known.last else known

    def _dead_ids(self, txn: lmdb.Transaction) -> Ints:
        """int64: ids of purged series; read when there are more of them, since none ever comes back."""
        if len(self._dead) != self._catalog.dead_count(txn):
            self._dead = np.array(self._catalog.dead(txn), np.int64)
        return self._dead

    def _groups(self, txn: lmdb.Transaction, rows: FoldRows, swept_span: int) -> list[int]:
        """The groups of a window: those with rows, and, once a span, those that wait to be closed."""
        groups = set(rows.groups())
        if self._schema.finest.span(rows.after_s) > swept_span:
            over = spans_at(self._schema, rows.after_s)
            for key, value in items_from(txn, self._db["groups"], b""):
                group = group_of_key(key)
                state = GroupState.decode(value, f"state of group {group}")
                if any(spans and spans[0] < first for spans, first in zip(state.open_spans, over, strict=True)):
                    groups.add(group)
        return sorted(groups)

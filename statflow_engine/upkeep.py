"""When to fold: inside of writes when no thread of ours does it; else by the thread, and by writers if it is behind."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from statflow_engine.folding.fold import Folder
from statflow_engine.limits import Limits
from statflow_engine.pure.rings import PERIODS_PER_SPAN
from statflow_engine.pure.schema import Schema
from statflow_engine.writing.commit import Committer

# A writer that helps waits so long for the step in hand. To begin a window takes longer, and its answer must not.
HELP_WAIT_S = 0.05


@dataclass(frozen=True, slots=True)
class Status:
    """How the store is doing.

    Attributes:
        journal_rows, journal_records: points, and commits of them, that are not folded yet.
        fold_lag_s: age of the oldest point that is not folded, since it was received; 0 when none waits.
        fold_overdue_s: by how much it waits longer than folding lets it, a span of the finest ring; 0: not longer.
        live_bytes, used_bytes, map_bytes: of the store's file: what holds data, what ever did, and the most allowed.
        disk_free_bytes: what the disk has left.
        refusal: why writes are refused at this time; None: they are not.
    """

    journal_rows: int
    journal_records: int
    fold_lag_s: int
    fold_overdue_s: int
    live_bytes: int
    used_bytes: int
    map_bytes: int
    disk_free_bytes: int
    refusal: str | None


class Upkeep:
    """Folds one store from this process, one thread at a time."""

    def __init__(
        self, folder: Folder, committer: Committer, schema: Schema, limits: Limits, status: Callable[[], Status]
    ) -> None:
        self._folder = folder
        self._committer = committer
        self._schema = schema
        self._limits = limits
        self._status = status
        # Held for a step; the other by a writer that folds all that waits, so that no second one does.
        self._lock = threading.Lock()
        self._folding = threading.Lock()
        #: Tells the folding thread that a fold is due; None: there is no such thread.
        self.wake: Callable[[], None] | None = None

    def fold(self) -> None:
        """Fold everything, now."""
        self._folder.fold(self._lock)

    def fold_if_due(self) -> None:
        """What a writer does for folding after its commit."""
        load, limits = self._committer.load, self._limits
        if not self._is_full(load.rows, load.records):
            return
        if self.wake is None:
            self._fold_unless_others_do()
        elif load.rows > limits.journal_rows_soft:
            self._help(limits.step_bytes)
        else:
            self.wake()

    def _is_full(self, rows: int, records: int) -> bool:
        """Whether the journal has so much that it should be folded."""
        limits = self._limits
        return records >= limits.journal_records or (rows >= limits.fold_rows and rows >= self._folder.rows_wanted())

    def _help(self, step_bytes: int) -> None:
        """Fold a step where the thread is behind, which also slows writers down; but wait for it only so long."""
        if self._lock.acquire(timeout=HELP_WAIT_S):
            try:
                self._folder.step(step_bytes)
            finally:
                self._lock.release()

    def _fold_unless_others_do(self) -> None:
        if self._folding.acquire(blocking=False):
            try:
                self._folder.fold(self._lock)
            finally:
                self._folding.release()

    def fold_politely(self, pause: Callable[[float], None]) -> None:
        """What the folding thread does: fold when it is due and no other process does, pausing while others write."""
        if self._folder.leased():
            with self._lock:
                self._folder.forget()
        elif self._is_due():
            self._folder.fold(self._lock, pause)

    def _is_due(self) -> bool:
        """Whether rows or records are many, or the oldest row waits since a span of the finest ring."""
        status = self._status()
        full = self._is_full(status.journal_rows, status.journal_records)
        return full or status.fold_lag_s >= wait_max_s(self._schema)


def wait_max_s(schema: Schema) -> int:
    """How long a point waits at most to be folded with others: a fold rewrites tiles, whatever it brings to them."""
    return schema.finest.resolution_s * PERIODS_PER_SPAN

"""What earlier imports have brought, kept with the points themselves: nothing is counted twice, whatever dies when.

A stat's rows, by time, are cut into windows of 2**21 s (24 days). When the first *k* rows of a window are stored, the
same transaction counts a *mark*: an engine meter whose name is a digest of the stat and those k rows. So

* a batch and its marks are stored together or not at all: killed at any moment, a second run finds just what is there;
* a mark has a limit that lets it be counted once, so that of two runs at once only one brings a window;
* rows that follow later in a window (the file has grown) are found to be new, and the rows before them to be old.

Marks never expire, unlike idempotency keys. They belong to a *generation* of a stat: deleted and made anew, it can be
brought again. What is compared is time and numbers, not bytes of a file: the same history as CSV and as JSON is the
same. Rows of a window that come before those that were brought, or between them, make everything behind them new:
who corrects a line in the middle should import it alone.
"""

import hashlib
from collections.abc import Iterator

import numpy as np

from statflow_engine import Engine
from statflow_http.moving.rows import Rows

WINDOW_S = 1 << 21


def windows(rows: Rows) -> Iterator[tuple[int, Rows]]:
    """(number, rows) of each window that has any; ``rows`` are by time."""
    if not len(rows):
        return
    numbers = rows["t"] // WINDOW_S
    starts = np.flatnonzero(np.diff(numbers, prepend=numbers[:1] - 1))
    ends = [*starts[1:].tolist(), len(rows)]
    for start, end in zip(starts.tolist(), ends, strict=True):
        yield int(numbers[start]), rows[start:end]


class Ledger:
    """The marks of one stat of one generation.

    Args:
        engine: where the stat is.
        stat: what tells it from all others: namespace, name and generation.
    """

    def __init__(self, engine: Engine, stat: str) -> None:
        self._engine = engine
        self._stat = stat.encode()

    def missing(self, window: int, rows: Rows) -> Rows:
        """The rows of a window that no import has brought: all but the longest known beginning."""
        if self._engine.meter(self.touched(window)) == 0:
            return rows
        if self._engine.meter(self.mark(window, rows)):
            return rows[:0]
        return rows[self._known_count(window, rows) :]

    def _known_count(self, window: int, rows: Rows) -> int:
        digest, known = self._digest(window), 0
        for at in range(len(rows)):
            digest.update(rows[at : at + 1].tobytes())
            if self._engine.meter(_name(digest)):
                known = at + 1
        return known

    def mark(self, window: int, rows: Rows) -> str:
        """The meter that says that these first rows of a window are stored."""
        digest = self._digest(window)
        digest.update(np.ascontiguousarray(rows).tobytes())
        return _name(digest)

    def touched(self, window: int) -> str:
        """The meter that says that some rows of the window are: a first import need not look for more."""
        return _name(self._digest(window))

    def _digest(self, window: int) -> "hashlib.blake2b":
        return hashlib.blake2b(self._stat + b"\0%d\0" % window, digest_size=16)


def _name(digest: "hashlib.blake2b") -> str:
    return f"import {digest.hexdigest()}"

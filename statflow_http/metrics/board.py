"""Counters in memory that a process shares with all its forks: a row a process, a slot of eight bytes a counter.

Only the process that has a row writes to it, so that no increment waits for another process; whoever wants a figure
adds up all rows. A row outlives its process: the next worker takes it over and counts on, so that no total goes
backwards. Who has a row holds a lock on its byte of the file, which the kernel takes back however a process ends.
"""

import fcntl
import mmap
import os
import struct
import threading
import weakref

import numpy as np
from numpy.typing import NDArray

from statflow_http import process

# 64 workers at most, as many again while they are replaced, and room to spare.
ROW_COUNT = 256
SLOT_COUNT = 128
SLOT_SIZE = 8
ROW_SIZE = SLOT_COUNT * SLOT_SIZE

# The C structure of fcntl(2) on 64-bit Linux: type, whence, start, length, pid.
FLOCK = struct.Struct("@hhqqi")


class Row:
    """The counters that this process increments.

    Attributes:
        slots: unsigned 64-bit numbers in the shared memory.
        lock: held while one of them is incremented: threads of a process share its row.
    """

    __slots__ = ("lock", "number", "slots")

    def __init__(self, number: int, slots: memoryview) -> None:
        self.number = number
        self.slots = slots
        self.lock = threading.Lock()

    def add(self, slot: int, amount: int = 1) -> None:
        """Count; costs 0.15 us."""
        with self.lock:
            self.slots[slot] += amount


class Board:
    """The memory: made by the process from which all that share it are forked."""

    def __init__(self) -> None:
        # A file in memory, because one on a disk that is full kills by SIGBUS whoever writes to its map.
        self._fd = os.memfd_create("statflow-metrics")
        weakref.finalize(self, os.close, self._fd)
        os.ftruncate(self._fd, ROW_COUNT * ROW_SIZE)
        self._memory = mmap.mmap(self._fd, ROW_COUNT * ROW_SIZE)
        self._claiming = threading.Lock()
        self._pid = 0
        self._row: Row | None = None

    def row(self) -> Row:
        """The row of this process; taken at the first call after a fork."""
        row = self._row
        return row if row is not None and self._pid == process.id else self._claimed()

    def _claimed(self) -> Row:
        if self._pid != process.id:
            # After a fork the parent's lock may be held by a thread that does not exist here.
            self._claiming = threading.Lock()
        with self._claiming:
            if self._row is None or self._pid != process.id:
                number = self._free_number()
                self._row = Row(number, memoryview(self._memory).cast("Q")[slice(*_bounds(number))])
                self._pid = process.id
            return self._row

    def _free_number(self) -> int:
        for number in range(ROW_COUNT - 1):
            try:
                fcntl.lockf(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
            except OSError:
                continue  # another process has it
            return number
        # More processes than rows: the last one is shared, and what two of them count at once may count as one.
        return ROW_COUNT - 1

    def totals(self) -> NDArray[np.uint64]:
        """uint64[SLOT_COUNT]: the sum of each slot over all rows."""
        totals: NDArray[np.uint64] = self._rows().sum(axis=0, dtype=np.uint64)
        return totals

    def living(self, slot: int) -> list[int]:
        """A slot of each row whose process lives."""
        column = self._rows()[:, slot].tolist()
        own = self.row().number
        return [told for number, told in enumerate(column) if number == own or self._is_taken(number)]

    def _rows(self) -> NDArray[np.uint64]:
        return np.frombuffer(self._memory, np.uint64).reshape(-1, SLOT_COUNT)

    def _is_taken(self, number: int) -> bool:
        """Whether another process has a row."""
        asked = FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, number, 1, 0)
        kind: int = FLOCK.unpack(fcntl.fcntl(self._fd, fcntl.F_GETLK, asked))[0]
        return kind != fcntl.F_UNLCK


def _bounds(number: int) -> tuple[int, int]:
    return number * SLOT_COUNT, (number + 1) * SLOT_COUNT

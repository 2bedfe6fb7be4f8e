"""How many clients each worker has, in memory that all of them see, so that who has fewest takes the next.

A collector keeps a few busy connections open for days. Left to the kernel, the worker that woke first took them all,
and a core stood idle. A worker that says nothing for a while is not counted: it died, or is too busy for more.
"""

import mmap
import struct
import time

# `statflow serve` starts at most so many workers; more would share places, and be a little less fair.
PLACES = 64
# When the worker last said something, on the monotonic clock of the machine, and its number of clients.
PLACE = struct.Struct("=dI4x")
SILENT_S = 2.0

# Made when the master imports this, and inherited by all of its workers.
_memory = mmap.mmap(-1, PLACES * PLACE.size)


class Share:
    """One worker's place.

    Args:
        age: gunicorn's number of the worker, which no other has.
        memory: shared with the other workers.
    """

    def __init__(self, age: int, memory: mmap.mmap = _memory) -> None:
        self._memory = memory
        self._offset = age % PLACES * PLACE.size

    def tell(self, client_count: int) -> None:
        """Say how many clients this worker has; also now and then when nothing has changed."""
        PLACE.pack_into(self._memory, self._offset, time.monotonic(), client_count)

    def leave(self) -> None:
        """Be counted no more."""
        PLACE.pack_into(self._memory, self._offset, 0.0, 0)

    def is_others_turn(self) -> bool:
        """Whether another worker has fewer clients."""
        _, own_count = PLACE.unpack_from(self._memory, self._offset)
        oldest = time.monotonic() - SILENT_S
        return any(said > oldest and count < own_count for said, count in PLACE.iter_unpack(self._memory))

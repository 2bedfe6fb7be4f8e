"""Which process this is, without a system call for every request that must know that it has not been forked.

And a thread that each process has one of.
"""

import os
import threading
from collections.abc import Callable

id = os.getpid()


def _forked() -> None:
    global id
    id = os.getpid()


os.register_at_fork(after_in_child=_forked)


class ProcessThread:
    """A thread of this process, started once; a fork begins without it.

    Args:
        name: of the thread.
        run: what it does until `is_stopping` is set.

    Attributes:
        is_stopping: the thread is to end; of each start its own.
    """

    def __init__(self, name: str, run: Callable[[], None]) -> None:
        self.is_stopping = threading.Event()
        self._name = name
        self._run = run
        self._wake = threading.Event()
        self._pid = 0
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def start(self) -> bool:
        """Start it; False when it runs in this process already."""
        with self._lock:
            if self._thread is not None and self._pid == id:
                return False
            self._pid = id
            # New ones: those of the process that was forked may have been in use at that moment.
            self.is_stopping, self._wake = threading.Event(), threading.Event()
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()
            return True

    def wake(self) -> None:
        """End its `pause`."""
        self._wake.set()

    def pause(self, seconds: float) -> None:
        """Wait, in the thread itself, until the time is over or somebody wakes or stops it."""
        self._wake.wait(seconds)
        self._wake.clear()

    def stop(self, wait_s: float | None = None) -> None:
        """Tell it to end, and wait until it has, or so long; in another process than the starter's: nothing."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is None or self._pid != id:
            return
        self.is_stopping.set()
        self._wake.set()
        thread.join(wait_s)

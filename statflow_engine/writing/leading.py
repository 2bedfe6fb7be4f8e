"""One of many threads commits for all who wait: whoever comes first leads, others wait until they are served or lead.

Each waiter has a lock of its own, so that who is served goes on at once. Woken by one condition, 64 threads would all
want its lock and the interpreter's before the first could send its next point.
"""

import threading
import time
from collections.abc import Callable


class _Waiter:
    """A thread that waits until it is served, or leads itself."""

    __slots__ = ("leads", "turn", "wanted")

    def __init__(self, wanted: Callable[[], bool]) -> None:
        self.wanted = wanted
        self.leads = False
        self.turn = threading.Lock()
        self.turn.acquire()


class Leading:
    """Who leads at this time, and who waits.

    Invariants:
        * at most one thread leads;
        * while none leads, none waits.
    """

    def __init__(self, commit: Callable[[], None], staged: Callable[[], int]) -> None:
        """``commit``: stores everything that is staged; ``staged``: how much that is."""
        self._commit = commit
        self._staged = staged
        self._lock = threading.Lock()
        #: Whether anybody does at this time.
        self.leads = False
        self._waiters: list[_Waiter] = []
        self._served = 0

    def when(self, wanted: Callable[[], bool]) -> None:
        """Commit for all who wait, once nobody else does and if it is still wanted then.

        Args:
            wanted: whether the caller is not served yet; asked by whichever thread leads.
        """
        if not self._may_lead(wanted):
            return
        try:
            if wanted():
                self._gather()
                self._commit()
        finally:
            self._pass_on()

    def _may_lead(self, wanted: Callable[[], bool]) -> bool:
        """Wait until the caller leads (True), or is served."""
        with self._lock:
            if not self.leads:
                self.leads = True
                return True
            waiter = _Waiter(wanted)
            self._waiters.append(waiter)
        try:
            waiter.turn.acquire()
        except BaseException:  # an interrupt: nobody may wait for a thread that is gone
            self._leave(waiter)
            raise
        return waiter.leads

    def _leave(self, waiter: _Waiter) -> None:
        with self._lock:
            if waiter in self._waiters:
                self._waiters.remove(waiter)
        if waiter.leads:
            self._pass_on()

    def _gather(self) -> None:
        """Let those who were served a moment ago stage what they have next, as long as somebody does."""
        for _ in range(self._served):
            before = self._staged()
            time.sleep(0)
            if self._staged() == before:
                return

    def _pass_on(self) -> None:
        """Let go who is served, and the first of the others lead."""
        with self._lock:
            waiting, self._waiters = self._waiters, []
            served: list[_Waiter] = []
            others: list[_Waiter] = []
            for waiter in waiting:
                (others if waiter.wanted() else served).append(waiter)
            self.leads = bool(others)
            if others:
                others[0].leads = True
                self._waiters = others[1:]
            self._served = len(served)
        for waiter in served + others[:1]:
            waiter.turn.release()

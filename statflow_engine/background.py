"""The threads of an engine: one folds, one commits by the interval, one does what no Ctrl-C may interrupt.

All are daemons and end with `stop`.
"""

import logging
import queue
import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from statflow_engine.errors import StoreClosedError

# How often the folding thread looks, besides being woken by writers that find a fold due.
LOOK_S = 1.0

_log = logging.getLogger("statflow_engine")

T = TypeVar("T")


class _Asked(Generic[T]):
    """Work for another thread.

    Who waits may be interrupted anywhere in Python's own code: what it shares with the other thread are a queue and a
    lock of C's, which are not left half-way. A Future would be, and its condition held for ever.
    """

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._outcome: list[T] = []
        self._error: BaseException | None = None
        self._running = threading.Lock()
        self._running.acquire()

    def run(self) -> None:
        """Do it."""
        try:
            self._outcome.append(self._work())
        except BaseException as error:
            self._error = error
        self._running.release()

    def is_done(self, limit_s: float) -> bool:
        """Wait for it so long."""
        return self._running.acquire(timeout=limit_s)

    def result(self) -> T:
        """What came of it, once it is done."""
        if self._error is not None:
            raise self._error
        return self._outcome[0]


class Background:
    """Runs what an engine does beside its callers."""

    def __init__(self, fold: Callable[[Callable[[float], None]], None], commit: Callable[[], None]) -> None:
        self._fold = fold
        self._commit = commit
        self._stopping = threading.Event()
        self._woken = threading.Event()
        self._threads: list[threading.Thread] = []
        self._answering: threading.Thread | None = None
        self._asked: queue.SimpleQueue[_Asked[Any] | None] = queue.SimpleQueue()

    def start_folding(self) -> None:
        """Fold whenever it is due."""
        self._start(self._fold_loop, "statflow-fold")

    def start_committing(self, interval_s: float) -> None:
        """Commit what is staged every so often."""
        self._start(lambda: self._commit_loop(interval_s), "statflow-commit")
        self._answering = self._start(self._answer_loop, "statflow-answer")

    def _start(self, loop: Callable[[], None], name: str) -> threading.Thread:
        thread = threading.Thread(target=loop, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()
        return thread

    def uninterrupted(self, work: Callable[[], T]) -> T:
        """Do something that an interrupt must not stop half-way: where points are acknowledged before their commit.

        Ctrl-C and signals raise in the main thread only, in the midst of whatever it does. There they end the wait for
        another thread, which does the work.
        """
        thread = self._answering
        if thread is None or not thread.is_alive() or threading.current_thread() is not threading.main_thread():
            return work()
        asked = _Asked(work)
        self._asked.put(asked)
        while not asked.is_done(LOOK_S):
            if not thread.is_alive():
                # It ended, perhaps before it came to this. A commit may be asked for twice.
                return work()
        return asked.result()

    def wake(self) -> None:
        """Tell the folding thread that a fold is due."""
        self._woken.set()

    def stop(self) -> None:
        """End the threads, after the step that they are in."""
        self._stopping.set()
        self._woken.set()
        self._asked.put(None)
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join()
        self._threads.clear()

    def _fold_loop(self) -> None:
        while not self._stopping.is_set():
            self._woken.wait(LOOK_S)
            self._woken.clear()
            try:
                self._fold(self._pause)
            except StoreClosedError:
                return
            except Exception:
                # Points are safe in the journal. The next look tries again, and the lag shows in status().
                _log.exception("folding failed")
                self._stopping.wait(LOOK_S)

    def _pause(self, seconds: float) -> None:
        if self._stopping.wait(seconds):
            raise StoreClosedError("the engine is closing")

    def _commit_loop(self, interval_s: float) -> None:
        while not self._stopping.wait(interval_s):
            try:
                self._commit()
            except StoreClosedError:
                return
            except Exception:
                # The engine knows what is lost and refuses every later call.
                _log.exception("an interval's commit failed")

    def _answer_loop(self) -> None:
        while (asked := self._asked.get()) is not None:
            asked.run()

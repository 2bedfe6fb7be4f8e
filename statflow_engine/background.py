"""The threads of an engine: one folds, one commits by the interval. Both are daemons and end with `stop`."""

import logging
import threading
from collections.abc import Callable

from statflow_engine.errors import StoreClosedError

# How often the folding thread looks, besides being woken by writers that find a fold due.
LOOK_S = 1.0

_log = logging.getLogger("statflow_engine")


class Background:
    """Runs what an engine does beside its callers."""

    def __init__(self, fold: Callable[[Callable[[float], None]], None], commit: Callable[[], None]) -> None:
        self._fold = fold
        self._commit = commit
        self._stopping = threading.Event()
        self._woken = threading.Event()
        self._threads: list[threading.Thread] = []
        self.folds = False

    def start_folding(self) -> None:
        """Fold whenever it is due."""
        self.folds = True
        self._start(self._fold_loop, "statflow-fold")

    def start_committing(self, interval_s: float) -> None:
        """Commit what is staged every so often."""
        self._start(lambda: self._commit_loop(interval_s), "statflow-commit")

    def _start(self, loop: Callable[[], None], name: str) -> None:
        thread = threading.Thread(target=loop, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def wake(self) -> None:
        """Tell the folding thread that a fold is due."""
        self._woken.set()

    def stop(self) -> None:
        """End the threads, after the step that they are in."""
        self._stopping.set()
        self._woken.set()
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

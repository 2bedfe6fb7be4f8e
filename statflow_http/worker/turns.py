"""Turns of the loop: every request that is ready runs, all their points share one commit, then they are answered.

The commit waits for the disk, or for another process's write lock, in a thread of its own. Meanwhile the loop reads and
runs the next requests; they wait for the commit after it.

Invariants:
    * nothing is acknowledged before the commit of its points has returned;
    * an error of one request changes nothing for the others of its commit.
"""

import logging
import queue
import threading
from asyncio import AbstractEventLoop
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

from statflow_engine import Engine, StoreError
from statflow_http.front.answers import Answer
from statflow_http.front.headers import with_request_id
from statflow_http.metrics import Metrics
from statflow_http.worker.requests import Request
from statflow_http.worker.responses import Response
from statflow_http.worker.running import failed
from statflow_http.writes import Deferred

if TYPE_CHECKING:
    from statflow_http.worker.connection import Connection

STUCK = "the write lock was not had in time"

log = logging.getLogger("statflow_http")


class Waiting(NamedTuple):
    """A request whose answer holds if the commit does."""

    connection: "Connection"
    request: Request
    response: Response
    deferred: Deferred


class Committer:
    """A thread that commits what it is told to, one commit after the other."""

    def __init__(self, loop: AbstractEventLoop, metrics: Metrics) -> None:
        self._loop = loop
        self._metrics = metrics
        self._jobs: queue.SimpleQueue[tuple[set[Engine], int, Callable[[], None]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="statflow-commit-turn", daemon=True)
        self._thread.start()

    def commit(self, engines: set[Engine], request_count: int, then: Callable[[], None]) -> None:
        """Commit for so many requests; afterwards the loop calls ``then``."""
        self._jobs.put((engines, request_count, then))

    def stop(self) -> None:
        """End the thread after its commit."""
        self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            engines, request_count, then = job
            started = monotonic()
            for engine in engines:
                try:
                    engine.commit()
                except Exception:
                    # What is not stored says so itself, when it is asked.
                    log.exception("a commit failed")
            self._metrics.committed(monotonic() - started, request_count)
            try:
                self._loop.call_soon_threadsafe(then)
            except RuntimeError:
                return  # the loop is closed, and nobody waits


class Turns:
    """Runs what is ready and commits for it.

    Args:
        loop: whose turns these are.
        commit_s: how long a commit may take before senders are told to come back later.
        metrics: where commits are counted.
    """

    def __init__(self, loop: AbstractEventLoop, commit_s: float, metrics: Metrics) -> None:
        self._loop = loop
        self._commit_s = commit_s
        self._committer = Committer(loop, metrics)
        self._is_scheduled = False
        self._ready: list[Connection] = []
        self._staged: list[Waiting] = []
        self._committing: list[Waiting] = []
        self._commit_started: float | None = None
        #: A commit has not come back in time: no points are taken before it does.
        self.is_stuck = False

    def ready(self, connection: "Connection") -> None:
        """Run a connection's next request in the coming turn."""
        self._ready.append(connection)
        self._schedule()

    def stage(self, waiting: Waiting) -> None:
        """Answer a request after the commit of this turn, or of the coming one."""
        if self.is_stuck:
            refuse(waiting)
            return
        self._staged.append(waiting)
        self._schedule()

    def _schedule(self) -> None:
        if not self._is_scheduled:
            self._is_scheduled = True
            # Called after every socket that was ready has been read.
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        ready, self._ready = self._ready, []
        for connection in ready:
            try:
                connection.advance()
            except Exception:
                broken(connection)
        self._is_scheduled = False
        self._commit()
        if self._ready:
            self._schedule()

    def _commit(self) -> None:
        """Begin to commit what is staged, unless a commit is under way: then that one's end does it."""
        if self._commit_started is not None or not self._staged:
            return
        self._committing, self._staged = self._staged, []
        self._commit_started = self._loop.time()
        engines = {waiting.deferred.engine for waiting in self._committing}
        self._committer.commit(engines, len(self._committing), self._committed)

    def _committed(self) -> None:
        committed, self._committing = self._committing, []
        self._commit_started = None
        self.is_stuck = False
        # First the next commit: the disk need not wait while answers are written.
        self._commit()
        for waiting in committed:
            try:
                answer(waiting)
            except Exception:
                broken(waiting.connection)

    def check(self, now: float) -> None:
        """Answer those who have waited too long for a commit; called every now and then."""
        if self._commit_started is None or now - self._commit_started < self._commit_s:
            return
        if not self.is_stuck:
            log.error("a commit has not come back for %g s: no points are taken until it does", self._commit_s)
        self.is_stuck = True
        late = [*self._committing, *self._staged]
        self._committing, self._staged = [], []
        for waiting in late:
            refuse(waiting)

    def stop(self) -> None:
        """End the thread."""
        self._committer.stop()


def answer(waiting: Waiting) -> None:
    """Send the answer of a request that was committed, or the one that tells why it was not."""
    response = waiting.response
    try:
        other = waiting.deferred.settle()
        if other is not None:
            response.replace(named(waiting, other))
    except Exception as error:
        response = failed(waiting.request, error)
    waiting.connection.answer(waiting.request, response)


def refuse(waiting: Waiting) -> None:
    """Tell a sender to come back later. Its points may be stored all the same, when the lock is had."""
    response = waiting.response
    response.replace(named(waiting, waiting.deferred.outcome.refused(StoreError(STUCK))))
    waiting.connection.answer(waiting.request, response)


def named(waiting: Waiting, answer: Answer) -> Answer:
    """The answer with the id of its request, if it tells of an error."""
    return with_request_id(answer, waiting.request.environ)


def broken(connection: "Connection") -> None:
    """After a mistake of ours with one connection: it ends, and the others of the turn are served."""
    log.exception("a connection failed")
    connection.give_up()

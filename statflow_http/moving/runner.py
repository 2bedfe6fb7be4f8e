"""The thread of a worker that does imports, and says every second that it still does."""

import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from statflow_engine import StatFlowError, StoreError
from statflow_http.accounts.accounts import Accounts
from statflow_http.errors import NotFoundError, RequestError
from statflow_http.front.protocols import own_text
from statflow_http.moving import imports, sources
from statflow_http.moving.brought import BroughtStats
from statflow_http.moving.csv_files import KINDS
from statflow_http.moving.importer import CancelledError
from statflow_http.moving.imports import Result, Store, Watch
from statflow_http.moving.jobs import DONE, FAILED, LEASE_S, ImportJob, Jobs
from statflow_http.moving.live_source import Live, LiveSource
from statflow_http.moving.rows import Item
from statflow_http.moving.sources import Understood
from statflow_http.outbound import Guard, Outbound
from statflow_http.process import ProcessThread

if TYPE_CHECKING:
    from statflow_http.services import Services

BEAT_S = 1.0
POLL_S = 1.0
PROBLEMS_SHOWN = 100
MISTAKE = "a mistake of the server's own stopped it; the server's log has more, under the id of this import"

log = logging.getLogger("statflow_http")


class Runner:
    """Works on jobs in a thread of this process, one at a time.

    Args:
        services: of the server.
        clock: Unix seconds; leases are compared across processes and restarts.
    """

    def __init__(self, services: "Services", clock: Callable[[], float] = time.time) -> None:
        self._services = services
        self._clock = clock
        self._thread = ProcessThread("statflow-imports", self._run)

    def start(self) -> None:
        """Begin to look for jobs; where this process does already, look now."""
        if not self._thread.start():
            self._thread.wake()

    def stop(self) -> None:
        """Let go of the job that runs, for another process to go on with, and end the thread."""
        self._thread.stop(LEASE_S)

    def _run(self) -> None:
        owner, is_stopping = secrets.token_hex(8), self._thread.is_stopping
        while not is_stopping.is_set():
            try:
                job = self._jobs().claim(owner, self._clock())
                if job is not None:
                    self._work(job, owner)
                    continue
            except StoreError as error:
                log.warning("imports wait: %s", error)
            except Exception:
                log.exception("looking for imports failed")
            self._thread.pause(POLL_S)

    def _jobs(self) -> Jobs:
        return Jobs(self._services.documents, Path(self._services.engine.path))

    def _work(self, job: ImportJob, owner: str) -> None:
        work = _Work(self._services, self._jobs(), job, owner, self._clock, self._thread.is_stopping)
        work.run()


class _Work:
    """One job, from its lease to its end."""

    def __init__(
        self,
        services: "Services",
        jobs: Jobs,
        job: ImportJob,
        owner: str,
        clock: Callable[[], float],
        is_stopping: threading.Event,
    ) -> None:
        self._services = services
        self._jobs = jobs
        self._job = job
        self._owner = owner
        self._clock = clock
        self._is_stopping = is_stopping
        self._is_lost = threading.Event()
        self._read = self._done = 0
        self._total: int | None = None

    def run(self) -> None:
        """Do it, and store how it ended.

        Raises:
            StoreError: the end cannot be stored now; the job is begun anew when there is room.
        """
        try:
            ending = self._ending()
            if ending is not None:
                self._end(**ending)
        except StoreError:
            raise
        except Exception:
            # Our own mistake, also where only the report cannot be stored: another try would meet it again.
            log.exception("import %s failed", self._job.id)
            self._end(state=FAILED, error=MISTAKE)

    def _ending(self) -> dict[str, Any] | None:
        """How it ended, as fields of the job; None: it has not, another process goes on with it."""
        try:
            with self._beating():
                return _told(self._imported())
        except CancelledError:
            if self._is_stopping.is_set() and not self._is_lost.is_set():
                self._jobs.release(self._owner, self._now())
            return None
        except (StatFlowError, OSError) as error:
            return {"state": FAILED, "error": _words(error)}

    def _end(self, **fields: Any) -> None:
        job = msgspec.structs.replace(self._now(), finished_s=int(self._clock()), **fields)
        self._jobs.finish(self._owner, job)

    def _now(self) -> ImportJob:
        return msgspec.structs.replace(self._job, rows_read=self._read, rows_total=self._total, rows_done=self._done)

    @contextmanager
    def _beating(self) -> Iterator[None]:
        """Renew the lease in a thread of its own: reading a large file or waiting for a server takes long."""
        over = threading.Event()

        def beat() -> None:
            while not over.wait(BEAT_S):
                try:
                    if not self._jobs.beat(self._owner, self._now(), self._clock()):
                        self._is_lost.set()
                        return
                except StoreError as error:
                    log.warning("import %s: %s", self._job.id, error)

        thread = threading.Thread(target=beat, name="statflow-imports-beat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _is_cancelled(self) -> bool:
        return self._is_lost.is_set() or self._is_stopping.is_set()

    def _imported(self) -> Result:
        job, services = self._job, self._services
        account = Accounts(services.documents).get(job.account_id)
        if account is None:
            raise NotFoundError("the account is gone")
        self._jobs.folder.mkdir(mode=0o700, exist_ok=True)
        store = Store(services.engine, services.documents, account, job.live, self._jobs.folder)
        watch = Watch(self._count_read, self._note_total, self._count_done, self._is_cancelled)
        kind = KINDS[job.options.kind] if job.options.kind else None
        if not job.url:
            path = self._jobs.upload_path(job.id)
            return imports.run(store, self._upload(path, job), kind=kind, watch=watch)
        outbound = Outbound(Guard(allow_private=services.options.allow_private))
        try:
            return imports.run(store, live_items(store, Live(job.url, job.token), outbound), kind=kind, watch=watch)
        finally:
            outbound.close()

    def _upload(self, path: Path, job: ImportJob) -> Iterator[Item | Understood]:
        if not path.is_file():
            raise RequestError("the upload is gone: send it again")
        return sources.read(path, job.options.format, job.options.csv(), label=job.source)

    def _count_read(self, rows: int) -> None:
        self._read += rows

    def _note_total(self, rows: int) -> None:
        self._total = rows

    def _count_done(self, rows: int) -> None:
        self._done += rows


def live_items(store: Store, live: Live, outbound: Outbound) -> Iterator[Item | Understood]:
    """What another server tells, from where it was brought before."""
    brought = BroughtStats(store.engine, store.documents, store.namespace)
    return LiveSource(live, outbound, int(time.time()), known_until=brought.until_s).items()


def _words(error: Exception) -> str:
    """An error for the owner of an import."""
    if isinstance(error, OSError):
        return f"the disk: {error.strerror}"
    return own_text(error)


def _told(result: Result) -> dict[str, Any]:
    """How a job ended, as its fields: failed, too, where the source could not be read to its end or had nothing."""
    summary = result.summary
    return {
        "state": FAILED if result.failure else DONE,
        "error": result.failure,
        "summary": {
            "stats": summary.stats,
            "rows": summary.rows,
            "points": summary.points,
            "known_rows": summary.known_rows,
            "guessed_kinds": summary.guessed_kinds,
            **result.brought.counts(),
            "milliseconds": int(result.seconds * 1_000),
        },
        "skipped": result.report.reasons,
        "lines": result.lines(),
        "problems": [
            {"place": problem.place, "reason": problem.reason, "rows": problem.count}
            for problem in result.report.first[:PROBLEMS_SHOWN]
        ],
    }

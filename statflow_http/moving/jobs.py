"""Imports as jobs of a server: asked for by one request, done by whichever worker is free, followed by others.

Tables: ``imports`` has every job under ``NAMESPACE/ID``, the last hundred of a namespace; ``import_lease`` has one more
entry for each that is not over. A lease names the process that works on a job and ends a few seconds after that process
last said so: when it is killed another one takes the job over, and begins it anew. That costs time and nothing else,
because an import that is run again brings only what is missing.
"""

import secrets
import shutil
import time
from pathlib import Path
from typing import Any

import msgspec

from statflow_http.accounts.accounts import Account
from statflow_http.documents.made import free_id
from statflow_http.documents.store import Change, Documents
from statflow_http.errors import NotFoundError, RetryLaterError
from statflow_http.moving.options import ImportOptions

FOLDER = "imports"
UPLOAD_SUFFIX = ".upload"
JOBS_KEPT = 100
# Of an account: each may hold an upload of a gigabyte.
ACTIVE_MAX = 10
LEASE_S = 5.0
# What kills a worker so often is the import itself.
TRIES_MAX = 5

QUEUED, RUNNING, DONE, FAILED, CANCELLED = "queued", "running", "done", "failed", "cancelled"
ACTIVE = frozenset({QUEUED, RUNNING})


class ImportJob(msgspec.Struct, frozen=True):
    """A job as it is stored.

    Attributes:
        source: the file's name or the server's address, for people.
        url, token: of a server; emptied when the job is over.
        rows_read, rows_total, rows_done: how far it is; the total is None until everything is read.
        lines: the summary in words.
        problems: the first of them.
        error: why it failed.
    """

    id: str
    namespace: str
    account_id: str
    live: bool
    source: str
    options: ImportOptions
    created_s: int
    state: str = QUEUED
    url: str = ""
    token: str = ""
    rows_read: int = 0
    rows_total: int | None = None
    rows_done: int = 0
    started_s: int | None = None
    finished_s: int | None = None
    summary: dict[str, int] | None = None
    skipped: dict[str, int] = {}
    lines: list[str] = []
    problems: list[dict[str, Any]] = []
    error: str = ""

    @property
    def key(self) -> str:
        """Where it lies."""
        return f"{self.namespace}/{self.id}"


class Lease(msgspec.Struct, frozen=True):
    """Who works on a job, and until when it is believed; ``owner`` is "" while nobody does."""

    key: str
    account_id: str
    owner: str = ""
    ends_s: float = 0.0
    tries: int = 0

    def is_free(self, now_s: float) -> bool:
        """Whether another process may take it. A lease that ends too late is of before the clock was put back."""
        return not self.owner or not now_s <= self.ends_s <= now_s + 2 * LEASE_S


class Jobs:
    """The jobs of one data folder."""

    def __init__(self, documents: Documents, data: Path) -> None:
        self._documents = documents
        self.folder = data / FOLDER

    def upload_path(self, job_id: str) -> Path:
        """Where the upload of a job lies."""
        return self.folder / (job_id + UPLOAD_SUFFIX)

    def new_upload(self) -> Path:
        """A path for an upload that has no job yet."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        return self.folder / f"{secrets.token_hex(8)}.part"

    def create(
        self,
        account: Account,
        *,
        live: bool,
        source: str,
        options: ImportOptions,
        now_s: int,
        upload: Path | None = None,
        url: str = "",
        token: str = "",
    ) -> ImportJob:
        """Queue a job. The upload becomes its own, and is gone when the job is over.

        Raises:
            RetryLaterError: the account has as many that are not over as it may.
        """
        namespace = account.namespace(live=live)
        with self._documents.change() as change:
            if sum(lease.account_id == account.id for lease in change.all("import_lease", Lease)) >= ACTIVE_MAX:
                raise RetryLaterError(f"{ACTIVE_MAX} imports are waiting: let one of them end first", 60)
            job_id = free_id(change, "imports", namespace, now_s)
            job = ImportJob(job_id, namespace, account.id, live, source, options, now_s, url=url, token=token)
            if upload is not None:
                upload.rename(self.upload_path(job_id))
            change.put("imports", job.key, job)
            change.put("import_lease", job.key, Lease(job.key, account.id))
            self._forget_old(change, namespace)
        return job

    @staticmethod
    def _forget_old(change: Change, namespace: str) -> None:
        jobs = [job for job in change.under("imports", f"{namespace}/", ImportJob) if job.state not in ACTIVE]
        for job in jobs[:-JOBS_KEPT]:
            change.delete("imports", job.key)

    def get(self, namespace: str, job_id: str) -> ImportJob:
        """A job by its id.

        Raises:
            NotFoundError: the namespace has none.
        """
        with self._documents.snapshot() as snapshot:
            job = snapshot.get("imports", f"{namespace}/{job_id}", ImportJob)
        if job is None:
            raise NotFoundError("no such import")
        return job

    def all(self, namespace: str) -> list[ImportJob]:
        """The jobs of a namespace, newest first."""
        with self._documents.snapshot() as snapshot:
            return list(snapshot.under("imports", f"{namespace}/", ImportJob))[::-1]

    def cancel(self, namespace: str, job_id: str) -> ImportJob:
        """Stop a job; one that is over stays as it is. What it stored stays.

        Raises:
            NotFoundError: the namespace has none.
        """
        with self._documents.change() as change:
            job = change.get("imports", f"{namespace}/{job_id}", ImportJob)
            if job is None:
                raise NotFoundError("no such import")
            if job.state in ACTIVE:
                job = msgspec.structs.replace(job, state=CANCELLED, token="", finished_s=int(time.time()))
                change.put("imports", job.key, job)
                change.delete("import_lease", job.key)
        self.upload_path(job_id).unlink(missing_ok=True)
        return job

    # -- for who works --

    def claim(self, owner: str, now_s: float) -> ImportJob | None:
        """Take the oldest job that nobody works on, of an account that has none running; None: there is none."""
        with self._documents.snapshot() as snapshot:
            if not any(lease.is_free(now_s) for lease in snapshot.all("import_lease", Lease)):
                return None
        with self._documents.change() as change:
            leases = sorted(change.all("import_lease", Lease), key=lambda lease: lease.key.rpartition("/")[2])
            busy = {lease.account_id for lease in leases if not lease.is_free(now_s)}
            for lease in leases:
                if lease.is_free(now_s) and lease.account_id not in busy:
                    job = self._taken(change, lease, owner, now_s)
                    if job is not None:
                        return job
        return None

    def _taken(self, change: Change, lease: Lease, owner: str, now_s: float) -> ImportJob | None:
        job = change.get("imports", lease.key, ImportJob)
        if job is None or lease.tries >= TRIES_MAX:
            change.delete("import_lease", lease.key)
            if job is not None:
                error = f"the server stopped {TRIES_MAX} times while it ran"
                failed = msgspec.structs.replace(job, state=FAILED, error=error, token="", finished_s=int(now_s))
                change.put("imports", lease.key, failed)
                self.upload_path(job.id).unlink(missing_ok=True)
            return None
        change.put(
            "import_lease",
            lease.key,
            msgspec.structs.replace(lease, owner=owner, ends_s=now_s + LEASE_S, tries=lease.tries + 1),
        )
        job = msgspec.structs.replace(
            job, state=RUNNING, started_s=job.started_s or int(now_s), rows_read=0, rows_total=None, rows_done=0
        )
        change.put("imports", lease.key, job)
        return job

    def beat(self, owner: str, job: ImportJob, now_s: float) -> bool:
        """Say that the job is still worked on, and how far it is; False: it is not ours any more, or cancelled."""
        with self._documents.change() as change:
            lease = change.get("import_lease", job.key, Lease)
            if lease is None or lease.owner != owner:
                return False
            change.put("import_lease", job.key, msgspec.structs.replace(lease, ends_s=now_s + LEASE_S))
            change.put("imports", job.key, job)
        return True

    def release(self, owner: str, job: ImportJob) -> None:
        """Let another process have it at once: this one stops."""
        with self._documents.change() as change:
            lease = change.get("import_lease", job.key, Lease)
            if lease is not None and lease.owner == owner:
                change.put("import_lease", job.key, msgspec.structs.replace(lease, owner="", tries=lease.tries - 1))
                change.put("imports", job.key, msgspec.structs.replace(job, state=QUEUED))

    def finish(self, owner: str, job: ImportJob) -> None:
        """Store how a job ended, if it is still ours, and forget what it was made of."""
        with self._documents.change() as change:
            lease = change.get("import_lease", job.key, Lease)
            if lease is None or lease.owner != owner:
                return
            change.delete("import_lease", job.key)
            change.put("imports", job.key, msgspec.structs.replace(job, token=""))
        self.upload_path(job.id).unlink(missing_ok=True)


def disk_has_room(folder: Path, size: int) -> bool:
    """Whether an upload of this size leaves the store the room that it wants."""
    usage = shutil.disk_usage(folder)
    return usage.free - size > max(512 << 20, usage.total // 20)

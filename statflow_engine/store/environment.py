"""One LMDB environment a process: its map, its databases, its transactions, and what lmdb's errors mean.

Settings and their reasons: ``sync`` and ``metasync`` stay on and ``writemap`` off, because simulated power
cuts lost or garbled acknowledged data without them and a full disk kills the process with writemap. The
map is huge and sparse and never resized, because resizing breaks other processes' transactions. An
environment never crosses a fork.
"""

import errno
import os
import struct
import threading
import weakref
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import lmdb

from statflow_engine.errors import (
    CorruptionError,
    FormatVersionError,
    StatFlowError,
    StoreClosedError,
    StoreError,
    StoreFullError,
)
from statflow_engine.limits import MAP_BYTES_DEFAULT, Limits
from statflow_engine.pure.tiles import Stored
from statflow_engine.store.store_file import agreed_map_bytes, lay_ballast, lay_lock, make_store, refuse_remote

FORMAT_VERSION = 1
_VERSION = struct.Struct("<I")

DATABASES = (
    "meta", "namespaces", "names", "series", "trash", "dead",
    "journal", "groups", "rings", "meters", "idempotency", "idempotency_order",
)  # fmt: skip

# Transactions last milliseconds; what runs longer than this when the engine is closed hangs.
CLOSE_WAIT_S = 30.0

# More than the 126 of LMDB's default: one reader a request and thread, over all processes.
READERS_MAX = 1024

# Of the mark that a full map has: above it a file that has grown past the mark is full.
FRAGMENTED_FRACTION = 0.75

Databases = dict[str, "lmdb._Database"]
Item = tuple[Stored, Stored]


class Environment:
    """The store's file as this process sees it.

    Invariants:
        * used only by the process that opened it;
        * open once a path and process (lmdb itself refuses a second time);
        * no read transaction outlives the call that began it.
    """

    def __init__(self, path: Path, limits: Limits) -> None:
        """Open or make the store's file in the folder ``path``.

        Raises:
            StoreError: the file system is remote, the file is cut short or already open here, or the map size differs.
        """
        self.path = path
        self.limits = limits
        self._why_closed = "the engine is closed"
        refuse_remote(path)
        make_store(path, limits.map_bytes or MAP_BYTES_DEFAULT)
        lay_lock(path / "lock.mdb", READERS_MAX)
        self.map_bytes = agreed_map_bytes(path / "data.mdb", limits.map_bytes)
        lay_ballast(path / "ballast", limits.ballast_bytes)
        self._idle = threading.Condition()
        self._running = 0
        self._env: lmdb.Environment | None = self._opened()
        # Closed after a failure, and not open again.
        self._is_down = False
        #: False once it is closed, and in a forked child. For callers to whom `env` costs too much.
        self.usable = True
        self.db = self._databases(self._env)
        _opened_here.add(self)

    def _databases(self, env: lmdb.Environment) -> Databases:
        """All databases, opened once and here: one first opened inside a read transaction is dead once that ends."""
        try:
            env.reader_check()
            return {name: env.open_db(name.encode()) for name in DATABASES}
        except lmdb.Error as error:
            env.close()
            raise translated(error) from error

    def _opened(self) -> lmdb.Environment:
        try:
            return lmdb.open(
                str(self.path),
                map_size=self.map_bytes,
                max_dbs=len(DATABASES),
                max_readers=READERS_MAX,
                mode=0o600,
                lib_version=0,
            )
        except (lmdb.CorruptedError, lmdb.InvalidError, lmdb.VersionMismatchError) as error:
            raise translated(error) from error
        except lmdb.Error as error:
            raise StoreError(f"the store in {self.path} cannot be opened: {error}") from error

    @property
    def env(self) -> lmdb.Environment:
        """The open lmdb environment.

        Raises:
            StoreClosedError: closed, or used in a process that did not open it.
        """
        self.refuse_closed()
        assert self._env is not None
        return self._env

    def refuse_closed(self) -> None:
        """Raise the StoreClosedError of `env`, if it would."""
        if self._env is None:
            raise StoreClosedError(self._why_closed)

    def read(self) -> "ReadTransaction":
        """A read transaction as a context manager. Its values are views: copy what is to outlive it."""
        return ReadTransaction(self)

    def write(self) -> "WriteTransaction":
        """A write transaction as a context manager: committed and synced at its end, aborted by an exception."""
        return WriteTransaction(self)

    def begun(self) -> lmdb.Environment:
        """The lmdb environment for a transaction that is to begin; it stays open until `ended` is called."""
        with self._idle:
            if self._is_down and self._env is not None:
                self._open_again()
            env = self.env
            self._running += 1
            return env

    def ended(self) -> None:
        """Tell that a transaction has ended."""
        with self._idle:
            self._running -= 1
            if self._running == 0:
                self._idle.notify_all()

    def recover(self, failed: lmdb.Environment) -> None:
        """Open the file anew, when lmdb refuses everything since it could not write a meta page.

        Waits for the transactions that run. ``failed`` is what the caller had: another thread may have been quicker.
        """
        with self._idle:
            # Waiting lets other threads in: what one of them has opened anew must not be closed again.
            idle = self._idle.wait_for(lambda: self._env is not failed or self._running == 0, CLOSE_WAIT_S)
            if self._env is not failed or not idle:
                return
            failed.close()
            self._is_down = True
            self._open_again()

    def _open_again(self) -> None:
        """Under `_idle`. Where the disk still fails, whoever begins next tries once more.

        Raises:
            StoreError: the file cannot be opened now.
        """
        env = self._opened()
        self.db.update(self._databases(env))
        self._env, self._is_down = env, False

    def reader_check(self) -> None:
        """Free the reader rows of processes that died; stale ones keep pages from being used again."""
        self.env.reader_check()

    def used_bytes(self) -> int:
        """Bytes of the file that were ever used: it never shrinks."""
        return (int(self.env.info()["last_pgno"]) + 1) * int(self.env.stat()["psize"])

    def disk_free_bytes(self) -> int:
        """Bytes that the disk has left for us."""
        disk = os.statvfs(self.path)
        return disk.f_bavail * disk.f_frsize

    def live_bytes(self) -> int:
        """Bytes of pages that hold something now; the rest is free to be used again."""
        with self.read() as txn:
            stats = [self.env.stat(), *(txn.stat(db) for db in self.db.values())]
        pages = sum(stat["branch_pages"] + stat["leaf_pages"] + stat["overflow_pages"] for stat in stats)
        return int(pages) * int(stats[0]["psize"])

    def refusal(self) -> str | None:
        """Why writes must be refused for want of room; None: there is room.

        Refused early, because at the very end even folding, which frees room, cannot run.
        """
        mark = int(self.limits.map_full_fraction * self.map_bytes)
        # The file never shrinks: once it has passed the mark, what lives in it decides. Large values need free pages
        # that lie side by side, so a quarter more must be free than is missing.
        if self.used_bytes() > mark and self.live_bytes() > FRAGMENTED_FRACTION * mark:
            return f"storage is nearly full: {self.live_bytes()} of {self.map_bytes} bytes of the map hold data"
        disk = os.statvfs(self.path)
        free, total = disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize
        reserve = max(self.limits.disk_reserve_bytes, int(self.limits.disk_reserve_fraction * total))
        # Pages of the file that hold nothing any more are room too; half of them, for they may be scattered.
        if free < reserve and free + (self.used_bytes() - self.live_bytes()) // 2 < reserve:
            return f"storage is nearly full: {free} bytes of disk are free, {reserve} must stay free"
        return None

    def close(self) -> None:
        """Refuse new transactions, wait for those that run, and close the file.

        lmdb would unmap the file under a thread that reads it, and the process would die.
        """
        with self._idle:
            env, self._env, self.usable = self._env, None, False
            self._idle.wait_for(lambda: self._running == 0, CLOSE_WAIT_S)
        if env is not None:
            env.close()

    def forget(self) -> None:
        """Close the file in a forked child, where no transaction of the parent's runs."""
        self._why_closed = "the engine was opened before a fork and does not cross it: open it in this process"
        env, self._env, self.usable = self._env, None, False
        if env is not None:
            env.close()


# A forked child must not use its parent's environments, and lmdb opens none a second time in a process: the child lets
# go of them at once. Closing leaves the parent's locks and readers alone, which belong to its pid.
_opened_here: "weakref.WeakSet[Environment]" = weakref.WeakSet()


def _close_inherited() -> None:
    for environment in list(_opened_here):
        environment.forget()


os.register_at_fork(after_in_child=_close_inherited)


class _Transaction(ABC):
    """A transaction as a context manager, which keeps its environment open and speaks in our errors."""

    __slots__ = ("_environment", "_txn")

    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    def __enter__(self) -> lmdb.Transaction:
        env, error = self._tried()
        if isinstance(error, lmdb.PanicError):
            # Nothing of what was acknowledged is lost: the failed commit was not.
            self._environment.recover(env)
            _, error = self._tried()
        if error is not None:
            raise translated(error) from error
        return self._txn

    def _tried(self) -> tuple[lmdb.Environment, lmdb.Error | None]:
        """Begin; the environment that it was tried in, and what went wrong."""
        env = self._environment.begun()
        try:
            self._txn = self._begin(env)
        except lmdb.Error as error:
            self._environment.ended()
            return env, error
        return env, None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        try:
            self._end(keep=error is None)
        except lmdb.Error as failure:
            raise translated(failure) from failure
        finally:
            self._environment.ended()
        if isinstance(error, lmdb.Error):
            raise translated(error) from error

    @abstractmethod
    def _begin(self, env: lmdb.Environment) -> lmdb.Transaction:
        """Begin it."""

    def _end(self, *, keep: bool) -> None:
        self._txn.abort()


class ReadTransaction(_Transaction):
    """One moment of the store, for as long as its block lasts."""

    __slots__ = ()

    def _begin(self, env: lmdb.Environment) -> lmdb.Transaction:
        try:
            return env.begin(buffers=True)
        except lmdb.ReadersFullError:
            # Rows of killed processes stay in the table until somebody looks.
            env.reader_check()
            return env.begin(buffers=True)


class WriteTransaction(_Transaction):
    """Begins under LMDB's one write lock; commits at the end of its block, or aborts when that raises."""

    __slots__ = ()

    def _begin(self, env: lmdb.Environment) -> lmdb.Transaction:
        return env.begin(write=True, buffers=True)

    def _end(self, *, keep: bool) -> None:
        if keep:
            self._txn.commit()
        else:
            self._txn.abort()


def translated(error: lmdb.Error) -> StatFlowError:
    """The error of ours that an lmdb error means."""
    if isinstance(error, lmdb.CorruptedError | lmdb.PageNotFoundError | lmdb.InvalidError | lmdb.VersionMismatchError):
        return CorruptionError("the store's file", 0, f"{type(error).__name__}: {error}")
    if isinstance(error, lmdb.MapFullError):
        return StoreFullError("storage is full, try again later: the map has no room")
    # A disk that fills up in the middle of a write ends it short, which lmdb tells as an input/output error.
    if isinstance(error, lmdb.DiskError) or os.strerror(errno.EIO) in str(error):
        return StoreFullError(f"storage is full or failing, try again later: {error}")
    return StoreError(f"the store cannot serve now: {type(error).__name__}: {error}")


def items_from(txn: lmdb.Transaction, db: "lmdb._Database", prefix: bytes, after: bytes = b"") -> Iterator[Item]:
    """The items whose keys begin with ``prefix`` and lie behind ``after``, in order; views that end with ``txn``."""
    with txn.cursor(db=db) as cursor:
        # An iterator of a cursor that found nothing would begin at the first key.
        if not cursor.set_range(max(prefix, after)) if prefix or after else not cursor.first():
            return
        for key, value in cursor.iternext():
            if key[: len(prefix)] != prefix:
                return
            if key != after:
                yield key, value


def check_version(txn: lmdb.Transaction, meta: "lmdb._Database") -> None:
    """Refuse a store of a newer format; mark a new one as of ours."""
    stored = txn.get(b"format", db=meta)
    if stored is None:
        txn.put(b"format", _VERSION.pack(FORMAT_VERSION), db=meta)
        return
    version = int.from_bytes(stored, "little")
    if len(stored) != _VERSION.size or version < 1:
        raise CorruptionError('entry format of "meta"', 0, f"{bytes(stored).hex() or 'nothing'} is no version")
    if version > FORMAT_VERSION:
        raise FormatVersionError(f"this store has format {version}; this version reads up to {FORMAT_VERSION}")

"""The LMDB environment of the documents, as the threads of this process share it.

LMDB refuses every transaction of a process that once could not write a meta page, readers too, until the file is
opened anew. That is done here, by the first thread that is refused; nothing that was acknowledged is lost, because the
change that failed was not. lmdb opens a file once a process and unmaps it when it is closed, under any thread that
reads it, so whoever closes waits for the others.

Invariants:
    * the environment is used only by the process that opened it (LMDB does not survive a fork);
    * it is closed only while no transaction runs, or when one has run for `WAIT_S`.
"""

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import lmdb

from statflow_engine import StoreClosedError, StoreError
from statflow_http import process

# Why 1 GiB: a key or an alert takes a few hundred bytes, so this is millions of them; the file is sparse.
MAP_SIZE = 1 << 30
TABLES_MAX = 64
READERS_MAX = 1024
# Transactions last milliseconds; what runs longer than this, while the file is to be closed, hangs, or is the caller's
# own around this one.
WAIT_S = 5.0

Tables = dict[str, "lmdb._Database"]


class Environment:
    """A file of tables, open in this process.

    Args:
        path: its folder; made, readable by its owner only, when it is missing.
        names: of the tables; made when they are missing.

    Attributes:
        tables: by name; only for a transaction that has begun.

    Raises:
        StoreError: the folder cannot be made or opened, or is open in this process already.
    """

    def __init__(self, path: Path, names: Sequence[str]) -> None:
        self.path = path
        self.tables: Tables = {}
        self._names = names
        self._pid = process.id
        self._idle = threading.Condition()
        self._running = 0
        self._is_closed = False
        # None: closed, or to be opened anew by the next who needs it.
        self._env: lmdb.Environment | None = None
        self._env = self._opened()

    def _opened(self) -> lmdb.Environment:
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            env = lmdb.open(
                os.fspath(self.path),
                map_size=MAP_SIZE,
                max_dbs=TABLES_MAX,
                max_readers=READERS_MAX,
                mode=0o600,
                lib_version=0,  # whatever the environment says: formats 0.9 and 1.0 cannot read each other
            )
        except (lmdb.Error, OSError) as error:
            raise StoreError(f"cannot open {self.path}: {error}") from error
        try:
            env.reader_check()
            self.tables.update({name: env.open_db(name.encode()) for name in self._names})
        except lmdb.Error as error:
            env.close()
            raise StoreError(f"cannot open {self.path}: {error}") from error
        return env

    def close(self) -> None:
        """Refuse new transactions, wait for those that run, and close; a forked child only lets go."""
        if process.id != self._pid:
            self._env = None
            return
        with self._idle:
            self._is_closed = True
            self._idle.wait_for(lambda: self._running == 0, WAIT_S)
            env, self._env = self._env, None
        if env is not None:
            env.close()

    def last_change(self) -> int:
        """The number of the last transaction that changed something, by any process."""
        env = self._entered()
        try:
            return env.info()["last_txnid"]
        finally:
            self._left()

    @contextmanager
    def begin(self, *, write: bool) -> Iterator["lmdb.Transaction[bytes]"]:
        """A transaction, committed at the end of the block or aborted when that raises.

        Raises:
            StoreError: it cannot begin, or cannot be committed.
        """
        try:
            txn = self._begun(write=write)
            try:
                with txn:
                    yield txn
            finally:
                self._left()
        except lmdb.Error as error:
            raise StoreError(f"{self.path}: {error}") from error

    def _begun(self, *, write: bool) -> "lmdb.Transaction[bytes]":
        try:
            return self._tried(write=write)
        except lmdb.PanicError:
            return self._tried(write=write)

    def _tried(self, *, write: bool) -> "lmdb.Transaction[bytes]":
        """A transaction; the file stays open until `_left`. When lmdb refuses all of them, the next opens it anew."""
        env = self._entered()
        try:
            return env.begin(write=write)
        except lmdb.Error as error:
            self._left()
            if isinstance(error, lmdb.PanicError):
                self._give_up(env)
            raise

    def _entered(self) -> lmdb.Environment:
        """The open environment, which stays open until `_left`."""
        # Before the lock, which another thread may have held when this process was forked.
        if process.id != self._pid:
            raise StoreClosedError(f"{self.path} was opened by another process")
        with self._idle:
            if self._is_closed:
                raise StoreClosedError(f"{self.path} is closed")
            if self._env is None:
                self._env = self._opened()
            self._running += 1
            return self._env

    def _left(self) -> None:
        with self._idle:
            self._running -= 1
            if self._running == 0:
                self._idle.notify_all()

    def _give_up(self, failed: lmdb.Environment) -> None:
        """Close an environment that lmdb refuses to go on with, unless another thread was quicker."""
        with self._idle:
            # Waiting lets other threads in: what one of them has opened anew must not be closed.
            is_idle = self._idle.wait_for(lambda: self._env is not failed or self._running == 0, WAIT_S)
            if is_idle and self._env is failed:
                self._env = None
                failed.close()

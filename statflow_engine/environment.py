"""One LMDB environment a process: its map, its databases, its transactions, and what lmdb's errors mean.

Settings and their reasons: ``sync`` and ``metasync`` stay on and ``writemap`` off, because simulated power
cuts lost or garbled acknowledged data without them and a full disk kills the process with writemap. The
map is huge and sparse and never resized, because resizing breaks other processes' transactions. An
environment never crosses a fork.
"""

import os
import struct
import weakref
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import lmdb

from statflow_engine.errors import CorruptionError, FormatVersionError, StoreClosedError, StoreError, StoreFullError
from statflow_engine.limits import MAP_BYTES_DEFAULT, Limits
from statflow_engine.tiles import Stored

FORMAT_VERSION = 1

DATABASES = (
    "meta", "namespaces", "names", "series", "trash", "dead",
    "journal", "groups", "rings", "meters", "idempotency", "idempotency_order",
)  # fmt: skip

# More than the 126 of LMDB's default: one reader a request and thread, over all processes.
READERS_MAX = 1024

# Where mmap and locks are not to be trusted between processes.
REMOTE_FILE_SYSTEMS = frozenset({"nfs", "nfs4", "cifs", "smb3", "9p", "afs", "ceph", "fuse.sshfs", "fuse.s3fs"})

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
        self._pid = os.getpid()
        _refuse_remote(path)
        is_new = _make_folder(path)
        self.map_bytes = _map_bytes(path / "data.mdb", limits.map_bytes)
        _lay_ballast(path / "ballast", limits.ballast_bytes)
        self._env: lmdb.Environment | None = self._opened()
        # Databases are opened once and here: one first opened inside a read transaction is dead once that ends.
        self.db: Databases = {name: self._env.open_db(name.encode()) for name in DATABASES}
        self._env.reader_check()
        if is_new:
            _sync_folder(path)
        _opened_here.add(self)

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
        except lmdb.Error as error:
            raise StoreError(f"the store in {self.path} cannot be opened: {error}") from error

    @property
    def env(self) -> lmdb.Environment:
        """The open lmdb environment.

        Raises:
            StoreClosedError: closed, or used in a process that did not open it.
        """
        if os.getpid() != self._pid:
            raise StoreClosedError(
                f"the engine was opened by process {self._pid} and does not cross a fork: open it in {os.getpid()}"
            )
        if self._env is None:
            raise StoreClosedError("the engine is closed")
        return self._env

    def read(self) -> lmdb.Transaction:
        """A read transaction whose values are views: use as a context manager, copy what is to outlive it."""
        try:
            return self.env.begin(buffers=True)
        except lmdb.ReadersFullError:
            # Rows of killed processes stay in the table until somebody looks.
            self.env.reader_check()
        except lmdb.Error as error:
            raise translated(error) from error
        try:
            return self.env.begin(buffers=True)
        except lmdb.Error as error:
            raise translated(error) from error

    def write(self) -> "WriteTransaction":
        """A write transaction as a context manager: committed and synced at its end, aborted by an exception."""
        return WriteTransaction(self.env)

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
        if free < reserve:
            return f"storage is nearly full: {free} bytes of disk are free, {reserve} must stay free"
        return None

    def close(self) -> None:
        """Close the file."""
        env, self._env = self._env, None
        if env is not None:
            env.close()


# A forked child must not use its parent's environments, and lmdb opens none a second time in a process: the child lets
# go of them at once. Closing leaves the parent's locks and readers alone, which belong to its pid.
_opened_here: "weakref.WeakSet[Environment]" = weakref.WeakSet()


def _close_inherited() -> None:
    for environment in list(_opened_here):
        environment.close()


os.register_at_fork(after_in_child=_close_inherited)


class WriteTransaction:
    """Begins under LMDB's one write lock; commits at the end of its block, or aborts when that raises."""

    __slots__ = ("_env", "_txn")

    def __init__(self, env: lmdb.Environment) -> None:
        self._env = env

    def __enter__(self) -> lmdb.Transaction:
        try:
            self._txn = self._env.begin(write=True, buffers=True)
        except lmdb.Error as error:
            raise translated(error) from error
        return self._txn

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        try:
            if error is None:
                self._txn.commit()
            else:
                self._txn.abort()
        except lmdb.Error as failure:
            raise translated(failure) from failure
        if isinstance(error, lmdb.Error):
            raise translated(error) from error


def translated(error: lmdb.Error) -> StoreError:
    """The error of ours that an lmdb error means."""
    if isinstance(error, lmdb.MapFullError):
        return StoreFullError("storage is full, try again later: the map has no room")
    if isinstance(error, lmdb.DiskError):
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


# -- before the file is opened -----------------------------------------------------------------------------------------


def _make_folder(path: Path) -> bool:
    """Make the folder, for its owner alone; tell whether the store is new."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return not (path / "data.mdb").exists()


def _sync_folder(path: Path) -> None:
    for folder in (path, path.resolve().parent):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _lay_ballast(path: Path, size: int) -> None:
    """A file to delete when the disk is full, so that folding can go on and free the rest."""
    if size == 0 or path.exists():
        return
    with path.open("wb") as file:
        try:
            os.posix_fallocate(file.fileno(), 0, size)
        except OSError:
            path.unlink()


def _refuse_remote(path: Path) -> None:
    kind = file_system_of(path)
    if kind in REMOTE_FILE_SYSTEMS:
        raise StoreError(f"{path} is on {kind}: a store needs a local file system, where locks and mmap hold")


def file_system_of(path: Path) -> str:
    """The type of the file system that holds a path, as the kernel names it; empty where that is not told."""
    mounts = Path("/proc/self/mounts")
    if not mounts.exists():
        return ""
    whole, best, kind = str(path.resolve()), "", ""
    for line in mounts.read_text(errors="replace").splitlines():
        _, mount, fs_type, *_ = line.split(" ")
        inside = whole == mount or whole.startswith(mount.rstrip("/") + "/")
        if inside and len(mount) >= len(best):
            best, kind = mount, fs_type
    return kind


# A meta page of LMDB 0.9: magic and version at 16, map size at 32, page size at 40, last page at 136, transaction
# at 144.
_META_SIZE = 152
_META_MAGIC = 0xBEEFC0DE


def _map_bytes(file: Path, wanted: int | None) -> int:
    """The map size to open with. Looks at the file's own pages first: on a short file lmdb would die by SIGBUS."""
    stored = _stored_map_bytes(file) if file.exists() and file.stat().st_size else None
    if stored is None:
        return wanted or MAP_BYTES_DEFAULT
    if wanted is not None and wanted != stored:
        raise StoreError(f"the store in {file.parent} has a map of {stored} bytes, and {wanted} were asked for")
    return stored


def _stored_map_bytes(file: Path) -> int:
    with file.open("rb") as opened:
        start = opened.read(_META_SIZE)
        if len(start) < _META_SIZE or struct.unpack_from("<I", start, 16)[0] != _META_MAGIC:
            raise CorruptionError(str(file), 16, "this is no LMDB file")
        (page_size,) = struct.unpack_from("<I", start, 40)
        opened.seek(page_size)
        metas = [meta for meta in (start, opened.read(_META_SIZE)) if len(meta) == _META_SIZE]
    newest = max(metas, key=lambda meta: int(struct.unpack_from("<Q", meta, 144)[0]))
    map_bytes, last_page = struct.unpack_from("<Q", newest, 32)[0], struct.unpack_from("<Q", newest, 136)[0]
    wanted, found = (last_page + 1) * page_size, file.stat().st_size
    if found < wanted:
        raise CorruptionError(str(file), found, f"the file is cut short: {found} bytes, wanted {wanted}")
    return int(map_bytes)


def check_version(txn: lmdb.Transaction, meta: "lmdb._Database") -> None:
    """Refuse a store of a newer format; mark a new one as of ours."""
    stored = txn.get(b"format", db=meta)
    if stored is None:
        txn.put(b"format", struct.pack("<I", FORMAT_VERSION), db=meta)
        return
    (version,) = struct.unpack("<I", stored)
    if version > FORMAT_VERSION:
        raise FormatVersionError(f"this store has format {version}; this version reads up to {FORMAT_VERSION}")

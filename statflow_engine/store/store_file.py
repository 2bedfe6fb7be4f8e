"""The store's file and folder before lmdb opens them: made, measured, refused."""

import os
import struct
import tempfile
from contextlib import suppress
from pathlib import Path

import lmdb

from statflow_engine.errors import CorruptionError, StoreError, StoreFullError
from statflow_engine.limits import MAP_BYTES_DEFAULT

# Where mmap and locks are not to be trusted between processes.
REMOTE_FILE_SYSTEMS = frozenset({"nfs", "nfs4", "cifs", "smb3", "9p", "afs", "ceph", "fuse.sshfs", "fuse.s3fs"})


# A row of LMDB's reader table, and its head.
_READER_SIZE, _READERS_HEAD_SIZE = 64, 128


def make_store(path: Path, map_bytes: int) -> None:
    """Make the folder, for its owner alone, and in it an empty store, unless there is one.

    LMDB writes the first pages of a file without a sync. So they are written and synced aside, and the file appears
    under its name when it is whole: a power cut leaves a store or none.

    Raises:
        StoreError: there can be no folder here.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError, PermissionError) as error:
        raise StoreError(f"cannot make the folder {path}: {error.strerror}") from error
    if (path / "data.mdb").exists():
        return
    with tempfile.TemporaryDirectory(prefix=".new-", dir=path) as aside:
        _make_empty(aside, map_bytes)
        # Another process may have been quicker; its store is as good.
        with suppress(FileExistsError):
            os.link(Path(aside) / "data.mdb", path / "data.mdb")
    _sync_folder(path)


def _make_empty(folder: str, map_bytes: int) -> None:
    try:
        with (
            # Without a lock file: nobody else knows of it, and on a full disk the lock's first touch would be a SIGBUS.
            lmdb.open(folder, map_size=map_bytes, mode=0o600, lib_version=0, lock=False) as env,
            env.begin(write=True) as txn,
        ):
            # A transaction that changes nothing would write nothing.
            txn.put(b"\0", b"")
            txn.delete(b"\0")
    except lmdb.Error as error:
        raise StoreFullError(f"the store in {Path(folder).parent} cannot be made: {error}") from error


def lay_lock(path: Path, readers_max: int) -> None:
    """The lock file, with room on the disk for all readers.

    LMDB makes it of holes and maps it: on a full disk the first touch of a hole would kill the process, also one that
    only reads.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, _READERS_HEAD_SIZE + readers_max * _READER_SIZE)
    except OSError as error:
        raise StoreFullError(f"there is no room for {path}: {error.strerror}") from error
    finally:
        os.close(descriptor)


def _sync_folder(path: Path) -> None:
    for folder in (path, path.resolve().parent):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def lay_ballast(path: Path, size: int) -> None:
    """A file to delete when the disk is full, so that folding can go on and free the rest."""
    if size == 0 or path.exists():
        return
    with path.open("wb") as file:
        try:
            os.posix_fallocate(file.fileno(), 0, size)
        except OSError:
            path.unlink()


def refuse_remote(path: Path) -> None:
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


def agreed_map_bytes(file: Path, wanted: int | None) -> int:
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

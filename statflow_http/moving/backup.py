"""A consistent copy of a data folder while servers write to it, and a folder made of one.

Two LMDB files are copied, each as of one moment of its own, by a read transaction: **first the documents, then the
points**. So whatever the copied documents speak of is in the copied points: a stat that has an alert, a public page or
an old key there was made before its document. The other way round a restored server could know of stats that it lacks.
What came between the two moments is points, and stats of which no document speaks yet; both are whole by themselves. A
stat that was deleted in between leaves documents behind, as it always does.

Every point that was acknowledged before the copy began is in it. With ``durability="interval"`` that holds for those
that were committed: all but the last interval's.

A copy has the map of what it was copied from: the engine keeps to the size that it finds in the file, and a store
whose map is as small as what is in it takes no more points. Where nobody says a size, as lmdb's own tool does not, a
copy gets a map of 10 MiB or of just what is in it. Such copies are told by that, and get the usual map when they are
restored.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import lmdb

import statflow_engine
from statflow_engine import StatFlowError
from statflow_engine.limits import MAP_BYTES_DEFAULT, MIB
from statflow_http.documents.store import ACCOUNTS_FOLDER, Documents

DATA_FILE = "data.mdb"
# In the order in which they are copied; see above.
PARTS = (ACCOUNTS_FOLDER, "")
UNFINISHED = ".unfinished"
MAX_DBS = 64
# The map that lmdb gives a file where nobody chose one. Where more is in the file, the map is as large as that, which
# is hardly ever a whole number of MiB; what people choose is.
UNCHOSEN_BYTES = 10 * MIB


class BackupError(StatFlowError):
    """A copy cannot be made, or is none; the text says why."""


def backup(data: Path, destination: Path) -> int:
    """Copy a data folder to a new one, compactly; its size in bytes.

    The copy appears under its name when it is whole, synced and checked: what is killed leaves ``NAME.unfinished``,
    which the next backup of that name replaces.

    Raises:
        BackupError: the destination is there, or the folder holds no store.
        CorruptionError: what was copied is damaged.
    """
    if not (data / DATA_FILE).is_file():
        raise BackupError(f"{data} is no data folder: it has no {DATA_FILE}")
    unfinished = _begun(destination)
    for part in PARTS:
        if (data / part / DATA_FILE).is_file():
            (unfinished / part).mkdir(mode=0o700, parents=True, exist_ok=True)
            _copy(data / part, unfinished / part)
    _refuse_damaged(unfinished)
    return _finish(unfinished, destination)


def restore(source: Path, data: Path, *, map_bytes: int | None = None) -> int:
    """Make a new data folder of a backup, which stays as it is; its size in bytes.

    Args:
        source: the backup.
        data: the new folder.
        map_bytes: the most that the store's file may grow to, not less than now; None: as in the backup, and where
            nobody ever chose that, as in a new store.

    Raises:
        BackupError: the folder is there, or the backup is none, or its map is larger.
        CorruptionError: the backup is damaged.
    """
    if not (source / DATA_FILE).is_file():
        raise BackupError(f"{source} is no backup: it has no {DATA_FILE}")
    unfinished = _begun(data)
    for part in PARTS:
        if (source / part / DATA_FILE).is_file():
            (unfinished / part).mkdir(mode=0o700, parents=True, exist_ok=True)
            shutil.copyfile(source / part / DATA_FILE, unfinished / part / DATA_FILE)
    _refuse_damaged(unfinished)
    _widen(unfinished, map_bytes)
    return _finish(unfinished, data)


def _begun(destination: Path) -> Path:
    """An empty folder beside the destination, which is not there."""
    if destination.exists() and (not destination.is_dir() or any(destination.iterdir())):
        raise BackupError(f"{destination} is there already: name a new folder")
    unfinished = destination.with_name(destination.name + UNFINISHED)
    try:
        if unfinished.exists():
            shutil.rmtree(unfinished)
        unfinished.mkdir(mode=0o700, parents=True)
    except OSError as error:
        raise BackupError(f"cannot make {unfinished}: {error.strerror}") from error
    return unfinished


def _copy(source: Path, destination: Path) -> None:
    """One LMDB file as of this moment, with its map; who writes to it meanwhile is not held up."""
    try:
        # A map of 0: of the size that is stored in the file. The copy stores what this one was opened with.
        with lmdb.open(str(source), map_size=0, readonly=True, max_dbs=MAX_DBS, max_readers=1024, lib_version=0) as env:
            env.copy(str(destination), compact=True)
            wanted = int(env.info()["map_size"])
        _refuse_other_map(destination, wanted)
    except (lmdb.Error, OSError) as error:
        raise BackupError(f"cannot copy {source}: {error}") from error


def _refuse_other_map(folder: Path, wanted: int) -> None:
    found = map_bytes_of(folder)
    if found != wanted:
        raise BackupError(f"the copy in {folder} has a map of {found} bytes, wanted {wanted}")


def map_bytes_of(folder: Path) -> int:
    """The size of the map that is stored in the file of a folder that nobody has open."""
    with lmdb.open(str(folder), map_size=0, readonly=True, lock=False, lib_version=0) as env:
        return int(env.info()["map_size"])


def _widen(folder: Path, wanted: int | None) -> None:
    """Give the points' store the map that is wanted; None: the usual one, if nobody ever chose the one that it has."""
    found = map_bytes_of(folder)
    if wanted is None:
        wanted = MAP_BYTES_DEFAULT if found <= UNCHOSEN_BYTES or found % MIB else found
    if wanted < found:
        raise BackupError(f"the store has a map of {found} bytes, which can only grow: {wanted} were asked for")
    if wanted == found:
        return
    try:
        with lmdb.open(str(folder), map_size=wanted, lock=False, lib_version=0) as env:
            # Each commit stores the size in the other one of the file's first two pages.
            for _ in range(2):
                with env.begin(write=True) as txn:
                    # One that changes nothing would write nothing.
                    txn.put(b"\0", b"")
                    txn.delete(b"\0")
    except lmdb.Error as error:
        raise BackupError(f"cannot give {folder} a map of {wanted} bytes: {error}") from error
    _refuse_other_map(folder, wanted)


def _refuse_damaged(unfinished: Path) -> None:
    wrong = list(problems(unfinished))
    if wrong:
        raise BackupError(f"the copy in {unfinished} is damaged: {wrong[0]}")


def _finish(unfinished: Path, destination: Path) -> int:
    """Sync a copy that was checked, and give it its name."""
    for lock in unfinished.rglob("lock.mdb"):
        lock.unlink()
    for path in [*unfinished.rglob("*"), unfinished]:
        path.chmod(0o700 if path.is_dir() else 0o600)
        _sync(path)
    if destination.exists():
        destination.rmdir()
    unfinished.rename(destination)
    _sync(destination.resolve().parent)
    return sum(path.stat().st_size for path in destination.rglob(DATA_FILE))


def problems(folder: Path) -> Iterator[str]:
    """What is wrong with a copy: everything that ``statflow check`` would find, and accounts that do not open."""
    with statflow_engine.open(folder) as engine:
        yield from engine.check()
    if (folder / ACCOUNTS_FOLDER / DATA_FILE).is_file():
        Documents(folder / ACCOUNTS_FOLDER).close()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""A consistent copy of a data folder while servers write to it, and a folder made of one.

Two LMDB files are copied, each as of one moment of its own, by a read transaction: **first the documents, then the
points**. So whatever the copied documents speak of is in the copied points: a stat that has an alert, a public page or
an old key there was made before its document. The other way round a restored server could know of stats that it lacks.
What came between the two moments is points, and stats of which no document speaks yet; both are whole by themselves. A
stat that was deleted in between leaves documents behind, as it always does.

Every point that was acknowledged before the copy began is in it. With ``durability="interval"`` that holds for those
that were committed: all but the last interval's.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import lmdb

import statflow_engine
from statflow_engine import StatFlowError
from statflow_http.documents import Documents
from statflow_http.services import ACCOUNTS_FOLDER

DATA_FILE = "data.mdb"
# In the order in which they are copied; see above.
PARTS = (ACCOUNTS_FOLDER, "")
UNFINISHED = ".unfinished"
MAX_DBS = 64


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
    return _finish(unfinished, destination)


def restore(source: Path, data: Path) -> int:
    """Make a new data folder of a backup, which stays as it is; its size in bytes.

    Raises:
        BackupError: the folder is there, or the backup is none.
        CorruptionError: the backup is damaged.
    """
    if not (source / DATA_FILE).is_file():
        raise BackupError(f"{source} is no backup: it has no {DATA_FILE}")
    unfinished = _begun(data)
    for part in PARTS:
        if (source / part / DATA_FILE).is_file():
            (unfinished / part).mkdir(mode=0o700, parents=True, exist_ok=True)
            shutil.copyfile(source / part / DATA_FILE, unfinished / part / DATA_FILE)
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
    """One LMDB file as of this moment; who writes to it meanwhile is not held up."""
    try:
        with lmdb.open(str(source), readonly=True, max_dbs=MAX_DBS, max_readers=1024, lib_version=0) as env:
            env.copy(str(destination), compact=True)
    except (lmdb.Error, OSError) as error:
        raise BackupError(f"cannot copy {source}: {error}") from error


def _finish(unfinished: Path, destination: Path) -> int:
    """Check the copy, sync it, and give it its name."""
    wrong = list(problems(unfinished))
    if wrong:
        raise BackupError(f"the copy in {unfinished} is damaged: {wrong[0]}")
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

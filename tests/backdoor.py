"""The raw bytes of a store, read and planted by lmdb itself and not by the code under test."""

import shutil
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import lmdb

from statflow_engine.limits import MAP_BYTES_DEFAULT

# Names of the databases, written out here so that a renamed one is noticed.
DATABASES = (
    "meta", "namespaces", "names", "series", "trash", "dead",
    "journal", "groups", "rings", "meters", "idempotency", "idempotency_order",
)  # fmt: skip

Contents = dict[str, dict[bytes, bytes]]


@contextmanager
def raw(path: Path) -> Iterator[lmdb.Environment]:
    """The store's environment, opened for what no engine would do. No engine may have it open."""
    # Not synced: a test that plants damage needs no durability.
    with lmdb.open(str(path), map_size=MAP_BYTES_DEFAULT, max_dbs=len(DATABASES), sync=False, lib_version=0) as env:
        yield env


def contents(path: Path) -> Contents:
    """All keys and values of all databases."""
    with raw(path) as env:
        databases = {name: env.open_db(name.encode()) for name in DATABASES}
        with env.begin() as txn:
            return {name: dict(txn.cursor(db=db)) for name, db in databases.items()}


def plant(path: Path, database: str, key: bytes, value: bytes | None) -> None:
    """Store a value under a key, or remove what is there."""
    with raw(path) as env:
        db = env.open_db(database.encode())
        with env.begin(write=True, db=db) as txn:
            if value is None:
                assert txn.delete(key)
            else:
                txn.put(key, value)


def sealed(key: bytes, value: bytes) -> bytes:
    """A small value as it is stored: with the checksum of its key and itself."""
    return value + zlib.crc32(key + value).to_bytes(4, "little")


def copied(source: Path, target: Path) -> Path:
    """A copy of a store that no engine has open; its folder."""
    target.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source / "data.mdb", target / "data.mdb")
    return target

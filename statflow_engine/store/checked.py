"""Small stored values with a checksum of key and value: LMDB has none, and a flipped bit would go unseen."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import lmdb

from statflow_engine.errors import CorruptionError
from statflow_engine.pure.tiles import Stored, refuse_crc
from statflow_engine.store.environment import Databases, items_from

_CRC = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class EntryText:
    """Which entry of which database, put into words only when an error needs them."""

    db_name: str
    key: Stored

    def __str__(self) -> str:
        key = bytes(self.key)
        return f'entry {key.decode() if key.isalpha() else key.hex()} of "{self.db_name}"'


def with_checksum(key: Stored, value: bytes) -> bytes:
    """The value as it is stored under a key."""
    return value + _CRC.pack(zlib.crc32(value, zlib.crc32(key)))


def without_checksum(db_name: str, key: Stored, stored: Stored) -> Stored:
    """The value that was stored under a key.

    Raises:
        CorruptionError: it is cut short, or the checksum of key and value is wrong.
    """
    size = len(stored) - _CRC.size
    if size < 0:
        raise CorruptionError(EntryText(db_name, key), len(stored), "the checksum is cut short")
    value = stored[:size]
    refuse_crc(EntryText(db_name, key), size, zlib.crc32(value, zlib.crc32(key)), _CRC.unpack_from(stored, size)[0])
    return value


def put(txn: lmdb.Transaction, db: Databases, db_name: str, key: bytes, value: bytes) -> None:
    """Store a value."""
    txn.put(key, with_checksum(key, value), db=db[db_name])


def get(txn: lmdb.Transaction, db: Databases, db_name: str, key: Stored) -> Stored | None:
    """The value under a key; None when there is none. See `without_checksum`."""
    stored = txn.get(key, db=db[db_name])
    return None if stored is None else without_checksum(db_name, key, stored)


def items(
    txn: lmdb.Transaction, db: Databases, db_name: str, prefix: bytes = b"", after: bytes = b""
) -> Iterator[tuple[Stored, Stored]]:
    """(key, value) of the keys that begin with ``prefix`` and lie behind ``after``. See `without_checksum`."""
    for key, stored in items_from(txn, db[db_name], prefix, after):
        yield key, without_checksum(db_name, key, stored)

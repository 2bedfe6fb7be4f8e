"""Meters and idempotency keys: what must be decided in the very transaction that stores the points."""

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass

import lmdb

from statflow_engine.errors import IdempotencyError, LimitError
from statflow_engine.store import checked
from statflow_engine.store.environment import Databases

_COUNT = struct.Struct("<Q")

# Namespace number, then for the order of age the creation time, then the hash of the key.
_KEY_PREFIX = struct.Struct(">I")
_ORDER_PREFIX = struct.Struct(">IQ")
_ANSWER = struct.Struct("<q16sQ")

KEPT_S = 86_400

# Expired keys dropped by one write: more than are added, so that they never pile up.
EXPIRED_PER_WRITE = 4


def count_points(txn: lmdb.Transaction, db: Databases, meters: Sequence[tuple[str, int | None]], points: int) -> None:
    """Add points to each meter.

    Raises:
        LimitError: one would pass its limit; nothing is added.
    """
    counts = [meter(txn, db, name) + points for name, _ in meters]
    for (name, limit), count in zip(meters, counts, strict=True):
        if limit is not None and count > limit:
            raise LimitError(name, limit, index=max(0, limit - (count - points)))
    for (name, _), count in zip(meters, counts, strict=True):
        checked.put(txn, db, "meters", _digest(name.encode()), _COUNT.pack(count))


def meter(txn: lmdb.Transaction, db: Databases, name: str) -> int:
    """What a meter has counted; 0 when it never counted."""
    stored = checked.get(txn, db, "meters", _digest(name.encode()))
    return 0 if stored is None else int(_COUNT.unpack(stored)[0])


@dataclass(frozen=True, slots=True)
class Retry:
    """A request that may have come before: its key, and what tells it from other requests under that key."""

    key: str
    fingerprint: bytes

    @property
    def digest(self) -> bytes:
        """The fingerprint in the 16 bytes that are stored of it."""
        return _digest(self.fingerprint)


def answered_points(
    txn: lmdb.Transaction, db: Databases, namespace_number: int, retry: Retry, now_s: int
) -> int | None:
    """Points that the request stored when it came before; None when it did not, or over 24 h ago.

    Raises:
        IdempotencyError: the key was used for another request.
    """
    stored = checked.get(txn, db, "idempotency", _key(namespace_number, retry.key))
    if stored is None:
        return None
    created_s, digest, points = _ANSWER.unpack(stored)
    if now_s - created_s >= KEPT_S:
        return None
    if digest != retry.digest:
        raise IdempotencyError("idempotency key reused with a different body")
    return int(points)


def remember(
    txn: lmdb.Transaction, db: Databases, namespace_number: int, retry: Retry, points: int, now_s: int, keys_max: int
) -> None:
    """Keep the answer of a request for 24 h; the oldest keys of a namespace leave when it has too many."""
    _forget_old(txn, db, namespace_number, now_s, keys_max)
    key = _key(namespace_number, retry.key)
    replaced = checked.get(txn, db, "idempotency", key)
    if replaced is not None:
        txn.delete(_order_key(namespace_number, _ANSWER.unpack(replaced)[0], key), db=db["idempotency_order"])
    else:
        _put_count(txn, db, namespace_number, _key_count(txn, db, namespace_number) + 1)
    checked.put(txn, db, "idempotency", key, _ANSWER.pack(now_s, retry.digest, points))
    checked.put(txn, db, "idempotency_order", _order_key(namespace_number, now_s, key), b"")


def _forget_old(txn: lmdb.Transaction, db: Databases, number: int, now_s: int, keys_max: int) -> None:
    count = _key_count(txn, db, number)
    oldest: list[bytes] = []
    for key, _ in checked.items(txn, db, "idempotency_order", _KEY_PREFIX.pack(number)):
        expired = _ORDER_PREFIX.unpack_from(key)[1] + KEPT_S <= now_s
        if len(oldest) >= EXPIRED_PER_WRITE or not (expired or count - len(oldest) >= keys_max):
            break
        oldest.append(bytes(key))
    for gone in oldest:
        txn.delete(gone, db=db["idempotency_order"])
        txn.delete(gone[: _KEY_PREFIX.size] + gone[_ORDER_PREFIX.size :], db=db["idempotency"])
    if oldest:
        _put_count(txn, db, number, count - len(oldest))


def _key_count(txn: lmdb.Transaction, db: Databases, number: int) -> int:
    stored = checked.get(txn, db, "idempotency", _KEY_PREFIX.pack(number))
    return 0 if stored is None else int(_COUNT.unpack(stored)[0])


def _put_count(txn: lmdb.Transaction, db: Databases, number: int, count: int) -> None:
    checked.put(txn, db, "idempotency", _KEY_PREFIX.pack(number), _COUNT.pack(count))


def _key(number: int, key: str) -> bytes:
    return _KEY_PREFIX.pack(number) + _digest(key.encode())


def _order_key(number: int, created_s: int, key: bytes) -> bytes:
    return _ORDER_PREFIX.pack(number, max(0, created_s)) + key[_KEY_PREFIX.size :]


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()

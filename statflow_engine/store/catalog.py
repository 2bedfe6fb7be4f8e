"""The catalog: (namespace, name) to id and kind, the trash, and the ids that are dead.

A name may have 1,020 bytes and an LMDB key 511, so names are found by a 16-byte BLAKE2 hash and
compared when read. Series are listed in the order of their ids. `epoch` moves whenever a name may mean
something else than before (delete, restore), so that other processes forget what they cached.
"""

import hashlib
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import lmdb

from statflow_engine.errors import CorruptionError, NameTakenError, UnknownSeriesError
from statflow_engine.kinds import Kind, kind_of, series_id
from statflow_engine.store import checked
from statflow_engine.store.environment import Databases, Item

# A namespace's number and a series' id, for names and listings.
_SERIES_KEY = struct.Struct(">II")
_NAMESPACE = struct.Struct(">I")
_ORDINALS = struct.Struct("<QQ")
_COUNTER = struct.Struct("<Q")
_CREATED = struct.Struct("<q")
_CREATED_DELETED = struct.Struct("<qq")
_DEAD_KEY = struct.Struct(">I")

SERIES_IDS_MAX = 2**32


@dataclass(frozen=True, slots=True)
class Series:
    """A named stream of points of one kind.

    Attributes:
        id: never given to another series.
        received_s: when its last point was received; None: none was.
    """

    id: int
    namespace: str
    name: str
    kind: Kind
    created_s: int
    received_s: int | None = None


@dataclass(frozen=True, slots=True)
class TrashedSeries:
    """A deleted series that can still be restored."""

    id: int
    namespace: str
    name: str
    kind: Kind
    created_s: int
    deleted_s: int


class Catalog:
    """Looks up, adds, lists, deletes and restores series within the caller's transactions."""

    def __init__(self, db: Databases) -> None:
        self._db = db

    # -- epoch and namespaces --

    def epoch(self, txn: lmdb.Transaction) -> int:
        """Moves whenever a name may mean something else than before."""
        stored = checked.get(txn, self._db, "meta", b"epoch")
        return 0 if stored is None else int(_COUNTER.unpack(stored)[0])

    def _raise_epoch(self, txn: lmdb.Transaction) -> None:
        checked.put(txn, self._db, "meta", b"epoch", _COUNTER.pack(self.epoch(txn) + 1))

    def namespaces(self, txn: lmdb.Transaction) -> list[str]:
        """All namespaces that ever held a series, in the order of their numbers."""
        numbered = [(_NAMESPACE.unpack(value[:4])[0], str(value[12:], "utf-8")) for _, value in self._namespaces(txn)]
        return [namespace for _, namespace in sorted(numbered)]

    def _namespaces(self, txn: lmdb.Transaction) -> Iterator[Item]:
        return checked.items(txn, self._db, "namespaces")

    def namespace_number(self, txn: lmdb.Transaction, namespace: str) -> int | None:
        """The number of a namespace; None when it never held a series."""
        stored = checked.get(txn, self._db, "namespaces", _hash(namespace.encode()))
        return None if stored is None else int(_NAMESPACE.unpack(stored[:4])[0])

    def namespace_added(self, txn: lmdb.Transaction, namespace: str) -> int:
        """The number of a namespace, given now if it has none."""
        number = self.namespace_number(txn, namespace)
        if number is None:
            number = int(txn.stat(self._db["namespaces"])["entries"])
            self._put_namespace(txn, namespace, number, 0)
        return number

    def _put_namespace(self, txn: lmdb.Transaction, namespace: str, number: int, series_count: int) -> None:
        value = _NAMESPACE.pack(number) + _COUNTER.pack(series_count) + namespace.encode()
        checked.put(txn, self._db, "namespaces", _hash(namespace.encode()), value)

    def series_count(self, txn: lmdb.Transaction, namespace: str) -> int:
        """Series that a namespace has, trashed ones not counted."""
        stored = checked.get(txn, self._db, "namespaces", _hash(namespace.encode()))
        return 0 if stored is None else int(_COUNTER.unpack(stored[4:12])[0])

    # -- look up and add --

    def look_up(self, txn: lmdb.Transaction, namespace: str, names: Iterable[str]) -> dict[str, int]:
        """Ids of those names, as stored, that exist."""
        number = self.namespace_number(txn, namespace)
        if number is None:
            return {}
        found = ((name, self._id(txn, number, name)) for name in names)
        return {name: id_ for name, id_ in found if id_ is not None}

    def _id(self, txn: lmdb.Transaction, number: int, name: str) -> int | None:
        stored = checked.get(txn, self._db, "names", _name_hash(number, name))
        if stored is None:
            return None
        entry = checked.get(txn, self._db, "series", stored)
        if entry is None or entry[_CREATED.size :] != name.encode():
            raise CorruptionError(f'name "{name}"', 0, "the series that it leads to has another name or is missing")
        return int(_SERIES_KEY.unpack(stored)[1])

    def add(self, txn: lmdb.Transaction, namespace: str, kinds: Mapping[str, Kind], created_s: int) -> dict[str, int]:
        """New series for names that do not exist; ids by name."""
        number = self.namespace_added(txn, namespace)
        ordinals = self._ordinals(txn)
        ids = {}
        for name, kind in kinds.items():
            ids[name] = series_id(kind, ordinals[kind])
            ordinals[kind] += 1
        assert max(ids.values()) < SERIES_IDS_MAX
        checked.put(txn, self._db, "meta", b"ordinals", _ORDINALS.pack(*ordinals))
        self._put_series(txn, number, ids, created_s)
        self._put_namespace(txn, namespace, number, self.series_count(txn, namespace) + len(ids))
        return ids

    def _ordinals(self, txn: lmdb.Transaction) -> list[int]:
        stored = checked.get(txn, self._db, "meta", b"ordinals")
        return [0, 0] if stored is None else list(_ORDINALS.unpack(stored))

    def ordinals(self, txn: lmdb.Transaction) -> tuple[int, int]:
        """How many ids were ever given to counters and to values."""
        counters, values = self._ordinals(txn)
        return counters, values

    def _put_series(self, txn: lmdb.Transaction, number: int, ids: Mapping[str, int], created_s: int) -> None:
        """In key order and by one call a database: a put from Python costs three times as much."""
        created = _CREATED.pack(created_s)
        by_id = [(_SERIES_KEY.pack(number, id_), created + name.encode()) for name, id_ in ids.items()]
        by_name = [(_name_hash(number, name), _SERIES_KEY.pack(number, id_)) for name, id_ in ids.items()]
        for db_name, items in (("series", by_id), ("names", by_name)):
            with txn.cursor(db=self._db[db_name]) as cursor:
                cursor.putmulti(sorted((key, checked.with_checksum(key, value)) for key, value in items))

    # -- list --

    def series(self, txn: lmdb.Transaction, namespace: str, after: int | None = None) -> Iterator[Series]:
        """The series of a namespace in the order of their ids, behind the id ``after``."""
        number = self.namespace_number(txn, namespace)
        if number is None:
            return
        # No series has the last id: an ``after`` from outside may be beyond all of them.
        behind = b"" if after is None else _SERIES_KEY.pack(number, min(after, SERIES_IDS_MAX - 1))
        for key, value in checked.items(txn, self._db, "series", _NAMESPACE.pack(number), behind):
            id_ = _SERIES_KEY.unpack(key)[1]
            (created_s,) = _CREATED.unpack_from(value)
            yield Series(id_, namespace, str(value[_CREATED.size :], "utf-8"), kind_of(id_), created_s)

    def find(self, txn: lmdb.Transaction, namespace: str, name: str) -> Series:
        """One series by its stored name.

        Raises:
            UnknownSeriesError: there is none.
        """
        number = self.namespace_number(txn, namespace)
        id_ = None if number is None else self._id(txn, number, name)
        if number is None or id_ is None:
            raise UnknownSeriesError(f'no series is called "{name}"')
        entry = checked.get(txn, self._db, "series", _SERIES_KEY.pack(number, id_))
        assert entry is not None
        return Series(id_, namespace, name, kind_of(id_), _CREATED.unpack_from(entry)[0])

    def find_by_id(self, txn: lmdb.Transaction, namespace: str, id_: int) -> Series:
        """One series of a namespace by its id.

        Raises:
            UnknownSeriesError: there is none.
        """
        number = self.namespace_number(txn, namespace)
        known = number is not None and 0 <= id_ < SERIES_IDS_MAX
        entry = checked.get(txn, self._db, "series", _SERIES_KEY.pack(number, id_)) if known else None
        if entry is None:
            raise UnknownSeriesError(f"no series has the id {id_}")
        (created_s,) = _CREATED.unpack_from(entry)
        return Series(id_, namespace, str(entry[_CREATED.size :], "utf-8"), kind_of(id_), created_s)

    # -- trash --

    def trash(self, txn: lmdb.Transaction, namespace: str) -> list[TrashedSeries]:
        """The deleted series of a namespace, in the order of their ids."""
        number = self.namespace_number(txn, namespace)
        if number is None:
            return []
        entries = checked.items(txn, self._db, "trash", _NAMESPACE.pack(number))
        return [_trashed(namespace, key, value) for key, value in entries]

    def delete(self, txn: lmdb.Transaction, namespace: str, name: str, deleted_s: int) -> TrashedSeries:
        """Move a series to the trash; its name is free at once."""
        series = self.find(txn, namespace, name)
        number = self.namespace_added(txn, namespace)
        key = _SERIES_KEY.pack(number, series.id)
        txn.delete(key, db=self._db["series"])
        txn.delete(_name_hash(number, name), db=self._db["names"])
        value = _CREATED_DELETED.pack(series.created_s, deleted_s) + name.encode()
        checked.put(txn, self._db, "trash", key, value)
        self._put_namespace(txn, namespace, number, self.series_count(txn, namespace) - 1)
        self._raise_epoch(txn)
        return _trashed(namespace, key, value)

    def restore(self, txn: lmdb.Transaction, namespace: str, id_: int) -> Series:
        """Bring a deleted series back under its name.

        Raises:
            UnknownSeriesError: it is not in this namespace's trash.
            NameTakenError: another series has its name by now.
        """
        number = self.namespace_number(txn, namespace)
        key = b"" if number is None or not 0 <= id_ < SERIES_IDS_MAX else _SERIES_KEY.pack(number, id_)
        stored = checked.get(txn, self._db, "trash", key) if key else None
        if number is None or stored is None:
            raise UnknownSeriesError(f"no series {id_} is in the trash")
        trashed = _trashed(namespace, key, stored)
        if self._id(txn, number, trashed.name) is not None:
            raise NameTakenError(f'"{trashed.name}" exists again: delete that series first')
        txn.delete(key, db=self._db["trash"])
        self._put_series(txn, number, {trashed.name: id_}, trashed.created_s)
        self._put_namespace(txn, namespace, number, self.series_count(txn, namespace) + 1)
        self._raise_epoch(txn)
        return Series(id_, namespace, trashed.name, trashed.kind, trashed.created_s)

    def bury(self, txn: lmdb.Transaction, deleted_before_s: int) -> list[int]:
        """Take series deleted before a moment out of the trash for good; their ids, dead from now on."""
        entries = [
            (bytes(key), _SERIES_KEY.unpack(key)[1])
            for key, value in checked.items(txn, self._db, "trash")
            if _CREATED_DELETED.unpack_from(value)[1] <= deleted_before_s
        ]
        for key, id_ in entries:
            txn.delete(key, db=self._db["trash"])
            checked.put(txn, self._db, "dead", _DEAD_KEY.pack(id_), b"\0")
        return [id_ for _, id_ in entries]

    def dead(self, txn: lmdb.Transaction, *, only_unblanked: bool = False) -> list[int]:
        """Ids of purged series, ascending; ``only_unblanked``: those that may still have cells in the rings."""
        entries = checked.items(txn, self._db, "dead")
        return [_DEAD_KEY.unpack(key)[0] for key, value in entries if not only_unblanked or value[0] == 0]

    def dead_count(self, txn: lmdb.Transaction) -> int:
        """How many series were ever purged."""
        return int(txn.stat(self._db["dead"])["entries"])

    def mark_blanked(self, txn: lmdb.Transaction, ids: Sequence[int]) -> None:
        """Remember that nothing of these dead series is left in the rings."""
        for id_ in ids:
            checked.put(txn, self._db, "dead", _DEAD_KEY.pack(id_), b"\1")

    # -- for the checker --

    def known_ids(self, txn: lmdb.Transaction) -> set[int]:
        """Ids in the catalog and in the trash."""
        both = (checked.items(txn, self._db, name) for name in ("series", "trash"))
        return {_SERIES_KEY.unpack(key)[1] for entries in both for key, _ in entries}


def _trashed(namespace: str, key: bytes | memoryview, value: bytes | memoryview) -> TrashedSeries:
    id_ = _SERIES_KEY.unpack(key)[1]
    created_s, deleted_s = _CREATED_DELETED.unpack_from(value)
    name = str(value[_CREATED_DELETED.size :], "utf-8")
    return TrashedSeries(id_, namespace, name, kind_of(id_), created_s, deleted_s)


def _hash(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()


def _name_hash(number: int, name: str) -> bytes:
    return _hash(_NAMESPACE.pack(number) + name.encode())

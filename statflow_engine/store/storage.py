"""Get and put the tiles and books of the rings by place, and the states of groups.

A key holds places, which all laps share; what is stored repeats its number, and here is where the
two are compared: another lap's reads as nothing, a thing that does not belong at its place is damage.
"""

import struct
import zlib
from collections.abc import Callable
from typing import NamedTuple

import lmdb

from statflow_engine.errors import CorruptionError
from statflow_engine.pure.groups import GroupState
from statflow_engine.pure.rings import Ring
from statflow_engine.pure.schema import Schema
from statflow_engine.pure.tiles import BOOK, CLOSED, FORM_NAMES, LATE, OPEN, Stored, decode_head
from statflow_engine.store.environment import Databases

# Ring, group, place of the chapter, item: a span's number in the chapter, or one of the two below. What belongs to one
# chapter of a group lies side by side.
RING_KEY = struct.Struct(">BIIB")
_HOME = struct.Struct(">BI")
GROUP_KEY = struct.Struct(">I")
LATE_ITEM, BOOK_ITEM = 0xFE, 0xFF

_FORMS_OF_ITEM = {LATE_ITEM: (LATE,), BOOK_ITEM: (BOOK,)}
_FORMS_OF_SPAN = (OPEN, CLOSED)

Get = Callable[[bytes], Stored | None]


class Found(NamedTuple):
    """A stored thing, where it lies, and the number that it says it has."""

    where: "KeyText"
    stored: Stored
    form: int
    number: int


class RingStore:
    """The things that lie in the rings, read through one source: a transaction, or one with changes laid over it."""

    def __init__(self, schema: Schema, get_ring: Get, get_group: Get) -> None:
        self.schema = schema
        self._get_ring = get_ring
        self._get_group = get_group

    @classmethod
    def of(cls, schema: Schema, txn: lmdb.Transaction, db: Databases) -> "RingStore":
        """What a transaction sees."""
        rings, groups = db["rings"], db["groups"]
        return cls(schema, lambda key: txn.get(key, db=rings), lambda key: txn.get(key, db=groups))

    def state(self, group: int) -> GroupState | None:
        """What a group has reached; None when no row of it was ever folded."""
        stored = self._get_group(GROUP_KEY.pack(group))
        return None if stored is None else GroupState.decode(stored, f"state of group {group}")

    def tile(self, ring: int, group: int, span: int) -> Found | None:
        """The open or closed tile of a span; None when there is none of this lap."""
        return self._of_lap(tile_key(self.schema, ring, group, span), span, _FORMS_OF_SPAN)

    def late(self, ring: int, group: int, chapter: int) -> Found | None:
        """The late tile of a chapter; None when there is none of this lap."""
        return self._of_lap(late_key(self.schema, ring, group, chapter), chapter, _FORMS_OF_ITEM[LATE_ITEM])

    def book(self, ring: int, group: int, chapter: int) -> Found | None:
        """The book of a chapter; None when there is none of this lap."""
        return self._of_lap(book_key(self.schema, ring, group, chapter), chapter, _FORMS_OF_ITEM[BOOK_ITEM])

    def _of_lap(self, key: bytes, number: int, forms: tuple[int, ...]) -> Found | None:
        stored = self._get_ring(key)
        if stored is None:
            return None
        found = _decoded(key, stored)
        if found.number == number and found.form in forms:
            return found  # The key was made of the number: it lies where it belongs.
        refuse_misplaced(self.schema, key, found.form, found.number)
        return None

    def found(self, key: bytes) -> Found | None:
        """What lies at a key, whichever lap it is of.

        Raises:
            CorruptionError: it says that it belongs elsewhere.
        """
        stored = self._get_ring(key)
        if stored is None:
            return None
        found = _decoded(key, stored)
        refuse_misplaced(self.schema, key, found.form, found.number)
        return found


def _decoded(key: bytes, stored: Stored) -> Found:
    where = KeyText(key)
    form, _, number = decode_head(stored, where, zlib.crc32(key[: _HOME.size]))
    return Found(where, stored, form, number)


def refuse_misplaced(schema: Schema, key: bytes, form: int, number: int) -> None:
    """Raise a CorruptionError when a thing of this form and number does not belong at this key."""
    ring_index, _, place, item = RING_KEY.unpack(key)
    ring = schema.rings[ring_index]
    if form not in _FORMS_OF_ITEM.get(item, _FORMS_OF_SPAN):
        raise CorruptionError(KeyText(key), 0, f"a {FORM_NAMES[form]} lies here")
    chapter = number if item >= LATE_ITEM else ring.chapter_of_span(number)
    if ring.place(chapter) != place or (item < LATE_ITEM and ring.item(number) != item):
        raise CorruptionError(KeyText(key), 4, f"number {number} does not belong here")


def home_of(ring: int, group: int) -> int:
    """With what the checksums of the heads of a ring's and group's tiles and books begin."""
    return zlib.crc32(_HOME.pack(ring, group))


def tile_key(schema: Schema, ring: int, group: int, span: int) -> bytes:
    """The key of a span's tile."""
    geometry = schema.rings[ring]
    return _key(geometry, ring, group, geometry.chapter_of_span(span), geometry.item(span))


def late_key(schema: Schema, ring: int, group: int, chapter: int) -> bytes:
    """The key of a chapter's late tile."""
    return _key(schema.rings[ring], ring, group, chapter, LATE_ITEM)


def book_key(schema: Schema, ring: int, group: int, chapter: int) -> bytes:
    """The key of a chapter's book."""
    return _key(schema.rings[ring], ring, group, chapter, BOOK_ITEM)


def _key(geometry: Ring, ring: int, group: int, chapter: int, item: int) -> bytes:
    return RING_KEY.pack(ring, group, geometry.place(chapter), item)


class KeyText(NamedTuple):
    """What a key names, put into words only when an error needs them."""

    key: bytes

    def __str__(self) -> str:
        ring, group, place, item = RING_KEY.unpack(self.key)
        thing = {LATE_ITEM: "late tile", BOOK_ITEM: "book"}.get(item, f"tile {item}")
        return f"{thing} of ring {ring}, group {group}, place {place}"


def group_of_key(key: Stored) -> int:
    """The group whose state has a key.

    Raises:
        CorruptionError: it is no such key.
    """
    if len(key) != GROUP_KEY.size:
        raise CorruptionError("groups", 0, f"the key {bytes(key).hex()} is no group")
    return int(GROUP_KEY.unpack(key)[0])


class Draft:
    """Changes laid over a read transaction, to be put in a write transaction later.

    Folding reads, merges and encodes here without the write lock, which other writers need.
    """

    def __init__(self, schema: Schema, txn: lmdb.Transaction, db: Databases) -> None:
        self._txn, self._db = txn, db
        self._rings: dict[bytes, bytes | None] = {}
        self._groups: dict[bytes, bytes] = {}
        self.size = 0
        self.store = RingStore(schema, self._ring, lambda key: txn.get(key, db=db["groups"]))

    def _ring(self, key: bytes) -> Stored | None:
        if key in self._rings:
            return self._rings[key]
        return self._txn.get(key, db=self._db["rings"])

    def put(self, key: bytes, value: bytes) -> None:
        """Store a tile or book."""
        self._rings[key] = value
        self.size += len(value)

    def delete(self, key: bytes) -> None:
        """Remove what lies at a key."""
        self._rings[key] = None

    def put_state(self, group: int, state: GroupState) -> None:
        """Store what a group has reached."""
        self._groups[GROUP_KEY.pack(group)] = value = state.encode()
        self.size += len(value)

    def apply(self, txn: lmdb.Transaction) -> None:
        """Put all changes, in the order of their keys."""
        for key in sorted(self._rings):
            value = self._rings[key]
            if value is None:
                txn.delete(key, db=self._db["rings"])
            else:
                txn.put(key, value, db=self._db["rings"])
        for key in sorted(self._groups):
            txn.put(key, self._groups[key], db=self._db["groups"])

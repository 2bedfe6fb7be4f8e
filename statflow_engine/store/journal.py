"""The journal: accepted points that are not folded yet, in order.

Its interface is small on purpose: append this durably, give me what comes after a position, drop what
is folded. A replicated log could take its place.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple, Self

import lmdb

from statflow_engine.errors import CorruptionError
from statflow_engine.pure.records import RecordColumns, RecordHead, decode_columns, decode_head
from statflow_engine.pure.tiles import Stored
from statflow_engine.store import checked
from statflow_engine.store.environment import Databases

_POSITION = struct.Struct(">Q")
_CURSOR = struct.Struct("<QQQIQQ")
_CURSOR_KEY = b"fold"


class FoldCursor(NamedTuple):
    """How far folding has come: the records of a window, walked group by group.

    Readers skip the rows of records up to `window_last` whose group is below `next_group`: these are in
    tiles. It is stored by the transaction that writes the tiles; stored after it, a process
    killed in between would leave rows counted twice.

    Attributes:
        done: position of the last record that is folded whole and dropped.
        done_rows: rows of all records up to `done`.
        window_last: position of the last record of the window in hand; equal to `done` when none is.
        next_group: the first group of the window that is not folded.
        step: raised by every step and by whatever else changes tiles, so that a step sees that it was overtaken.
        swept_span: the finest ring's first span not over, up to which idle groups were closed.
    """

    done: int = 0
    done_rows: int = 0
    window_last: int = 0
    next_group: int = 0
    step: int = 0
    swept_span: int = 0

    @property
    def in_window(self) -> bool:
        """Whether a window is in hand."""
        return self.window_last > self.done

    @classmethod
    def read(cls, txn: lmdb.Transaction, db: Databases) -> Self:
        """The stored cursor; that of a new store when there is none."""
        stored = checked.get(txn, db, "meta", _CURSOR_KEY)
        return cls() if stored is None else cls(*_CURSOR.unpack(stored))

    def put(self, txn: lmdb.Transaction, db: Databases) -> None:
        """Store it, one step on."""
        fields = (self.done, self.done_rows, self.window_last, self.next_group, self.step + 1, self.swept_span)
        checked.put(txn, db, "meta", _CURSOR_KEY, _CURSOR.pack(*fields))


class Tail(NamedTuple):
    """Where the journal ends.

    Attributes:
        position: of the last record; that of the last dropped one when the journal is empty.
        rows_after: rows of all records ever, up to the end.
    """

    position: int
    rows_after: int


class Journal:
    """Records under ascending positions, counted from 1."""

    def __init__(self, db: Databases) -> None:
        self._db = db

    def tail(self, txn: lmdb.Transaction) -> Tail:
        """Where the journal ends."""
        with txn.cursor(db=self._db["journal"]) as cursor:
            if cursor.last():
                position = _position(cursor.key())
                return Tail(position, decode_head(cursor.value(), f"record {position}").rows_after)
        folded = FoldCursor.read(txn, self._db)
        return Tail(folded.done, folded.done_rows)

    def last_position(self, txn: lmdb.Transaction, folded: FoldCursor) -> int:
        """The position of the last record; of the last dropped one when the journal is empty."""
        with txn.cursor(db=self._db["journal"]) as cursor:
            return _position(cursor.key()) if cursor.last() else folded.done

    def append(self, txn: lmdb.Transaction, tail: Tail, record: bytes, row_count: int) -> Tail:
        """Store a record behind the ``tail`` that the transaction sees; durable with its commit. Where it ends then.

        Args:
            txn: a write transaction.
            tail: where the journal ends; what its rows were is in the record, as the rows before.
            record: encoded.
            row_count: its points.
        """
        txn.put(_POSITION.pack(tail.position + 1), record, db=self._db["journal"], append=True)
        return Tail(tail.position + 1, tail.rows_after + row_count)

    def after(self, txn: lmdb.Transaction, position: int) -> Iterator[tuple[int, Stored]]:
        """(position, stored record) of every record behind a position; views that end with the transaction."""
        with txn.cursor(db=self._db["journal"]) as cursor:
            # An iterator of a cursor that found nothing would begin at the first key.
            if cursor.set_range(_POSITION.pack(position + 1)):
                for key, value in cursor.iternext():
                    yield _position(key), value

    def read(self, txn: lmdb.Transaction, after: int, last: int) -> tuple[list[int], list[RecordColumns]]:
        """Positions and columns of the records behind ``after`` up to ``last``; views that end with the transaction."""
        positions, records = [], []
        for position, record in self.after(txn, after):
            if position > last:
                break
            positions.append(position)
            records.append(decode_columns(record, f"record {position}"))
        return positions, records

    def window_end(self, txn: lmdb.Transaction, after: int, rows_max: int) -> tuple[int, int]:
        """(position of the last record, rows up to it) of a window behind ``after``: cut by counts, never by time.

        At least one record, when there is one; whole records until they have ``rows_max`` rows.
        """
        last, rows, begun = after, 0, None
        for position, record in self.after(txn, after):
            head = self.head(record, position)
            begun = head.rows_before if begun is None else begun
            last, rows = position, head.rows_after - begun
            if rows >= rows_max:
                break
        return last, rows

    @staticmethod
    def head(record: Stored, position: int) -> RecordHead:
        """The head of a stored record."""
        return decode_head(record, f"record {position}")

    def drop(self, txn: lmdb.Transaction, last: int) -> None:
        """Remove the records up to ``last``."""
        with txn.cursor(db=self._db["journal"]) as cursor:
            cursor.first()
            # delete() also answers True after the last record; only the key tells that there is one.
            while cursor.key() and _position(cursor.key()) <= last:
                cursor.delete()

    def oldest_received_s(self, txn: lmdb.Transaction) -> int | None:
        """When the first record that is not folded was received; None when the journal is empty."""
        first = next(self.after(txn, 0), None)
        return None if first is None else self.head(first[1], first[0]).received_s

    def record_count(self, txn: lmdb.Transaction) -> int:
        """Records that are not dropped."""
        return int(txn.stat(self._db["journal"])["entries"])


def _position(key: Stored) -> int:
    if len(key) != _POSITION.size:
        raise CorruptionError("journal", 0, f"the key {bytes(key).hex()} is no position")
    return int(_POSITION.unpack(key)[0])


def moved(cursor: FoldCursor, **changes: int) -> FoldCursor:
    """The cursor with some fields changed."""
    return cursor._replace(**changes)

"""A journal record as bytes: the points of one commit, as columns. Pure. FORMAT.md has every byte."""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from statflow_engine.errors import CorruptionError
from statflow_engine.pure.cells import Floats, Ints
from statflow_engine.pure.tiles import Stored, refuse_crc

# CRC-32 of what follows, rows, received, rows of the journal before, base of the timestamps, width of an offset.
_HEAD = struct.Struct("<IIqQqB3x")
assert _HEAD.size == 36
_CRC = struct.Struct("<I")
_ID_DTYPE, _VALUE_DTYPE = np.dtype("<u4"), np.dtype("<f8")
_OFFSET_DTYPES: dict[int, np.dtype[np.unsignedinteger]] = {4: np.dtype("<u4"), 8: np.dtype("<u8")}


@dataclass(frozen=True, slots=True)
class Points:
    """Points of known series, in the order in which they came.

    Attributes:
        series_ids, timestamps_s: int64.
        values: float64, finite.
        received_s: when they were accepted; decides which rings they enter. An int for all, or int64, one a point.
    """

    series_ids: Ints
    timestamps_s: Ints
    values: Floats
    received_s: Ints

    def __len__(self) -> int:
        return len(self.series_ids)

    def take(self, rows: NDArray[np.bool_]) -> Self:
        """The rows that a mask selects."""
        return type(self)(self.series_ids[rows], self.timestamps_s[rows], self.values[rows], self.received_s[rows])

    @classmethod
    def joined(cls, pieces: Sequence[Self]) -> Self:
        """One after the other."""
        if len(pieces) == 1:
            return pieces[0]
        return cls(
            np.concatenate([piece.series_ids for piece in pieces]),
            np.concatenate([piece.timestamps_s for piece in pieces]),
            np.concatenate([piece.values for piece in pieces]),
            np.concatenate([piece.received_s for piece in pieces]),
        )


@dataclass(frozen=True, slots=True)
class RecordHead:
    """What is known of a record without reading its columns.

    Attributes:
        row_count: its points.
        received_s: when they were accepted.
        rows_before: points of all records before it, folded ones included.
    """

    row_count: int
    received_s: int
    rows_before: int

    @property
    def rows_after(self) -> int:
        """Points of all records up to and with this one."""
        return self.rows_before + self.row_count


def encode_record(series_ids: Ints, timestamps_s: Ints, values: Floats, *, received_s: int, rows_before: int) -> bytes:
    """One record; ``series_ids`` are below 2**32."""
    base_s = int(timestamps_s.min())
    width = 4 if int(timestamps_s.max()) - base_s < 2**32 else 8
    body = b"".join(
        (
            _HEAD.pack(0, len(values), received_s, rows_before, base_s, width)[4:],
            series_ids.astype(_ID_DTYPE).tobytes(),
            (timestamps_s - base_s).astype(_OFFSET_DTYPES[width]).tobytes(),
            values.astype(_VALUE_DTYPE, copy=False).tobytes(),
        )
    )
    return _CRC.pack(zlib.crc32(body)) + body


def encode_few(points: Sequence[tuple[int, int, float]], *, received_s: int, rows_before: int) -> bytes:
    """The record of a few (series id, timestamp, value), the same bytes as by columns: for a single point in a fifth of
    the time that numpy takes."""
    times_s = [timestamp_s for _, timestamp_s, _ in points]
    base_s = min(times_s)
    count, width = len(points), 4 if max(times_s) - base_s < 2**32 else 8
    body = b"".join(
        (
            _HEAD.pack(0, count, received_s, rows_before, base_s, width)[4:],
            struct.pack(f"<{count}I", *[series_id for series_id, _, _ in points]),
            struct.pack(f"<{count}{'I' if width == 4 else 'Q'}", *[time_s - base_s for time_s in times_s]),
            struct.pack(f"<{count}d", *[value for _, _, value in points]),
        )
    )
    return _CRC.pack(zlib.crc32(body)) + body


def decode_head(record: Stored, where: object) -> RecordHead:
    """The head of a record, its checksum unread.

    Raises:
        CorruptionError: it is cut short.
    """
    if len(record) < _HEAD.size:
        raise CorruptionError(where, len(record), f"{len(record)} bytes, wanted at least {_HEAD.size}")
    _, row_count, received_s, rows_before, _, _ = _HEAD.unpack_from(record)
    return RecordHead(row_count, received_s, rows_before)


class RecordColumns(NamedTuple):
    """The columns of one record as they are stored: views of it.

    Attributes:
        series_ids: uint32.
        offsets_s: uint32 or uint64, timestamps counted from ``base_s``.
        values: float64.
        base_s, received_s: Unix seconds, for all.
    """

    series_ids: NDArray[np.uint32]
    offsets_s: NDArray[np.unsignedinteger]
    values: Floats
    base_s: int
    received_s: int


def decode_columns(record: Stored, where: object) -> RecordColumns:
    """The columns of a stored record.

    Raises:
        CorruptionError: it is cut short or its checksum is wrong.
    """
    decode_head(record, where)
    crc, row_count, received_s, _, base_s, width = _HEAD.unpack_from(record)
    refuse_crc(where, 0, zlib.crc32(record[4:]), crc)
    wanted = _HEAD.size + row_count * (_ID_DTYPE.itemsize + width + _VALUE_DTYPE.itemsize)
    if len(record) != wanted or width not in _OFFSET_DTYPES:
        raise CorruptionError(where, 0, f"{len(record)} bytes for {row_count} rows, wanted {wanted}")
    offsets_at = _HEAD.size + row_count * _ID_DTYPE.itemsize
    values_at = offsets_at + row_count * width
    return RecordColumns(
        np.frombuffer(record, _ID_DTYPE, row_count, _HEAD.size),
        np.frombuffer(record, _OFFSET_DTYPES[width], row_count, offsets_at),
        np.frombuffer(record, _VALUE_DTYPE, row_count, values_at),
        base_s,
        received_s,
    )


def points_of(records: Sequence[RecordColumns]) -> Points:
    """The points of some records, one after the other, newly allocated."""
    lengths = [len(record.series_ids) for record in records]
    bases_s = np.array([record.base_s for record in records], np.int64).repeat(lengths)
    received_s = np.array([record.received_s for record in records], np.int64).repeat(lengths)
    if not records:
        return Points(bases_s, bases_s, np.zeros(0), received_s)
    timestamps_s = np.concatenate([record.offsets_s for record in records], dtype=np.int64, casting="unsafe")
    timestamps_s += bases_s
    return Points(
        np.concatenate([record.series_ids for record in records], dtype=np.int64),
        timestamps_s,
        np.concatenate([record.values for record in records], dtype=np.float64),
        received_s,
    )

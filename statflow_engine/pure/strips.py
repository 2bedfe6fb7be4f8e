"""Sealed history as bytes: a strip is one chapter of one series, a book the strips of one group. Pure.

Numbers are compressed by pcodec, which is made for numerical sequences: a count takes half a byte and a
latency 1.8 where zstd takes 5.5. FORMAT.md has every byte.
"""

import struct
import zlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from pcodec import ChunkConfig, standalone

from statflow_engine.errors import CorruptionError
from statflow_engine.kinds import SERIES_PER_GROUP, Kind, kind_of
from statflow_engine.pure.cells import Cells, Floats, Ints, within
from statflow_engine.pure.strands import Strand
from statflow_engine.pure.tiles import BOOK, Stored, encode_head, refuse_crc

_Number = TypeVar("_Number", np.int64, np.float64)

# CRC-32 of what follows and the number of the series, rows, rows with more than one point.
_STRIP_HEAD = struct.Struct("<IHH")
_EXACT = struct.Struct("<BH")
_U16 = struct.Struct("<H")

# How positions (of rows in a chapter, of exceptions among rows) are stored.
_RUN, _LIST, _BITMAP = 0, 1, 2

# How numbers are stored.
_RAW, _PCODEC, _RAW_U32 = 0, 1, 2

# Fewer numbers than this are stored raw: pcodec's own head is some 30 bytes.
PCODEC_ROWS_MIN = 8

# Level 4 of 0 to 12: level 8 took three times as long for 1 % fewer bytes.
PCODEC_LEVEL = 4

_OFFSETS_DTYPE = np.dtype("<u4")
_OFFSETS_AT = 16
_OFFSETS_SIZE = (SERIES_PER_GROUP + 1) * _OFFSETS_DTYPE.itemsize
_STRIPS_AT = _OFFSETS_AT + _OFFSETS_SIZE + 4
_OFFSET_PAIR = struct.Struct("<II")
_CRC = struct.Struct("<I")


# -- books -------------------------------------------------------------------------------------------------------------


def encode_book(chapter: int, strips: Sequence[Stored], home: int) -> bytes:
    """The strips of one group and chapter under one key.

    Args:
        chapter: its number on the time line.
        strips: 64, in the order of the columns; empty where a series has no cell.
        home: the CRC-32 of its ring and group.
    """
    assert len(strips) == SERIES_PER_GROUP, len(strips)
    return _book(chapter, np.array([len(strip) for strip in strips]), strips, home)


def with_strips(book: Stored, where: object, chapter: int, changed: Mapping[int, Stored], home: int) -> bytes:
    """A book whose head was decoded with other strips in some columns; the rest is copied as it is stored.

    Raises:
        CorruptionError: the table's checksum is wrong, or the book is not as long as it says.
    """
    offsets = _offsets(book, where)
    lengths: Ints = offsets[1:].astype(np.int64) - offsets[:-1]
    parts: list[Stored] = []
    copied = 0
    for column in sorted(changed):
        parts += [book[_STRIPS_AT + copied : _STRIPS_AT + int(offsets[column])], changed[column]]
        copied = int(offsets[column + 1])
        lengths[column] = len(changed[column])
    parts.append(book[_STRIPS_AT + copied :])
    return _book(chapter, lengths, parts, home)


def _book(chapter: int, lengths: Ints, parts: Sequence[Stored], home: int) -> bytes:
    offsets = np.zeros(SERIES_PER_GROUP + 1, _OFFSETS_DTYPE)
    np.cumsum(lengths, out=offsets[1:])
    table = offsets.tobytes()
    return b"".join((encode_head(BOOK, 0, chapter, home), table, _CRC.pack(zlib.crc32(table)), *parts))


def cut_strip(book: Stored, where: object, column: int) -> Stored:
    """One strip of a book whose head was decoded; empty when the series has no cell there.

    Raises:
        CorruptionError: the table's checksum is wrong, or the strip is cut short.
    """
    _check_table(book, where)
    first, end = _OFFSET_PAIR.unpack_from(book, _OFFSETS_AT + column * _OFFSETS_DTYPE.itemsize)
    if _STRIPS_AT + end > len(book):
        raise CorruptionError(where, len(book), f"the strip of column {column} is cut short")
    return book[_STRIPS_AT + first : _STRIPS_AT + end]


def cut_strips(book: Stored, where: object) -> list[bytes]:
    """All 64 strips of a book whose head was decoded, as stored."""
    offsets = _offsets(book, where).tolist()
    return [bytes(book[_STRIPS_AT + a : _STRIPS_AT + b]) for a, b in pairwise(offsets)]


def _offsets(book: Stored, where: object) -> NDArray[np.uint32]:
    """Where each strip begins, and where the last one ends, in a book that is as long as it should be."""
    _check_table(book, where)
    offsets: NDArray[np.uint32] = np.frombuffer(book, _OFFSETS_DTYPE, SERIES_PER_GROUP + 1, _OFFSETS_AT)
    if _STRIPS_AT + int(offsets[-1]) != len(book):
        raise CorruptionError(where, len(book), f"{len(book)} bytes, wanted {_STRIPS_AT + int(offsets[-1])}")
    return offsets


def _check_table(book: Stored, where: object) -> None:
    if len(book) < _STRIPS_AT:
        raise CorruptionError(where, len(book), "the table of offsets is cut short")
    (wanted,) = _CRC.unpack_from(book, _STRIPS_AT - _CRC.size)
    refuse_crc(where, _OFFSETS_AT, zlib.crc32(book[_OFFSETS_AT : _STRIPS_AT - _CRC.size]), wanted)


# -- strips ------------------------------------------------------------------------------------------------------------


def encode_strip(cells: Cells, chapter_periods: int) -> bytes:
    """One chapter of one series.

    Args:
        cells: reduced cells of one series within one chapter, at least one row.
        chapter_periods: periods of a chapter, at most 1,024.
    """
    row_count = len(cells)
    several = np.flatnonzero(cells.counts != 1)
    parts = [_positions(within(cells.periods, chapter_periods)), _numbers(cells.sums)]
    if len(several):
        # Cells of more than one point are exceptions while they are few; all of them is just the case of a full list.
        parts += [_positions(several), _numbers(cells.counts[several])]
        if cells.mins is not None and cells.maxs is not None:
            parts += [_numbers(cells.mins[several]), _numbers(cells.maxs[several])]
    body = b"".join((_STRIP_HEAD.pack(0, row_count, len(several))[4:], *parts))
    return _CRC.pack(zlib.crc32(body, int(cells.series_ids[0]))) + body


def decode_strip(strip: Stored, where: object, series_id: int, chapter: int, chapter_periods: int) -> Strand:
    """The cells of a strip; see `encode_strip`.

    Raises:
        CorruptionError: the checksum is wrong, also when the strip is another series'.
    """
    if len(strip) < _STRIP_HEAD.size:
        raise CorruptionError(where, len(strip), f"{len(strip)} bytes, wanted at least {_STRIP_HEAD.size}")
    crc, row_count, several_count = _STRIP_HEAD.unpack_from(strip)
    refuse_crc(where, 0, zlib.crc32(strip[4:], series_id), crc)
    reader = _Reader(strip, _STRIP_HEAD.size)
    first, positions = reader.positions(row_count)
    sums = reader.floats(row_count)
    first_period = chapter * chapter_periods
    periods = None if positions is None else positions + first_period
    is_value = kind_of(series_id) is Kind.VALUE
    if not several_count:
        extremes = sums if is_value else None
        return Strand(first_period + first, periods, None, sums, extremes, extremes)
    several = reader.indices(several_count)
    counts = _spread(np.ones(row_count, np.int64), several, reader.integers(several_count))
    mins = maxs = None
    if is_value:
        mins = _spread(sums, several, reader.floats(several_count))
        maxs = _spread(sums, several, reader.floats(several_count))
    return Strand(first_period + first, periods, counts, sums, mins, maxs)


def _spread(column: NDArray[_Number], rows: Ints | slice, exceptions: NDArray[_Number]) -> NDArray[_Number]:
    """A copy of the column with other numbers in some rows; just those when they are as many as its rows."""
    if len(exceptions) == len(column):
        return exceptions
    spread = column.copy()
    spread[rows] = exceptions
    return spread


def _positions(positions: Ints) -> bytes:
    """Ascending positions below 65,536 as a run, a list or a bitmap, whichever is shortest."""
    first, last = int(positions[0]), int(positions[-1])
    extent = last - first + 1
    if extent == len(positions):
        return _EXACT.pack(_RUN, first)
    if 2 * len(positions) <= extent // 8:
        return _EXACT.pack(_LIST, first) + positions.astype("<u2").tobytes()
    bits = np.zeros(extent, bool)
    bits[positions - first] = True
    return _EXACT.pack(_BITMAP, first) + _U16.pack(extent) + np.packbits(bits).tobytes()


@lru_cache(maxsize=1)
def _config() -> ChunkConfig:
    return ChunkConfig(compression_level=PCODEC_LEVEL)


def _numbers(numbers: Floats | Ints) -> bytes:
    """Numbers by pcodec, or raw where that is shorter; counts below 2**32 raw in 4 bytes each."""
    method, raw = _RAW, numbers.astype(numbers.dtype.newbyteorder("<")).tobytes()
    if numbers.dtype == np.int64 and int(numbers.max()) < 2**32:
        method, raw = _RAW_U32, numbers.astype("<u4").tobytes()
    if len(numbers) >= PCODEC_ROWS_MIN:
        packed = standalone.simple_compress(numbers, _config())
        if len(packed) < len(raw):
            method, raw = _PCODEC, packed
    return _EXACT.pack(method, len(raw)) + raw


class _Reader:
    """Reads the columns of one strip in order. The checksum was right, so what it meets is what was written."""

    def __init__(self, strip: Stored, offset: int) -> None:
        self._strip = strip
        self._offset = offset

    def _take(self, size: int) -> Stored:
        taken = self._strip[self._offset : self._offset + size]
        self._offset += size
        return taken

    def positions(self, count: int) -> tuple[int, Ints | None]:
        """The first position, and all of them; None when they follow each other without a gap."""
        method, first = _EXACT.unpack(self._take(_EXACT.size))
        if method == _RUN:
            return first, None
        if method == _LIST:
            return first, np.frombuffer(self._take(2 * count), "<u2").astype(np.int64)
        (extent,) = _U16.unpack(self._take(2))
        bits = np.unpackbits(np.frombuffer(self._take(-(-extent // 8)), np.uint8), count=extent)
        found: Ints = np.flatnonzero(bits) + first
        return first, found

    def indices(self, count: int) -> Ints | slice:
        """The positions as what selects them in a column."""
        first, positions = self.positions(count)
        return slice(first, first + count) if positions is None else positions

    def floats(self, count: int) -> Floats:
        numbers: Floats = self._numbers(count, np.dtype("<f8")).astype(np.float64, copy=False)
        return numbers

    def integers(self, count: int) -> Ints:
        numbers: Ints = self._numbers(count, np.dtype("<i8")).astype(np.int64, copy=False)
        return numbers

    def _numbers(self, count: int, dtype: np.dtype[np.generic]) -> NDArray[np.generic]:
        method, size = _EXACT.unpack(self._take(_EXACT.size))
        stored = self._take(size)
        if method == _PCODEC:
            unpacked: NDArray[np.generic] | None = standalone.simple_decompress(bytes(stored))
            assert unpacked is not None
            return unpacked
        return np.frombuffer(stored, "<u4" if method == _RAW_U32 else dtype, count)

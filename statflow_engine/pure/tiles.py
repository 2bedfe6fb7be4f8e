"""The cells of one group as bytes: open and late tiles (blocks of rows), closed tiles (packed by series). Pure.

A tile repeats the number of the span (of a late tile: chapter) that it belongs to, because its key holds a
place only, which other laps share. Open and late tiles grow by blocks appended without decoding
what is there; a closed tile is packed so that one series can be cut out without its neighbours.
FORMAT.md has every byte.
"""

import struct
import sys
import zlib
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from statflow_engine.errors import CorruptionError
from statflow_engine.kinds import SERIES_PER_GROUP, Kind, kind_of_group
from statflow_engine.pure.cells import Cells, Ints, joined, split, within
from statflow_engine.pure.columns import COUNT_DTYPES, EXTREME_DTYPE, SUM_DTYPES, Layout, narrowed, row_dtype
from statflow_engine.pure.rings import PERIODS_PER_SPAN

if sys.byteorder != "little":
    raise ImportError("statflow_engine runs on little-endian machines: it reads stored columns where they lie")

OPEN, CLOSED, LATE, BOOK = 1, 2, 3, 4
FORM_NAMES = {OPEN: "open tile", CLOSED: "closed tile", LATE: "late tile", BOOK: "book"}

# form, detail (blocks of an open or late tile, layout of a closed one), zero, number of the span or chapter, and a
# CRC-32 of these that begins with the home, the CRC-32 of ring and group: a tile is not taken for another group's.
_HEAD = struct.Struct("<BBHqI")
assert _HEAD.size == 16
_HEAD_BODY = struct.Struct("<BBHq")

# CRC-32 of what follows it in the block, layout, zero, zero, rows.
_BLOCK_HEAD = struct.Struct("<IBBHI")
assert _BLOCK_HEAD.size == 12
_BLOCK_BODY = struct.Struct("<BBHI")
_CELL_DTYPE = np.dtype("<u2")

# Blocks in a tile before they are merged into one: each costs a reader about 1.5 us, merging a full tile 150.
BLOCKS_MAX = 8
# Late tiles are seldom added to, and are beside what every query of their chapter reads.
LATE_BLOCKS_MAX = 4

# In coarser rings blocks come seldom, once for each span that is closed below, and stay for hours or days: there a
# merge is paid once and saved at every query.
COARSE_BLOCKS_MAX = 2

# A closed tile's table: where each column's rows start, a CRC of each column's rows, one of all rows, one of the table.
_STARTS_DTYPE, _CRC_DTYPE = np.dtype("<u2"), np.dtype("<u4")
_STARTS_SIZE = (SERIES_PER_GROUP + 1) * _STARTS_DTYPE.itemsize
_CRCS_SIZE = SERIES_PER_GROUP * _CRC_DTYPE.itemsize
_ROWS_CRC_AT = _HEAD.size + _STARTS_SIZE + _CRCS_SIZE
_TABLE_CRC_AT = _ROWS_CRC_AT + 4
_ROWS_AT = _TABLE_CRC_AT + 4
_PAIR = struct.Struct("<HH")
_CRC = struct.Struct("<I")

Stored = bytes | memoryview


# -- the head that tiles and books share -------------------------------------------------------------------------------


def encode_head(form: int, detail: int, number: int, home: int) -> bytes:
    """The first 16 bytes of a tile or book. ``home``: the CRC-32 of its ring and group."""
    body = _HEAD_BODY.pack(form, detail, 0, number)
    return body + _CRC.pack(zlib.crc32(body, home))


def decode_head(stored: Stored, where: object, home: int) -> tuple[int, int, int]:
    """(form, detail, number) of a tile or book. ``home``: the CRC-32 of the ring and group that its key has.

    Raises:
        CorruptionError: it is too short, the checksum is wrong (also when it is another ring's or group's), or no such
            form exists.
    """
    if len(stored) < _HEAD.size:
        raise CorruptionError(where, len(stored), f"{len(stored)} bytes, wanted at least {_HEAD.size}")
    form, detail, _, number, crc = _HEAD.unpack_from(stored)
    refuse_crc(where, 12, zlib.crc32(stored[:12], home), crc)
    if form not in FORM_NAMES:
        raise CorruptionError(where, 0, f"form {form}, wanted one of {sorted(FORM_NAMES)}")
    return form, detail, number


def refuse_crc(where: object, offset: int, found: int, wanted: int) -> None:
    """Raise a CorruptionError unless both checksums are equal."""
    if found != wanted:
        raise CorruptionError(where, offset, f"checksum {found:#010x}, expected {wanted:#010x}")


# -- open and late tiles: blocks of rows -------------------------------------------------------------------------------


class BlockWriter:
    """Cuts blocks out of reduced cells of many groups.

    What is the same for all (the layout, narrow columns, cell numbers) is worked out once, so that a
    group costs a few slices.
    """

    def __init__(self, cells: Cells, unit_periods: int) -> None:
        """``cells``: reduced, in the order of ``unit_periods``."""
        self.layout = Layout.of(cells)
        numbers = within(cells.series_ids, SERIES_PER_GROUP) * unit_periods + within(cells.periods, unit_periods)
        self._columns = [numbers.astype(_CELL_DTYPE), *narrowed(cells, self.layout)]

    def block(self, first: int, end: int) -> bytes:
        """The block of the rows [first, end), which belong to one group and unit."""
        body = _BLOCK_BODY.pack(self.layout.byte, 0, 0, end - first)
        columns = b"".join([column[first:end].tobytes() for column in self._columns])
        return b"".join((_CRC.pack(zlib.crc32(columns, zlib.crc32(body))), body, columns))


def appended(stored: Stored | None, form: int, number: int, block: bytes, home: int) -> bytes:
    """An open or late tile with one more block; a new one when ``stored`` is None."""
    if stored is None:
        return encode_head(form, 1, number, home) + block
    block_count = stored[1] + 1
    return b"".join((encode_head(form, block_count, number, home), stored[_HEAD.size :], block))


def over_full(stored: bytes, ring_index: int) -> bool:
    """Whether an open or late tile of a ring has so many blocks that they should be merged."""
    if ring_index > 0:
        return stored[1] > COARSE_BLOCKS_MAX
    return stored[1] > (LATE_BLOCKS_MAX if stored[0] == LATE else BLOCKS_MAX)


def encode_blocks(form: int, number: int, cells: Cells, unit_periods: int, home: int) -> bytes:
    """An open or late tile of a single block: all of ``cells``, which are reduced and of one group and unit."""
    return appended(None, form, number, BlockWriter(cells, unit_periods).block(0, len(cells)), home)


class BlockRows(NamedTuple):
    """Some rows of one block as they are stored; the columns are views of the tile.

    Attributes:
        numbers: uint16, the number of each cell in the tile, ascending.
        counts: of any width; None: every one is 1.
        sums, mins, maxs: of any width that holds them; for counters mins and maxs are None.
    """

    numbers: NDArray[np.uint16]
    counts: NDArray[np.generic] | None
    sums: NDArray[np.generic]
    mins: NDArray[np.generic] | None
    maxs: NDArray[np.generic] | None


def decode_blocks(stored: Stored, where: object, group: int, unit_periods: int) -> list[Cells]:
    """The rows of an open or late tile whose head was decoded, a piece a block.

    Args:
        stored: the whole tile.
        where: what it is, for errors.
        group: the group that its key names.
        unit_periods: periods of the span (of a late tile: chapter) that it covers.

    Raises:
        CorruptionError: a block is cut short, or a checksum or layout is wrong.
    """
    first_id, first_period = group * SERIES_PER_GROUP, _number(stored) * unit_periods
    kind = kind_of_group(group)
    pieces = []
    for block in _blocks(stored, where):
        rows = _rows(stored, block, 0, block.row_count, kind)
        column, period = split(rows.numbers.astype(np.int64), unit_periods)
        counts = np.ones(block.row_count, np.int64) if rows.counts is None else rows.counts.astype(np.int64)
        sums = rows.sums.astype(np.float64)
        mins = maxs = sums if kind is Kind.VALUE else None
        if block.layout.extremes:
            assert rows.mins is not None
            assert rows.maxs is not None
            mins, maxs = rows.mins.astype(np.float64), rows.maxs.astype(np.float64)
        pieces.append(Cells(column + first_id, period + first_period, counts, sums, mins, maxs))
    return pieces


def cut_blocks(
    stored: Stored, where: object, kind: Kind, unit_periods: int, column: int
) -> tuple[int, list[BlockRows]]:
    """The rows of one series in an open or late tile whose head was decoded.

    Returns:
        What to add to a cell's number to have its period, and the rows of each block that has some.

    The rest is as in `decode_blocks`.
    """
    low = column * unit_periods
    view = memoryview(stored)
    found = []
    for block in _blocks(stored, where):
        # Python's bisection of a view: numpy's takes three times as long to call.
        numbers = view[block.columns_at : block.columns_at + _CELL_DTYPE.itemsize * block.row_count].cast("H")
        first = bisect_left(numbers, low)
        end = bisect_left(numbers, low + unit_periods, first)
        if end > first:
            found.append(_rows(stored, block, first, end, kind))
    return _number(stored) * unit_periods - low, found


def _number(stored: Stored) -> int:
    number: int = _HEAD.unpack_from(stored)[3]
    return number


class _Block(NamedTuple):
    """One stored block: what its columns are, and where they lie."""

    layout: Layout
    columns: tuple[tuple[np.dtype[Any], int], ...]
    row_count: int
    columns_at: int
    end: int


def _blocks(stored: Stored, where: object) -> list[_Block]:
    """The blocks of an open or late tile, which are whole."""
    block_count, offset = stored[1], _HEAD.size
    blocks = []
    for _ in range(block_count):
        block = _checked_block(stored, offset, where)
        blocks.append(block)
        offset = block.end
    if offset != len(stored):
        raise CorruptionError(where, offset, f"{len(stored) - offset} bytes after the last of {block_count} blocks")
    return blocks


def _checked_block(stored: Stored, offset: int, where: object) -> _Block:
    columns_at = offset + _BLOCK_HEAD.size
    if len(stored) < columns_at:
        raise CorruptionError(where, offset, "a block's head is cut short")
    crc, layout_byte, _, _, row_count = _BLOCK_HEAD.unpack_from(stored, offset)
    layout, row_size, columns = _block_columns(layout_byte)
    if layout is None:
        raise CorruptionError(where, offset, f"layout {layout_byte:#04x} does not exist")
    end = columns_at + row_count * row_size
    if end > len(stored):
        raise CorruptionError(where, offset, f"{row_count} rows of {row_size} bytes are cut short")
    refuse_crc(where, offset, zlib.crc32(stored[offset + _CRC.size : end]), crc)
    return _Block(layout, columns, row_count, columns_at, end)


def _rows(stored: Stored, block: _Block, first: int, end: int, kind: Kind) -> BlockRows:
    """The rows [first, end) of a block."""
    columns, at = [], block.columns_at
    for dtype, size in block.columns:
        columns.append(np.frombuffer(stored, dtype, end - first, at + first * size))
        at += block.row_count * size
    numbers, sums, *others = columns
    counts = others.pop(0) if block.layout.count_code else None
    if others:
        return BlockRows(numbers, counts, sums, *others)
    extremes = sums if kind is Kind.VALUE else None
    return BlockRows(numbers, counts, sums, extremes, extremes)


@lru_cache(maxsize=256)
def _block_columns(byte: int) -> tuple[Layout | None, int, tuple[tuple[np.dtype[Any], int], ...]]:
    """The layout that a byte stands for, None when there is none; bytes of a row; dtype and bytes of each column."""
    layout = Layout.from_byte(byte)
    if layout is None:
        return None, 0, ()
    dtypes: list[np.dtype[Any]] = [_CELL_DTYPE, SUM_DTYPES[layout.sum_code]]
    count_dtype = COUNT_DTYPES[layout.count_code]
    if count_dtype is not None:
        dtypes.append(count_dtype)
    if layout.extremes:
        dtypes += [EXTREME_DTYPE, EXTREME_DTYPE]
    columns = tuple((dtype, dtype.itemsize) for dtype in dtypes)
    return layout, sum(size for _, size in columns), columns


# -- closed tiles: rows packed by series -------------------------------------------------------------------------------


def encode_closed(span: int, cells: Cells, home: int) -> bytes:
    """A closed tile of reduced cells of one group and span, at least one row."""
    layout = Layout.of(cells)
    dtype = row_dtype(layout)
    rows = np.empty(len(cells), dtype)
    names = dtype.names
    assert names is not None
    packed_columns = [within(cells.periods, PERIODS_PER_SPAN), *narrowed(cells, layout)]
    for name, column in zip(names, packed_columns, strict=True):
        rows[name] = column
    starts = np.searchsorted(within(cells.series_ids, SERIES_PER_GROUP), np.arange(SERIES_PER_GROUP + 1))
    packed = rows.tobytes()
    view, bounds = memoryview(packed), (starts * dtype.itemsize).tolist()
    crcs = [zlib.crc32(view[bounds[i] : bounds[i + 1]], i) for i in range(SERIES_PER_GROUP)]
    table = starts.astype(_STARTS_DTYPE).tobytes() + np.array(crcs, _CRC_DTYPE).tobytes()
    table += _CRC.pack(zlib.crc32(packed))
    head = encode_head(CLOSED, layout.byte, span, home)
    return b"".join((head, table, _CRC.pack(zlib.crc32(table)), packed))


@dataclass(slots=True)
class PackedRows:
    """Gathers rows cut out of closed tiles and decodes them together.

    Segments of one layout are joined and decoded as one array: a day of minutes is 23 segments, and
    numpy charges by the call.
    """

    kind: Kind
    _segments: dict[int, list[tuple[bytes, int, int]]] = field(default_factory=dict)

    def cut(self, stored: Stored, where: object, series_id: int) -> None:
        """Add the rows of one series of a closed tile whose head was decoded.

        Raises:
            CorruptionError: a length, checksum or layout is wrong.
        """
        layout_byte, span = _checked_table(stored, where)
        column = series_id % SERIES_PER_GROUP
        first, end = _PAIR.unpack_from(stored, _HEAD.size + column * _STARTS_DTYPE.itemsize)
        if first == end:
            return
        row_size = row_dtype(_layout(layout_byte, where)).itemsize
        segment = bytes(stored[_ROWS_AT + first * row_size : _ROWS_AT + end * row_size])
        (wanted,) = _CRC.unpack_from(stored, _HEAD.size + _STARTS_SIZE + column * _CRC_DTYPE.itemsize)
        refuse_crc(where, _ROWS_AT + first * row_size, zlib.crc32(segment, column), wanted)
        self._segments.setdefault(layout_byte, []).append((segment, series_id, span * PERIODS_PER_SPAN))

    def cells(self) -> list[Cells]:
        """All rows gathered, a piece a layout."""
        return [self._decoded(layout_byte, segments) for layout_byte, segments in self._segments.items()]

    def _decoded(self, layout_byte: int, segments: list[tuple[bytes, int, int]]) -> Cells:
        layout = Layout.from_byte(layout_byte)
        assert layout is not None
        dtype = row_dtype(layout)
        rows = np.frombuffer(b"".join([segment for segment, _, _ in segments]), dtype)
        lengths = np.array([len(segment) // dtype.itemsize for segment, _, _ in segments])
        ids = np.array([series_id for _, series_id, _ in segments]).repeat(lengths)
        first_periods = np.array([first_period for _, _, first_period in segments]).repeat(lengths)
        return _unpacked(rows, layout, ids, first_periods, self.kind)


def decode_closed(stored: Stored, where: object, group: int) -> Cells:
    """All rows of a closed tile whose head was decoded, reduced.

    Raises:
        CorruptionError: a length, checksum or layout is wrong.
    """
    layout_byte, span = _checked_table(stored, where)
    layout = _layout(layout_byte, where)
    packed = stored[_ROWS_AT:]
    (wanted,) = _CRC.unpack_from(stored, _ROWS_CRC_AT)
    refuse_crc(where, _ROWS_AT, zlib.crc32(packed), wanted)
    rows = np.frombuffer(packed, row_dtype(layout))
    starts = np.frombuffer(stored, _STARTS_DTYPE, SERIES_PER_GROUP + 1, _HEAD.size)
    lengths = starts[1:].astype(np.int64) - starts[:-1]
    ids = np.repeat(np.arange(SERIES_PER_GROUP) + group * SERIES_PER_GROUP, lengths)
    return _unpacked(rows, layout, ids, span * PERIODS_PER_SPAN, kind_of_group(group))


def _checked_table(stored: Stored, where: object) -> tuple[int, int]:
    """(layout byte, span) of a closed tile whose head was decoded, and whose table is whole."""
    _, layout_byte, _, span, _ = _HEAD.unpack_from(stored)
    if len(stored) < _ROWS_AT:
        raise CorruptionError(where, len(stored), "the table is cut short")
    (wanted,) = _CRC.unpack_from(stored, _TABLE_CRC_AT)
    refuse_crc(where, _HEAD.size, zlib.crc32(stored[_HEAD.size : _TABLE_CRC_AT]), wanted)
    return layout_byte, span


def _layout(byte: int, where: object) -> Layout:
    layout = Layout.from_byte(byte)
    if layout is None:
        raise CorruptionError(where, 1, f"layout {byte:#04x} does not exist")
    return layout


def _unpacked(rows: NDArray[np.void], layout: Layout, ids: Ints, first_periods: Ints | int, kind: Kind) -> Cells:
    sums = rows["sum"].astype(np.float64)
    counts = np.ones(len(rows), np.int64) if layout.count_code == 0 else rows["count"].astype(np.int64)
    mins = maxs = sums if kind is Kind.VALUE else None
    if layout.extremes:
        mins, maxs = rows["min"].astype(np.float64), rows["max"].astype(np.float64)
    return Cells(ids, rows["period"].astype(np.int64) + first_periods, counts, sums, mins, maxs)


def all_rows(pieces: Iterable[Cells], group: int) -> Cells:
    """The loose rows of some pieces of one group."""
    return joined(list(pieces), measured=kind_of_group(group) is Kind.VALUE)

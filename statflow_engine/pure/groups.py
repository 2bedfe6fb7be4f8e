"""What a group of 64 series has reached in each ring, as bytes. Pure. FORMAT.md has every byte."""

import struct
import zlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

import numpy as np

from statflow_engine.errors import CorruptionError
from statflow_engine.kinds import SERIES_PER_GROUP
from statflow_engine.pure.cells import Ints
from statflow_engine.pure.tiles import Stored, refuse_crc

_HEAD = struct.Struct("<IB3x")
_RING = struct.Struct("<qI")
_RECEIVED_DTYPE = np.dtype("<i8")
_RECEIVED_SIZE = SERIES_PER_GROUP * _RECEIVED_DTYPE.itemsize


@dataclass(frozen=True, slots=True)
class GroupState:
    """Where folding has come to for one group.

    Attributes:
        closed_until: for each ring the first span that is not closed. Rows of earlier spans are
            late: they were, or are at once, rolled up into the next coarser ring.
        open_spans: for each ring the spans that have an open tile, ascending, none below `closed_until`.
        received_s: int64, 64: when the last folded point of each series was received; 0: none was. Not to be
            written to.
    """

    closed_until: tuple[int, ...]
    open_spans: tuple[tuple[int, ...], ...]
    received_s: Ints

    @classmethod
    def new(cls, closed_until: tuple[int, ...]) -> Self:
        """The state of a group that no row was folded into yet."""
        return cls(closed_until, ((),) * len(closed_until), np.zeros(SERIES_PER_GROUP, np.int64))

    def encode(self) -> bytes:
        """The stored form."""
        parts = [_HEAD.pack(0, len(self.closed_until))[4:]]
        for closed_until, spans in zip(self.closed_until, self.open_spans, strict=True):
            parts.append(_RING.pack(closed_until, len(spans)))
            parts.append(struct.pack(f"<{len(spans)}q", *spans))
        parts.append(self.received_s.astype(_RECEIVED_DTYPE, copy=False).tobytes())
        body = b"".join(parts)
        return struct.pack("<I", zlib.crc32(body)) + body

    @staticmethod
    def decode(stored: Stored, where: object) -> "GroupState":
        """Read a state back.

        Raises:
            CorruptionError: the checksum is wrong or it is cut short.
        """
        return _decoded(bytes(stored), where)


# A query decodes the state of its group first of all, and most find it as it was.
@lru_cache(maxsize=1_024)
def _decoded(stored: bytes, where: object) -> GroupState:
    if len(stored) < _HEAD.size + _RECEIVED_SIZE:
        raise CorruptionError(where, len(stored), f"a state of {len(stored)} bytes is cut short")
    crc, ring_count = _HEAD.unpack_from(stored)
    refuse_crc(where, 0, zlib.crc32(stored[4:]), crc)
    closed_until, open_spans, offset = [], [], _HEAD.size
    for _ in range(ring_count):
        closed, span_count = _RING.unpack_from(stored, offset)
        closed_until.append(closed)
        open_spans.append(struct.unpack_from(f"<{span_count}q", stored, offset + _RING.size))
        offset += _RING.size + 8 * span_count
    received_s = np.frombuffer(stored, _RECEIVED_DTYPE, SERIES_PER_GROUP, offset)
    return GroupState(tuple(closed_until), tuple(open_spans), received_s)

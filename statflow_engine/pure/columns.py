"""Numbers in the fewest bytes that lose nothing: the column layouts of tiles. Pure."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Self

import numpy as np
from numpy.typing import NDArray

from statflow_engine.pure.cells import Cells, Floats, Ints

# By code. A column of sums is float64 unless all are whole numbers that fit; counts that are all 1 are not stored.
SUM_DTYPES = (np.dtype("<f8"), np.dtype("u1"), np.dtype("<u2"), np.dtype("<u4"))
COUNT_DTYPES = (None, np.dtype("u1"), np.dtype("<u2"), np.dtype("<u4"), np.dtype("<i8"))
_EXTREMES_BIT = 0x80
EXTREME_DTYPE = np.dtype("<f8")

_UNSIGNED_MAX = (0xFF, 0xFFFF, 0xFFFF_FFFF)


@dataclass(frozen=True, slots=True)
class Layout:
    """Which columns some stored rows have, and how wide they are.

    Attributes:
        sum_code: index into `SUM_DTYPES`.
        count_code: index into `COUNT_DTYPES`; 0: every count is 1 and none is stored.
        extremes: whether min and max are stored; without them they equal the sum.
    """

    sum_code: int
    count_code: int
    extremes: bool

    @classmethod
    def of(cls, cells: Cells) -> Self:
        """The narrowest layout that holds these cells."""
        single = cells.single
        extremes = cells.mins is not None and not single
        return cls(_sum_code(cells.sums), 0 if single else _count_code(cells.counts), extremes)

    @classmethod
    @lru_cache(maxsize=256)
    def from_byte(cls, byte: int) -> Self | None:
        """The layout of a stored byte; None when no layout has it."""
        sum_code, count_code = byte & 0x07, byte >> 3 & 0x0F
        if sum_code >= len(SUM_DTYPES) or count_code >= len(COUNT_DTYPES):
            return None
        return cls(sum_code, count_code, bool(byte & _EXTREMES_BIT))

    @property
    def byte(self) -> int:
        """What is stored for it: bits 0-2 sum code, 3-6 count code, 7 extremes."""
        return self.sum_code | self.count_code << 3 | (_EXTREMES_BIT if self.extremes else 0)


def _sum_code(sums: Floats) -> int:
    if len(sums) == 0 or not 0 <= float(sums.min()) <= float(sums.max()) <= _UNSIGNED_MAX[-1]:
        return 0
    if not bool((sums.astype(np.uint32) == sums).all()):
        return 0
    return 1 + _unsigned_code(float(sums.max()))


def _count_code(counts: Ints) -> int:
    highest = int(counts.max())
    return len(_UNSIGNED_MAX) + 1 if highest > _UNSIGNED_MAX[-1] else 1 + _unsigned_code(highest)


def _unsigned_code(highest: float) -> int:
    return next(code for code, most in enumerate(_UNSIGNED_MAX) if highest <= most)


def row_dtype(layout: Layout) -> np.dtype[np.void]:
    """The structured dtype of one packed row: period in its span, sum and what else the layout has."""
    return _row_dtype(layout.byte)


@lru_cache(maxsize=256)
def _row_dtype(layout_byte: int) -> np.dtype[np.void]:
    layout = Layout.from_byte(layout_byte)
    assert layout is not None
    fields: list[tuple[str, np.dtype[np.generic]]] = [("period", np.dtype("u1")), ("sum", SUM_DTYPES[layout.sum_code])]
    count_dtype = COUNT_DTYPES[layout.count_code]
    if count_dtype is not None:
        fields.append(("count", count_dtype))
    if layout.extremes:
        fields += [("min", EXTREME_DTYPE), ("max", EXTREME_DTYPE)]
    return np.dtype(fields)


def narrowed(cells: Cells, layout: Layout) -> list[NDArray[np.generic]]:
    """The stored columns of cells after their cell numbers: sums, counts, mins, maxs, as the layout has them."""
    columns: list[NDArray[np.generic]] = [cells.sums.astype(SUM_DTYPES[layout.sum_code])]
    count_dtype = COUNT_DTYPES[layout.count_code]
    if count_dtype is not None:
        columns.append(cells.counts.astype(count_dtype))
    if layout.extremes:
        assert cells.mins is not None
        assert cells.maxs is not None
        columns += [cells.mins, cells.maxs]
    return columns

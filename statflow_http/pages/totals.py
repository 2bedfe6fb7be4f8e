"""What rows come to: their total or mean, the least and the greatest, and by how much a number changed. Pure."""

import math

import numpy as np
from numpy.typing import NDArray

from statflow_engine import Kind, Window

Floats = NDArray[np.float64]


def total(window: Window, first: int, last: int) -> float:
    """The sum of a counter's rows, the mean of all points of a value's; NaN for no point."""
    count = int(window.counts[first:last].sum())
    if not count:
        return math.nan
    # Of finite numbers that are too large together the sum is infinite, which is told as a dash.
    with np.errstate(over="ignore"):
        sum_ = float(window.sums[first:last].sum())
    return sum_ if window.kind is Kind.COUNTER else sum_ / count


def extremes(
    window: Window, values: Floats, first: int = 0, last: int | None = None
) -> tuple[float | None, float | None]:
    """The least and the greatest: of a value's points; of a counter's rows, since its points are added up as they come.

    Args:
        window: rows of a stat.
        values: float64[n], the numbers of the rows that count; NaN for none. Only of a counter are they looked at.
        first: the index of the first row of ``window`` that counts.
        last: the index behind the last one; None: all.
    """
    if window.kind is Kind.COUNTER:
        return _least(values), _greatest(values)
    return _least(window.mins[first:last]), _greatest(window.maxs[first:last])


def _least(column: Floats) -> float | None:
    known = column[np.isfinite(column)]
    return float(known.min()) if len(known) else None


def _greatest(column: Floats) -> float | None:
    known = column[np.isfinite(column)]
    return float(known.max()) if len(known) else None


def change_of(now: float | None, before: float | None) -> float | None:
    """By which part of what it was a number changed; None where there is none, or it was nothing."""
    if now is None or before is None or not math.isfinite(now) or not math.isfinite(before) or before == 0:
        return None
    return (now - before) / abs(before)


def finite(number: float) -> float | None:
    """A number, or None for none."""
    return number if math.isfinite(number) else None

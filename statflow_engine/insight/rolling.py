"""Sums, means and medians over rows, for many series at once. Pure; NaN is a row of which nothing is known.

Everything takes and gives float64[series, rows]. "Trailing" means of the rows before a row, without it: what is said
of a row must not know it.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def trailing_sums(rows: Floats, length: int) -> Floats:
    """The sum of the ``length`` rows before each; rows must be known."""
    sums = np.zeros((rows.shape[0], rows.shape[1] + 1))
    np.cumsum(rows, axis=1, out=sums[:, 1:])
    trailing = sums[:, :-1].copy()
    trailing[:, length:] -= sums[:, : max(0, rows.shape[1] - length)]
    return trailing


def trailing_means(rows: Floats, length: int, known_min: int) -> Floats:
    """The mean of what is known of the ``length`` rows before each; NaN where fewer than ``known_min`` are."""
    known = ~np.isnan(rows)
    sums = trailing_sums(np.where(known, rows, 0.0), length)
    counts = trailing_sums(known.astype(np.float64), length)
    return np.where(counts >= known_min, sums / np.maximum(counts, 1.0), np.nan)


def last_sums(rows: Floats, length: int) -> Floats:
    """The sum of each row and the ``length - 1`` before, as far as they are known; NaN where the row itself is not."""
    if length == 1:
        return rows
    return trailing_sums(np.nan_to_num(rows, nan=0.0), length - 1) + rows


def shifted(rows: Floats, by: int) -> Floats:
    """Each row shows what was ``by`` rows before; NaN where nothing was."""
    moved = np.full_like(rows, np.nan)
    if by < rows.shape[1]:
        moved[:, by:] = rows[:, : rows.shape[1] - by]
    return moved


def medians(rows: Floats, axis: int) -> Floats:
    """The median of what is known along an axis, NaN where nothing is. Unlike numpy's, it does not warn about that."""
    ordered = np.sort(rows, axis=axis)
    counts = np.count_nonzero(~np.isnan(rows), axis=axis)
    if rows.shape[axis] == 0:
        return np.full(counts.shape, np.nan)
    low = np.expand_dims(np.maximum(counts - 1, 0) // 2, axis)
    high = np.expand_dims(np.minimum(counts // 2, rows.shape[axis] - 1), axis)
    below, above = np.take_along_axis(ordered, low, axis), np.take_along_axis(ordered, high, axis)
    # Half of each, because their sum may be beyond the largest number.
    return np.squeeze(below * 0.5 + above * 0.5, axis)


def trimmed_means(stack: Floats) -> tuple[Floats, Floats]:
    """Means along the first axis without the least and the greatest where four or more are known; and how many are.

    The mean is NaN where nothing is known.
    """
    known = ~np.isnan(stack)
    counts = np.count_nonzero(known, axis=0).astype(np.float64)
    sums = np.where(known, stack, 0.0).sum(axis=0)
    least = np.where(known, stack, np.inf).min(axis=0)
    greatest = np.where(known, stack, -np.inf).max(axis=0)
    trimmed = counts >= 4
    sums = np.where(trimmed, sums - np.where(trimmed, least + greatest, 0.0), sums)
    left = counts - 2.0 * trimmed
    return np.where(counts > 0, sums / np.maximum(left, 1.0), np.nan), counts


def centred_means(rows: Floats, length: int) -> Floats:
    """The mean of the ``length`` rows around each, as far as they are known; at the ends the first or last so many."""
    count = rows.shape[1]
    known = ~np.isnan(rows)
    first = np.clip(np.arange(count) - length // 2, 0, max(count - length, 0))
    last = np.minimum(first + length, count)
    sums = np.zeros((2, rows.shape[0], count + 1))
    np.cumsum(np.where(known, rows, 0.0), axis=1, out=sums[0, :, 1:])
    np.cumsum(known, axis=1, out=sums[1, :, 1:])
    totals, counts = sums[:, :, last] - sums[:, :, first]
    return np.asarray(np.where(counts > 0, totals / np.maximum(counts, 1.0), np.nan))

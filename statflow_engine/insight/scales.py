"""Scales on which the noise of a series is about the same at any level, and back. Pure.

Counts are looked at as ``2 * sqrt(y + 3/8)``, on which a Poisson count has a variance of 1 from about 3 on (Anscombe,
Biometrika 35, 1948); values as they are, moved and stretched by their own median and spread, so that any unit gives
the same answer. Both keep numbers that are squared later far from the ends of the range of float64.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from statflow_engine.insight.rolling import Floats, medians

# Beyond a billion a row the noise of counting is 0.003 %: nothing is lost when such series are made smaller.
COUNT_MAX = 1e9
# A row farther off than so many spreads is taken for that far: sums that it goes into must not drown the others.
SPREADS_MAX = 1e4
ZERO = 2.0 * np.sqrt(3.0 / 8.0)


def stabilised(counts: Floats) -> Floats:
    """Counts, none negative, on the scale of square roots."""
    return 2.0 * np.sqrt(counts + 3.0 / 8.0)


def counted(stable: Floats) -> Floats:
    """The inverse of `stabilised`, never negative."""
    return np.maximum((np.maximum(stable, 0.0) / 2.0) ** 2 - 3.0 / 8.0, 0.0)


@dataclass(frozen=True, slots=True)
class Scale:
    """How each of many series was moved and stretched: float64[series, 1] each; ``limit``: no row goes farther."""

    centres: Floats
    units: Floats
    limit: float

    def inward(self, rows: Floats) -> Floats:
        """Rows on the scale, at most ``limit`` from 0."""
        # In two steps, because the difference of two finite numbers need not be finite.
        small = rows / self.units - self.centres / self.units
        return np.clip(small, -self.limit, self.limit)

    def outward(self, rows: Floats) -> Floats:
        """The inverse of `inward`, within the range of float64."""
        largest = np.finfo(np.float64).max
        with np.errstate(over="ignore"):
            return np.clip((rows + self.centres / self.units) * self.units, -largest, largest)


def count_scale(counts: Floats) -> Scale:
    """Makes series smaller that go beyond `COUNT_MAX`, and no others."""
    greatest = np.max(counts, axis=1, keepdims=True, initial=0.0, where=~np.isnan(counts))
    return Scale(np.zeros_like(greatest), np.maximum(greatest / COUNT_MAX, 1.0), COUNT_MAX)


def value_scale(values: Floats) -> Scale:
    """Moves the median to 0 and makes the median distance from it 1; where that is 0, the mean of the others."""
    centres = np.nan_to_num(medians(values, axis=1))[:, None]
    greatest = np.max(np.abs(values), axis=1, keepdims=True, initial=0.0, where=~np.isnan(values))
    # Powers of two, so that dividing loses nothing.
    coarse = _power_of_two(greatest)
    small = np.abs(values / coarse - centres / coarse)
    typical = np.nan_to_num(medians(small, axis=1))[:, None]
    # What is left of a constant after rounding is no movement.
    moves = small > 1e-12
    mean = np.where(moves, small, 0.0).sum(axis=1, keepdims=True) / np.maximum(moves.sum(axis=1, keepdims=True), 1)
    typical = np.where(typical > 1e-12, typical, np.where(mean > 0, mean, 1.0))
    # Two finite numbers may lie farther apart than any finite number.
    with np.errstate(over="ignore"):
        units = np.minimum(coarse * typical, np.finfo(np.float64).max)
    return Scale(centres, np.where(units > 0, units, 1.0), SPREADS_MAX)


def _power_of_two(numbers: Floats) -> Floats:
    exponents: NDArray[np.int32] = np.frexp(numbers)[1]
    return np.where(numbers > 0, np.ldexp(1.0, np.clip(exponents, -1_000, 1_000)), 1.0)

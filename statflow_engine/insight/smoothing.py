"""Shapes, levels and trends of many series at once: what a forecast is put together from. Pure.

Rows are float64[series, rows] on a scale where noise is even (see `scales`); NaN where nothing is known.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from statflow_engine.insight.rolling import Floats, centred_means, medians

# Chosen on the sources that benchmarks/insight_data.py calls tuned: each season counts for so much of the one after
# it, so that eight of them are all but a tenth of what any number would be.
RECENCY, SEASONS_MAX = 0.75, 8
# Huber's winsorising: an incident of hours or days must not be a part of the shape, nor of the level.
OUTLIER_DEVIATIONS = 3.0


@dataclass(frozen=True, slots=True)
class Seasonal:
    """Rows taken apart: the classical decomposition, made robust, of which a shape can be had for every moment.

    Attributes:
        season: rows in it; 1 for series without one.
        smooth: the centred moving average over a season.
        off: rows less that.
    """

    season: int
    smooth: Floats
    off: Floats

    @classmethod
    def of(cls, rows: Floats, season: int) -> Self:
        """Of rows that hold one season at least."""
        smooth = centred_means(bridged(rows, season), season)
        return cls(season, smooth, rows - smooth)

    def shapes(self, end: int) -> Floats:
        """float64[series, season]: what the seasons before ``end`` look like, the later the more; their mean is 0.

        At least one season lies before ``end``. Of what came after it nothing is known.
        """
        if self.season == 1:
            return np.zeros((len(self.off), 1))
        count = min(SEASONS_MAX, end // self.season)
        first, half = end - count * self.season, end - self.season + self.season // 2
        off = self.off[:, first:end].copy()
        # The moving average of the last half season would know what came later: there it is that of the last season.
        off[:, half - first :] += self.smooth[:, half:end] - self.smooth[:, half : half + 1]
        off = pulled_in(off.reshape(len(off), count, self.season), axis=1)
        known = ~np.isnan(off)
        weights = RECENCY ** np.arange(count, 0, -1)
        totals = np.einsum("k,skp->sp", weights, np.where(known, off, 0.0))
        shapes = totals / np.maximum(np.einsum("k,skp->sp", weights, known), 1e-12)
        return np.asarray(shapes - shapes.mean(axis=1, keepdims=True))


def pulled_in(rows: Floats, axis: int) -> Floats:
    """Rows of which none is farther than three robust deviations from the median along ``axis``.

    The first axis is that of series; each has one deviation.
    """
    usual = np.expand_dims(medians(rows, axis), axis)
    off = rows - usual
    # 1.4826: from the median distance of a normal variable to its standard deviation.
    typical = 1.4826 * medians(np.abs(off).reshape(len(rows), -1), axis=1)
    limits = OUTLIER_DEVIATIONS * typical.reshape(-1, *[1] * (rows.ndim - 1))
    return usual + np.clip(off, -limits, limits)


def bridged(rows: Floats, season: int) -> Floats:
    """The rows with gaps filled by the season before, else the one after; what is unknown in both stays.

    A mean over a season of which the nights are missing would be that of days.
    """
    filled = rows.copy()
    for back in (1, 2):
        gaps = np.isnan(filled[:, back * season :])
        filled[:, back * season :][gaps] = rows[:, : max(0, rows.shape[1] - back * season)][gaps]
    gaps = np.isnan(filled[:, :-season])
    filled[:, :-season][gaps] = rows[:, season:][gaps]
    return filled


def backward(shapes: Floats, count: int) -> Floats:
    """The shape of a season repeated over the ``count`` rows that end with its last."""
    times = -(-count // shapes.shape[1])
    return np.tile(shapes, (1, times))[:, times * shapes.shape[1] - count :]


def onward(shapes: Floats, count: int) -> Floats:
    """The shape of a season repeated over the ``count`` rows after it."""
    return np.tile(shapes, (1, -(-count // shapes.shape[1])))[:, :count]


def repeated(rows: Floats, season: int, horizon: int) -> Floats:
    """float64[series, horizon]: the last season again. Gaps are the season before, else the mean of what is known."""
    last = bridged(rows[:, -3 * season :], season)[:, -season:]
    return onward(np.where(np.isnan(last), levels(rows, 0.0), last), horizon)


def levels(rows: Floats, weight: float) -> Floats:
    """float64[series, 1]: the mean of all rows, each with 1 - ``weight`` times the weight of the next.

    0 where nothing is known.
    """
    weights = (1.0 - weight) ** np.arange(rows.shape[1])[::-1]
    known = ~np.isnan(rows)
    totals = np.where(known, rows, 0.0) @ weights
    return np.asarray(totals / np.maximum(known @ weights, 1e-12))[:, None]


def lines(rows: Floats, weight: float) -> tuple[Floats, Floats]:
    """float64[series, 1] each: where a straight line, weighted as in `levels`, ends, and its slope.

    The slope is 0 where fewer than two rows are known.
    """
    ages = np.arange(rows.shape[1])[::-1].astype(np.float64)
    weights = (1.0 - weight) ** ages
    known = ~np.isnan(rows)
    filled = np.where(known, rows, 0.0)
    total, first, second = (known @ np.stack([weights, weights * -ages, weights * ages**2], axis=1)).T
    sums, moments = (filled @ np.stack([weights, weights * -ages], axis=1)).T
    # One known row has no slope: its determinant is 0, and the last term makes the slope 0, too.
    slopes = (total * moments - first * sums) / (total * second - first**2 + 1e-9 * total**2 + 1e-12)
    return ((sums - slopes * first) / np.maximum(total, 1e-12))[:, None], slopes[:, None]


def trends(rows: Floats, weight: float, damping: float, horizon: int) -> Floats:
    """float64[series, horizon]: a straight line that flattens by ``damping``.

    Gardner and McKenzie's damped trend (Management Science 31, 1985): the slope of each row is that of the row before
    times the damping.
    """
    ends, slopes = lines(rows, weight)
    return np.asarray(ends + slopes * np.cumsum(damping ** np.arange(1, horizon + 1)))

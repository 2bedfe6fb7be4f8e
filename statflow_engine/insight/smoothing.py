"""Shapes, levels and trends of many series at once: what a forecast is put together from. Pure.

Rows are float64[series, rows] on a scale where noise is even (see `scales`); NaN where nothing is known.
"""

import functools

import numpy as np

from statflow_engine.insight.rolling import Floats, centred_means, medians

# Harmonics of a week: its own first three, and the first four of the day with the ones beside each, which let the days
# of a week differ. Six of both, and a third fit, took twice as long and were right as often.
DAILY_HARMONICS, WEEKLY_HARMONICS = 4, 3
# Rows farther off than so many robust deviations are pulled in (Huber's winsorising), so often.
OUTLIER_DEVIATIONS, FITS = 2.5, 2
RIDGE = 5e-5  # of the row count: keeps the equations solvable for any season, and moves nothing that can be seen


def profiles(rows: Floats, season: int, seasons_max: int) -> Floats:
    """float64[series, season]: the shape of a season, ending with the last row; its mean is 0.

    The classical decomposition, made robust: the median over up to ``seasons_max`` seasons of the distance
    from the centred moving average over one. There are at least as many rows as the season has.
    """
    count = min(seasons_max, rows.shape[1] // season)
    distances = (rows - centred_means(bridged(rows, season), season))[:, rows.shape[1] - count * season :]
    shapes = np.nan_to_num(medians(distances.reshape(len(rows), count, season), axis=1))
    return np.asarray(shapes - shapes.mean(axis=1, keepdims=True))


def bridged(rows: Floats, season: int) -> Floats:
    """The rows with gaps filled by the season before, else the one after; what is unknown in both stays.

    A mean over a season of which the nights are missing would be that of days.
    """
    filled = rows.copy()
    for back in (1, 2):
        gaps = np.isnan(filled[:, back * season :])
        filled[:, back * season :][gaps] = rows[:, : rows.shape[1] - back * season][gaps]
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


def levels(rows: Floats, weight: float) -> Floats:
    """float64[series, 1]: the mean of all rows, each with 1 - ``weight`` times the weight of the next.

    0 where nothing is known.
    """
    weights = (1.0 - weight) ** np.arange(rows.shape[1])[::-1]
    known = ~np.isnan(rows)
    totals = np.where(known, rows, 0.0) @ weights
    return np.asarray(totals / np.maximum(known @ weights, 1e-12))[:, None]


def trends(rows: Floats, weight: float, damping: float, horizon: int) -> Floats:
    """float64[series, horizon]: a straight line, weighted as in `levels`, that flattens by ``damping``.

    Gardner and McKenzie's damped trend (Management Science 31, 1985): the slope of each row is that of the row before
    times the damping.
    """
    ages = np.arange(rows.shape[1])[::-1].astype(np.float64)
    weights = (1.0 - weight) ** ages
    known = ~np.isnan(rows)
    filled = np.where(known, rows, 0.0)
    total, first, second = known @ weights, known @ (weights * -ages), known @ (weights * ages**2)
    sums, moments = filled @ weights, filled @ (weights * -ages)
    # One known row has no slope: its determinant is 0, and the last term makes the slope 0, too.
    slopes = (total * moments - first * sums) / (total * second - first**2 + 1e-9 * total**2 + 1e-12)
    starts = (sums - slopes * first) / np.maximum(total, 1e-12)
    steps = np.cumsum(damping ** np.arange(1, horizon + 1))
    return np.asarray(starts[:, None] + slopes[:, None] * steps)


@functools.lru_cache(maxsize=64)
def _harmonics(count: int, horizon: int, short: int, long: int) -> tuple[Floats, Floats, Floats]:
    """The design of a Fourier regression with a trend for rows known, its solver, and its design for rows to come."""
    times = np.arange(-count, horizon)
    numbers = set(range(1, WEEKLY_HARMONICS + 1))
    if short > 1:
        week = long // short
        numbers |= {week * day + beside for day in range(1, DAILY_HARMONICS + 1) for beside in (-1, 0, 1)}
    angles = [2.0 * np.pi * number * times / long for number in sorted(numbers) if 2 * number < long]
    # The trend stops with the last row: a line that goes on for a whole horizon is wrong more often than a flat one.
    columns = [np.ones(count + horizon), np.minimum(times, 0) / count]
    design = np.stack([*columns, *map(np.cos, angles), *map(np.sin, angles)], axis=1)
    known = design[:count]
    solver = np.linalg.solve(known.T @ known + RIDGE * count * np.eye(design.shape[1]), known.T).T
    return known, solver, design[count:]


def fourier(rows: Floats, horizon: int, short: int, long: int) -> Floats:
    """float64[series, horizon]: harmonics of the week and the day with a trend, fitted robustly, and carried on.

    Least squares on a design that all series share, so that a fit is a matrix product. Rows that are not known, and
    those farther off than 2.5 robust deviations, are replaced by the fit (pulled to that distance), and fitted again.
    """
    design, solver, ahead = _harmonics(rows.shape[1], horizon, short, long)
    known = ~np.isnan(rows)
    filled = np.where(known, rows, np.nan_to_num(medians(rows, axis=1))[:, None])
    coefficients = filled @ solver
    for _ in range(FITS - 1):
        fitted = coefficients @ design.T
        off = np.where(known, rows, fitted) - fitted
        limit = OUTLIER_DEVIATIONS * 1.4826 * np.nan_to_num(medians(np.abs(rows - fitted), axis=1))[:, None]
        coefficients = (fitted + np.clip(off, -limit, limit)) @ solver
    return np.asarray(coefficients @ ahead.T)

"""What others do, beside which `statflow_engine.insight` is measured: forecasters and detectors.

A forecaster takes float64[series, rows] and a horizon and gives float64[series, horizon]. A detector takes
float64[series, rows] and gives scores of the same shape: the more, the less usual; NaN where it says nothing.
"""

import importlib.util
import warnings
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Forecaster = Callable[[Floats, int], Floats]
Detector = Callable[[Floats], Floats]

# Graphite's constants, from webapp/graphite/render/functions.py (holtWintersAnalysis) as carbonapi repeats them.
ALPHA, BETA, GAMMA = 0.1, 0.0035, 0.1


def filled(history: Floats) -> Floats:
    """float64[rows] without gaps, by straight lines: peers want every row."""
    known = np.flatnonzero(~np.isnan(history))
    return np.interp(np.arange(len(history)), known, history[known])


def seasonal_naive(season: int) -> Forecaster:
    """The last season again."""

    def forecast(history: Floats, horizon: int) -> Floats:
        last = np.stack([filled(row)[-season:] for row in history])
        return np.tile(last, -(-horizon // season))[:, :horizon]

    return forecast


def holt_winters(history: Floats, season: int) -> tuple[Floats, Floats, tuple[Floats, Floats, Floats]]:
    """Graphite's holtWintersAnalysis, over many series at once.

    Returns:
        What was expected of each row before it came, and the deviation expected, each float64[series, rows]; then what
        a forecast goes on from: intercept and slope (float64[series]) and the last season's terms.

    As there: additive; the first row is its own expectation, the seasonal terms of the first season are 0 until
    learnt, after a gap the intercept begins anew with the row, and the deviation is smoothed by GAMMA in the season.
    """
    series, rows = history.shape
    expected, deviations = np.full((series, rows), np.nan), np.zeros((series, rows))
    seasonals = np.zeros((series, rows))
    intercept, slope = np.full(series, np.nan), np.zeros(series)
    guess = np.full(series, np.nan)
    for row in range(rows):
        actual = history[:, row]
        known = ~np.isnan(actual)
        last_intercept = np.where(np.isnan(intercept), actual, intercept)
        expectation = np.where(np.isnan(guess), actual, guess)
        last_seasonal = seasonals[:, row - season] if row >= season else np.zeros(series)
        next_seasonal = seasonals[:, row + 1 - season] if row + 1 >= season else np.zeros(series)
        last_deviation = deviations[:, row - season] if row >= season else np.zeros(series)
        new = ALPHA * (actual - last_seasonal) + (1 - ALPHA) * (last_intercept + slope)
        new_slope = BETA * (new - last_intercept) + (1 - BETA) * slope
        seasonal = GAMMA * (actual - new) + (1 - GAMMA) * last_seasonal
        # As there: a row after a gap was not predicted, and counts as if 0 had been.
        missed = np.abs(actual - np.where(np.isnan(guess) & (row > 0), 0.0, expectation))
        deviation = GAMMA * missed + (1 - GAMMA) * last_deviation
        guess = np.where(known, new + new_slope + next_seasonal, np.nan)
        intercept, slope = np.where(known, new, np.nan), np.where(known, new_slope, 0.0)
        seasonals[:, row] = np.where(known, seasonal, 0.0)
        deviations[:, row] = np.where(known, deviation, 0.0)
        expected[:, row] = expectation
    return expected, deviations, (intercept, slope, seasonals[:, -season:])


def holt_winters_forecast(season: int) -> Forecaster:
    """From where holtWintersAnalysis stands at the end."""

    def forecast(history: Floats, horizon: int) -> Floats:
        # A forecast from a gap would be NaN: gaps are bridged here, as they are for the other peers.
        _, _, (intercept, slope, last) = holt_winters(np.stack([filled(row) for row in history]), season)
        ahead = np.arange(1, horizon + 1)
        return intercept[:, None] + slope[:, None] * ahead + np.tile(last, -(-horizon // season))[:, :horizon]

    return forecast


def holt_winters_scores(season: int) -> Detector:
    """How many deviations a row is off: holtWintersAberration reports what is beyond delta = 3 of them."""

    def scores(history: Floats) -> Floats:
        expected, deviations, _ = holt_winters(history, season)
        # Graphite's band is that of the season before the row: the deviation must not know the row itself.
        before = np.full_like(deviations, np.nan)
        before[:, season:] = deviations[:, :-season]
        # A season after a gap Graphite's band has no width, and every row is beyond it. That is not held against it.
        before[:, season:][np.isnan(history[:, :-season])] = np.nan
        # A series that never deviated has no band there; any change would be infinitely far off.
        floor = 1e-6 + 1e-3 * np.nanmean(np.abs(history), axis=1, keepdims=True)
        return np.abs(history - expected) / np.maximum(before, floor)

    return scores


def seasonal_naive_scores(season: int) -> Detector:
    """Difference to a season before, over its standard deviation in the four seasons before the row."""

    def scores(history: Floats) -> Floats:
        differences = np.full_like(history, np.nan)
        differences[:, season:] = history[:, season:] - history[:, :-season]
        squares = np.nan_to_num(differences**2)
        known = ~np.isnan(differences)
        span = 4 * season
        sums, counts = (np.cumsum(np.pad(each, ((0, 0), (1, 0))), axis=1) for each in (squares, known.astype(float)))
        first = np.maximum(0, np.arange(history.shape[1]) - span)
        last = np.arange(history.shape[1])
        with np.errstate(invalid="ignore", divide="ignore"):
            spread = np.sqrt((sums[:, last] - sums[:, first]) / (counts[:, last] - counts[:, first]))
        return np.abs(differences) / np.maximum(spread, 1e-9)

    return scores


def libraries(day: int, week: int) -> dict[str, Forecaster]:
    """The models of statsforecast, when it is installed; seasons in rows (`day` is 1 for rows of days)."""
    if importlib.util.find_spec("statsforecast") is None:
        return {}
    from statsforecast import models

    short = day if day > 1 else week
    made = {
        f"AutoETS({short})": lambda: models.AutoETS(season_length=short),
        f"MSTL({f'{day},{week}' if day > 1 else week})": lambda: models.MSTL([day, week] if day > 1 else week),
        f"Theta({short})": lambda: models.Theta(season_length=short),
    }
    if day > 1:
        made[f"Theta({week})"] = lambda: models.Theta(season_length=week)
    return {name: by_library(model) for name, model in made.items()}


def by_library(model: Callable[[], object]) -> Forecaster:
    """One model of statsforecast, fitted to series after series."""

    def forecast(history: Floats, horizon: int) -> Floats:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fits = [model().forecast(y=filled(row), h=horizon)["mean"] for row in history]  # type: ignore[attr-defined]
        return np.stack(fits)

    return forecast

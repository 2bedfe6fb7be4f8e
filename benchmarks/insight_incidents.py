"""Series with planted incidents, and how many of them a detector finds at a given rate of false alarms."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.insight_peers import Detector, Floats

WEEK = 168
COUNT_INCIDENTS = ("five times as many", "none", "four of ten", "2.2 times as many")
VALUE_INCIDENTS = ("+2 sd", "-2 sd", "-1 sd", "+1 sd")
QUIET_ROWS = 24


@dataclass(frozen=True)
class Trial:
    """Series beside the same series with incidents.

    Attributes:
        clean, planted: float64[series, hours], NaN where nothing is known.
        incidents: (series, first row, row after the last, kind) of each.
        first: the row from which on alarms and incidents count; the rows before are for learning.
    """

    name: str
    is_counter: bool
    clean: Floats
    planted: Floats
    incidents: list[tuple[int, int, int, int]]
    first: int


def generated_counters(seed: int, series: int, weeks: int = 8) -> Floats:
    """Counts of hours: days and week-ends of any shape, a trend, and noise from Poisson's to much more.

    Rates go from 0.3 to 10,000 an hour; the dispersion is 0, 0.02 or 0.1. A fifth of the series had three incidents in
    the weeks before the last: nobody's past is clean.
    """
    draw = np.random.default_rng(seed)
    hours = np.arange(weeks * WEEK)
    base = 10 ** draw.uniform(np.log10(0.3), 4, (series, 1))
    day = draw.uniform(0.2, 0.95, (series, 1)) * np.cos(2 * np.pi * (hours - draw.uniform(8, 20, (series, 1))) / 24)
    half = draw.uniform(0, 0.4, (series, 1)) * np.cos(4 * np.pi * (hours - draw.uniform(0, 24, (series, 1))) / 24)
    weekend = np.where(hours // 24 % 7 >= 5, draw.uniform(0.3, 1.2, (series, 1)), 1.0)
    trend = np.exp(draw.normal(0, 0.15, (series, 1)) * hours / len(hours))
    rates = base * np.maximum(1 + day + half, 0.02) * weekend * trend
    dispersion = np.maximum(draw.choice([0.0, 0.02, 0.1], (series, 1)), 1e-9)
    rates = np.where(dispersion > 1e-8, rates * draw.gamma(1 / dispersion, dispersion, rates.shape), rates)
    for index in np.flatnonzero(draw.random(series) < 0.2):
        for first in draw.integers(0, len(hours) - WEEK - 10, 3):
            rates[index, first : first + draw.integers(2, 8)] *= draw.choice([0, 0.4, 2.2, 6])
    return draw.poisson(rates).astype(np.float64)


def generated_values(seed: int, series: int, weeks: int = 8) -> Floats:
    """Measurements of hours: days, week-ends apart, noise with a memory (0, 0.5, 0.9), a third with heavy tails."""
    draw = np.random.default_rng(seed)
    hours = np.arange(weeks * WEEK)
    day = draw.uniform(0, 3, (series, 1)) * np.cos(2 * np.pi * (hours - draw.uniform(0, 24, (series, 1))) / 24)
    weekend = np.where(hours // 24 % 7 >= 5, draw.normal(0, 1, (series, 1)), 0.0)
    memory = draw.choice([0.0, 0.5, 0.9], series)
    heavy = draw.random((series, 1)) < 0.3
    steps = np.where(heavy, draw.standard_t(4, day.shape) / np.sqrt(2), draw.normal(0, 1, day.shape))
    noise = np.zeros(day.shape)
    for hour in range(1, len(hours)):
        noise[:, hour] = memory * noise[:, hour - 1] + steps[:, hour] * np.sqrt(1 - memory**2)
    return (draw.uniform(-5, 50, (series, 1)) + day + weekend + noise) * draw.uniform(0.1, 100, (series, 1))


def with_incidents(name: str, clean: Floats, is_counter: bool, first: int, seed: int, apart: int = 100) -> Trial:
    """Incidents of two to seven hours, of four kinds, one or two times ``apart`` hours after the last."""
    draw = np.random.default_rng(seed)
    planted, incidents = clean.copy(), []
    for index in range(len(clean)):
        at = first + int(draw.integers(0, apart))
        while at + 8 < clean.shape[1]:
            end = at + int(draw.integers(2, 8))
            if not np.isnan(clean[index, at:end]).any():
                kind = int(draw.integers(0, 4))
                planted[index, at:end] = _struck(clean[index], at, end, kind, is_counter, draw)
                incidents.append((index, at, end, kind))
            at = end + apart + int(draw.integers(0, apart))
    return Trial(name, is_counter, clean, planted, incidents, first)


def _struck(row: Floats, at: int, end: int, kind: int, is_counter: bool, draw: np.random.Generator) -> Floats:
    usual = row[at:end]
    if is_counter:
        thinned = draw.binomial(usual.astype(np.int64), 0.4)
        return np.asarray((draw.poisson(usual * 5), usual * 0, thinned, draw.poisson(usual * 2.2))[kind], np.float64)
    return usual + (2, -2, -1, 1)[kind] * np.nanstd(row[max(0, at - 4 * WEEK) : at])


def calmed(rows: Floats, is_counter: bool, limit: float = 4.0) -> Floats:
    """Real series without their own incidents, of which nobody has a list.

    Each row is pulled to within ``limit`` robust deviations (by the hour of the day) of the median of the same hour of
    the week in the four weeks before and the four after. No detector sees the weeks after: this favours none.
    """
    scaled = 2 * np.sqrt(rows + 3 / 8) if is_counter else rows
    around = np.full((8, *rows.shape), np.nan)
    for index, weeks in enumerate((1, 2, 3, 4)):
        around[index, :, weeks * WEEK :] = scaled[:, : -weeks * WEEK]
        around[index + 4, :, : -weeks * WEEK] = scaled[:, weeks * WEEK :]
    known = ~np.isnan(around).all(axis=0)
    usual = np.full(rows.shape, np.nan)
    usual[known] = np.nanmedian(around[:, known], axis=0)
    off = scaled - usual
    days = np.pad(np.abs(off), ((0, 0), (0, -rows.shape[1] % 24)), constant_values=np.nan).reshape(len(rows), -1, 24)
    spread = 1.4826 * np.nanmedian(days, axis=1)
    spread = np.maximum(spread, 0.25 * np.median(spread, axis=1, keepdims=True))
    limits = limit * np.tile(spread, (1, days.shape[1]))[:, : rows.shape[1]]
    pulled = usual + np.clip(off, -limits, limits)
    if is_counter:
        pulled = np.maximum(np.round((pulled / 2) ** 2 - 3 / 8), 0.0)
    return np.where(np.abs(off) > limits, pulled, rows)


def recalls(trial: Trial, detector: Detector, hours_per_alarm: tuple[int, ...]) -> Iterator[tuple[float, Floats]]:
    """At each rate of false alarms: the share of incidents found, and that of each kind.

    An alarm opens where a score goes beyond the threshold and none of the 24 hours before did, as an alert does. The
    threshold of a rate is the lowest at which the clean series open no more alarms than it allows. An incident is found
    when any of its hours scores beyond it.
    """
    clean = detector(trial.clean)[:, trial.first :]
    judged_count = int(np.count_nonzero(~np.isnan(clean)))
    openings = _openings(np.nan_to_num(clean))
    planted = detector(trial.planted)
    # A row of a long drawn-out incident may have no score; one that is worth a call has some.
    best = np.array([np.nan_to_num(planted[index, at:end]).max() for index, at, end, _ in trial.incidents])
    kinds = np.array([kind for *_, kind in trial.incidents])
    for hours in hours_per_alarm:
        found = best > _threshold(openings, judged_count / hours)
        yield float(found.mean()), np.array([found[kinds == kind].mean() for kind in range(4)])


def _openings(scores: Floats) -> tuple[Floats, Floats]:
    """Rows that would open an alarm for thresholds between the second number and the first."""
    before = np.zeros_like(scores)
    for back in range(1, QUIET_ROWS + 1):
        before[:, back:] = np.maximum(before[:, back:], scores[:, :-back])
    opens: NDArray[np.bool_] = scores > before
    return np.sort(scores[opens]), np.sort(before[opens])


def _threshold(openings: tuple[Floats, Floats], allowed: float) -> float:
    scores, before = openings
    beyond = len(scores) - np.searchsorted(scores, scores, side="right")
    beyond -= len(before) - np.searchsorted(before, scores, side="right")
    too_many = np.flatnonzero(beyond > allowed)
    return float(scores[min(too_many[-1] + 1, len(scores) - 1)] if len(too_many) else scores[0])

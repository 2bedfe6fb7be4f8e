"""Forecasts of many series at once: several simple forecasters, each trusted as far as it was right lately. Pure.

The forecasters, on the scale of `scales`, for each season that the history holds often enough (week, day):

* the season's shape on the level of some 200 rows (exponential weights);
* the shape on the level of the last few;
* the shape on a level that goes from the second to the first within a day or a week;
* the shape on a damped trend;

then a Fourier regression (see `smoothing`); for sub-daily rows the last week again, and the mean of the last two; for
rows of days the last level and a damped trend without any shape. All are made at three to seven earlier moments as
well, and compared with what came. A forecaster that was off by ``e`` there, in the mean, gets the weight ``e ** -10``:
the usual result is a mean of the two or three best. What that mean itself was off by there gives the band.

Why not one model: on the real series of the benchmark no one of them is near the best on all. Combining simple methods
is what did best in the M4 competition (Makridakis and others, International Journal of Forecasting 36, 2020).
"""

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from statflow_engine.insight.rolling import Floats, centred_means, medians
from statflow_engine.insight.scales import Scale, count_scale, counted, stabilised, value_scale
from statflow_engine.insight.seasons import Seasons
from statflow_engine.insight.smoothing import backward, bridged, fourier, levels, onward, profiles, trends

# Chosen on the sources that benchmarks/insight_data.py calls tuned.
SLOW, FAST, LAST = 0.005, 0.5, 0.7
HOURLY_TREND, DAILY_TREND = (0.02, 0.995), (0.05, 0.98)
TRUST = 10
# Earlier moments, in half reaches before the end; those that leave half of the history, and the first three always.
MOMENTS = (2, 3, 4, 6, 8, 10, 12)
MOMENTS_MIN = 3
LONG_PROFILE_MAX, SHORT_PROFILE_MAX = 8, 14
# A season is used when it was seen three times, and twice at the earliest earlier moment.
SEASONS_MIN, SEASONS_AT_MOMENT_MIN = 3, 2
ROWS_MIN = 4
# Of ten rows nine lay within the band: the errors at earlier moments are few and alike, so the band is made wider by
# what the tuned sources asked for.
COVERAGE = 0.9
WIDENING = 1.15


@dataclass(frozen=True, slots=True, eq=False)
class Bands:
    """What is expected and between what: float64[series, rows] each; NaN in all three where nothing can be said."""

    means: Floats
    lows: Floats
    highs: Floats


def project(rows: Floats, horizon: int, seasons: Seasons, *, is_counter: bool) -> Bands:
    """What comes next, of many series of one kind.

    Args:
        rows: float64[series, rows], the past, oldest first; NaN where nothing is known, also before a series began.
            Of a counter none is negative.
        horizon: rows wanted, at least 1.
        seasons: of the rows.

    Returns:
        float64[series, horizon]. NaN for series of which fewer than 4 of the rows that are looked at are known. Of a
            counter nothing is below 0.
    """
    assert horizon >= 1, horizon
    answer = Bands(*(np.full((len(rows), horizon), np.nan) for _ in range(3)))
    if not rows.size:
        return answer
    lengths = _usable_lengths(rows, seasons)
    for length in np.unique(lengths[lengths > 0]).tolist():
        alike = lengths == length
        bands = _project_alike(rows[alike][:, rows.shape[1] - length :], horizon, seasons, is_counter)
        answer.means[alike], answer.lows[alike], answer.highs[alike] = bands.means, bands.lows, bands.highs
    return answer


def _usable_lengths(rows: Floats, seasons: Seasons) -> NDArray[np.int64]:
    """How many of the last rows are used: whole seasons, so that many series have as many; 0 for none."""
    known = ~np.isnan(rows)
    spans = np.where(known.any(axis=1), rows.shape[1] - np.argmax(known, axis=1), 0)
    lengths = np.minimum(spans, seasons.memory)
    lengths = np.where(_known_of_last(known, lengths) >= ROWS_MIN, lengths, 0)
    for season in (seasons.short, seasons.long):
        whole = lengths // season * season
        enough = (whole >= SEASONS_MIN * season) & (_known_of_last(known, whole) >= ROWS_MIN)
        lengths = np.where(enough, whole, lengths)
    return lengths


def _known_of_last(known: NDArray[np.bool_], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    recent = np.arange(known.shape[1]) >= known.shape[1] - lengths[:, None]
    return np.asarray(np.count_nonzero(known & recent, axis=1), np.int64)


def _project_alike(rows: Floats, horizon: int, seasons: Seasons, is_counter: bool) -> Bands:
    """The bands of series of which the same number of rows is used."""
    with np.errstate(over="ignore", invalid="ignore"):
        if is_counter:
            scale = count_scale(rows)
            return _counter_bands(scale, *_on_scale(stabilised(scale.inward(rows)), horizon, seasons))
        scale = value_scale(rows)
        means, widths, _ = _on_scale(scale.inward(rows), horizon, seasons)
        return Bands(*(scale.outward(each) for each in (means, means - widths, means + widths)))


def _counter_bands(scale: Scale, means: Floats, widths: Floats, variances: Floats) -> Bands:
    """Bands in counts. The mean of counts is more than the square of the mean root, by the variance of what is squared.

    Only the part of counting is added, which is at most 1/4: the rest is not known well enough.
    """
    expected = counted(means) + np.minimum(variances, 1.0) / 4.0
    lows, highs = np.minimum(counted(means - widths), expected), np.maximum(counted(means + widths), expected)
    return Bands(*(scale.outward(each) for each in (expected, lows, highs)))


def _on_scale(rows: Floats, horizon: int, seasons: Seasons) -> tuple[Floats, Floats, Floats]:
    """Means and half widths of the bands, and the variance of a row (float64[series, 1]), all on the scale."""
    length = rows.shape[1]
    reach = min(horizon, max(1, length // 6))
    backs = _moments(reach, length)
    plan = _plan(seasons, length - backs[-1])
    errors = np.stack([_errors(rows, length - back, reach, plan) for back in backs], axis=1)
    weights = _weights(errors)
    means = np.einsum("sc,sch->sh", weights, _forecasts(rows, horizon, plan))
    combined = np.einsum("sc,smch->smh", weights, errors)
    spreads = _spreads(rows, plan, length)
    known = ~np.isnan(combined)
    variances = np.where(known, combined**2, 0.0).sum(axis=(1, 2)) / np.maximum(known.sum(axis=(1, 2)), 1)
    shapes = np.stack([onward(_rolled(spreads, -back), reach) for back in backs], axis=1)
    return means, _widths(np.abs(combined) / shapes, horizon) * onward(spreads, horizon), variances[:, None]


def _moments(reach: int, length: int) -> list[int]:
    """How many rows before the end the earlier moments lie, at which forecasts are compared with what came."""
    far = max(length // 2, reach * MOMENTS[MOMENTS_MIN - 1] // 2)
    return sorted({back for half in MOMENTS if (back := reach * half // 2) <= far})


def _plan(seasons: Seasons, shortest: int) -> Seasons:
    """The seasons that even the shortest history holds twice; a season of 1 stands for none."""
    long = seasons.long if shortest >= SEASONS_AT_MOMENT_MIN * seasons.long else 1
    short = seasons.short if shortest >= SEASONS_AT_MOMENT_MIN * seasons.short else 1
    return Seasons(short, long) if long > 1 else Seasons(1, short)


def _errors(rows: Floats, end: int, reach: int, plan: Seasons) -> Floats:
    """float64[series, forecasters, reach]: what came after a moment, less what each forecaster would have said then."""
    came = np.full((len(rows), reach), np.nan)
    told = rows[:, end : end + reach]
    came[:, : told.shape[1]] = told
    return came[:, None] - _forecasts(rows[:, :end], reach, plan)


def _forecasts(rows: Floats, horizon: int, plan: Seasons) -> Floats:
    """float64[series, forecasters, horizon]: what each says."""
    if plan.long == 1:
        return np.stack(_of_season(rows, horizon, 1, 1, plan), axis=1)
    said = [
        fourier(rows, horizon, plan.short, plan.long),
        *_of_season(rows, horizon, plan.long, LONG_PROFILE_MAX, plan),
    ]
    if plan.is_sub_daily:
        said += _of_season(rows, horizon, plan.short, SHORT_PROFILE_MAX, plan)
        said += _repeated(rows, horizon, plan.long)
    else:
        flat = np.zeros((1, horizon))
        said += [levels(rows, LAST) + flat, trends(rows, *DAILY_TREND, horizon)]
    return np.stack(said, axis=1)


def _repeated(rows: Floats, horizon: int, season: int) -> list[Floats]:
    """The last season again, and the mean of the last two; gaps are those of the season before, else the level."""
    whole = bridged(rows, season)
    last = whole[:, -season:]
    both = 0.5 * last + 0.5 * whole[:, -2 * season : -season]
    level = levels(rows, HOURLY_TREND[0])
    return [onward(np.where(np.isnan(each), level, each), horizon) for each in (last, both)]


def _of_season(rows: Floats, horizon: int, season: int, most: int, plan: Seasons) -> list[Floats]:
    """The four forecasters that carry one season on; without a season (1) its shape is flat."""
    shape = profiles(rows, season, most) if season > 1 else np.zeros((len(rows), 1))
    adjusted, ahead = rows - backward(shape, rows.shape[1]), onward(shape, horizon)
    trend = HOURLY_TREND if plan.short > 1 else DAILY_TREND
    slow, fast = levels(adjusted, SLOW), levels(adjusted, FAST)
    fading = np.exp(-np.arange(1, horizon + 1) / (plan.short if plan.short > 1 else max(plan.long, 7)))
    reverting = slow + (fast - slow) * fading
    return [ahead + slow, ahead + fast, ahead + reverting, ahead + trends(adjusted, *trend, horizon)]


def _weights(errors: Floats) -> Floats:
    """float64[series, forecasters]: adding up to 1; the same for all where no error is known."""
    known = ~np.isnan(errors)
    sizes = np.where(known, np.abs(errors), 0.0).sum(axis=(1, 3)) / np.maximum(known.sum(axis=(1, 3)), 1)
    best = sizes.min(axis=1, keepdims=True)
    # Where one was right to the last digit the others would get nothing, and 0 / 0 tells no one apart.
    trust = ((best + 1e-9) / (sizes + 1e-9)) ** TRUST
    return np.asarray(trust / trust.sum(axis=1, keepdims=True))


def _spreads(rows: Floats, plan: Seasons, length: int) -> Floats:
    """float64[series, season]: how far rows at each place of the season usually are from its shape; 1 in the mean.

    By the hour of the day for sub-daily rows: nights may be quiet. A place keeps a quarter of what all have.
    """
    season = plan.short if plan.short > 1 else plan.long
    if season == 1:
        return np.ones((len(rows), 1))
    shape = profiles(rows, plan.long if plan.long > 1 else season, LONG_PROFILE_MAX)
    off = np.abs(rows - centred_means(rows, season) - backward(shape, length))
    places = medians(off[:, length % season :].reshape(len(rows), -1, season), axis=1)
    typical = np.nan_to_num(places).mean(axis=1, keepdims=True)
    places = np.where(typical > 0, np.nan_to_num(places) / np.where(typical > 0, typical, 1.0), 1.0)
    return 0.25 + 0.75 * places


def _rolled(shapes: Floats, by: int) -> Floats:
    """The shape of a season that ends so many rows later."""
    return np.roll(shapes, -by % shapes.shape[1], axis=1)


def _widths(sizes: Floats, horizon: int) -> Floats:
    """float64[series, horizon]: half the width of a band, from how far the mean forecast was off at earlier moments.

    The 90 % quantile in three parts of the reach, drawn through as a line that never falls; beyond the reach it grows
    with the square root of the time, as a random walk does.
    """
    reach = sizes.shape[2]
    edges = sorted({0, -(-reach // 8), -(-reach // 3), reach})
    parts = list(itertools.pairwise(edges))
    centres = [(first + last - 1) / 2 for first, last in parts]
    quantiles = [_quantiles(sizes[:, :, first:last].reshape(len(sizes), -1)) for first, last in parts]
    knots = np.maximum.accumulate(np.nan_to_num(np.stack(quantiles, axis=1)), axis=1)
    times = np.arange(horizon)
    lines = np.stack([np.interp(times, centres, knot) for knot in knots])
    growth = np.sqrt(np.maximum(1.0, (times + 1) / reach))
    return np.asarray(WIDENING * lines * growth * _inexperience(sizes))


def _inexperience(sizes: Floats) -> Floats:
    """float64[series, 1]: how much wider a band of few errors is, as Student's t is wider than the normal."""
    counts = np.count_nonzero(~np.isnan(sizes), axis=(1, 2))[:, None]
    return np.asarray(1.0 + 6.0 / np.maximum(counts, 1))


def _quantiles(sizes: Floats) -> Floats:
    """float64[series]: the 90 % quantile of what is known of each, NaN where nothing is."""
    ordered = np.sort(sizes, axis=1)
    counts = np.count_nonzero(~np.isnan(sizes), axis=1)
    at = np.clip(np.ceil(COVERAGE * (counts + 1)).astype(np.int64) - 1, 0, np.maximum(counts - 1, 0))
    return np.asarray(np.take_along_axis(ordered, at[:, None], axis=1)[:, 0])

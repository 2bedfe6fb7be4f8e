"""Forecasts of many series at once: several simple forecasters, each trusted as far as it was right lately. Pure.

The forecasters, on the scale of `scales`, are a season's shape and a level. The seasons are the week and the day of
sub-daily rows; of rows of days the week, and none. To each, the levels are:

* of sub-daily rows: the mean of some 200 rows (exponential weights); one that goes to it from that of the last few
  within a day; and two trends, a long and a short one;
* of longer rows: the mean of some ten; the last one; that with half of the drift of all rows, which is what the Theta
  method comes to (Hyndman and Billah, International Journal of Forecasting 19, 2003); and a damped trend.

The last week of sub-daily rows again is one more, for shapes that are new, and for rows that repeat to the last digit.

All are made at three to six earlier moments as well, and compared with what came. A forecaster that was off by ``e``
there, in the mean, gets the weight ``e ** -8``: the usual result is a mean of the three or four best. The band is what
that mean was off by at the earlier moments, at each with the weights that the other moments gave.

Why not one model: on the real series of the benchmark no one of them is near the best on all. Combining simple methods
is what did best in the M4 competition (Makridakis and others, International Journal of Forecasting 36, 2020).
"""

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from statflow_engine.insight.rolling import Floats, medians
from statflow_engine.insight.scales import Scale, count_scale, counted, stabilised, value_scale
from statflow_engine.insight.seasons import Seasons
from statflow_engine.insight.smoothing import Seasonal, backward, levels, lines, onward, pulled_in, repeated, trends

# Chosen on the sources that benchmarks/insight_data.py calls tuned. Weights of the newest row, and for trends the
# damping: around each of them is a plain on which half or twice as much costs less than a hundredth.
HOURLY_SLOW, HOURLY_FAST, HOURLY_TRENDS = 0.005, 0.5, ((0.02, 0.998), (0.05, 0.99))
DAILY_SLOW, DAILY_LAST, DAILY_TREND = 0.1, 0.9, (0.05, 0.98)
TRUST = 8
# Each earlier moment takes as long as the forecast itself.
MOMENTS_MIN, MOMENTS_MAX = 3, 6
# A season is used when it was seen twice: of the earlier moments even the earliest has seen it once.
SEASONS_MIN = 2
ROWS_MIN = 4
COVERAGE = 0.9
# Errors that all rows of a moment share were seen but as often as there are moments. With this, bands hold 89-93 % on
# each of the tuned sources, at 63 origins a source.
SHARED_WIDENING = 0.3
CHUNK_CELLS = 200_000  # some 30 arrays of so many float64 live at a time


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
        alike = np.flatnonzero(lengths == length)
        chunk = max(1, CHUNK_CELLS // max(length, horizon))
        for some in (alike[at : at + chunk] for at in range(0, len(alike), chunk)):
            bands = _project_alike(rows[some, rows.shape[1] - length :], horizon, seasons, is_counter)
            answer.means[some], answer.lows[some], answer.highs[some] = bands.means, bands.lows, bands.highs
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
    parts = [Seasonal.of(rows, season) for season in _used(seasons, length - backs[-1])]
    errors = np.stack([_errors(rows, length - back, reach, parts, seasons) for back in backs], axis=2)
    known = ~np.isnan(errors)
    totals, counts = np.where(known, np.abs(errors), 0.0).sum(axis=3), known.sum(axis=3)
    all_totals, all_counts = totals.sum(axis=2, keepdims=True), counts.sum(axis=2, keepdims=True)
    weights = _weights(all_totals, all_counts)[:, :, 0]
    means = np.einsum("sc,sch->sh", weights, _forecasts(rows, horizon, parts, seasons))
    # Weights that knew the moment would make its errors look smaller than those to come.
    combined = np.einsum("scm,scmh->smh", _weights(all_totals - totals, all_counts - counts), errors)
    told = ~np.isnan(combined)
    variances = np.where(told, combined**2, 0.0).sum(axis=(1, 2)) / np.maximum(told.sum(axis=(1, 2)), 1)
    spreads = _spreads(rows, parts[0], seasons)
    relative = combined / np.stack([onward(_rolled(spreads, -back), reach) for back in backs], axis=1)
    return means, _widths(relative, horizon) * onward(spreads, horizon), variances[:, None]


def _moments(reach: int, length: int) -> list[int]:
    """How many rows before the end the earlier moments lie, at which forecasts are compared with what came.

    A reach apart, three of them at least, and no more than leave half of the history.
    """
    return list(range(reach, max(length // 2, MOMENTS_MIN * reach) + 1, reach))[:MOMENTS_MAX]


def _used(seasons: Seasons, shortest: int) -> list[int]:
    """The seasons that even the shortest history holds, long ones first; 1 stands for none."""
    return [season for season in (seasons.long, seasons.short) if season <= shortest] or [1]


def _errors(rows: Floats, end: int, reach: int, parts: list[Seasonal], seasons: Seasons) -> Floats:
    """float64[series, forecasters, reach]: what came after a moment, less what each forecaster would have said then."""
    came = np.full((len(rows), reach), np.nan)
    told = rows[:, end : end + reach]
    came[:, : told.shape[1]] = told
    return came[:, None] - _forecasts(rows[:, :end], reach, parts, seasons)


def _forecasts(rows: Floats, horizon: int, parts: list[Seasonal], seasons: Seasons) -> Floats:
    """float64[series, forecasters, horizon]: what each says."""
    ahead = np.arange(1, horizon + 1)
    said = []
    for part in parts:
        shapes = part.shapes(rows.shape[1])
        level = rows - backward(shapes, rows.shape[1])
        tame = pulled_in(level, axis=1)
        if seasons.is_sub_daily:
            slow, fast = levels(tame, HOURLY_SLOW), levels(level, HOURLY_FAST)
            reverting = slow + (fast - slow) * np.exp(-ahead / seasons.short)
            flat = [slow, reverting, *(trends(tame, *trend, horizon) for trend in HOURLY_TRENDS)]
        else:
            slow, last = levels(tame, DAILY_SLOW), levels(level, DAILY_LAST)
            drift = 0.5 * lines(level, 0.0)[1] * ahead
            flat = [slow, last, last + drift, trends(level, *DAILY_TREND, horizon)]
        said += [onward(shapes, horizon) + each for each in flat]
    if seasons.is_sub_daily:
        said.append(repeated(rows, parts[0].season, horizon))
    return np.stack(said, axis=1)


def _weights(totals: Floats, counts: Floats) -> Floats:
    """float64[series, forecasters, moments]: from sums of errors; adding up to 1, and all alike where none is known."""
    sizes = totals / np.maximum(counts, 1)
    best = sizes.min(axis=1, keepdims=True)
    # Where one was right to the last digit the others would get nothing, and 0 / 0 tells no one apart.
    trust = ((best + 1e-9) / (sizes + 1e-9)) ** TRUST
    return np.asarray(trust / trust.sum(axis=1, keepdims=True))


def _spreads(rows: Floats, part: Seasonal, seasons: Seasons) -> Floats:
    """float64[series, season]: how far rows at each place of the season usually are from its shape; 1 in the mean.

    By the hour of the day for sub-daily rows: nights may be quiet. A place keeps a quarter of what all have.
    """
    length = rows.shape[1]
    season = seasons.short if seasons.is_sub_daily and part.season > 1 else part.season
    if season == 1:
        return np.ones((len(rows), 1))
    off = np.abs(rows - part.smooth - backward(part.shapes(length), length))
    places = medians(off[:, length % season :].reshape(len(rows), -1, season), axis=1)
    typical = np.nan_to_num(places).mean(axis=1, keepdims=True)
    places = np.where(typical > 0, np.nan_to_num(places) / np.where(typical > 0, typical, 1.0), 1.0)
    return 0.25 + 0.75 * places


def _rolled(shapes: Floats, by: int) -> Floats:
    """The shape of a season that ends so many rows later."""
    return np.roll(shapes, -by % shapes.shape[1], axis=1)


def _widths(errors: Floats, horizon: int) -> Floats:
    """float64[series, horizon]: half the width of a band, from how far the mean forecast was off at earlier moments.

    The 90 % quantile in three parts of the reach, drawn through as a line that never falls; beyond the reach it grows
    with the square root of the time, as a random walk does.
    """
    reach = errors.shape[2]
    edges = sorted({0, -(-reach // 8), -(-reach // 3), reach})
    parts = list(itertools.pairwise(edges))
    centres = [(first + last - 1) / 2 for first, last in parts]
    sizes = np.abs(errors)
    quantiles = [_quantiles(sizes[:, :, first:last].reshape(len(sizes), -1)) for first, last in parts]
    knots = np.maximum.accumulate(np.nan_to_num(np.stack(quantiles, axis=1)), axis=1)
    times = np.arange(horizon)
    lines = np.stack([np.interp(times, centres, knot) for knot in knots])
    growth = np.sqrt(np.maximum(1.0, (times + 1) / reach))
    return np.asarray(lines * growth * _inexperience(errors))


def _inexperience(errors: Floats) -> Floats:
    """float64[series, 1]: how much wider a band of few errors is, as Student's t is wider than the normal.

    Few are those that the rows of a moment share, too: the square of their mean is so much of their mean square.
    """
    known = ~np.isnan(errors)
    counts = known.sum(axis=2)
    filled = np.where(known, errors, 0.0)
    shared = (filled.sum(axis=2) ** 2 / np.maximum(counts, 1)).sum(axis=1)
    shares = shared / np.maximum((filled**2).sum(axis=(1, 2)), 1e-300)
    return np.asarray(1.0 + SHARED_WIDENING * shares + 6.0 / np.maximum(counts.sum(axis=1), 1))[:, None]


def _quantiles(sizes: Floats) -> Floats:
    """float64[series]: the 90 % quantile of what is known of each, NaN where nothing is."""
    ordered = np.sort(sizes, axis=1)
    counts = np.count_nonzero(~np.isnan(sizes), axis=1)
    at = np.clip(np.ceil(COVERAGE * (counts + 1)).astype(np.int64) - 1, 0, np.maximum(counts - 1, 0))
    return np.asarray(np.take_along_axis(ordered, at[:, None], axis=1)[:, 0])

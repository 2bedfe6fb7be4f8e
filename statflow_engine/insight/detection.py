"""Scores of how unusual each row is, given the rows before it, for many series at once. Pure.

A row is expected to be the level of the last week times (values: plus) what rows at the same hour of the week were of
their levels, in up to seven weeks: a mean without the least and the greatest. That is corrected by how the last day
went against its own expectations, and by what is left of the last row's error (an autoregression of order 1).

How far off a row may be is learnt from the errors of the last three weeks, which were made without knowing the row:

* a count is taken for a negative binomial one, ``variance = mean + dispersion * mean**2``, with the dispersion by the
  method of moments, and its deviance residual is the score (McCullagh and Nelder, Generalized Linear Models, 1989, 2.4,
  and Hilbe, Negative Binomial Regression, 2011, for the formula), near the standard normal in the tails, too;
* a value's error is divided by its standard deviation;
* both are divided by what the scores of the last three weeks and of the last day were more than usual, and those of the
  same hour in the last four weeks more or less.

The row alone and the last two, three and five rows together are looked at; the largest counts. And a row is scored from
half-way to the farthest that the same hour was in the last seven days, whatever day of the week: holidays look like
Sundays, a little.
"""

from dataclasses import dataclass

import numpy as np

from statflow_engine.insight.rolling import Floats, last_sums, shifted, trailing_means, trailing_sums, trimmed_means
from statflow_engine.insight.scales import ZERO, Scale, count_scale, counted, stabilised, value_scale
from statflow_engine.insight.seasons import Seasons

# Chosen on the sources and years that benchmarks/insight_data.py calls tuned, and on generated series.
LAGS = 7
SPANS = (1, 2, 3, 5)
TOWARDS_OTHERS = 0.5
# What lies nearer is never an anomaly, but keeps a side and an order.
AMONG_OTHERS = 0.1
OUTLIER_DEVIATIONS, SPAN_DEVIATIONS = 3.0, 4.0
# A normal variable pulled in to 3 deviations has 0.97 of its variance.
PULLED_IN = 1.03
SAME_HOUR, SAME_HOUR_PRIOR, SAME_HOUR_CAP, SAME_HOUR_MIN = 28, 20, 36.0, 0.6
LAST_DAY_PRIOR, LAST_DAY_CAP = 100, 100.0
# Makes the largest of several scores about as large as one would be: of independent normal rows of hours, days or
# minutes one in 25,000 is beyond 3 to 3.6.
EVENNESS = 1.3
SCORE_MAX = 99.0
# In spreads of the series: where nothing ever moved, what an incident leaves in the level is not one.
DEVIATION_MIN = 0.02
MEAN_MIN, DISPERSION_UNKNOWN, RATIO_CAP = 0.02, 0.3, 1e4
BAND_DEVIATIONS = 1.645  # of 90 %
CHUNK_CELLS = 200_000  # some 60 arrays of so many float64 live at a time


@dataclass(frozen=True, slots=True, eq=False)
class Expectations:
    """What was expected of each row, float64[series, rows]; NaN where nothing is, for too little was known before.

    Attributes:
        scores: above 0 when more came than expected, at most 99 away from it.
        means, lows, highs: the mean and a band that holds nine of ten usual rows.
    """

    scores: Floats
    means: Floats
    lows: Floats
    highs: Floats


@dataclass(frozen=True, slots=True)
class Lengths:
    """How many rows of everything.

    Attributes:
        season: rows of the season whose shape is learnt.
        day: rows of what "the last day" is; of a week for rows of days.
        apart: from a row to that of the same hour on the day before.
        learning, learning_min: rows that errors are learnt from, and how many of those must be known.
    """

    season: int
    day: int
    apart: int
    learning: int
    learning_min: int

    @classmethod
    def of(cls, seasons: Seasons, row_count: int) -> "Lengths | None":
        """For the seasons that so many rows hold; None when that is too few to say anything."""
        season = seasons.long
        if seasons.is_sub_daily:
            if row_count < 3 * seasons.long:
                season = seasons.short
            if row_count < 4 * seasons.short:
                return None
            return cls(season, seasons.short, seasons.short, 3 * seasons.long, min(max(seasons.short, 100), season * 2))
        if season == 1 or row_count < 8 * season:
            return None
        return cls(season, season, 1, 12 * season, 4 * season)


@dataclass(frozen=True, slots=True)
class _Guess:
    """Expected rows on the scale, with how many seasons they are learnt from, and the range of the days before."""

    means: Floats
    lag_counts: Floats
    lows: Floats
    highs: Floats


def expect(rows: Floats, seasons: Seasons, *, is_counter: bool) -> Expectations:
    """What was to be expected of each row, and how far off it was.

    Args:
        rows: float64[series, rows], oldest first; NaN where nothing is known. Of a counter none is negative.
        seasons: of the rows.

    Returns:
        NaN for rows before which too little is known: sub-daily rows need about three and a half weeks (with less than
        three weeks in all: the hours of the day are learnt only, from about three days on), rows of days twelve weeks.
    """
    lengths = Lengths.of(seasons, rows.shape[1])
    if lengths is None:
        return Expectations(*(np.full(rows.shape, np.nan) for _ in range(4)))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        if is_counter:
            return _of_counts(rows, lengths)
        return _of_values(rows, lengths)


def _of_counts(rows: Floats, lengths: Lengths) -> Expectations:
    scale = count_scale(rows)
    counts = scale.inward(rows)
    stable = stabilised(counts)
    guess, pulled = _guess(stable, lengths, is_counter=True)
    means = _means_of_roots(guess.means)
    dispersions = _unit_dispersions(pulled, means, lengths)
    lows, highs = _means_of_roots(guess.lows), _means_of_roots(guess.highs)
    spread = np.sqrt(means + np.nan_to_num(dispersions, nan=DISPERSION_UNKNOWN) * means**2)
    tamed = means + _pulled_in(counts - means, spread, SPAN_DEVIATIONS)
    scores = np.zeros(rows.shape)
    for span in SPANS:
        # In a span no row counts more than its share: one of a thousand would make the next five unusual, too.
        came, expected = counts if span == 1 else last_sums(tamed, span), last_sums(means, span)
        alphas = dispersions if span == 1 else _dispersions(came, expected, lengths)
        # What is known of the mean is no more than that many seasons of counts tell.
        alphas = alphas + 1.0 / (expected * np.maximum(guess.lag_counts, 1.0))
        residuals = deviances(came, expected, alphas)
        nearest = np.clip(came, last_sums(lows, span), last_sums(highs, span))
        outside = np.where(nearest == came, 0.0, deviances(came, nearest, alphas))
        scores = _with_span(scores, _evened(residuals, outside, lengths), counts - means)
    widths = BAND_DEVIATIONS * np.sqrt(1.0 + dispersions * means)
    bands = (np.minimum(counted(guess.means - widths), means), np.maximum(counted(guess.means + widths), means))
    return _answer(scores, means, *bands, scale)


def _of_values(rows: Floats, lengths: Lengths) -> Expectations:
    scale = value_scale(rows)
    stable = scale.inward(rows)
    guess, _ = _guess(stable, lengths, is_counter=False)
    errors = stable - guess.means
    tamed = _pulled_in(errors, _deviations(errors, lengths), SPAN_DEVIATIONS)
    scores = np.zeros(rows.shape)
    for span in SPANS:
        off = errors if span == 1 else last_sums(tamed, span)
        deviations = np.maximum(_deviations(off, lengths), DEVIATION_MIN)
        room = np.clip(off, last_sums(guess.lows - guess.means, span), last_sums(guess.highs - guess.means, span))
        scores = _with_span(scores, _evened(off / deviations, (off - room) / deviations, lengths), errors)
    widths = BAND_DEVIATIONS * _deviations(errors, lengths)
    return _answer(scores, guess.means, guess.means - widths, guess.means + widths, scale)


def _answer(scores: Floats, means: Floats, lows: Floats, highs: Floats, scale: Scale) -> Expectations:
    """In the caller's unit; NaN in all where one is."""
    unknown = np.isnan(scores) | np.isnan(means) | np.isnan(lows) | np.isnan(highs)
    scores = np.where(unknown, np.nan, np.clip(scores, -SCORE_MAX, SCORE_MAX))
    bands = (np.where(np.isnan(lows) | np.isnan(means), np.nan, scale.outward(each)) for each in (means, lows, highs))
    return Expectations(scores, *bands)


def _guess(stable: Floats, lengths: Lengths, *, is_counter: bool) -> tuple[_Guess, Floats]:
    """What is expected on the scale; and the errors, with outliers pulled in."""
    origin = ZERO if is_counter else 0.0
    usual, lag_counts = _usual(stable - origin, lengths, is_counter)
    tamed = usual + _pulled_in(stable - origin - usual, _spread(stable, usual + origin, lengths, is_counter))
    usual = _as_the_last_day(stable - origin, tamed, usual, lengths, is_counter) + origin
    deviations = _spread(stable, usual, lengths, is_counter)
    remains = _remains(_pulled_in(stable - usual, deviations), deviations, lengths)
    expected = usual + remains
    lows, highs = _last_days(stable, expected, lengths)
    pulled = _pulled_in(stable - expected, deviations)
    return _Guess(expected, lag_counts, lows, highs), pulled


def _spread(stable: Floats, usual: Floats, lengths: Lengths, is_counter: bool) -> Floats:
    """The standard deviation of a row on the scale, from the errors before it."""
    errors = stable - usual
    if not is_counter:
        return _deviations(errors, lengths)
    means = _means_of_roots(usual)
    ratios = np.clip((errors**2 - 1.0) / means, -1.0, RATIO_CAP)
    learnt = trailing_means(ratios, lengths.learning, lengths.learning_min)
    return np.sqrt(1.0 + np.maximum(np.nan_to_num(learnt, nan=DISPERSION_UNKNOWN), 0.0) * means)


def _usual(stable: Floats, lengths: Lengths, is_counter: bool) -> tuple[Floats, Floats]:
    """The level of the last season with what rows in the same place of up to seven seasons were of theirs."""
    level = _level(stable, lengths.season)
    # A level of next to nothing would make the ratio to it anything.
    level = np.maximum(level, 0.05) if is_counter else level
    relative = stable / level if is_counter else stable - level
    lags = np.stack([shifted(relative, lengths.season * lag) for lag in range(1, LAGS + 1)])
    shape, counts = trimmed_means(lags)
    return (level * np.maximum(shape, 0.0) if is_counter else level + shape), counts


def _level(stable: Floats, season: int) -> Floats:
    """The mean of the last season without its least and its greatest part, of seven (a week's days) or fewer."""
    parts = next(parts for parts in (7, 6, 5, 4, 3, 2, 1) if season % parts == 0)
    length = season // parts
    means = trailing_means(stable, length, (length + 1) // 2)
    level, counts = trimmed_means(np.stack([means, *(shifted(means, part * length) for part in range(1, parts))]))
    return np.where(2 * counts > parts, level, np.nan)


def _as_the_last_day(stable: Floats, tamed: Floats, usual: Floats, lengths: Lengths, is_counter: bool) -> Floats:
    """What is usual, and that corrected as the last day would have wanted it: a mean, by which was nearer lately.

    ``tamed`` are the rows with outliers pulled in.
    """
    known = ~np.isnan(stable) & ~np.isnan(usual)
    came = trailing_sums(np.where(known, tamed, 0.0), lengths.day)
    expected = trailing_sums(np.where(known, usual, 0.0), lengths.day)
    if is_counter:
        adapted = usual * ((came + 0.5) / (expected + 0.5))
    else:
        adapted = usual + (came - expected) / np.maximum(trailing_sums(known.astype(np.float64), lengths.day), 1.0)
    trusts = []
    for guess in (usual, adapted):
        error = trailing_means(np.abs(stable - guess), lengths.learning, lengths.learning_min)
        trusts.append(np.nan_to_num(np.maximum(error, 1e-9), nan=1.0) ** -4.0)
    share = trusts[1] / (trusts[0] + trusts[1])
    return usual + share * (adapted - usual)


def _remains(pulled: Floats, deviations: Floats, lengths: Lengths) -> Floats:
    """What is left of the last row's error: an autoregression of order 1, learnt lately; 0 below 0.1."""
    even = np.clip(pulled / np.maximum(deviations, 1e-9), -OUTLIER_DEVIATIONS, OUTLIER_DEVIATIONS)
    products = trailing_means(even * shifted(even, 1), lengths.learning, lengths.learning_min)
    squares = trailing_means(even**2, lengths.learning, lengths.learning_min)
    share = np.clip(np.nan_to_num(products / np.maximum(squares, 1e-9)), 0.0, 0.95)
    return np.where(share < 0.1, 0.0, share) * np.nan_to_num(shifted(pulled, 1))


def _last_days(stable: Floats, expected: Floats, lengths: Lengths) -> tuple[Floats, Floats]:
    """From the expected row half-way to the least and the greatest of the same hour in the seven days before."""
    lows, highs = expected.copy(), expected.copy()
    for lag in range(1, 8):
        before = shifted(stable, lag * lengths.apart)
        lows, highs = np.fmin(lows, before), np.fmax(highs, before)
    return expected + TOWARDS_OTHERS * (lows - expected), expected + TOWARDS_OTHERS * (highs - expected)


def _pulled_in(errors: Floats, deviations: Floats, most: float = OUTLIER_DEVIATIONS) -> Floats:
    """Errors, none farther than so many deviations from 0 where these are known."""
    limits = most * deviations
    return np.where(np.isnan(limits), errors, np.clip(errors, -limits, limits))


def _deviations(errors: Floats, lengths: Lengths) -> Floats:
    """The standard deviation of the errors before each row, with outliers pulled in; NaN where too few are known."""
    # sqrt(pi / 2): of a normal variable's mean distance.
    rough = 1.2533 * trailing_means(np.abs(errors), lengths.learning, lengths.learning_min)
    pulled = _pulled_in(errors, rough)
    return np.sqrt(PULLED_IN * trailing_means(pulled**2, lengths.learning, lengths.learning_min))


def _means_of_roots(roots: Floats) -> Floats:
    """Expected counts from expected roots; 1/4 is the variance of a root, by which its square is below the mean."""
    return np.maximum((np.maximum(roots, 0.0) / 2.0) ** 2 - 1.0 / 8.0, MEAN_MIN)


def _unit_dispersions(pulled: Floats, means: Floats, lengths: Lengths) -> Floats:
    """The dispersion of single rows, from errors of roots, whose variance is ``1 + dispersion * mean``."""
    ratios = np.clip((PULLED_IN * pulled**2 - 1.0) / means, -1.0 / MEAN_MIN, RATIO_CAP)
    return np.maximum(trailing_means(ratios, lengths.learning, lengths.learning_min), 0.0)


def _dispersions(came: Floats, expected: Floats, lengths: Lengths) -> Floats:
    """The dispersion of sums of rows, by moments, twice: the first shows how far outliers are to be pulled in."""
    squares = (came - expected) ** 2
    rough = np.clip((squares - expected) / expected**2, -1.0 / MEAN_MIN, RATIO_CAP)
    rough = np.maximum(trailing_means(rough, lengths.learning, lengths.learning_min), 0.0)
    pulled = np.minimum(squares, OUTLIER_DEVIATIONS**2 * (expected + rough * expected**2))
    ratios = np.clip((PULLED_IN * pulled - expected) / expected**2, -1.0 / MEAN_MIN, RATIO_CAP)
    return np.maximum(trailing_means(ratios, lengths.learning, lengths.learning_min), 0.0)


def deviances(came: Floats, means: Floats, dispersions: Floats) -> Floats:
    """Signed roots of the deviance of negative binomial counts; of Poisson ones when the dispersion is 0."""
    alphas = np.maximum(dispersions, 1e-6)
    own = np.where(came > 0, came * np.log(np.where(came > 0, came, 1.0) / means), 0.0)
    shared = (came + 1.0 / alphas) * np.log1p(alphas * (came - means) / (1.0 + alphas * means))
    return np.sign(came - means) * np.sqrt(np.maximum(2.0 * (own - shared), 0.0))


def _evened(residuals: Floats, outside: Floats, lengths: Lengths) -> Floats:
    """Scores: how far rows are outside of the days before (inside, a tenth of it), over how large residuals were."""
    # About as often as the tail of a normal variable: what is more in the past makes the measure longer.
    pulled = np.clip(residuals, -4.0, 4.0)
    lately = np.sqrt(trailing_means(pulled**2, lengths.learning, lengths.learning_min))
    measure = np.maximum(lately, 1.0)
    squares = np.nan_to_num((residuals / measure) ** 2)
    same_hour = _same_hour(np.minimum(squares, SAME_HOUR_CAP), lengths.day)
    measure = measure * np.maximum(SAME_HOUR_MIN, np.sqrt(same_hour))
    squares = np.minimum(np.nan_to_num((residuals / measure) ** 2), LAST_DAY_CAP)
    last_day = (trailing_sums(squares, lengths.day) + LAST_DAY_PRIOR) / (lengths.day + LAST_DAY_PRIOR)
    measure = measure * np.maximum(1.0, np.sqrt(last_day))
    return np.where(np.isnan(lately), np.nan, _larger(outside, AMONG_OTHERS * residuals) / (EVENNESS * measure))


def _same_hour(squares: Floats, day: int) -> Floats:
    """The mean square of the rows in the same place of up to 28 days before, with twenty of 1 beside them."""
    count = squares.shape[1]
    days = np.pad(squares, ((0, 0), (0, -count % day))).reshape(len(squares), -1, day)
    sums = np.zeros((len(days), days.shape[1] + 1, day))
    np.cumsum(days, axis=1, out=sums[:, 1:])
    before = sums[:, :-1].copy()
    before[:, SAME_HOUR:] -= sums[:, : max(0, days.shape[1] - SAME_HOUR)]
    return (before.reshape(len(squares), -1)[:, :count] + SAME_HOUR_PRIOR) / (SAME_HOUR + SAME_HOUR_PRIOR)


def _with_span(scores: Floats, of_span: Floats, errors: Floats) -> Floats:
    """The larger of both scores; that of a span counts for its last row only if this is off to the same side."""
    return _larger(scores, np.where(of_span * errors <= 0, 0.0, of_span))


def _larger(one: Floats, other: Floats) -> Floats:
    """Of each two the one farther from 0; NaN where one is."""
    return np.where(np.abs(one) >= np.abs(other), one, np.where(np.isnan(one), one, other))


def newest(rows: Floats, seasons: Seasons, *, is_counter: bool) -> Expectations:
    """What was to be expected of the last row of each of many series: float64[series, 1] each.

    The arguments are those of `expect`. Only the last eight weeks of sub-daily rows are looked at (a year of days), and
    so many series at a time that memory stays below about 150 MB however many there are.
    """
    recent = rows[:, max(0, rows.shape[1] - seasons.memory - 1) :]
    chunk = max(1, CHUNK_CELLS // max(recent.shape[1], 1))
    parts = [
        _last_of(expect(recent[at : at + chunk], seasons, is_counter=is_counter)) for at in range(0, len(rows), chunk)
    ]
    if not parts:
        return Expectations(*(np.empty((0, 1)) for _ in range(4)))
    return Expectations(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def _last_of(expected: Expectations) -> tuple[Floats, Floats, Floats, Floats]:
    # Copies: views would keep all rows of all chunks.
    return (
        expected.scores[:, -1:].copy(),
        expected.means[:, -1:].copy(),
        expected.lows[:, -1:].copy(),
        expected.highs[:, -1:].copy(),
    )

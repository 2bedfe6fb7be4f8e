"""Anomalies of windows: rows that are unlike those before, with what was expected and a sentence. Pure.

See `detection` for the model.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from statflow_engine.errors import QueryError
from statflow_engine.insight.detection import Expectations, Lengths, expect
from statflow_engine.insight.history import History, Ints, history_of, is_number
from statflow_engine.insight.rolling import Floats
from statflow_engine.insight.seasons import DAY_S, offsets_s
from statflow_engine.insight.sentences import sentence
from statflow_engine.kinds import Kind
from statflow_engine.pure.windows import Window

# Why 3.5: of generated counters without incidents fewer than one row in 25,000 goes beyond it. Of values with heavy
# tails, and of real series, more do: benchmarks/README.md has the figures.
THRESHOLD = 3.5


@dataclass(frozen=True, slots=True, eq=False)
class Anomalies:
    """The unusual rows of one series, in order of time; every array is [count].

    Attributes:
        name, kind, step: of the window.
        indices: int64, of the rows in the window.
        times_s: int64, where they begin.
        numbers: float64, what came: the sum of a counter, the mean of a value.
        means, lows, highs: float64, what was expected, and a band that holds nine of ten usual rows.
        scores: float64, how unusual, in deviations of what is usual: beyond the threshold on either side, at most 99.
        directions: int8, 1 for more than expected and -1 for less.
        sentences: such as "412 per hour, usually 120-180 on Tuesdays at this time".
        note: why nothing, or not everything, can be said, in words; else None.
    """

    name: str
    kind: Kind
    step: str
    indices: Ints
    times_s: Ints
    numbers: Floats
    means: Floats
    lows: Floats
    highs: Floats
    scores: Floats
    directions: NDArray[np.int8]
    sentences: tuple[str, ...]
    note: str | None

    def __len__(self) -> int:
        return len(self.indices)


def anomalies(window: Window, *, threshold: float = THRESHOLD, tz: str = "UTC") -> Anomalies:
    """The rows of a window that are unlike what was known before each of them.

    Args:
        window: rows of a day or less. Of each row only the rows before it are looked at, so that a row's verdict is
            the same on the day it comes and a year later. The first three and a half weeks of hours, or twelve weeks of
            days, only teach. Rows that are not over at ``now_s``, and rows of values without a point, have no verdict.
        threshold: scores beyond it, on either side, are anomalies. More than 0.
        tz: the zone whose clock the series lives by: hours of the day follow it through summer time.

    Raises:
        QueryError: the threshold is not more than 0, or the zone is unknown.

    Nothing is found, and the note says so, in windows that are too short, and in rows of weeks, months or years.
    """
    if not (is_number(threshold) and threshold > 0):
        raise QueryError(f"a threshold of {threshold!r}: it must be more than 0")
    history = history_of(window, tz)
    expected = expect(history.rows, history.seasons, is_counter=history.is_counter)
    scores = np.where(history.firsts, expected.scores[0, history.places], np.nan)
    with np.errstate(invalid="ignore"):
        indices = np.flatnonzero(np.abs(scores) > threshold)
    return _described(window, indices, history, expected, tz)


def _described(window: Window, indices: Ints, history: History, expected: Expectations, tz: str) -> Anomalies:
    places = history.places[indices]
    numbers = history.rows[0, places]
    scores, means, lows, highs = (
        each[0, places] for each in (expected.scores, expected.means, expected.lows, expected.highs)
    )
    times_s = window.times_s[indices]
    lengths = Lengths.of(history.seasons, history.rows.shape[1])
    by_weekday = lengths is not None and lengths.season == history.seasons.long
    # The middle of a day is of that day in any zone; an hour is of the zone's day.
    local_s = times_s + (offsets_s(times_s, tz) if history.seasons.is_sub_daily else DAY_S // 2)
    sentences = tuple(
        sentence(window.kind, window.rows.step, *facts, by_weekday=by_weekday)
        for facts in zip(local_s.tolist(), numbers.tolist(), lows.tolist(), highs.tolist(), strict=True)
    )
    directions = np.sign(scores).astype(np.int8)
    note = _note(history, lengths)
    bands = (means, lows, highs)
    return Anomalies(
        window.name, window.kind, window.step, indices, times_s, numbers, *bands, scores, directions, sentences, note
    )


def _note(history: History, lengths: Lengths | None) -> str | None:
    """What could not be told."""
    seasons = history.seasons
    if seasons.long == 1 or not (seasons.is_sub_daily or seasons.long == 7):
        return "rows of this length are not watched: an hour or a day can be"
    if lengths is None:
        return f"{history.rows.shape[1]} rows are over: {4 * seasons.short if seasons.is_sub_daily else 56} are needed"
    if lengths.season < seasons.long:
        return "less than three weeks are known: all days of the week are taken to be alike"
    return None

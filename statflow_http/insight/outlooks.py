"""What is expected of a stat, and which of its rows were unusual: read, worked out, and kept. Knows no HTTP.

Working out takes 1 to 20 ms, reading what it is worked out of 0.1 to 2.5. So what was worked out is kept by what was
read, as a hash of the rows that are over: points that arrive in the row that runs change nothing, and when that row is
over, or a point comes late, the hash is another. What is kept is thus never out of date, and needs no time limit.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

import statflow_engine
from statflow_engine import Engine, QueryError, Series, Window
from statflow_engine.insight import Forecast

T = TypeVar("T")

MINUTE_S, HOUR_S, DAY_S = 60, 3_600, 86_400
WEEK_S = 7 * DAY_S


@dataclass(frozen=True, slots=True)
class Past:
    """How much of the past rows of one length are judged by.

    Attributes:
        row_s: how long a row is.
        read_s: how far back is read: what the engine's models look at, at most.
        known_s: a chart shows no forecast that is made of less.
    """

    row_s: int
    read_s: int
    known_s: int


# Steps whose rows are forecast. Why no finer ones: eight weeks of 5 minutes take 0.2 to 0.4 s, and of minutes more. Why
# no coarser ones: how often rows of weeks and months lie in the band was not measured.
# Why four weeks of quarter-hours: they hold each day of the week four times, and eight take twice the time, and 12 MB.
# Why so much must be known: with less than two days (two weeks of days) a forecast is a level without any shape, and
# only a third one shows whether that repeats.
FORECAST: Mapping[str, Past] = {
    "15m": Past(15 * MINUTE_S, 4 * WEEK_S, 3 * DAY_S),
    "1h": Past(HOUR_S, 8 * WEEK_S, 3 * DAY_S),
    "6h": Past(6 * HOUR_S, 8 * WEEK_S, 3 * DAY_S),
    "1d": Past(DAY_S, 400 * DAY_S, 3 * WEEK_S),
}
# Steps whose rows are watched, with what is read before the first row that is asked about: eight weeks, as automatic
# alerts do, and of days the twelve weeks whose errors teach, and eight in which those were expected.
WATCHED: Mapping[str, Past] = {
    "1h": Past(HOUR_S, 8 * WEEK_S, 0),
    "1d": Past(DAY_S, 20 * WEEK_S, 0),
}
# Rows that are asked about at a time; more than a year of hours.
ROWS_MAX = 10_000
# What a process keeps: some KB each.
KEPT_MAX = 128


@dataclass(frozen=True, slots=True)
class Unusual:
    """A row that is unlike those before it.

    Attributes:
        time_s, end_s: where it lies, Unix seconds, half-open.
        number: what came: the sum of a counter, the mean of a value.
        mean, low, high: what was expected, and a band that holds nine of ten usual rows.
        score: how unusual, in deviations of what is usual; below 0 for less than expected.
        text: all that in a sentence.
    """

    time_s: int
    end_s: int
    number: float
    mean: float
    low: float
    high: float
    score: float
    text: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was unusual in a range.

    Attributes:
        rows: in order of time.
        note: why nothing, or not everything, can be said, in words; else None.
    """

    rows: tuple[Unusual, ...]
    note: str | None


class Outlooks:
    """The forecasts and verdicts of a process."""

    def __init__(self) -> None:
        self._kept = _Kept()

    def forecast(self, engine: Engine, series: Series, step: str, horizon: int, tz: str) -> Forecast:
        """The rows to come, from the one that runs on.

        Args:
            engine: whose stat it is.
            series: the stat.
            step: of `FORECAST`.
            horizon: rows wanted, at least 1.
            tz: whose clock the stat lives by.

        Raises:
            QueryError: the store has no rows of this step.
            UnknownSeriesError: the stat was deleted meanwhile.
        """
        return self._forecast(_latest(engine, series, step, tz), horizon, tz)

    def expected(self, engine: Engine, series: Series, step: str, horizon: int, tz: str) -> Forecast | None:
        """The same for a chart: None for other steps, and where too little is known to be shown.

        Raises:
            UnknownSeriesError: the stat was deleted meanwhile.
        """
        if step not in FORECAST:
            return None
        try:
            window = _latest(engine, series, step, tz)
        except QueryError:
            return None
        if not window.counts.any():
            return None
        first_s = int(window.times_s[np.argmax(window.counts > 0)])
        if window.now_s - first_s < FORECAST[step].known_s:
            return None
        found = self._forecast(window, horizon, tz)
        return None if np.isnan(found.means).any() else found

    def unusual(
        self, engine: Engine, series: Series, step: str, start_s: int, end_s: int, threshold: float, tz: str
    ) -> Verdict:
        """The unusual rows of a half-open range; of more than `ROWS_MAX` rows the last ones are looked at.

        Args:
            engine, series, tz: as above.
            step: of `WATCHED`.
            start_s, end_s: Unix seconds.
            threshold: the score from which on a row is unusual, above 0.

        Raises:
            QueryError: the store has no rows of this step in the range.
            UnknownSeriesError: the stat was deleted meanwhile.
        """
        past = WATCHED[step]
        end_s = min(end_s, engine.now_s() + 1)
        start_s = max(start_s, end_s - ROWS_MAX * past.row_s)
        window = _window(engine, series, step, past.row_s, start_s - past.read_s, end_s, tz)
        key = "unusual", threshold, tz
        verdict = self._kept.get(key, window, lambda: _verdict(window, threshold, tz))
        return Verdict(tuple(row for row in verdict.rows if row.end_s > start_s), verdict.note)

    def _forecast(self, window: Window, horizon: int, tz: str) -> Forecast:
        key = "forecast", horizon, tz
        return self._kept.get(key, window, lambda: statflow_engine.forecast(window, horizon, tz=tz))


def _latest(engine: Engine, series: Series, step: str, tz: str) -> Window:
    """What the forecast of a step is made of."""
    past, now_s = FORECAST[step], engine.now_s()
    return _window(engine, series, step, past.row_s, now_s - past.read_s, now_s + 1, tz)


def _window(engine: Engine, series: Series, step: str, row_s: int, start_s: int, end_s: int, tz: str) -> Window:
    """Rows as far back as they are kept."""
    # What begins before all rings do is refused. A row later, since a query begins where a row does, and time goes on.
    reaches = [ring.reach_s(engine.now_s()) + row_s for ring in engine.schema.rings if row_s % ring.resolution_s == 0]
    first_s = max(start_s, min(reaches, default=0), 0)
    return engine.query(series.name, min(first_s, end_s - 1), end_s, step=step, namespace=series.namespace, tz=tz)


def _verdict(window: Window, threshold: float, tz: str) -> Verdict:
    found = statflow_engine.anomalies(window, threshold=threshold, tz=tz)
    ends_s = _ends_s(window)[found.indices]
    columns = (found.times_s, ends_s, found.numbers, found.means, found.lows, found.highs, found.scores)
    rows = zip(*(column.tolist() for column in columns), found.sentences, strict=True)
    return Verdict(tuple(Unusual(*row) for row in rows), found.note)


def _ends_s(window: Window) -> Any:
    """int64[n]: where each row ends."""
    return np.append(window.times_s[1:], window.end_s)


def past_hash(window: Window) -> bytes:
    """The rows of a window that are over, in 16 bytes: those of a stat, and of no other moment."""
    over = int(np.searchsorted(_ends_s(window), window.now_s, side="right"))
    about = (window.name, str(window.kind), window.step, window.start_s)
    hash_ = hashlib.blake2b(repr(about).encode(), digest_size=16)
    hash_.update(np.ascontiguousarray(window.counts[:over]).tobytes())
    hash_.update(np.ascontiguousarray(window.sums[:over]).tobytes())
    return hash_.digest()


class _Kept:
    """What was worked out lately, by what of; the oldest goes first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[Hashable, Any] = OrderedDict()

    def get(self, key: Hashable, window: Window, work_out: Callable[[], T]) -> T:
        """What is kept, or else what ``work_out`` gives, which is then kept."""
        place = key, past_hash(window)
        with self._lock:
            if place in self._known:
                self._known.move_to_end(place)
                known: T = self._known[place]
                return known
        found = work_out()
        with self._lock:
            self._known[place] = found
            while len(self._known) > KEPT_MAX:
                self._known.popitem(last=False)
        return found

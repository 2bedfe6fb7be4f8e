"""What each stat of a list did lately: its rows, its total, and that of the period before. Knows no HTTP."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from statflow_engine import Engine, Kind, QueryError, Series, StatFlowError, UnknownSeriesError, Window
from statflow_http.charts.drawings import Line
from statflow_http.embedding.reading import since_creation
from statflow_http.pages.totals import change_of, total
from statflow_http.stats.series_rows import default_aggregate, numbers

# Names of one query when all stats are summed, which bounds what lies in memory at a time.
CHUNK = 2_000
HOUR_S, MINUTE_S = 3_600, 60


@dataclass(frozen=True, slots=True)
class Span:
    """A period of the list, with the rows that the page of a stat has, so that both come to the same total."""

    name: str
    length_s: int
    step_s: int
    caption: str
    previous: str


SPANS = {
    "day": Span("day", 86_400, 900, "last 24 hours", "the day before"),
    "week": Span("week", 604_800, 3_600, "last 7 days", "the week before"),
    "month": Span("month", 30 * 86_400, 6 * 3_600, "last 30 days", "the 30 days before"),
}


class Totals(NamedTuple):
    """What a stat came to: sums of a counter, means of a value's points; NaN for nothing.

    Attributes:
        total: of all rows.
        settled: of a counter's rows that are over, which are as many as those before.
        before: of the period before.
    """

    total: float
    settled: float
    before: float

    @property
    def change(self) -> float | None:
        """By which part of what it was the number changed; None where there was nothing."""
        return change_of(self.settled, self.before)


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """What is shown of a stat.

    Attributes:
        series: the stat.
        line: of its rows in the span.
        start_s, end_s: what those cover.
        last: the number of the last minute in which something arrived; None for none.
        totals: what it came to.
    """

    series: Series
    line: Line
    start_s: int
    end_s: int
    last: float | None
    totals: Totals


def bounds(engine: Engine, span: Span) -> tuple[int, int, int]:
    """(start of the period before, start, end) of a span: the row that runs, and as many before it as the span has."""
    runs_s = engine.now_s() // span.step_s * span.step_s
    end_s = runs_s + span.step_s
    start_s = max(runs_s - span.length_s, span.step_s)
    return max(start_s - span.length_s, 0), start_s, end_s


def summed(engine: Engine, namespace: str, series: Sequence[Series], span: Span) -> dict[int, Totals]:
    """What some stats come to, by their ids."""
    # In order of ids neighbours lie together: by name each chunk would read nearly all groups of 64.
    series = sorted(series, key=lambda each: each.id)
    before_s, start_s, end_s = bounds(engine, span)
    found: dict[int, Totals] = {}
    for first in range(0, len(series), CHUNK):
        part = series[first : first + CHUNK]
        windows = queried(engine, namespace, part, before_s, end_s, span.step_s)
        pairs = [(each, window) for each, window in zip(part, windows, strict=True) if window is not None]
        if len({len(window) for _, window in pairs}) == 1:
            found |= _all_totals([each for each, _ in pairs], [window for _, window in pairs], start_s)
        else:
            # Queried one by one: rows of a coarse ring may be others for others.
            found |= {each.id: _totals(window, start_s) for each, window in pairs}
    return found


def _all_totals(series: Sequence[Series], windows: Sequence[Window], start_s: int) -> dict[int, Totals]:
    """`_totals` of many windows with the same rows, in columns: a tenth of the time."""
    first = int(np.searchsorted(windows[0].times_s, start_s))
    counts, sums = np.stack([window.counts for window in windows]), np.stack([window.sums for window in windows])
    are_values = np.array([window.kind is Kind.VALUE for window in windows])
    columns = []
    for part in (slice(first, None), slice(first, -1), slice(0, first)):
        points = counts[:, part].sum(axis=1)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            total_ = sums[:, part].sum(axis=1) / np.where(are_values, points, 1)
        columns.append(np.where(points > 0, total_, np.nan).tolist())
    return {
        each.id: Totals(whole, whole if is_value else settled, before)
        for each, is_value, whole, settled, before in zip(series, are_values.tolist(), *columns, strict=True)
    }


def rows(engine: Engine, namespace: str, series: Sequence[Series], span: Span, units: Sequence[str]) -> list[Row]:
    """What is shown of some stats; of those that are there still. All rows of all of them come from one query.

    Args:
        engine: whose stats these are.
        namespace: of the stats.
        series: at most a page, as they were a moment ago.
        span: how much of the past is shown.
        units: of each stat.
    """
    pairs = [(now, unit) for each, unit in zip(series, units, strict=True) if (now := _now(engine, each)) is not None]
    current = [each for each, _ in pairs]
    before_s, start_s, end_s = bounds(engine, span)
    minute_s = engine.now_s() // MINUTE_S * MINUTE_S + MINUTE_S
    windows = queried(engine, namespace, current, before_s, end_s, span.step_s)
    lately = queried(engine, namespace, current, minute_s - HOUR_S, minute_s, MINUTE_S)
    made = []
    for (each, unit), window, last in zip(pairs, windows, lately, strict=True):
        if window is not None:
            made.append(_row(engine, each, unit, window, last, start_s))
    return made


def _now(engine: Engine, series: Series) -> Series | None:
    try:
        return engine.find_by_id(series.id, namespace=series.namespace)
    except UnknownSeriesError:
        return None


def queried(
    engine: Engine, namespace: str, series: Sequence[Series], start_s: int, end_s: int, step_s: int
) -> list[Window | None]:
    """A window a stat; None where it cannot be had: the stat has just been deleted, or no ring has such rows."""
    if not series:
        return []
    names = [each.name for each in series]
    try:
        return list(engine.query_many(names, start_s, end_s, step=step_s, namespace=namespace))
    except (UnknownSeriesError, QueryError):
        return [_queried_alone(engine, namespace, name, start_s, end_s, step_s) for name in names]


def _queried_alone(engine: Engine, namespace: str, name: str, start_s: int, end_s: int, step_s: int) -> Window | None:
    for step in (step_s, None):
        try:
            return engine.query(name, start_s, end_s, step=step, namespace=namespace)
        except QueryError:
            # A store whose rings have no such rows, or do not reach back: as fine as it can.
            continue
        except UnknownSeriesError:
            break
    return None


def _row(engine: Engine, series: Series, unit: str, window: Window, lately: Window | None, start_s: int) -> Row:
    first = int(np.searchsorted(window.times_s, start_s))
    values = numbers(window, default_aggregate(window.kind), "null")
    if window.kind is Kind.COUNTER:
        values = since_creation(values, window, series.created_s)
    values = values[first:]
    times_s = window.times_s[first:]
    is_counter = window.kind is Kind.COUNTER
    line = Line(series.name, times_s, values, runs=is_counter, unit=unit)
    last = _last(engine, series, lately)
    totals = _totals(window, start_s)
    return Row(series, line, start_s, window.end_s, last, totals)


def _last(engine: Engine, series: Series, lately: Window | None) -> float | None:
    """The number of the last minute in which something arrived."""
    found = _last_of(lately)
    if found is not None or series.received_s is None:
        return found
    minute_s = series.received_s // MINUTE_S * MINUTE_S
    try:
        window = engine.query(series.name, minute_s, minute_s + MINUTE_S, step=MINUTE_S, namespace=series.namespace)
    except StatFlowError:
        # Longer ago than minutes are kept.
        return None
    return _last_of(window)


def _last_of(window: Window | None) -> float | None:
    if window is None or not window.counts.any():
        return None
    index = int(np.flatnonzero(window.counts)[-1])
    return float(numbers(window, default_aggregate(window.kind), "null")[index])


def _totals(window: Window, start_s: int) -> Totals:
    """Of the rows from a moment on, and of those before it."""
    first, last = int(np.searchsorted(window.times_s, start_s)), len(window)
    whole = total(window, first, last)
    settled = whole if window.kind is Kind.VALUE else total(window, first, last - 1)
    return Totals(whole, settled, total(window, 0, first))

"""From a stat and a range to what its page shows: rows, those of the period before, and what they come to. No HTTP."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from statflow_engine import Engine, Kind, QueryError, Series, Window
from statflow_http.charts.drawings import Line
from statflow_http.embedding.reading import since_creation
from statflow_http.pages.periods import Range, earlier
from statflow_http.pages.totals import change_of, extremes, finite, total
from statflow_http.stats.series_rows import default_aggregate, numbers

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What was read of a stat.

    Attributes:
        series: the stat.
        window: its rows.
        before: as many rows of the period before; None where none can be had or nothing is there.
        line: what is drawn.
        unit: of its numbers.
    """

    series: Series
    window: Window
    before: Window | None
    line: Line
    unit: str


def seen(engine: Engine, series: Series, wanted: Range, tz: str, unit: str, *, compares: bool = True) -> Seen:
    """Read a stat over a range; a store without rings for its step gives rows as fine as it can.

    Args:
        engine: whose stat it is.
        series: the stat.
        wanted: the range, with its step.
        tz: whose calendar its days follow.
        unit: of its numbers.
        compares: the period before is wanted, too.
    """
    window = _window(engine, series, wanted.start_s, wanted.end_s, wanted.step, tz)
    before = _before(engine, series, window, tz) if compares else None
    values = numbers(window, default_aggregate(window.kind), "null")
    if window.kind is Kind.COUNTER:
        values = since_creation(values, window, series.created_s)
    previous = None if before is None else numbers(before, default_aggregate(before.kind), "null")
    runs = window.kind is Kind.COUNTER and window.end_s > window.now_s
    # Rows that have not begun: nothing is there yet, not even zero.
    values = np.where(window.times_s > window.now_s, np.nan, values)
    return Seen(series, window, before, Line(series.name, window.times_s, values, previous, runs, unit), unit)


def _window(engine: Engine, series: Series, start_s: int, end_s: int, step: str | None, tz: str) -> Window:
    try:
        return engine.query(series.name, start_s, end_s, step=step, namespace=series.namespace, tz=tz)
    except QueryError:
        pass
    try:
        return engine.query(series.name, start_s, end_s, namespace=series.namespace, tz=tz)
    except QueryError:
        # Longer ago than anything is kept: what is kept of the range.
        ring = max(engine.schema.rings, key=lambda ring: ring.resolution_s * ring.slot_count)
        first_s = engine.now_s() - ring.resolution_s * (ring.slot_count - 2)
        start_s = max(start_s, first_s)
        return engine.query(series.name, start_s, max(end_s, start_s + 1), namespace=series.namespace, tz=tz)


def _before(engine: Engine, series: Series, window: Window, tz: str) -> Window | None:
    """As many rows directly before; where the calendar has fewer, none."""
    start_s, end_s = earlier(window.start_s, window.end_s, window.step, tz)
    if end_s <= start_s:
        return None
    try:
        found = _queried(engine, series, window, start_s, end_s, tz)
        if len(found) > len(window):
            found = _queried(engine, series, window, start_s, int(found.times_s[len(window)]), tz)
    except QueryError:
        return None
    return found if len(found) == len(window) and found.counts.any() else None


def _queried(engine: Engine, series: Series, like: Window, start_s: int, end_s: int, tz: str) -> Window:
    return engine.query(series.name, start_s, end_s, step=like.step, namespace=series.namespace, tz=tz)


@dataclass(frozen=True, slots=True)
class Figures:
    """What rows come to; None where there is nothing.

    Attributes:
        total: the sum of a counter; None for values.
        mean: of a counter's rows that are over; of all points of a value.
        least, greatest: of a counter's rows that are over; of all points of a value.
        points: how many arrived.
    """

    total: float | None
    mean: float | None
    least: float | None
    greatest: float | None
    points: int


def figures(found: Seen) -> tuple[Figures, Figures | None]:
    """What the rows come to, and those of the period before."""
    now = _figures(found.window, found.line.values, runs=found.line.runs)
    before = found.before
    if before is None or found.line.previous is None:
        return now, None
    return now, _figures(before, found.line.previous, runs=False)


def _figures(window: Window, values: Floats, *, runs: bool) -> Figures:
    points = int(window.counts.sum())
    whole = finite(total(window, 0, len(window)))
    over = values[:-1] if runs else values
    over = over[np.isfinite(over)]
    least, greatest = extremes(window, over)
    if window.kind is Kind.VALUE:
        return Figures(None, whole, least, greatest, points)
    return Figures(whole, finite(float(over.mean())) if len(over) else None, least, greatest, points)


def compared(found: Seen) -> list[dict[str, Any]]:
    """The table of a stat's page: label, number, number before, change."""
    now, before = figures(found)
    rows = [("Total", "total")] if found.window.kind is Kind.COUNTER else []
    rows += [("Mean", "mean"), ("Least", "least"), ("Greatest", "greatest"), ("Points", "points")]
    made = []
    for label, name in rows:
        value = getattr(now, name)
        if value is None and found.window.kind is Kind.COUNTER:
            # Before any of its rows is over there is no mean of them.
            continue
        earlier_value = None if before is None else getattr(before, name)
        unit = "" if name == "points" else found.unit
        made.append(
            {
                "label": label,
                "value": value,
                "before": earlier_value,
                "change": change_of(value, earlier_value),
                "unit": unit,
            }
        )
    return made

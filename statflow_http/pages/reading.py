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
        before: as many rows of the period before, at the same times of it; None where none can be had or nothing is
            there. The like of a row that runs now is the first one of now.
        line: what is drawn.
        unit: of its numbers.
    """

    series: Series
    window: Window
    before: Window | None
    line: Line
    unit: str

    @property
    def settled(self) -> int:
        """How many rows are compared with the period before: all but the one that runs."""
        return len(self.window) - runs_still(self.window)


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
    """As many rows of the period before; where the calendar has fewer, none.

    That period is as long as the rows that are over. A row that runs makes it no longer: seven days and an hour back,
    each hour would lie beside another one.
    """
    times_s, end_s = window.times_s, window.end_s
    if runs_still(window) and len(window) > 1:
        start_s, _ = earlier(window.start_s, int(times_s[-1]), window.step, tz)
        end_s = int(times_s[1])
    else:
        start_s, end_s = earlier(window.start_s, end_s, window.step, tz)
    if end_s <= start_s:
        return None
    try:
        found = _queried(engine, series, window, start_s, end_s, tz)
        if len(found) > len(window):
            found = _queried(engine, series, window, start_s, int(found.times_s[len(window)]), tz)
    except QueryError:
        return None
    return found if len(found) == len(window) and found.counts.any() else None


def runs_still(window: Window) -> bool:
    """Whether its last row has begun and is not over."""
    return bool(len(window) and window.times_s[-1] <= window.now_s < window.end_s)


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
    count = len(found.window)
    now = _figures(found.window, found.line.values, count, count - found.line.runs)
    before = found.before
    if before is None or found.line.previous is None:
        return now, None
    return now, _figures(before, found.line.previous, found.settled, found.settled)


def _figures(window: Window, values: Floats, count: int, over_count: int) -> Figures:
    """Of the first ``count`` rows, of which ``over_count`` are over."""
    points = int(window.counts[:count].sum())
    whole = finite(total(window, 0, count))
    over = values[:over_count]
    over = over[np.isfinite(over)]
    least, greatest = extremes(window, over, last=count)
    if window.kind is Kind.VALUE:
        return Figures(None, whole, least, greatest, points)
    return Figures(whole, finite(float(over.mean())) if len(over) else None, least, greatest, points)


def compared(found: Seen) -> list[dict[str, Any]]:
    """The table of a stat's page: label, number, number before, change."""
    now, before = figures(found)
    settled = _figures(found.window, found.line.values, found.settled, found.settled)
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
                # What adds up is compared as far as its rows are over.
                "change": change_of(getattr(settled if name in ("total", "points") else now, name), earlier_value),
                "unit": unit,
            }
        )
    return made

"""The list of an account's stats: searched, sorted, a page at a time, with what each did lately. Knows no HTTP.

Names, kinds and times of receipt of all stats take 4 ms a thousand to read, their sums 6 to 10 ms: so both are kept for
some seconds, by each process, for the namespaces that were looked at last. What a page shows of its fifty stats is
always read anew; only the order in which ten thousand stand may be some seconds old.
"""

import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from statflow_engine import Engine, Kind, QueryError, Series, StatFlowError, UnknownSeriesError, Window
from statflow_http.charts.drawings import Line
from statflow_http.embedding.reading import since_creation
from statflow_http.series_rows import default_aggregate, numbers

T = TypeVar("T")
Floats = NDArray[np.float64]

PAGE = 50
# Of more stats than this only the first are sorted; searching finds the others.
SORTED_MAX = 20_000
# How long an order stays, and how many namespaces are remembered: some MB each.
KEPT_S = 10
KEPT_MAX = 8
# Names of one query when all stats are summed, which bounds what lies in memory at a time.
CHUNK = 2_000
HOUR_S, MINUTE_S = 3_600, 60


@dataclass(frozen=True, slots=True)
class Span:
    """A period of the list: coarser rows than a chart of its own has, so that ten thousand stats can be summed."""

    name: str
    length_s: int
    step_s: int
    caption: str
    previous: str


SPANS = {
    "day": Span("day", 86_400, 3_600, "last 24 hours", "the day before"),
    "week": Span("week", 604_800, 6 * 3_600, "last 7 days", "the week before"),
    "month": Span("month", 30 * 86_400, 12 * 3_600, "last 30 days", "the 30 days before"),
}
SORTS = ("name", "received", "total", "change")


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be listed.

    Attributes:
        words: that occur in the name, or a glob; "" for all.
        kind: "counter", "value", or "" for both.
        sort: one of `SORTS`.
        descending: the largest, or the latest, first.
        span: a name of `SPANS`.
        page: from 1 on.
    """

    words: str = ""
    kind: str = ""
    sort: str = "name"
    descending: bool = False
    span: str = "week"
    page: int = 1


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of the list.

    Attributes:
        series: of this page, at most 50.
        count: how many the wish finds.
        page, pages: this one, and how many there are, at least 1.
        is_cut: there are more stats than are sorted.
    """

    series: list[Series]
    count: int
    page: int
    pages: int
    is_cut: bool


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """What is shown of a stat.

    Attributes:
        series: the stat.
        line: of its rows in the span.
        start_s, end_s: what those cover.
        last: the number of the last minute in which something arrived; None for none.
        total: the sum of a counter, the mean of a value; None for nothing.
        before: the same of the period before.
    """

    series: Series
    line: Line
    start_s: int
    end_s: int
    last: float | None
    total: float | None
    before: float | None

    @property
    def change(self) -> float | None:
        """By which part of what it was the total changed; None where there was nothing."""
        return change_of(self.total, self.before)


class Lists:
    """The lists of a process.

    Args:
        engine: gives the engine, once it is asked.
    """

    def __init__(self, engine: Callable[[], Engine]) -> None:
        self._engine = engine
        self._series: Kept[list[Series]] = Kept()
        self._totals: Kept[dict[int, tuple[float, float]]] = Kept()

    def page(self, namespace: str, wish: Wish) -> Listed:
        """A page of the stats that a wish finds; the last page where there are fewer."""
        found = self._found(namespace, wish)
        is_cut = len(found) > SORTED_MAX
        found = self._sorted(namespace, found[:SORTED_MAX], wish)
        pages = max(1, math.ceil(len(found) / PAGE))
        page = min(wish.page, pages)
        return Listed(found[(page - 1) * PAGE : page * PAGE], len(found), page, pages, is_cut)

    def _found(self, namespace: str, wish: Wish) -> list[Series]:
        engine = self._engine()
        if wish.words:
            found = engine.series(namespace, pattern=wish.words, limit=SORTED_MAX + 1)
        else:
            version = engine.series_count(namespace)
            found = self._series.get(
                namespace, version, engine.now_s(), lambda: engine.series(namespace, limit=SORTED_MAX + 1)
            )
        return [series for series in found if str(series.kind) == wish.kind] if wish.kind else found

    def _sorted(self, namespace: str, found: list[Series], wish: Wish) -> list[Series]:
        """In the wished order; what has no number comes last in either direction."""
        by_name = sorted(found, key=lambda series: (series.name.casefold(), series.id))
        if wish.sort == "name":
            return by_name[::-1] if wish.descending else by_name
        if wish.sort == "received":
            keys = {series.id: float(series.received_s or math.nan) for series in found}
        else:
            totals = self._summed(namespace, wish.span)
            keys = {series.id: _key(wish.sort, *totals.get(series.id, (math.nan, math.nan))) for series in found}
        sign = -1 if wish.descending else 1
        return sorted(by_name, key=lambda series: (math.isnan(keys[series.id]), sign * keys[series.id]))

    def _summed(self, namespace: str, span: str) -> dict[int, tuple[float, float]]:
        engine = self._engine()
        version = engine.series_count(namespace)
        return self._totals.get(
            f"{namespace} {span}", version, engine.now_s(), lambda: summed(engine, namespace, SPANS[span])
        )


def _key(sort: str, total: float, before: float) -> float:
    change = change_of(total, before)
    return total if sort == "total" else math.nan if change is None else change


class Kept(Generic[T]):
    """What was read lately, by a key: good for ten seconds, and while its version is the same."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[str, tuple[int, int, T]] = OrderedDict()

    def get(self, key: str, version: int, now_s: int, read: Callable[[], T]) -> T:
        """What is kept, or else what ``read`` gives, which is then kept."""
        with self._lock:
            known = self._known.get(key)
        if known is not None and known[1] == version and 0 <= now_s - known[0] < KEPT_S:
            return known[2]
        found = read()
        with self._lock:
            self._known[key] = now_s, version, found
            self._known.move_to_end(key)
            while len(self._known) > KEPT_MAX:
                self._known.popitem(last=False)
        return found


def bounds(engine: Engine, span: Span) -> tuple[int, int, int]:
    """(start of the period before, start, end) of a span up to now, all on the borders of its steps."""
    end_s = -(-(engine.now_s() + 1) // span.step_s) * span.step_s
    start_s = max(end_s - span.length_s, span.step_s)
    return max(start_s - span.length_s, 0), start_s, end_s


def summed(engine: Engine, namespace: str, span: Span) -> dict[int, tuple[float, float]]:
    """(total, total of the period before) of every stat, by its id; NaN for nothing."""
    series = engine.series(namespace, limit=SORTED_MAX)
    before_s, start_s, end_s = bounds(engine, span)
    found: dict[int, tuple[float, float]] = {}
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


def _all_totals(series: Sequence[Series], windows: Sequence[Window], start_s: int) -> dict[int, tuple[float, float]]:
    """`_totals` of many windows with the same rows, in columns: a tenth of the time."""
    first = int(np.searchsorted(windows[0].times_s, start_s))
    counts, sums = np.stack([window.counts for window in windows]), np.stack([window.sums for window in windows])
    are_values = np.array([window.kind is Kind.VALUE for window in windows])
    columns = []
    for part in (slice(first, None), slice(0, first)):
        points = counts[:, part].sum(axis=1)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            total_ = sums[:, part].sum(axis=1) / np.where(are_values, points, 1)
        columns.append(np.where(points > 0, total_, np.nan).tolist())
    return {each.id: pair for each, pair in zip(series, zip(*columns, strict=True), strict=True)}


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
    now, before = _totals(window, start_s)
    line = Line(series.name, times_s, values, runs=is_counter, unit=unit)
    last = _last(engine, series, lately)
    return Row(series, line, start_s, window.end_s, last, _number(now), _number(before))


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


def _totals(window: Window, start_s: int) -> tuple[float, float]:
    """Of the rows from a moment on, and of those before it."""
    first = int(np.searchsorted(window.times_s, start_s))
    return total(window, first, len(window)), total(window, 0, first)


def total(window: Window, first: int, last: int) -> float:
    """The sum of a counter's rows, the mean of all points of a value's; NaN for no point."""
    count = int(window.counts[first:last].sum())
    if not count:
        return math.nan
    # Of finite numbers that are too large together the sum is infinite, which is told as a dash.
    with np.errstate(over="ignore"):
        sum_ = float(window.sums[first:last].sum())
    return sum_ if window.kind is Kind.COUNTER else sum_ / count


def change_of(now: float | None, before: float | None) -> float | None:
    """By which part of what it was a number changed; None where there is none, or it was nothing."""
    if now is None or before is None or not math.isfinite(now) or not math.isfinite(before) or before == 0:
        return None
    return (now - before) / abs(before)


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None

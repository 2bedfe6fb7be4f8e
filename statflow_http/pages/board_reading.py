"""What the tiles of dashboards show, read with as few queries as there are lengths of rows. No HTTP.

All stats of all tiles whose rows are alike (the same period, the same step) come from one query: a dashboard of sixty
tiles over one week needs two, one for bars and one for all else.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from statflow_engine import Engine, Kind, QueryError, Series, UnknownSeriesError, Window
from statflow_http.charts.drawings import Line
from statflow_http.dashboards.tiles import DAY_S, HOUR_S, PERIODS, Tile
from statflow_http.embedding.reading import since_creation
from statflow_http.pages.periods import STEPS
from statflow_http.pages.totals import change_of, extremes, total
from statflow_http.stats.properties import Properties
from statflow_http.stats.series_rows import default_aggregate, numbers

Floats = NDArray[np.float64]

# Kinds that are compared with the period before.
COMPARING = ("number", "table")
# Periods that have every hour of a week; the others show a week.
WHOLE_WEEKS = tuple(name for name, period in PERIODS.items() if period.length_s >= 7 * DAY_S)
HOUR_STEP = "1h"


class Rows(NamedTuple):
    """Which rows: how much of the past, and how long each is."""

    length_s: int
    step: str


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What was read of a stat.

    Attributes:
        series: the stat.
        unit: of its numbers.
        window: its rows, those of the period before included where they were read.
        count: how many rows the period has, the last of the window.
    """

    series: Series
    unit: str
    window: Window
    count: int

    @property
    def first(self) -> int:
        """The index of the period's first row."""
        return len(self.window) - self.count

    @property
    def runs(self) -> bool:
        """Whether the number of the last row will still change: a counter's is too low until it is over."""
        return self.window.kind is Kind.COUNTER and self.window.end_s > self.window.now_s

    @property
    def line(self) -> Line:
        """The rows of the period."""
        values = numbers(self.window, default_aggregate(self.window.kind), "null")
        if self.window.kind is Kind.COUNTER:
            values = since_creation(values, self.window, self.series.created_s)
        first = self.first
        return Line(self.series.name, self.window.times_s[first:], values[first:], runs=self.runs, unit=self.unit)

    @property
    def start_s(self) -> int:
        """Where the period's first row begins."""
        return int(self.window.times_s[self.first])

    @property
    def total(self) -> float:
        """What a counter counted in the period, the mean of a value's points in it; NaN for no point."""
        return total(self.window, self.first, len(self.window))

    @property
    def before(self) -> float:
        """The same of the period before, as much of it as `change` compares; NaN where it was not read."""
        return total(self.window, max(self.first - self.count + self._rest, 0), self.first)

    @property
    def extremes(self) -> tuple[float | None, float | None]:
        """The least and the greatest: of a value's points, of a counter's rows that are over."""
        values = self.line.values
        return extremes(self.window, values[:-1] if self.runs else values, self.first)

    @property
    def change(self) -> float | None:
        """By which part the total changed. A row that is not over is left out, and its like of the period before."""
        return change_of(total(self.window, self.first, len(self.window) - self._rest), self.before)

    @property
    def _rest(self) -> int:
        """How many rows at the end cannot be compared."""
        return 1 if self.runs and self.count > 1 else 0


@dataclass(frozen=True, slots=True)
class Board:
    """What was read for some tiles.

    Attributes:
        found: by rows, by the name of the stat; one that is gone is missing.
        query_count: how many times the engine was asked for rows.
    """

    found: Mapping[Rows, Mapping[str, Seen]] = field(default_factory=dict)
    query_count: int = 0

    def of(self, tile: Tile, period: str) -> list[Seen]:
        """What a tile shows, in the order of its stats, without those that are gone."""
        known = self.found.get(rows_of(tile.kind, period), {})
        return [known[name] for name in tile.stats if name in known]


def rows_of(kind: str, period: str) -> Rows:
    """The rows that a kind of tile shows of a period."""
    wanted = PERIODS[period]
    if kind == "bar":
        return Rows(wanted.length_s, wanted.bar_step)
    # And a row more, as on the page of a stat: the one that runs says nothing yet.
    if kind == "hours":
        return Rows(PERIODS[period if period in WHOLE_WEEKS else "week"].length_s + HOUR_S, HOUR_STEP)
    return Rows(wanted.length_s + STEPS[wanted.step][0], wanted.step)


def read(engine: Engine, properties: Properties, namespace: str, tiles: Iterable[tuple[Tile, str]], tz: str) -> Board:
    """What some tiles show.

    Args:
        engine: whose stats these are.
        properties: where their units are.
        namespace: of the stats.
        tiles: each with the period that it shows.
        tz: whose calendar rows of days, weeks and months follow.
    """
    names: defaultdict[Rows, dict[str, None]] = defaultdict(dict)
    comparing: set[Rows] = set()
    for tile, period in tiles:
        wanted = rows_of(tile.kind, period)
        names[wanted] |= dict.fromkeys(tile.stats)
        comparing |= {wanted} if tile.kind in COMPARING else set()
    series = _known(engine, namespace, {name for group in names.values() for name in group})
    known = properties.of(namespace, [each.id for each in series.values()])
    units = {name: each.unit for name, each in zip(series, known, strict=True)}
    found: dict[Rows, dict[str, Seen]] = {}
    query_count = 0
    for wanted, group in names.items():
        there = [series[name] for name in group if name in series]
        windows = queried(engine, namespace, there, wanted, tz, doubled=wanted in comparing)
        query_count += 1 if there else 0
        found[wanted] = {
            each.name: Seen(each, units[each.name], window, _count(window, wanted))
            for each in there
            if (window := windows.get(each.name)) is not None and len(window)
        }
    return Board(found, query_count)


def _known(engine: Engine, namespace: str, names: Iterable[str]) -> dict[str, Series]:
    """The stats that are there, by name."""
    found = {}
    for name in names:
        try:
            found[name] = engine.find(name, namespace=namespace)
        except UnknownSeriesError:
            continue
    return found


def queried(
    engine: Engine, namespace: str, series: Sequence[Series], wanted: Rows, tz: str, *, doubled: bool
) -> dict[str, Window]:
    """Windows by name, of one query; a store without rings for such rows gives what it has.

    Args:
        engine, namespace, series: of which stats.
        wanted: the rows.
        tz: whose calendar.
        doubled: those of the period before, too.
    """
    if not series:
        return {}
    end_s = engine.now_s() + 1
    start_s = max(end_s - wanted.length_s * (2 if doubled else 1), 0)
    ring = max(engine.schema.rings, key=lambda ring: ring.resolution_s * ring.slot_count)
    reach_s = max(end_s - ring.resolution_s * (ring.slot_count - 2), 0)
    names = [each.name for each in series]
    for first_s, step in ((start_s, wanted.step), (start_s, None), (max(start_s, reach_s), None)):
        try:
            windows = engine.query_many(names, first_s, end_s, step=step, namespace=namespace, tz=tz)
        except QueryError:
            continue
        except UnknownSeriesError:
            # Deleted since it was looked up: whoever asks again a moment later sees the others.
            return {}
        return {window.name: window for window in windows}
    return {}


def _count(window: Window, wanted: Rows) -> int:
    """How many of the last rows of a window are the period's: a window may have more at its beginning."""
    row_s = (window.end_s - window.start_s) / len(window)
    return min(max(round(wanted.length_s / row_s), 1), len(window))

"""From what was read to what a tile shows: pictures, figures and tables, as plain data for templates. No HTTP."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from statflow_engine import Kind
from statflow_http import ids
from statflow_http.charts import times
from statflow_http.charts.bars import AxisLabel, Bars, bars
from statflow_http.charts.drawings import Drawing
from statflow_http.charts.hours import DAYS, HOURS, Hours, hours_picture, means_by_hour
from statflow_http.charts.lines import chart
from statflow_http.charts.nodes import Node
from statflow_http.charts.scales import short, with_unit
from statflow_http.charts.sparklines import sparkline
from statflow_http.charts.themes import Theme
from statflow_http.dashboards.tiles import PERIODS, Tile
from statflow_http.pages.board_reading import WHOLE_WEEKS, Board, Seen
from statflow_http.pages.periods import STEPS
from statflow_http.pages.totals import finite

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

# Pixels of the pictures by size. A wide one is drawn twice: the page shows the one that fits, so that letters on a
# phone are as large as elsewhere.
NARROW_WIDTH, WIDE_WIDTH = 320, 720
HEIGHTS = {"small": 180, "wide": 220, "tall": 420}
SPARK_WIDTH, SPARK_HEIGHT = 288, 44
# So many zones and ranges are remembered, at 70 KB for a year of hours.
HOURS_KEPT = 16


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture, and where it fits: "narrow", "wide", or "any"."""

    fits: str
    node: Node


def shown(tile: Tile, board: Board, period: str, tz: str) -> dict[str, Any]:
    """What a template needs of a tile.

    Args:
        tile: it.
        board: what was read.
        period: the name of the one that is shown.
        tz: the name of the zone in which moments are told.
    """
    found = board.of(tile, period)
    there = {seen.series.name for seen in found}
    about = {
        "id": tile.id,
        "kind": tile.kind,
        "size": tile.size,
        "name": tile.name,
        "caption": caption(tile, period),
        "missing": [name for name in tile.stats if name not in there],
        "pictures": [],
        "figures": [],
        "table": None,
        "note": "",
        # Where the pages of its stats are, for who may see them.
        "addresses": [(f"/stats/{ids.stat_id(seen.series.id)}", seen.series.name) for seen in found],
    }
    return about | (DRAWN[tile.kind](tile, found, period, tz) if found else {})


def caption(tile: Tile, period: str) -> str:
    """What a tile shows of the past, in words."""
    if tile.kind == "hours":
        return f"hours of the week, {PERIODS[period if period in WHOLE_WEEKS else 'week'].caption}"
    return PERIODS[period].caption


def lines(tile: Tile, found: Sequence[Seen], period: str, tz: str) -> dict[str, Any]:
    """Lines over time."""

    def drawn(width: int, height: int) -> Node:
        drawing = Drawing(
            [seen.line for seen in found],
            found[0].start_s,
            found[0].window.end_s,
            width=width,
            height=height,
            theme=Theme.PAGE,
            tz=tz,
            is_filled=len(found) == 1 and found[0].window.kind is Kind.COUNTER,
            # The heading of the tile names a single stat.
            has_head=len(found) > 1,
        )
        return chart(drawing)

    return {"pictures": pictures(tile.size, drawn)}


def bar_chart(tile: Tile, found: Sequence[Seen], period: str, tz: str) -> dict[str, Any]:
    """Bars over time, and the same as a table."""
    step = PERIODS[period].bar_step
    zone = times.zone(tz)
    told = [row_name(int(time_s), step, zone) for time_s in found[0].line.times_s]
    columns = [seen.line.values for seen in found]
    labels = [AxisLabel(index + 0.5, text) for index, text in enumerate(told)]
    names = [seen.series.name for seen in found]

    def drawn(width: int, height: int) -> Node:
        drawing = Bars(
            names,
            columns,
            labels,
            f"{', '.join(names)}: {PERIODS[period].caption}; the numbers are in the table below.",
            width=width,
            height=height,
            theme=Theme.PAGE,
            # The heading of the tile names a single stat.
            has_head=len(found) > 1,
        )
        return bars(drawing)

    rows = [
        (text, [with_unit(short(float(column[index])), seen.unit) for column, seen in zip(columns, found, strict=True)])
        for index, text in enumerate(told)
    ]
    return {"pictures": pictures(tile.size, drawn), "table": {"columns": names, "rows": rows[::-1]}}


def row_name(time_s: int, step: str, zone: tzinfo) -> str:
    """When a bar began, as short as its length allows."""
    wall = datetime.fromtimestamp(time_s, zone)
    if step.endswith("M"):
        return times.MONTHS[wall.month - 1] + (f" {wall.year}" if wall.month == 1 else "")
    if step.endswith(("d", "w")):
        return f"{wall.day} {times.MONTHS[wall.month - 1]}"
    return f"{wall:%H:%M}"


def figures(tile: Tile, found: Sequence[Seen], period: str, tz: str) -> dict[str, Any]:
    """A number for each stat, its change, and a small line."""
    return {
        "figures": [
            {
                "name": seen.series.name,
                "value": finite(seen.total),
                "unit": seen.unit,
                "what": what(seen),
                "change": seen.change,
                "before": finite(seen.before),
                "previous": PERIODS[period].previous,
                "spark": sparkline(
                    seen.line,
                    seen.start_s,
                    seen.window.end_s,
                    width=SPARK_WIDTH,
                    height=SPARK_HEIGHT,
                    is_filled=seen.window.kind is Kind.COUNTER,
                ),
            }
            for seen in found
        ]
    }


def what(seen: Seen) -> str:
    """What the number of a stat is."""
    return "total" if seen.window.kind is Kind.COUNTER else "mean"


def table(tile: Tile, found: Sequence[Seen], period: str, tz: str) -> dict[str, Any]:
    """A row for each stat."""
    is_wide = tile.size == "wide"
    columns = ["Total or mean", "Change", *(["Least", "Greatest"] if is_wide else []), "Last"]
    rows = [(seen.series.name, cells(seen, is_wide=is_wide)) for seen in found]
    return {"table": {"columns": columns, "rows": rows}, "note": extremes_note(found) if is_wide else ""}


def extremes_note(found: Sequence[Seen]) -> str:
    """Of what the least and the greatest are, in words."""
    kinds = {seen.window.kind for seen in found}
    step = found[0].window.step
    counters = f"of a counter's rows of {STEPS[step][1] if step in STEPS else step} that are over"
    told = [text for kind, text in ((Kind.VALUE, "of a value's points"), (Kind.COUNTER, counters)) if kind in kinds]
    return f"Least and greatest: {', '.join(told)}."


def cells(seen: Seen, *, is_wide: bool) -> list[str]:
    """The texts of a stat's row; "change" is a number that the template tells."""
    from statflow_http.pages.rendering import change, short_number

    known = finite(seen.total), *seen.extremes, finite(seen.line.last)
    total, least, greatest, last = (short_number(number, seen.unit) for number in known)
    return [total, change(seen.change) or "–", *([least, greatest] if is_wide else []), last]


def hours(tile: Tile, found: Sequence[Seen], period: str, tz: str) -> dict[str, Any]:
    """The hours of the week, and the same as a table."""
    seen = found[0]
    window, first = seen.window, seen.first
    line = seen.line
    settled = np.isfinite(line.values)
    if line.runs:
        settled[-1] = False
    # A counter's hour weighs one, whatever arrived; a value's as much as it has points.
    weights = settled.astype(np.float64) if window.kind is Kind.COUNTER else window.counts[first:].astype(np.float64)
    places = np.array(hours_of_week(line.times_s.tobytes(), tz), np.int64)
    means = means_by_hour(places, window.sums[first:], weights)

    def drawn(width: int, height: int) -> Node:
        return hours_picture(
            Hours(seen.series.name, means, seen.unit, width=width, height=height, theme=Theme.PAGE, has_head=False)
        )

    rows = [
        (times.WEEKDAYS[day], [with_unit(short(float(means[day, hour])), seen.unit) for hour in range(HOURS)])
        for day in range(DAYS)
    ]
    return {
        "pictures": pictures(tile.size, drawn),
        "table": {"columns": [f"{hour:02}:00" for hour in range(HOURS)], "rows": rows},
    }


@lru_cache(HOURS_KEPT)
def hours_of_week(times_s: bytes, tz: str) -> tuple[int, ...]:
    """Which hour of a zone's week each moment lies in, Monday's first being 0. 8,736 of them take 10 ms.

    Args:
        times_s: int64[n] as bytes, Unix seconds.
        tz: the name of the zone.
    """
    zone = times.zone(tz)
    walls = (datetime.fromtimestamp(time_s, zone) for time_s in np.frombuffer(times_s, np.int64).tolist())
    return tuple(wall.weekday() * HOURS + wall.hour for wall in walls)


def pictures(size: str, drawn: Any) -> list[Picture]:
    """A picture in the sizes in which a tile may be shown; ``drawn`` takes width and height."""
    if size != "wide":
        return [Picture("any", drawn(NARROW_WIDTH, HEIGHTS[size]))]
    return [
        Picture("narrow", drawn(NARROW_WIDTH, HEIGHTS["small"])),
        Picture("wide", drawn(WIDE_WIDTH, HEIGHTS["wide"])),
    ]


DRAWN = {"line": lines, "bar": bar_chart, "number": figures, "table": table, "hours": hours}

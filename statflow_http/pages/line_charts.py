"""A chart of one stat, or of several that are alike: as a picture, and as data for the script that draws it."""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from statflow_engine import Kind
from statflow_http.charts.drawings import Band, Drawing, Mark
from statflow_http.charts.lines import chart
from statflow_http.charts.nodes import Node
from statflow_http.charts.themes import Theme
from statflow_http.insight.overlays import Overlay
from statflow_http.pages.periods import Range
from statflow_http.pages.reading import Seen
from statflow_http.stats.annotations import Annotation

CHART_WIDTH, CHART_HEIGHT = 960, 320


def picture(
    group: Sequence[Seen], wanted: Range, tz: str, notes: Sequence[Annotation], over: Overlay | None = None
) -> Node:
    """The chart as it is where no script runs.

    Args:
        group: one or more, of one kind, unit and step.
        wanted: the range.
        tz: of the axis.
        notes: marked at their moments.
        over: what is laid over it; None: nothing.
    """
    window, over = group[0].window, over or Overlay()
    drawing = Drawing(
        [one.line for one in group],
        window.start_s,
        window.end_s,
        width=CHART_WIDTH,
        height=CHART_HEIGHT,
        caption=wanted.caption,
        previous_label=wanted.previous,
        theme=Theme.PAGE,
        tz=tz,
        is_filled=_is_filled(group),
        band=over.band,
        marks=[Mark(note.t_s, note.text) for note in notes] + [spot.mark for spot in over.spots],
    )
    return chart(drawing)


def chart_data(
    group: Sequence[Seen],
    wanted: Range,
    tz: str,
    notes: Sequence[Annotation],
    over: Overlay | None = None,
    *,
    has_names: bool,
) -> str:
    """The same as JSON; numbers that are none are null.

    Args:
        group, wanted, tz, notes, over: as `picture` takes them.
        has_names: lines are called by their stats, and not "now".
    """
    first, over = group[0], over or Overlay()
    previous = first.line.previous
    document = {
        "times": first.window.times_s.tolist(),
        "lines": [
            {"label": one.series.name if has_names else "", "unit": one.unit, "values": one.line.values.tolist()}
            for one in group
        ],
        "previous": None if previous is None else previous.tolist(),
        "previousLabel": wanted.previous,
        "runs": first.line.runs and len(first.line.values) > 1,
        "filled": _is_filled(group),
        "end": first.window.end_s,
        "tz": tz,
        "notes": [[note.t_s, note.text] for note in notes],
        "forecast": None if over.band is None else _band_data(over.band),
        "unusual": [[spot.time_s, spot.value, spot.row.time_s, spot.row.text] for spot in over.spots],
    }
    return msgspec.json.encode(document).decode()


def _is_filled(group: Sequence[Seen]) -> bool:
    """Areas of several would lie over each other; that of a value means nothing."""
    return len(group) == 1 and group[0].window.kind is Kind.COUNTER


def _band_data(band: Band) -> dict[str, Any]:
    """In five digits: a forecast has no more to tell."""
    columns = {"low": band.low, "middle": band.middle, "high": band.high}
    numbers = {
        name: [None if not np.isfinite(number) else float(f"{number:.5g}") for number in column.tolist()]
        for name, column in columns.items()
        if column is not None
    }
    return {"times": band.times_s.tolist(), **numbers}

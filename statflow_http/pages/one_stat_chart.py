"""The chart of one stat: what is laid over its rows, and how it is drawn, as a picture and by a script."""

from typing import Any

import msgspec
import numpy as np

from statflow_engine import Kind, QueryError
from statflow_http.alerts.anomalies import THRESHOLDS
from statflow_http.alerts.automatic import AutomaticSettings
from statflow_http.charts.drawings import Band, Drawing, Mark
from statflow_http.charts.lines import chart
from statflow_http.charts.nodes import Node
from statflow_http.charts.themes import Theme
from statflow_http.insight.outlooks import FORECAST, Unusual
from statflow_http.insight.overlays import Overlay, horizon, overlay, watched_step
from statflow_http.pages.periods import FREE, PERIODS, STEPS, Range
from statflow_http.pages.reading import Seen
from statflow_http.services import Services
from statflow_http.stats.annotations import Annotation

CHART_WIDTH, CHART_HEIGHT = 960, 320


def may_look_ahead(found: Seen, wanted: Range) -> bool:
    """Whether a chart can go on beyond its last row: its range ends now by its name, and its rows can be forecast."""
    return wanted.name != FREE and found.window.step in FORECAST and found.window.end_s > found.window.now_s


def laid_over(services: Services, found: Seen, wanted: Range, tz: str, *, looks_ahead: bool) -> Overlay:
    """The forecast, where it is wanted, and what was unusual.

    Args:
        services: of the server.
        found: what was read for the chart.
        wanted: its range.
        tz: whose clock the stat lives by.
        looks_ahead: the forecast is wanted.
    """
    expected = None
    if looks_ahead and may_look_ahead(found, wanted):
        step = found.window.step
        rows_ahead = horizon(PERIODS[wanted.name].length_s, step)
        expected = services.outlooks.expected(services.engine, found.series, step, rows_ahead, tz)
    return overlay(found.line, expected, _unusual(services, found, tz))


def _unusual(services: Services, found: Seen, tz: str) -> tuple[Unusual, ...]:
    """What was unusual enough for the sensitivity of automatic alerts on this stat, whether or not they are on."""
    window, series = found.window, found.series
    sensitivity = AutomaticSettings(services.documents).get(series.namespace, series.id).sensitivity
    step = watched_step(STEPS[window.step][0] if window.step in STEPS else _row_s(found))
    try:
        verdict = services.outlooks.unusual(
            services.engine, series, step, window.start_s, window.end_s, THRESHOLDS[sensitivity], tz
        )
    except QueryError:
        # Neither hours nor days of this range are kept.
        return ()
    return verdict.rows


def _row_s(found: Seen) -> int:
    """How long the rows of a store with other rings are."""
    return (found.window.end_s - found.window.start_s) // max(len(found.window), 1)


def picture(found: Seen, wanted: Range, tz: str, notes: list[Annotation], over: Overlay) -> Node:
    """The chart as it is where no script runs."""
    drawing = Drawing(
        [found.line],
        found.window.start_s,
        found.window.end_s,
        width=CHART_WIDTH,
        height=CHART_HEIGHT,
        caption=wanted.caption,
        previous_label=wanted.previous,
        theme=Theme.PAGE,
        tz=tz,
        is_filled=found.window.kind is Kind.COUNTER,
        band=over.band,
        marks=[Mark(note.t_s, note.text) for note in notes] + [spot.mark for spot in over.spots],
    )
    return chart(drawing)


def chart_data(found: Seen, wanted: Range, tz: str, notes: list[Annotation], over: Overlay) -> str:
    """The same as JSON, for the script that draws it; numbers that are none are null."""
    previous = found.line.previous
    document = {
        "times": found.window.times_s.tolist(),
        "lines": [{"label": "", "unit": found.unit, "values": found.line.values.tolist()}],
        "previous": None if previous is None else previous.tolist(),
        "previousLabel": wanted.previous,
        "runs": found.line.runs and len(found.line.values) > 1,
        "filled": found.window.kind is Kind.COUNTER,
        "end": found.window.end_s,
        "tz": tz,
        "notes": [[note.t_s, note.text] for note in notes],
        "forecast": None if over.band is None else _band_data(over.band),
        "unusual": [[spot.time_s, spot.value, spot.row.time_s, spot.row.text] for spot in over.spots],
    }
    return msgspec.json.encode(document).decode()


def _band_data(band: Band) -> dict[str, Any]:
    """In five digits: a forecast has no more to tell."""
    columns = {"low": band.low, "middle": band.middle, "high": band.high}
    numbers = {
        name: [None if not np.isfinite(number) else float(f"{number:.5g}") for number in column.tolist()]
        for name, column in columns.items()
        if column is not None
    }
    return {"times": band.times_s.tolist(), **numbers}

"""What is laid over the chart of one stat: a forecast, and what was unusual."""

from statflow_engine import QueryError
from statflow_http.alerts.anomalies import THRESHOLDS
from statflow_http.alerts.automatic import AutomaticSettings
from statflow_http.insight.outlooks import FORECAST, Unusual
from statflow_http.insight.overlays import Overlay, horizon, overlay, watched_step
from statflow_http.pages.periods import FREE, PERIODS, STEPS, Range
from statflow_http.pages.reading import Seen
from statflow_http.services import Services


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

"""``/v1/stats/ID/forecast`` and ``/v1/stats/ID/anomalies``: what is expected of a stat, and what of it was unusual."""

from typing import Any

import falcon

from statflow_engine import Series
from statflow_engine.insight import Forecast
from statflow_http import ids
from statflow_http.alerts.anomalies import THRESHOLDS
from statflow_http.alerts.automatic import AutomaticSettings, Sensitivity
from statflow_http.api.v1_read import json_answer, reader, stat_of_id
from statflow_http.errors import RequestError
from statflow_http.front.headers import respond
from statflow_http.insight.outlooks import DAY_S, FORECAST, ROWS_MAX, WATCHED, Unusual
from statflow_http.services import Services
from statflow_http.wire.reads import Params

HORIZON_MAX = 1_000
STEP_DEFAULT = "1h"
# Two days of hours; of days six weeks.
HORIZON_DEFAULT = 48
ANOMALIES_S = 7 * DAY_S


class ForecastOfStat:
    """``GET /v1/stats/ID/forecast``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def on_get(self, req: falcon.Request, resp: falcon.Response, stat_id: str) -> None:
        """The rows to come, from the one that runs on; none, with a note, where too little is known."""
        services, params = self._services, Params(req.query_string)
        sender = reader(services, req, params)
        series = stat_of_id(services, sender, stat_id)
        step = params.choice("step", tuple(FORECAST), STEP_DEFAULT)
        horizon = params.number("horizon", HORIZON_DEFAULT, least=1, most=HORIZON_MAX)
        tz = params.tz(sender.account.tz)
        found = services.outlooks.forecast(services.engine, series, step, horizon, tz)
        about = {"tz": tz, "coverage": found.coverage, "note": found.note, "points": _points(found)}
        respond(resp, json_answer(_stat(series) | {"step": step} | about))

    on_head = on_get


class AnomaliesOfStat:
    """``GET /v1/stats/ID/anomalies``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def on_get(self, req: falcon.Request, resp: falcon.Response, stat_id: str) -> None:
        """The unusual rows of a range, the last seven days when none is given, in order of time."""
        services, params = self._services, Params(req.query_string)
        sender = reader(services, req, params)
        series = stat_of_id(services, sender, stat_id)
        step = params.choice("step", tuple(WATCHED), STEP_DEFAULT)
        start_s, end_s = _range(params, services.now_s(), WATCHED[step].row_s)
        usual = AutomaticSettings(services.documents).get(sender.namespace, series.id).sensitivity
        sensitivity = Sensitivity(params.choice("sensitivity", tuple(Sensitivity), usual))
        tz, threshold = params.tz(sender.account.tz), THRESHOLDS[sensitivity]
        found = services.outlooks.unusual(services.engine, series, step, start_s, end_s, threshold, tz)
        about = {"step": step, "from": start_s, "to": end_s, "tz": tz}
        judged = {"sensitivity": sensitivity, "threshold": threshold, "note": found.note}
        respond(resp, json_answer(_stat(series) | about | judged | {"anomalies": [_row(row) for row in found.rows]}))

    on_head = on_get


def _range(params: Params, now_s: int, row_s: int) -> tuple[int, int]:
    """The half-open range that is asked about.

    Raises:
        RequestError: it is none, or has too many rows.
    """
    asked_end_s, asked_start_s = params.time_s("to"), params.time_s("from")
    end_s = now_s if asked_end_s is None else asked_end_s
    start_s = max(end_s - ANOMALIES_S, 0) if asked_start_s is None else asked_start_s
    if not start_s < end_s:
        raise RequestError("from must be before to")
    if end_s - start_s > ROWS_MAX * row_s:
        raise RequestError(f"at most {ROWS_MAX} rows at a time: choose a shorter range, or step=1d")
    return start_s, end_s


def _stat(series: Series) -> dict[str, Any]:
    return {"id": ids.stat_id(series.id), "name": series.name, "kind": str(series.kind)}


def _points(found: Forecast) -> list[dict[str, Any]]:
    columns = (found.times_s, found.means, found.lows, found.highs)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    # Too little is known: NaN in all columns of all rows.
    return [{"time": time, "mean": mean, "low": low, "high": high} for time, mean, low, high in rows if mean == mean]


def _row(row: Unusual) -> dict[str, Any]:
    return {
        "time": row.time_s,
        "end": row.end_s,
        "value": row.number,
        "mean": row.mean,
        "low": row.low,
        "high": row.high,
        "score": row.score,
        "text": row.text,
    }

"""What the numbers mean: forecasts with bands, and rows that are unlike those before. numpy on windows; no storage.

`forecast` and `anomalies` take a window; `project`, `expect` and `newest` take many series at once, as float64[series,
rows], oldest first, NaN where nothing is known.
"""

from statflow_engine.insight.anomalies import THRESHOLD, Anomalies, anomalies
from statflow_engine.insight.detection import Expectations, expect, newest
from statflow_engine.insight.forecasts import Forecast, forecast
from statflow_engine.insight.projection import Bands, project
from statflow_engine.insight.seasons import DAILY, HOURLY, Seasons

__all__ = [
    "DAILY",
    "HOURLY",
    "THRESHOLD",
    "Anomalies",
    "Bands",
    "Expectations",
    "Forecast",
    "Seasons",
    "anomalies",
    "expect",
    "forecast",
    "newest",
    "project",
]

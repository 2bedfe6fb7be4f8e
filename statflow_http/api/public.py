"""What everybody may see of a public stat: ``/stats/ID/csv/hour|day|week|month``."""

from collections.abc import Iterator

import falcon
import numpy as np

from statflow_engine import Series
from statflow_http import ids
from statflow_http.errors import NotFoundError
from statflow_http.front.answers import Answer
from statflow_http.front.headers import respond
from statflow_http.services import Services
from statflow_http.stats.bucket_sums import bucket_sums
from statflow_http.wire.timeframes import Timeframe

# StatHat told nobody its intervals: these give 61 to 289 lines.
PERIODS = {
    "hour": Timeframe.parse("1h1m"),
    "day": Timeframe.parse("1d5m"),
    "week": Timeframe.parse("1w1h"),
    "month": Timeframe.parse("1M6h"),
}
HEADER = "time,value\n"
# Why a minute: no bucket is shorter.
CACHED = (("Cache-Control", "public, max-age=60"), ("Cross-Origin-Resource-Policy", "cross-origin"))


class PublicCsv:
    """``GET /stats/ID/csv/PERIOD``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def on_get(self, req: falcon.Request, resp: falcon.Response, stat_id: str, period: str) -> None:
        """Time and value, a line each; 404 for a stat that is not public just as for one that is not there."""
        series = public_stat(self._services, stat_id)
        timeframe = PERIODS.get(period)
        if timeframe is None:
            raise NotFoundError(f"no such period: {', '.join(PERIODS)}")
        buckets = timeframe.buckets(self._services.now_s())
        (sums,) = bucket_sums(self._services.engine, [series], buckets)
        lines = csv_lines(buckets.times_s.tolist(), sums.numbers.tolist())
        respond(resp, Answer(200, "".join(lines).encode(), CACHED, "text/csv; charset=utf-8"))

    on_head = on_get


def public_stat(services: Services, stat_id: str) -> Series:
    """The public stat of an id, whosever it is.

    Raises:
        NotFoundError: there is none, or it is not public: nobody is told which.
    """
    series_id = ids.series_id(stat_id)
    found = None if series_id is None else services.properties.public_series(services.engine, series_id)
    if found is None:
        raise NotFoundError("no such stat")
    return found


def csv_lines(times_s: list[int], numbers: list[float]) -> Iterator[str]:
    """A header, and a line for each time: whole numbers or decimals, never an exponent."""
    yield HEADER
    for time_s, number in zip(times_s, numbers, strict=True):
        yield f"{time_s},{np.format_float_positional(number, trim='-')}\n"

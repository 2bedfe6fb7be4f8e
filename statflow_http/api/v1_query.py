"""``GET /v1/query``: several stats over one range, as JSON or CSV, streamed."""

from collections.abc import Iterator
from dataclasses import dataclass

import falcon
import msgspec

from statflow_engine import Engine, Window, combine
from statflow_http.api.v1_read import reader
from statflow_http.errors import RequestError
from statflow_http.services import Services
from statflow_http.stats.series_rows import AGGREGATES, CSV_HEADER, FILLS, Row, csv_rows, default_aggregate, rows
from statflow_http.wire.limits import PATTERNS_MAX, QUERY_STATS_MAX
from statflow_http.wire.names import clean
from statflow_http.wire.reads import Params

GLOB_CHARACTERS = frozenset("*?[")
FORMATS = ("json", "csv")


class Found(msgspec.Struct):
    """One series of an answer: its name, and what its rows show."""

    name: str
    kind: str
    agg: str
    points: list[Row]


@dataclass(frozen=True, slots=True)
class Shown:
    """What is shown of the windows of an answer: ``agg`` ("" for the usual one of each kind), ``fill``, ``shift``."""

    agg: str
    fill: str
    shift_s: int

    def check(self, windows: list[Window]) -> None:
        """Raise `QueryError` where a window has no such numbers."""
        for window in windows if self.agg else ():
            AGGREGATES[self.agg](window)

    def found(self, window: Window) -> Found:
        """The rows of one window."""
        agg = self.agg or default_aggregate(window.kind)
        return Found(window.name, str(window.kind), agg, rows(window, agg, self.fill, shift_s=self.shift_s))


class Query:
    """``GET /v1/query``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Rows of every stat asked for; everything that can be refused is refused before the first byte."""
        params = Params(req.query_string)
        sender = reader(self._services, req, params)
        accepts_csv = "text/csv" in (req.get_header("Accept") or "").lower()
        is_csv = params.choice("format", FORMATS, "csv" if accepts_csv else "json") == "csv"
        agg, fill = params.choice("agg", tuple(AGGREGATES), ""), params.choice("fill", FILLS, "null")
        shown = Shown(agg, fill, params.shift_s())
        windows = asked(self._services.engine, sender.namespace, sender.account.tz, params)
        shown.check(windows)
        if is_csv:
            resp.content_type = "text/csv; charset=utf-8"
            resp.set_header("Content-Disposition", 'attachment; filename="statflow.csv"')
            resp.stream = csv_stream(windows, shown)
        else:
            resp.content_type = falcon.MEDIA_JSON
            resp.stream = json_stream(windows, shown)

    on_head = on_get


def asked(engine: Engine, namespace: str, tz: str, params: Params) -> list[Window]:
    """The windows that a query asks for; one, when it asks for their sum.

    Raises:
        RequestError: no stat, or more than one query may have.
        UnknownSeriesError, QueryError: as the engine.
    """
    patterns = [clean(text) for text in params.many("stat")]
    if not patterns:
        raise RequestError("stat is missing: name a stat or a glob, several times if you like")
    if len(patterns) > PATTERNS_MAX:
        raise RequestError(f"at most {PATTERNS_MAX} stats or globs in one query")
    _refuse_too_many(engine, namespace, patterns)
    shift_s = params.shift_s()
    start_s, end_s = params.time_s("from"), params.time_s("to")
    if shift_s:
        end_s = engine.now_s() if end_s is None else end_s
        start_s = end_s - 86_400 if start_s is None else start_s
        start_s, end_s = max(start_s - shift_s, 0), max(end_s - shift_s, 1)
    windows = engine.query_many(
        patterns,
        start_s,
        end_s,
        step=params.text("step") or None,
        namespace=namespace,
        tz=params.tz(tz),
    )
    is_combined = params.choice("combine", ("sum",), "") == "sum"
    return [combine(windows)] if is_combined and windows else windows


def _refuse_too_many(engine: Engine, namespace: str, patterns: list[str]) -> None:
    """Refuse what would not fit an answer before any of it is read."""
    count = 0
    for pattern in patterns:
        is_glob = not GLOB_CHARACTERS.isdisjoint(pattern)
        count += len(engine.series(namespace, pattern=pattern, limit=QUERY_STATS_MAX + 1)) if is_glob else 1
        if count > QUERY_STATS_MAX:
            raise RequestError(f"at most {QUERY_STATS_MAX} stats in one query; narrow the globs")


def csv_stream(windows: list[Window], shown: Shown) -> Iterator[bytes]:
    """The answer as CSV, a line for each row of each series; sent a series at a time."""
    yield CSV_HEADER.encode()
    for window in windows:
        yield b"".join(csv_rows(window.name, shown.found(window).points))


def json_stream(windows: list[Window], shown: Shown) -> Iterator[bytes]:
    """The answer as JSON, a series at a time."""
    head = b""
    if windows:
        window = windows[0]
        start_s, end_s = window.start_s + shown.shift_s, window.end_s + shown.shift_s
        head = msgspec.json.encode({"from": start_s, "to": end_s, "step": window.step})[1:-1] + b","
    yield b"{" + head + b'"series":['
    for position, window in enumerate(windows):
        yield (b"," if position else b"") + msgspec.json.encode(shown.found(window))
    yield b"]}"

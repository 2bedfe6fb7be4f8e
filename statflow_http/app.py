"""`create_app`: the table of contents of the API.

What comes out is an ordinary WSGI app. It runs under any WSGI server, or mounted under a prefix inside another app.
"""

import logging
import os
from collections.abc import Collection, Iterator
from typing import Any

import falcon

import statflow_engine
from statflow_engine import Engine
from statflow_http.answers import Answer
from statflow_http.api import health, pixel, stathat, v1_query, v1_read, v1_write
from statflow_http.errors import INTERNAL, STATHAT, V1, JsonProtocol
from statflow_http.headers import CommonHeaders, KnownMethods
from statflow_http.services import Options, Services
from statflow_http.wire.numbers import Form
from statflow_http.writes import respond

PARTS = ("write", "read")
STATHAT_PATHS = frozenset({"/ez", "/c", "/v"})

DATA_DEFAULT = "./statflow-data"

log = logging.getLogger("statflow_http")


class App(falcon.App):  # type: ignore[type-arg]  # generic only for type checkers: Falcon's class takes no arguments
    """The WSGI app, and what it holds open."""

    def __init__(self, services: Services, **options: Any) -> None:
        super().__init__(**options)
        self.services = services

    def close(self) -> None:
        """Close what the app opened itself: the accounts, and the engine unless it was handed in."""
        self.services.close()


def create_app(engine: Engine | None = None, *, parts: Collection[str] = PARTS, no_content: bool | None = None) -> App:
    """The HTTP front of an engine.

    Args:
        engine: one that the caller opened and will close. None: one is opened in the process that serves the first
            request, as the environment says: ``STATFLOW_DATA`` is its folder (./statflow-data), ``STATFLOW_DURABILITY``
            "fsync" or "interval", ``STATFLOW_INTERVAL_S`` the seconds between commits of the latter,
            ``STATFLOW_SCHEMA`` its rings.
        parts: what to serve, of "write" and "read"; health checks always are.
        no_content: answer single writes on StatHat's paths with 204 unless ``vb=1``, as StatHat did after 2017. None:
            if ``STATFLOW_NO_CONTENT`` is "1".

    Returns:
        An app whose `close` closes what it opened itself.

    Raises:
        ValueError: there is no such part.
    """
    unknown = set(parts) - set(PARTS)
    if unknown:
        raise ValueError(f"no such parts: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    if no_content is None:
        no_content = os.environ.get("STATFLOW_NO_CONTENT") == "1"
    options = Options(no_content=no_content)
    if engine is None:
        services = Services(engine_of_environment, options, owns_engine=True)
    else:
        services = Services(lambda: engine, options, owns_engine=False)
    app = App(services, middleware=[KnownMethods(), CommonHeaders()])
    for path, resource in routes(services, frozenset(parts)):
        app.add_route(path, resource)
    app.add_error_handler(Exception, on_error)
    app.add_error_handler(falcon.HTTPError, on_http_error)
    return app


def routes(services: Services, parts: frozenset[str]) -> Iterator[tuple[str, object]]:
    """Every path of the API with what answers it."""
    yield "/", stathat.Root()
    yield "/healthz", health.Health()
    yield "/readyz", health.Ready(services)
    if "write" in parts:
        yield "/ez", stathat.Write(services, Form.ANY)
        yield "/c", pixel.Count(services)
        yield "/v", stathat.Write(services, Form.VALUE)
        yield "/v1/stat", v1_write.Point(services)
    if "read" in parts:
        yield "/v1/query", v1_query.Query(services)
        yield "/v1/trash", v1_read.TrashList(services)
        yield "/v1/trash/{stat_id}/restore", v1_read.Restore(services)
    if parts:
        yield "/v1/stats", STATS[parts](services)
        yield "/v1/stat/{name:path}", STAT[parts](services)


class StatsBoth(v1_write.Batch, v1_read.StatList):
    """``/v1/stats``: POST writes a batch, GET lists."""


class StatBoth(v1_write.NamedPoint, v1_read.Stat):
    """``/v1/stat/NAME``: POST writes under two of the names, GET and DELETE are of any."""


# Two paths are shared by both parts.
WRITE, READ, BOTH = frozenset({"write"}), frozenset({"read"}), frozenset(PARTS)
STATS: dict[frozenset[str], Any] = {WRITE: v1_write.Batch, READ: v1_read.StatList, BOTH: StatsBoth}
STAT: dict[frozenset[str], Any] = {WRITE: v1_write.NamedPoint, READ: v1_read.Stat, BOTH: StatBoth}


def engine_of_environment() -> Engine:
    """An engine opened as the environment says, with a thread that folds."""
    environ = os.environ
    durability = environ.get("STATFLOW_DURABILITY", "fsync")
    if durability not in ("fsync", "interval"):
        raise ValueError(f'STATFLOW_DURABILITY must be "fsync" or "interval", not "{durability}"')
    return statflow_engine.open(
        environ.get("STATFLOW_DATA", DATA_DEFAULT),
        schema=environ.get("STATFLOW_SCHEMA") or None,
        durability="fsync" if durability == "fsync" else "interval",
        interval_s=float(environ.get("STATFLOW_INTERVAL_S", "1")),
        background=True,
    )


def protocol_of(req: falcon.Request) -> JsonProtocol:
    """How the clients of a path are told about errors."""
    return STATHAT if req.path in STATHAT_PATHS else V1


def on_error(req: falcon.Request, resp: falcon.Response, error: Exception, params: dict[str, Any]) -> None:
    """Tell of an error what its table says; log whole what no table lists, and tell nothing of it."""
    protocol = protocol_of(req)
    answer = protocol.failure(error)
    if answer is None or answer.status == 500:
        # The path, not the query string: keys are in the latter.
        log.error("%s %s failed", req.method, req.path, exc_info=error)
        answer = protocol.refusal(500, INTERNAL)
    reset(resp, answer)


def on_http_error(req: falcon.Request, resp: falcon.Response, error: falcon.HTTPError, params: dict[str, Any]) -> None:
    """Falcon's own refusals, such as an unknown path, in the same words as ours."""
    text = {404: "no such path", 405: "method not allowed"}.get(error.status_code, error.title or "bad request")
    reset(resp, protocol_of(req).refusal(error.status_code, text))
    if error.headers:
        resp.set_headers(error.headers)


def reset(resp: falcon.Response, answer: Answer) -> None:
    """Make an answer the response, whatever a resource had begun to say."""
    resp.stream = None
    respond(resp, answer)

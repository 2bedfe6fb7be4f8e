"""`create_app`: the table of contents of the API.

What comes out is an ordinary WSGI app. It runs under any WSGI server, or mounted under a prefix inside another app.
"""

import logging
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

import falcon

import statflow_engine
from statflow_engine import Engine
from statflow_http.answers import Answer
from statflow_http.api import health, pixel, stathat, v1_query, v1_read, v1_write
from statflow_http.errors import INTERNAL, STATHAT, STATHAT_PATHS, V1, JsonProtocol
from statflow_http.headers import CommonHeaders, KnownMethods, head, respond
from statflow_http.services import Options, Services
from statflow_http.wire.numbers import Form

PARTS = ("write", "read")

DATA_DEFAULT = "./statflow-data"

# What answers a write, from its environ.
Write = Callable[[dict[str, Any]], Answer]

NO_WRITES: Mapping[tuple[str, str], Write] = {}

log = logging.getLogger("statflow_http")


class App(falcon.App):  # type: ignore[type-arg]  # generic only for type checkers: Falcon's class takes no arguments
    """The WSGI app, and what it holds open.

    Nearly all requests are writes. They are answered without Falcon, which would take a third of their time: `writes`
    has, by method and path, what answers them.
    """

    def __init__(self, services: Services, writes: Mapping[tuple[str, str], Write] = NO_WRITES, **options: Any) -> None:
        super().__init__(**options)
        self.services = services
        self._writes = writes

    def __call__(self, env: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer a request."""
        write = self._writes.get((env["REQUEST_METHOD"], env["PATH_INFO"]))
        if write is None:
            return super().__call__(env, start_response)
        try:
            answer = write(env)
        except Exception as error:
            answer = told(env, error)
        start_response(*head(answer))
        return [answer.body]

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
    writes = dict(write_routes(services)) if "write" in parts else {}
    app = App(services, writes, middleware=[KnownMethods(), CommonHeaders()])
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


def write_routes(services: Services) -> Iterator[tuple[tuple[str, str], Write]]:
    """The same for what stores points, by method and path."""
    for path, resource in (
        ("/ez", stathat.Write(services, Form.ANY)),
        ("/c", pixel.Count(services)),
        ("/v", stathat.Write(services, Form.VALUE)),
    ):
        yield ("GET", path), resource.get
        yield ("POST", path), resource.post
    yield ("POST", "/v1/stat"), v1_write.Point(services).post
    yield ("POST", "/v1/stats"), v1_write.Batch(services).post
    yield ("POST", "/v1/stat/count"), v1_write.NamedPoint(services).post_count
    yield ("POST", "/v1/stat/value"), v1_write.NamedPoint(services).post_value


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


def protocol_of(environ: dict[str, Any]) -> JsonProtocol:
    """How the clients of a path are told about errors."""
    return STATHAT if environ["PATH_INFO"] in STATHAT_PATHS else V1


def told(environ: dict[str, Any], error: Exception) -> Answer:
    """Tell of an error what its table says; log whole what no table lists, and tell nothing of it."""
    protocol = protocol_of(environ)
    answer = protocol.failure(error)
    if answer is None or answer.status == 500:
        # The path, not the query string: keys are in the latter.
        log.error("%s %s failed", environ["REQUEST_METHOD"], environ["PATH_INFO"], exc_info=error)
        answer = protocol.refusal(500, INTERNAL)
    return answer


def on_error(req: falcon.Request, resp: falcon.Response, error: Exception, params: dict[str, Any]) -> None:
    """`told` by way of Falcon."""
    reset(resp, told(req.env, error))


def on_http_error(req: falcon.Request, resp: falcon.Response, error: falcon.HTTPError, params: dict[str, Any]) -> None:
    """Falcon's own refusals, such as an unknown path, in the same words as ours."""
    text = {404: "no such path", 405: "method not allowed"}.get(error.status_code, error.title or "bad request")
    reset(resp, protocol_of(req.env).refusal(error.status_code, text))
    if error.headers:
        resp.set_headers(error.headers)


def reset(resp: falcon.Response, answer: Answer) -> None:
    """Make an answer the response, whatever a resource had begun to say."""
    resp.stream = None
    respond(resp, answer)

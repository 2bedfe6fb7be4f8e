"""`create_app`: an engine's HTTP front, put together of its parts; `routes` has every path.

What comes out is an ordinary WSGI app. It runs under any WSGI server, or mounted under a prefix inside another app.
"""

import logging
import os
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import falcon

import statflow_engine
from statflow_engine import Engine
from statflow_http.alerts.options import AlertOptions, of_environment
from statflow_http.api import v1_imports
from statflow_http.front.answers import Answer
from statflow_http.front.headers import CommonHeaders, KnownMethods, head, respond, with_request_id
from statflow_http.front.protocols import INTERNAL, PROTOCOLS, STATHAT, STATHAT_PATHS, V1, JsonProtocol
from statflow_http.front.request_ids import context
from statflow_http.metrics import Metrics
from statflow_http.metrics.metrics import COUNTED
from statflow_http.moving.jobs import FOLDER
from statflow_http.openapi import Description
from statflow_http.pages import site as pages
from statflow_http.routes import PARTS, Write, routes, write_routes
from statflow_http.services import METRICS_FOR, Options, Services
from statflow_http.wire.bodies import IMPORT_PAGE_PATH

DATA_DEFAULT = "./statflow-data"

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
        self.metrics = services.metrics
        self._writes = writes

    def __call__(self, env: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer a request, and count it unless the server does."""
        if env.get(COUNTED):
            return self._answer(env, start_response)

        def start(status: str, *rest: Any) -> Any:
            self.metrics.answered(env, int(status[:3]))
            return start_response(status, *rest)

        return self._answer(env, start)

    def _answer(self, env: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        write = self._writes.get((env["REQUEST_METHOD"], env["PATH_INFO"]))
        if write is None:
            return super().__call__(env, start_response)
        try:
            answer = write(env)
        except Exception as error:
            answer = told(env, error)
        start_response(*head(with_request_id(answer, env), is_secure=env["wsgi.url_scheme"] == "https"))
        return [answer.body]

    @property
    def upload_folder(self) -> Path:
        """Where a server may lay bodies that are too large for memory."""
        folder = Path(self.services.engine.path) / FOLDER
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    def accepts_upload(self, environ: dict[str, Any]) -> bool:
        """Whether the sender of a request may send a file to import: asked before any of it is read."""
        if environ["PATH_INFO"] == IMPORT_PAGE_PATH:
            return pages.accepts_upload(self.services, environ)
        return v1_imports.accepts(self.services, environ)

    def close(self) -> None:
        """Close what the app opened itself: the accounts, and the engine unless it was handed in."""
        self.services.close()


def create_app(
    engine: Engine | None = None,
    *,
    parts: Collection[str] = PARTS,
    no_content: bool | None = None,
    metrics_for: str | None = None,
    metrics: Metrics | None = None,
    signup: bool | None = None,
    workers: int = 1,
    allow_private: bool | None = None,
    alerts: AlertOptions | None = None,
) -> App:
    """The HTTP front of an engine.

    Args:
        engine: one that the caller opened and will close. None: one is opened in the process that serves the first
            request, as the environment says: ``STATFLOW_DATA`` is its folder (./statflow-data), ``STATFLOW_DURABILITY``
            "fsync" or "interval", ``STATFLOW_INTERVAL_S`` the seconds between commits of the latter,
            ``STATFLOW_SCHEMA`` its rings.
        parts: what to serve, of "write", "read", "manage" (accounts, keys and all else that people set, which needs
            "read") and "pages" (for browsers, which need both of these); health checks always are.
        no_content: answer single writes on StatHat's paths with 204 unless ``vb=1``, as StatHat did after 2017. None:
            if ``STATFLOW_NO_CONTENT`` is "1".
        metrics_for: who may see ``/metrics``, see `Options.metrics`. None: as ``STATFLOW_METRICS`` says, else "local".
        metrics: where it is counted what happens, made before the processes were forked that share it. None: in memory
            of this process and those that are forked from it after this.
        signup: anybody may make an account of the plan ``free``. None: if ``STATFLOW_SIGNUP`` is "1".
        workers: how many processes serve this folder, each its share of what an account may send in a second.
        allow_private: people may have this server ask addresses of its operator's own network. None: if
            ``STATFLOW_ALLOW_PRIVATE`` is "1".
        alerts: how often alerts are looked at, and how mails are sent. None: as ``STATFLOW_ALERT_INTERVAL``,
            ``STATFLOW_PUBLIC_URL`` and ``STATFLOW_SMTP_...`` say. Nobody looks at them before a server calls
            ``app.services.alerts.start()``, in each process and after any fork.

    Returns:
        An app whose `close` closes what it opened itself.

    Raises:
        ValueError: there is no such part, or one lacks another that it needs; or no such ``metrics_for``.
    """
    refuse_parts(parts)
    options = Options(
        no_content=is_on("STATFLOW_NO_CONTENT", no_content),
        metrics=os.environ.get("STATFLOW_METRICS", "local") if metrics_for is None else metrics_for,
        signup=is_on("STATFLOW_SIGNUP", signup),
        workers=workers,
        allow_private=is_on("STATFLOW_ALLOW_PRIVATE", allow_private),
        alerts=of_environment() if alerts is None else alerts,
    )
    if options.metrics not in METRICS_FOR:
        raise ValueError(f"metrics are for one of {', '.join(METRICS_FOR)}, not {options.metrics}")
    open_engine = engine_of_environment if engine is None else lambda: engine
    services = Services(open_engine, options, owns_engine=engine is None, metrics=metrics)
    writes = dict(write_routes(services)) if "write" in parts else {}
    app = App(services, writes, middleware=[KnownMethods(), CommonHeaders()])
    table = dict(routes(services, frozenset(parts)))
    table["/openapi.json"] = Description(table)
    for path, resource in table.items():
        app.add_route(path, resource)
    site = pages.Site(services) if "pages" in parts else None
    app.add_error_handler(Exception, for_people(on_error, site))
    app.add_error_handler(falcon.HTTPError, for_people(on_http_error, site))
    return app


def refuse_parts(parts: Collection[str]) -> None:
    """Raise a ValueError where a part does not exist, or lacks one that it needs."""
    unknown = set(parts) - set(PARTS)
    if unknown:
        raise ValueError(f"no such parts: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    for part, needed in (("manage", "read"), ("pages", "manage")):
        if part in parts and needed not in parts:
            raise ValueError(f'the part "{part}" needs "{needed}"')


def is_on(variable: str, chosen: bool | None) -> bool:
    """A choice of the caller's; where there is none, whether a variable of the environment is "1"."""
    return os.environ.get(variable) == "1" if chosen is None else chosen


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
    path = environ["PATH_INFO"]
    if path in STATHAT_PATHS:
        return STATHAT
    return next((protocol for start, protocol in PROTOCOLS if path.startswith(start)), V1)


def told(environ: dict[str, Any], error: Exception) -> Answer:
    """Tell of an error what its table says; log whole what no table lists, and tell nothing of it."""
    protocol = protocol_of(environ)
    answer = protocol.failure(error)
    if answer is None or answer.status == 500:
        about = context(environ)
        log.error("%(method)s %(path)s failed (request %(request_id)s)", about, exc_info=error, extra=about)
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


def for_people(handler: Callable[..., None], site: pages.Site | None) -> Callable[..., None]:
    """An error handler whose answer is a page where a browser asked for one; as it is where there are no pages."""
    if site is None:
        return handler

    def handle(req: falcon.Request, resp: falcon.Response, error: Any, params: dict[str, Any]) -> None:
        handler(req, resp, error, params)
        site.tell_error(req, resp)

    return handle


def reset(resp: falcon.Response, answer: Answer) -> None:
    """Make an answer the response, whatever a resource had begun to say."""
    resp.stream = None
    respond(resp, answer)

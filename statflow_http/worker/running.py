"""Running the app on a request: which ones the loop runs itself, and what becomes of their answers."""

import logging
from collections.abc import Callable, Iterable
from typing import Any

from statflow_http.front.protocols import INTERNAL, STATHAT_PATHS
from statflow_http.front.request_ids import context
from statflow_http.metrics.slots import V1_WRITES
from statflow_http.worker.limits import QUICK_BODY_MAX
from statflow_http.worker.requests import Environ, Request
from statflow_http.worker.responses import Response, error_response

App = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

# What answers without looking anywhere, and must answer also when all threads are busy.
PINGS = frozenset({"/", "/healthz"})

log = logging.getLogger("statflow_http")


def is_write(environ: Environ) -> bool:
    """Whether a request does nothing but store points."""
    path = environ["PATH_INFO"]
    return path in STATHAT_PATHS or (path in V1_WRITES and environ["REQUEST_METHOD"] == "POST")


def is_quick(environ: Environ) -> bool:
    """Whether the app takes so little for a request that the loop can wait for it."""
    if not is_write(environ):
        return environ["PATH_INFO"] in PINGS
    length = environ.get("CONTENT_LENGTH")
    return length is None or int(length) <= QUICK_BODY_MAX


def run(app: App, request: Request) -> Response:
    """The app's answer, whole; a bare 500 where it raises."""
    response = Response()
    try:
        chunks = app(request.environ, response.start)
        try:
            response.finish(chunks)
        finally:
            close(chunks)
    except Exception as error:
        return failed(request, error)
    return response


def close(chunks: Iterable[bytes]) -> None:
    """Close what an app returned, if it can be closed, as WSGI demands."""
    if chunks.__class__ is not list:
        closes = getattr(chunks, "close", None)
        if closes is not None:
            closes()


def failed(request: Request, error: Exception) -> Response:
    """Log an error that the app should have handled; what the client is told."""
    told = context(request.environ)
    log.error("%(method)s %(path)s failed (request %(request_id)s)", told, exc_info=error, extra=told)
    return error_response(500, INTERNAL, request.environ)

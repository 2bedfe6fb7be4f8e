"""What a log line says of a request: its id, its method, and its path without secrets. Pure but for one random prefix.

An id is made when something is to be said about a request, and not before: nearly all requests are answered "ok".
"""

import itertools
import re
import secrets
from typing import Any
from urllib.parse import quote

from statflow_http import process
from statflow_http.front.masking import masked

HEADER = "X-Request-Id"
# Where an environ keeps it, once it is known.
REQUEST_ID = "statflow.request_id"

# What a proxy's ids look like: UUIDs, trace ids. Anything else would be a client's way to write into our logs.
SANE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}", re.ASCII)

_random = secrets.token_hex(4)
_numbers = itertools.count(1)


def request_id(environ: dict[str, Any]) -> str:
    """The id of a request: the client's, where it is sane and holds no key, else one that is made at the first call."""
    known: str | None = environ.get(REQUEST_ID)
    if known is None:
        given: str = environ.get("HTTP_X_REQUEST_ID", "")
        is_sane = SANE.fullmatch(given) is not None and masked(given) == given
        # The process's number, since workers are forked with the same random prefix.
        known = given if is_sane else f"{_random}-{process.id:x}-{next(_numbers):x}"
        environ[REQUEST_ID] = known
    return known


def logged_path(environ: dict[str, Any]) -> str:
    """A request's path as logs may have it: without tokens, and percent-encoded, so that it stays one line."""
    path: str = environ.get("PATH_INFO", "-")
    return masked(quote(path.encode("latin-1", "replace"), safe="/~@:!$&'()*+,;="))


def context(environ: dict[str, Any]) -> dict[str, str]:
    """``extra`` of a log record that is about a request."""
    method = environ.get("REQUEST_METHOD", "-")
    return {"request_id": request_id(environ), "method": method, "path": logged_path(environ)}

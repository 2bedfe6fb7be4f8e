"""From an `Answer` to a response, by Falcon or without it: what every answer says to browsers is added here."""

from dataclasses import replace
from functools import lru_cache
from http import HTTPStatus
from typing import Any

import falcon

from statflow_http.front.answers import Answer
from statflow_http.front.request_ids import HEADER, request_id

# What a page of another origin may send along and may see. Keys travel in headers and bodies, never in cookies, so
# that any origin may be allowed.
PREFLIGHT = {
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key",
    "Access-Control-Max-Age": "86400",
}


# Different heads are few: nearly all answers to writes are the same.
HEADS_CACHED = 1_000

# Without sub-domains, for which this server does not speak. Only told where the request came by TLS, from a browser's
# view: elsewhere it means nothing.
HSTS = ("strict-transport-security", "max-age=31536000")

HERE = {"x-content-type-options": "nosniff", "referrer-policy": "no-referrer"}
ANYWHERE = HERE | {
    "access-control-allow-origin": "*",
    "access-control-expose-headers": "Idempotent-Replayed, Retry-After, X-Request-Id",
}


class CommonHeaders:
    """Middleware: headers of all answers, and of preflight requests.

    A resource that cookies authenticate says ``cross_origin = False``, and no other origin may read its answers. Nor
    any page, not even of an error: pages say their own referrer policy.
    """

    def process_response(self, req: falcon.Request, resp: falcon.Response, resource: object, succeeded: bool) -> None:
        """Set what is not set yet."""
        if resp.status_code >= 400:
            resp.set_header(HEADER, request_id(req.env))
        if req.scheme == "https":
            resp.set_header(*HSTS)
        if resp.get_header("cache-control") is None:
            resp.set_header("cache-control", "no-store")
        policy = resp.get_header("referrer-policy")
        if policy is not None or not getattr(resource, "cross_origin", True):
            resp.set_headers(HERE)
        else:
            resp.set_headers(ANYWHERE)
            if req.method == "OPTIONS":
                resp.set_header("Access-Control-Allow-Methods", resp.get_header("Allow") or "GET")
                resp.set_headers(PREFLIGHT)
        if policy is not None:
            resp.set_header("referrer-policy", policy)


class KnownMethods:
    """Middleware: 405 also for methods that Falcon has never heard of, to which it would answer 400."""

    def process_resource(
        self, req: falcon.Request, resp: falcon.Response, resource: object, params: dict[str, Any]
    ) -> None:
        """Refuse a method that is none of HTTP's."""
        if req.method not in falcon.HTTP_METHODS and req.method not in falcon.WEBDAV_METHODS:
            allowed = [method for method in falcon.HTTP_METHODS if hasattr(resource, f"on_{method.lower()}")]
            raise falcon.HTTPMethodNotAllowed([*allowed, "OPTIONS"])


def respond(resp: falcon.Response, answer: Answer) -> None:
    """Make an answer the response."""
    resp.status = answer.status
    resp.data = answer.body
    if answer.content_type:
        resp.content_type = answer.content_type
    for name, value in answer.headers:
        resp.set_header(name, value)


def with_request_id(answer: Answer, environ: dict[str, Any]) -> Answer:
    """The answer with the id of its request, by which the logs tell more of an error."""
    if answer.status < 400:
        return answer
    return replace(answer, headers=(*answer.headers, (HEADER, request_id(environ))))


def head(answer: Answer, *, is_secure: bool = False) -> tuple[str, list[tuple[str, str]]]:
    """Status line and headers of an answer as WSGI has them, the common ones included; ``is_secure``: by TLS."""
    status, headers = _head(answer.status, answer.content_type, answer.headers, len(answer.body), is_secure)
    return status, list(headers)


@lru_cache(HEADS_CACHED)
def _head(
    status: int, content_type: str, own: tuple[tuple[str, str], ...], length: int, is_secure: bool
) -> tuple[str, tuple[tuple[str, str], ...]]:
    headers = {"cache-control": "no-store"} | ANYWHERE | {name.lower(): value for name, value in own}
    if content_type:
        headers |= {"content-type": content_type, "content-length": str(length)}
    if is_secure:
        headers |= dict([HSTS])
    return f"{status} {HTTPStatus(status).phrase}", tuple(headers.items())

"""``/javascripts/embed.js`` and ``/embed/KIND/S1[/S2[/S3]]``: charts on other people's pages."""

import hashlib
from dataclasses import replace

import falcon

from statflow_http.embedding import scripts
from statflow_http.embedding.answers import JAVASCRIPT, answer
from statflow_http.embedding.asked import target
from statflow_http.front.answers import Answer
from statflow_http.front.headers import respond
from statflow_http.services import Services

# Shown by pages of any origin, also those that are isolated.
CROSS_ORIGIN = ("Cross-Origin-Resource-Policy", "cross-origin")
LOADER_AGE_S = 3_600
TAG_SIZE = 12


class Loader:
    """``GET /javascripts/embed.js``: what a page includes."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """The script, the same for all."""
        age = ("Cache-Control", f"public, max-age={LOADER_AGE_S}")
        respond(resp, fresh(req, Answer(200, scripts.LOADER, (age, CROSS_ORIGIN), JAVASCRIPT)))

    on_head = on_get


class Embed:
    """``GET /embed/KIND/S1[/S2[/S3]]``, perhaps with ``.svg`` or ``.html`` at the end."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def on_get(self, req: falcon.Request, resp: falcon.Response, path: str) -> None:
        """A script that fills and shows a box, a picture, or a page for a frame."""
        found = answer(self._services, target(path), req.query_string)
        respond(resp, fresh(req, replace(found, headers=(*found.headers, CROSS_ORIGIN))))

    on_head = on_get


def fresh(req: falcon.Request, found: Answer) -> Answer:
    """An answer with its ETag; 304 and no body where that is what the client has."""
    tag = f'"{hashlib.blake2b(found.body, digest_size=TAG_SIZE).hexdigest()}"'
    headers = (*found.headers, ("ETag", tag))
    if found.status == 200 and _has(req.get_header("If-None-Match") or "", tag):
        return Answer(304, b"", headers, "")
    return replace(found, headers=headers)


def _has(header: str, tag: str) -> bool:
    """Whether an If-None-Match names a tag; a proxy may have made a weak one of it."""
    return any(known.strip().removeprefix("W/") in (tag, "*") for known in header.split(","))

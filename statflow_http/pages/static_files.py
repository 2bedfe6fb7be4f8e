"""``/static/...``: style, scripts and pictures of the pages, from memory, compressed once.

A page names a file with the hash of its bytes, and a browser may keep that for a year. Asked for without it, as modules
import each other, a file is asked about each time, which a hash answers with 304.
"""

import gzip
import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import falcon

from statflow_http.errors import NotFoundError
from statflow_http.front.answers import Answer
from statflow_http.front.headers import respond

FOLDER = Path(__file__).parent / "static"
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}
NAME = re.compile(r"(?:vendor/)?[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+", re.ASCII)
NO_FILE = "no such file"
# Pictures are compressed already; below this a header costs more than it saves.
GZIP_FROM = 600
LONG = "public, max-age=31536000, immutable"
AGAIN = "no-cache"


@dataclass(frozen=True, slots=True)
class File:
    """A file as it is sent; ``zipped`` is None where that would not be smaller."""

    content: bytes
    zipped: bytes | None
    tag: str
    content_type: str


def file(name: str) -> File:
    """A file by its name, such as "vendor/uPlot.min.css".

    Raises:
        NotFoundError: there is none, or its sort is not given out.
    """
    # A name is letters and single dots, in no folder but the one: it cannot lead out of ours.
    if not NAME.fullmatch(name) or Path(name).suffix not in TYPES:
        raise NotFoundError(NO_FILE)
    try:
        about = (FOLDER / name).stat()
    except OSError:
        raise NotFoundError(NO_FILE) from None
    return _read(name, about.st_mtime_ns, about.st_size)


def has(name: str) -> bool:
    """Whether there is such a file: what a build fetches may be missing."""
    return (FOLDER / name).is_file()


def address(name: str) -> str:
    """The path by which a page names a file, with its hash."""
    return f"/static/{name}?v={file(name).tag}"


@lru_cache(200)
def _read(name: str, mtime_ns: int, size: int) -> File:
    """The file of that moment: one that is written anew is read anew."""
    path = FOLDER / name
    content = path.read_bytes()
    zipped = gzip.compress(content, 9, mtime=0) if path.suffix != ".png" and len(content) >= GZIP_FROM else None
    return File(content, zipped, hashlib.sha256(content).hexdigest()[:16], TYPES[path.suffix])


class StaticFiles:
    """``GET /static/NAME``. The same for everybody, so that no cookie is looked at."""

    cross_origin = False

    def on_get(self, req: falcon.Request, resp: falcon.Response, name: str) -> None:
        """A file, or 304 when the browser has it."""
        found = file(name)
        tag = f'"{found.tag}"'
        is_named = req.get_param("v") == found.tag
        headers = (("ETag", tag), ("Cache-Control", LONG if is_named else AGAIN), ("Vary", "Accept-Encoding"))
        if tag in (req.get_header("If-None-Match") or ""):
            respond(resp, Answer(304, b"", headers, ""))
        elif found.zipped is not None and accepts_gzip(req):
            respond(resp, Answer(200, found.zipped, (*headers, ("Content-Encoding", "gzip")), found.content_type))
        else:
            respond(resp, Answer(200, found.content, headers, found.content_type))

    on_head = on_get


def accepts_gzip(req: falcon.Request) -> bool:
    """Whether a client reads gzip."""
    accepted = (req.get_header("Accept-Encoding") or "").lower().replace(" ", "")
    return "gzip" in accepted and "gzip;q=0," not in accepted + ","

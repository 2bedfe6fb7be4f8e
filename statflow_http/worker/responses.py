"""From what an app answers to the bytes on the wire. Pure but for the clock of the Date header.

Nothing that an app says can break out of its header: what is no token, no single line or not latin-1 is refused, and
the client gets a bare 500.
"""

import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import Any

from statflow_http.front.answers import Answer
from statflow_http.front.headers import ANYWHERE, HSTS, with_request_id
from statflow_http.front.protocols import STATHAT, STATHAT_PATHS, V1
from statflow_http.worker.requests import Environ, Request

Headers = list[tuple[str, str]]

TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
# Visible characters, spaces and tabs.
VALUE = re.compile(r"[\t -~\x80-\xff]*")
STATUS = re.compile(r"[1-5][0-9][0-9] [\t -~\x80-\xff]*")
# The server decides about the connection, not the app.
HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "upgrade", "te", "trailer", "proxy-authenticate"}
)
STATUSES_WITHOUT_BODY = ("1", "204", "304")

# Different heads are few: the answers to writes are all the same, those of reads differ in their length.
HEADS_CACHED = 1_000

# What every answer of the app has, this server's own have too: also an error must not be sniffed, kept or hidden.
COMMON = (("Cache-Control", "no-store"), *ANYWHERE.items())
CLOSE = b"Connection: close\r\n"
KEEP = b"Connection: keep-alive\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
LAST_CHUNK = b"0\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Response:
    """What an app says about one request, while it says it.

    Attributes:
        status: such as "200 OK"; "" until it is said.
        headers: as the app gave them.
        body: all of it, unless it is a stream.
        is_sent: the head of a stream is out, and nothing can be said again.
    """

    __slots__ = ("_written", "body", "headers", "is_sent", "status")

    def __init__(self) -> None:
        self.status = ""
        self.headers: Headers = []
        self.body = b""
        self.is_sent = False
        self._written: list[bytes] | None = None

    def start(self, status: str, headers: Headers, exc_info: Any = None) -> Callable[[bytes], None]:
        """WSGI's ``start_response``; with ``exc_info`` an app may call it again."""
        if exc_info is not None and self.is_sent:
            raise exc_info[1]
        self.status = status
        self.headers = headers
        return self._write

    def _write(self, data: bytes) -> None:
        """WSGI's old ``write``."""
        if self._written is None:
            self._written = []
        self._written.append(data)

    def finish(self, chunks: Iterable[bytes]) -> None:
        """Take the whole body."""
        if self._written is None and chunks.__class__ is list and len(chunks) == 1:
            self.body = chunks[0]
        else:
            self.body = b"".join([*self.taken_written(), *chunks])

    def taken_written(self) -> list[bytes]:
        """What was given to `_write`, once."""
        written, self._written = self._written or [], None
        return written

    def replace(self, answer: Answer) -> None:
        """Say something else, with the headers that every answer of this app has."""
        replaced = {"content-type", "content-length"} | {name.lower() for name, _ in answer.headers}
        kept = [(name, value) for name, value in self.headers if name.lower() not in replaced]
        self.status = status_line(answer.status)
        self.headers = [*kept, *answer.headers]
        if answer.content_type:
            self.headers.append(("Content-Type", answer.content_type))
        self.body = answer.body


@dataclass(frozen=True, slots=True)
class Head:
    """Status line and headers, checked and encoded; what depends on the request is still missing.

    Attributes:
        encoded: from the status on, without the empty line at the end.
        length: Content-Length as the app gave it; None: it gave none.
        has_body: whether this status may have one.
    """

    encoded: bytes
    length: int | None
    has_body: bool


def status_line(status: int) -> str:
    """Such as "404 Not Found"."""
    return f"{status} {HTTPStatus(status).phrase}"


def head_of(status: str, headers: Headers) -> Head:
    """The head of an answer.

    Raises:
        ValueError: something in it would not be what it seems, on the wire.
    """
    return _head(status, tuple(headers))


@lru_cache(HEADS_CACHED)
def _head(status: str, headers: tuple[tuple[str, str], ...]) -> Head:
    if not STATUS.fullmatch(status):
        raise ValueError(f"the app answered with the status {status!r}")
    lines, length = [status], None
    for name, value in headers:
        if not TOKEN.fullmatch(name) or not VALUE.fullmatch(value):
            raise ValueError(f"the app answered with a bad header: {name!r}")
        lowered = name.lower()
        if lowered == "content-length":
            length = int(value)
        elif lowered not in HOP_BY_HOP:
            lines.append(f"{name}: {value}")
    encoded = "".join(line + "\r\n" for line in lines).encode("latin-1")
    return Head(encoded, length, not status.startswith(STATUSES_WITHOUT_BODY))


def encoded(response: Response, request: Request, *, keeps_alive: bool) -> bytes:
    """A whole answer as it goes out.

    Raises:
        ValueError: its head is not allowed, or its body is not as long as it says.
    """
    head = head_of(response.status, response.headers)
    body = response.body
    first = b"HTTP/1.1 " + head.encoded + date_line() + _connection(request, keeps_alive)
    if request.is_head or not head.has_body:
        length = b"" if head.length is None or not head.has_body else b"Content-Length: %d\r\n" % head.length
        return first + length + b"\r\n"
    if head.length is not None and head.length != len(body):
        raise ValueError(f"the app announced {head.length} bytes and answered with {len(body)}")
    return b"%bContent-Length: %d\r\n\r\n%b" % (first, len(body), body)


@dataclass(frozen=True, slots=True)
class Framing:
    """How a stream is told from what comes after it."""

    head: bytes
    is_chunked: bool
    closes: bool
    length: int | None


def stream_framing(response: Response, request: Request, *, keeps_alive: bool) -> Framing:
    """The head of a stream: in chunks, unless the app knows its length or the client knows no chunks.

    Raises:
        ValueError: the head is not allowed.
    """
    head = head_of(response.status, response.headers)
    is_chunked = head.length is None and not request.is_old
    closes = not keeps_alive or (head.length is None and request.is_old)
    length = b"" if head.length is None else b"Content-Length: %d\r\n" % head.length
    rest = CHUNKED if is_chunked else length
    first = b"HTTP/1.1 " + head.encoded + date_line() + _connection(request, not closes)
    return Framing(first + rest + b"\r\n", is_chunked, closes, head.length)


def chunk(data: bytes) -> bytes:
    """One piece of a chunked body; not for empty data, which would end it."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def _connection(request: Request, keeps_alive: bool) -> bytes:
    """The Connection header, where the client cannot know."""
    if not keeps_alive:
        return CLOSE
    return KEEP if request.is_old else b""


_date = (0, b"")


def date_line() -> bytes:
    """The Date header of this second."""
    global _date
    now_s = int(time.time())
    if _date[0] != now_s:
        _date = (now_s, b"Date: %b\r\n" % formatdate(now_s, usegmt=True).encode())
    return _date[1]


def error_response(status: int, text: str, environ: Environ, headers: Iterable[tuple[str, str]] = ()) -> Response:
    """An answer of the server's own, in the words of the path."""
    protocol = STATHAT if environ.get("PATH_INFO") in STATHAT_PATHS else V1
    answer = with_request_id(protocol.refusal(status, text), environ)
    response = Response()
    response.status = status_line(answer.status)
    response.headers = [("Content-Type", answer.content_type), *COMMON, *answer.headers, *headers]
    if environ.get("wsgi.url_scheme") == "https":
        response.headers.append(HSTS)
    response.body = answer.body
    return response

"""From bytes to WSGI environs: one connection's requests in order, and what is refused before the app sees it. Pure.

llhttp (by httptools) is Node's parser. It refuses by itself: Transfer-Encoding beside Content-Length, a second
Content-Length, lengths with signs or commas, codings other than a last ``chunked``, white space before a colon, folded
lines, bare line feeds, control characters, other versions than HTTP/1, methods in lower case. Limits, statuses and the
rest are decided here.
"""

import enum
import re
from collections import deque
from collections.abc import Callable
from functools import lru_cache
from io import BytesIO
from typing import Any
from urllib.parse import unquote_to_bytes

import httptools

from statflow_http.worker.limits import FIELD_BYTES_MAX, FIELDS_MAX, HEAD_BYTES_MAX, KIB, REQUEST_LINE_MAX
from statflow_http.worker.uploads import Upload

Environ = dict[str, Any]
Schemes = tuple[tuple[str, str], ...]

VERSIONS = {"1.0": "HTTP/1.0", "1.1": "HTTP/1.1"}
# The bytes of a request line beside method and target.
LINE_REST = len(" " + " HTTP/1.1")
METHODS = "DELETE, GET, HEAD, OPTIONS, PATCH, POST"
# llhttp knows the methods that are registered; others are as well-formed, and only not allowed.
UNKNOWN_METHOD = re.compile(rb"[A-Z]{1,20} ")
BEYOND_ASCII = re.compile(rb"[\x80-\xff]")
ABSOLUTE = re.compile(rb"https?://[^/?#]*", re.IGNORECASE)

# A list of these would be read by each in a way of its own.
SINGLE = frozenset({"HTTP_HOST", "HTTP_AUTHORIZATION", "HTTP_EXPECT", "HTTP_IDEMPOTENCY_KEY", "CONTENT_TYPE"})

# Of at most 4 KiB each.
TARGETS_CACHED = 200
_methods = {method.encode(): method for method in METHODS.split(", ")}

# No path takes less than this.
SMALL_BODY = 64 * KIB

# Names whose environ keys are remembered; clients invent names, but few.
NAMES_CACHED = 1_000
# None: a name with an underscore looks in the environ like one with a hyphen, which a proxy may have vouched for.
_keys: dict[bytes, str | None] = {b"Content-Type": "CONTENT_TYPE", b"Content-Length": "CONTENT_LENGTH"}


class RefusedError(Exception):
    """A request that is answered with a status and closes its connection, without the app."""

    def __init__(self, status: int, text: str, headers: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(text)
        self.status = status
        self.headers = headers


class _Enough(Exception):
    """Nothing after this request's head is read."""


class Stage(enum.Enum):
    """What a connection's next byte would belong to."""

    BETWEEN = enum.auto()
    HEAD = enum.auto()
    BODY = enum.auto()


class Request:
    """One whole request.

    Attributes:
        environ: of WSGI, body included.
        keeps_alive: the client may send another one.
        is_old: HTTP/1.0, which knows no chunks and says when a connection stays.
    """

    __slots__ = ("environ", "is_old", "keeps_alive")

    def __init__(self, environ: Environ, *, keeps_alive: bool, is_old: bool) -> None:
        self.environ = environ
        self.keeps_alive = keeps_alive
        self.is_old = is_old

    @property
    def is_head(self) -> bool:
        """Whether no body may be sent."""
        return self.environ.get("REQUEST_METHOD") == "HEAD"


class RequestReader:
    """The requests of one connection.

    Args:
        environ: what they have in common; copied for each.
        bytes_max: how long the body of a request may be. One that says that it is longer is handed on without it, for
            the app to refuse in its own words.
        schemes: (environ key, value) of headers that tell that the client came by TLS, from a proxy that is believed.
        upload_of: what takes the body of a request, when it is one that goes to a disk; None where none does.

    Attributes:
        requests: whole ones, in order; whoever uses them takes them off.
        refusal: what to answer after them; None: nothing.
        is_over: nothing that comes now is read.
        stage: what the next byte would belong to.
        wants_continue: the client waits for ``100 Continue`` before it sends the body.
        received: bytes of the body that is arriving.
        upload: where they go, when that is a disk.
        begun: the environ of the request that is arriving, as far as it is known.
    """

    def __init__(
        self,
        environ: Environ,
        bytes_max: Callable[[Environ], int],
        schemes: Schemes = (),
        upload_of: "Callable[[Environ], Upload | None]" = lambda environ: None,
    ) -> None:
        self._base = environ
        self._bytes_max = bytes_max
        self._schemes = schemes
        self._upload_of = upload_of
        self._parser = httptools.HttpRequestParser(self)
        self.requests: deque[Request] = deque()
        self.refusal: RefusedError | None = None
        self.is_over = False
        self.stage = Stage.BETWEEN
        self.wants_continue = False
        self.received = 0
        self.upload: Upload | None = None
        self._any_before = False
        self.begun = environ
        self._url = b""
        self._field_count = 0
        self._head_size = 0
        self._head_fed = 0
        self._began = False
        self._pieces: list[bytes] = []
        self._body_left = 0

    @property
    def held(self) -> int:
        """Bytes of the body that is arriving which are in memory."""
        return self.received if self.upload is None else self.upload.waiting

    def drop_upload(self) -> None:
        """The client is gone, or what it sends is not wanted."""
        if self.upload is not None:
            self.upload.close()
            self.upload = None

    def feed(self, data: bytes) -> None:
        """Take what came; afterwards `requests`, `refusal` and the rest say what it was."""
        if self.is_over:
            return
        stage_before = self.stage
        try:
            self._parse(data)
        except httptools.HttpParserError as error:
            self._end(error, data, stage_before)
        if self.stage is Stage.HEAD:
            self._limit_head(len(data))

    def _parse(self, data: bytes) -> None:
        rest = self._taken_raw(data) if self._body_left else data
        if self.stage is Stage.BETWEEN and not rest.isascii():
            rest = escaped_line(rest)
        while rest:
            try:
                return self._parser.feed_data(rest)
            except httptools.HttpParserUpgrade as upgrade:
                # The client would like another protocol. It may be ignored, but llhttp then leaves the body to us.
                rest = self._taken_raw(rest[upgrade.args[0] :])

    def _taken_raw(self, data: bytes) -> bytes:
        """What is left behind the body of a request with ``Upgrade``."""
        piece = data[: self._body_left]
        if self._body_left:
            self._body_left -= len(piece)
            self.on_body(piece)
            if not self._body_left:
                self._complete()
        return data[len(piece) :]

    def _limit_head(self, size: int) -> None:
        """Refuse a head that goes on and on: a field that is not whole yet is in the parser, which has no limit."""
        # What came together with its beginning was part of one read, and behind other requests perhaps.
        self._head_fed = 0 if self._began else self._head_fed + size
        self._began = False
        if self._head_fed > REQUEST_LINE_MAX + HEAD_BYTES_MAX:
            self.refuse(RefusedError(431, "request header fields too large"))

    def _end(self, error: Exception, data: bytes, stage_before: Stage) -> None:
        """Decide what an error of the parser means; nothing is read after it."""
        cause = error.__context__
        if isinstance(cause, RefusedError):
            self.refuse(cause)
        elif isinstance(cause, _Enough) or self.is_over:
            self.is_over = True
        elif isinstance(error, httptools.HttpParserCallbackError):
            raise error  # a mistake of ours
        elif isinstance(error, httptools.HttpParserInvalidMethodError) and self._any_before:
            # What StatHat's Node client leaves behind when it counts characters. The request before is good, and
            # whatever would come now is not: a client that finds its connection closed sends it again.
            self.is_over = True
        elif isinstance(error, httptools.HttpParserInvalidMethodError) and _is_unknown_method(data, stage_before):
            self.refuse(RefusedError(405, "method not allowed", (("Allow", METHODS),)))
        else:
            self.refuse(RefusedError(400, "bad request: " + str(error).lower()))

    def refuse(self, refusal: RefusedError) -> None:
        """Read nothing more, and have this answered."""
        self.refusal = refusal
        self.is_over = True

    # -- what llhttp calls; what they raise, it hands back as the context of its own error --

    def on_message_begin(self) -> None:
        self.stage = Stage.HEAD
        self.begun = self._base.copy()
        self._url = b""
        self._field_count = self._head_size = 0
        self._began = True

    def on_url(self, piece: bytes) -> None:
        self._url += piece
        if len(self._url) > REQUEST_LINE_MAX - 20:  # then it is worth looking closely
            size = len(self._parser.get_method()) + len(self._url) + LINE_REST
            if size > REQUEST_LINE_MAX:
                raise RefusedError(414, f"request line too long (limit {REQUEST_LINE_MAX} bytes)")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._field_count += 1
        size = len(name) + len(value)
        self._head_size += size
        if self._field_count > FIELDS_MAX or size > FIELD_BYTES_MAX or self._head_size > HEAD_BYTES_MAX:
            raise RefusedError(431, "request header fields too large")
        try:
            key = _keys[name]
        except KeyError:
            key = _key(name)
        if key is None:
            return
        environ, text = self.begun, value.decode("latin-1")
        if key in environ:
            if key in SINGLE:
                raise RefusedError(400, "bad request: a header was given twice")
            text = f"{environ[key]}{'; ' if key == 'HTTP_COOKIE' else ','}{text}"
        environ[key] = text

    def on_headers_complete(self) -> None:
        environ, parser = self.begun, self._parser
        version = parser.get_http_version()
        if version not in VERSIONS:
            raise RefusedError(400, "bad request: HTTP/1.0 or HTTP/1.1 is spoken here")
        environ["SERVER_PROTOCOL"] = VERSIONS[version]
        environ["REQUEST_METHOD"] = _methods.get(method := parser.get_method()) or method.decode()
        self._set_target()
        self._set_scheme()
        self.stage = Stage.BODY
        self.received = 0
        self._pieces = []
        coding = environ.get("HTTP_TRANSFER_ENCODING")
        if coding is not None:
            self._refuse_coding(coding, version)
            self._complete(is_last=True)
            raise _Enough
        length = environ.get("CONTENT_LENGTH")
        if length is not None:
            self._expect_body(int(length))

    def on_body(self, piece: bytes) -> None:
        self.received += len(piece)
        if self.upload is None:
            self._pieces.append(piece)
        else:
            self.upload.write(piece)

    def on_message_complete(self) -> None:
        if not self._body_left:
            self._complete()

    # -- the steps of it --

    def _set_target(self) -> None:
        """PATH_INFO and QUERY_STRING, from the origin form or the absolute form."""
        environ = self.begun
        if environ["REQUEST_METHOD"] == "CONNECT":
            raise RefusedError(405, "method not allowed", (("Allow", METHODS),))
        environ["RAW_URI"], environ["PATH_INFO"], environ["QUERY_STRING"] = target(self._url)

    def _set_scheme(self) -> None:
        """https, where a proxy says so; proxies that say both are wrong."""
        environ, told = self.begun, None
        for key, value in self._schemes:
            if key in environ:
                is_secure = environ[key] == value
                if told is not None and told is not is_secure:
                    raise RefusedError(400, "bad request: contradictory scheme headers")
                told = is_secure
        if told:
            environ["wsgi.url_scheme"] = "https"

    def _refuse_coding(self, coding: str, version: str) -> None:
        """Only ``chunked`` gets as far as the app, which refuses it."""
        if version == "1.0":
            raise RefusedError(400, "bad request: HTTP/1.0 has no transfer codings")
        if coding.strip().lower() != "chunked":
            raise RefusedError(501, "transfer coding not implemented")

    def _expect_body(self, length: int) -> None:
        expected = self.begun.get("HTTP_EXPECT")
        if length > SMALL_BODY and length > self._bytes_max(self.begun):
            self._complete(is_last=True)
            raise _Enough
        if expected is not None:
            if expected.lower() != "100-continue":
                raise RefusedError(417, "expectation not understood")
            self.wants_continue = length > 0 and self.begun["SERVER_PROTOCOL"] == "HTTP/1.1"
        if self._parser.should_upgrade():
            self._body_left = length
        if length > SMALL_BODY:
            self.upload = self._upload_of(self.begun)

    def _complete(self, *, is_last: bool = False) -> None:
        pieces = self._pieces
        environ = self.begun
        if self.upload is None:
            environ["wsgi.input"] = BytesIO(pieces[0] if len(pieces) == 1 else b"".join(pieces))
        else:
            environ["wsgi.input"] = self.upload.finished()
            self.upload = None
        keeps_alive = not is_last and self._parser.should_keep_alive()
        is_old = environ["SERVER_PROTOCOL"] == "HTTP/1.0"
        self.requests.append(Request(environ, keeps_alive=keeps_alive, is_old=is_old))
        self._pieces = []
        self.received = 0
        self.stage = Stage.BETWEEN
        self.wants_continue = False
        self._any_before = True
        self.is_over = not keeps_alive


@lru_cache(TARGETS_CACHED)
def target(url: bytes) -> tuple[str, str, str]:
    """A request's target as it was sent, its path without escapes, and its query; the bytes of each as latin-1."""
    raw = url.decode("latin-1")
    if not url.startswith(b"/"):
        url = ABSOLUTE.sub(b"", url, count=1) or b"/"
    path, _, query = url.partition(b"#")[0].partition(b"?")
    if b"%" in path:
        path = unquote_to_bytes(path)
    return raw, path.decode("latin-1"), query.decode("latin-1")


def escaped_line(data: bytes) -> bytes:
    """What came, in its first line bytes beyond ASCII escaped: curl sends ``?stat=café`` as it was typed.

    llhttp refuses such a target. A line that comes in several pieces, or behind another request, is left to it.
    """
    line, newline, rest = data.partition(b"\n")
    return BEYOND_ASCII.sub(lambda found: b"%%%02X" % found[0][0], line) + newline + rest


def _is_unknown_method(data: bytes, stage_before: Stage) -> bool:
    return stage_before is Stage.BETWEEN and UNKNOWN_METHOD.match(data) is not None


def _key(name: bytes) -> str | None:
    """The environ key of a header's name; None: it is dropped."""
    upper = name.decode("latin-1").upper().replace("-", "_")
    key = None if b"_" in name else upper if upper in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{upper}"
    if len(_keys) < NAMES_CACHED:
        _keys[name] = key
    return key

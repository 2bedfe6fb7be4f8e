"""From a WSGI environ to the bytes of a body: what is refused before, or instead of, reading it. No parsing."""

from typing import Any

from statflow_http.errors import LengthRequiredError, MediaTypeError, RequestError, TooLargeError

KIB = 1024
MIB = 1024 * KIB

# A point takes some 60 bytes in JSON; a form holds one.
SINGLE_BYTES_MAX = 1 * MIB
JSON_BATCH_BYTES_MAX = 8 * MIB
# A million points as columns take 20 MB.
MSGPACK_BYTES_MAX = 64 * MIB
# A file to import; our own worker writes it to a disk as it comes.
IMPORT_BYTES_MAX = 1024 * MIB
IMPORTS_PATH = "/v1/imports"
# The page on which people choose files.
IMPORT_PAGE_PATH = "/import"

MSGPACK_TYPES = frozenset({"application/msgpack", "application/x-msgpack", "application/vnd.msgpack"})
# How much of a type that a client made up is said again.
TYPE_MAX = 60
MULTIPART_TYPE = "multipart/form-data"
JSON_TYPES = frozenset({"application/json", "text/json"})

Environ = dict[str, Any]


def media_type(environ: Environ) -> str:
    """The media type of the body, without parameters, in lower case; "" when none was sent."""
    content_type: str = environ.get("CONTENT_TYPE") or ""
    return content_type.partition(";")[0].strip().lower()


def bytes_max(environ: Environ) -> int:
    """How long the body of a request may be at most: a server that holds bodies needs to hold no more.

    What a path takes exactly is said where it reads.
    """
    path = environ["PATH_INFO"]
    if path == "/v1/stats":
        return MSGPACK_BYTES_MAX if media_type(environ) in MSGPACK_TYPES else JSON_BATCH_BYTES_MAX
    if is_upload(environ):
        return IMPORT_BYTES_MAX
    if path == "/ez" and "json" in environ.get("CONTENT_TYPE", "").lower():
        return JSON_BATCH_BYTES_MAX
    return SINGLE_BYTES_MAX


def is_upload(environ: Environ) -> bool:
    """Whether the body of a request is a file to import, or a form with some."""
    path = environ["PATH_INFO"]
    if path == IMPORTS_PATH:
        return environ["REQUEST_METHOD"] == "POST" and media_type(environ) not in JSON_TYPES
    if path == IMPORT_PAGE_PATH:
        return environ["REQUEST_METHOD"] == "POST" and media_type(environ) == MULTIPART_TYPE
    return False


def refuse_multipart(environ: Environ) -> None:
    """Refuse a form of the sort that browsers send with files, where a plain one is read.

    Raises:
        MediaTypeError: it is one.
    """
    if media_type(environ).startswith("multipart/"):
        raise MediaTypeError(
            f"send application/x-www-form-urlencoded or application/json, not {media_type(environ)[:TYPE_MAX]}"
        )


def read_body(environ: Environ, bytes_max: int) -> bytes:
    """The whole body; empty when none was sent.

    Raises:
        LengthRequiredError: it comes in chunks. Such a body reads as empty through most frameworks, so it is refused.
        MediaTypeError: it is compressed.
        TooLargeError: it says that it is longer than ``bytes_max``; nothing was read.
        RequestError: its length is no number, or more than what was sent.
    """
    length = declared_length(environ)
    if length > bytes_max:
        raise TooLargeError(f"request body too large (limit {bytes_max} bytes)")
    if not length:
        return b""
    body: bytes = environ["wsgi.input"].read(length)
    if len(body) < length:
        raise RequestError("request body is shorter than its Content-Length")
    return body


def declared_length(environ: Environ) -> int:
    """How long a request says that its body is; 0 when it has none.

    Raises:
        LengthRequiredError, MediaTypeError, RequestError: as `read_body`.
    """
    if "HTTP_TRANSFER_ENCODING" in environ:
        raise LengthRequiredError("Content-Length required")
    encoding = environ.get("HTTP_CONTENT_ENCODING")
    if encoding and encoding.strip().lower() != "identity":
        raise MediaTypeError("gzip bodies are not supported" if "gzip" in encoding else "compressed bodies are refused")
    declared = environ.get("CONTENT_LENGTH")
    if not declared:
        return 0
    if not (declared.isascii() and declared.isdigit()):
        raise RequestError("Content-Length must be a number")
    return int(declared)

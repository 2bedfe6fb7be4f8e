"""Forms and query strings: ``a=1&b=2`` in, a dict of text out. Pure but for Falcon's fast parser.

That parser replaces bytes that are no UTF-8 and makes lists of repeated fields; both are found and refused here.
"""

from typing import cast
from urllib.parse import unquote_to_bytes

from falcon.uri import parse_query_string

from statflow_http.errors import RequestError

# A write has at most 6 fields, the rest are cache busters; a read may name a hundred stats.
FIELDS_MAX = 100
READ_FIELDS_MAX = 200
# How long a name may be that is said again.
SHOWN_BYTES_MAX = 60
REPLACEMENT = "\ufffd"

Fields = dict[str, str | list[str]]


def parse(encoded: bytes, fields_max: int = FIELDS_MAX) -> Fields:
    """The fields of a form; a list where one was given more than once, "" where one has no value.

    Raises:
        RequestError: not UTF-8, or more than ``fields_max`` fields.
    """
    try:
        text = encoded.decode()
    except UnicodeDecodeError:
        raise RequestError(_no_utf8(encoded)) from None
    # A trailing & is common and makes no field.
    if text.count("&") - text.endswith("&") >= fields_max:
        raise RequestError(f"at most {fields_max} fields")
    fields = parse_query_string(text, keep_blank=True, csv=False)
    if "%" in text and any(REPLACEMENT in part for pair in fields.items() for value in pair for part in value):
        _refuse_bad_escapes(encoded)
    return fields


def _refuse_bad_escapes(encoded: bytes) -> None:
    """Raise where a percent escape is what made a replacement character; a client may have sent one as such."""
    if not _is_utf8(unquote_to_bytes(encoded)):
        raise RequestError(_no_utf8(encoded))


def _no_utf8(encoded: bytes) -> str:
    """Which field is no UTF-8; without its name where that is what is none."""
    pairs = (pair.partition(b"=") for pair in encoded.split(b"&"))
    for name, value in ((unquote_to_bytes(name), unquote_to_bytes(value)) for name, _, value in pairs):
        if _is_utf8(name) and not _is_utf8(value) and len(name) <= SHOWN_BYTES_MAX:
            return f'field "{name.decode()}" is not valid UTF-8'
    return "not valid UTF-8"


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def parse_query(query_string: str, fields_max: int = FIELDS_MAX) -> Fields:
    """The same for WSGI's QUERY_STRING, whose characters are bytes.

    Raises:
        RequestError: as `parse`.
    """
    return parse(query_string.encode("latin-1"), fields_max) if query_string else {}


def singles(fields: Fields, names: tuple[str, ...]) -> list[str | None]:
    """`single` of several names."""
    values = [fields.get(name) or None for name in names]
    if list in map(type, values):
        return [single(fields, name) for name in names]
    return cast("list[str | None]", values)


def single(fields: Fields, name: str) -> str | None:
    """The one value of a field; None when it was not given or is empty.

    Raises:
        RequestError: it was given more than once.
    """
    value = fields.get(name)
    if isinstance(value, list):
        raise RequestError(f'field "{name}" given twice')
    return value or None


class Texts:
    """Fields, as what reads them wants them: trimmed text.

    Args:
        fields: as `parse` gives them.
    """

    def __init__(self, fields: Fields) -> None:
        self._fields = fields

    def text(self, name: str, default: str = "") -> str:
        """A field's text, trimmed; the default when it is missing or empty.

        Raises:
            RequestError: it was given more than once.
        """
        return (single(self._fields, name) or "").strip() or default

    def many(self, name: str) -> list[str]:
        """A field that may be given several times; empty ones are left out."""
        found = self._fields.get(name, [])
        return [text for text in ([found] if isinstance(found, str) else found) if text.strip()]

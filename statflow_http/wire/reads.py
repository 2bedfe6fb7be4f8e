"""What a read asks for: its query string and its path, as typed values. Pure.

Times are Unix seconds or RFC 3339; a time without an offset is UTC. Ranges are half-open.
"""

import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from statflow_http import ids
from statflow_http.errors import RequestError
from statflow_http.wire import forms
from statflow_http.wire.limits import PAGE_DEFAULT, PAGE_MAX
from statflow_http.wire.names import clean
from statflow_http.wire.numbers import NUMBER

# As far as Python's calendar and the engine's rows reach.
TIME_MAX_S = 2**37
SHIFT_UNITS_S = {"m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
SHIFT = re.compile(r"([1-9][0-9]{0,5})([mhdw])")
CURSOR_WANTED = "cursor must be one that an earlier page gave"
# In a query string a + that was not escaped arrives as a space.
OFFSET = re.compile(r" (\d\d:?\d\d)$", re.ASCII)


class Params(forms.Texts):
    """The query string of a read."""

    def __init__(self, query_string: str) -> None:
        super().__init__(forms.parse_query(query_string, forms.READ_FIELDS_MAX))

    def number(self, name: str, default: int, *, least: int, most: int) -> int:
        """A whole number between two bounds."""
        text = self.text(name)
        if not text:
            return default
        if not (text.isascii() and text.isdigit() and len(text) <= 18 and least <= int(text) <= most):
            raise RequestError(f"{name} must be a whole number from {least} to {most}")
        return int(text)

    def choice(self, name: str, options: Sequence[str], default: str) -> str:
        """One of a few words."""
        text = self.text(name, default)
        if text not in options and text != default:
            raise RequestError(f"{name} must be {'one of ' if len(options) > 1 else ''}{', '.join(options)}")
        return text

    def time_s(self, name: str) -> int | None:
        """A time in whole Unix seconds, rounded down; None when it was not given."""
        text = self.text(name)
        return time_s(text, name) if text else None

    def tz(self, default: str) -> str:
        """The name of a time zone that exists."""
        text = self.text("tz", default)
        try:
            ZoneInfo(text)
        except (KeyError, ValueError, OSError):  # unknown, such as "../x", such as a folder
            raise RequestError("tz must be the name of a time zone, such as Europe/Berlin") from None
        return text

    def shift_s(self) -> int:
        """How far back the rows shown lie, in seconds; 0 without ``shift``."""
        text = self.text("shift")
        if not text:
            return 0
        found = SHIFT.fullmatch(text)
        if found is None:
            raise RequestError("shift must be such as 6h, 1d or 1w")
        return int(found[1]) * SHIFT_UNITS_S[found[2]]

    def limit(self) -> int:
        """How many entries a page of a list may have."""
        return self.number("limit", PAGE_DEFAULT, least=1, most=PAGE_MAX)

    def cursor(self) -> int | None:
        """The id of the last entry of the page before; None for the first page."""
        text = self.text("cursor")
        if not text:
            return None
        found = ids.series_id(text)
        if found is None:
            raise RequestError(CURSOR_WANTED)
        return found

    def document_cursor(self) -> str:
        """The same in a list of documents; "" for the first page."""
        text = self.text("cursor")
        if text and not ids.is_document_id(text):
            raise RequestError(CURSOR_WANTED)
        return text


def time_s(text: str, field: str) -> int:
    """Unix seconds or RFC 3339 as whole Unix seconds, rounded down.

    Raises:
        RequestError: it is neither, or no clock will show it.
    """
    seconds = float(text) if NUMBER.fullmatch(text) else _calendar_s(text)
    if seconds is None or not 0 <= seconds < TIME_MAX_S:
        raise RequestError(f"{field} must be Unix seconds or a time such as 2027-01-15T08:00:00Z")
    return math.floor(seconds)


def _calendar_s(text: str) -> float | None:
    try:
        moment = datetime.fromisoformat(OFFSET.sub(r"+\1", text))
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def name_in_path(environ: dict[str, Any], prefix: str) -> str:
    """The stat that a path names after ``prefix``; it may hold slashes, and dots mean nothing.

    Raises:
        RequestError: no UTF-8, or no name that a stat can have.
    """
    raw: str = environ["PATH_INFO"]
    assert raw.startswith(prefix), prefix
    try:
        return clean(raw[len(prefix) :].encode("latin-1").decode())
    except UnicodeDecodeError:
        raise RequestError("not valid UTF-8") from None

"""Numbers and times of points as clients write them, and the choice between count and value. Pure.

The grammar is narrower than Python's ``float()``, which also takes ``1_000``, `` 5 ``, ``+5``, ``nan`` and Arabic
digits: a number that two programs read differently is worse than a refusal. Magnitudes are the engine's to judge.
"""

import enum
import math
import re

from statflow_engine import Kind
from statflow_http.errors import RequestError

# As decoded: a number or text, from JSON or msgpack; text, from a form. None and "" mean that it was not sent.
RawNumber = float | str | None

NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
NOT_FINITE = frozenset({"nan", "inf", "infinity"})

# The kind of a point that says neither: that of the series, and a counter when it is new.
KIND_OF_SERIES = -1

# Why this bound: everything the engine can store lies far below, and `int()` of it cannot overflow.
TIME_MAX_S = 2.0**53


class Form(enum.Enum):
    """What the path of a write has decided already."""

    ANY = "any"
    COUNT = "count"
    VALUE = "value"


def number(raw: RawNumber, field: str) -> float | None:
    """A number as a float, or None when it was not sent.

    Raises:
        RequestError: the text is no number, or one that no float can hold; names the field.
    """
    if raw is None or raw == "":
        return None
    if not isinstance(raw, str):
        return float(raw)
    # Most numbers are a few digits: for them this is 5 times faster than the pattern.
    if raw.isdigit() and raw.isascii():
        return _finite(float(raw), f"{field} out of range")
    if NUMBER.fullmatch(raw):
        has_exponent = "e" in raw or "E" in raw
        return _finite(float(raw), f"{field} must be a finite number" if has_exponent else f"{field} out of range")
    if raw.lstrip("+-").lower() in NOT_FINITE:
        raise RequestError(f"{field} must be a finite number")
    raise RequestError(f"{field} must be a number")


def _finite(parsed: float, refusal: str) -> float:
    if math.isinf(parsed):
        raise RequestError(refusal)
    return parsed


def kind_and_number(raw_count: RawNumber, raw_value: RawNumber, form: Form) -> tuple[int, float]:
    """The kind of a point and its number.

    Some clients always send both and leave one of them 0; that one says nothing.

    Returns:
        A `Kind`, or `KIND_OF_SERIES`; and the number.

    Raises:
        RequestError: no number where one is needed, two where one is, or one that is no number.
    """
    count = number(raw_count, "count")
    value = number(raw_value, "value")
    if form is not Form.ANY:
        return _of_form(count, value, form)
    if value is None:
        return Kind.COUNTER, 1.0 if count is None else count
    if count is None or (count == 0 and value != 0):
        return Kind.VALUE, value
    if value == 0:
        return (Kind.COUNTER, count) if count != 0 else (KIND_OF_SERIES, 0.0)
    raise RequestError("send count or value, not both")


def _of_form(count: float | None, value: float | None, form: Form) -> tuple[int, float]:
    """The same where the path says the kind, so that the number may come under either name."""
    if count and value:
        raise RequestError("send count or value, not both")
    given = [one for one in (count, value) if one is not None]
    if form is Form.COUNT:
        return Kind.COUNTER, max(given, key=abs, default=1.0)
    if not given:
        raise RequestError("value is missing")
    return Kind.VALUE, max(given, key=abs)


def timestamp_s(raw: RawNumber) -> int | None:
    """``t`` in whole Unix seconds, rounded down; None means now.

    Raises:
        RequestError: no number, before 1970, or beyond what any clock shows. Whether the store still has, or already
            has, room for that moment is the engine's to say.
    """
    if raw is None or raw == "":
        return None
    if isinstance(raw, str):
        if not NUMBER.fullmatch(raw):
            raise RequestError("t must be Unix seconds")
        raw = float(raw)
    if not 1 <= raw < TIME_MAX_S:  # also refuses NaN
        raise RequestError("t must be Unix seconds")
    return math.floor(raw)

"""Typed messages out of JSON and msgpack, and what to say when a body is none. Pure.

msgspec decodes into typed structs at ten million points a second and refuses most nonsense by itself, but in words for
programmers. So its errors are looked at again, slowly, for words that help the sender.

Where a JSON object repeats a key, the last one counts.
"""

import json
import math
import re
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

import msgspec

from statflow_http.errors import RequestError
from statflow_http.wire.numbers import RawNumber

T = TypeVar("T")


class Item(msgspec.Struct, gc=False):
    """One point of a batch, as it was sent."""

    stat: str | None = None
    count: RawNumber = None
    value: RawNumber = None
    t: RawNumber = None


class StatHatMessage(msgspec.Struct):
    """A JSON body on StatHat's paths: one point, or a batch in ``data``."""

    ezkey: str | None = None
    email: str | None = None
    ukey: str | None = None
    stat: str | None = None
    key: str | None = None
    count: RawNumber = None
    value: RawNumber = None
    t: RawNumber = None
    vb: RawNumber | bool = None
    data: list[Item] | None = None


class PointMessage(msgspec.Struct):
    """A body of the single writes under /v1."""

    ezkey: str | None = None
    stat: str | None = None
    count: RawNumber = None
    value: RawNumber = None
    t: RawNumber = None


class BatchMessage(msgspec.Struct):
    """A JSON body of POST /v1/stats: ``stats`` are points; or names, and the other fields columns."""

    ezkey: str | None = None
    stats: list[Item | str] | None = None
    stat: list[int] | None = None
    kind: str | list[str] | None = None
    t: list[float] | None = None
    v: list[float] | None = None


class PackedBatchMessage(msgspec.Struct):
    """The same in msgpack, where columns may be arrays of little-endian numbers."""

    ezkey: str | None = None
    stats: list[Item | str] | None = None
    stat: list[int] | bytes | None = None
    kind: str | list[str] | None = None
    t: list[float] | bytes | None = None
    v: list[float] | bytes | None = None


def decoder(cls: type[T], *, mend_commas: bool = False) -> Callable[[bytes], T]:
    """A function from a JSON body to a message; it raises a `RequestError` that says what is wrong.

    Args:
        cls: the class of the message.
        mend_commas: accept a comma before a closing bracket, as StatHat's documentation shows.
    """
    fast = msgspec.json.Decoder(cls)

    def decode(body: bytes) -> T:
        try:
            return fast.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            if mend_commas and "trailing comma" in str(error):
                return decode(_without_trailing_commas(body))
            _refuse_json(body, error)

    return decode


def pack_decoder(cls: type[T]) -> Callable[[bytes], T]:
    """The same for msgpack."""
    fast = msgspec.msgpack.Decoder(cls)

    def decode(body: bytes) -> T:
        try:
            return fast.decode(body)
        except RecursionError:
            raise RequestError("msgpack nested too deeply") from None
        except UnicodeDecodeError:
            raise RequestError("not valid UTF-8") from None
        except msgspec.ValidationError as error:
            raise RequestError(_wanted(str(error))) from None
        except msgspec.DecodeError as error:
            raise RequestError(f"not valid msgpack: {error}") from None

    return decode


# A string, or a comma with nothing but white space before a closing bracket: strings are matched so that what looks
# like such a comma inside one is left alone.
STRING_OR_COMMA = re.compile(rb'"(?:[^"\\]|\\.)*+"|,(?=[ \t\r\n]*+[\]}])', re.DOTALL)


def _without_trailing_commas(body: bytes) -> bytes:
    return STRING_OR_COMMA.sub(lambda match: b"" if match[0] == b"," else match[0], body)


def _refuse_json(body: bytes, error: Exception) -> NoReturn:
    """Say why a body is not what was wanted; decodes it again with the standard library, which is more patient."""
    if isinstance(error, RecursionError):
        raise RequestError("JSON nested too deeply") from None
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise RequestError("not valid UTF-8") from None
    if not text.strip():
        raise RequestError("request body is empty")
    try:
        document = json.loads(text)
    except RecursionError:
        raise RequestError("JSON nested too deeply") from None
    except ValueError as reason:  # also for whole numbers of more than 4,300 digits
        raise RequestError(_malformed(text, reason)) from None
    try:
        json.dumps(document, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise RequestError("not valid Unicode") from None
    except RecursionError:
        raise RequestError("JSON nested too deeply") from None
    raise RequestError(_not_finite(document) or _wanted(str(error))) from None


# 310 digits are beyond every float; Python itself gives up at 4,300.
HUGE_NUMBER = re.compile(r'"(count|value|t)"\s*:\s*-?[0-9]{310}')


def _malformed(text: str, reason: ValueError) -> str:
    if isinstance(reason, json.JSONDecodeError):
        return f"not valid JSON: {reason.msg} at character {reason.pos}"
    huge = HUGE_NUMBER.search(text)
    return f"{huge[1]} out of range" if huge else "not valid JSON: a number has too many digits"


NUMBERS = ("count", "value", "t", "threshold", "percentage")


def _not_finite(document: Any) -> str | None:
    """Which number of a message is NaN, infinite, or a whole number that no float holds."""
    if not isinstance(document, dict):
        return None
    found = _not_finite_in(document)
    if found:
        return found
    for list_name in ("data", "stats"):
        items = document.get(list_name)
        for index, item in enumerate(items if isinstance(items, list) else ()):
            found = _not_finite_in(item)
            if found:
                return f"{list_name}[{index}]: {found}"
    return None


def _not_finite_in(item: Any) -> str | None:
    for field in NUMBERS if isinstance(item, dict) else ():
        number = item.get(field)
        if isinstance(number, float) and not math.isfinite(number):
            return "t must be Unix seconds" if field == "t" else f"{field} must be a finite number"
        if isinstance(number, int) and not isinstance(number, bool) and abs(number) > 2**1023:
            return "t must be Unix seconds" if field == "t" else f"{field} out of range"
    return None


# Such as "Expected `float | str | null`, got `bool` - at `$.data[17].count`".
WHERE = re.compile(r"at `\$(?:\.(?P<list>\w+)(?:\[(?P<index>\d+)\])?)?(?:\.(?P<field>\w+))?")
WANTED = {
    "count": "must be a number",
    "value": "must be a number",
    "t": "must be Unix seconds",
    "data": "must be a list",
    "stats": "must be a list",
    "tiles": "must be a list",
    "kind": 'must be "counter" or "value", or a list with one of them for each of stats',
    "v": "must be a list of numbers",
    "vb": "must be 0 or 1",
    "threshold": "must be a number",
    "percentage": "must be a number",
    "public": "must be true or false",
    "on": "must be true or false",
    "live": "must be true or false",
    "new_stat_notices": "must be true or false",
    "expires_at": "must be a whole number of Unix seconds, or null",
    "grace_days": "must be a whole number of days",
    "scope": "must be write, read or full",
    "receivers": "must be a list of ids",
    "hours": "must be a number of hours",
    "grace_hours": "must be a whole number of hours",
    "port": "must be a whole number",
    "weekly_report": "must be true or false",
    "owner_mails": "must be true or false",
}


def _wanted(text: str) -> str:
    """In words of the API, what msgspec found wrong."""
    where = WHERE.search(text)
    if where is None or where["list"] is None:
        return "the body must be a JSON object" if "`object`" in text else text
    if where["index"] is None:
        name = where["list"]
        return f"{name} {WANTED.get(name, 'must be text')}"
    place = f"{where['list']}[{where['index']}]"
    if where["field"] is None:
        return f"{place} must be {'an object' if where['list'] in ('data', 'stats', 'tiles') else 'a number'}"
    return f"{place}: {where['field']} {WANTED.get(where['field'], 'must be text')}"

"""Typed messages out of JSON and msgpack, and what to say when a body is none. Pure.

msgspec decodes into typed structs at ten million points a second and refuses most nonsense by itself, but in words for
programmers. So its errors are looked at again, slowly, for words that help the sender; see `wording`.

A message whose struct forbids unknown fields says which it knows. Those of the write paths do not: clients of StatHat
send what they like beside a point.

Where a JSON object repeats a key, the last one counts.
"""

import json
import math
import re
from collections.abc import Callable
from typing import Annotated, Any, NoReturn, TypeVar

import msgspec

from statflow_http.errors import RequestError
from statflow_http.wire.numbers import RawNumber
from statflow_http.wire.wording import worded

T = TypeVar("T")


KINDS_WANTED = msgspec.Meta(description='"counter" or "value", or a list with one of them for each of stats')


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
    kind: Annotated[str | list[str] | None, KINDS_WANTED] = None
    t: list[float] | None = None
    v: list[float] | None = None


class PackedBatchMessage(msgspec.Struct):
    """The same in msgpack, where columns may be arrays of little-endian numbers."""

    ezkey: str | None = None
    stats: list[Item | str] | None = None
    stat: list[int] | bytes | None = None
    kind: Annotated[str | list[str] | None, KINDS_WANTED] = None
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
            _refuse_json(body, error, cls)

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
            raise RequestError(worded(str(error), cls, "a map")) from None
        except msgspec.DecodeError as error:
            raise RequestError(f"not valid msgpack: {_malformed_pack(str(error))}") from None

    return decode


BYTE = re.compile(r"\(byte (\d+)\)")


def _malformed_pack(text: str) -> str:
    at = BYTE.search(text)
    if at is None:
        return "it is cut short"
    if "trailing" in text:
        return f"it ends before byte {at[1]}, and more follows"
    return f"byte {at[1]} begins nothing"


# A string, or a comma with nothing but white space before a closing bracket: strings are matched so that what looks
# like such a comma inside one is left alone.
STRING_OR_COMMA = re.compile(rb'"(?:[^"\\]|\\.)*+"|,(?=[ \t\r\n]*+[\]}])', re.DOTALL)


def _without_trailing_commas(body: bytes) -> bytes:
    return STRING_OR_COMMA.sub(lambda match: b"" if match[0] == b"," else match[0], body)


BYTE_ORDER_MARK = "\ufeff"


def _refuse_json(body: bytes, error: Exception, cls: type[Any]) -> NoReturn:
    """Say why a body is not what was wanted; decodes it again with the standard library, which is more patient."""
    if isinstance(error, RecursionError):
        raise RequestError("JSON nested too deeply") from None
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise RequestError("not valid UTF-8") from None
    if not text.strip():
        raise RequestError("request body is empty")
    if text.startswith(BYTE_ORDER_MARK):
        raise RequestError("not valid JSON: it begins with a byte order mark: send UTF-8 without one")
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
    if found := _not_finite(document):
        raise RequestError(found) from None
    if not isinstance(error, msgspec.ValidationError):  # what is left of what the standard library takes
        raise RequestError("not valid JSON: NaN and Infinity are no numbers") from None
    raise RequestError(worded(str(error), cls)) from None


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

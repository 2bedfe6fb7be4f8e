"""What is fuzzed: functions of bytes that may refuse by an error of ours, and must not raise anything else.

Each states what must hold of what it accepts; `AssertionError` is a finding like any other exception.
"""

import math
import unicodedata
from collections.abc import Callable
from typing import NamedTuple

from statflow_engine import StatFlowError
from statflow_http import ids
from statflow_http.api import stathat, v1_write
from statflow_http.errors import RequestError
from statflow_http.front import auth
from statflow_http.front.protocols import V1
from statflow_http.front.request_ids import logged_path, request_id
from statflow_http.wire import bodies, forms, names, numbers, reads
from statflow_http.wire.limits import JSON_POINTS_MAX, MSGPACK_POINTS_MAX
from statflow_http.worker.requests import RequestReader

NOW_S = 1_800_000_000


class Target(NamedTuple):
    """A function of bytes, and bytes with which to begin."""

    run: Callable[[bytes], object]
    corpus: tuple[bytes, ...]
    words: tuple[bytes, ...] = ()


def text_of(data):
    """Bytes as WSGI hands them on."""
    return data.decode("latin-1")


def assert_name(name):
    assert 1 <= len(name) <= 255, name
    assert name == name.strip() == unicodedata.normalize("NFC", name)
    assert not any(unicodedata.category(character) == "Cc" for character in name), name
    name.encode()


def assert_draft(draft):
    distinct, index = draft.names if isinstance(draft.names, tuple) else (draft.names, None)
    for name in distinct:
        assert_name(name)
    point_count = len(distinct) if index is None else len(index)
    assert len(draft.values) == point_count
    assert draft.timestamps_s is None or len(draft.timestamps_s) == point_count
    assert isinstance(draft.kinds, int) or len(draft.kinds) == point_count
    if index is not None and len(index):
        assert 0 <= int(min(index)) <= int(max(index)) < len(distinct)


def form(data):
    fields = forms.parse(data)
    arrived = stathat.received(fields, forms.parse_query(text_of(data[:40])), data)
    message = arrived.message
    for one in numbers.Form:
        kind_of(message, one)


def kind_of(message, one):
    try:
        kind, number = numbers.kind_and_number(message.count, message.value, one)
    except RequestError:
        return
    assert kind in (-1, 0, 1)
    assert math.isfinite(number)


def query(data):
    params = reads.Params(text_of(data))
    for ask in (
        lambda: params.time_s("from"),
        lambda: params.tz("UTC"),
        params.shift_s,
        params.limit,
        params.cursor,
        lambda: params.many("stat"),
        lambda: params.choice("agg", ("sum",), ""),
    ):
        try:
            ask()
        except RequestError as error:
            assert_told(error)


def stathat_json(data):
    message = stathat.decode_message(data)
    if message.data is None:
        for one in numbers.Form:
            kind_of(message, one)
        return
    assert_draft(stathat.rows.batch(message.data, "data", join="~", now_s=lambda: NOW_S, points_max=JSON_POINTS_MAX))


def point_json(data):
    message = v1_write.point_of_json(data)
    draft = v1_write.drafts.single(
        message.stat, message.count, message.value, message.t, form=numbers.Form.ANY, join=" "
    )
    assert_draft(draft)


def batch_json(data):
    assert_draft(v1_write.batch_draft(v1_write.batch_of_json(data), "~", lambda: NOW_S, JSON_POINTS_MAX))


def batch_msgpack(data):
    assert_draft(v1_write.batch_draft(v1_write.batch_of_msgpack(data), "~", lambda: NOW_S, MSGPACK_POINTS_MAX))


def name(data):
    text = data.decode("utf-8", "replace")
    assert_name(names.clean(text))
    for join in ("~", " "):
        found = names.expand(text, join)
        assert 1 <= len(found) <= 100
        assert len(found) == len(set(found))
        for one in found:
            assert_name(one)


def number(data):
    text = data.decode("utf-8", "replace")
    found = numbers.number(text, "count")
    assert found is None or math.isfinite(found)
    if found is not None:
        assert float(text) == found


def t(data):
    text = data.decode("utf-8", "replace")
    for read in (numbers.timestamp_s, lambda text: reads.time_s(text, "from")):
        try:
            found = read(text)
        except RequestError as error:
            assert_told(error)
            continue
        assert found is None or (isinstance(found, int) and 0 <= found < 2**53)


class NoKeys:
    """Keys of which none is known."""

    def sender(self, key):
        assert isinstance(key, bytes)


def authorization(data):
    header, _, other = data.partition(b"\n")
    auth.sender(NoKeys(), {"HTTP_AUTHORIZATION": text_of(header)}, [other.decode("utf-8", "replace")], auth.Scope.READ)


def path(data):
    environ = {"PATH_INFO": "/v1/stat/" + text_of(data), "HTTP_X_REQUEST_ID": text_of(data)}
    logged = logged_path(environ)
    assert logged.isascii()
    assert logged.isprintable()
    assert "sk_live_" not in logged
    assert request_id(environ).isprintable()
    ids.series_id(text_of(data))
    assert_name(reads.name_in_path(environ, "/v1/stat/"))


def request(data):
    """Bytes of a connection, cut where they have a 0xFF, which no request has."""
    reader = RequestReader({}, bodies.bytes_max)
    for piece in data.split(b"\xff"):
        reader.feed(piece)
    for found in reader.requests:
        environ = found.environ
        assert environ["REQUEST_METHOD"].isupper()
        assert "\n" not in environ.get("HTTP_X_A", "")
    assert reader.refusal is None or 400 <= reader.refusal.status <= 505


def assert_told(error):
    """An error of ours is one that a client can be told, in JSON."""
    answer = V1.failure(error)
    assert answer is not None, error
    assert answer.status < 500


def run(target, data):
    """Run a target; what it was, in words that differ where the behaviour does."""
    try:
        target.run(data)
    except StatFlowError as error:
        assert_told(error)
        return str(error)
    return "accepted"


NUMBERS = (b"1", b"-0", b"1e5", b"1e308", b"1e999", b"nan", b"Infinity", b"1_0", b" 5 ", b"+5", b"\xd9\xa5", b"0x1")
TIMES = (
    b"1800000000",
    b"1.8e9",
    b"9223372036854775808",
    b"1e300",
    b"2027-01-15T08:00:00Z",
    b"2027-01-15T08:00:00 02:00",
)
TEXTS = (
    b"a",
    b"a~b,c",
    b"~",
    b"a~b~c",
    b"%00",
    b"\xc3\xa9",
    b"e\xcc\x81",
    b"\xf0\x9f\x8e\x89" * 3,
    b"\xff",
    b"\\ud800",
)
JSON = (
    b'"',
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"null",
    b"true",
    b'"stat"',
    b'"count"',
    b'"value"',
    b'"t"',
    b'"data"',
)
FORM = (b"&", b"=", b"%", b"%FF", b"+", b"stat=", b"count=", b"value=", b"t=", b"key=", b"ezkey=", b"vb=1")
PACKED = (
    b"\x81\xa5stats\x90",
    b"\x83\xa5stats\x92\xa1a\xa1b\xa1v\xc4\x10" + bytes(16) + b"\xa4stat\xc4\x08" + bytes(8),
    b"\x84\xa5stats\x91\xa1a\xa1v\x91\xcb?\xf0\0\0\0\0\0\0\xa1t\xc4\x08" + bytes(8) + b"\xa4kind\xa7counter",
    b"\x81\xa5stats\x91\x82\xa4stat\xa1a\xa5count\x01",
)

TARGETS = {
    "form": Target(form, (b"ezkey=k&stat=a&count=1", b"stat=a~b,c&value=2.5&t=1800000000"), FORM + NUMBERS + TEXTS),
    "query": Target(query, (b"stat=a&from=1h&to=2027-01-15T08:00:00Z&tz=UTC&limit=5&shift=1w",), FORM + TIMES),
    "stathat_json": Target(
        stathat_json,
        (b'{"ezkey":"k","data":[{"stat":"a","count":1},{"stat":"b","value":2,"t":1800000000},]}', b'{"stat":"a"}'),
        JSON + NUMBERS + TEXTS,
    ),
    "point_json": Target(point_json, (b'{"stat":"a~b,c","value":"2.5","t":1800000000}',), JSON + NUMBERS + TEXTS),
    "batch_json": Target(
        batch_json,
        (
            b'{"stats":[{"stat":"a","count":1}]}',
            b'{"stats":["a","b"],"stat":[0,1],"kind":["value","counter"],"v":[1,2]}',
        ),
        (*JSON, b'"v"', b'"kind"', b'"stats"', *NUMBERS, *TEXTS),
    ),
    "batch_msgpack": Target(
        batch_msgpack, PACKED, (b"\xc4\x08", b"\xa1v", b"\xa1t", b"\xa4stat", b"\xcb", b"\xdd", b"\xc0")
    ),
    "name": Target(name, (b"a~b, c ,d", "é~🎉,e\u0301".encode(), b"x" * 256), (b"~", b",", b" ", *TEXTS)),
    "number": Target(number, (*NUMBERS, b"9" * 400), NUMBERS),
    "t": Target(t, TIMES, (*TIMES, *NUMBERS, b"T", b"Z", b":", b"-")),
    "authorization": Target(
        authorization, (b"Bearer sk_live_a\nsk_live_a", b"Basic eDp5\n"), (b"Bearer ", b" ", b"\n")
    ),
    "path": Target(path, (b"a/b", b"..%2f..", b"a\r\nSet-Cookie: x"), (b"/", b"..", b"%", b"\n", b"\0", *TEXTS)),
    "request": Target(
        request,
        (
            b"POST /ez?a=b HTTP/1.1\r\nHost: x\r\nX-A: b\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.0\r\n\r\n",
            b"POST /ez HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
            b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\nab",
        ),
        (b"\r\n", b"\n", b"\xff", b": ", b"Content-Length: 1\r\n", b"Transfer-Encoding: chunked\r\n", b" HTTP/1.1\r\n"),
    ),
}

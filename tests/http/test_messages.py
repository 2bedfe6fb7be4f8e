"""JSON and msgpack bodies: what is wrong with one is said in words of the API."""

import json

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from statflow_http.errors import RequestError
from statflow_http.wire import messages

decode = messages.decoder(messages.StatHatMessage, mend_commas=True)
decode_strictly = messages.decoder(messages.BatchMessage)
unpack = messages.pack_decoder(messages.PackedBatchMessage)


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        (b'{"count":NaN}', "count must be a finite number"),
        (b'{"value":-Infinity}', "value must be a finite number"),
        (b'{"data":[{"stat":"a"},{"stat":"b","count":1e999}]}', "data[1]: count must be a finite number"),
        (b'{"count":' + b"9" * 4_000 + b"}", "count out of range"),
        (b'{"count":' + b"9" * 5_000 + b"}", "count out of range"),
        (b'{"count":true}', "count must be a number"),
        (b'{"data":[{"count":[]}]}', "data[0]: count must be a number"),
        (b'{"data":[{},{"value":{}}]}', "data[1]: value must be a number"),
        (b'{"t":[]}', "t must be Unix seconds"),
        (b'{"data":{}}', "data must be a list"),
        (b'{"data":[1]}', "data[0] must be an object"),
        (b'{"data":[{"stat":5}]}', "data[0]: stat must be text"),
        (b'{"ezkey":5}', "ezkey must be text"),
        (b"[1]", "the body must be a JSON object"),
        (b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "JSON nested too deeply"),
        (b'{"count":' + b"[" * 900 + b"]" * 900 + b"}", "count must be a number"),
        (b'{"stat":"\\ud800"}', "not valid Unicode"),
        (b'{"stat":"\xff"}', "not valid UTF-8"),
        (b"", "request body is empty"),
        (b"\xef\xbb\xbf{}", "not valid JSON: it begins with a byte order mark: send UTF-8 without one"),
        (b'{"stat":NaN}', "not valid JSON: NaN and Infinity are no numbers"),
    ],
)
def test_each_mistake_has_its_own_text(body, refusal):
    with pytest.raises(RequestError) as caught:
        decode(body)

    assert str(caught.value) == refusal


@pytest.mark.parametrize("body", [b"\xef\xbb\xbf{}", b"{", b'{"a":1} x', b'{"count":01}', b"{'a':1}"])
def test_what_is_no_json_is_said_to_be_none(body):
    with pytest.raises(RequestError, match=r"^not valid JSON: "):
        decode(body)


def test_utf16_is_refused():
    with pytest.raises(RequestError, match=r"^not valid UTF-8$"):
        decode("{}".encode("utf-16"))


def test_trailing_commas_are_mended_only_where_stathat_shows_them():
    body = b'{"data":[{"stat":"a,]","count":1,},\n ]}'

    assert [item.stat for item in decode(body).data] == ["a,]"]
    with pytest.raises(RequestError, match=r"^not valid JSON"):
        decode_strictly(b'{"stats":[{"stat":"a"},]}')


def test_the_last_of_two_equal_keys_counts():
    assert decode(b'{"count":1,"count":2}').count == 2.0


def test_null_and_unknown_fields_are_no_mistake():
    message = decode(b'{"stat":"a","count":null,"t":null,"cache_buster":[1,{"x":null}]}')

    assert (message.stat, message.count, message.t) == ("a", None, None)


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        (b"\xc1", "^not valid msgpack: byte 0 begins nothing$"),
        (b"\x81\xa1x\xc1", "^not valid msgpack: byte 3 begins nothing$"),
        (b"\x80\x80", "^not valid msgpack: it ends before byte 1, and more follows$"),
        (b"", "^not valid msgpack: it is cut short$"),
        (b"\x81", "^not valid msgpack: it is cut short$"),
        (b"\x81\x01\x02", "^the names of fields must be text$"),
        (b"\x81\xa1x" + b"\x91" * 100_000, "msgpack nested too deeply"),
        (b"\x81\xa5ezkey\xa1\xff", "not valid UTF-8"),
        (msgpack.packb({"stats": [{"stat": "a", "count": True}]}), "count must be a number"),
        (msgpack.packb([1]), "^the body must be a map$"),
    ],
)
def test_msgpack_is_judged_the_same_way(body, refusal):
    with pytest.raises(RequestError, match=refusal):
        unpack(body)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: (
        st.lists(children, max_size=3) | st.dictionaries(st.sampled_from(["stat", "count", "data", "t", "x"]), children)
    ),
    max_leaves=8,
)


@given(st.binary(max_size=80) | json_values.map(json.dumps).map(str.encode))
def test_any_body_is_read_or_refused(body):
    for read in (decode, decode_strictly, unpack):
        try:
            read(body)
        except RequestError:
            pass

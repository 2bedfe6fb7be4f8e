"""Forms and query strings: what Falcon's fast parser leaves to be refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statflow_http.errors import RequestError
from statflow_http.wire import forms


@pytest.mark.parametrize(
    ("encoded", "fields"),
    [
        (b"", {}),
        (b"a=1&b=2&", {"a": "1", "b": "2"}),
        (b"a=x+y%20z&b=", {"a": "x y z", "b": ""}),
        (b"a=raw space", {"a": "raw space"}),
        (b"a=50%&b=%zz", {"a": "50%", "b": "%zz"}),
        ("a=caf\u00e9".encode(), {"a": "caf\u00e9"}),
        (b"a=%F0%9F%8E%89", {"a": "\U0001f389"}),
        (b"a=%EF%BF%BD", {"a": "\ufffd"}),
        (b"a=1,2", {"a": "1,2"}),
    ],
)
def test_what_clients_send_is_read(encoded, fields):
    assert forms.parse(encoded) == fields


@pytest.mark.parametrize("encoded", [b"a=\xff", b"a=%FF", b"a=%C3", b"b=x&a=%E9&c=%FF", b"a=1&a=%FF"])
def test_bytes_that_are_no_utf8_are_refused_raw_and_escaped_naming_the_field(encoded):
    with pytest.raises(RequestError, match=r'^field "a" is not valid UTF-8$'):
        forms.parse(encoded)


@pytest.mark.parametrize("encoded", [b"%E9=1", b"\xe9=1", b"a" * 61 + b"=%FF"])
def test_a_name_that_is_none_or_long_is_not_said_again(encoded):
    with pytest.raises(RequestError, match=r"^not valid UTF-8$"):
        forms.parse(encoded)


def test_bytes_that_are_no_utf8_are_refused_in_a_query_string():
    with pytest.raises(RequestError, match=r'^field "stat" is not valid UTF-8$'):
        forms.parse_query("stat=\xff")


def test_raw_utf8_in_a_query_string_is_read():
    assert forms.parse_query("stat=caf\u00e9".encode().decode("latin-1")) == {"stat": "caf\u00e9"}


def test_a_field_given_twice_is_refused_when_it_is_asked_for():
    fields = forms.parse(b"stat=a&stat=b&cache=1&cache=2")

    with pytest.raises(RequestError, match=r'^field "stat" given twice$'):
        forms.single(fields, "stat")


def test_more_than_a_hundred_fields_are_refused():
    assert len(forms.parse(b"&".join(b"f%d=1" % number for number in range(100)))) == 100
    assert len(forms.parse(b"".join(b"f%d=1&" % number for number in range(100)))) == 100
    for count in (101, 100_000):
        with pytest.raises(RequestError, match=r"^at most 100 fields$"):
            forms.parse(b"a=1&" * count)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(encoded):
    try:
        forms.parse(encoded)
    except RequestError:
        pass

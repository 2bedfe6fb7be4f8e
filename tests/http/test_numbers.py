"""Numbers as clients write them: a narrow grammar, and the choice between count and value."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statflow_engine import Kind
from statflow_http.errors import RequestError
from statflow_http.wire.numbers import KIND_OF_SERIES, Form, kind_and_number, number, timestamp_s


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", 1.0),
        ("-2", -2.0),
        ("0.732", 0.732),
        ("1e+06", 1e6),
        ("1e-05", 1e-5),
        ("1.0E7", 1e7),
        ("00012", 12.0),
        ("9" * 300, float("9" * 300)),
    ],
)
def test_what_real_clients_send_is_a_number(text, expected):
    assert number(text, "count") == expected


@pytest.mark.parametrize("absent", [None, ""])
def test_null_and_empty_mean_not_sent(absent):
    assert number(absent, "count") is None


@pytest.mark.parametrize(
    "text", ["1_000", " 5 ", "+5", "\uff15", "\u0665", "0x10", "1,5", ".5", "5.", "1e", "--1", "five", "1\n"]
)
def test_what_only_python_takes_for_a_number_is_refused(text):
    with pytest.raises(RequestError, match=r"^count must be a number$"):
        number(text, "count")


@pytest.mark.parametrize("text", ["nan", "NaN", "inf", "-Infinity", "1e999", "-1e999"])
def test_what_is_not_finite_is_refused(text):
    with pytest.raises(RequestError, match=r"^value must be a finite number$"):
        number(text, "value")


@pytest.mark.parametrize("digits", [4_000, 5_000])
def test_too_many_digits_are_out_of_range(digits):
    with pytest.raises(RequestError, match=r"^count out of range$"):
        number("9" * digits, "count")


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_as_python_prints_it_is_read_back(value):
    assert number(repr(value), "value") == value


@pytest.mark.parametrize(
    ("count", "value", "expected"),
    [
        (3.0, None, (Kind.COUNTER, 3.0)),
        (None, 2.5, (Kind.VALUE, 2.5)),
        ("", "5", (Kind.VALUE, 5.0)),
        (1.0, 0.0, (Kind.COUNTER, 1.0)),
        (0.0, 42.5, (Kind.VALUE, 42.5)),
        (0.0, 0.0, (KIND_OF_SERIES, 0.0)),
        (None, None, (Kind.COUNTER, 1.0)),
        (0.0, None, (Kind.COUNTER, 0.0)),
        (None, 0.0, (Kind.VALUE, 0.0)),
        (-0.5, None, (Kind.COUNTER, -0.5)),
    ],
)
def test_exactly_one_number_that_is_not_zero_decides(count, value, expected):
    assert kind_and_number(count, value, Form.ANY) == expected


@pytest.mark.parametrize("form", list(Form))
def test_count_and_value_both_not_zero_are_refused(form):
    with pytest.raises(RequestError, match=r"^send count or value, not both$"):
        kind_and_number(1.0, 2.0, form)


@pytest.mark.parametrize(("form", "kind"), [(Form.COUNT, Kind.COUNTER), (Form.VALUE, Kind.VALUE)])
@pytest.mark.parametrize(("count", "value"), [(7.0, None), (None, 7.0), (7.0, 0.0), (0.0, 7.0)])
def test_a_path_that_decides_the_kind_takes_the_number_under_either_name(form, kind, count, value):
    assert kind_and_number(count, value, form) == (kind, 7.0)


def test_a_count_without_a_number_is_one_and_a_value_without_one_is_refused():
    assert kind_and_number(None, None, Form.COUNT) == (Kind.COUNTER, 1.0)
    with pytest.raises(RequestError, match=r"^value is missing$"):
        kind_and_number(None, None, Form.VALUE)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [(None, None), ("", None), (1.0, 1), ("1700000000", 1_700_000_000), (1_700_000_000.9, 1_700_000_000)],
)
def test_t_is_floored_to_seconds_and_absent_means_now(raw, expected):
    assert timestamp_s(raw) == expected


@pytest.mark.parametrize(
    "raw", ["nan", "inf", "1e300", float("1e300"), math.nan, 2.0**63, 0.0, 0.99, -5.0, "-5", "soon", "12:00"]
)
def test_t_that_is_no_unix_time_is_refused(raw):
    with pytest.raises(RequestError, match=r"^t must be Unix seconds$"):
        timestamp_s(raw)

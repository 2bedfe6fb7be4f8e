"""The value axis: round numbers around any data, and how numbers are written."""

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from statflow_http.charts.scales import EXTREME, bounded, grouped, scale, short, with_unit

NUMBERS = st.floats(-EXTREME, EXTREME)


@given(NUMBERS, NUMBERS, st.integers(1, 20), st.booleans(), st.booleans())
@example(5e-324, 5e-324, 4, False, False)
@example(0.0, 5e-324, 4, False, False)
@example(-EXTREME, EXTREME, 1, True, True)
@example(1e15, 1e15 + 1, 4, False, False)
@example(999.9999, 1000.0001, 4, False, False)
@example(0.0, 0.0, 1, True, False)
def test_an_axis_encloses_the_data_in_few_round_steps_with_a_label_for_each(first, second, ticks_max, whole, from_zero):
    lowest, highest = sorted([first, second])

    axis = scale(lowest, highest, ticks_max=ticks_max, whole=whole, from_zero=from_zero)

    slack = (axis.high - axis.low) * 1e-6
    assert axis.low - slack <= lowest
    assert highest <= axis.high + slack
    assert math.isfinite(axis.high - axis.low)
    assert axis.high > axis.low
    assert 2 <= len(axis.ticks) <= ticks_max + 2
    assert len(set(axis.labels)) == len(axis.ticks)
    assert axis.ticks == (axis.low, *axis.ticks[1:-1], axis.high)


@pytest.mark.parametrize(
    ("lowest", "highest", "labels"),
    [
        (0, 1519, ("0", "500", "1,000", "1,500", "2,000")),
        (31.8, 55.5, ("30", "40", "50", "60")),  # farther from zero than they are spread
        (22.0, 55.5, ("0", "20", "40", "60")),
        (1000.2, 1000.8, ("1,000.2", "1,000.4", "1,000.6", "1,000.8")),
        (-2.5e9, 0, ("−3G", "−2G", "−1G", "0")),
        (0, 0.004, ("0", "0.001", "0.002", "0.003", "0.004")),
        (0, 3e-7, ("0", "1e−7", "2e−7", "3e−7")),
        (0, 2.5e25, ("0", "1e25", "2e25", "3e25")),
        (42.5, 42.5, ("0", "20", "40", "60")),
        (0, 0, ("0", "0.5", "1.0")),
        (0, 12_345, ("0", "5k", "10k", "15k")),
    ],
)
def test_ticks_are_what_a_person_would_draw(lowest, highest, labels):
    assert scale(lowest, highest, ticks_max=4).labels == labels


def test_whole_numbers_have_no_ticks_between_them():
    assert scale(0, 2, ticks_max=8, whole=True).labels == ("0", "1", "2")


def test_zero_is_on_the_axis_of_an_area_however_far_the_data_are():
    assert scale(1000, 1001, ticks_max=4, from_zero=True).low == 0


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0, "0"),
        (9_999, "9,999"),
        (12_345, "12.3k"),
        (-1_234_567, "−1.23M"),
        (54.8523, "54.85"),
        (0.01254, "0.0125"),
        (1.5e-7, "1.5e−7"),
        (1e24, "1e24"),
        (999_499, "999k"),
        (999_999, "1M"),
        (float("nan"), "–"),
        (float("inf"), "–"),
    ],
)
def test_a_short_number_has_about_four_digits(value, written):
    assert short(value) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (110_909, "110,909"),
        (658.512, "658.5"),
        (0.00251, "0.00251"),
        (-12.0, "−12"),
        (1e16, "1e16"),
        (float("nan"), "–"),
    ],
)
def test_a_number_in_a_table_is_grouped(value, written):
    assert grouped(value) == written


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_number_has_a_text_that_is_not_long(value):
    assert len(short(value)) <= 10
    assert len(grouped(value)) <= 21


def test_a_percent_sign_stands_close():
    assert [with_unit("12", unit) for unit in ("ms", "%", "")] == ["12 ms", "12%", "12"]
    assert with_unit("–", "ms") == "–"


def test_infinite_numbers_are_gaps_and_huge_ones_are_cut_off():
    found = bounded(np.array([np.inf, -np.inf, np.nan, 1.7e308, -1.7e308, 3.0]))

    assert np.isnan(found[:3]).all()
    assert found[3:].tolist() == [EXTREME, -EXTREME, 3.0]

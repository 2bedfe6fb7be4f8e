"""The hours of a week."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from statflow_http.charts.hours import DAYS, HOURS, Hours, description, hour_name, hours_picture, means_by_hour, shades
from statflow_http.charts.nodes import xml
from tests.http.test_charts_lines import assert_inside

GRID = npst.arrays(np.float64, (DAYS, HOURS), elements=st.floats())


def grid(**hours):
    """Nothing but the hours named: ``grid(h14=5.0)``."""
    found = np.full((DAYS, HOURS), np.nan)
    for name, value in hours.items():
        found.flat[int(name[1:])] = value
    return found


@given(GRID, st.integers(120, 1_200), st.integers(80, 400), st.booleans())
def test_the_picture_of_any_numbers_is_well_formed_and_inside_its_box(means, width, height, has_head):
    assert_inside(hours_picture(Hours("a", means, width=width, height=height, has_head=has_head)))


@given(GRID)
def test_every_number_is_darker_than_a_smaller_one(means):
    dark = shades(means)
    finite = np.isfinite(dark)

    assert ((dark[finite] >= 0.1) & (dark[finite] <= 1.0)).all()
    order = np.argsort(np.where(np.isfinite(means), means, 0)[finite], kind="stable")
    assert (np.diff(dark[finite][order]) >= 0).all()


def test_darkness_is_measured_from_zero_where_that_is_near():
    assert shades(grid(h0=50.0, h1=100.0)).flat[0] == pytest.approx(0.55)
    assert shades(grid(h0=90.0, h1=100.0)).flat[0] == pytest.approx(0.1)
    assert shades(grid(h0=7.0, h1=7.0)).flat[0] == pytest.approx(0.55)


def test_means_are_of_what_says_something():
    hours = np.array([0, 0, 0, 5, 167, 167])
    sums, weights = np.array([1.0, 3.0, 99.0, 9.0, 8.0, 4.0]), np.array([1.0, 1.0, 0.0, 0.0, 2.0, 4.0])
    means = means_by_hour(hours, sums, weights)

    assert (means[0, 0], means[6, 23]) == (2.0, 2.0)
    assert np.isfinite(means).sum() == 2


def test_it_says_where_the_greatest_and_the_least_number_are():
    told = description(Hours("visits", grid(h14=5.0, h160=1.5), unit="ms"))

    assert told == "visits by hour of the week. Greatest Mon 14:00: 5 ms, least Sun 16:00: 1.5 ms."
    assert description(Hours("visits", grid())) == "visits: no data."
    assert hour_name(24) == "Tue 00:00"


def test_every_square_tells_its_number_and_names_stay_text():
    written = xml(hours_picture(Hours("<b>", grid(h14=5.0))))

    assert written.count("<rect") == 168
    assert "<title>Mon 14:00: 5</title>" in written
    assert "<title>&lt;b&gt;</title>" in written


def test_a_week_has_seven_days():
    with pytest.raises(ValueError, match=r"^\(24, 7\) numbers; the hours of a week are \(7, 24\)$"):
        Hours("a", np.zeros((24, 7)))

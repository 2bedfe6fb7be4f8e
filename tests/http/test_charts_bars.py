"""Bars and histograms."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from statflow_http.charts.bars import AxisLabel, Bars, bars
from statflow_http.charts.histograms import bins, histogram
from statflow_http.charts.lettering import ELLIPSIS, fitted, width_of
from tests.http.test_charts_lines import SVG, assert_inside, line, parsed

VALUES = npst.arrays(np.float64, st.integers(0, 60), elements=st.floats())


@given(VALUES, VALUES, st.integers(120, 1_200), st.integers(16, 400))
@example(np.full(60, 42.5), np.zeros(0), 300, 150)
@example(np.array([1.7e308, -1.7e308]), np.zeros(0), 300, 150)
def test_the_histogram_of_any_numbers_is_well_formed_and_inside_its_box(first, second, width, height):
    assert_inside(bars(histogram([line(first), line(second)], width=width, height=height)))


@given(VALUES, st.integers(120, 1_200), st.integers(16, 400))
def test_bars_of_any_height_are_inside_their_box(values, width, height):
    labels = [AxisLabel(index + 0.5, f"label {index}") for index in range(len(values))]

    assert_inside(bars(Bars(["a"], [values], labels, "", width=width, height=height)))


@given(VALUES)
def test_every_number_is_in_one_bin(values):
    drawing = histogram([line(values)], width=760, height=235)

    assert np.nansum(drawing.columns[0]) == np.isfinite(values).sum()


def test_bins_are_round_and_few():
    edges, labels = bins([np.array([0.0, 999.0])], bins_max=10)

    assert labels[:3] == ("0", "100", "200")
    assert len(edges) == 11


def test_a_row_that_is_not_over_is_not_counted():
    drawing = histogram([line([5, 5, 1], runs=True)], width=300, height=150)

    assert np.nansum(drawing.columns[0]) == 2


def test_the_description_names_the_fullest_bin():
    drawing = histogram([line([1, 11, 12, 13, 29], unit="ms")], width=90, height=150)

    assert drawing.description == "views: 5 rows, most of them, 3, from 10 ms to 20 ms."


def test_labels_that_would_touch_are_thinned_evenly():
    labels = [AxisLabel(index, f"{index * 1000:,}") for index in range(41)]

    root = parsed(bars(Bars(["a"], [np.ones(40)], labels, "", width=400, height=150)))

    texts = [text.text for text in root.iter(SVG + "text") if "," in text.text or text.text == "0"]
    assert texts[-4:] == ["10,000", "20,000", "30,000", "40,000"]


def test_columns_must_fit_names():
    with pytest.raises(ValueError):
        Bars(["a"], [np.zeros(1), np.zeros(1)], [], "")
    with pytest.raises(ValueError):
        Bars(["a", "b"], [np.zeros(1), np.zeros(2)], [], "")


@given(st.text(), st.floats(0, 300))
def test_a_text_that_was_cut_fits(text, room):
    found = fitted(text, room)

    assert width_of(found) <= room or found == text == ""
    assert found == text or found == "" or found.endswith(ELLIPSIS)

"""Answers as text for a terminal."""

from hypothesis import given
from hypothesis import strategies as st

from statflow_http.cli.tables import BARS_MAX, spark, table


def test_a_table_is_as_wide_as_its_cells():
    assert table(["name", "n"], [["a", "10"], ["long name", "5"]], right=(1,)) == (
        "name        n\na          10\nlong name   5"
    )


def test_bars_grow_from_zero_and_gaps_are_spaces():
    assert spark([0.0, 1.0, 2.0, None, 7.0]) == "▁▂▃ █"
    assert spark([]) == ""
    assert spark([0.0, 0.0]) == "▁▁"


@given(st.lists(st.none() | st.floats(-1e9, 1e9), max_size=500))
def test_a_line_of_bars_fits_a_terminal(numbers):
    assert len(spark(numbers)) <= BARS_MAX

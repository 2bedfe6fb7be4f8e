"""Windows: the rows of an answer, downsampled, combined and turned into data frames."""

import math
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from statflow_engine.errors import QueryError
from statflow_engine.kinds import Kind
from statflow_engine.pure.steps import Rows, parse_step
from statflow_engine.pure.windows import Window, combine, downsample, downsample_many

BASE_S = 1_780_000_800  # a whole hour
FIRST_PERIOD = BASE_S // 60

cells = st.lists(
    st.tuples(
        st.integers(-70, 400),  # the period, counted from the first of the rows
        st.integers(1, 2**40),
        st.floats(-1e6, 1e6),
        st.floats(-1e6, 1e6),
        st.floats(-1e6, 1e6),
    ),
    max_size=60,
)


def rows_of(step="5m", length_s=3_600, tz="UTC", start_s=BASE_S) -> Rows:
    return Rows.between(parse_step(step), start_s, start_s + length_s, tz)


def columns(loose, kind=Kind.VALUE):
    """Loose cells as the columns that `downsample` takes."""
    periods = np.array([FIRST_PERIOD + cell[0] for cell in loose], np.int64)
    counts = np.array([cell[1] for cell in loose], np.int64)
    sums, mins, maxs = (np.array([cell[index] for cell in loose], float) for index in (2, 3, 4))
    return (periods, counts, sums, mins, maxs) if kind is Kind.VALUE else (periods, counts, sums)


def window_of(loose, rows=None, kind=Kind.VALUE, name="x", now_s=BASE_S + 90_000) -> Window:
    return downsample(rows_of() if rows is None else rows, 60, *columns(loose, kind), name=name, kind=kind, now_s=now_s)


# --- downsampling ---


@given(cells, st.sampled_from(["1m", "5m", "15m", "1h"]), st.integers(1, 20_000))
def test_a_row_is_the_sum_and_the_extremes_of_its_cells(loose, step, length_s):
    rows = rows_of(step, length_s)

    window = window_of(loose, rows)

    for index, start_s in enumerate(window.times_s):
        end_s = window.rows.edges_s[index + 1]
        own = [cell for cell in loose if start_s <= BASE_S + cell[0] * 60 < end_s]
        assert window.counts[index] == sum(cell[1] for cell in own)
        assert math.isclose(window.sums[index], math.fsum(cell[2] for cell in own), rel_tol=1e-12, abs_tol=1e-6)
        if own:
            assert window.mins[index] == min(cell[3] for cell in own)
            assert window.maxs[index] == max(cell[4] for cell in own)
        else:
            assert math.isnan(window.mins[index])
            assert math.isnan(window.maxs[index])


@given(cells, st.randoms())
def test_the_order_of_loose_cells_does_not_matter(loose, random):
    shuffled = random.sample(loose, len(loose))

    one, other = window_of(loose), window_of(shuffled)

    assert one.counts.tolist() == other.counts.tolist()
    np.testing.assert_array_equal(one.mins, other.mins)
    np.testing.assert_array_equal(one.maxs, other.maxs)
    np.testing.assert_allclose(one.sums, other.sums, rtol=1e-12, atol=1e-6)


def test_cells_outside_of_the_rows_are_passed_over():
    window = window_of([(-1, 1, 1.0, 1.0, 1.0), (0, 1, 2.0, 2.0, 2.0), (59, 1, 3.0, 3.0, 3.0), (60, 1, 4.0, 4.0, 4.0)])

    assert window.sums.tolist() == [2.0] + [0.0] * 10 + [3.0]
    assert window.counts.sum() == 2


def test_no_cells_give_empty_rows():
    window = window_of([])

    assert len(window) == 12
    assert window.counts.tolist() == [0] * 12
    assert window.sums.tolist() == [0.0] * 12
    assert np.isnan(window.mins).all()
    assert np.isnan(window.means).all()


def test_an_empty_range_gives_no_rows():
    window = window_of([(0, 1, 1.0, 1.0, 1.0)], rows_of(length_s=0))

    assert len(window) == 0
    assert window.start_s == window.end_s == BASE_S
    assert len(window.rates) == len(window.means) == len(window.times_s) == 0


def test_the_sum_of_very_many_cells_is_right_to_the_last_digits():
    shuffled = np.random.default_rng(1).permutation(500_000)
    tenths = np.full(500_000, 0.1)
    rows = rows_of("1y", 1)

    window = downsample(
        rows, 60, FIRST_PERIOD - shuffled // 4, np.ones(500_000, int), tenths, name="x", kind=Kind.COUNTER, now_s=0
    )

    expected = np.count_nonzero((FIRST_PERIOD - shuffled // 4) * 60 >= rows.edges_s[0])
    assert window.counts.tolist() == [expected]
    assert abs(window.sums[0] - expected / 10) <= 1e-12 * expected / 10


def test_counts_beyond_what_a_float_can_hold_stay_exact():
    window = window_of([(0, 2**53, 1.0, 1.0, 1.0), (1, 1, 1.0, 1.0, 1.0)])

    assert window.counts[0] == 2**53 + 1


@given(cells)
def test_a_day_of_the_calendar_is_made_of_its_periods(loose):
    start_s = 1_774_738_800  # 2026-03-29T00:00 in Berlin: a day of 23 hours
    rows = rows_of("1d", 40 * 3_600, "Europe/Berlin", start_s)
    periods, counts, sums, mins, maxs = columns(loose)
    periods = periods - FIRST_PERIOD + start_s // 60 + 1_300

    window = downsample(rows, 60, periods, counts, sums, mins, maxs, name="x", kind=Kind.VALUE, now_s=start_s)

    first_day = (periods >= start_s // 60) & (periods < start_s // 60 + 23 * 60)
    assert len(window) == 2
    assert window.counts[0] == counts[first_day].sum()
    assert window.counts.sum() == counts[periods < start_s // 60 + 47 * 60].sum()


def test_an_hour_belongs_to_the_day_in_which_it_begins():
    # A day of Kathmandu begins at 18:15 UTC. From hours, what came from 18:00 on is of the day before.
    start_s = 1_779_991_200 // 86_400 * 86_400 + 18 * 3_600 + 900
    rows = rows_of("1d", 86_400, "Asia/Kathmandu", start_s)
    hours = np.arange(start_s // 3_600, start_s // 3_600 + 26)

    window = downsample(rows, 3_600, hours, np.ones(26, int), np.ones(26), name="x", kind=Kind.COUNTER, now_s=start_s)

    assert window.counts.tolist() == [24]


@given(st.lists(st.tuples(st.integers(0, 3), cells), max_size=6), st.sampled_from(list(Kind)))
def test_many_series_at_once_are_as_one_by_one(parts, kind):
    names = ["a", "b", "c", "d"]
    loose = [cell for _, part in parts for cell in part]
    index = np.array([series for series, part in parts for _ in part], np.int64)

    windows = downsample_many(rows_of(), 60, index, *columns(loose, kind), names=names, kind=kind, now_s=BASE_S)

    for number, (name, window) in enumerate(zip(names, windows, strict=True)):
        single = window_of([cell for cell, of in zip(loose, index, strict=True) if of == number], kind=kind, name=name)
        assert window.name == name
        assert window.counts.tolist() == single.counts.tolist()
        assert window.sums.tolist() == single.sums.tolist()
        if kind is Kind.VALUE:
            np.testing.assert_array_equal(window.mins, single.mins)
            np.testing.assert_array_equal(window.maxs, single.maxs)


# --- what a window says ---


def test_a_coarse_mean_is_weighted_by_count():
    window = window_of([(0, 3, 3.0, 1.0, 1.0), (1, 1, 5.0, 5.0, 5.0)])

    assert window.means[0] == 2.0


def test_a_counter_has_no_min_and_max():
    window = window_of([(0, 2, 5.0, 0.0, 0.0)], kind=Kind.COUNTER)

    for which in ("min", "max"):
        with pytest.raises(QueryError, match=f'{which} of a counter: "x"'):
            getattr(window, f"{which}s")


def test_a_window_names_its_range_and_step():
    window = window_of([], rows_of("300", 1_000))

    assert window.step == "5m"
    assert (window.start_s, window.end_s) == (BASE_S, BASE_S + 1_200)
    assert window.times_s.tolist() == [BASE_S + 300 * index for index in range(4)]
    assert "'x', value, 4 rows of 5m" in repr(window)


def test_a_window_cannot_be_changed_by_assignment():
    window = window_of([])

    with pytest.raises(AttributeError):
        window.name = "y"
    with pytest.raises(ValueError, match="read-only"):
        window.times_s[0] = 0


def test_a_rate_is_the_sum_per_second_of_the_row():
    window = window_of([(0, 1, 600.0, 0.0, 0.0)], rows_of("5m", 600), Kind.COUNTER)

    assert window.rates.tolist() == [2.0, 0.0]


def test_the_rate_of_the_running_row_is_of_the_time_elapsed():
    loose = [(0, 1, 600.0, 0.0, 0.0), (5, 1, 30.0, 0.0, 0.0)]

    window = window_of(loose, rows_of("5m", 900), Kind.COUNTER, now_s=BASE_S + 315)

    assert window.rates[:2].tolist() == [2.0, 2.0]
    assert math.isnan(window.rates[2])


def test_in_its_first_second_a_row_counts_as_one_second_old():
    window = window_of([(0, 1, 7.0, 0.0, 0.0)], rows_of("5m", 300), Kind.COUNTER, now_s=BASE_S)

    assert window.rates.tolist() == [7.0]


# --- combining ---


def test_combining_adds_sums_and_counts_and_keeps_the_extremes():
    rows = rows_of("5m", 900)
    one = window_of([(0, 1, 2.0, 2.0, 2.0), (5, 1, 9.0, 9.0, 9.0)], rows, name="one")
    other = window_of([(0, 2, 6.0, 1.0, 5.0)], rows, name="other", now_s=BASE_S + 100_000)

    combined = combine([one, other])

    assert combined.name == "one + other"
    assert combined.counts.tolist() == [3, 1, 0]
    assert combined.sums.tolist() == [8.0, 9.0, 0.0]
    np.testing.assert_array_equal(combined.mins, [1.0, 9.0, np.nan])
    np.testing.assert_array_equal(combined.maxs, [5.0, 9.0, np.nan])
    assert combined.now_s == BASE_S + 100_000


def test_a_combined_counter_has_no_min_either():
    window = window_of([(0, 1, 1.0, 0.0, 0.0)], kind=Kind.COUNTER)

    with pytest.raises(QueryError, match='min of a counter: "both"'):
        _ = combine([window, window], "both").mins


def test_combining_one_window_leaves_it_as_it_is():
    window = window_of([(0, 2, 3.0, 1.0, 2.0)])

    combined = combine([window])

    assert combined.counts.tolist() == window.counts.tolist()
    assert combined.counts is not window.counts


def test_series_of_different_kinds_cannot_be_combined():
    with pytest.raises(QueryError, match='"a" is a counter and "b" a value'):
        combine([window_of([], kind=Kind.COUNTER, name="a"), window_of([], name="b")])


def test_windows_of_different_rows_cannot_be_combined():
    with pytest.raises(QueryError, match='"x" and "y" have different rows'):
        combine([window_of([], rows_of("5m")), window_of([], rows_of("1m"), name="y")])


def test_nothing_cannot_be_combined():
    with pytest.raises(QueryError, match="nothing to combine"):
        combine([])


# --- data frames ---


@pytest.mark.parametrize(
    ("method", "module", "extra"),
    [("to_pandas", "pandas", "pandas"), ("to_polars", "polars", "polars"), ("to_arrow", "pyarrow", "arrow")],
)
def test_a_missing_library_is_named_with_the_extra_that_brings_it(monkeypatch, method, module, extra):
    monkeypatch.setitem(sys.modules, module, None)  # how Python itself marks a module that cannot be imported

    with pytest.raises(ImportError, match=rf"{module} is not installed: pip install 'statflow\[{extra}\]'"):
        getattr(window_of([]), method)()


def test_a_pandas_frame_is_indexed_by_time():
    pandas = pytest.importorskip("pandas")

    frame = window_of([(0, 2, 3.0, 1.0, 2.0)], rows_of("5m", 600)).to_pandas()

    assert frame.index[0] == pandas.Timestamp(BASE_S, unit="s", tz="UTC")
    assert frame.index.name == "time"
    assert list(frame.columns) == ["count", "sum", "mean", "min", "max"]
    assert frame["mean"].iloc[0] == 1.5
    assert frame["mean"].isna().tolist() == [False, True]


BERLIN_MIDNIGHT_S = 1_795_302_000  # 2026-11-22 in Berlin


def window_of_berlin():
    rows = Rows.between(parse_step("1d"), BERLIN_MIDNIGHT_S, BERLIN_MIDNIGHT_S + 86_400, "Europe/Berlin")
    return Window("x", Kind.COUNTER, rows, BERLIN_MIDNIGHT_S, np.array([1]), np.array([1.0]))


def test_a_pandas_index_is_in_the_zone_of_the_query():
    pytest.importorskip("pandas")

    (time,) = window_of_berlin().to_pandas().index

    assert str(time) == "2026-11-22 00:00:00+01:00"
    assert time.timestamp() == BERLIN_MIDNIGHT_S


def test_the_times_of_polars_and_arrow_are_in_the_zone_of_the_query():
    pytest.importorskip("polars")
    pytest.importorskip("pyarrow")
    window = window_of_berlin()

    for time in (window.to_polars()["time"].to_list()[0], window.to_arrow()["time"].to_pylist()[0]):
        assert time.isoformat() == "2026-11-22T00:00:00+01:00"
    assert window.to_polars()["time"].dtype.time_zone == "Europe/Berlin"
    assert window.to_arrow()["time"].type.tz == "Europe/Berlin"


def test_a_polars_frame_has_time_as_a_column():
    pytest.importorskip("polars")

    frame = window_of([(0, 2, 3.0, 0.0, 0.0)], rows_of("5m", 600), Kind.COUNTER).to_polars()

    assert frame.columns == ["time", "count", "sum", "mean"]
    assert frame["time"].dt.epoch("s").to_list() == [BASE_S, BASE_S + 300]
    assert frame["sum"].to_list() == [3.0, 0.0]


def test_an_arrow_table_has_time_as_a_column():
    pytest.importorskip("pyarrow")

    table = window_of([(0, 2, 3.0, 1.0, 2.0)], rows_of("5m", 600)).to_arrow()

    assert table.column_names == ["time", "count", "sum", "mean", "min", "max"]
    assert table["time"].to_pylist()[0].timestamp() == BASE_S
    assert table["count"].to_pylist() == [2, 0]

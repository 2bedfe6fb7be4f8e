"""Points that were counted elsewhere: a row stands for many, and every ring has it as it would have the points."""

import math
import threading

import numpy as np
import pytest

from statflow_engine import Kind, KindError, LimitError, PointError
from statflow_engine.writing.counted import CELLS_MAX
from tests.clocks import START_S


def test_a_row_is_in_every_ring_at_once(engine):
    hour_s = START_S // 3_600 * 3_600 - 3_600
    engine.write_cells(["c", "v"], [0, 1], [hour_s, hour_s], [1_000_000, 4], [5e6, 10.0], [0, 1.0], [0, 4.0])
    for step in ("1m", "1h", "1d"):
        counted = engine.query("c", hour_s, hour_s + 60, step=step)
        assert counted.counts.sum() == 1_000_000
        assert counted.sums.sum() == 5e6
        measured = engine.query("v", hour_s, hour_s + 60, step=step)
        assert (measured.counts.sum(), np.nanmin(measured.mins), np.nanmax(measured.maxs)) == (4, 1.0, 4.0)
    assert engine.find("c").received_s == START_S


def test_cells_and_points_add_up_whatever_is_folded_when(engine):
    times_s = START_S - 60 * np.arange(200)
    engine.write((["v"], np.zeros(200, int)), Kind.VALUE, times_s, np.arange(200.0))
    engine.write_cells(
        (["v"], np.zeros(200, int)), 1, times_s, np.full(200, 2), np.full(200, 3.0), [1] * 200, [2] * 200
    )
    engine.fold()
    engine.write((["v"], np.zeros(200, int)), Kind.VALUE, times_s, np.arange(200.0))

    window = engine.query("v", START_S - 60 * 199, START_S + 60, step="1m")

    assert (window.counts == 4).all()
    assert np.array_equal(window.sums, 2 * np.arange(200.0)[::-1] + 3)
    assert [] == list(engine.check())


def test_a_row_too_old_for_the_finest_ring_enters_the_coarser_ones(engine):
    old_s = (START_S - 200 * 86_400) // 3_600 * 3_600
    engine.write_cells(["c"], 0, [old_s], [7], [7.5])

    window = engine.query("c", old_s, old_s + 3_600, step="1h")

    assert (int(window.counts[0]), float(window.sums[0])) == (7, 7.5)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"counts": [1, 0]}, "count must be 1 to 2**53"),
        ({"counts": [1, 2**53 + 1]}, "count must be 1 to 2**53"),
        ({"sums": [1.0, math.nan]}, "sum must be a finite number of at most 1e200 a point"),
        ({"sums": [1.0, 2.1e200]}, "sum must be a finite number of at most 1e200 a point"),
        ({"mins": [1.0, math.inf]}, "min must be a finite number of at most 1e200"),
        ({"mins": [1.0, 3.0]}, "min is above max"),
        ({"mins": None}, "min of a value is missing"),
        ({"kinds": [1, -1]}, "a cell must say its kind"),
        ({"timestamps_s": [START_S, 1]}, "t is older than the retention (18250 days)"),
        ({"names": ["v", "a\x00"]}, "stat name has control characters"),
        ({"names": ["v", ""]}, "stat name is empty"),
    ],
)
def test_a_bad_row_is_named_and_nothing_is_stored(engine, changed, reason):
    good = {
        "names": ["v", "w"],
        "kinds": [1, 1],
        "timestamps_s": [START_S, START_S],
        "counts": [1, 2],
        "sums": [1.0, 3.0],
        "mins": [1.0, 1.0],
        "maxs": [1.0, 2.0],
    }
    with pytest.raises(PointError) as refused:
        engine.write_cells(**(good | changed))
    assert refused.value.reason == reason
    assert refused.value.index == (0 if changed == {"mins": None} else 1)
    assert engine.series() == []


def test_lengths_that_differ_and_too_many_rows_are_refused(engine):
    with pytest.raises(PointError, match="counts"):
        engine.write_cells(["c"], 0, [START_S], [1, 2], [1.0])
    rows = np.ones(CELLS_MAX + 1, int)
    with pytest.raises(PointError, match=f"at most {CELLS_MAX}"):
        engine.write_cells((["c"], rows * 0), 0, rows * START_S, rows, rows)


def test_kind_and_limits_are_decided_as_for_points(engine):
    engine.count("c")
    with pytest.raises(KindError):
        engine.write_cells(["c"], 1, [START_S], [1], [1.0], [1.0], [1.0])
    with pytest.raises(LimitError):
        engine.write_cells(["d"], 0, [START_S], [1], [1.0], series_limit=1)
    with pytest.raises(LimitError):
        engine.write_cells(["c"], 0, [START_S], [5], [1.0], meters=[("rows", 0)])
    engine.write_cells(["c", "c"], 0, [START_S, START_S - 60], [5, 5], [1.0, 1.0], meters=[("rows", 2)])
    assert engine.meter("rows") == 2


def test_columns_may_be_fields_of_a_structured_array(engine):
    rows = np.zeros(3_000, [("t", "<i8"), ("flag", "u1"), ("count", "<i8"), ("sum", "<f8")])
    rows["t"], rows["count"], rows["sum"] = START_S - 86_400 * 80 + np.arange(3_000) * 60, 1, np.arange(3_000) / 7

    for write in (
        lambda: engine.write_cells(["v"] * 3_000, 1, rows["t"], rows["count"], rows["sum"], rows["sum"], rows["sum"]),
        lambda: engine.write(["v"] * 3_000, 1, rows["t"], rows["sum"]),
    ):
        write()
        write()
    engine.fold()

    window = engine.query("v", int(rows["t"][0]), int(rows["t"][-1]) + 60, step="1m")
    assert (window.counts == 4).all()


def test_no_rows_store_nothing(engine):
    assert engine.write_cells([], 0, [], [], []).points == 0


def test_a_fold_that_began_before_cells_were_merged_begins_again(engine):
    times_s = START_S - 60 * np.arange(500)
    names = ([f"c{number}" for number in range(200)], np.arange(500) % 200)
    stop = threading.Event()

    def fold():
        while not stop.is_set():
            engine.fold()

    folding = threading.Thread(target=fold)
    folding.start()
    try:
        for _ in range(40):
            engine.write(names, Kind.COUNTER, times_s, np.ones(500))
            engine.write_cells(names, Kind.COUNTER, times_s, np.full(500, 2), np.full(500, 2.0))
    finally:
        stop.set()
        folding.join()

    windows = engine.query_many(["c*"], START_S - 500 * 60, START_S + 60, step="1m")
    assert sum(int(window.counts.sum()) for window in windows) == 40 * 500 * 3

"""Folding, closing and sealing: they move every point once and change no answer."""

import lmdb
import numpy as np
import pytest

import statflow_engine
from statflow_engine import Kind, Limits
from statflow_engine.folding.fold import Folder
from tests.clocks import START_S, StoppedClock
from tests.neighbour import Neighbour

HOUR_S, DAY_S = 3_600, 86_400


def answers(engine, start_s=START_S - 3 * DAY_S, end_s=START_S + 2 * DAY_S):
    """What every series says at every ring, as one comparable value."""
    everything = []
    for ring in engine.schema.rings:
        from_s = max(start_s, ring.reach_s(engine.now_s()))
        for window in engine.query_many(["*"], from_s, end_s, step=ring.resolution_s):
            extremes = [window.mins.tolist(), window.maxs.tolist()] if window.kind is Kind.VALUE else []
            columns = [window.counts.tolist(), window.sums.tolist(), *extremes]
            everything.append((window.name, window.step, repr(columns)))
    return sorted(everything)


def fill(engine, seed, points=2_000, span_s=2 * DAY_S, series=150):
    """Whole numbers for many series of both kinds, at random times up to so far back."""
    rng = np.random.default_rng(seed)
    index = rng.integers(0, series, points)
    times_s = engine.now_s() - rng.integers(0, span_s, points)
    engine.write(([f"s{i}" for i in range(series)], index), index % 2, times_s, rng.integers(-50, 50, points))


def test_folding_empties_the_journal(engine):
    fill(engine, 1)
    assert engine.status().journal_rows > 0

    engine.fold()

    assert engine.status().journal_rows == 0
    assert engine.status().journal_records == 0


def test_folding_nothing_is_fine(engine):
    engine.fold()
    engine.count("c")
    engine.fold()
    engine.fold()

    assert engine.query("c", START_S, START_S + 60, step="1m").counts.tolist() == [1]


def test_folding_changes_no_answer(engine):
    fill(engine, 2)
    before = answers(engine)

    engine.fold()

    assert answers(engine) == before


@pytest.mark.parametrize("leap_s", [60, HOUR_S, 5 * HOUR_S, DAY_S])
def test_folding_after_every_batch_is_as_folding_once(tmp_path, clock, leap_s):
    often = statflow_engine.open(tmp_path / "often", clock=clock)
    once = statflow_engine.open(tmp_path / "once", clock=clock)
    with often, once:
        for seed in range(12):
            for engine in (often, once):
                fill(engine, seed, points=300, span_s=2 * leap_s)
            often.fold()
            clock.advance(leap_s)
        assert answers(often, START_S - 3 * DAY_S, clock.now_s) == answers(once, START_S - 3 * DAY_S, clock.now_s)
        once.fold()
        assert answers(often, START_S - 3 * DAY_S, clock.now_s) == answers(once, START_S - 3 * DAY_S, clock.now_s)
        for engine in (often, once):
            assert list(engine.check()) == []


def test_spans_close_and_chapters_are_sealed_without_a_trace(small_engine, clock):
    # 17 hours are a chapter of minutes; a week sees many of them end, and chapters of the coarser rings too.
    for hour in range(7 * 24):
        small_engine.write(["c", "v", "v"], [0, 1, 1], None, [1.0, float(hour), -1.0])
        clock.advance(HOUR_S)
        if hour % 5 == 0:
            small_engine.fold()

    now_s = small_engine.now_s()
    hours = small_engine.query("v", now_s - 6 * DAY_S, now_s, step="1h")
    assert hours.counts.tolist() == [2] * 144
    assert hours.maxs.tolist() == [float(hour) for hour in range(24, 168)]
    assert hours.mins.tolist() == [-1.0] * 144
    tens = small_engine.query("c", now_s - 20 * HOUR_S, now_s, step="10m")
    assert tens.counts.tolist() == [1, 0, 0, 0, 0, 0] * 20
    minutes = small_engine.query("c", now_s - HOUR_S, now_s, step="1m")
    assert minutes.counts.tolist() == [1] + [0] * 59


def test_a_full_minute_ring_is_read_back_exactly(engine, clock):
    """Every period of three days is filled, so that tiles and strips are dense to their last cell."""
    minutes = 3 * 24 * 60
    rng = np.random.default_rng(3)
    expected = rng.integers(0, 1_000, minutes).astype(float)
    for start in range(0, minutes, 360):
        times_s = START_S + 60 * np.arange(start, start + 360)
        clock.set(int(times_s[-1]) + 59)
        engine.write((["v"], np.zeros(360, int)), Kind.VALUE, times_s, expected[start : start + 360])
        engine.fold()

    window = engine.query("v", START_S, START_S + minutes * 60, step="1m")

    assert window.counts.tolist() == [1] * minutes
    assert window.sums.tolist() == expected.tolist()
    assert window.mins.tolist() == expected.tolist()
    days = engine.query("v", START_S, START_S + minutes * 60, step="24h")
    assert days.sums.sum() == engine.query("v", START_S - DAY_S, START_S + minutes * 60, step="1d").sums.sum()


def test_fractions_and_huge_numbers_survive_sealing(small_engine, clock):
    values = [0.1, -2.5e-300, 1e200, 12345.678, -0.0, 2.0**53 - 1]
    for value in values * 30:
        small_engine.value("v", value)
        clock.advance(600)
        small_engine.fold()
    clock.advance(-600)

    window = small_engine.query("v", clock.now_s - 100 * 600, clock.now_s + 600, step="10m")

    assert window.sums.tolist() == (values * 30)[-101:]
    assert window.mins.tolist() == window.maxs.tolist() == (values * 30)[-101:]


def test_many_points_in_one_cell_are_counted_exactly(engine):
    for _ in range(5):
        engine.write((["v"], np.zeros(100_000, int)), Kind.VALUE, None, np.full(100_000, 0.1))
        engine.fold()

    window = engine.query("v", START_S, START_S + 60, step="1m")

    assert window.counts.tolist() == [500_000]
    assert abs(window.sums[0] - 50_000) <= 1e-12 * 50_000
    assert window.mins.tolist() == window.maxs.tolist() == [0.1]


@pytest.mark.parametrize(
    "limits",
    [
        Limits(fold_rows=10),
        Limits(fold_rows=100, step_bytes=1),
        Limits(journal_rows_soft=50, fold_rows=20, step_bytes=1),
        Limits(journal_records=2, fold_rows=64),
    ],
    ids=str,
)
def test_windows_and_steps_of_any_size_give_the_same_answers(tmp_path, clock, limits):
    small = statflow_engine.open(tmp_path / "small", clock=clock, limits=limits)
    usual = statflow_engine.open(tmp_path / "usual", clock=clock)
    with small, usual:
        for seed in range(8):
            for engine in (small, usual):
                fill(engine, seed, points=200)
            assert answers(small) == answers(usual)
            clock.advance(HOUR_S)
        small.fold()
        usual.fold()
        assert answers(small) == answers(usual)
        assert list(small.check()) == []


def test_beyond_the_soft_limit_writers_fold(tmp_path, clock):
    with statflow_engine.open(tmp_path, clock=clock, limits=Limits(journal_rows_soft=1_000, fold_rows=500)) as engine:
        for seed in range(40):
            fill(engine, seed, points=200)
            assert engine.status().journal_rows < 3_000
        assert list(engine.check()) == []


def test_closing_folds_nothing(tmp_path, clock):
    with statflow_engine.open(tmp_path, clock=clock) as engine:
        fill(engine, 4)
        rows = engine.status().journal_rows
    with statflow_engine.open(tmp_path, clock=clock) as engine:
        assert engine.status().journal_rows == rows


def stored_bytes(path):
    """Every key and value of the store, by a back door; free of where LMDB put them."""
    found = {}
    with lmdb.open(str(path), max_dbs=64, readonly=True, lib_version=0) as env:
        with env.begin() as txn:
            names = [bytes(name) for name, _ in txn.cursor()]
        databases = {name: env.open_db(name, create=False) for name in names}
        with env.begin() as txn:
            for name, database in databases.items():
                found[name] = [(bytes(key), bytes(value)) for key, value in txn.cursor(database)]
    return found


def test_the_same_records_and_windows_give_the_same_bytes(tmp_path):
    stores = []
    for name in ("one", "other"):
        clock = StoppedClock()
        with statflow_engine.open(tmp_path / name, schema="1m:2h, 10m:1d, 1h:7d", clock=clock) as engine:
            for seed in range(30):
                fill(engine, seed, points=100, span_s=12 * HOUR_S)
                clock.advance(3 * HOUR_S)
                if seed % 7 == 0:
                    engine.fold()
            engine.fold()
        stores.append(stored_bytes(tmp_path / name))
    one, other = stores

    assert one.keys() == other.keys()
    different = [name for name in one if one[name] != other[name]]
    # The store's own identity and its lease may differ; what was folded may not.
    assert set(different) <= {b"meta"}, different


def test_a_background_thread_folds_by_itself(tmp_path, clock):
    limits = Limits(journal_rows_soft=100)
    with statflow_engine.open(tmp_path, clock=clock, background=True, limits=limits) as engine:
        for seed in range(5):
            fill(engine, seed, points=500)
        before = answers(engine)
        engine.fold()

        assert answers(engine) == before
        assert engine.status().journal_rows == 0
        assert list(engine.check()) == []


def overtaken(monkeypatch, between):
    """Have something happen between the two halves of every step: after it is read and before it is stored."""
    store = Folder._apply

    def stored_late(folder, prepared):
        between()
        store(folder, prepared)

    monkeypatch.setattr(Folder, "_apply", stored_late)


def test_a_fold_that_is_overtaken_at_each_step_comes_to_its_end(engine, monkeypatch):
    """As beside an import, which merges cells more quickly than a step is read."""
    fill(engine, 5)
    fill(engine, 6, span_s=HOUR_S)
    before = answers(engine)
    steps = []

    def merge_cells():
        assert len(steps) < 100, "the fold does not get on"
        steps.append(engine.write_cells(["elsewhere"], Kind.COUNTER, [START_S], [1], [1.0]))

    with monkeypatch.context() as patches:
        overtaken(patches, merge_cells)
        engine.fold()

    assert engine.status().journal_rows == 0
    assert engine.query("elsewhere", START_S, START_S + 60, step="1m").counts[0] == len(steps)
    assert [answer for answer in answers(engine) if answer[0] != "elsewhere"] == before


def test_series_that_die_while_a_step_is_read_leave_no_row(engine, monkeypatch):
    fill(engine, 7)
    engine.fold()
    fill(engine, 8, span_s=HOUR_S)
    dying = iter(["s3", "s4"])

    def kill_one():
        if (name := next(dying, None)) is not None:
            engine.delete(name)
            engine.purge(older_than_s=0)

    with monkeypatch.context() as patches:
        overtaken(patches, kill_one)
        engine.fold()

    assert engine.status().journal_rows == 0
    # That nothing of them is left in the rings is what the check of the whole store says.
    assert [] == list(engine.check())


def test_a_window_is_not_kept_when_it_is_folded(engine):
    fill(engine, 9)
    engine.fold()

    assert engine._upkeep._folder._window is None


def test_a_process_that_leaves_folding_to_another_keeps_no_window(tmp_path, clock):
    neighbour = Neighbour()
    with statflow_engine.open(tmp_path, clock=clock, limits=Limits(step_bytes=1)) as engine:
        fill(engine, 10)
        engine._upkeep._folder.step(1)
        assert engine._upkeep._folder._window is not None
        neighbour.open(tmp_path, START_S)
        neighbour.call("fold", now_s=START_S)
        engine._upkeep.fold_politely(lambda seconds: None)

        assert engine._upkeep._folder._window is None
        assert engine.status().journal_rows == 0
    neighbour.stop()

"""Several processes on one folder: each sees at once what another was told is stored, and none crosses a fork."""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import statflow_engine
from statflow_engine import Kind, Limits, StoreClosedError, UnknownSeriesError
from tests.clocks import START_S
from tests.neighbour import Neighbour, NeighbourError

HOUR_S, DAY_S = 3_600, 86_400


@pytest.fixture
def neighbour(tmp_path):
    """A second process that has opened the test's folder; the engine of this one comes first."""
    neighbour = Neighbour()
    yield neighbour
    neighbour.stop()


def sums(engine, name="c"):
    return engine.query(name, START_S - HOUR_S, START_S + HOUR_S, step="1h").sums.tolist()


def test_each_reads_what_the_other_wrote_at_once(small_engine, neighbour):
    neighbour.open(small_engine.path, START_S)
    for number in range(1, 20):
        small_engine.count("c")
        assert neighbour.call("query", "c", START_S, START_S + 60, step="1m", now_s=START_S).counts[0] == 2 * number - 1
        neighbour.call("count", "c", now_s=START_S)
        assert small_engine.query("c", START_S, START_S + 60, step="1m").counts[0] == 2 * number
        if number % 6 == 0:
            small_engine.fold()
        if number % 7 == 0:
            neighbour.call("fold", now_s=START_S)
    neighbour.close()


def test_names_that_both_use_first_are_one_series(engine, neighbour):
    neighbour.open(engine.path, START_S)
    for number in range(50):
        name = f"s{number}"
        neighbour.call("count", name, now_s=START_S)
        engine.count(name)

    assert len(engine.series()) == 50
    assert {window.counts[0] for window in engine.query_many(["s*"], START_S, START_S + 60, step="1m")} == {2}


def test_a_name_deleted_elsewhere_is_resolved_again(engine, neighbour):
    neighbour.open(engine.path, START_S)
    engine.count("c", 100)
    neighbour.call("count", "c", 100, now_s=START_S)
    old_id = engine.find("c").id

    neighbour.call("delete", "c", now_s=START_S)

    with pytest.raises(UnknownSeriesError):
        engine.query("c")
    engine.count("c", 1)
    assert engine.find("c").id != old_id
    assert sums(engine) == [0.0, 1.0]
    assert neighbour.call("query", "c", START_S, START_S + 60, step="1m", now_s=START_S).sums[0] == 1.0
    engine.delete("c")
    neighbour.call("restore", old_id, now_s=START_S)
    engine.count("c", 5)
    assert sums(engine) == [0.0, 205.0]


def test_a_name_that_became_the_other_kind_elsewhere_is_refused_here(engine, neighbour):
    neighbour.open(engine.path, START_S)
    engine.count("x")
    neighbour.call("delete", "x", now_s=START_S)
    neighbour.call("value", "x", 1.0, now_s=START_S)

    with pytest.raises(statflow_engine.KindError):
        engine.count("x")
    engine.value("x", 2.0)
    assert engine.find("x").kind is Kind.VALUE


def test_errors_over_there_are_told(engine, neighbour):
    neighbour.open(engine.path, START_S)

    with pytest.raises(NeighbourError, match="UnknownSeriesError"):
        neighbour.call("query", "nobody", now_s=START_S)


def test_a_process_goes_on_where_another_stopped_folding(tmp_path, clock, neighbour):
    """Steps of a byte and a soft limit of one row: each write folds a step, and the walk is handed to and fro."""
    limits = Limits(journal_rows_soft=1, fold_rows=500, step_bytes=1)
    names = [f"s{number}" for number in range(300)]
    with statflow_engine.open(tmp_path, clock=clock, limits=limits) as engine:
        neighbour.open(tmp_path, START_S, limits=limits)
        for number in range(1, 15):
            engine.write(names, Kind.COUNTER, None, np.ones(300))
            neighbour.call("write", names[:100], 0, None, [1.0] * 100, now_s=clock.now_s)
            windows = engine.query_many(["s*"], START_S, START_S + DAY_S, step="1h")
            assert sum(window.counts.sum() for window in windows) == number * 400
            clock.advance(HOUR_S)
        neighbour.close()
        engine.fold()
        windows = engine.query_many(["s*"], START_S, START_S + DAY_S, step="1h")
        assert sum(window.counts.sum() for window in windows) == 14 * 400
        assert list(engine.check()) == []


def test_what_a_killed_process_acknowledged_is_there(engine, neighbour):
    neighbour.open(engine.path, START_S)
    for _ in range(20):
        neighbour.call("count", "c", now_s=START_S)
    neighbour.kill()

    assert sums(engine) == [0.0, 20.0]
    engine.count("c")
    engine.fold()
    assert sums(engine) == [0.0, 21.0]


def test_the_neighbour_must_agree_about_the_schema(small_engine, neighbour):
    with pytest.raises(NeighbourError, match="SchemaError"):
        neighbour.open(small_engine.path, START_S, schema="1m:1d")
    neighbour.open(small_engine.path, START_S)
    neighbour.call("count", "c", now_s=START_S)

    assert sums(small_engine) == [0.0, 1.0]


def test_the_store_is_checked_by_another_process_too(small_engine, neighbour, clock):
    neighbour.open(small_engine.path, START_S)
    for _ in range(30):
        small_engine.write(["c", "v"], [0, 1], None, [1.0, 2.0])
        clock.advance(HOUR_S)
        small_engine.fold()

    assert neighbour.call("check", now_s=clock.now_s) == []


@pytest.mark.slow
@pytest.mark.parametrize("durability", ["fsync", "interval"])
def test_processes_that_write_fold_and_read_at_once_count_every_point_once(tmp_path, clock, durability):
    """Three writers fold what they wrote in tiny windows while this process folds in the background and reads."""
    limits = Limits(fold_rows=1_500, journal_records=40, step_bytes=2_000)
    names = [f"s{number}" for number in range(150)]
    options = {"limits": limits, "durability": durability, "interval_s": 0.01}
    neighbours = [Neighbour() for _ in range(3)]

    def write(neighbour):
        neighbour.open(tmp_path, START_S, **options)
        for number in range(120):
            now_s = START_S + number * 60
            kinds = [index % 2 for index in range(150)]
            neighbour.call("write", names, kinds, None, [1.0] * 150, now_s=now_s)
            if number % 10 == 3:
                neighbour.call("fold", now_s=now_s)
        neighbour.close()

    with statflow_engine.open(tmp_path, schema="1m:1d, 10m:7d", clock=clock, background=True, limits=limits) as engine:
        with ThreadPoolExecutor(3) as pool:
            writers = [pool.submit(write, neighbour) for neighbour in neighbours]
            seen = 0
            while not all(writer.done() for writer in writers):
                windows = engine.query_many(["s*"], START_S, START_S + 2 * HOUR_S, step="10m")
                total = sum(int(window.counts.sum()) for window in windows)
                assert total >= seen
                assert total % 150 == 0
                seen = total
        for writer in writers:
            writer.result()
        for _ in range(2):
            for step, rows in (("1m", 120), ("10m", 12)):
                for window in engine.query_many(["s*"], START_S, START_S + 2 * HOUR_S, step=step):
                    assert window.counts.tolist() == [360 // rows] * rows, (window, step)
            engine.fold()
        assert list(engine.check()) == []
    for neighbour in neighbours:
        neighbour.stop()


def in_a_fork(work):
    """Exit code of a forked child that does the work: 0 when it ends, 1 when it raises."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


# Python warns of forking with threads about; that is just what is tried here.
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_an_engine_does_not_cross_a_fork(engine):
    engine.count("c")

    def use(call):
        with pytest.raises(StoreClosedError):
            call()

    assert in_a_fork(lambda: use(lambda: engine.count("c"))) == 0
    assert in_a_fork(lambda: use(lambda: engine.query("c"))) == 0
    assert in_a_fork(lambda: use(engine.fold)) == 0
    engine.count("c")
    assert sums(engine) == [0.0, 2.0]


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_may_open_the_folder_that_its_parent_had_open(engine, clock):
    engine.count("c")

    def work():
        with statflow_engine.open(engine.path, clock=clock) as own:
            own.count("c")
            assert sums(own) == [0.0, 2.0]

    assert in_a_fork(work) == 0
    assert sums(engine) == [0.0, 2.0]
    engine.count("c")
    assert sums(engine) == [0.0, 3.0]

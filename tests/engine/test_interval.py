"""durability="interval": acknowledged at once, committed every so often, seen by the same process without delay."""

import time

import numpy as np
import pytest

import statflow_engine
from statflow_engine import Kind, KindError, PointError, StoreClosedError
from tests.clocks import START_S
from tests.neighbour import Neighbour

LONG_S = 3_600.0


@pytest.fixture
def lazy_engine(tmp_path, clock):
    """An engine whose interval does not end within a test; the store is checked at the end."""
    options = {"durability": "interval", "interval_s": LONG_S}
    with statflow_engine.open(tmp_path, clock=clock, **options) as engine:
        yield engine
        assert list(engine.check()) == []


def count(engine, name="x"):
    return engine.query(name, START_S, START_S + 60, step="1m").counts[0]


def test_the_same_process_sees_its_points_at_once(lazy_engine):
    for number in range(1, 50):
        assert lazy_engine.count("x").points == 1
        assert count(lazy_engine) == number


def test_points_are_there_after_closing(tmp_path, clock):
    with statflow_engine.open(tmp_path, clock=clock, durability="interval", interval_s=LONG_S) as engine:
        for _ in range(100):
            engine.count("x")
    with statflow_engine.open(tmp_path, clock=clock) as engine:
        assert count(engine) == 100


def test_new_names_are_committed_before_the_call_returns(lazy_engine):
    neighbour = Neighbour()
    lazy_engine.count("x")
    neighbour.open(lazy_engine.path, START_S)

    assert [series.name for series in neighbour.call("series", now_s=START_S)] == ["x"]
    neighbour.stop()


def test_other_processes_see_points_within_the_interval(tmp_path, clock):
    with statflow_engine.open(tmp_path, clock=clock, durability="interval", interval_s=0.05) as engine:
        engine.count("x")
        neighbour = Neighbour()
        neighbour.open(tmp_path, START_S)
        engine.count("x")
        deadline = time.monotonic() + 10
        while neighbour.call("query", "x", START_S, START_S + 60, step="1m", now_s=START_S).counts[0] < 2:
            assert time.monotonic() < deadline
        neighbour.stop()


def test_what_a_query_saw_stays_when_the_process_dies(tmp_path, clock):
    """Not a power cut: only that a read brings what it shows into the store, where others find it."""
    neighbour = Neighbour()
    neighbour.open(tmp_path, START_S, durability="interval", interval_s=LONG_S)
    for _ in range(10):
        neighbour.call("count", "x", now_s=START_S)
    assert neighbour.call("query", "x", START_S, START_S + 60, step="1m", now_s=START_S).counts[0] == 10
    neighbour.kill()

    with statflow_engine.open(tmp_path, clock=clock) as engine:
        assert count(engine) == 10


def test_a_killed_process_loses_at_most_what_waited(tmp_path, clock):
    neighbour = Neighbour()
    neighbour.open(tmp_path, START_S, durability="interval", interval_s=LONG_S)
    neighbour.call("count", "x", now_s=START_S)  # a new name: committed
    for _ in range(10):
        neighbour.call("count", "x", now_s=START_S)
    neighbour.kill()

    with statflow_engine.open(tmp_path, clock=clock) as engine:
        assert 1 <= count(engine) <= 11
        assert list(engine.check()) == []


def test_bad_points_are_refused_at_once(lazy_engine):
    lazy_engine.count("x")
    with pytest.raises(PointError):
        lazy_engine.count("x", float("nan"))
    with pytest.raises(PointError):
        lazy_engine.count("x", 1, 5)

    assert count(lazy_engine) == 1


def test_the_other_kind_is_refused_at_once(lazy_engine):
    lazy_engine.count("x")

    with pytest.raises(KindError):
        lazy_engine.value("x", 1.0)

    assert count(lazy_engine) == 1


def test_keys_and_meters_work(lazy_engine):
    lazy_engine.count("x")
    options = {"idempotency": "key", "meters": [("m", 2)]}
    first = lazy_engine.write(["x"], Kind.COUNTER, [START_S], [1.0], **options)
    second = lazy_engine.write(["x"], Kind.COUNTER, [START_S], [1.0], **options)

    assert (first.replayed, second.replayed) == (False, True)
    assert lazy_engine.meter("m") == 1
    assert count(lazy_engine) == 2


def test_folding_deleting_and_listing_see_what_waits(lazy_engine):
    for number in range(20):
        lazy_engine.write(["x", "y"], [0, 1], None, [1.0, float(number)])
    lazy_engine.fold()
    assert lazy_engine.status().journal_rows == 0
    lazy_engine.count("x")
    lazy_engine.delete("x")
    lazy_engine.count("x", 5)

    assert lazy_engine.query("x", START_S, START_S + 60, step="1m").sums.tolist() == [5.0]
    assert sorted(series.name for series in lazy_engine.series()) == ["x", "y"]
    trashed = lazy_engine.trash()[0]
    lazy_engine.delete("x")
    lazy_engine.restore(trashed.id)
    assert count(lazy_engine) == 21


def test_a_closed_engine_refuses_points(tmp_path, clock):
    engine = statflow_engine.open(tmp_path, clock=clock, durability="interval", interval_s=LONG_S)
    engine.count("x")
    engine.close()

    with pytest.raises(StoreClosedError):
        engine.count("x")


def test_many_small_batches_share_few_commits(lazy_engine):
    lazy_engine.count("x")
    for _ in range(1_000):
        lazy_engine.count("x")

    assert count(lazy_engine) == 1_001
    assert lazy_engine.status().journal_records < 100


def test_arrays_handed_in_may_be_changed_before_the_commit(lazy_engine):
    lazy_engine.count("x")
    times_s, values = np.full(3, START_S), np.ones(3)
    lazy_engine.write((["x"], np.zeros(3, int)), Kind.COUNTER, times_s, values)
    values[:] = 100.0
    times_s[:] = START_S + 3_600

    assert lazy_engine.query("x", START_S, START_S + 60, step="1m").sums.tolist() == [4.0]


def test_an_unknown_durability_is_refused(tmp_path, clock):
    with pytest.raises(ValueError):
        statflow_engine.open(tmp_path, clock=clock, durability="never")

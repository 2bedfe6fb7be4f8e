"""Meters: named counters of points, decided in the very transaction that stores these."""

import numpy as np
import pytest

import statflow_engine
from statflow_engine import Batch, Kind, KindError, LimitError, PointError
from tests.clocks import START_S
from tests.neighbour import Neighbour, NeighbourError


def send(engine, points, *meters, name="x", **options):
    return engine.write(([name], np.zeros(points, int)), Kind.COUNTER, None, np.ones(points), meters=meters, **options)


def test_a_meter_counts_the_points_of_each_batch(engine):
    send(engine, 3, ("m", None))
    send(engine, 4, ("m", 100))
    send(engine, 5)

    assert engine.meter("m") == 7


def test_an_unknown_meter_stands_at_zero(engine):
    assert engine.meter("never used") == 0


def test_a_batch_may_have_several_meters(engine):
    send(engine, 2, ("account", 10), ("month", None))
    send(engine, 3, ("account", 10))

    assert (engine.meter("account"), engine.meter("month")) == (5, 2)


def test_up_to_its_limit_and_not_a_point_further(engine):
    send(engine, 9, ("m", 10))
    send(engine, 1, ("m", 10))
    with pytest.raises(LimitError) as caught:
        send(engine, 1, ("m", 10))

    assert (caught.value.limit_name, caught.value.limit) == ("m", 10)
    assert engine.meter("m") == 10


def test_nothing_of_a_batch_over_a_limit_is_stored(engine):
    send(engine, 8, ("m", 10))
    with pytest.raises(LimitError):
        send(engine, 3, ("other", None), ("m", 10), name="new", series_limit=5)

    assert engine.meter("m") == 8
    assert engine.meter("other") == 0
    assert [series.name for series in engine.series()] == ["x"]
    assert engine.query("x", START_S, START_S + 60, step="1m").counts.tolist() == [8]
    send(engine, 2, ("m", 10))


def test_the_first_point_over_the_limit_is_named(engine):
    send(engine, 8, ("m", 10))
    with pytest.raises(LimitError) as caught:
        send(engine, 5, ("m", 10))

    assert caught.value.index == 2


def test_a_limit_is_of_the_moment(engine):
    send(engine, 10, ("m", 10))

    assert send(engine, 10, ("m", 20)).points == 10
    with pytest.raises(LimitError):
        send(engine, 1, ("m", 5))


def test_a_limit_of_zero_allows_nothing_but_the_empty_batch(engine):
    with pytest.raises(LimitError):
        send(engine, 1, ("m", 0))

    assert send(engine, 0, ("m", 0)).points == 0


def test_refused_batches_cost_nothing(engine):
    engine.value("v", 1.0)
    with pytest.raises(KindError):
        send(engine, 1, ("m", 10), name="v")
    with pytest.raises(PointError):
        engine.write(["x"], Kind.COUNTER, None, [np.nan], meters=[("m", 10)])

    assert engine.meter("m") == 0


def test_batches_of_one_commit_are_decided_in_order(engine):
    def batch(points):
        return Batch((["x"], np.zeros(points, int)), Kind.COUNTER, None, np.ones(points), meters=[("m", 10)])

    pendings = [engine.stage(batch(points)) for points in (6, 5, 4, 1)]
    engine.commit()

    assert pendings[0].result().points == 6
    with pytest.raises(LimitError):
        pendings[1].result()
    assert pendings[2].result().points == 4
    with pytest.raises(LimitError):
        pendings[3].result()
    assert engine.meter("m") == 10
    assert engine.query("x", START_S, START_S + 60, step="1m").counts.tolist() == [10]


def test_meters_are_of_the_store_and_not_of_a_namespace(engine):
    send(engine, 1, ("m", None), namespace="one")
    send(engine, 1, ("m", None), namespace="two")

    assert engine.meter("m") == 2


def test_meters_are_exact_across_processes(tmp_path, clock):
    with statflow_engine.open(tmp_path, clock=clock) as engine:
        neighbour = Neighbour()
        neighbour.open(tmp_path, START_S)
        arguments = (["x"], 0, None, [1.0])
        accepted = 0
        for number in range(30):
            try:
                if number % 2:
                    accepted += neighbour.call("write", *arguments, meters=[("m", 20)], now_s=START_S).points
                else:
                    accepted += engine.write(*arguments, meters=[("m", 20)]).points
            except (LimitError, NeighbourError):
                pass
        neighbour.stop()

        assert accepted == 20
        assert engine.meter("m") == 20
        assert engine.query("x", START_S, START_S + 60, step="1m").counts.tolist() == [20]


def test_a_meter_is_there_after_opening_again(tmp_path, clock):
    with statflow_engine.open(tmp_path, clock=clock) as engine:
        send(engine, 3, ("m", None))
    with statflow_engine.open(tmp_path, clock=clock) as engine:
        assert engine.meter("m") == 3


@pytest.mark.parametrize("name", ["m", "owner:points:2027-01", "m" * 1_000, "mètre 🧮", ""])
def test_a_meter_has_any_name(engine, name):
    send(engine, 2, (name, 10))

    assert engine.meter(name) == 2

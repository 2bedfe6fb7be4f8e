"""Idempotency keys: a request that comes twice is stored once, whoever sends it where, for 24 hours."""

import numpy as np
import pytest

import statflow_engine
from statflow_engine import Batch, IdempotencyError, Kind, KindError, LimitError, PointError
from tests.clocks import START_S
from tests.neighbour import Neighbour

HOUR_S, DAY_S = 3_600, 86_400


def send(engine, value=1.0, key="key", **options):
    return engine.write(["x"], Kind.COUNTER, [START_S], [value], idempotency=key, **options)


def total(engine, namespace=""):
    return engine.query("x", START_S, START_S + 60, step="1m", namespace=namespace).sums[0]


def test_a_repeated_request_is_stored_once(engine):
    first = send(engine)
    second = send(engine)
    third = send(engine)

    assert (first.points, first.replayed) == (1, False)
    assert (second.points, second.replayed) == (1, True)
    assert third == second
    assert total(engine) == 1.0


def test_the_same_request_without_a_key_is_stored_each_time(engine):
    for _ in range(3):
        engine.write(["x"], Kind.COUNTER, [START_S], [1.0])

    assert total(engine) == 3.0


def test_another_key_is_another_request(engine):
    send(engine, key="one")
    send(engine, key="two")

    assert total(engine) == 2.0


@pytest.mark.parametrize(
    "other",
    [
        Batch(["x"], 0, [START_S], [2.0], idempotency="key"),
        Batch(["x"], 0, [START_S - 60], [1.0], idempotency="key"),
        Batch(["y"], 0, [START_S], [1.0], idempotency="key"),
        Batch(["x", "x"], 0, [START_S] * 2, [1.0, 1.0], idempotency="key"),
        Batch(["x"], 1, [START_S], [1.0], idempotency="key"),
        Batch(["x"], 0, None, [1.0], idempotency="key"),
        Batch([], 0, [], [], idempotency="key"),
    ],
    ids=["value", "time", "name", "points", "kind", "no time", "empty"],
)
def test_the_key_of_another_request_is_refused(engine, other):
    send(engine)

    pending = engine.stage(other)
    engine.commit()

    with pytest.raises(IdempotencyError, match="idempotency key reused with a different body"):
        pending.result()
    assert total(engine) == 1.0
    assert [series.name for series in engine.series()] == ["x"]


def test_a_repeated_request_of_now_is_stored_once_although_time_passed(engine, clock):
    engine.write(["x"], Kind.COUNTER, None, [1.0], idempotency="key")
    clock.advance(120)

    assert engine.write(["x"], Kind.COUNTER, None, [1.0], idempotency="key").replayed
    assert engine.query("x", START_S, START_S + 600, step="10m").sums.tolist() == [1.0]


def test_a_fingerprint_says_what_the_same_request_is(engine):
    assert not send(engine, 1.0, fingerprint=b"body one").replayed
    assert send(engine, 2.0, fingerprint=b"body one").replayed
    with pytest.raises(IdempotencyError):
        send(engine, 1.0, fingerprint=b"body two")

    assert total(engine) == 1.0


def test_keys_belong_to_a_namespace(engine):
    send(engine, namespace="one")
    assert not send(engine, 5.0, namespace="two").replayed
    assert send(engine, namespace="one").replayed

    assert total(engine, "one") == 1.0
    assert total(engine, "two") == 5.0


def test_a_key_is_kept_for_24_hours(engine, clock):
    send(engine)
    clock.advance(DAY_S - 1)
    assert send(engine).replayed

    clock.advance(1)

    assert not send(engine).replayed
    assert send(engine).replayed
    assert total(engine) == 2.0


def test_a_key_that_expired_may_be_used_for_another_request(engine, clock):
    send(engine)
    clock.advance(DAY_S)

    assert not send(engine, 10.0).replayed
    assert total(engine) == 11.0


def test_a_replay_does_not_lengthen_the_24_hours(engine, clock):
    send(engine)
    clock.advance(DAY_S // 2)
    send(engine)
    clock.advance(DAY_S // 2)

    assert not send(engine).replayed


def test_many_keys_expire_without_a_trace(engine, clock):
    for day in range(4):
        for number in range(100):
            assert not send(engine, key=f"key {number}").replayed
        assert total(engine) == (day + 1) * 100
        clock.advance(DAY_S)


def test_what_was_refused_is_not_remembered(engine):
    engine.value("v", 1.0)
    with pytest.raises(KindError):
        engine.write(["v"], Kind.COUNTER, None, [1.0], idempotency="key")
    with pytest.raises(PointError):
        engine.write(["x"], Kind.COUNTER, None, [np.inf], idempotency="key")
    with pytest.raises(LimitError):
        send(engine, meters=[("m", 0)])

    assert not send(engine).replayed
    assert total(engine) == 1.0


def test_a_replay_costs_no_meter_and_no_series(engine):
    send(engine, meters=[("m", 1)], series_limit=1)
    receipt = send(engine, meters=[("m", 1)], series_limit=1)

    assert receipt.replayed
    assert engine.meter("m") == 1


def test_a_replay_of_points_that_are_too_old_by_now_is_still_a_replay(small_engine, clock):
    """What counts is that it was stored: a retry that arrives late is not told that it is wrong."""
    oldest_s = small_engine.schema.coarsest.reach_s(START_S)
    options = {"idempotency": "key"}
    small_engine.write(["x"], Kind.COUNTER, [oldest_s + 60], [1.0], **options)
    clock.advance(30)

    assert small_engine.write(["x"], Kind.COUNTER, [oldest_s + 60], [1.0], **options).replayed


def test_the_same_key_twice_in_one_commit_is_stored_once(engine):
    batch = Batch(["x"], Kind.COUNTER, [START_S], [1.0], idempotency="key")
    other = Batch(["x"], Kind.COUNTER, [START_S], [9.0], idempotency="key")

    first, second, third = engine.stage(batch), engine.stage(batch), engine.stage(other)
    engine.commit()

    assert not first.result().replayed
    assert second.result().replayed
    with pytest.raises(IdempotencyError):
        third.result()
    assert total(engine) == 1.0


def test_an_empty_batch_with_a_key_is_remembered_too(engine):
    assert not engine.write([], Kind.COUNTER, [], [], idempotency="key").replayed
    assert engine.write([], Kind.COUNTER, [], [], idempotency="key").replayed


def test_keys_are_known_after_opening_again_and_to_other_processes(tmp_path, clock):
    with statflow_engine.open(tmp_path, clock=clock) as engine:
        send(engine)
    with statflow_engine.open(tmp_path, clock=clock) as engine:
        assert send(engine).replayed
        neighbour = Neighbour()
        neighbour.open(tmp_path, START_S)
        arguments = (["x"], 0, [START_S], [1.0])
        assert neighbour.call("write", *arguments, idempotency="key", now_s=START_S).replayed
        assert not neighbour.call("write", *arguments, idempotency="other", now_s=START_S).replayed
        neighbour.stop()
        assert send(engine, key="other").replayed
        assert total(engine) == 2.0


def test_keys_survive_the_deletion_of_the_series(engine):
    send(engine)
    engine.delete("x")

    assert send(engine).replayed
    assert engine.series() == []


@pytest.mark.parametrize("key", ["k", "k" * 255, "käse 🧀", "a\0b", " "])
def test_a_key_is_any_text(engine, key):
    assert not send(engine, key=key).replayed
    assert send(engine, key=key).replayed

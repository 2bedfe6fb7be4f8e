"""Deleting, restoring and purging: to the trash and back with everything, or gone for good."""

import numpy as np
import pytest

from statflow_engine import Kind, NameTakenError, UnknownSeriesError
from tests.clocks import START_S

HOUR_S, DAY_S = 3_600, 86_400


def total(engine, name, **options):
    window = engine.query(name, START_S - DAY_S + HOUR_S, engine.now_s() + HOUR_S, step="1h", **options)
    return window.counts.sum()


def names_of(series):
    return [each.name for each in series]


def test_a_deleted_series_is_unknown_and_in_the_trash(engine, clock):
    engine.count("x")
    series_id = engine.find("x").id
    clock.advance(10)

    trashed = engine.delete("x")

    assert (trashed.id, trashed.name, trashed.kind) == (series_id, "x", Kind.COUNTER)
    assert (trashed.created_s, trashed.deleted_s, trashed.namespace) == (START_S, START_S + 10, "")
    assert engine.trash() == [trashed]
    assert engine.series() == []
    for ask in (engine.find, engine.query, engine.delete):
        with pytest.raises(UnknownSeriesError, match="x"):
            ask("x")


def test_an_unknown_series_cannot_be_deleted(engine):
    engine.count("x", namespace="other")

    with pytest.raises(UnknownSeriesError):
        engine.delete("x")


@pytest.mark.parametrize("folded", ["before", "in between", "after", "never"])
def test_a_restored_series_has_all_its_points(engine, folded):
    engine.count("x", 1, START_S)
    engine.count("x", 1, START_S - 5 * HOUR_S)
    series_id = engine.find("x").id
    if folded == "before":
        engine.fold()
    engine.delete("x")
    if folded == "in between":
        engine.fold()

    restored = engine.restore(series_id)

    if folded == "after":
        engine.fold()
    assert (restored.id, restored.name) == (series_id, "x")
    assert engine.trash() == []
    assert total(engine, "x") == 2
    engine.count("x")
    assert total(engine, "x") == 3


def test_a_point_under_the_name_of_a_deleted_series_makes_a_new_one(engine):
    engine.count("x", 5)
    old = engine.find("x")
    engine.delete("x")

    engine.value("x", 1.0)

    new = engine.find("x")
    assert new.id != old.id
    assert new.kind is Kind.VALUE
    assert total(engine, "x") == 1


def test_a_series_is_not_restored_while_another_has_its_name(engine):
    engine.count("x", 5)
    old_id = engine.find("x").id
    engine.delete("x")
    engine.count("x", 1)

    with pytest.raises(NameTakenError, match="x"):
        engine.restore(old_id)

    assert names_of(engine.trash()) == ["x"]
    engine.delete("x")
    engine.restore(old_id)
    assert engine.query("x", START_S, START_S + 60, step="1m").sums.tolist() == [5.0]
    assert names_of(engine.trash()) == ["x"]


def test_what_is_not_in_the_trash_cannot_be_restored(engine):
    engine.count("x")
    engine.count("y", namespace="other")
    x_id, y_id = engine.find("x").id, engine.find("y", namespace="other").id
    engine.delete("y", namespace="other")

    for series_id in (x_id, y_id, 987_654_321):
        with pytest.raises(UnknownSeriesError):
            engine.restore(series_id)
    assert engine.restore(y_id, namespace="other").name == "y"


def test_a_name_may_be_deleted_many_times(engine):
    for number in range(5):
        engine.count("x", number)
        engine.delete("x")

    trash = engine.trash()
    assert names_of(trash) == ["x"] * 5
    assert len({trashed.id for trashed in trash}) == 5
    for number, trashed in enumerate(sorted(trash, key=lambda each: each.id)):
        engine.restore(trashed.id)
        assert engine.query("x", START_S, START_S + 60, step="1m").sums.tolist() == [float(number)]
        engine.delete("x")


def test_the_trash_of_a_namespace_is_its_own(engine):
    engine.count("x", namespace="one")
    engine.count("x", namespace="two")
    engine.delete("x", namespace="one")

    assert names_of(engine.trash("one")) == ["x"]
    assert engine.trash("two") == []
    assert total(engine, "x", namespace="two") == 1


def test_after_exactly_48_hours_the_trash_is_gone(engine, clock):
    engine.count("x")
    engine.delete("x")
    clock.advance(2 * DAY_S - 1)
    assert engine.purge() == 0
    clock.advance(1)

    assert engine.purge() == 1


def test_purging_spares_what_was_deleted_lately(engine, clock):
    engine.write(["old", "young", "alive"], Kind.COUNTER, None, np.ones(3))
    engine.delete("old")
    clock.advance(DAY_S)
    engine.delete("young")
    clock.advance(DAY_S + 1)

    assert engine.purge() == 1

    assert names_of(engine.trash()) == ["young"]
    assert names_of(engine.series()) == ["alive"]
    assert engine.purge() == 0


@pytest.mark.parametrize("folded", [False, True])
def test_a_purged_series_is_gone_for_good(engine, clock, folded):
    engine.count("x")
    series_id = engine.find("x").id
    if folded:
        engine.fold()
    engine.delete("x")
    clock.advance(3 * DAY_S)
    engine.purge()

    with pytest.raises(UnknownSeriesError):
        engine.restore(series_id)
    engine.fold()
    engine.count("x")
    assert engine.find("x").id != series_id
    assert engine.query("x", START_S, clock.now_s + 60, step="1h").counts.sum() == 1


def test_ids_are_never_used_again(engine, clock):
    seen = set()
    for _ in range(5):
        names = [f"s{number}" for number in range(70)]
        engine.write(names, Kind.COUNTER, None, np.ones(70))
        ids = {series.id for series in engine.series()}
        assert len(ids) == 70
        assert not ids & seen
        seen |= ids
        for name in names:
            engine.delete(name)
        clock.advance(3 * DAY_S)
        assert engine.purge() == 70
        engine.fold()


def test_the_neighbours_of_a_purged_series_keep_their_points(small_engine, clock):
    """All 64 of a group share tiles and books; what is blanked is the part of one."""
    names = [f"s{number}" for number in range(64)]
    for _ in range(40):
        small_engine.write(names, Kind.VALUE, None, np.arange(64.0))
        clock.advance(HOUR_S)
        small_engine.fold()
    for name in names[::2]:
        small_engine.delete(name)
    clock.advance(1)

    assert small_engine.purge(0) == 32
    for _ in range(30):
        small_engine.write(names[1::2], Kind.VALUE, None, np.arange(1.0, 64, 2))
        clock.advance(HOUR_S)
        small_engine.fold()

    for window in small_engine.query_many(["s*"], START_S, clock.now_s - 1, step="1h"):
        assert set(window.sums.tolist()) == {float(window.name[1:])} | ({0.0} if window.counts.min() == 0 else set())
        assert window.counts.sum() == 70
    assert len(small_engine.series()) == 32


def test_a_new_series_does_not_inherit_points(small_engine, clock):
    for number in range(100):
        name = f"s{number}"
        small_engine.count(name, 1_000)
        small_engine.fold()
        small_engine.delete(name)
        clock.advance(1)
        small_engine.purge(0)
        small_engine.count("fresh", 1)
        assert small_engine.query("fresh", START_S, clock.now_s + 1, step="1h").sums.sum() == number + 1


def test_a_name_that_another_engine_call_deleted_is_resolved_again(engine):
    names = ["x", "y"]
    engine.write(names, Kind.COUNTER, None, [1.0, 1.0])
    engine.delete("x")

    engine.write(names, Kind.COUNTER, None, [1.0, 1.0])

    assert total(engine, "x") == 1
    assert total(engine, "y") == 2

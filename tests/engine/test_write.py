"""Writing: what is accepted, what is refused and with which words, and that a batch is stored whole or not at all."""

import math

import numpy as np
import pytest

from statflow_engine import Batch, Kind, KindError, LimitError, PointError, UnknownSeriesError
from tests.clocks import START_S

DAY_S = 86_400


def total(engine, name, namespace=""):
    """Sum over everything that the day around now shows."""
    window = engine.query(name, START_S - DAY_S + 3_600, START_S + 2 * DAY_S, step="1h", namespace=namespace)
    return window.counts.sum(), window.sums.sum()


# --- one point ---


def test_a_count_makes_a_counter(engine):
    receipt = engine.count("page views")

    assert (receipt.points, receipt.replayed) == (1, False)
    assert engine.find("page views").kind is Kind.COUNTER
    assert total(engine, "page views") == (1, 1.0)


def test_a_value_makes_a_value(engine):
    engine.value("response time", 42.5)

    assert engine.find("response time").kind is Kind.VALUE
    assert total(engine, "response time") == (1, 42.5)


def test_counts_add_up_and_values_are_kept_apart(engine):
    engine.count("c", 2)
    engine.count("c", 0.5)
    engine.value("v", 10)
    engine.value("v", -4)

    counter = engine.query("c", START_S, START_S + 60, step="1m")
    value = engine.query("v", START_S, START_S + 60, step="1m")
    assert (counter.counts[0], counter.sums[0]) == (2, 2.5)
    assert (value.counts[0], value.sums[0], value.mins[0], value.maxs[0]) == (2, 6.0, -4.0, 10.0)


def test_a_point_without_a_time_is_of_now(engine, clock):
    clock.advance(90.7)

    engine.count("c")

    window = engine.query("c", START_S, START_S + 180, step="1m")
    assert window.counts.tolist() == [0, 1, 0]


def test_a_point_lies_in_the_period_of_its_time(engine):
    for time_s in (START_S - 1, START_S, START_S + 59, START_S + 60):
        engine.count("c", 1, time_s)

    window = engine.query("c", START_S - 60, START_S + 120, step="1m")
    assert window.counts.tolist() == [1, 2, 1]


# --- batches ---


def test_a_batch_has_a_name_a_point(engine):
    receipt = engine.write(["a", "b", "a"], Kind.COUNTER, [START_S, START_S, START_S], [1.0, 2.0, 3.0])

    assert receipt.points == 3
    assert total(engine, "a") == (2, 4.0)
    assert total(engine, "b") == (1, 2.0)


def test_a_batch_may_name_series_once_and_have_an_index_a_point(engine):
    names = (["a", "b"], np.array([0, 1, 1, 0, 0]))

    engine.write(names, Kind.VALUE, np.full(5, START_S), np.arange(5.0))

    assert total(engine, "a") == (3, 7.0)
    assert total(engine, "b") == (2, 3.0)


def test_a_name_that_no_point_uses_makes_no_series(engine):
    engine.write((["used", "unused"], np.array([0])), Kind.COUNTER, None, [1.0])

    assert [series.name for series in engine.series()] == ["used"]


def test_a_batch_without_times_is_of_now(engine):
    engine.write(["a", "b"], Kind.COUNTER, None, [1.0, 2.0])

    assert engine.query("b", START_S, START_S + 60, step="1m").sums.tolist() == [2.0]


def test_a_batch_may_mix_kinds(engine):
    engine.write(["c", "v", "c"], [0, 1, 0], None, [1.0, 2.0, 3.0])

    assert engine.find("c").kind is Kind.COUNTER
    assert engine.find("v").kind is Kind.VALUE
    assert total(engine, "v") == (1, 2.0)


def test_kind_minus_one_takes_the_kind_that_is_there_and_makes_counters(engine):
    engine.value("v", 1.0)

    engine.write(["v", "new"], -1, None, [3.0, 4.0])
    engine.write(["v", "new"], [-1, -1], None, [3.0, 4.0])

    assert engine.find("v").kind is Kind.VALUE
    assert engine.find("new").kind is Kind.COUNTER
    assert total(engine, "v") == (3, 7.0)
    assert total(engine, "new") == (2, 8.0)


def test_kind_minus_one_follows_the_point_before_it_in_the_batch(engine):
    engine.write(["x", "x"], [1, -1], None, [1.0, 2.0])

    assert engine.find("x").kind is Kind.VALUE
    assert total(engine, "x") == (2, 3.0)


def test_an_empty_batch_is_fine(engine):
    assert engine.write([], Kind.COUNTER, [], []).points == 0
    assert engine.write([], [], None, np.zeros(0)).points == 0
    assert engine.series() == []


def test_many_series_and_more_than_a_group_in_one_batch(engine):
    names = [f"s{number}" for number in range(200)]

    engine.write(names, Kind.COUNTER, None, np.arange(200.0))

    windows = engine.query_many(["s*"], START_S, START_S + 60, step="1m")
    assert len(windows) == 200
    assert {window.name: window.sums[0] for window in windows} == {name: float(i) for i, name in enumerate(names)}


def test_namespaces_are_apart(engine):
    engine.count("x", 1, namespace="owner:live")
    engine.value("x", 2, namespace="owner:test")
    engine.count("x", 4)

    assert total(engine, "x", "owner:live") == (1, 1.0)
    assert total(engine, "x", "owner:test") == (1, 2.0)
    assert total(engine, "x") == (1, 4.0)
    assert sorted(engine.namespaces()) == ["", "owner:live", "owner:test"]


def test_arrays_handed_in_may_be_changed_afterwards(engine):
    times_s, values = np.full(3, START_S), np.ones(3)
    pending = engine.stage(Batch((["x"], np.zeros(3, int)), Kind.COUNTER, times_s, values))

    values[:] = 100.0
    times_s[:] = START_S + 3_600
    engine.commit()

    assert pending.result().points == 3
    assert engine.query("x", START_S, START_S + 7_200, step="1h").sums.tolist() == [3.0, 0.0]


# --- what a series knows ---


def test_a_series_knows_when_it_was_made_and_last_received(engine, clock):
    engine.count("x")
    clock.advance(100)
    engine.count("x", 1, START_S)
    engine.count("y")

    found = engine.find("x")
    assert (found.name, found.namespace, found.created_s) == ("x", "", START_S)
    assert found.received_s == START_S + 100
    assert found.id != engine.find("y").id


def test_an_unknown_name_is_refused(engine):
    with pytest.raises(UnknownSeriesError, match="nobody"):
        engine.find("nobody")


def test_series_are_listed_in_pages(engine):
    engine.write([f"s{number}" for number in range(150)], [number % 2 for number in range(150)], None, np.ones(150))

    pages, after = [], None
    while page := engine.series(limit=40, after=after):
        pages.append(page)
        after = page[-1].id

    assert [len(page) for page in pages] == [40, 40, 40, 30]
    assert len({series.name for page in pages for series in page}) == 150
    ids = [series.id for page in pages for series in page]
    assert ids == sorted(ids)


def test_series_are_found_by_glob_or_by_words(engine):
    engine.write(["web page views", "page loads", "cpu web-1", "cpu web-2"], Kind.COUNTER, None, np.ones(4))

    def names(pattern):
        return sorted(series.name for series in engine.series(pattern=pattern))

    assert names("cpu *") == ["cpu web-1", "cpu web-2"]
    assert names("cpu web-?") == ["cpu web-1", "cpu web-2"]
    assert names("page web") == ["web page views"]
    assert names("page") == ["page loads", "web page views"]
    assert names("nothing") == []
    assert len(names("")) == 4


def test_a_name_is_trimmed_and_composed(engine):
    engine.write(["caf\u00e9", "cafe\u0301", "  caf\u00e9 "], Kind.COUNTER, None, [1.0, 2.0, 4.0])
    engine.count("cafe\u0301", 8)

    assert [series.name for series in engine.series()] == ["caf\u00e9"]
    for name in ("caf\u00e9", "cafe\u0301", " caf\u00e9  "):
        assert engine.query(name, START_S, START_S + 60, step="1m").sums.tolist() == [15.0]
        assert engine.find(name).name == "caf\u00e9"


# --- refusals ---


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "stat name is empty"),
        ("n" * 256, "stat name is longer than 255 characters"),
        ("a\nb", "stat name has control characters"),
        ("a\0b", "stat name has control characters"),
        ("a\x7fb", "stat name has control characters"),
    ],
)
def test_a_bad_name_is_refused(engine, name, reason):
    with pytest.raises(PointError) as caught:
        engine.write(["fine", name], Kind.COUNTER, None, [1.0, 1.0])

    assert caught.value.reason == reason
    assert caught.value.index == 1
    assert engine.series() == []


@pytest.mark.parametrize("name", ["n" * 255, "😀" * 255, "a/b?c=d&e", 'say "hi"', "ä~ö", "*", "[x]", "' OR 1=1"])
def test_any_other_name_goes(engine, name):
    engine.count(name)

    assert engine.find(name).name == name
    assert engine.query(name, START_S, START_S + 60, step="1m").counts.tolist() == [1]
    assert [window.name for window in engine.query_many([name], START_S, START_S + 60, step="1m")] == [name]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("kind", list(Kind))
def test_a_number_that_is_not_finite_is_refused(engine, value, kind):
    with pytest.raises(PointError) as caught:
        engine.write(["a", "b", "c"], kind, None, [1.0, 1.0, value])

    assert (caught.value.reason, caught.value.index) == ("value must be a finite number", 2)
    assert engine.series() == []


@pytest.mark.parametrize(("kind", "reason"), [(0, "count out of range"), (1, "value out of range")])
def test_a_number_beyond_1e200_is_refused(engine, kind, reason):
    engine.write(["x", "y"], kind, None, [1e200, -1e200])

    for value in (1.1e200, -1.1e200):
        with pytest.raises(PointError) as caught:
            engine.write(["x", "y"], kind, None, [1.0, value])
        assert (caught.value.reason, caught.value.index) == (reason, 1)


@pytest.mark.parametrize(
    ("time_s", "reason"),
    [
        (0, "t must be Unix seconds"),
        (-5, "t must be Unix seconds"),
        (START_S * 1_000, "t must be Unix seconds"),
        (START_S + DAY_S + 1, "t is more than one day ahead"),
        (1_000, "t is older than the retention (18250 days)"),
    ],
)
def test_a_time_out_of_range_is_refused(engine, time_s, reason):
    with pytest.raises(PointError) as caught:
        engine.write(["a", "b"], Kind.COUNTER, [START_S, time_s], [1.0, 1.0])

    assert (caught.value.reason, caught.value.index) == (reason, 1)
    assert engine.series() == []


def test_a_point_may_be_a_whole_day_early(engine):
    engine.count("x", 1, START_S + DAY_S)

    window = engine.query("x", START_S + DAY_S, START_S + DAY_S + 60, step="1m")
    assert window.counts.tolist() == [1]


def test_a_point_may_be_as_old_as_the_coarsest_ring(engine):
    oldest_s = engine.schema.coarsest.reach_s(START_S)

    engine.count("x", 1, oldest_s)
    with pytest.raises(PointError, match="older than the retention"):
        engine.count("x", 1, oldest_s - 1)

    assert engine.query("x", oldest_s, oldest_s + DAY_S, step="1d").counts.tolist() == [1]


@pytest.mark.parametrize(
    ("names", "kinds", "times_s", "values"),
    [
        (["a", "b"], 0, [START_S], [1.0, 2.0]),
        (["a", "b"], 0, None, [1.0]),
        (["a", "b"], [0], None, [1.0, 2.0]),
        ((["a"], [0, 1]), 0, None, [1.0, 2.0]),
        ((["a"], [0, -1]), 0, None, [1.0, 2.0]),
        (["a"], 2, None, [1.0]),
        (["a"], -2, None, [1.0]),
        (["a"], [7], None, [1.0]),
    ],
)
def test_columns_that_do_not_fit_together_are_refused(engine, names, kinds, times_s, values):
    with pytest.raises((PointError, ValueError)):
        engine.write(names, kinds, times_s, values)

    assert engine.series() == []


def test_a_series_keeps_its_kind(engine):
    engine.count("c")
    engine.value("v", 1.0)

    with pytest.raises(KindError, match='"c" is a counter: send count') as counter:
        engine.value("c", 1.0)
    with pytest.raises(KindError, match='"v" is a value: send value') as value:
        engine.write(["ok", "v"], [0, 0], None, [1.0, 1.0])

    assert (counter.value.name, counter.value.kind) == ("c", Kind.COUNTER)
    assert (value.value.name, value.value.kind, value.value.index) == ("v", Kind.VALUE, 1)
    assert [series.name for series in engine.series()] == ["c", "v"]


def test_a_batch_that_contradicts_itself_is_refused(engine):
    with pytest.raises(KindError) as caught:
        engine.write(["x", "y", "x"], [0, 0, 1], None, [1.0, 1.0, 1.0])

    assert (caught.value.name, caught.value.index) == ("x", 2)
    assert engine.series() == []


def test_one_bad_point_of_a_thousand_leaves_nothing(engine):
    values = np.ones(1_000)
    values[17] = math.nan

    with pytest.raises(PointError, match="point 17: value must be a finite number"):
        engine.write([f"s{i}" for i in range(1_000)], Kind.COUNTER, None, values)

    assert engine.series() == []
    assert engine.status().journal_rows == 0


# --- stage and commit ---


def test_a_staged_batch_knows_its_outcome_after_the_commit(engine):
    pending = engine.stage(Batch(["x"], Kind.COUNTER, None, [1.0]))

    assert not pending.done
    engine.commit()
    assert pending.done
    assert pending.result().points == 1
    assert total(engine, "x") == (1, 1.0)


def test_a_bad_point_is_refused_when_it_is_staged(engine):
    with pytest.raises(PointError):
        engine.stage(Batch(["x"], Kind.COUNTER, None, [math.nan]))
    engine.commit()

    assert engine.series() == []


def test_a_conflict_within_a_shared_commit_fails_alone_and_in_order(engine):
    batches = [
        Batch(["x", "a"], Kind.COUNTER, None, [1.0, 1.0]),
        Batch(["b", "x"], Kind.VALUE, None, [1.0, 1.0]),
        Batch(["x", "c"], Kind.COUNTER, None, [2.0, 1.0]),
    ]

    first, second, third = [engine.stage(batch) for batch in batches]
    engine.commit()

    assert first.result().points == 2
    with pytest.raises(KindError) as caught:
        second.result()
    assert (caught.value.name, caught.value.index) == ("x", 1)
    assert third.result().points == 2
    assert total(engine, "x") == (2, 3.0)
    assert sorted(series.name for series in engine.series()) == ["a", "c", "x"]


def test_a_commit_of_nothing_is_fine(engine):
    engine.commit()

    assert engine.status().journal_records == 0


# --- series limit ---


def test_a_series_limit_refuses_a_new_series_but_not_new_points(engine):
    engine.write(["a", "b"], Kind.COUNTER, None, [1.0, 1.0], series_limit=2)

    with pytest.raises(LimitError) as caught:
        engine.write(["a", "c"], Kind.COUNTER, None, [1.0, 1.0], series_limit=2)

    assert (caught.value.limit_name, caught.value.limit, caught.value.index) == ("series", 2, 1)
    assert engine.write(["a", "b"], Kind.COUNTER, None, [1.0, 1.0], series_limit=2).points == 2
    assert total(engine, "a") == (2, 2.0)


def test_a_series_limit_counts_one_namespace(engine):
    engine.write(["a", "b"], Kind.COUNTER, None, [1.0, 1.0], namespace="one")

    assert engine.write(["a"], Kind.COUNTER, None, [1.0], namespace="two", series_limit=1).points == 1


def test_a_deleted_series_makes_room_under_the_limit(engine):
    engine.write(["a", "b"], Kind.COUNTER, None, [1.0, 1.0], series_limit=2)
    engine.delete("a")

    assert engine.write(["c"], Kind.COUNTER, None, [1.0], series_limit=2).points == 1


def test_a_refused_series_limit_leaves_no_series_behind(engine):
    with pytest.raises(LimitError):
        engine.write(["a", "b", "c"], Kind.COUNTER, None, [1.0, 1.0, 1.0], series_limit=2)

    assert engine.series() == []
    assert engine.write(["a", "b"], Kind.COUNTER, None, [1.0, 1.0], series_limit=2).points == 2

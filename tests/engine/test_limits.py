"""Everything has a limit with a name: at each limit it works, one over it is refused and says so."""

import numpy as np
import pytest

import statflow_engine
from statflow_engine import (
    JournalFullError,
    Kind,
    LimitError,
    Limits,
    PointError,
    QueryError,
    Schema,
    SchemaError,
    StoreFullError,
)
from tests.clocks import START_S

HOUR_S, DAY_S = 3_600, 86_400
MIB = 1 << 20


@pytest.fixture
def open_with(tmp_path, clock):
    """Opens the test's store with the limits given; what was opened is checked and closed at the end."""
    opened = []

    def open_with(**limits):
        engine = statflow_engine.open(tmp_path, schema="1m:2h, 10m:1d", clock=clock, limits=Limits(**limits))
        opened.append(engine)
        return engine

    yield open_with
    for engine in opened:
        assert list(engine.check()) == []
        engine.close()


def write(engine, count, name="c", **options):
    return engine.write((["c" if name is None else name], np.zeros(count, int)), 0, None, np.ones(count), **options)


def test_points_of_a_batch(open_with):
    engine = open_with(batch_points=10)

    assert write(engine, 10).points == 10
    with pytest.raises(PointError, match="11 points in a batch, at most 10"):
        write(engine, 11)
    assert engine.query("c", START_S, START_S + 60, step="1m").counts.tolist() == [10]


def test_characters_of_a_name(engine):
    for letter in ("n", "ä", "😀"):
        engine.count(letter * 255)
        with pytest.raises(PointError, match="longer than 255 characters"):
            engine.count(letter * 256)


def test_characters_of_an_idempotency_key(engine):
    engine.write(["x"], 0, None, [1.0], idempotency="k" * 255)
    for key in ("k" * 256, ""):
        with pytest.raises(PointError, match="idempotency key"):
            engine.write(["x"], 0, None, [1.0], idempotency=key)


def test_idempotency_keys_of_a_namespace(open_with, clock):
    engine = open_with(idempotency_keys=5)
    for number in range(6):
        write(engine, 1, idempotency=f"key {number}")
        clock.advance(1)

    # The oldest went, so it is a new request now; the others are still known.
    assert [write(engine, 1, idempotency=f"key {number}").replayed for number in (5, 4, 3, 2, 1)] == [True] * 5
    assert write(engine, 1, idempotency="key 0").replayed is False


def test_a_meter(engine):
    assert write(engine, 10, meters=[("points", 10)]).points == 10
    with pytest.raises(LimitError, match="limit of 10 exceeded: points"):
        write(engine, 1, meters=[("points", 10)])


def test_series_of_a_namespace(engine):
    engine.write(["a", "b", "c"], 0, None, np.ones(3), series_limit=3)
    with pytest.raises(LimitError, match="limit of 3 exceeded: series"):
        engine.write(["d"], 0, None, [1.0], series_limit=3)


def test_series_of_a_query(open_with):
    engine = open_with(series_per_query=3)
    engine.write(["a", "b", "c"], 0, None, np.ones(3))
    assert len(engine.query_many(["*"], START_S, START_S + 60, step="1m")) == 3

    engine.count("d")

    with pytest.raises(QueryError, match="3"):
        engine.query_many(["*"], START_S, START_S + 60, step="1m")


def test_rows_of_an_answer(tmp_path, clock):
    with statflow_engine.open(tmp_path, schema="1s:30d", clock=clock) as engine:
        engine.count("c")
        assert len(engine.query("c", START_S - 1_000_000, START_S, step="1s")) == 1_000_000
        with pytest.raises(QueryError, match="at most 1000000"):
            engine.query("c", START_S - 1_000_001, START_S, step="1s")


def test_the_age_of_a_point(small_engine):
    oldest_s = small_engine.schema.coarsest.reach_s(START_S)

    small_engine.count("c", 1, oldest_s)
    with pytest.raises(PointError, match=r"older than the retention \(7 days\)"):
        small_engine.count("c", 1, oldest_s - 1)


def test_the_earliness_of_a_point(small_engine):
    small_engine.count("c", 1, START_S + DAY_S)
    with pytest.raises(PointError, match="more than one day ahead"):
        small_engine.count("c", 1, START_S + DAY_S + 1)


def test_rings_of_a_schema():
    rings = [f"{10 * 2**number}s:{100_000 * 2**number}s" for number in range(9)]

    assert len(Schema.parse(", ".join(rings[:8])).rings) == 8
    with pytest.raises(SchemaError, match="1 to 8 rings, not 9"):
        Schema.parse(", ".join(rings))


def test_rows_of_the_journal_before_a_writer_folds(open_with):
    engine = open_with(journal_rows_soft=100, fold_rows=100)
    for _ in range(30):
        write(engine, 50)
        assert engine.status().journal_rows <= 200
    assert engine.query("c", START_S, START_S + 60, step="1m").counts.tolist() == [1_500]


def test_rows_of_the_journal_before_writes_are_refused(open_with):
    engine = open_with(journal_rows_soft=10**9, journal_rows_hard=100)

    write(engine, 100)
    with pytest.raises(JournalFullError, match="wait to be folded, at most 100"):
        write(engine, 1)
    assert engine.query("c", START_S, START_S + 60, step="1m").counts.tolist() == [100]

    engine.fold()
    write(engine, 1)
    assert engine.query("c", START_S, START_S + 60, step="1m").counts.tolist() == [101]


def test_a_batch_that_alone_passes_the_hard_limit_is_refused_whole(open_with):
    engine = open_with(journal_rows_soft=10**9, journal_rows_hard=100)

    with pytest.raises(JournalFullError):
        write(engine, 101)
    assert engine.series() == []


def test_names_kept_in_memory_only_cost_time(open_with):
    engine = open_with(names_cached=10)
    names = [f"s{number}" for number in range(100)]
    for _ in range(3):
        engine.write(names, 0, None, np.ones(100))

    assert len(engine.series()) == 100
    assert {window.counts[0] for window in engine.query_many(["s*"], START_S, START_S + 60, step="1m")} == {3}


def test_the_disk_reserve(open_with, tmp_path):
    engine = open_with(disk_reserve_bytes=1 << 60)

    with pytest.raises(StoreFullError, match="disk"):
        write(engine, 1)
    assert "disk" in (engine.status().refusal or "")
    assert engine.series() == []
    engine.fold()


def test_the_map_is_never_full_because_writes_are_refused_before(open_with, clock):
    engine = open_with(map_bytes=4 * MIB, disk_reserve_bytes=0, disk_reserve_fraction=0.0)
    names = [f"s{number}" for number in range(500)]
    accepted = 0
    try:
        while accepted < 10_000:
            engine.write(names, 1, None, np.random.default_rng(accepted).random(500))
            accepted += 1
    except StoreFullError as error:
        refusal = str(error)

    assert "map" in refusal
    assert accepted > 10
    assert engine.status().used_bytes <= 4 * MIB
    engine.fold()
    windows = engine.query_many(["s*"], START_S, START_S + 60, step="1m")
    assert {int(window.counts[0]) for window in windows} == {accepted}
    # Folding has made room: a few hundred cells are less than all the points in the journal were.
    engine.write(names, 1, None, np.ones(500))


def test_the_map_is_of_one_size_for_all(tmp_path, clock):
    with statflow_engine.open(tmp_path, clock=clock, limits=Limits(map_bytes=64 * MIB)) as engine:
        assert engine.status().map_bytes == 64 * MIB
    with statflow_engine.open(tmp_path, clock=clock) as engine:
        assert engine.status().map_bytes == 64 * MIB


def test_the_status_tells_sizes(engine):
    before = engine.status()
    write(engine, 1_000)
    after = engine.status()

    assert (before.journal_rows, before.journal_records) == (0, 0)
    assert (after.journal_rows, after.journal_records) == (1_000, 1)
    assert 0 < after.used_bytes < after.map_bytes
    assert after.disk_free_bytes > 0
    assert after.refusal is None


def test_the_status_says_that_a_full_journal_refuses(tmp_path, clock):
    limits = Limits(journal_rows_hard=100, fold_rows=1_000_000, journal_rows_soft=1_000_000)
    with statflow_engine.open(tmp_path, clock=clock, limits=limits) as engine:
        write(engine, 99)
        assert engine.status().refusal is None
        write(engine, 1)
        assert engine.status().refusal == "101 points wait to be folded, at most 100 may: try again in a second"


def test_the_status_tells_how_long_the_oldest_point_waits_for_its_fold(engine, clock):
    assert engine.status().fold_lag_s == 0
    write(engine, 1)
    clock.advance(90)
    write(engine, 1)

    assert engine.status().fold_lag_s == 90
    assert engine.status().fold_overdue_s == 0
    clock.advance(64 * 60)
    assert engine.status().fold_overdue_s == 90
    engine.fold()
    assert engine.status().fold_lag_s == 0


def test_kinds_are_two():
    assert [str(kind) for kind in Kind] == ["counter", "value"]

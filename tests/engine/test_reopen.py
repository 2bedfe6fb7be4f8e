"""Opening again: what was acknowledged is there, and a store is opened as what it is."""

import os
import stat

import numpy as np
import pytest

import statflow_engine
from statflow_engine import Kind, SchemaError, StoreClosedError, StoreError
from tests.clocks import START_S, StoppedClock

HOUR_S, DAY_S = 3_600, 86_400


def test_everything_is_there_after_opening_again(tmp_path, clock):
    with statflow_engine.open(tmp_path, clock=clock) as engine:
        engine.write(["c", "v"], [0, 1], None, [2.0, 3.0])
        engine.fold()
        engine.write(["c", "v", "gone"], [0, 1, 0], None, [20.0, 30.0, 1.0])
        engine.delete("gone")
        ids = {series.name: series.id for series in engine.series()}
    for _ in range(2):
        with statflow_engine.open(tmp_path, clock=clock) as engine:
            assert engine.query("c", START_S, START_S + 60, step="1m").sums.tolist() == [22.0]
            assert engine.query("v", START_S, START_S + 60, step="1m").maxs.tolist() == [30.0]
            assert {series.name: series.id for series in engine.series()} == ids
            assert [trashed.name for trashed in engine.trash()] == ["gone"]
            assert list(engine.check()) == []


def test_the_default_schema_is_kept(tmp_path, clock):
    with statflow_engine.open(tmp_path, clock=clock) as engine:
        assert str(engine.schema) == "1m:90d, 1h:5y, 1d:50y"
    with statflow_engine.open(tmp_path, schema="1m:90d, 1h:5y, 1d:50y", clock=clock) as engine:
        assert str(engine.schema) == "1m:90d, 1h:5y, 1d:50y"


def test_a_store_has_one_schema_and_opens_without_naming_it(tmp_path, clock):
    with statflow_engine.open(tmp_path, schema="10s:1h, 1m:1d", clock=clock):
        pass
    with statflow_engine.open(tmp_path, clock=clock) as engine:
        assert str(engine.schema) == "10s:1h, 1m:1d"


def test_another_schema_is_refused_naming_both(tmp_path, clock):
    with statflow_engine.open(tmp_path, schema="10s:1h, 1m:1d", clock=clock) as engine:
        engine.count("x")
    with pytest.raises(SchemaError) as caught:
        statflow_engine.open(tmp_path, schema="1m:1d", clock=clock)

    assert "10s:1h, 1m:1d" in str(caught.value)
    assert "1m:1d" in str(caught.value).replace("10s:1h, 1m:1d", "")
    with statflow_engine.open(tmp_path, clock=clock) as engine:
        assert engine.query("x", START_S, START_S + 60, step="1m").counts.tolist() == [1]


@pytest.mark.parametrize("schema", ["", "1m", "1h:1d, 1m:1h", "7s:70s, 1m:1d", "1m:0d", "1m:1d, 1h:2h", "x:y"])
def test_rings_that_do_not_fit_are_refused_before_anything_is_made(tmp_path, clock, schema):
    with pytest.raises(SchemaError):
        statflow_engine.open(tmp_path / "store", schema=schema, clock=clock)

    assert list(tmp_path.iterdir()) == []
    with statflow_engine.open(tmp_path / "store", clock=clock) as engine:
        assert str(engine.schema) == "1m:90d, 1h:5y, 1d:50y"


def test_the_path_may_be_text_and_need_not_exist(tmp_path, clock):
    path = str(tmp_path / "new" / "store")
    with statflow_engine.open(path, clock=clock) as engine:
        assert os.fspath(engine.path) == path
        engine.count("x")
    assert os.path.isdir(path)


def test_the_files_are_for_the_owner_only(tmp_path, clock):
    with statflow_engine.open(tmp_path / "store", clock=clock):
        pass

    assert stat.S_IMODE(os.stat(tmp_path / "store").st_mode) == 0o700
    for name in os.listdir(tmp_path / "store"):
        assert stat.S_IMODE(os.stat(tmp_path / "store" / name).st_mode) & 0o077 == 0


def test_a_closed_engine_refuses_everything(tmp_path, clock):
    engine = statflow_engine.open(tmp_path, clock=clock)
    engine.count("x")
    engine.close()

    for use in (
        lambda: engine.count("x"),
        lambda: engine.value("x", 1.0),
        lambda: engine.write(["x"], Kind.COUNTER, None, [1.0]),
        lambda: engine.query("x"),
        lambda: engine.query_many(["*"]),
        lambda: engine.find("x"),
        lambda: engine.series(),
        lambda: engine.delete("x"),
        lambda: engine.fold(),
        lambda: engine.meter("m"),
        lambda: engine.status(),
        lambda: list(engine.check()),
    ):
        with pytest.raises(StoreClosedError):
            use()


def test_closing_twice_is_fine(tmp_path, clock):
    engine = statflow_engine.open(tmp_path, clock=clock)
    engine.close()
    engine.close()

    with pytest.raises(StoreClosedError):
        engine.count("x")


def test_closing_commits_what_is_staged(tmp_path, clock):
    with statflow_engine.open(tmp_path, clock=clock) as engine:
        pending = engine.stage(statflow_engine.Batch(["x"], Kind.COUNTER, None, [1.0]))
    assert pending.done
    with statflow_engine.open(tmp_path, clock=clock) as engine:
        assert engine.query("x", START_S, START_S + 60, step="1m").counts.sum() == (1 if _succeeded(pending) else 0)


def _succeeded(pending):
    """Whether a batch staged before the close was stored; either is right, so long as it says so."""
    try:
        return pending.result().points == 1
    except StoreError:
        return False


def test_opening_one_folder_twice_in_a_process_shares_it_or_is_refused(tmp_path, clock):
    """LMDB loses its locks when a process opens a file twice: never may the two work past each other."""
    with statflow_engine.open(tmp_path, clock=clock) as first:
        first.count("x")
        try:
            second = statflow_engine.open(tmp_path, clock=clock)
        except StoreError:
            return
        with second:
            second.count("x")
            assert first.query("x", START_S, START_S + 60, step="1m").counts.tolist() == [2]
        first.count("x")
        assert first.query("x", START_S, START_S + 60, step="1m").counts.tolist() == [3]


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_store_where_a_file_lies_is_refused(tmp_path, place):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StoreError, match="cannot make the folder"):
        statflow_engine.open(tmp_path / place)


def test_a_failed_opening_leaves_the_folder_to_others(tmp_path, clock):
    with statflow_engine.open(tmp_path, schema="1m:1d", clock=clock):
        pass
    for _ in range(3):
        with pytest.raises(SchemaError):
            statflow_engine.open(tmp_path, schema="1m:2d", clock=clock)
    with statflow_engine.open(tmp_path, clock=clock) as engine:
        engine.count("x")


def test_a_clock_before_the_build_date_refuses_writes_but_reads(tmp_path, clock):
    with statflow_engine.open(tmp_path, clock=clock) as engine:
        engine.count("x")
    wrong = StoppedClock(1_000)
    with statflow_engine.open(tmp_path, clock=wrong) as engine:
        with pytest.raises(StoreError, match="server clock is wrong"):
            engine.count("x")
        assert engine.status().refusal is not None
        assert engine.find("x").name == "x"
        wrong.set(START_S)
        engine.count("x")
        assert engine.query("x", START_S, START_S + 60, step="1m").counts.tolist() == [2]
        assert engine.status().refusal is None


def test_a_store_that_is_reopened_again_and_again_stays_right(tmp_path, clock):
    expected = 0
    for number in range(30):
        with statflow_engine.open(tmp_path, schema="1m:2h, 10m:1d, 1h:7d", clock=clock) as engine:
            engine.write((["c"], np.zeros(10, int)), Kind.COUNTER, None, np.ones(10))
            expected += 10
            if number % 3 == 0:
                engine.fold()
            hours = engine.query("c", START_S, START_S + 6 * DAY_S, step="1h")
            assert hours.counts.sum() == expected
            assert list(engine.check()) == []
        clock.advance(2 * HOUR_S)

"""Several threads of one process: they share commits, and each is told the truth about its own batch."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import statflow_engine
from statflow_engine import Batch, Kind, KindError, LimitError, Limits, StoreError
from tests.clocks import START_S

THREADS = 8


def in_threads(work, count=THREADS):
    """What the work returned for 0, 1, ... in as many threads at once; raises what one raised."""
    barrier = threading.Barrier(count)

    def run(number):
        barrier.wait()
        return work(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def counts(engine, name):
    return engine.query(name, START_S, START_S + 60, step="1m").counts[0]


def test_points_of_all_threads_are_stored(engine):
    def work(number):
        for _ in range(50):
            engine.count("shared")
            engine.count(f"own {number}")

    in_threads(work)

    assert counts(engine, "shared") == 50 * THREADS
    assert {counts(engine, f"own {number}") for number in range(THREADS)} == {50}


def test_each_thread_reads_its_own_writes(engine):
    def work(number):
        for written in range(1, 40):
            engine.value(f"v{number}", written)
            window = engine.query(f"v{number}", START_S, START_S + 60, step="1m")
            assert (window.counts[0], window.maxs[0]) == (written, written)

    in_threads(work)


def test_threads_that_wait_share_commits(engine):
    def work(number):
        for _ in range(100):
            engine.count("x")

    in_threads(work)

    assert engine.status().journal_rows == 100 * THREADS
    assert engine.status().journal_records < 100 * THREADS


def test_a_new_name_used_by_all_at_once_is_one_series(engine):
    for round_ in range(20):
        in_threads(lambda number, round_=round_: engine.count(f"new {round_}"))

    assert len(engine.series()) == 20
    assert {counts(engine, f"new {round_}") for round_ in range(20)} == {THREADS}


def test_of_two_kinds_at_once_one_wins_and_the_others_are_told(engine):
    def work(number):
        try:
            engine.write(["x"], number % 2, None, [1.0])
        except KindError:
            return None
        return Kind(number % 2)

    outcomes = in_threads(work)

    stored = [kind for kind in outcomes if kind is not None]
    assert len(set(stored)) == 1
    assert len(stored) == THREADS // 2
    assert counts(engine, "x") == len(stored)


def test_a_meter_is_exact_among_threads(engine):
    def work(number):
        accepted = 0
        for _ in range(20):
            try:
                accepted += engine.write(["x"], 0, None, [1.0], meters=[("m", 50)]).points
            except LimitError:
                pass
        return accepted

    assert sum(in_threads(work)) == 50
    assert engine.meter("m") == 50
    assert counts(engine, "x") == 50


def test_a_key_is_stored_once_among_threads(engine):
    receipts = in_threads(lambda number: engine.write(["x"], 0, [START_S], [1.0], idempotency="key"))

    assert sorted(receipt.replayed for receipt in receipts) == [False] + [True] * (THREADS - 1)
    assert counts(engine, "x") == 1


def test_staging_and_committing_from_several_threads(engine):
    def work(number):
        pendings = [engine.stage(Batch(["x"], 0, None, [1.0])) for _ in range(20)]
        engine.commit()
        return sum(pending.result().points for pending in pendings)

    assert sum(in_threads(work)) == 20 * THREADS
    assert counts(engine, "x") == 20 * THREADS


def test_folding_beside_writers_and_readers_loses_nothing(tmp_path, clock):
    limits = Limits(journal_rows_soft=300, fold_rows=200, step_bytes=2_048)
    names = [f"s{number}" for number in range(100)]
    with statflow_engine.open(tmp_path, schema="1m:2h, 10m:1d", clock=clock, limits=limits) as engine:
        stop = threading.Event()
        failures = []

        def fold():
            while not stop.is_set():
                engine.fold()

        def read():
            seen = 0
            while not stop.is_set():
                windows = engine.query_many(["s*"], START_S, START_S + 600, step="10m")
                total = sum(int(window.counts.sum()) for window in windows)
                if total < seen or total % 100:
                    failures.append((seen, total))
                seen = total

        helpers = [threading.Thread(target=fold), threading.Thread(target=read)]
        for helper in helpers:
            helper.start()
        try:
            in_threads(lambda number: [engine.write(names, 0, None, np.ones(100)) for _ in range(20)], 4)
        finally:
            stop.set()
            for helper in helpers:
                helper.join()

        assert failures == []
        windows = engine.query_many(["s*"], START_S, START_S + 600, step="10m")
        assert {int(window.counts.sum()) for window in windows} == {80}
        assert list(engine.check()) == []


def test_deleting_beside_writers_never_loses_an_acknowledged_point(engine):
    """Each acknowledged count is either in a series that lives or in one of the trash."""

    def work(number):
        if number == 0:
            for _ in range(20):
                try:
                    engine.delete("x")
                except statflow_engine.UnknownSeriesError:
                    pass
            return 0
        return sum(engine.count("x").points for _ in range(50))

    acknowledged = sum(in_threads(work))

    if engine.series():
        engine.delete("x")
    found = 0
    for trashed in engine.trash():
        engine.restore(trashed.id)
        found += int(counts(engine, "x"))
        engine.delete("x")
    assert found == acknowledged


def test_closing_beside_writers_refuses_or_stores(tmp_path, clock):
    engine = statflow_engine.open(tmp_path, clock=clock)
    acknowledged = [0] * THREADS

    def work(number):
        if number == 0:
            engine.close()
            return
        try:
            for _ in range(200):
                acknowledged[number] += engine.count("x").points
        except statflow_engine.StoreClosedError:
            pass

    in_threads(work)

    with statflow_engine.open(tmp_path, clock=clock) as again:
        stored = counts(again, "x") if sum(acknowledged) else 0
        assert stored == sum(acknowledged)
        assert list(again.check()) == []


@pytest.mark.parametrize("durability", ["fsync", "interval"])
def test_threads_in_both_durabilities(tmp_path, clock, durability):
    with statflow_engine.open(tmp_path, clock=clock, durability=durability, interval_s=0.01) as engine:
        in_threads(lambda number: [engine.value("v", number) for _ in range(100)])
        window = engine.query("v", START_S, START_S + 60, step="1m")

        assert (window.counts[0], window.mins[0], window.maxs[0]) == (100 * THREADS, 0.0, THREADS - 1.0)


def test_threads_that_find_the_file_dead_open_it_anew_once(engine, monkeypatch):
    """What lmdb's panic leads to; how one comes about is in test_failing_syscalls.py."""
    engine.count("x")
    environment = engine._environment
    dead, opened = environment.env, []
    really_open = environment._opened
    monkeypatch.setattr(environment, "_opened", lambda: opened.append(True) or really_open())

    in_threads(lambda number: environment.recover(dead))
    engine.count("x")

    assert len(opened) == 1
    assert engine.query("x", START_S, START_S + 60, step="1m").sums.tolist() == [2.0]


def test_a_file_that_cannot_be_opened_again_is_tried_again_by_who_comes_next(tmp_path, clock, monkeypatch):
    with statflow_engine.open(tmp_path, clock=clock) as engine:
        engine.count("x")
        environment = engine._environment
        with monkeypatch.context() as patches:
            patches.setattr(environment, "_opened", failing_disk)
            for tried in (lambda: environment.recover(environment.env), lambda: engine.count("x"), engine.status):
                with pytest.raises(StoreError, match="the disk fails"):
                    tried()

        assert engine.count("x").points == 1
        assert engine.query("x", step="1h").counts.sum() == 2


def failing_disk():
    raise StoreError("the disk fails")

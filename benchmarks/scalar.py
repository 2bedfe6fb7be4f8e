"""One call, one point: stores and bare LMDB driven by one or many threads for a fixed time."""

import hashlib
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import lmdb

import statflow_engine
from benchmarks.peers import Sqlite, Whisper
from benchmarks.workloads import EPOCH_S, Workload, churn, hot

SECONDS = {"full": 2.0, "quick": 0.7, "tiny": 0.1}
SERIES = 100
TURNS = 4


def calls_in_threads(call: Callable[[int], object], threads: int, seconds: float) -> dict[str, float]:
    """Call as often as possible from every thread; ``call`` is given a number that only grows."""
    counts = [0] * threads
    failures: list[BaseException] = []
    ready = threading.Barrier(threads + 1)
    stop = threading.Event()

    def work(thread: int) -> None:
        ready.wait()
        try:
            while not stop.is_set():
                call(thread + threads * counts[thread])
                counts[thread] += 1
        except BaseException as error:  # handed to the main thread, which raises it
            failures.append(error)

    workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    ready.wait()
    started = time.perf_counter()
    stop.wait(seconds)
    stop.set()
    for worker in workers:
        worker.join()
    elapsed = time.perf_counter() - started
    if failures:
        raise failures[0]
    return {"points": sum(counts), "seconds": elapsed, "points_per_s": sum(counts) / elapsed}


def statflow(
    folder: Path, size: str, threads: int, durability: Literal["fsync", "interval"]
) -> dict[str, dict[str, float]]:
    """What does ``count()`` cost, beside bare commits? Checked: what was acknowledged is what is kept.

    Ours and LMDB take turns, because what an fsync costs on a shared disk changes by the second.
    """
    names = hot(series_count=SERIES).names
    ours, bare = [], []
    with (
        statflow_engine.open(folder / "ours", durability=durability, clock=lambda: EPOCH_S) as engine,
        bare_environment(folder / "bare") as environment,
    ):
        for name in names:
            engine.count(name)
        for _ in range(TURNS):
            bare.append(calls_in_threads(committing(environment), 1, SECONDS[size] / TURNS))
            call = counting(engine, names)
            ours.append(calls_in_threads(call, threads, SECONDS[size] / TURNS))
        windows = engine.query_many(names, EPOCH_S - 3_600, EPOCH_S + 1, step=60)
        kept = sum(int(window.counts.sum()) for window in windows) - SERIES
    if kept != summed(ours)["points"]:
        raise AssertionError(f"{summed(ours)['points']} calls, {kept} points kept")
    return {"statflow": summed(ours), "bare lmdb": summed(bare)}


def counting(engine: statflow_engine.Engine, names: list[str]) -> Callable[[int], object]:
    return lambda number: engine.count(names[number % SERIES])


def summed(turns: list[dict[str, float]]) -> dict[str, float]:
    points, seconds = sum(turn["points"] for turn in turns), sum(turn["seconds"] for turn in turns)
    return {"points": points, "seconds": seconds, "points_per_s": points / seconds}


def peer(folder: Path, size: str, name: str) -> dict[str, float]:
    """The same by one thread on a peer: sqlite commits each point, whisper writes it and fsyncs nothing."""
    workload = Workload("SCALAR", SERIES, EPOCH_S, batches=lambda: iter(()))
    store = Whisper(folder, workload) if name == "whisper" else Sqlite(folder, workload)
    store.prepare()
    figures = calls_in_threads(lambda number: store.write_one(number % SERIES, EPOCH_S, 1.0), 1, SECONDS[size])
    store.close()
    return figures


def bare_environment(folder: Path) -> lmdb.Environment:
    return lmdb.open(os.fspath(folder), map_size=1 << 32, sync=True, metasync=True, writemap=False)


def committing(environment: lmdb.Environment) -> Callable[[int], object]:
    """The most that one thread could get: LMDB alone, a put of 48 bytes and a commit."""

    def commit(number: int) -> None:
        with environment.begin(write=True) as transaction:
            transaction.put(number.to_bytes(8, "big"), bytes(48))

    return commit


def bare_catalog(folder: Path, size_of_churn: dict[str, int]) -> dict[str, float]:
    """What is the most that new names could get: hash to id and id to name, put by LMDB alone, each batch fsynced?"""
    workload = churn(**size_of_churn)
    batch_size = size_of_churn.get("batch_size", 10_000)
    started = time.perf_counter()
    with bare_environment(folder) as environment:
        for low in range(0, workload.series_count, batch_size):
            with environment.begin(write=True) as transaction:
                for number, name in enumerate(workload.names[low : low + batch_size], low):
                    text = name.encode()
                    key = hashlib.blake2b(text, digest_size=16).digest()
                    transaction.put(key, number.to_bytes(8, "big"))
                    transaction.put(number.to_bytes(8, "big"), text)
    elapsed = time.perf_counter() - started
    return {"points": workload.series_count, "seconds": elapsed, "points_per_s": workload.series_count / elapsed}

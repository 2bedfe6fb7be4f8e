"""One measurement: one store does one workload in a folder of its own, in a process of its own.

A fresh process makes peak memory and bytes written belong to the workload alone. The parent reads the figures as
one line of JSON. A run that lost points raises: a fast store that forgets is not fast.
"""

import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from benchmarks import scalar
from benchmarks.measure import PeakMemory, Stopwatch, private_bytes, written_bytes
from benchmarks.servers import LineServer
from benchmarks.stores import STORES, StatFlow, Store
from benchmarks.workloads import DAY_S, SIZES, Points, Workload, make

Figures = dict[str, Any]

# Peers that pay for each series or each call alike do a part of the work: their cost a point does not depend on how
# much of it there is, and all of it would take many minutes. Smaller files and tables favour the peer.
PEER_SHARE: dict[tuple[str, str, str], dict[str, int]] = {
    ("full", "HOT-1000", "whisper"): {"point_count": 100_000},
    ("full", "WIDE", "whisper"): {"series_count": 10_000},
    ("full", "LONG", "whisper"): {"series_count": 250},
    ("full", "LONG", "sqlite"): {"series_count": 1_000},
    ("full", "BACKFILL", "whisper"): {"series_count": 4},
    ("full", "BACKFILL", "duckdb"): {"series_count": 2},
    ("quick", "HOT-1000", "whisper"): {"point_count": 30_000},
    ("quick", "WIDE", "whisper"): {"series_count": 4_000},
    ("quick", "LONG", "whisper"): {"series_count": 50},
    ("quick", "LONG", "sqlite"): {"series_count": 300},
    ("quick", "BACKFILL", "duckdb"): {"series_count": 2},
}


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder on a real disk, gone afterwards. tmpfs would make every fsync free, so /tmp is not asked."""
    base = Path(os.environ.get("STATFLOW_BENCH_FOLDER", Path.cwd()))
    folder = Path(tempfile.mkdtemp(prefix=".bench-", dir=base))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def workload_for(name: str, size: str, store_name: str) -> Workload:
    return make(name, size, **PEER_SHARE.get((size, name, store_name), {}))


def measure_writes(name: str, size: str, store_name: str) -> Figures:
    """What does this workload cost this store: time, bytes written, bytes kept, memory?"""
    workload = workload_for(name, size, store_name)
    with scratch_folder() as folder:
        caller_bytes = bytes_of_names(workload)
        store = STORES[store_name](folder, workload)
        store.prepare()
        kept_before = kept_points(store, workload)
        figures, sent = run_writes(store, workload)
        refuse_losses(workload, sent, kept_before, kept_points(store, workload))
        store.close()
        if isinstance(store, StatFlow):
            figures["databases"] = store.live_bytes_by_database()
            figures["opening_ms"] = opening_ms(folder)
            figures["history_points"] = store.prepared_points
        figures["live_bytes"] = store.live_bytes()
    del figures["laps"]
    figures["peak_bytes"] -= caller_bytes
    return figures | {"keeps": store.keeps, "series": workload.series_count}


def bytes_of_names(workload: Workload) -> int:
    """Makes the names, and tells what they take: they are the caller's and not the store's."""
    before = private_bytes()
    assert len(workload.names) == workload.kinds.size
    return private_bytes() - before


def run_writes(store: Store, workload: Workload) -> tuple[Figures, NDArray[np.int64]]:
    """Time the batches and whatever the store has put off; also the points sent of each series."""
    sent = np.zeros(workload.series_count, dtype=np.int64)
    watch = Stopwatch()
    wrote_before = written_bytes()
    with PeakMemory() as memory:
        for points in workload.batches():
            sent += np.bincount(points.series, minlength=sent.size)
            names = store.names_of(points)
            with watch:
                store.write(points, names)
        with watch:
            store.finish()
    total = int(sent.sum())
    laps_ms = np.array(watch.laps[:-1]) * 1e3
    figures = {
        "points": total,
        "seconds": watch.seconds,
        "points_per_s": total / watch.seconds,
        "batch_ms_p50": float(np.percentile(laps_ms, 50)),
        "batch_ms_p99": float(np.percentile(laps_ms, 99)),
        "finish_ms": watch.laps[-1] * 1e3,
        "slowdown": slowdown(np.array(watch.laps) * 1e3),
        "laps": watch.laps[:-1],
        "written_bytes": written_bytes() - wrote_before,
        "peak_bytes": memory.peak_bytes,
        "start_bytes": memory.start_bytes,
    }
    return figures, sent


def slowdown(laps_ms: NDArray[np.float64]) -> float:
    """The last fifth of the work against the first: each long enough to hold what is put off and done at once."""
    fifth = max(1, laps_ms.size // 5)
    return float(laps_ms[-fifth:].sum() / laps_ms[:fifth].sum())


def kept_points(store: Store, workload: Workload) -> dict[int, int]:
    """How many points the store has of ten series. Libraries are trusted; a server might drop what it dislikes."""
    if not isinstance(store, StatFlow | LineServer):
        return {}
    numbers = np.linspace(0, workload.series_count - 1, 10, dtype=int).tolist()
    return {number: store.point_count(number, workload.start_s - 31 * DAY_S) for number in numbers}


def refuse_losses(workload: Workload, sent: NDArray[np.int64], before: dict[int, int], after: dict[int, int]) -> None:
    for number in before:
        kept = after[number] - before[number]
        if kept != sent[number]:
            raise AssertionError(f"{workload.names[number]}: {sent[number]} points sent, {kept} kept")


def opening_ms(folder: Path) -> float:
    """How long does opening this store take, until it can answer?"""
    import statflow_engine

    started = time.perf_counter()
    with statflow_engine.open(folder) as engine:
        engine.series(limit=1)
        return (time.perf_counter() - started) * 1e3


def measure_scalar(size: str, threads: str, durability: Literal["fsync", "interval"]) -> Figures:
    with scratch_folder() as folder:
        return scalar.statflow(folder, size, int(threads), durability)


def measure_scalar_peer(size: str, store_name: str) -> Figures:
    with scratch_folder() as folder:
        return scalar.peer(folder, size, store_name)


def measure_bare_catalog(size: str) -> Figures:
    with scratch_folder() as folder:
        return scalar.bare_catalog(folder, dict(SIZES[size].get("CHURN", {})))


def measure_second_chapter(size: str) -> Figures:
    """Does a chapter take longer once another lies below it? Each of the two holds one sealing."""
    series_count = {"full": 2_000, "quick": 200, "tiny": 5}[size]
    workload = make("LONG", "full", series_count=series_count, round_count=64 + 2 * 1_024)
    with scratch_folder() as folder:
        store = STORES["statflow"](folder, workload)
        store.prepare()
        figures, _ = run_writes(store, workload)
        store.close()
    laps = figures.pop("laps")[64:]
    return figures | {"slowdown": sum(laps[1_024:]) / sum(laps[:1_024])}


def measure_long_life(size: str) -> Figures:
    """How large does the file grow when small rings go round many times? ``slowdown``: over the peak of live bytes."""
    series_count = {"full": 200, "quick": 20, "tiny": 2}[size]
    # A lap of the minute ring is a day and a half: half a day is kept, and a point may be a day early.
    workload = make("LONG", "full", series_count=series_count, round_count=9 * 1_440)
    workload = replace(workload, schema="1m:12h, 5m:1d, 1h:2d")
    watch = Stopwatch()
    peak = 0
    with scratch_folder() as folder:
        for day in each_day(workload):
            store = StatFlow(folder, workload)
            with watch:
                for points in day:
                    store.write(points, store.names_of(points))
                    if points.now_s % 3_600 == 0:
                        store.finish()
            store.close()
            peak = max(peak, store.live_bytes())
        file_bytes = (folder / "data.mdb").stat().st_size
    points_sent = workload.series_count * 9 * 1_440
    figures = {"points": points_sent, "seconds": watch.seconds, "points_per_s": points_sent / watch.seconds}
    return figures | {"file_bytes": file_bytes, "peak_live_bytes": peak, "slowdown": file_bytes / peak}


def each_day(workload: Workload) -> Iterator[Iterable[Points]]:
    """The batches of each day; a small workload has one batch a minute."""
    batches = workload.batches()
    for first in batches:
        yield itertools.chain([first], itertools.islice(batches, 1_439))


def measure_queries(size: str) -> Figures:
    from benchmarks import query  # it imports this module

    with scratch_folder() as folder:
        return query.measure(folder, size)


def measure_alerts(size: str) -> Figures:
    from benchmarks import alerts  # it imports this module

    with scratch_folder() as folder:
        return alerts.measure(folder, size)


def measure_pages(size: str) -> Figures:
    from benchmarks import pages  # it imports this module

    with scratch_folder() as folder:
        return pages.measure(folder, size)


def in_child(function: str, *arguments: str) -> Figures:
    """The figures of a function of this module, run in a fresh interpreter."""
    command = [sys.executable, "-m", "benchmarks.cells", function, *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    return figures


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](*sys.argv[2:])))

"""How long does a person wait for a chart: a day, a year, a fleet, beside whisper, sqlite and duckdb?

All stores hold the same points and are asked in turn in one process, so that a busy moment of the machine hits each.
"""

import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.cells import in_child, workload_for
from benchmarks.engine import Results
from benchmarks.measure import percentiles_ms
from benchmarks.stores import STORES, StatFlow, Store, installed
from benchmarks.workloads import DAY_S, Workload, unfolded

REPEATS = {"full": 400, "quick": 100, "tiny": 3}
WAITING_POINTS = {"full": 1_000_000, "quick": 1_000_000, "tiny": 5_000}
BLOCK = 20
PATIENCE_S = 2.0
PEERS = ("whisper", "sqlite", "duckdb", "victoria-metrics", "influxdb")

Laps = dict[str, dict[str, dict[str, float]]]


def run(size: str, known: Results) -> Laps:
    """DAY, YEAR, FLEET by store: p50_ms and p99_ms."""
    return in_child("measure_queries", size)


def measure(folder: Path, size: str) -> Laps:
    """Build every store, ask, put a million unfolded points into ours, and ask again."""
    stores = ["statflow", *(peer for peer in PEERS if installed(peer))]
    past = {name: built(folder / f"past {name}", name, "BACKFILL", size) for name in stores}
    fleet = {name: built(folder / f"fleet {name}", name, "FLEET", size) for name in stores}
    laps = asked(past, fleet, size, "")
    for store, _ in (past["statflow"], fleet["statflow"]):
        fill_journal(store, size)
    ours = {"statflow": past["statflow"]}, {"statflow": fleet["statflow"]}
    laps |= asked(*ours, size, "-unfolded")
    for store, _ in (*past.values(), *fleet.values()):
        store.close()
    return laps


def built(folder: Path, store_name: str, workload_name: str, size: str) -> tuple[Store, Workload]:
    folder.mkdir()
    workload = workload_for(workload_name, size, store_name)
    store = STORES[store_name](folder, workload)
    store.prepare()
    for points in workload.batches():
        store.write(points, store.names_of(points))
    store.finish()
    return store, workload


def fill_journal(store: Store, size: str) -> None:
    """Points of a thousand other series, accepted and not folded."""
    assert isinstance(store, StatFlow)
    waiting = unfolded(WAITING_POINTS[size], now_s=store.engine.now_s())
    # Other names than the workload's: the store's own index of names stays as it is.
    names = [f"waiting {name}" for name in waiting.names]
    for points in waiting.batches():
        kinds = waiting.kinds[points.series]
        store.engine.write((names, points.series), kinds, points.times_s, points.values)


def asked(
    past: dict[str, tuple[Store, Workload]], fleet: dict[str, tuple[Store, Workload]], size: str, suffix: str
) -> Laps:
    """Time the four questions, all stores in turn; each answer must hold every minute or day that was written."""
    _, year_of_minutes = past["statflow"]
    end_s = next(year_of_minutes.batches()).now_s
    days = min(365, (end_s - year_of_minutes.start_s) // DAY_S)
    past_s, today_s = end_s - (days // 2 + 1) * DAY_S, end_s - DAY_S
    fleet_end_s = fleet["statflow"][1].start_s + 1_444 * 60
    fleet_count = fleet["statflow"][1].series_count // 2
    return {
        f"DAY{suffix}": timed(past, size, lambda store, number: store.day(number, today_s), 1_440),
        f"DAY-sealed{suffix}": timed(past, size, lambda store, number: store.day(number, past_s), 1_440),
        f"YEAR{suffix}": timed(past, size, lambda store, number: store.year(number, end_s - 365 * DAY_S), days),
        f"FLEET{suffix}": timed(fleet, size, lambda store, _: store.fleet(fleet_count, fleet_end_s - 6 * 3_600), 360),
    }


def timed(
    stores: dict[str, tuple[Store, Workload]], size: str, ask: Callable[[Store, int], int], rows: int
) -> dict[str, dict[str, float]]:
    """Times of every store, asked in turn in blocks: one after the other they would be timed on each other's caches."""
    laps: dict[str, list[float]] = {name: [] for name in stores}
    for first in range(0, REPEATS[size], BLOCK):
        for name, (store, workload) in stores.items():
            if sum(laps[name]) > PATIENCE_S:
                continue  # some take a tenth of a second an answer: their p50 is clear by now
            for repeat in range(first, min(first + BLOCK, REPEATS[size])):
                started = time.perf_counter()
                answered = ask(store, repeat % workload.series_count)
                laps[name].append(time.perf_counter() - started)
                # A year of days has a part of a day at either end; whisper leaves out a bin that is half empty.
                if abs(answered - rows) > 1:
                    raise AssertionError(f"{name} answered {answered} rows of {rows}")
    return {name: percentiles_ms(times) for name, times in laps.items()}

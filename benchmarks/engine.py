"""How many points a second does the engine take, in process, beside whisper, sqlite and duckdb?"""

import statistics
import sys

from benchmarks.cells import Figures, in_child
from benchmarks.stores import installed

ALL_PEERS = ("whisper", "sqlite", "duckdb", "victoria-metrics", "influxdb")

# workload -> the peers that do it too. Before LATE and CHURN there is nothing to compare with but ourselves and LMDB.
WRITES: dict[str, tuple[str, ...]] = {
    "HOT": (*ALL_PEERS, "statflow columns"),
    "HOT-1000": ("whisper",),
    "WIDE": (*ALL_PEERS, "statflow columns"),
    "BACKFILL": ALL_PEERS,
    "LONG": ("whisper", "sqlite"),
    "LATE": (),
    "CHURN": (),
}
THREADS = (1, 16, 64)

Results = dict[str, dict[str, Figures]]


def run(size: str, known: Results) -> Results:
    """Every write workload; ours first and last, so that a machine that slows down does not flatter anyone."""
    results: Results = {}
    for workload, peers in WRITES.items():
        results[workload] = measure_beside(workload, size, [peer for peer in peers if installed(peer)])
    results["CHURN"]["bare lmdb"] = told("CHURN", "bare lmdb", "measure_bare_catalog", size)
    return results | run_scalar(size)


def measure_beside(workload: str, size: str, peers: list[str]) -> dict[str, Figures]:
    """Figures by store. Ours is the median of three runs, of one when the size is not full."""
    ours = [told(workload, "statflow", "measure_writes", workload, size, "statflow")]
    beside = {peer: told(workload, peer, "measure_writes", workload, size, peer) for peer in peers}
    if size == "full":
        ours += [told(workload, "statflow", "measure_writes", workload, size, "statflow") for _ in range(2)]
    return {"statflow": median_run(ours)} | beside


def median_run(runs: list[Figures]) -> Figures:
    """The run of median speed, with the spread of all of them."""
    speeds = [run["points_per_s"] for run in runs]
    median = statistics.median_low(speeds)
    return runs[speeds.index(median)] | {"slowest": min(speeds), "fastest": max(speeds)}


def run_scalar(size: str) -> Results:
    """What does a call with one point cost, alone and when many threads share a commit?"""
    ways = {f"SCALAR-{threads}": (str(threads), "fsync") for threads in THREADS} | {
        "SCALAR-interval": ("1", "interval")
    }
    results: Results = {}
    for workload, (threads, durability) in ways.items():
        results[workload] = in_child("measure_scalar", size, threads, durability)
        say(workload, "statflow", results[workload]["statflow"])
    for peer in ("whisper", "sqlite"):
        results["SCALAR-1"][peer] = told("SCALAR-1", peer, "measure_scalar_peer", size, peer)
    return results


def told(workload: str, store: str, function: str, *arguments: str) -> Figures:
    """Measure, and say on standard error what was measured: a full run takes minutes."""
    figures = in_child(function, *arguments)
    say(workload, store, figures)
    return figures


def say(workload: str, store: str, figures: Figures) -> None:
    print(f"  {workload}: {store} {figures['points_per_s']:,.0f}/s", file=sys.stderr, flush=True)

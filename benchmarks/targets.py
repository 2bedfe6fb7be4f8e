"""What is to be reached, as ratios to what was measured beside it in the same run.

``floor`` is what the guard in the tests asks of the short versions: far enough below that a noisy machine does not
fail it, near enough that a lost order of magnitude does. Some figures mean something at full size only.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Results = Mapping[str, Mapping[str, Mapping[str, Any]]]  # workload -> store -> figure


@dataclass(frozen=True)
class Target:
    """One line of the table: ``figure`` of a workload, over that of a peer unless there is none to compare with."""

    workload: str
    figure: Callable[[Mapping[str, Any]], float]
    unit: str
    at_least: float | None = None
    at_most: float | None = None
    peer: str | None = None
    peer_workload: str | None = None
    floor: float | None = None
    full_only: bool = False

    def measured(self, results: Results) -> float | None:
        """The ratio (or the figure itself without a peer); None when one of the two was not run."""
        ours = results.get(self.workload, {}).get("statflow")
        if ours is None:
            return None
        if self.peer is None:
            return self.figure(ours)
        theirs = results.get(self.peer_workload or self.workload, {}).get(self.peer)
        return None if theirs is None else self.figure(ours) / self.figure(theirs)

    def is_met(self, measured: float) -> bool:
        if self.at_least is not None:
            return measured >= self.at_least
        assert self.at_most is not None
        return measured <= self.at_most

    def __str__(self) -> str:
        bound = f">= {self.at_least:g}" if self.at_least is not None else f"<= {self.at_most:g}"
        if self.peer is None:
            return f"{bound} {self.unit}"
        beside = self.peer if self.peer_workload is None else f"{self.peer_workload} of {self.peer}"
        return f"{bound}x {beside} ({self.unit})"


def speed(figures: Mapping[str, Any]) -> float:
    return float(figures["points_per_s"])


def p50(figures: Mapping[str, Any]) -> float:
    return float(figures["p50_ms"])


def p99(figures: Mapping[str, Any]) -> float:
    return float(figures["p99_ms"])


def slowdown(figures: Mapping[str, Any]) -> float:
    return float(figures["slowdown"])


def written_a_point(figures: Mapping[str, Any]) -> float:
    return float(figures["written_bytes"]) / float(figures["points"])


def opening(figures: Mapping[str, Any]) -> float:
    return float(figures["opening_ms"])


def backlog_growth(figures: Mapping[str, Any]) -> float:
    return float(figures["waiting_after"]) / max(1.0, float(figures["waiting_before"]))


def memory_over_its_bound(figures: Mapping[str, Any]) -> float:
    """120 MB, 200 bytes a row of the fold window (1 M rows) and 150 a cached name."""
    return float(figures["peak_bytes"]) / (120e6 + 200 * 1e6 + 150 * float(figures["series"]))


# The names of the engine's databases that grow with series and not with points.
CATALOG_DATABASES = frozenset({"namespaces", "names", "series", "trash", "dead"})


def catalog_bytes(figures: Mapping[str, Any]) -> float:
    return float(sum(size for name, size in figures["databases"].items() if name in CATALOG_DATABASES))


def live_a_point(figures: Mapping[str, Any]) -> float:
    """With the catalog: of few series it is next to nothing."""
    return float(figures["live_bytes"]) / float(figures["points"])


def live_a_point_without_catalog(figures: Mapping[str, Any]) -> float:
    """Of everything in the store, history too; a point of history is no dearer than one of the run."""
    points = float(figures["points"]) + float(figures.get("history_points", 0))
    return (float(figures["live_bytes"]) - catalog_bytes(figures)) / points


def catalog_a_series(figures: Mapping[str, Any]) -> float:
    return catalog_bytes(figures) / float(figures["series"])


def sent(figures: Mapping[str, Any]) -> float:
    return float(figures["sent_bytes"])


def revalidated(figures: Mapping[str, Any]) -> float:
    return float(figures["revalidated"])


# Beside the list of an account with a hundred stats: there a search finds hardly any.
LISTS = ("name", "received", "total", "change", "month", "search", "kind", "page-2")
PERIODS = ("hour", "day", "week", "month", "year")
# To sum ten thousand stats takes its time, once in ten seconds: then the list is no slower than a person notices.
SUMMED = ("total", "change", "month")
PAGES = (
    *(
        Target(f"LIST-{name}-{moment}", p50, "CPU", at_most=3, peer="small", peer_workload=f"LIST-name-{moment}")
        for name in LISTS
        for moment in ("first", "busy", "again")
        if (name, moment) not in {(summed, "first") for summed in SUMMED}
    ),
    *(Target(f"LIST-{name}-first", p50, "ms of CPU", at_most=150) for name in LISTS),
    *(
        Target(f"STAT-{name}-{moment}", p50, "CPU", at_most=3, peer="small")
        for name in PERIODS
        for moment in ("first", "busy", "again")
    ),
    *(Target(f"STAT-{name}-first", p50, "ms of CPU", at_most=100) for name in PERIODS),
    *(Target(f"STAT-{name}-first", sent, "bytes sent", at_most=120_000) for name in PERIODS),
    Target("STATIC", revalidated, "of the files answered with 304", at_least=1),
)

ALERTS = (
    # All of them in the 15 seconds from one look to the next, and all stats in a sixth of the hour.
    Target("ALERTS-rules", speed, "rules/s of one core", at_least=100_000 / 15),
    Target("ALERTS-anomalies", speed, "stats/s of one core", at_least=100_000 / 600),
    *(Target(f"ALERTS-beside-{connections}", p99, "p99 ms", at_most=50) for connections in (1, 16)),
)

TARGETS: tuple[Target, ...] = (
    Target("HOT", speed, "points/s", at_least=16, peer="whisper", floor=3),
    Target("HOT", speed, "points/s", at_least=9, peer="sqlite", floor=2),
    Target("HOT", speed, "points/s", at_least=3.5, peer="duckdb"),
    Target("HOT-1000", speed, "points/s", at_least=6, peer="whisper", floor=1),
    Target("WIDE", speed, "points/s", at_least=60, peer="whisper", floor=5),
    Target("WIDE", speed, "points/s", at_least=6, peer="sqlite", floor=1),
    Target("WIDE", written_a_point, "bytes written a point", at_most=200),
    Target("WIDE-1M", speed, "points/s", at_least=0.25, peer="statflow", peer_workload="WIDE"),
    Target("LONG", speed, "points/s", at_least=50, peer="whisper", floor=5),
    Target("LONG-2", slowdown, "second chapter over first", at_most=1.2, full_only=True),
    Target("BACKFILL", speed, "points/s", at_least=10, peer="whisper", floor=2),
    Target("BACKFILL", speed, "points/s", at_least=1.2, peer="victoria-metrics"),
    Target("BACKFILL", speed, "points/s", at_least=5, peer="sqlite", floor=1),
    Target("BACKFILL", slowdown, "last fifth over first", at_most=1.2, full_only=True),
    Target("BACKFILL-3Y", speed, "points/s", at_least=0.83, peer="statflow", peer_workload="BACKFILL"),
    Target("BACKFILL-3Y", slowdown, "last fifth over first", at_most=1.2, full_only=True),
    Target("BIG", speed, "points/s", at_least=0.25, peer="statflow", peer_workload="WIDE"),
    Target("BIG", slowdown, "last fifth over first", at_most=1.2, full_only=True),
    Target("LATE", speed, "points/s", at_least=0.4, peer="statflow", peer_workload="HOT"),
    Target("CHURN", speed, "new names/s", at_least=100_000),
    Target("SCALAR-1", speed, "points/s", at_least=0.85, peer="bare lmdb"),
    Target("SCALAR-16", speed, "points/s", at_least=4, peer="bare lmdb"),
    Target("SCALAR-64", speed, "points/s", at_least=7, peer="bare lmdb"),
    Target("SCALAR-interval", speed, "points/s", at_least=6, peer="whisper", peer_workload="SCALAR-1"),
    Target("COUNTERS", live_a_point, "live bytes a point", at_most=1.8, full_only=True),
    Target("VALUES", live_a_point, "live bytes a point", at_most=4, full_only=True),
    *(
        Target(name, memory_over_its_bound, "private memory over its bound", at_most=1)
        for name in ("HOT", "WIDE", "WIDE-1M", "BACKFILL", "BACKFILL-3Y", "BIG", "LONG")
    ),
    Target("HOT", live_a_point, "live bytes a point", at_most=2, full_only=True),
    Target("WIDE", live_a_point_without_catalog, "live bytes a point", at_most=12),
    Target("WIDE", catalog_a_series, "catalog bytes a series", at_most=160),
    Target("DAY", p50, "p50", at_most=0.55, peer="whisper", floor=3),
    Target("DAY", p99, "p99", at_most=0.55, peer="whisper"),
    Target("DAY-sealed", p50, "p50", at_most=0.4, peer="whisper", floor=2),
    Target("YEAR", p50, "p50", at_most=1, peer="whisper", floor=12),
    Target("FLEET", p50, "p50", at_most=0.15, peer="whisper", floor=1),
    Target("DAY-unfolded", p50, "p50", at_most=2, peer="statflow", peer_workload="DAY"),
    Target("YEAR-unfolded", p50, "p50", at_most=2, peer="statflow", peer_workload="YEAR"),
    Target("FLEET-unfolded", p50, "p50", at_most=2, peer="statflow", peer_workload="FLEET"),
    Target("BACKFILL", opening, "ms to open", at_most=100),
    Target("WIDE-1M", opening, "ms to open", at_most=100),
    Target("BIG", opening, "ms to open", at_most=100),
    Target("HTTP-16", speed, "requests/s", at_least=0.6, peer="bare"),
    Target("HTTP-64", speed, "requests/s", at_least=0.6, peer="bare"),
    Target("HTTP-16", speed, "requests/s", at_least=3, peer="gthread"),
    Target("HTTP-64", speed, "requests/s", at_least=5, peer="gthread"),
    Target("HTTP-16", speed, "requests/s", at_least=1.2, peer="influxdb"),
    Target("HTTP-64", speed, "requests/s", at_least=2.5, peer="influxdb"),
    Target("HTTP-16", p99, "p99 ms", at_most=10),
    Target("HTTP-json-1000", speed, "points/s", at_least=0.4, peer="json.loads"),
    Target("HTTP-json-10000", speed, "points/s", at_least=0.6, peer="json.loads"),
    Target("HTTP-columns", speed, "points/s", at_least=0.5, peer="engine columns"),
    Target("HTTP-columns", backlog_growth, "rows waiting at the end over a third of the time before", at_most=1),
    Target("HTTP-slow", p99, "p99 ms", at_most=250),
    Target("LIFE", slowdown, "file size over peak live bytes", at_most=4, full_only=True),
    *PAGES,
    *ALERTS,
)

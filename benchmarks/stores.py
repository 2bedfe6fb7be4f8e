"""One small face for all stores that are compared, and our engine behind it."""

import importlib.util
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

import statflow_engine
from benchmarks.measure import SettableClock, live_bytes_by_database
from benchmarks.peers import DuckDb, Sqlite, Whisper, one_text_a_point
from benchmarks.servers import InfluxDb, VictoriaMetrics, is_installed
from benchmarks.workloads import DAY_S, MINUTE_S, Points, Workload


class Store(Protocol):
    """What a benchmark needs of a store. ``prepare`` and ``close`` are outside the clock, the rest inside."""

    keeps: str

    def __init__(self, folder: Path, workload: Workload) -> None: ...
    def prepare(self) -> None:
        """Series and history, as the workload wants them to be there."""

    def names_of(self, points: Points) -> Any:
        """The names of a batch as this store's callers have them; made outside the clock."""

    def write(self, points: Points, names: Any) -> None:
        """One batch with its names; when this returns it is as safe as this store ever makes it."""

    def finish(self) -> None:
        """What the store has put off (folding, a checkpoint)."""

    def day(self, number: int, start_s: int) -> int:
        """24 hours of minutes of one series, as arrays. Returns how many minutes hold something."""

    def year(self, number: int, start_s: int) -> int:
        """365 days of one series, likewise."""

    def fleet(self, count: int, start_s: int) -> int:
        """Six hours of minutes of the first ``count`` series, added up."""

    def close(self) -> None: ...
    def live_bytes(self) -> int:
        """After close: bytes that hold something."""


Names = list[str] | tuple[list[str], NDArray[np.int64]]


def names_and_index(workload: Workload, points: Points) -> tuple[list[str], NDArray[np.int64]]:
    """The names of a batch, each once, and for every point which of them it has."""
    numbers, index = np.unique(points.series, return_inverse=True)
    names = workload.names
    return [names[number] for number in numbers.tolist()], index.astype(np.int64)


class StatFlow:
    """The engine, one process, every batch committed and fsynced before ``write`` returns."""

    keeps = "count, sum, min, max; three rings; every batch fsynced"

    def __init__(self, folder: Path, workload: Workload) -> None:
        self._folder, self._workload = folder, workload
        self._clock = SettableClock(workload.start_s)
        self.prepared_points = 0
        self.engine = statflow_engine.open(folder, schema=workload.schema, clock=self._clock)

    def prepare(self) -> None:
        for points in self._workload.history():
            self._write_before(points)
        if not self._workload.new_names:
            self._make_series()
        self.engine.fold()

    def _write_before(self, points: Points) -> None:
        self.prepared_points += points.series.size
        self.write(points, names_and_index(self._workload, points))

    def _make_series(self) -> None:
        """One point each, a minute before the start, so that ids exist and are cached."""
        all_series = np.arange(self._workload.series_count, dtype=np.int64)
        for series in np.array_split(all_series, max(1, all_series.size // 100_000)):
            times_s = np.full(series.size, self._workload.start_s - MINUTE_S, dtype=np.int64)
            self._write_before(Points(series, times_s, np.ones(series.size), self._workload.start_s))

    def names_of(self, points: Points) -> Names:
        return one_text_a_point(self._workload, points)

    def write(self, points: Points, names: Names) -> None:
        self._clock.now_s = points.now_s
        self.engine.write(names, self._workload.kinds[points.series], points.times_s, points.values)

    def finish(self) -> None:
        self.engine.fold()

    def day(self, number: int, start_s: int) -> int:
        window = self.engine.query(self._workload.names[number], start_s, start_s + DAY_S, step=MINUTE_S)
        return int(np.count_nonzero(window.counts))

    def year(self, number: int, start_s: int) -> int:
        window = self.engine.query(self._workload.names[number], start_s, start_s + 365 * DAY_S, step=DAY_S)
        return int(np.count_nonzero(window.counts))

    def fleet(self, count: int, start_s: int) -> int:
        names = self._workload.names[: 2 * count : 2]  # of one kind: only such add up
        window = self.engine.query_sum(names, start_s, start_s + 6 * 3_600, step=MINUTE_S)
        return int(np.count_nonzero(window.counts))

    def point_count(self, number: int, start_s: int) -> int:
        """Points kept of one series from a time on, by minutes: what a run is checked by."""
        name, end_s = self._workload.names[number], self.engine.now_s() + 1
        years = [*range(start_s, end_s, 365 * DAY_S), end_s]  # an answer has at most a million rows
        try:
            windows = [self.engine.query(name, first_s, last_s, step=MINUTE_S) for first_s, last_s in pairwise(years)]
        except statflow_engine.UnknownSeriesError:
            return 0
        return int(sum(window.counts.sum() for window in windows))

    def close(self) -> None:
        self.engine.close()

    def live_bytes(self) -> int:
        return sum(self.live_bytes_by_database().values())

    def live_bytes_by_database(self) -> dict[str, int]:
        return live_bytes_by_database(self._folder)


class StatFlowColumns(StatFlow):
    """The same engine, handed each name once and an index a point."""

    def names_of(self, points: Points) -> Names:
        return names_and_index(self._workload, points)


STORES: dict[str, Callable[[Path, Workload], Store]] = {
    "statflow": StatFlow,
    "statflow columns": StatFlowColumns,
    "whisper": Whisper,
    "sqlite": Sqlite,
    "duckdb": DuckDb,
    "victoria-metrics": VictoriaMetrics,
    "influxdb": InfluxDb,
}
SERVERS = {"victoria-metrics": "victoria-metrics", "influxdb": "influxd"}


def installed(name: str) -> bool:
    """Whether this store can be measured here: duckdb and the servers are optional, the others come with the tests."""
    if name in SERVERS:
        return is_installed(SERVERS[name])
    return name not in ("whisper", "duckdb") or importlib.util.find_spec(name) is not None

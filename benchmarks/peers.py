"""The stores that StatFlow is measured beside, used as their own documentation uses them.

A peer gets the cheapest sound way to hand it a batch; where a choice was to be made it was made in the peer's favour,
and ``keeps`` says what the peer then gives up.
"""

import os
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.measure import allocated_bytes
from benchmarks.workloads import DAY_S, MINUTE_S, Points, Workload


def one_text_a_point(workload: Workload, points: Points) -> list[str]:
    """The names of a batch as a caller has them who knows no indices."""
    names = workload.names
    return [names[number] for number in points.series.tolist()]


class Whisper:
    """Graphite's round-robin files, one a series, written by the library that carbon uses."""

    keeps = "the last value of a slot (a count is lost when two share one); a mean or a sum above; no fsync"

    def __init__(self, folder: Path, workload: Workload) -> None:
        import whisper

        self._whisper, self._folder, self._workload = whisper, folder, workload
        self._archives = [whisper.parseRetentionDef(text.strip()) for text in workload.schema.split(",")]
        self._paths = [os.fspath(folder / f"{name}.wsp") for name in workload.names]
        self._now_s = workload.start_s

    def prepare(self) -> None:
        for number, path in enumerate(self._paths):
            # Sparse, so that a hundred thousand files of 2.3 MB fit on the disk.
            method = ("sum", "average")[self._workload.kinds[number]]
            self._whisper.create(path, self._archives, aggregationMethod=method, sparse=True)
        for points in self._workload.history():
            self.write(points, None)

    def names_of(self, points: Points) -> None:
        """A file is found by its path, which carbon makes of the name once a point; that is spared here."""

    def write(self, points: Points, names: None) -> None:
        """By series, as carbon does from its cache: one open, write and close a series."""
        self._now_s = points.now_s
        order = np.argsort(points.series, kind="stable")
        series, times_s, values = points.series[order], points.times_s[order], points.values[order]
        starts = np.flatnonzero(np.diff(series, prepend=-1)).tolist()
        pairs = list(zip(times_s.tolist(), values.tolist(), strict=True))
        for low, high in zip(starts, [*starts[1:], series.size], strict=True):
            self._whisper.update_many(self._paths[series[low]], pairs[low:high], now=points.now_s)

    def write_one(self, number: int, time_s: int, value: float) -> None:
        self._whisper.update(self._paths[number], value, time_s, now=time_s)

    def finish(self) -> None:
        pass

    def _fetch(self, number: int, start_s: int, end_s: int, resolution_s: int) -> NDArray[np.float64]:
        # whisper takes what lies after the start, up to and with the end.
        _, values = self._whisper.fetch(
            self._paths[number], start_s - 1, end_s - 1, now=self._now_s, archiveToSelect=resolution_s
        )
        return np.array(values, dtype=np.float64)

    def day(self, number: int, start_s: int) -> int:
        return int(np.count_nonzero(~np.isnan(self._fetch(number, start_s, start_s + DAY_S, MINUTE_S))))

    def year(self, number: int, start_s: int) -> int:
        return int(np.count_nonzero(~np.isnan(self._fetch(number, start_s, start_s + 365 * DAY_S, DAY_S))))

    def fleet(self, count: int, start_s: int) -> int:
        total = np.zeros(360)
        for number in range(0, 2 * count, 2):
            total += np.nan_to_num(self._fetch(number, start_s, start_s + 6 * 3_600, MINUTE_S))
        return int(np.count_nonzero(total))

    def close(self) -> None:
        pass

    def live_bytes(self) -> int:
        return allocated_bytes(self._folder)


CELL_TABLE = (
    "create table cell (series integer, period integer, count integer, sum real, min real, max real,"
    " primary key (series, period)) without rowid"
)
UPSERT_CELL = (
    "insert into cell values (?, ?, 1, ?3, ?3, ?3) on conflict do update set count = count + 1,"
    " sum = sum + excluded.sum, min = min(min, excluded.min), max = max(max, excluded.max)"
)
READ_CELLS = "select period, count, sum, min, max from cell where series = ? and period >= ? and period < ?"
READ_DAYS = (
    "select period / 1440, sum(count), sum(sum), min(min), max(max) from cell"
    " where series = ? and period >= ? and period < ? group by 1"
)


class Sqlite:
    """One table of minutes, upserted; WAL and synchronous=FULL, one transaction a batch."""

    keeps = "count, sum, min, max; the finest ring only; every batch fsynced"

    def __init__(self, folder: Path, workload: Workload) -> None:
        self._workload = workload
        self._path = folder / "cells.sqlite"
        self._db = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        self._db.execute("pragma journal_mode = wal")
        self._db.execute("pragma synchronous = full")
        self._db.execute(CELL_TABLE)
        self._ids = {name: number for number, name in enumerate(workload.names)}

    def prepare(self) -> None:
        for points in self._workload.history():
            self._upsert(points.series.tolist(), points)
        self.finish()

    def names_of(self, points: Points) -> list[str]:
        return one_text_a_point(self._workload, points)

    def write(self, points: Points, texts: list[str]) -> None:
        ids = self._ids
        self._upsert([ids[text] for text in texts], points)

    def _upsert(self, series: list[int], points: Points) -> None:
        rows = zip(series, (points.times_s // MINUTE_S).tolist(), points.values.tolist(), strict=True)
        self._db.execute("begin immediate")
        self._db.executemany(UPSERT_CELL, rows)
        self._db.execute("commit")

    def write_one(self, number: int, time_s: int, value: float) -> None:
        self._db.execute(UPSERT_CELL, (number, time_s // MINUTE_S, value))

    def finish(self) -> None:
        self._db.execute("pragma wal_checkpoint(truncate)")

    def _rows(self, sql: str, number: int, start_s: int, length_s: int) -> NDArray[np.float64]:
        bounds = (number, start_s // MINUTE_S, (start_s + length_s) // MINUTE_S)
        return np.array(self._db.execute(sql, bounds).fetchall(), dtype=np.float64).reshape(-1, 5)

    def day(self, number: int, start_s: int) -> int:
        return len(self._rows(READ_CELLS, number, start_s, DAY_S))

    def year(self, number: int, start_s: int) -> int:
        return len(self._rows(READ_DAYS, number, start_s, 365 * DAY_S))

    def fleet(self, count: int, start_s: int) -> int:
        first = start_s // MINUTE_S
        rows = self._db.execute(
            "select period, sum(count), sum(sum) from cell where series % 2 = 0 and series < ?"
            " and period >= ? and period < ? group by period",
            (2 * count, first, first + 360),
        ).fetchall()
        return len(np.array(rows, dtype=np.float64))

    def close(self) -> None:
        self._db.close()

    def live_bytes(self) -> int:
        return self._path.stat().st_size


class DuckDb:
    """One table of minutes in DuckDB; a batch is grouped by the database and upserted in one statement."""

    keeps = "count, sum, min, max; the finest ring only; every batch committed"

    def __init__(self, folder: Path, workload: Workload) -> None:
        import duckdb

        self._workload = workload
        self._path = folder / "cells.duckdb"
        self._db: Any = duckdb.connect(os.fspath(self._path))
        self._db.execute(
            "create table cell (series integer, period integer, count bigint, sum double, min double, max double,"
            " primary key (series, period))"
        )
        self._ids = {name: number for number, name in enumerate(workload.names)}

    def prepare(self) -> None:
        for points in self._workload.history():
            self._upsert(points.series, points)

    def names_of(self, points: Points) -> list[str]:
        return one_text_a_point(self._workload, points)

    def write(self, points: Points, texts: list[str]) -> None:
        ids = self._ids
        self._upsert(np.fromiter((ids[text] for text in texts), dtype=np.int64, count=len(texts)), points)

    def _upsert(self, series: NDArray[np.int64], points: Points) -> None:
        batch = {"series": series, "period": points.times_s // MINUTE_S, "value": points.values}
        self._db.register("batch", batch)
        self._db.execute(
            "insert into cell select series, period, count(*), sum(value), min(value), max(value) from batch"
            " group by all on conflict do update set count = count + excluded.count, sum = sum + excluded.sum,"
            " min = least(min, excluded.min), max = greatest(max, excluded.max)"
        )

    def finish(self) -> None:
        self._db.execute("checkpoint")

    def _rows(self, sql: str, bounds: tuple[int, ...]) -> int:
        columns = self._db.execute(sql, bounds).fetchnumpy()
        return len(columns["period"])

    def day(self, number: int, start_s: int) -> int:
        first = start_s // MINUTE_S
        return self._rows(READ_CELLS, (number, first, first + 1_440))

    def year(self, number: int, start_s: int) -> int:
        first = start_s // MINUTE_S
        sql = READ_DAYS.replace("period / 1440", "period // 1440 as period")
        return self._rows(sql, (number, first, first + 365 * 1_440))

    def fleet(self, count: int, start_s: int) -> int:
        first = start_s // MINUTE_S
        sql = (
            "select period, sum(count), sum(sum) from cell where series % 2 = 0 and series < ?"
            " and period >= ? and period < ? group by period"
        )
        return self._rows(sql, (2 * count, first, first + 360))

    def close(self) -> None:
        self._db.close()

    def live_bytes(self) -> int:
        return self._path.stat().st_size

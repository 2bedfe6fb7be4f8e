"""Clocks and gauges: time, bytes written, private memory, bytes that live in a store. Linux only."""

import os
import threading
import time
from pathlib import Path
from types import TracebackType

import lmdb
import numpy as np


class Stopwatch:
    """Adds up the time spent inside ``with``, so that making the next batch is not counted."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.laps: list[float] = []

    def __enter__(self) -> "Stopwatch":
        self._started = time.perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        lap = time.perf_counter() - self._started
        self.seconds += lap
        self.laps.append(lap)


class SettableClock:
    """A clock that shows what it was last told: stores are driven through a year in a second."""

    def __init__(self, now_s: float) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s


class PeakMemory:
    """The largest private memory (RssAnon) of this process while it runs, above what it began with.

    Pages of the store that are mapped from its file are not counted: the kernel takes those back when it likes.
    """

    def __init__(self, every_s: float = 0.02) -> None:
        self._every_s = every_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.start_bytes = self.peak_bytes = private_bytes()

    def _watch(self) -> None:
        while not self._stop.wait(self._every_s):
            self.peak_bytes = max(self.peak_bytes, private_bytes())

    def __enter__(self) -> "PeakMemory":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self.peak_bytes = max(self.peak_bytes, private_bytes())


def private_bytes(pid: int | str = "self") -> int:
    """RssAnon of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("this kernel does not tell RssAnon")


def written_bytes(pid: int | str = "self") -> int:
    """Bytes that this process caused to be written to a disk; what lies on tmpfs counts nothing."""
    for line in Path(f"/proc/{pid}/io").read_text().splitlines():
        if line.startswith("write_bytes:"):
            return int(line.split()[1])
    raise RuntimeError("this kernel does not tell write_bytes")


def live_bytes_by_database(folder: Path) -> dict[str, int]:
    """Bytes of the pages in use, for each named database of the LMDB environment in a folder that nobody has open.

    Read with lmdb itself and not through the engine: the engine's own figure cannot flatter it.
    """
    environment = lmdb.open(os.fspath(folder), readonly=True, max_dbs=64, lock=False)
    try:
        with environment.begin() as transaction:
            names = [bytes(name) for name, _ in transaction.cursor()]
        sizes = {}
        for name in names:
            database = environment.open_db(name, create=False)
            with environment.begin() as transaction:
                stat = transaction.stat(database)
            pages = stat["branch_pages"] + stat["leaf_pages"] + stat["overflow_pages"]
            sizes[name.decode()] = stat["psize"] * pages
        return sizes
    finally:
        environment.close()


def allocated_bytes(folder: Path) -> int:
    """What the files of a folder take on the disk: holes in sparse files are free."""
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())


def percentiles_ms(laps_s: list[float]) -> dict[str, float]:
    """p50 and p99 of times in seconds, in milliseconds."""
    p50, p99 = np.percentile(np.array(laps_s) * 1e3, [50, 99])
    return {"p50_ms": float(p50), "p99_ms": float(p99)}

"""Has the write path become slower? ``python -m benchmarks.guard`` says so by ratios to a calibration in the same run.

A path is timed by the processor time that it takes for a point, next to a fixed piece of work of the same nature:
look-ups in a dictionary, columns scattered and summed by numpy, checksums. Busy neighbours slow both, a disk neither.
Both are repeated in turn and the quickest of each counts. `RECORDED` has the ratios as they were when somebody last
looked; more than 30 % above is a regression. After a deliberate change: ``python -m benchmarks.guard --record``.
"""

import argparse
import io
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

import statflow_engine
from benchmarks.measure import SettableClock
from benchmarks.workloads import make
from statflow_http import create_app
from statflow_http.accounts.accounts import OWNER_ID, Accounts
from statflow_http.accounts.key_store import Keys

# Processor time of a point over that of a unit of the calibration.
RECORDED: Mapping[str, float] = {"batches": 1.17, "points": 5.8, "form": 121.0, "json": 4.0}
ALLOWED = 1.3
REPEATS = 9
NOW_S = 1_800_000_000


@dataclass(frozen=True, slots=True)
class Way:
    """One way of writing: how many points a run stores, and the run."""

    points: int
    run: Callable[[], None]


def calibration() -> Callable[[], None]:
    """What is always the same: some milliseconds of look-ups, scattered sums, conversions and checksums."""
    names = [f"some name of a series {number:05d}" for number in range(10_000)]
    ids = {name: number for number, name in enumerate(names)}
    numbers = np.random.default_rng(1).integers(0, 60_000, 200_000)
    values = np.random.default_rng(2).random(200_000)

    def run() -> None:
        np.fromiter(map(ids.get, names, repeat(-1)), np.int64, len(names))
        sums = np.zeros(60_000)
        np.add.at(sums, numbers, values)
        narrow = numbers.astype(np.uint32)
        (narrow // 60).astype(np.int64).min()
        zlib.crc32(values.tobytes(), zlib.crc32(narrow.tobytes()))
        for name in names[:2_000]:
            ids.get(name.strip().lower())

    return run


@contextmanager
def paths(folder: Path) -> Iterator[dict[str, Way]]:
    """The guarded ways, over stores of their own."""
    clock = SettableClock(NOW_S)
    with (
        statflow_engine.open(folder / "batches", clock=clock) as batches,
        statflow_engine.open(folder / "points", clock=clock, durability="interval", interval_s=3_600) as points,
        statflow_engine.open(folder / "http", clock=clock) as http,
    ):
        app = create_app(http)
        try:
            yield {"batches": of_batches(batches), "points": of_points(points), **over_http(app, http)}
        finally:
            app.close()


def of_batches(engine: statflow_engine.Engine) -> Way:
    """HOT, small: commits of 10,000 points, and their fold."""
    workload = make("HOT", "quick")
    written = [
        (
            [workload.names[number] for number in points.series.tolist()],
            workload.kinds[points.series],
            points.times_s - points.times_s.max() + NOW_S,
            points.values,
        )
        for points in workload.batches()
    ]

    def run() -> None:
        for columns in written:
            engine.write(*columns)
        engine.fold()

    return Way(sum(len(values) for *_, values in written), run)


def of_points(engine: statflow_engine.Engine) -> Way:
    """One call a point, committed by the interval."""
    names = [f"point {number}" for number in range(100)]

    def run() -> None:
        for _ in range(50):
            for name in names:
                engine.count(name)

    return Way(50 * len(names), run)


def over_http(app: Any, engine: statflow_engine.Engine) -> dict[str, Way]:
    """Requests to the app as a server hands them over: one point in a form, a thousand in JSON."""
    documents = app.services.documents
    Accounts(documents).ensure_owner(NOW_S)
    key = Keys(documents).create(OWNER_ID, NOW_S)
    form = b"ezkey=%b&stat=page+view&count=1" % key.encode()
    items = [{"stat": f"stat number {number}", "count": 1} for number in range(1_000)]
    json = msgspec.json.encode({"ezkey": key, "data": items})

    def post(body: bytes, content_type: str, times: int) -> Callable[[], None]:
        def run() -> None:
            for _ in range(times):
                answered: list[str] = []
                environ = environ_of(body, content_type)
                app(environ, lambda status, headers, answered=answered: answered.append(status))
                environ["statflow.deferred"].pending  # noqa: B018  # it was accepted
                assert answered == ["200 OK"], answered
            engine.commit()

        return run

    return {
        "form": Way(500, post(form, "application/x-www-form-urlencoded", 500)),
        "json": Way(20_000, post(json, "application/json", 20)),
    }


def environ_of(body: bytes, content_type: str) -> dict[str, Any]:
    """A POST /ez whose points the server commits later, together with others."""
    return {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/ez",
        "QUERY_STRING": "",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_TYPE": content_type,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
        "wsgi.url_scheme": "http",
        "statflow.commits_later": True,
    }


def cpu_s(run: Callable[[], None]) -> float:
    started = time.process_time()
    run()
    return time.process_time() - started


def measured() -> dict[str, float]:
    """Processor time of a point over a ten-thousandth of the calibration's, by path."""
    calibrate = calibration()
    with tempfile.TemporaryDirectory(dir=".") as folder, paths(Path(folder)) as guarded:
        for path in guarded.values():
            path.run()  # names become known, caches warm
        calibrations, laps = [], {name: [] for name in guarded}
        for _ in range(REPEATS):
            for name, path in guarded.items():
                calibrations.append(cpu_s(calibrate))
                laps[name].append(cpu_s(path.run) / path.points)
        unit_s = min(calibrations) / 10_000
        return {name: min(times) / unit_s for name, times in laps.items()}


def slower(found: Mapping[str, float]) -> list[str]:
    """A sentence for each path that has become more than 30 % slower."""
    return [
        f"{name}: {found[name]:.2f} of the calibration's unit a point, {recorded:.2f} recorded"
        for name, recorded in RECORDED.items()
        if found[name] > ALLOWED * recorded
    ]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.guard", description=__doc__.partition("\n")[0])
    parser.add_argument("--record", action="store_true", help="print the ratios as RECORDED has them")
    options = parser.parse_args()
    found = measured()
    if options.record:
        print("\n".join(f'    "{name}": {ratio:.2f},' for name, ratio in found.items()))
        return 0
    for name, ratio in found.items():
        print(f"{name:8} {ratio:8.2f} {ratio / RECORDED[name]:6.2f}x of what was recorded")
    print(*slower(found), sep="\n")
    return 1 if slower(found) else 0


if __name__ == "__main__":
    sys.exit(main())

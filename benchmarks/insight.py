"""How good, and how fast, are forecasts and anomalies beside seasonal naive, Graphite's Holt-Winters and statsforecast?

Three questions, each beside peers on the same series:

* FORECAST: how far off is the next week of hours (four weeks of days), from many origins, as MASE: the mean error over
  that of repeating the week before, in the history. How many of the rows lay in the 90 % band?
* ALARMS: how many planted incidents are found, at one false alarm in so many hours of a series?
* NEWEST: how long does it take to judge the newest hour of 100,000 series of five weeks?

Sources on which constants were chosen are marked "tuned"; they say nothing about other series.
"""

import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from benchmarks.engine import Results
from benchmarks.insight_data import HOUR_S, SOURCES, Source
from benchmarks.insight_incidents import (
    COUNT_INCIDENTS,
    VALUE_INCIDENTS,
    WEEK,
    Trial,
    calmed,
    generated_counters,
    generated_values,
    recalls,
    with_incidents,
)
from benchmarks.insight_peers import (
    Detector,
    Floats,
    Forecaster,
    holt_winters_forecast,
    holt_winters_scores,
    libraries,
    seasonal_naive,
    seasonal_naive_scores,
)
from statflow_engine.insight import THRESHOLD, Bands, Seasons, expect, newest, project

WINDOWS = {"full": 21, "quick": 4, "tiny": 2}  # origins a source, at least one a series
SERIES = {"full": 1_500, "quick": 300, "tiny": 20}
NEWEST_SERIES = {"full": 100_000, "quick": 10_000, "tiny": 200}
BATCH = 200
CHUNK_SERIES = 100


@dataclass(frozen=True)
class Windows:
    """Histories and what came after, at many origins of the series of one source.

    Attributes:
        day, week: rows of the two seasons; a day is 1 for rows of days.
        histories, futures: float64[windows, rows], NaN where nothing is known; short histories begin with NaN.
    """

    name: str
    is_counter: bool
    is_reported: bool
    day: int
    week: int
    histories: Floats
    futures: Floats

    @property
    def horizon(self) -> int:
        return self.futures.shape[1]

    @property
    def units(self) -> Floats:
        """float64[windows]: the mean error of repeating a week within the history."""
        errors = np.abs(self.histories[:, self.week :] - self.histories[:, : -self.week])
        return np.asarray(np.nanmean(errors, axis=1))

    def mase(self, means: Floats) -> float:
        return float((np.nanmean(np.abs(means - self.futures), axis=1) / self.units).mean())

    def coverage(self, bands: Bands) -> float:
        held = (self.futures >= bands.lows) & (self.futures <= bands.highs)
        return float(held[~np.isnan(self.futures)].mean())


def run(size: str, known: Results) -> Results:
    """Print the tables of all three, and return the speeds for the report."""
    results: Results = {}
    for windows in all_windows(size):
        results[f"FORECAST {windows.name}"] = forecasts(windows, with_libraries=size != "tiny")
    for trial, hours in all_trials(size):
        results[f"ALARMS {trial.name}"] = alarms(trial, hours)
    results["NEWEST"] = {"statflow": newest_hours(NEWEST_SERIES[size])}
    return results


def all_windows(size: str) -> Iterator[Windows]:
    print("\nFORECAST: MASE, the less the better; ms a series, ours in a batch")
    if size == "tiny":  # nothing is fetched: tests may run it where there are no registries
        rows = generated_counters(42, 3)
        yield Windows("generated", True, False, 24, WEEK, rows[:, :-WEEK], rows[:, -WEEK:])
        return
    for source in SOURCES:
        yield windows_of(source, WINDOWS[size])


def windows_of(source: Source, count: int) -> Windows:
    """Origins evenly spread over each series; histories of eight weeks of hours or 400 days, or 3/4 of a short one."""
    day, week, length, horizon = (24, WEEK, 8 * WEEK, WEEK) if source.step_s == HOUR_S else (1, 7, 400, 28)
    histories, futures = [], []
    series = source.load()
    for rows in series:
        first = int(np.flatnonzero(~np.isnan(rows))[0])
        room = len(rows) - first - horizon
        own = length if room >= length + horizon else room * 3 // 4
        origins = np.linspace(first + own, len(rows) - horizon, max(1, count // len(series)) + 2).astype(int)[1:-1]
        for origin in origins:
            history, future = rows[origin - own : origin], rows[origin : origin + horizon]
            # Real gaps stay. Where most of a week is missing nothing can be compared; stocks rest at week-ends.
            if min(np.mean(~np.isnan(history)), np.mean(~np.isnan(future))) >= (0.5 if day == 1 else 0.7):
                histories.append(np.pad(history, (length - own, 0), constant_values=np.nan))
                futures.append(future)
    return Windows(
        source.name, source.is_counter, source.is_reported, day, week, np.stack(histories), np.stack(futures)
    )


def forecasts(windows: Windows, *, with_libraries: bool) -> dict[str, dict[str, float]]:
    """MASE, and series a second, of us and the peers."""
    project_these = partial(project, seasons=Seasons(windows.day, windows.week), is_counter=windows.is_counter)
    bands = project_these(windows.histories, windows.horizon)
    batch = np.resize(windows.histories, (BATCH, windows.histories.shape[1]))
    seconds = timed(lambda: project_these(batch, windows.horizon)) / BATCH
    told = {"statflow": {"mase": windows.mase(bands.means), "points_per_s": 1 / seconds}}
    # A peer wants a history that begins: that of each window, without the NaN before it.
    for name, forecaster in forecasters(windows, with_libraries).items():
        started = time.perf_counter()
        means = np.concatenate([forecaster(begun(row), windows.horizon) for row in windows.histories])
        seconds = (time.perf_counter() - started) / len(means)
        told[name] = {"mase": windows.mase(means), "points_per_s": 1 / seconds}
    told["statflow"]["coverage"] = windows.coverage(bands)
    role = "reported" if windows.is_reported else "tuned"
    print(f"{windows.name} ({role}, {len(windows.histories)} windows), band holds {windows.coverage(bands):.1%}")
    for name, figures in sorted(told.items(), key=lambda item: item[1]["mase"]):
        print(f"  {name:<15}{figures['mase']:7.3f}{1e3 / figures['points_per_s']:10.2f} ms", flush=True)
    return told


def timed(work: Callable[[], object]) -> float:
    """The least of three times: the machine is shared, and the first one also makes the designs."""
    laps = []
    for _ in range(3):
        started = time.perf_counter()
        work()
        laps.append(time.perf_counter() - started)
    return min(laps)


def begun(row: Floats) -> Floats:
    return row[None, np.flatnonzero(~np.isnan(row))[0] :]


def forecasters(windows: Windows, with_libraries: bool) -> dict[str, Forecaster]:
    day, week = windows.day, windows.week
    short = day if day > 1 else week
    named = {"seasonal naive": seasonal_naive(week), f"Holt-Winters({short})": holt_winters_forecast(short)}
    return named | (libraries(day, week) if with_libraries else {})


def all_trials(size: str) -> Iterator[tuple[Trial, tuple[int, ...]]]:
    """Series with incidents, and at which rates of false alarms they are judged: such that a few are allowed."""
    print("\nALARMS: incidents found at one false alarm in so many hours of a series")
    count = SERIES[size]
    strict = (2_000, 25_000) if size == "full" else (2_000,)
    first = 7 * WEEK
    seeds = ((42, "tuned"), (7, "reported"), (2026, "reported"))
    for seed, role in seeds if size == "full" else seeds[:2]:
        clean = generated_counters(seed, count)
        yield with_incidents(f"generated counters {seed} ({role})", clean, True, first, seed + 1), strict
    clean = generated_values(7, count)
    yield with_incidents("generated values 7 (reported)", clean, False, first, 8), strict
    if size == "tiny":
        return
    people = sensors("pedestrians")
    year = 52 * WEEK
    for name, part in (("2019-2021 (tuned)", people[:, : 3 * year]), ("2022-2025 (reported)", people[:, 3 * year :])):
        part = part[np.mean(~np.isnan(part), axis=1) > 0.8]
        part = part if size == "full" else part[:4]
        yield with_incidents(f"pedestrians {name}, as it came", part, True, 8 * WEEK, 1), (2_000, 25_000)
        yield with_incidents(f"pedestrians {name}, calmed", calmed(part, True), True, 8 * WEEK, 1), (2_000, 25_000)
    for name, allowed in (("electricity", 1_000), ("road", 1_000), ("wind", 500)):
        rows = calmed(sensors(name), False)
        yield with_incidents(f"{name} (reported), calmed", rows, False, 8 * WEEK, 1), (allowed,)


def sensors(name: str) -> Floats:
    """float64[series, hours] of a source, from its first Monday on; NaN where one is over before the others."""
    (source,) = (source for source in SOURCES if source.name == name)
    series = source.load()
    length = max(len(rows) for rows in series)
    return np.stack([np.pad(rows, (0, length - len(rows)), constant_values=np.nan) for rows in series])


def alarms(trial: Trial, hours: tuple[int, ...]) -> dict[str, dict[str, float]]:
    """Recall of us and the peers at each rate."""
    told: dict[str, dict[str, float]] = {}
    print(f"{trial.name}: {len(trial.clean)} series, {len(trial.incidents)} incidents")
    kinds = COUNT_INCIDENTS if trial.is_counter else VALUE_INCIDENTS
    print(f"  {'':<17}{'  '.join(f'1/{each:,} h' for each in hours)}; at the last: {', '.join(kinds)}")
    for name, detector in detectors(trial.is_counter).items():
        found = list(recalls(trial, detector, hours))
        told[name] = {f"recall_{each}": recall for each, (recall, _) in zip(hours, found, strict=True)}
        by_kind = ", ".join(f"{share:.2f}" for share in found[-1][1])
        print(f"  {name:<17}{'  '.join(f'{recall:8.3f}' for recall, _ in found)}; {by_kind}", flush=True)
    scores = ours(trial.clean, trial.is_counter)[:, trial.first :]
    judged, beyond = np.count_nonzero(~np.isnan(scores)), np.count_nonzero(scores > THRESHOLD)
    print(f"  beyond the default threshold of {THRESHOLD} without planted incidents: {beyond} of {judged:,} hours")
    return told


def detectors(is_counter: bool) -> dict[str, Detector]:
    return {
        "statflow": partial(ours, is_counter=is_counter),
        "Holt-Winters(24)": holt_winters_scores(24),
        "Holt-Winters(168)": holt_winters_scores(WEEK),
        "seasonal naive": seasonal_naive_scores(WEEK),
    }


def ours(rows: Floats, is_counter: bool) -> Floats:
    chunks = range(0, len(rows), CHUNK_SERIES)
    scores = [expect(rows[at : at + CHUNK_SERIES], Seasons(24, WEEK), is_counter=is_counter).scores for at in chunks]
    return np.abs(np.concatenate(scores))


def newest_hours(series: int) -> dict[str, float]:
    """Series a second for the newest hour of series of five weeks, on one core, and memory beside the series."""
    few = generated_counters(1, min(series, 2_000), weeks=6)[:, : 5 * WEEK + 1]
    rows = np.resize(few, (series, few.shape[1]))
    # Processor time: numpy's few matrix products may use more than one core.
    started = time.process_time()
    scores = newest(rows, Seasons(24, WEEK), is_counter=True).scores
    seconds = time.process_time() - started
    tracemalloc.start()  # which makes all slower, so that it looks at some chunks only
    newest(rows[:1_000], Seasons(24, WEEK), is_counter=True)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    judged = int(np.count_nonzero(~np.isnan(scores)))
    print(f"\nNEWEST: {series:,} series of {rows.shape[1]} hours, {judged:,} judged, in {seconds:.1f} s of one core")
    print(f"  {3600 * series / seconds:,.0f} an hour; {peak_bytes / 1e6:.0f} MB beside the series", flush=True)
    return {"points_per_s": series / seconds, "peak_bytes": peak_bytes, "points": series}

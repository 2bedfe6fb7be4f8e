"""The named workloads: which points, in which order, into a store in which state.

Everything here is deterministic: the same name and size give the same points on every machine. Nothing here
knows any store. Points are made one batch at a time, so that a workload of any length needs the memory of a batch.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

MINUTE_S = 60
DAY_S = 86_400
SPAN_S = 64 * MINUTE_S  # what a tile of the minute ring covers
CHAPTER_S = 16 * SPAN_S  # what a strip of it covers

# Any start of a chapter will do that no engine takes for a wrong clock; this one is in January 2027.
EPOCH_S = 1_800_000_000 // CHAPTER_S * CHAPTER_S

DEFAULT_SCHEMA = "1m:90d, 1h:5y, 1d:50y"
BACKFILL_SCHEMA = "1m:400d, 1h:5y, 1d:50y"

COUNTER, VALUE = 0, 1


@dataclass(frozen=True, slots=True)
class Points:
    """One batch, in columns.

    ``series`` (int64) are indices into the workload's names, ``times_s`` (int64) Unix seconds, ``values`` float64;
    all of one length. ``now_s`` is what the store's clock shows when the batch arrives.
    """

    series: NDArray[np.int64]
    times_s: NDArray[np.int64]
    values: NDArray[np.float64]
    now_s: int


@dataclass(frozen=True)
class Workload:
    """Points for ``series_count`` series, of which the even ones are counters and the odd ones values.

    ``history`` is written and folded before the clock starts, ``batches`` while it runs. Series exist when the
    clock starts, unless ``new_names``.
    """

    name: str
    series_count: int
    start_s: int
    batches: Callable[[], Iterator[Points]]
    history: Callable[[], Iterator[Points]] = field(default=lambda: iter(()))
    schema: str = DEFAULT_SCHEMA
    new_names: bool = False

    @cached_property
    def names(self) -> list[str]:
        return series_names(self.series_count)

    @cached_property
    def kinds(self) -> NDArray[np.int8]:
        """int8[series_count]: 0 for a counter, 1 for a value."""
        return (np.arange(self.series_count) % 2).astype(np.int8)


def series_names(count: int) -> list[str]:
    """Names of 23 to 25 characters, as collectors send them."""
    return [f"host-{i % 1000:03d}.metric.{i:07d}{('', 's', 'ms')[i % 3]}" for i in range(count)]


class Numbers:
    """Measured numbers: lognormal, four decimals; counts are 1.

    Drawn once and handed out from a random offset on, because drawing them costs more than storing them.
    """

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self._pool = np.round(rng.lognormal(3.0, 0.6, 1 << 18), 4)
        self._rng = rng

    def of(self, series: NDArray[np.int64]) -> NDArray[np.float64]:
        offset = int(self._rng.integers(self._pool.size))
        measured = np.take(self._pool, np.arange(offset, offset + series.size), mode="wrap")
        return np.where(series % 2 == COUNTER, 1.0, measured)


def rounds(series_count: int, first: int, count: int, start_s: int, batch_size: int, seed: int) -> Iterator[Points]:
    """Every series once a minute, in the same order each time, ``count`` minutes from minute ``first`` on."""
    numbers = Numbers(seed)
    for number in range(first, first + count):
        time_s = start_s + number * MINUTE_S
        for low in range(0, series_count, batch_size):
            series = np.arange(low, min(low + batch_size, series_count), dtype=np.int64)
            yield Points(series, np.full(series.size, time_s, dtype=np.int64), numbers.of(series), time_s)


def columns_of_history(series_count: int, minutes: int, start_s: int, seed: int) -> Iterator[Points]:
    """The same points as ``rounds``, in large batches: for what lies there before the clock starts."""
    numbers = Numbers(seed)
    minutes_a_batch = max(1, 200_000 // series_count)
    for first in range(0, minutes, minutes_a_batch):
        in_batch = min(minutes_a_batch, minutes - first)
        series = np.tile(np.arange(series_count, dtype=np.int64), in_batch)
        times_s = start_s + np.repeat(np.arange(first, first + in_batch, dtype=np.int64), series_count) * MINUTE_S
        yield Points(series, times_s, numbers.of(series), int(times_s[-1]))


def hot(series_count: int = 1_000, point_count: int = 1_000_000, batch_size: int = 10_000) -> Workload:
    """One hour of many points a minute for few series, in time order. The hour begins in the middle of a span."""
    start_s = EPOCH_S + CHAPTER_S // 2 + SPAN_S // 2

    def batches() -> Iterator[Points]:
        numbers = Numbers(1)
        for low in range(0, point_count, batch_size):
            order = np.arange(low, min(low + batch_size, point_count), dtype=np.int64)
            series = order % series_count
            times_s = start_s + order * 3_600 // point_count
            yield Points(series, times_s, numbers.of(series), int(times_s[-1]))

    return Workload("HOT", series_count, start_s, batches)


def late(history_days: int = 30, **size: int) -> Workload:
    """HOT, with a tenth of the points shifted back by up to as many days as there is history."""
    on_time = hot(**size)
    history_s = history_days * DAY_S

    def batches() -> Iterator[Points]:
        rng = np.random.default_rng(2)
        for batch in on_time.batches():
            is_late = rng.random(batch.series.size) < 0.1
            shift_s = np.where(is_late, rng.integers(0, history_s, batch.series.size), 0)
            yield replace(batch, times_s=batch.times_s - shift_s)

    def history() -> Iterator[Points]:
        return columns_of_history(on_time.series_count, history_s // MINUTE_S, on_time.start_s - history_s, seed=3)

    return replace(on_time, name="LATE", batches=batches, history=history)


def wide(series_count: int = 100_000, round_count: int = 10, batch_size: int = 10_000) -> Workload:
    """Many series, one point a minute each; 32 of the 64 periods of the finest ring's span are filled before."""
    return Workload(
        "WIDE",
        series_count,
        EPOCH_S + SPAN_S // 2,
        batches=lambda: rounds(series_count, 32, round_count, EPOCH_S, batch_size, seed=4),
        history=lambda: columns_of_history(series_count, 32, EPOCH_S, seed=5),
    )


def long(series_count: int = 10_000, round_count: int = 1_440, batch_size: int = 10_000) -> Workload:
    """A day of minutes from the start of a chapter: spans are closed, a chapter is sealed."""
    return Workload(
        "LONG",
        series_count,
        EPOCH_S,
        batches=lambda: rounds(series_count, 0, round_count, EPOCH_S, batch_size, seed=6),
    )


def backfill(
    series_count: int = 10, days: int = 365, batch_size: int = 10_000, schema: str = BACKFILL_SCHEMA
) -> Workload:
    """The past of a few series, one after the other, into an empty store. Now is seven hours after a chapter ended."""
    end_s = EPOCH_S + CHAPTER_S + 7 * 3_600
    minutes = days * 1_440

    def batches() -> Iterator[Points]:
        numbers = Numbers(7)
        for number in range(series_count):
            for low in range(0, minutes, batch_size):
                order = np.arange(low, min(low + batch_size, minutes), dtype=np.int64)
                series = np.full(order.size, number, dtype=np.int64)
                yield Points(series, end_s + (order - minutes) * MINUTE_S, numbers.of(series), end_s)

    return Workload("BACKFILL", series_count, end_s - minutes * MINUTE_S, batches, schema=schema, new_names=True)


def one_kind(kind: int, series_count: int = 10, days: int = 365) -> Workload:
    """BACKFILL of counters alone or of values alone, for what they take on the disk.

    The counters hold Poisson counts (mean 5): a column of ones would take no room and show nothing.
    """
    both = backfill(2 * series_count, days)

    def batches() -> Iterator[Points]:
        rng = np.random.default_rng(11)
        for points in both.batches():
            if points.series[0] % 2 == VALUE == kind:
                yield points
            elif points.series[0] % 2 == COUNTER == kind:
                yield replace(points, values=rng.poisson(5.0, points.values.size).astype(np.float64))

    return replace(both, name=("COUNTERS", "VALUES")[kind], batches=batches)


def churn(series_count: int = 200_000, batch_size: int = 10_000) -> Workload:
    """Every point brings a new name."""
    return Workload(
        "CHURN",
        series_count,
        EPOCH_S,
        batches=lambda: rounds(series_count, 0, 1, EPOCH_S, batch_size, seed=8),
        new_names=True,
    )


def fleet(series_count: int = 200, minutes: int = 1_444) -> Workload:
    """A hundred counters (and as many values) made together, one point a minute: 17 hours sealed, seven not."""
    return Workload(
        "FLEET",
        series_count,
        EPOCH_S,
        batches=lambda: columns_of_history(series_count, minutes, EPOCH_S, seed=9),
        new_names=True,
    )


def unfolded(point_count: int = 1_000_000, series_count: int = 1_000, now_s: int = EPOCH_S) -> Workload:
    """Points that wait in the journal while others are read: of other series, in the last ten minutes."""
    span_s = 10 * MINUTE_S

    def batches() -> Iterator[Points]:
        numbers = Numbers(10)
        for low in range(0, point_count, 10_000):
            order = np.arange(low, min(low + 10_000, point_count), dtype=np.int64)
            series = order % series_count
            yield Points(series, now_s - span_s + order * span_s // point_count, numbers.of(series), now_s)

    return Workload("UNFOLDED", series_count, now_s - span_s, batches, new_names=True)


FACTORIES: Mapping[str, Callable[..., Workload]] = {
    "HOT": hot,
    "HOT-1000": hot,
    "WIDE": wide,
    "WIDE-1M": wide,
    "BIG": wide,
    "BACKFILL": backfill,
    "BACKFILL-3Y": partial(backfill, schema="1m:4y, 1h:5y, 1d:50y"),
    "LONG": long,
    "LATE": late,
    "CHURN": churn,
    "FLEET": fleet,
    "COUNTERS": partial(one_kind, COUNTER),
    "VALUES": partial(one_kind, VALUE),
}

# Full is the definition (an empty entry: the defaults above). Quick keeps the shape and a tenth of the work. Tiny
# only shows that the benchmark still runs.
SIZES: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "full": {
        "HOT-1000": {"batch_size": 1_000},
        "WIDE-1M": {"series_count": 1_000_000, "round_count": 3},
        # Some 5 GB: a thousand rounds of which most are not sealed yet.
        "BIG": {"series_count": 400_000, "round_count": 1_000},
        "BACKFILL-3Y": {"days": 1_095},
    },
    "quick": {
        "HOT": {"point_count": 300_000},
        "HOT-1000": {"point_count": 100_000, "batch_size": 1_000},
        "WIDE": {"series_count": 50_000, "round_count": 5},
        "WIDE-1M": {"series_count": 200_000, "round_count": 3},
        "BIG": {"series_count": 20_000, "round_count": 100},
        "BACKFILL": {"days": 60},
        "BACKFILL-3Y": {"days": 180},
        "COUNTERS": {"days": 60},
        "VALUES": {"days": 60},
        "LONG": {"series_count": 1_000},
        "LATE": {"history_days": 3, "point_count": 300_000},
        "CHURN": {"series_count": 50_000},
    },
    "tiny": {
        "HOT": {"series_count": 50, "point_count": 20_000, "batch_size": 5_000},
        "HOT-1000": {"series_count": 50, "point_count": 5_000, "batch_size": 1_000},
        "WIDE": {"series_count": 500, "round_count": 2, "batch_size": 250},
        "WIDE-1M": {"series_count": 1_000, "round_count": 2},
        "BIG": {"series_count": 1_000, "round_count": 4},
        "BACKFILL": {"series_count": 2, "days": 3},
        "BACKFILL-3Y": {"series_count": 2, "days": 3},
        "COUNTERS": {"series_count": 1, "days": 3},
        "VALUES": {"series_count": 1, "days": 3},
        "LONG": {"series_count": 20, "round_count": 70},
        "LATE": {"history_days": 1, "series_count": 20, "point_count": 5_000, "batch_size": 1_000},
        "CHURN": {"series_count": 2_000, "batch_size": 500},
        "FLEET": {"series_count": 10},
    },
}


def make(name: str, size: str = "full", **more: Any) -> Workload:
    """The workload of that name at that size; ``more`` overrides what the size says."""
    workload = FACTORIES[name](**{**SIZES[size].get(name, {}), **more})
    return replace(workload, name=name)

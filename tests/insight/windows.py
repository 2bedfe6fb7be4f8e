"""Windows of made-up rows, as a query would give them."""

import numpy as np
from numpy.typing import NDArray

from statflow_engine import Kind, Window
from statflow_engine.pure.steps import Rows, parse_step

MONDAY_S = 1_767_571_200  # 2026-01-05, 0:00 UTC


def window_of(
    numbers: NDArray[np.float64],
    kind: Kind = Kind.COUNTER,
    step: str = "1h",
    *,
    start_s: int = MONDAY_S,
    now_s: int | None = None,
    tz: str = "UTC",
) -> Window:
    """A window of these rows, all over unless ``now_s`` says otherwise; NaN (and of a counter 0) is an empty row."""
    length = parse_step(step)
    end_s = start_s + len(numbers) * length.nominal_s
    rows = Rows.between(length, start_s, end_s, tz)
    rows = Rows(length, rows.edges_s[: len(numbers) + 1], rows.fixed_s)
    empty = np.isnan(numbers) | ((numbers == 0) & (kind is Kind.COUNTER))
    sums = np.where(empty, 0.0, numbers)
    extremes = () if kind is Kind.COUNTER else (np.where(empty, np.nan, numbers),) * 2
    return Window(
        "views", kind, rows, end_s + 86_400 if now_s is None else now_s, (~empty).astype(np.int64), sums, *extremes
    )


def daily_shape(hours: int, level: float = 150.0, depth: float = 0.7) -> NDArray[np.float64]:
    """The expected counts of so many hours from a Monday on: most at 15:00, half of it at week-ends."""
    hour = np.arange(hours)
    weekend = np.where(hour // 24 % 7 >= 5, 0.5, 1.0)
    return level * weekend * (1 + depth * np.cos(2 * np.pi * (hour % 24 - 15) / 24))


def counts(hours: int, level: float = 150.0, seed: int = 1) -> NDArray[np.float64]:
    """Poisson counts of that shape."""
    return np.random.default_rng(seed).poisson(daily_shape(hours, level)).astype(np.float64)

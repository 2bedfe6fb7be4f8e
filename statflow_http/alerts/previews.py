"""What a rule would have found at every moment of a range: shown before it is saved, and drawn in its mails.

At each step of the grid the window that ends there is compared as `numbers` says, with rows that are over. A live look
counts the row that runs as well, and may so be up to a step earlier.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from statflow_engine import Engine, Kind, Series, Window
from statflow_http.alerts.numbers import Shape, shape
from statflow_http.alerts.rules import HOLDS_S, WINDOWS_S, Condition, Operator, Rule, RuleKind

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

MONTH_S = 30 * 86_400
# Openings that a preview lists.
OPENINGS_MAX = 100
# A chart shows so many windows before now, at least so long, and about so many points.
WINDOWS_SHOWN = 12
SHOWN_S_MIN = 3 * 3_600
POINTS_MAX = 300


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """What a rule found over time.

    Attributes:
        step_s: between two moments.
        times_s: int64[n], the moments; the window of each ends there.
        numbers: float64[n], NaN where there was none.
        percents: float64[n], of kind delta; NaN where there was none, and for other kinds.
        are_met: bool[n].
    """

    step_s: int
    times_s: Ints
    numbers: Floats
    percents: Floats
    are_met: Flags


@dataclass(frozen=True, slots=True)
class Opening:
    """A time in which an alert would have been open.

    Attributes:
        from_s, to_s: half-open; the end is None where it still would be.
        extreme: the number farthest beyond what is watched; None of kind data.
    """

    from_s: int
    to_s: int | None
    extreme: float | None


def track(
    engine: Engine, namespace: str, series: Series, condition: Condition | Rule, start_s: int, now_s: int
) -> Track | None:
    """What a rule found from a moment to now; None when no ring reaches so far back.

    Raises:
        UnknownSeriesError: the stat was deleted meanwhile.
    """
    shape_ = shape(condition, engine.schema, now_s, past_s=now_s - start_s)
    if shape_ is None:
        return None
    span = shape_.rows + shape_.back
    first_s = start_s // shape_.step_s * shape_.step_s - span * shape_.step_s
    end_s = now_s // shape_.step_s * shape_.step_s
    if end_s - first_s < (span + 1) * shape_.step_s:
        first_s = end_s - (span + 1) * shape_.step_s
    window = engine.query(series.name, first_s, end_s, step=shape_.step_s, namespace=namespace)
    return tracked(condition, shape_, window, series.created_s)


def tracked(condition: Condition | Rule, shape_: Shape, window: Window, created_s: int) -> Track:
    """The same from rows that were read: of as many steps before the first moment as window and earlier window take."""
    is_counter = window.kind is Kind.COUNTER
    counts = _slid(window.counts.astype(np.float64), shape_.rows)
    sums = np.where(counts > 0, _slid(window.sums, shape_.rows), 0.0)
    numbers = sums if is_counter else _divided(sums, counts)
    before = numbers[: len(numbers) - shape_.back] if shape_.back else np.full(len(numbers), np.nan)
    numbers, counts = numbers[shape_.back :], counts[shape_.back :]
    times_s = window.start_s + shape_.step_s * np.arange(shape_.rows + shape_.back, len(window) + 1)
    percents = _divided((numbers - before) * 100.0, np.abs(before))
    are_met = _met(condition, numbers, percents, counts)
    if condition.kind is not RuleKind.VALUE or condition.operator is Operator.LESS:
        there = np.flatnonzero(window.counts)
        known_s = min(created_s, int(window.times_s[there[0]])) if len(there) else created_s
        are_met = are_met & (times_s - (shape_.rows + shape_.back) * shape_.step_s >= known_s)
    return Track(shape_.step_s, times_s, counts if condition.kind is RuleKind.DATA else numbers, percents, are_met)


def _slid(column: Floats, rows: int) -> Floats:
    """float64[n - rows + 1]: the sum of each run of so many rows."""
    added = np.concatenate([[0.0], np.cumsum(column)])
    found: Floats = added[rows:] - added[:-rows]
    return found


def _divided(numbers: Floats, divisors: Floats) -> Floats:
    found = np.full(len(numbers), np.nan)
    with np.errstate(over="ignore", invalid="ignore"):
        np.divide(numbers, divisors, out=found, where=divisors > 0)
    return np.where(np.isfinite(found), found, np.nan)


def _met(condition: Condition | Rule, numbers: Floats, percents: Floats, counts: Floats) -> Flags:
    if condition.kind is RuleKind.DATA:
        return np.asarray(counts == 0)
    if condition.kind is RuleKind.VALUE:
        assert condition.threshold is not None
        sign = 1.0 if condition.operator is Operator.GREATER else -1.0
        beyond: Flags = sign * numbers > sign * condition.threshold
        return beyond
    assert condition.percentage is not None
    by_operator: dict[Operator, Flags] = {
        Operator.GREATER: percents > condition.percentage,
        Operator.LESS: percents < -condition.percentage,
    }
    found: Flags = by_operator.get(condition.operator or Operator.DIFFERENT, np.abs(percents) > condition.percentage)
    return found


def openings(condition: Condition | Rule, found: Track) -> list[Opening]:
    """When an alert would have been open, oldest first."""
    hold = -(-HOLDS_S[condition.hold] // found.step_s)
    edges = np.flatnonzero(np.diff(found.are_met, prepend=False, append=False))
    return list(_openings(condition, found, hold, edges[::2].tolist(), edges[1::2].tolist()))


def _openings(
    condition: Condition | Rule, found: Track, hold: int, firsts: list[int], ends: list[int]
) -> Iterator[Opening]:
    for first, end in zip(firsts, ends, strict=True):
        if end - first <= hold:
            continue
        to_s = int(found.times_s[end]) if end < len(found.times_s) else None
        yield Opening(int(found.times_s[first + hold]), to_s, _extreme(condition, found, slice(first + hold, end)))


def _extreme(condition: Condition | Rule, found: Track, rows: slice) -> float | None:
    if condition.kind is RuleKind.DATA:
        return None
    numbers = found.numbers[rows]
    is_low = condition.operator is Operator.LESS
    return float(np.nanmin(numbers) if is_low else np.nanmax(numbers))


def shown_from_s(condition: Condition | Rule, now_s: int) -> int:
    """From when on the chart of a rule shows its stat."""
    return now_s - max(WINDOWS_SHOWN * WINDOWS_S[condition.time_window], SHOWN_S_MIN)


def thinned(found: Track) -> tuple[Ints, Floats]:
    """Times and numbers for a chart; the newest is always among them."""
    stride = max(len(found.times_s) // POINTS_MAX, 1)
    kept = slice((len(found.times_s) - 1) % stride, None, stride)
    return found.times_s[kept], found.numbers[kept]

"""What a rule compares: from the rows of a stat to one number, for many rules of equal shape at once. Pure.

A window is laid on a grid. Its step is a minute for windows up to 3h, 5 minutes for 1d, an hour for 1w and 1M, a day
for 1y; or the next longer one that a ring of the store still has for all of it. Of a window of ``n`` steps ``n + 1``
rows are read, the last of which *runs*: it holds the present moment. The rows before it are *over*.

    value, greater than     the newest ``n`` rows, the running one included. So an alert opens at the first look after
                            the threshold is crossed; the rows cover at most the window, so that a counter is never more
                            in them than it was.
    value, less than        for a counter the ``n`` rows that are over, because the sum of a row that runs is low until
                            it is over. For a value as above: a mean is not lowered by time that is missing.
    delta                   the ``n`` rows that are over, against as many rows ``time_delta`` earlier, in percent of the
                            magnitude of the earlier number. Less than 20: it fell by more than 20 percent.
    data                    all ``n + 1`` rows: nothing was received in at least the window. What counts is the time
                            that a point carries.

A counter over rows is its sum, and the sum of nothing is 0; a value is its mean, and the mean of nothing is no number.
There is *no data* where there is no number: no points of a value, nothing to compare with (no points then, or a sum of
0), no ring that reaches so far back, or a stat that is younger than the window where it is asked whether it had too
little (less than, data; of a delta's counter the earlier window): its first window has begun but is not over. Points
in the window from before the stat was made, as an import brings them, count as age.

Late points: rows are read anew at each look, so that a point that comes late counts from the next look on, if its time
is still in the window. It may end what is open. What is over is never looked at again: no late point opens an alert of
then.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from statflow_engine import Kind, Ring, Schema
from statflow_http.alerts.rules import WINDOWS_S, Condition, Operator, Rule, RuleKind

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

MINUTE_S, HOUR_S, DAY_S = 60, 3_600, 86_400
# The longest window that has a step, and the step: at least a hundredth of a longer window's length.
STEPS_S = ((3 * HOUR_S, MINUTE_S), (DAY_S, 5 * MINUTE_S), (30 * DAY_S, HOUR_S), (366 * DAY_S, DAY_S))
# What is tried next where no ring has the step so far back.
COARSER_S = (MINUTE_S, 5 * MINUTE_S, HOUR_S, DAY_S)

# Why there is no number.
NO_POINTS = "no points"
NOTHING_BEFORE = "nothing to compare with"
YOUNG = "younger than the window"
OUT_OF_REACH = "no ring reaches so far back"
GONE = "the stat was deleted"


class Shape(NamedTuple):
    """How the window of a rule lies on its grid; rules of one shape are looked at together.

    Attributes:
        step_s: of the grid.
        rows: of the window, at least 1.
        back: rows from the window to the earlier one; 0: there is none.
    """

    step_s: int
    rows: int
    back: int

    def current(self, now_s: int) -> tuple[int, int]:
        """[start, end) of the rows to read, the running one included."""
        running_s = now_s // self.step_s * self.step_s
        return running_s - self.rows * self.step_s, running_s + self.step_s

    def earlier(self, now_s: int) -> tuple[int, int]:
        """The same of those to compare with, all of which are over."""
        start_s = self.current(now_s)[0] - self.back * self.step_s
        return start_s, start_s + self.rows * self.step_s


class Figure(msgspec.Struct, frozen=True):
    """What a look at one rule has found.

    Attributes:
        number: over the window; None: there is none.
        before: of kind delta: over the earlier window.
        percent: of kind delta: how much more the number is, negative for less.
        from_s, to_s: the rows that were compared, half-open; the end may lie in the future.
        is_met: whether the condition holds; None: there is no data, and ``lack`` says why.
    """

    number: float | None = None
    before: float | None = None
    percent: float | None = None
    from_s: int = 0
    to_s: int = 0
    is_met: bool | None = None
    lack: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """The rows of several stats over one range.

    Attributes:
        counts: int64[stats, rows].
        sums: float64[stats, rows].
    """

    counts: Ints
    sums: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Watched:
    """Rules of one shape with what must be known of their stats, one entry a rule.

    Attributes:
        conditions: of the rules.
        are_counters: bool[n].
        created_s: int64[n], when the stats were made.
    """

    conditions: Sequence[Condition | Rule]
    are_counters: Flags
    created_s: Ints

    def are(self, kind: RuleKind, *operators: Operator) -> Flags:
        """bool[n]: whether each is of a kind, and has one of the operators."""
        wanted = set(operators)
        found = (each.kind is kind and (not wanted or each.operator in wanted) for each in self.conditions)
        return np.fromiter(found, np.bool_, len(self.conditions))

    def column(self, name: str) -> Floats:
        """float64[n]: a number of each condition; NaN where it has none."""
        found = (np.nan if (number := getattr(each, name)) is None else number for each in self.conditions)
        return np.fromiter(found, np.float64, len(self.conditions))


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """What a look at several rules has found, one entry a rule.

    Attributes:
        numbers, before, percents: float64[n], NaN where there is none.
        are_met: bool[n].
        lacks: str[n], why there is no data; "" where there is some.
        from_s, to_s: int64[n].
    """

    numbers: Floats
    before: Floats
    percents: Floats
    are_met: Flags
    lacks: NDArray[Any]
    from_s: Ints
    to_s: Ints

    def figure(self, index: int) -> Figure:
        """What was found of one rule."""
        lack = str(self.lacks[index])
        return Figure(
            _some(self.numbers[index]),
            _some(self.before[index]),
            _some(self.percents[index]),
            int(self.from_s[index]),
            int(self.to_s[index]),
            None if lack else bool(self.are_met[index]),
            lack,
        )


def _some(number: np.float64) -> float | None:
    return float(number) if np.isfinite(number) else None


def shape(condition: Condition | Rule, schema: Schema, now_s: int, *, past_s: int = 0) -> Shape | None:
    """How a condition's windows lie on the grid; None when no ring has any step for them so far back.

    Args:
        condition: which windows.
        schema: the rings that there are.
        now_s: Unix seconds.
        past_s: how much farther back the earliest of many looks is.
    """
    window_s = WINDOWS_S[condition.time_window]
    delta_s = WINDOWS_S[condition.time_delta] if condition.kind is RuleKind.DELTA and condition.time_delta else 0
    least_s = next(step_s for longest_s, step_s in STEPS_S if window_s <= longest_s)
    steps_s = {*COARSER_S, *(ring.resolution_s for ring in schema.rings)}
    for step_s in sorted(step_s for step_s in steps_s if step_s >= least_s):
        found = Shape(step_s, -(-window_s // step_s), -(-delta_s // step_s))
        start_s = found.earlier(now_s)[0] - past_s
        if any(_has(ring, step_s, start_s, now_s) for ring in schema.rings):
            return found
    return None


def _has(ring: Ring, step_s: int, start_s: int, now_s: int) -> bool:
    """Whether a ring still shows the rows of a step from a moment on."""
    shown_from = now_s // ring.resolution_s - ring.slot_count + 1
    return step_s % ring.resolution_s == 0 and start_s // ring.resolution_s >= shown_from


def judged(watched: Watched, shape_: Shape, now_s: int, current: Columns, earlier: Columns | None) -> Judged:
    """Compare the numbers of many rules of one shape; see the top of this file.

    Args:
        watched: the rules.
        shape_: theirs.
        now_s: when this is.
        current: ``shape_.rows + 1`` rows a rule.
        earlier: ``shape_.rows`` rows a rule; None where the shape has no earlier window.
    """
    start_s, end_s = shape_.current(now_s)
    counters = watched.are_counters
    is_data, is_delta = watched.are(RuleKind.DATA), watched.are(RuleKind.DELTA)
    is_less = watched.are(RuleKind.VALUE, Operator.LESS)
    over, newest = slice(None, -1), slice(1, None)
    are_over = is_delta | (is_less & counters)
    numbers = np.where(are_over, _numbers(current, over, counters), _numbers(current, newest, counters))
    numbers = np.where(is_data, current.counts.sum(axis=1), numbers)
    before = _numbers(earlier, slice(None), counters) if earlier is not None else np.full(len(numbers), np.nan)
    percents = _percents(numbers, before)
    lacks = np.full(len(numbers), "", dtype=object)
    lacks[np.isnan(numbers)] = NO_POINTS
    lacks[is_delta & ~np.isnan(numbers) & np.isnan(percents)] = NOTHING_BEFORE
    young = (is_data | is_less) & _are_young(watched, start_s, shape_, current.counts)
    if earlier is not None:
        young |= is_delta & counters & _are_young(watched, shape_.earlier(now_s)[0], shape_, earlier.counts)
    lacks[young & (lacks == "")] = YOUNG
    return Judged(
        numbers,
        before,
        percents,
        np.where(is_data, numbers == 0, _compared(watched, numbers, percents)),
        lacks,
        np.where(are_over | is_data, start_s, start_s + shape_.step_s),
        np.where(are_over, end_s - shape_.step_s, end_s),
    )


def _numbers(columns: Columns, rows: slice, counters: Flags) -> Floats:
    """float64[n]: sums of counters, means of values; NaN for the mean of nothing."""
    sums, counts = columns.sums[:, rows].sum(axis=1), columns.counts[:, rows].sum(axis=1)
    means = np.full(len(sums), np.nan)
    np.divide(sums, counts, out=means, where=counts > 0)
    return np.where(counters, sums, means)


def _percents(numbers: Floats, before: Floats) -> Floats:
    """float64[n]: how much more the numbers are than before, in percent; NaN of nothing, and of zero."""
    found = np.full(len(numbers), np.nan)
    with np.errstate(over="ignore", invalid="ignore"):
        np.divide((numbers - before) * 100.0, np.abs(before), out=found, where=before != 0)
    return np.where(np.isfinite(found), found, np.nan)


def _are_young(watched: Watched, start_s: int, shape_: Shape, counts: Ints) -> Flags:
    """bool[n]: the stat was made within the window, and has no points of before it was."""
    ends_s = start_s + shape_.step_s * np.arange(1, counts.shape[1] + 1)
    was_there = ((counts > 0) & (ends_s[None, :] <= watched.created_s[:, None])).any(axis=1)
    return (watched.created_s > start_s) & ~was_there


def _compared(watched: Watched, numbers: Floats, percents: Floats) -> Flags:
    thresholds, limits = watched.column("threshold"), watched.column("percentage")
    # A comparison with NaN is False, which is right: it is no number that could be greater or less.
    by_operator = {
        (RuleKind.VALUE, Operator.GREATER): numbers > thresholds,
        (RuleKind.VALUE, Operator.LESS): numbers < thresholds,
        (RuleKind.DELTA, Operator.GREATER): percents > limits,
        (RuleKind.DELTA, Operator.LESS): percents < -limits,
        (RuleKind.DELTA, Operator.DIFFERENT): np.abs(percents) > limits,
    }
    found = np.zeros(len(numbers), np.bool_)
    for (kind, operator), holds in by_operator.items():
        found |= watched.are(kind, operator) & holds
    return found


def lacking(reason: str) -> Figure:
    """What is found of a rule that cannot be looked at."""
    return Figure(lack=reason)


def is_counter(kind: Kind) -> bool:
    """Whether points of this kind add up."""
    return kind is Kind.COUNTER

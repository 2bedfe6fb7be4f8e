"""From stats and a range to what is drawn: the queries of an embed, and their rows as lines."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from statflow_engine import Engine, Kind, QueryError, Window
from statflow_http.charts.drawings import Line
from statflow_http.embedding.access import Shown
from statflow_http.embedding.ranges import Range
from statflow_http.stats.series_rows import default_aggregate, numbers

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What was read of one stat.

    Attributes:
        line: its rows.
        kind: of the stat.
        start_s, end_s: the range of the rows, half-open.
        step: of the rows, as text.
        tz: whose calendar the rows follow.
    """

    line: Line
    kind: Kind
    start_s: int
    end_s: int
    step: str
    tz: str

    @property
    def settled(self) -> Floats:
        """The numbers of rows that are over; of the only one, when it is not."""
        return self.line.values[:-1] if self.line.runs and len(self.line.values) > 1 else self.line.values

    @property
    def settled_previous(self) -> Floats | None:
        """The rows of the period before that `settled` is compared with."""
        return None if self.line.previous is None else self.line.previous[: len(self.settled)]


def seen(engine: Engine, stats: Sequence[Shown], wanted: Range, step: str, tz: str) -> list[Seen]:
    """Rows of some stats over one range, all with one step.

    Args:
        engine: whose stats these are.
        stats: at least one.
        wanted: the range; the rows of the period before are read when it compares.
        step: of the rows. A store without rings for it gives rows as fine as it can.
        tz: the name of the zone whose days are shown.
    """
    now_s = engine.now_s()
    start_s = now_s - min(wanted.length_s, _reach_s(engine))
    found = []
    for shown in stats:
        try:
            window = _window(engine, shown, start_s, now_s + 1, step, tz)
        except QueryError:
            window = _window(engine, shown, start_s, now_s + 1, None, tz)
        # The rows of all must have one step: the others are asked for what the first could have.
        step = window.step
        previous = _previous(engine, shown, window, wanted.shift_s, tz) if wanted.shift_s else None
        found.append(_seen(shown, window, previous, tz))
    return found


def _reach_s(engine: Engine) -> int:
    """How far back any ring reaches, less a row at each end."""
    return max(max(ring.resolution_s * (ring.slot_count - 2), 1) for ring in engine.schema.rings)


def _window(engine: Engine, shown: Shown, start_s: int, end_s: int, step: str | None, tz: str) -> Window:
    series = shown.series
    return engine.query(series.name, max(start_s, 0), end_s, step=step, namespace=series.namespace, tz=tz)


def _previous(engine: Engine, shown: Shown, window: Window, shift_s: int, tz: str) -> Floats | None:
    """The rows so far back; None when nothing is there, or no ring reaches it, or days of other lengths lie there."""
    try:
        earlier = _window(engine, shown, window.start_s - shift_s, window.end_s - shift_s, window.step, tz)
    except QueryError:
        return None
    if len(earlier) != len(window) or not earlier.counts.any():
        return None
    return numbers(earlier, default_aggregate(earlier.kind), "null")


def _seen(shown: Shown, window: Window, previous: Floats | None, tz: str) -> Seen:
    values = numbers(window, default_aggregate(window.kind), "null")
    if window.kind is Kind.COUNTER:
        values = since_creation(values, window, shown.series.created_s)
    # The mean of a row may still move, but the sum of one that is not over is too low by what is yet to come.
    runs = window.kind is Kind.COUNTER and window.end_s > window.now_s
    line = Line(window.name, window.times_s, values, previous, runs, shown.unit)
    return Seen(line, window.kind, window.start_s, window.end_s, window.step, tz)


def since_creation(values: Floats, window: Window, created_s: int) -> Floats:
    """A counter's rows, NaN where the stat did not exist yet: nothing was counted there, not even zero."""
    first = int(np.argmax(window.counts > 0)) if window.counts.any() else len(values)
    row_ends_s = np.append(window.times_s[1:], window.end_s)
    is_before = (np.arange(len(values)) < first) & (row_ends_s <= created_s)
    return np.where(is_before, np.nan, values)

"""What a picture shows, as plain data: series over time, and what is laid over and under them. Pure.

Invariants:
    * there are as many times as numbers in every series and in both edges of a band;
    * times ascend;
    * sizes are inside `WIDTH_MIN` to `WIDTH_MAX` and `HEIGHT_MIN` to `HEIGHT_MAX`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from statflow_http.charts.themes import LINES, Theme

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

WIDTH_MIN, WIDTH_MAX = 40, 2_000
HEIGHT_MIN, HEIGHT_MAX = 16, 1_200
SERIES_MAX = len(LINES)


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """One series.

    Attributes:
        label: the name of the stat.
        times_s: int64[n], where the rows begin, Unix seconds.
        values: float64[n], NaN where there is a gap.
        previous: float64[n] of the period before, drawn dashed under it; None: not shown.
        runs: the last row is not over, so that its number will still change: it is drawn as such.
        unit: of the values, "" for none.
    """

    label: str
    times_s: Ints
    values: Floats
    previous: Floats | None = None
    runs: bool = False
    unit: str = ""

    def __post_init__(self) -> None:
        if len(self.times_s) != len(self.values):
            raise ValueError(f"{len(self.times_s)} times for {len(self.values)} values of {self.label!r}")
        if self.previous is not None and len(self.previous) != len(self.values):
            raise ValueError(f"{len(self.previous)} previous values for {len(self.values)} of {self.label!r}")
        if len(self.times_s) > 1 and not (np.diff(self.times_s) > 0).all():
            raise ValueError(f"the times of {self.label!r} do not ascend")

    @property
    def last(self) -> float:
        """The last number of a row that is over; of the one that runs, when there is no other; NaN for none."""
        finite = np.flatnonzero(np.isfinite(self.values))
        if len(finite) > 1 and self.runs and finite[-1] == len(self.values) - 1:
            return float(self.values[finite[-2]])
        return float(self.values[finite[-1]]) if len(finite) else float("nan")


@dataclass(frozen=True, slots=True, eq=False)
class Band:
    """A range of numbers over time, such as a forecast's; its middle is drawn dotted.

    Attributes:
        times_s: int64[n]; may go on after the last row of the lines.
        low, high: float64[n], NaN where there is none.
        middle: float64[n], or None for no line.
        label: what it is, for who cannot see it.
    """

    times_s: Ints
    low: Floats
    high: Floats
    middle: Floats | None = None
    label: str = "forecast"

    def __post_init__(self) -> None:
        lengths = {len(self.times_s), len(self.low), len(self.high)}
        if self.middle is not None:
            lengths.add(len(self.middle))
        if len(lengths) > 1:
            raise ValueError(f"the columns of the {self.label} differ in length: {sorted(lengths)}")


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened at a moment: an annotation, or an anomaly.

    Attributes:
        time_s: Unix seconds.
        text: what happened.
        is_anomaly: drawn on the line and in the colour of alarm, not as a note below.
    """

    time_s: int
    text: str
    is_anomaly: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Drawing:
    """A picture of up to three series over one range of time.

    Attributes:
        lines: at most `SERIES_MAX`; none, or empty ones, give an empty picture that says so.
        start_s, end_s: the range, half-open; the axis is as long, whatever the lines have.
        width, height: in CSS pixels.
        title: "" for the names of the series.
        caption: a few words about the range, such as "last 7 days"; "" for none.
        previous_label: what the dashed lines are, such as "the week before".
        theme: where the colours come from.
        tz: the name of the time zone of the axis, which exists.
        is_filled: the area under the first line is tinted.
        is_mini: no axes: title, last number and line.
        has_head: title, names and caption are written above, where there is room.
        band: laid under the lines.
        marks: notes and anomalies; those outside the range are left out.
    """

    lines: Sequence[Line]
    start_s: int
    end_s: int
    width: int = 760
    height: int = 235
    title: str = ""
    caption: str = ""
    previous_label: str = ""
    theme: Theme = Theme.AUTO
    tz: str = "UTC"
    is_filled: bool = False
    is_mini: bool = False
    has_head: bool = True
    band: Band | None = None
    marks: Sequence[Mark] = ()

    def __post_init__(self) -> None:
        if len(self.lines) > SERIES_MAX:
            raise ValueError(f"{len(self.lines)} series; at most {SERIES_MAX} in a picture")
        if not (WIDTH_MIN <= self.width <= WIDTH_MAX and HEIGHT_MIN <= self.height <= HEIGHT_MAX):
            raise ValueError(f"no picture of {self.width} x {self.height} pixels")
        if self.end_s <= self.start_s:
            raise ValueError(f"the range from {self.start_s} to {self.end_s} is empty")

    @property
    def name(self) -> str:
        """The title, or else the names of the series."""
        return self.title or ", ".join(line.label for line in self.lines)


def lowest_and_highest(columns: Sequence[Floats]) -> tuple[float, float] | None:
    """The least and the greatest of several columns, NaN passed over; None when there is no number."""
    present = [column[np.isfinite(column)] for column in columns]
    present = [column for column in present if len(column)]
    if not present:
        return None
    return float(min(column.min() for column in present)), float(max(column.max() for column in present))


def are_whole(columns: Sequence[Floats]) -> bool:
    """Whether every number is a whole one; NaN passed over."""
    return all(bool((np.isnan(column) | (np.floor(column) == column)).all()) for column in columns)

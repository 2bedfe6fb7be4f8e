"""The plot of a picture: where its box lies, which pixel a time and a number are, and the thin lines and labels around.

Pure. A plot is given its box; what lies in the margins was measured before.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import tzinfo

import numpy as np
from numpy.typing import NDArray

from statflow_http.charts import times
from statflow_http.charts.lettering import SMALL_SIZE, label, width_of
from statflow_http.charts.nodes import Node, group, node
from statflow_http.charts.paths import line_path
from statflow_http.charts.scales import Scale
from statflow_http.charts.themes import Theme

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Pixels for one label of an axis, with the room around that keeps it calm.
TIME_LABEL_ROOM = 58
VALUE_LABEL_ROOM = 42
AXIS_HEIGHT = 20
GUTTER = 8
# From the middle of a line of small text to its foot.
HALF_CAP = 4


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels, at least one wide and high."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        """From left to right."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """From top to bottom."""
        return self.bottom - self.top


@dataclass(frozen=True, slots=True)
class Plot:
    """A box with its axes.

    Attributes:
        box: where it lies.
        first_s, last_s: the moments at its left and right edge.
        scale: from its foot to its head.
    """

    box: Box
    first_s: int
    last_s: int
    scale: Scale

    def xs(self, times_s: Ints) -> Floats:
        """float64[n]: the pixels of moments, also of ones outside."""
        span_s = max(self.last_s - self.first_s, 1)
        return self.box.left + (times_s - self.first_s) / span_s * self.box.width

    def x(self, time_s: int) -> float:
        """The pixel of one moment."""
        return float(self.xs(np.array([time_s], np.int64))[0])

    def ys(self, values: Floats) -> Floats:
        """float64[n]: the pixels of numbers; NaN stays."""
        return self.box.bottom - self.scale.fraction(values) * self.box.height

    @property
    def base(self) -> float:
        """The pixel of zero, or of the foot when zero is not on the axis."""
        zero = min(max(0.0, self.scale.low), self.scale.high)
        return float(self.ys(np.array([zero]))[0])


def horizon(box: Box, scale: Scale, theme: Theme, *, is_labelled: bool = True) -> Node:
    """The value axis: a hairline for each tick, and its label to the left of the plot."""
    ys = box.bottom - scale.fraction(np.array(scale.ticks)) * box.height
    path = "".join(line_path(np.array([box.left, box.right]), np.array([y, y])) for y in ys)
    grid = node("path", d=path, fill="none", stroke=theme.paint("grid"), shape_rendering="crispEdges")
    labels = [
        label(text, box.left - GUTTER, float(y) + HALF_CAP, fill=theme.paint("muted"), anchor="end")
        for text, y in zip(scale.labels, ys, strict=True)
    ]
    return node("g", grid, group(labels if is_labelled else (), font_size=SMALL_SIZE))


def labels_width(scale: Scale) -> float:
    """The room that the labels of a value axis take."""
    return max(width_of(text, SMALL_SIZE) for text in scale.labels) + GUTTER


def value_ticks_max(height: float) -> int:
    """For how many steps an axis of this height has room."""
    # At least two: the round numbers of a single step may leave nine tenths of the plot empty.
    return max(int(height // VALUE_LABEL_ROOM), 2)


def calendar(plot: Plot, theme: Theme, tz: tzinfo, picture_width: int) -> Node | None:
    """The time axis: a short stroke for each tick, and its label below the plot; None when there is no tick."""
    ticks_max = max(int(plot.box.width // TIME_LABEL_ROOM), 1)
    ticks = times.time_ticks(plot.first_s, plot.last_s, ticks_max=ticks_max, tz=tz)
    if not ticks:
        return None
    bottom = plot.box.bottom
    xs = plot.xs(np.array([tick.time_s for tick in ticks], np.int64)).tolist()
    path = "".join(line_path(np.array([x, x]), np.array([bottom, bottom + 4])) for x in xs)
    strokes = node("path", d=path, stroke=theme.paint("muted"), stroke_opacity=0.5, shape_rendering="crispEdges")
    labels = []
    for tick, x in zip(ticks, _kept_inside(ticks, xs, picture_width), strict=True):
        fill = theme.paint("ink" if tick.is_major else "muted")
        labels.append(label(tick.label, x, bottom + 16, fill=fill, anchor="middle"))
    return node("g", strokes, group(labels, font_size=SMALL_SIZE))


def _kept_inside(ticks: Sequence[times.TimeTick], xs: list[float], picture_width: int) -> Iterator[float]:
    """Where the middles of labels lie, so that none leaves the picture."""
    for tick, x in zip(ticks, xs, strict=True):
        half = width_of(tick.label, SMALL_SIZE) / 2
        yield min(max(x, half), max(picture_width - half, half))


def spread(wanted: Sequence[float], distance: float, low: float, high: float) -> list[float]:
    """Positions near the wanted ones, at least so far from each other, and inside two bounds if they fit there."""
    order = sorted(range(len(wanted)), key=lambda index: wanted[index])
    placed = [0.0] * len(wanted)
    position = low - distance
    for index in order:
        position = placed[index] = max(wanted[index], position + distance)
    limit = high + distance
    for index in reversed(order):
        limit = placed[index] = min(placed[index], limit - distance)
    return [max(position, low) for position in placed]

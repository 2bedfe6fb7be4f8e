"""Bars side by side, of one series or of up to three, over an axis whose labels the caller chooses. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from statflow_http.charts.drawings import SERIES_MAX, are_whole, lowest_and_highest
from statflow_http.charts.heads import Head, head
from statflow_http.charts.lettering import SMALL_SIZE, label, root, width_of
from statflow_http.charts.nodes import Node, group, node
from statflow_http.charts.paths import TENTHS, tenths
from statflow_http.charts.plots import AXIS_HEIGHT, HALF_CAP, Box, horizon, labels_width, value_ticks_max
from statflow_http.charts.scales import Scale, bounded, scale
from statflow_http.charts.themes import LINES, Theme

Floats = NDArray[np.float64]

# Between two groups of bars, in parts of their width; and the least a bar is wide.
GAP_SHARE = 0.18
BAR_WIDTH_MIN = 0.4
LABEL_GAP = 10
STRIDES = (1, 2, 5, 10, 20, 50, 100)
AXES_WIDTH_MIN, AXES_HEIGHT_MIN = 180, 90


@dataclass(frozen=True, slots=True)
class AxisLabel:
    """A label below the bars.

    Attributes:
        position: in bars from the left: 0 is the left edge of the first, 0.5 its middle.
        text: what is written there.
    """

    position: float
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class Bars:
    """A picture of bars.

    Attributes:
        names: of the series, at most `SERIES_MAX`.
        columns: float64[n] for each name, all of one length; NaN is no bar.
        labels: below the bars, from left to right, at equal distances; where there is no room for all, every second
            one is written, or every fifth, and so on.
        description: the picture in words.
        emptiness: what is said when there is no bar.
        has_head: title, names and caption are written above, where there is room.
        The rest as in `drawings.Drawing`.
    """

    names: Sequence[str]
    columns: Sequence[Floats]
    labels: Sequence[AxisLabel]
    description: str
    width: int = 760
    height: int = 235
    title: str = ""
    caption: str = ""
    theme: Theme = Theme.AUTO
    is_mini: bool = False
    emptiness: str = "no data in this range"
    has_head: bool = True

    def __post_init__(self) -> None:
        if len(self.names) != len(self.columns) or len(self.names) > SERIES_MAX:
            raise ValueError(f"{len(self.columns)} columns for {len(self.names)} names; at most {SERIES_MAX}")
        if len({len(column) for column in self.columns}) > 1:
            raise ValueError("the columns of bars differ in length")

    @property
    def has_axes(self) -> bool:
        """Whether there is room for labels."""
        return not self.is_mini and self.width >= AXES_WIDTH_MIN and self.height >= AXES_HEIGHT_MIN


def bars(drawing: Bars) -> Node:
    """The picture of some bars, which stand on zero."""
    theme = drawing.theme
    columns = [bounded(column) for column in drawing.columns]
    height = drawing.height if drawing.has_head else 0
    said = Head(drawing.title, drawing.names, drawing.caption, "", drawing.width, height, theme)
    above, head_height = head(said)
    axis, box = _laid_out(drawing, columns, head_height)
    is_empty = lowest_and_highest(columns) is None
    return root(
        above,
        horizon(box, axis, theme, is_labelled=not is_empty) if drawing.has_axes else None,
        group(_bars(columns, axis, box, theme)),
        group(_labels(drawing, box), font_size=SMALL_SIZE) if drawing.has_axes else None,
        _emptiness(drawing, box) if is_empty else None,
        width=drawing.width,
        height=drawing.height,
        title=drawing.title or ", ".join(drawing.names),
        description=drawing.description,
        theme=theme,
    )


def _laid_out(drawing: Bars, columns: Sequence[Floats], head_height: float) -> tuple[Scale, Box]:
    top = head_height + (HALF_CAP + 2 if drawing.has_axes else 1)
    bottom = max(drawing.height - (AXIS_HEIGHT if drawing.has_axes else 1), top + 1)
    lowest, highest = lowest_and_highest(columns) or (0.0, 1.0)
    ticks_max = value_ticks_max(bottom - top)
    axis = scale(lowest, highest, ticks_max=ticks_max, whole=are_whole(columns), from_zero=True)
    left, right = 1.0, drawing.width - 1.0
    if drawing.has_axes:
        # The last label may stand under the right edge.
        left, right = labels_width(axis), drawing.width - _last_half_width(drawing) - 1
    return axis, Box(left, top, max(right, left + 1), bottom)


def _last_half_width(drawing: Bars) -> float:
    return width_of(drawing.labels[-1].text, SMALL_SIZE) / 2 if drawing.labels else 0.0


def _bars(columns: Sequence[Floats], axis: Scale, box: Box, theme: Theme) -> Iterator[Node]:
    """One path a series."""
    count = len(columns[0]) if columns else 0
    if not count:
        return
    pitch = box.width / count
    bar = max(pitch * (1 - GAP_SHARE) / len(columns), BAR_WIDTH_MIN)
    zero = box.bottom - float(axis.fraction(np.zeros(1))[0]) * box.height
    for position, (column, role) in enumerate(zip(columns, LINES, strict=False)):
        lefts = box.left + pitch * (np.arange(count) + GAP_SHARE / 2) + bar * position
        tops = box.bottom - axis.fraction(column) * box.height
        path = "".join(_bar(x, y, zero, bar) for x, y in zip(lefts.tolist(), tops.tolist(), strict=True) if y == y)
        if path:
            yield node("path", d=path, fill=theme.paint(role))


def _bar(left: float, top: float, zero: float, width: float) -> str:
    """One bar as a path; one of height zero is nothing."""
    x, y, foot = (tenths(pixel) / TENTHS for pixel in (left, top, zero))
    return "" if y == foot else f"M{x:g} {foot:g}V{y:g}h{width:.1f}V{foot:g}Z"


def _labels(drawing: Bars, box: Box) -> Iterator[Node]:
    """The labels below: as many as there is room for, at equal distances."""
    count = len(drawing.columns[0]) if drawing.columns else 0
    if not count or not drawing.labels:
        return
    widest = max(width_of(found.text, SMALL_SIZE) for found in drawing.labels)
    room = box.width / max(len(drawing.labels) - 1, 1)
    stride = next((stride for stride in STRIDES if room * stride >= widest + LABEL_GAP), len(drawing.labels))
    for found in drawing.labels[::stride]:
        half = width_of(found.text, SMALL_SIZE) / 2
        x = box.left + box.width * found.position / count
        x = min(max(x, half), max(drawing.width - half, half))
        yield label(found.text, x, box.bottom + 16, fill=drawing.theme.paint("muted"), anchor="middle")


def _emptiness(drawing: Bars, box: Box) -> Node:
    x, y = (box.left + box.right) / 2, (box.top + box.bottom) / 2 + HALF_CAP
    return label(drawing.emptiness, x, y, fill=drawing.theme.paint("muted"), anchor="middle")

"""The hours of a week as a grid: seven rows of 24 squares, each the darker the greater its number. Pure.

A number is a mean: what a counter counted in such an hour, or what a value was in it. The darkness is measured from
zero where zero is not far from the numbers, as the axis of a chart would be; a square without a number is an outline.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from statflow_http.charts.heads import Head, head
from statflow_http.charts.lettering import SMALL_SIZE, label, root, width_of
from statflow_http.charts.nodes import Node, group, node
from statflow_http.charts.scales import bounded, short, with_unit
from statflow_http.charts.themes import Theme
from statflow_http.charts.times import WEEKDAYS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DAYS, HOURS = 7, 24
GAP = 1.5
# The darkness of the least number and of the greatest: the least is still told from an empty square.
FAINTEST, DARKEST = 0.1, 1.0
AXIS_HEIGHT, GUTTER = 18, 6
HOUR_LABELS = (0, 6, 12, 18)


@dataclass(frozen=True, slots=True, eq=False)
class Hours:
    """A picture of the hours of a week.

    Attributes:
        label: the name of the stat.
        means: float64[7, 24], Monday first; NaN is an hour of which nothing is known.
        unit: of the numbers, "" for none.
        The rest as in `drawings.Drawing`.
    """

    label: str
    means: Floats
    unit: str = ""
    width: int = 320
    height: int = 200
    title: str = ""
    caption: str = ""
    theme: Theme = Theme.AUTO
    has_head: bool = True

    def __post_init__(self) -> None:
        if self.means.shape != (DAYS, HOURS):
            raise ValueError(f"{self.means.shape} numbers; the hours of a week are {(DAYS, HOURS)}")


def means_by_hour(hours: Ints, sums: Floats, weights: Floats) -> Floats:
    """float64[7, 24]: the mean of each hour of the week; NaN where there is nothing to divide by.

    Args:
        hours: int64[n], 0 to 167: which hour of the week each row is, Monday's first hour being 0.
        sums: float64[n], of the rows.
        weights: float64[n]: 1 for each hour of a counter, 0 where the row says nothing; the counts of a value.
    """
    total = np.bincount(hours, sums * (weights > 0), minlength=DAYS * HOURS)
    weight = np.bincount(hours, weights, minlength=DAYS * HOURS)
    means = np.full(DAYS * HOURS, np.nan)
    np.divide(total, weight, out=means, where=weight > 0)
    return means.reshape(DAYS, HOURS)


def hours_picture(drawing: Hours) -> Node:
    """The picture of the hours of a week."""
    theme = drawing.theme
    height = drawing.height if drawing.has_head else 0
    said = Head(drawing.title, [drawing.label], drawing.caption, "", drawing.width, height, theme)
    above, top = head(said)
    left = max(width_of(day, SMALL_SIZE) for day in WEEKDAYS) + GUTTER
    square = (drawing.width - left) / HOURS, max((drawing.height - AXIS_HEIGHT - top) / DAYS, 2.0)
    return root(
        above,
        group(_labels(left, top, square, theme), font_size=SMALL_SIZE),
        group(_squares(drawing, left, top, square)),
        width=drawing.width,
        height=drawing.height,
        title=drawing.title or drawing.label,
        description=description(drawing),
        theme=theme,
    )


def description(drawing: Hours) -> str:
    """The picture in words: which hours have the greatest and the least number."""
    means = bounded(drawing.means)
    if not np.isfinite(means).any():
        return f"{drawing.label}: no data."
    told = []
    for words, place in (("Greatest", np.nanargmax(means)), ("least", np.nanargmin(means))):
        number = with_unit(short(float(means.flat[place])), drawing.unit)
        told.append(f"{words} {hour_name(int(place))}: {number}")
    return f"{drawing.label} by hour of the week. {', '.join(told)}."


def hour_name(hour: int) -> str:
    """An hour of the week in words: "Mon 14:00"."""
    return f"{WEEKDAYS[hour // HOURS]} {hour % HOURS:02}:00"


def shades(means: Floats) -> Floats:
    """How dark each square is, `FAINTEST` to `DARKEST`; NaN where there is no number."""
    found = bounded(means)
    if not np.isfinite(found).any():
        return found
    low, high = float(np.nanmin(found)), float(np.nanmax(found))
    if 0 <= low <= high - low:
        low = 0.0
    # Numbers that are all the same are all in the middle.
    part = (found - low) / (high - low) if high > low else np.where(np.isfinite(found), 0.5, np.nan)
    return FAINTEST + part * (DARKEST - FAINTEST)


def _labels(left: float, top: float, square: tuple[float, float], theme: Theme) -> Iterator[Node]:
    """The days beside the rows, and a few hours below the columns."""
    width, height = square
    fill = theme.paint("muted")
    for index, day in enumerate(WEEKDAYS):
        yield label(day, 0, top + (index + 0.5) * height + SMALL_SIZE / 3, fill=fill)
    for hour in HOUR_LABELS:
        yield label(f"{hour:02}:00", left + hour * width, top + DAYS * height + AXIS_HEIGHT - 5, fill=fill)


def _squares(drawing: Hours, left: float, top: float, square: tuple[float, float]) -> Iterator[Node]:
    """A square for each hour, Monday's first; what it says is shown to who points at it."""
    width, height = square
    size: dict[str, str | float] = {"width": max(width - GAP, 0.5), "height": max(height - GAP, 0.5), "rx": 1.5}
    paint, empty = drawing.theme.paint("accent"), drawing.theme.paint("grid")
    means, dark = drawing.means.ravel().tolist(), shades(drawing.means).ravel().tolist()
    for hour, (mean, shade) in enumerate(zip(means, dark, strict=True)):
        x, y = left + hour % HOURS * width, top + hour // HOURS * height
        if shade != shade:
            yield node("rect", x=x, y=y, **size, fill="none", stroke=empty)
            continue
        said = node("title", f"{hour_name(hour)}: {with_unit(short(mean), drawing.unit)}")
        yield node("rect", said, x=x, y=y, **size, fill=paint, fill_opacity=shade)

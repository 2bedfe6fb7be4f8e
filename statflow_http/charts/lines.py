"""The chart: up to three lines over time, the period before dashed under them, a band, and marks. Pure."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from statflow_http.charts import times
from statflow_http.charts.drawings import Drawing, Line, Mark, are_whole, lowest_and_highest
from statflow_http.charts.heads import Head, head
from statflow_http.charts.lettering import BOLD, SMALL_SIZE, fitted, label, root, width_of
from statflow_http.charts.nodes import Node, group, node
from statflow_http.charts.paths import area_path, band_path, line_path, thinned
from statflow_http.charts.plots import (
    AXIS_HEIGHT,
    GUTTER,
    HALF_CAP,
    Box,
    Plot,
    calendar,
    horizon,
    labels_width,
    spread,
    value_ticks_max,
)
from statflow_http.charts.scales import Scale, bounded, scale, short, with_unit
from statflow_http.charts.themes import LINES

Floats = NDArray[np.float64]

STROKE = 1.75
DASHES = "4 3"
DOTS = "0.1 3.5"
DOT_RADIUS = 3.0
# Pictures smaller than this have no axes: their labels would take more room than the line.
AXES_WIDTH_MIN, AXES_HEIGHT_MIN = 180, 90
LABEL_DISTANCE = 14


def chart(drawing: Drawing) -> Node:
    """The picture of a drawing.

    What is drawn lies inside the picture, and no number in it is NaN, whatever finite or infinite numbers come in.
    """
    has_axes = not drawing.is_mini and drawing.width >= AXES_WIDTH_MIN and drawing.height >= AXES_HEIGHT_MIN
    above, head_height = head(_head(drawing, has_axes=has_axes))
    plot = _plot(drawing, head_height, has_axes=has_axes)
    theme = drawing.theme
    tz = times.zone(drawing.tz)
    is_empty = lowest_and_highest(_columns(drawing)) is None
    return root(
        above,
        horizon(plot.box, plot.scale, theme, is_labelled=not is_empty) if has_axes else None,
        calendar(plot, theme, tz, drawing.width) if has_axes else None,
        _band(drawing, plot),
        group(_notes(drawing, plot), font_size=SMALL_SIZE),
        group(_lines(drawing, plot), fill="none", stroke_linecap="round", stroke_linejoin="round"),
        group(_anomalies(drawing, plot), fill="none", stroke=theme.paint("alarm"), stroke_width=STROKE),
        _last_numbers(drawing, plot) if has_axes else None,
        _emptiness(drawing, plot) if is_empty else None,
        width=drawing.width,
        height=drawing.height,
        title=drawing.name,
        description=description(drawing),
        theme=theme,
    )


def description(drawing: Drawing) -> str:
    """The picture in words, for who cannot see it."""
    tz = times.zone(drawing.tz)
    said = [f"{times.moment(drawing.start_s, tz)} to {times.moment(drawing.end_s, tz)}, {drawing.tz}."]
    for line in drawing.lines:
        found = lowest_and_highest([line.values])
        if found is None:
            said.append(f"{line.label}: no data.")
        else:
            numbers = (with_unit(short(value), line.unit) for value in (line.last, *found))
            said.append("{}: last {}, lowest {}, highest {}.".format(line.label, *numbers))
    if drawing.previous_label and any(line.previous is not None for line in drawing.lines):
        said.append(f"Dashed: {drawing.previous_label}.")
    if drawing.band is not None:
        said.append(f"Shaded: {drawing.band.label}.")
    said.extend(f"{times.moment(mark.time_s, tz)}: {mark.text}." for mark in _marks(drawing))
    return " ".join(said)


def _head(drawing: Drawing, *, has_axes: bool) -> Head:
    """What is said above; where there are no axes, also the last number."""
    names = [line.label for line in drawing.lines]
    number = _last(drawing.lines[0]) if len(names) == 1 and not has_axes else ""
    has_previous = any(line.previous is not None for line in drawing.lines)
    dashed = f"dashed: {drawing.previous_label}" if has_previous and drawing.previous_label else ""
    caption = " · ".join(text for text in (drawing.caption, dashed) if text)
    height = drawing.height if drawing.has_head else 0
    return Head(drawing.title, names, caption, number, drawing.width, height, drawing.theme)


def _columns(drawing: Drawing) -> list[Floats]:
    """Every column of numbers that is drawn, as it is drawn."""
    columns = [line.values for line in drawing.lines]
    columns += [line.previous for line in drawing.lines if line.previous is not None]
    if drawing.band is not None:
        columns += [drawing.band.low, drawing.band.high]
        columns += [] if drawing.band.middle is None else [drawing.band.middle]
    return [bounded(column) for column in columns]


def _plot(drawing: Drawing, head_height: float, *, has_axes: bool) -> Plot:
    """The plot under a head; its margins are as wide as the labels that they hold."""
    # Room for the end of a stroke, or for the dot that ends it.
    top, bottom = head_height + DOT_RADIUS + 1, drawing.height - DOT_RADIUS - 1
    if has_axes:
        top, bottom = head_height + HALF_CAP + 2, drawing.height - AXIS_HEIGHT
    bottom = max(bottom, top + 1)
    axis = _scale(drawing, bottom - top, has_axes=has_axes)
    left, right = DOT_RADIUS + 1, drawing.width - DOT_RADIUS - 1
    if has_axes:
        left = labels_width(axis)
        right = drawing.width - max(_number_width(drawing), DOT_RADIUS + 1)
    last_s = max((int(column[-1]) for column in _times(drawing) if len(column)), default=drawing.end_s)
    box = Box(left, top, max(right, left + 1), bottom)
    return Plot(box, drawing.start_s, max(last_s, drawing.start_s + 1), axis)


def _times(drawing: Drawing) -> list[NDArray[np.int64]]:
    columns = [line.times_s for line in drawing.lines]
    return columns if drawing.band is None else [*columns, drawing.band.times_s]


def _scale(drawing: Drawing, height: float, *, has_axes: bool) -> Scale:
    columns = _columns(drawing)
    lowest, highest = lowest_and_highest(columns) or (0.0, 1.0)
    if not has_axes and highest > lowest:
        # Without labels no round numbers are needed: the line fills its box.
        return scale(lowest, highest, ticks_max=20, from_zero=drawing.is_filled)
    ticks_max, whole = value_ticks_max(height), are_whole(columns)
    # An area says how much there is: it must begin at nothing.
    return scale(lowest, highest, ticks_max=ticks_max, whole=whole, from_zero=drawing.is_filled)


def _number_width(drawing: Drawing) -> float:
    """The room for the last numbers at the right."""
    return max((width_of(_last(line)) * BOLD + DOT_RADIUS + GUTTER for line in drawing.lines), default=0.0)


def _last(line: Line) -> str:
    return with_unit(short(line.last), line.unit if len(line.unit) <= 3 else "")


def _lines(drawing: Drawing, plot: Plot) -> Iterator[Node]:
    """Area, the period before, and the lines: the first line lies over the others."""
    paints = [drawing.theme.paint(role) for role in LINES]
    for line, paint in zip(drawing.lines, paints, strict=False):
        if line.previous is not None:
            path = line_path(*_points(line.times_s, line.previous, plot))
            dashes: dict[str, str | float] = {
                "stroke_linecap": "butt",
                "stroke_width": 1.25,
                "stroke_opacity": 0.55,
                "stroke_dasharray": DASHES,
            }
            yield from _path(path, stroke=paint, **dashes)
    if drawing.is_filled and drawing.lines:
        path = area_path(*_points(drawing.lines[0].times_s, _settled(drawing.lines[0]), plot), plot.base)
        yield from _path(path, fill=paints[0], fill_opacity=0.13)
    for line, paint in reversed(list(zip(drawing.lines, paints, strict=False))):
        yield from _line(line, paint, plot)


def _line(line: Line, paint: str, plot: Plot) -> Iterator[Node]:
    """A line; its last step is dotted where the row that it leads to is not over."""
    if line.runs and len(line.values) > 1:
        running = _points(line.times_s[-2:], line.values[-2:], plot)
        yield from _path(line_path(*running), stroke=paint, stroke_opacity=0.5, stroke_dasharray=DOTS)
    path = line_path(*_points(line.times_s, _settled(line), plot))
    yield from _path(path, stroke=paint, stroke_width=STROKE)


def _settled(line: Line) -> Floats:
    """The numbers of a line, NaN for the row that is not over, unless it is the only one."""
    if not line.runs or len(line.values) < 2:
        return line.values
    return np.append(line.values[:-1], np.nan)


def _path(path: str, **attributes: str | float) -> Iterator[Node]:
    if path:
        yield node("path", d=path, **attributes)


def _points(times_s: NDArray[np.int64], values: Floats, plot: Plot) -> tuple[Floats, Floats]:
    """The pixels of a column, no more than a screen can show."""
    return thinned(plot.xs(times_s), plot.ys(bounded(values)), plot.box.left, plot.box.right)


def _band(drawing: Drawing, plot: Plot) -> Node | None:
    band = drawing.band
    if band is None:
        return None
    xs = plot.xs(band.times_s)
    paint = drawing.theme.paint(LINES[0])
    path = band_path(xs, plot.ys(bounded(band.low)), plot.ys(bounded(band.high)))
    found = list(_path(path, fill=paint, fill_opacity=0.14))
    if band.middle is not None:
        middle = line_path(*_points(band.times_s, band.middle, plot))
        found += _path(middle, fill="none", stroke=paint, stroke_opacity=0.7, stroke_dasharray="1.5 3")
    return group(found)


def _marks(drawing: Drawing) -> list[Mark]:
    """The marks of the range, in order of time."""
    inside = [mark for mark in drawing.marks if drawing.start_s <= mark.time_s < drawing.end_s]
    return sorted(inside, key=lambda mark: mark.time_s)


def _notes(drawing: Drawing, plot: Plot) -> Iterator[Node]:
    """Annotations: a hairline over the whole height with its text beside it, as far as there is room to the next."""
    notes = [mark for mark in _marks(drawing) if not mark.is_anomaly]
    xs = [min(plot.x(mark.time_s), plot.box.right) for mark in notes]
    muted = drawing.theme.paint("muted")
    for mark, x, next_x in zip(notes, xs, [*xs, plot.box.right][1:], strict=True):
        hair = node("path", d=f"M{x:.1f} {plot.box.top:.1f}V{plot.box.bottom:.1f}", stroke=muted, stroke_opacity=0.6)
        text = fitted(mark.text, next_x - x - GUTTER, SMALL_SIZE) if drawing.width >= AXES_WIDTH_MIN else ""
        words = label(text, x + 4, plot.box.top + 10, fill=muted) if len(text) > 2 else None
        yield node("g", node("title", mark.text), hair, words)


def _anomalies(drawing: Drawing, plot: Plot) -> Iterator[Node]:
    """Rings around the points of the first line at which something is unusual."""
    if not drawing.lines or not len(drawing.lines[0].values):
        return
    line = drawing.lines[0]
    ys = plot.ys(bounded(line.values))
    for mark in _marks(drawing):
        # The row that the moment lies in.
        index = max(int(np.searchsorted(line.times_s, mark.time_s, "right")) - 1, 0)
        if mark.is_anomaly and np.isfinite(ys[index]):
            x = plot.x(int(line.times_s[index]))
            yield node("circle", node("title", mark.text), cx=x, cy=float(ys[index]), r=4.5)


def _last_numbers(drawing: Drawing, plot: Plot) -> Node | None:
    """A dot at the end of each line, and its number to the right of the plot."""
    ends = [(index, end) for index, line in enumerate(drawing.lines) if (end := _end(line, plot)) is not None]
    wanted = [y for _, (_, y) in ends]
    placed = spread(wanted, LABEL_DISTANCE, plot.box.top, plot.box.bottom)
    found: list[Node] = []
    for (index, (x, y)), label_y in zip(ends, placed, strict=True):
        paint = drawing.theme.paint(LINES[index])
        found.append(node("circle", cx=x, cy=y, r=DOT_RADIUS, fill=paint))
        at = plot.box.right + DOT_RADIUS + GUTTER - 2
        found.append(label(_last(drawing.lines[index]), at, label_y + HALF_CAP, fill=paint, weight="600"))
    return group(found)


def _end(line: Line, plot: Plot) -> tuple[float, float] | None:
    """The pixel of the last number of a line; None when it has none."""
    finite = np.flatnonzero(np.isfinite(line.values))
    if not len(finite):
        return None
    index = finite[-1]
    if line.runs and index == len(line.values) - 1 and len(finite) > 1:
        index = finite[-2]
    y = plot.ys(bounded(line.values[index : index + 1]))
    return plot.x(int(line.times_s[index])), float(y[0])


def _emptiness(drawing: Drawing, plot: Plot) -> Node:
    """What an empty picture says."""
    x, y = (plot.box.left + plot.box.right) / 2, (plot.box.top + plot.box.bottom) / 2 + HALF_CAP
    text = fitted("no data in this range", plot.box.width)
    return label(text, x, y, fill=drawing.theme.paint("muted"), anchor="middle")

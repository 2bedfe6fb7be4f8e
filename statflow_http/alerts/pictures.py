"""The chart of a mail, as PNG: mail programs show no SVG. Pure.

Only lines are in the picture. What is written beside them (the numbers of the axis, the times) is text of the mail,
which stays sharp, can be read aloud, and follows the reader's letters. Drawn twice as large as it is shown, for fine
screens.
"""

import struct
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from statflow_http.charts.drawings import lowest_and_highest
from statflow_http.charts.plots import Box, Plot
from statflow_http.charts.scales import Scale, bounded, scale
from statflow_http.charts.themes import LIGHT

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

WIDTH, HEIGHT = 560, 160
# Pixels of the picture for one that is shown.
FINENESS = 2
STROKE = 1.75
AREA_OPACITY = 0.13
DASH, GAP = 6, 5
MARGIN = 3.0
TICKS_MAX = 3


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A drawn chart.

    Attributes:
        png: the file.
        scale: the value axis, for the labels beside the picture.
        width, height: in pixels as it is shown.
    """

    png: bytes
    scale: Scale
    width: int
    height: int


def picture(
    times_s: Ints, values: Floats, start_s: int, end_s: int, *, threshold: float | None = None, from_zero: bool = False
) -> Picture:
    """Draw a line over time.

    Args:
        times_s: int64[n], ascending.
        values: float64[n], NaN where there is a gap.
        start_s, end_s: the range, half-open and not empty.
        threshold: drawn as a dashed line; None for none.
        from_zero: the axis begins at zero, and the area under the line is tinted.
    """
    columns = [bounded(values)] + ([] if threshold is None else [bounded(np.array([threshold]))])
    lowest, highest = lowest_and_highest(columns) or (0.0, 1.0)
    axis = scale(lowest, highest, ticks_max=TICKS_MAX, from_zero=from_zero)
    width, height = WIDTH * FINENESS, HEIGHT * FINENESS
    margin = MARGIN * FINENESS
    plot = Plot(Box(margin, margin, width - margin, height - margin), start_s, max(end_s, start_s + 1), axis)
    canvas = Canvas(width, height)
    for tick in axis.ticks:
        canvas.level(_y(plot, tick), LIGHT["grid"], dash=0)
    xs, ys = plot.xs(times_s), plot.ys(bounded(values))
    if from_zero:
        canvas.area(xs, ys, plot.base, LIGHT["accent"], AREA_OPACITY)
    if threshold is not None:
        canvas.level(_y(plot, threshold), LIGHT["alarm"], dash=DASH * FINENESS, gap=GAP * FINENESS, thickness=3.0)
    canvas.line(xs, ys, LIGHT["accent"], STROKE * FINENESS)
    return Picture(canvas.png(), axis, WIDTH, HEIGHT)


def _y(plot: Plot, value: float) -> float:
    return float(plot.ys(bounded(np.array([value])))[0])


class Canvas:
    """Pixels on white paper; lines are drawn smooth.

    Args:
        width, height: in pixels.
    """

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._pixels = np.full((height, width, 3), 255.0)

    def level(self, y: float, colour: str, *, dash: float, gap: float = 0, thickness: float = 1.0) -> None:
        """A line from left to right; dashed where ``dash`` is not 0."""
        rows = np.arange(self.height)[:, None]
        cover = np.clip(thickness / 2 + 0.5 - np.abs(rows + 0.5 - y), 0, 1) * np.ones((1, self.width))
        if dash:
            cover = cover * ((np.arange(self.width) % (dash + gap)) < dash)
        self._paint(cover, slice(None), slice(None), colour)

    def area(self, xs: Floats, ys: Floats, base: float, colour: str, opacity: float) -> None:
        """Tint what lies between a line and a level; gaps stay white."""
        if len(xs) < 2:
            return
        across = np.arange(self.width) + 0.5
        heights = np.interp(across, xs, ys, left=np.nan, right=np.nan)
        rows = np.arange(self.height)[:, None] + 0.5
        top, foot = np.minimum(heights, base), np.maximum(heights, base)
        cover = np.clip(rows - top + 0.5, 0, 1) * np.clip(foot - rows + 0.5, 0, 1)
        self._paint(np.nan_to_num(cover) * opacity, slice(None), slice(None), colour)

    def line(self, xs: Floats, ys: Floats, colour: str, thickness: float) -> None:
        """A line through points, with gaps where a number is NaN; a point between gaps is a dot."""
        cover = np.zeros((self.height, self.width))
        there = np.isfinite(ys)
        joined = np.flatnonzero(there[:-1] & there[1:]) if len(ys) > 1 else np.array([], np.int64)
        for index in joined.tolist():
            self._segment(cover, xs[index], ys[index], xs[index + 1], ys[index + 1], thickness)
        alone = there & ~np.isin(np.arange(len(ys)), np.concatenate([joined, joined + 1]))
        for index in np.flatnonzero(alone).tolist():
            self._segment(cover, xs[index], ys[index], xs[index], ys[index], thickness * 2)
        self._paint(cover, slice(None), slice(None), colour)

    def _segment(self, cover: Floats, x1: float, y1: float, x2: float, y2: float, thickness: float) -> None:
        """How much of each pixel near a segment is covered: by its distance from it."""
        reach = thickness / 2 + 1
        left, right = int(max(min(x1, x2) - reach, 0)), int(min(max(x1, x2) + reach + 1, self.width))
        top, foot = int(max(min(y1, y2) - reach, 0)), int(min(max(y1, y2) + reach + 1, self.height))
        across, down = np.arange(left, right)[None, :] + 0.5, np.arange(top, foot)[:, None] + 0.5
        dx, dy = x2 - x1, y2 - y1
        length = dx * dx + dy * dy
        along = np.clip(((across - x1) * dx + (down - y1) * dy) / length, 0, 1) if length else 0.0
        distances = np.hypot(across - (x1 + along * dx), down - (y1 + along * dy))
        part = cover[top:foot, left:right]
        np.maximum(part, np.clip(thickness / 2 + 0.5 - distances, 0, 1), out=part)

    def _paint(self, cover: Floats, rows: slice, columns: slice, colour: str) -> None:
        paint = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)], np.float64)
        under = self._pixels[rows, columns]
        self._pixels[rows, columns] = under + (paint - under) * cover[:, :, None]

    def png(self) -> bytes:
        """The file."""
        pixels = np.clip(np.rint(self._pixels), 0, 255).astype(np.uint8)
        # A zero before each row: no filter.
        rows = np.concatenate([np.zeros((self.height, 1), np.uint8), pixels.reshape(self.height, -1)], axis=1)
        head = struct.pack(">IIBBBBB", self.width, self.height, 8, 2, 0, 0, 0)
        body = zlib.compress(rows.tobytes(), 9)
        return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

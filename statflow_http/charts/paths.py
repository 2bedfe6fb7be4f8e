"""From columns of numbers to the paths of an SVG: no more points than pixels, and gaps where nothing arrived. Pure.

Coordinates are written relative to the point before, in tenths of a pixel: half the bytes of absolute ones. The sum of
rounded steps would drift, so that each step is the difference of rounded positions.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

TENTHS = 10


def line_path(xs: Floats, ys: Floats) -> str:
    """The path of a line with a gap wherever ``ys`` is NaN; "" when there is no number.

    A point between two gaps is a line of no length, which round ends make a dot.
    """
    return "".join(_stroke(part_xs, part_ys) for part_xs, part_ys in parts(xs, ys))


def area_path(xs: Floats, ys: Floats, base: float) -> str:
    """The path of the areas between a line and a level; points that stand alone have none."""
    written = []
    for part_xs, part_ys in parts(xs, ys):
        if len(part_xs) > 1:
            right, left = tenths(part_xs[-1]), tenths(part_xs[0])
            written.append(f"{_stroke(part_xs, part_ys)}V{_text(tenths(base))}H{_text(left)}Z")
            assert left <= right, (left, right)
    return "".join(written)


def band_path(xs: Floats, lows: Floats, highs: Floats) -> str:
    """The path of the areas between two lines; a gap in either is one in the band."""
    both = np.where(np.isnan(lows), np.nan, highs)
    written = []
    for part_xs, part_highs in parts(xs, both):
        if len(part_xs) > 1:
            part_lows = lows[np.searchsorted(xs, part_xs)]
            ring = np.concatenate([part_xs, part_xs[::-1]]), np.concatenate([part_highs, part_lows[::-1]])
            written.append(_stroke(*ring) + "Z")
    return "".join(written)


def parts(xs: Floats, ys: Floats) -> Iterator[tuple[Floats, Floats]]:
    """The runs of points between gaps."""
    present = ~np.isnan(ys)
    edges = np.flatnonzero(np.diff(present, prepend=False, append=False))
    for first, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        yield xs[first:end], ys[first:end]


def thinned(xs: Floats, ys: Floats, left: float, right: float) -> tuple[Floats, Floats]:
    """At most two points a pixel column, the least and the greatest: what a screen can show, and all that it can.

    Args:
        xs: ascending.
        ys: NaN where there are gaps. A gap narrower than a column disappears, one that fills it stays.
        left, right: the ends of the plot; so many columns it has.
    """
    column_count = max(int(right - left), 1)
    if len(xs) <= 2 * column_count:
        return xs, ys
    columns = np.clip((xs - left).astype(np.int64), 0, column_count - 1)
    starts = np.flatnonzero(np.diff(columns, prepend=-1))
    lows = _argument(np.where(np.isnan(ys), np.inf, ys), starts, np.minimum)
    highs = _argument(np.where(np.isnan(ys), -np.inf, ys), starts, np.maximum)
    # The first and the last point stay what they are: a line ends where it ends.
    chosen = np.unique(np.concatenate([[0], lows, highs, [len(xs) - 1]]))
    return xs[chosen], ys[chosen]


def _argument(column: Floats, starts: Ints, pick: np.ufunc) -> Ints:
    """The index of the extreme of each run of a column; the first, where there are several."""
    extremes = np.repeat(pick.reduceat(column, starts), np.diff(starts, append=len(column)))
    found = np.flatnonzero(column == extremes)
    return found[np.diff(np.searchsorted(starts, found, "right"), prepend=0) > 0]


def tenths(value: float) -> int:
    """A coordinate in tenths of a pixel."""
    return round(float(value) * TENTHS)


def _stroke(xs: Floats, ys: Floats) -> str:
    """One run of points: where it begins, and each step from there."""
    columns = np.rint(np.column_stack([xs, ys]) * TENTHS).astype(np.int64)
    begin = f"M{_text(int(columns[0, 0]))}{_joined(int(columns[0, 1]))}"
    if len(columns) == 1:
        return begin + "h0"
    steps = np.diff(columns, axis=0)
    return begin + "l" + "".join(f"{_joined(dx)}{_joined(dy)}" for dx, dy in steps.tolist()).lstrip(" ")


def _joined(value: int) -> str:
    """A number after another one: a minus separates them, else a space does."""
    text = _text(value)
    return text if text[0] == "-" else f" {text}"


def _text(value: int) -> str:
    """Tenths as decimal text without a zero that says nothing: 12, .5, -.3."""
    whole, tenth = divmod(abs(value), TENTHS)
    sign = "-" if value < 0 else ""
    if tenth == 0:
        return f"{sign}{whole}" if whole else "0"
    return f"{sign}{whole or ''}.{tenth}"

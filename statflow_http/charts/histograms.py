"""Histograms: how often numbers of each size occur. Pure.

StatHat's kind ``histogram`` is known by its name only. Ours is what the word means: the numbers of the rows of a range
(sums of a counter, means of a value) are sorted into bins of equal, round width, and each bar is as high as there are
rows in its bin.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from statflow_http.charts.bars import AxisLabel, Bars
from statflow_http.charts.drawings import Line, lowest_and_highest
from statflow_http.charts.scales import bounded, scale, short, with_unit
from statflow_http.charts.themes import Theme

Floats = NDArray[np.float64]

BINS_MIN, BINS_MAX = 5, 40
# A bar and its gap; narrower ones would be hatching.
BIN_WIDTH = 18


def histogram(
    lines: Sequence[Line],
    *,
    width: int,
    height: int,
    title: str = "",
    caption: str = "",
    theme: Theme = Theme.AUTO,
    is_mini: bool = False,
) -> Bars:
    """The bars that show the distribution of the numbers of some lines, in common bins.

    Args:
        lines: whose numbers are counted; NaN is passed over, and so is a row that is not over.
        The rest as in `Bars`.
    """
    columns = [_settled(line) for line in lines]
    edges, labels = bins(columns, bins_max=int(np.clip(width / BIN_WIDTH, BINS_MIN, BINS_MAX)))
    counts = [_counted(column, edges) for column in columns]
    said = [_said(line, column, edges) for line, column in zip(lines, counts, strict=True)]
    return Bars(
        names=[line.label for line in lines],
        columns=counts,
        labels=[AxisLabel(float(index), text) for index, text in enumerate(labels)],
        description=" ".join(said),
        width=width,
        height=height,
        title=title,
        caption=caption,
        theme=theme,
        is_mini=is_mini,
    )


def bins(columns: Sequence[Floats], *, bins_max: int) -> tuple[Floats, tuple[str, ...]]:
    """float64[n + 1]: the round edges of n bins around all numbers, with their labels; none when there is no number.

    Numbers that are all equal have one bin of their own beside the empty ones down to zero.
    """
    found = lowest_and_highest(columns)
    if found is None:
        return np.empty(0), ()
    # The last bin holds its upper edge, so that the greatest number is always in one.
    axis = scale(*found, ticks_max=bins_max)
    return np.array(axis.ticks), axis.labels


def _settled(line: Line) -> Floats:
    """The finite numbers of rows that are over."""
    values = line.values[:-1] if line.runs and len(line.values) > 1 else line.values
    values = bounded(values)
    return values[~np.isnan(values)]


def _counted(column: Floats, edges: Floats) -> Floats:
    """How many numbers lie in each bin; empty bins are no bar."""
    if not len(edges):
        return np.empty(0)
    places = np.clip(np.searchsorted(edges, column, "right") - 1, 0, len(edges) - 2)
    counts = np.bincount(places, minlength=len(edges) - 1).astype(np.float64)
    return np.where(counts > 0, counts, np.nan)


def _said(line: Line, counts: Floats, edges: Floats) -> str:
    if not np.isfinite(counts).any():
        return f"{line.label}: no data."
    fullest = int(np.nanargmax(counts))
    low, high = (with_unit(short(float(edge)), line.unit) for edge in edges[fullest : fullest + 2])
    return f"{line.label}: {int(np.nansum(counts))} rows, most of them, {int(counts[fullest])}, from {low} to {high}."

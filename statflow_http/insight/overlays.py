"""What is laid over the rows of a chart: the forecast as a band, unusual rows as spots on the line, and in words. Pure.

The rows of a chart are of one length and those that are watched of another: an unusual hour is shown on the row that it
lies in, or, where it lies in several, on the one that made it unusual.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from statflow_engine.insight import Forecast
from statflow_http.charts.drawings import Band, Line, Mark
from statflow_http.insight.outlooks import DAY_S, FORECAST, HOUR_S, Unusual

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Unusual rows that one chart shows: of more nobody reads the list, and on a line they are one red smear.
SHOWN_MAX = 20
# Why a seventh: of a week it is the next day, of a day the next three hours, of a month four days, of a year seven
# weeks. The past keeps seven eighths of the chart, and what is forecast far ahead tells nothing that a level does not.
AHEAD = 7
HORIZON_MAX = 250
LABEL = "forecast, a band for nine of ten rows"


@dataclass(frozen=True, slots=True)
class Spot:
    """Where an unusual row is shown.

    Attributes:
        time_s, value: of the row of the chart.
        row: what was unusual; the most unusual of those that lie there.
    """

    time_s: int
    value: float
    row: Unusual

    @property
    def mark(self) -> Mark:
        """For a drawing."""
        return Mark(self.time_s, self.row.text, is_anomaly=True)


@dataclass(frozen=True, slots=True)
class Episode:
    """Unusual rows that follow each other, all with more, or all with less, than expected.

    Attributes:
        start_s, end_s: from the first of them to the end of the last.
        count: how many.
        worst: the one that says it.
    """

    start_s: int
    end_s: int
    count: int
    worst: Unusual

    @property
    def unit(self) -> str:
        """What its rows are: hours or days, of which some have 23 hours."""
        return "hour" if self.worst.end_s - self.worst.time_s <= HOUR_S else "day"


@dataclass(frozen=True, slots=True, eq=False)
class Overlay:
    """All that is laid over a chart.

    Attributes:
        band: of the rows to come; None: none is to be had, or wanted.
        spots: in order of time.
        episodes: the same rows in words, the latest first.
        left_out: how many unusual rows are not shown, being less unusual than those that are.
    """

    band: Band | None = None
    spots: tuple[Spot, ...] = ()
    episodes: tuple[Episode, ...] = ()
    left_out: int = 0


def horizon(length_s: int, step: str) -> int:
    """How many rows to come belong to a chart that is so long: at least 1. For steps of `FORECAST`."""
    return min(max(-(-length_s // AHEAD // FORECAST[step].row_s), 1), HORIZON_MAX)


def watched_step(row_s: int) -> str:
    """Which rows are watched for a chart whose rows are about so long: hours, and days where those are seen."""
    return "1h" if row_s < DAY_S else "1d"


def overlay(line: Line, expected: Forecast | None, rows: Sequence[Unusual]) -> Overlay:
    """Lay a forecast and unusual rows over a line; nothing over one that has no number."""
    if not np.isfinite(line.values).any():
        return Overlay()
    shown = sorted(sorted(rows, key=lambda row: -abs(row.score))[:SHOWN_MAX], key=lambda row: row.time_s)
    band = None if expected is None else band_of(expected, line)
    return Overlay(band, tuple(spots(line, shown)), tuple(episodes(shown))[::-1], len(rows) - len(shown))


def band_of(expected: Forecast, line: Line) -> Band:
    """The band of a forecast; it opens at the last row of the line that is over, which is known."""
    before = np.flatnonzero(line.times_s < expected.times_s[0])
    known = line.values[before[-1] :][:1] if len(before) else np.empty(0)
    # After a gap there is nothing to begin at.
    known = known[np.isfinite(known)]
    times_s = line.times_s[before[-1] :][: len(known)] if len(known) else np.empty(0, np.int64)
    low, high, middle = (np.concatenate([known, column]) for column in (expected.lows, expected.highs, expected.means))
    return Band(np.concatenate([times_s, expected.times_s]), low, high, middle, LABEL)


def spots(line: Line, rows: Sequence[Unusual]) -> Iterator[Spot]:
    """Where unusual rows, in order of time, lie on a line; those that lie where it has no number are left out."""
    found: dict[int, Unusual] = {}
    for row in rows:
        index = _index(line, row)
        if index is not None and (index not in found or abs(found[index].score) < abs(row.score)):
            found[index] = row
    for index, row in sorted(found.items()):
        yield Spot(int(line.times_s[index]), float(line.values[index]), row)


def _index(line: Line, row: Unusual) -> int | None:
    """The row of the line that an unusual row lies in; of several the greatest, or the least where too little came."""
    first = max(int(np.searchsorted(line.times_s, row.time_s, "right")) - 1, 0)
    end = max(int(np.searchsorted(line.times_s, row.end_s, "left")), first + 1)
    inside = line.values[first:end] * (1.0 if row.score > 0 else -1.0)
    return None if not np.isfinite(inside).any() else first + int(np.nanargmax(inside))


def episodes(rows: Sequence[Unusual]) -> Iterator[Episode]:
    """Unusual rows, in order of time, as what happened; one usual row in between does not end it."""
    together: list[Unusual] = []
    for row in rows:
        if together and not _goes_on(together[-1], row):
            yield _episode(together)
            together = []
        together.append(row)
    if together:
        yield _episode(together)


def _goes_on(before: Unusual, row: Unusual) -> bool:
    return row.time_s - before.end_s <= row.end_s - row.time_s and (row.score > 0) == (before.score > 0)


def _episode(rows: Sequence[Unusual]) -> Episode:
    worst = max(rows, key=lambda row: abs(row.score))
    return Episode(rows[0].time_s, rows[-1].end_s, len(rows), worst)

"""Windows: the rows of an answer, made from loose cells of one ring, added up, and turned into data frames.

A window holds copies and no storage. Everything here is arithmetic on whole columns; what to read for an answer, and
from which ring, was decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from statflow_engine.errors import QueryError
from statflow_engine.kinds import Kind
from statflow_engine.pure.dense import dense_columns, taken
from statflow_engine.pure.steps import Rows, zone

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """The rows of an answer: dense, in order of time, one for each step of a half-open range.

    Attributes:
        name, kind: of the series.
        rows: where the rows begin and end.
        now_s: the engine's clock when it answered.
        counts: int64[n], the points that arrived; 0 where none did.
        sums: float64[n]; 0.0 where none arrived.
        value_mins, value_maxs: float64[n], NaN where none arrived; None for a counter. Read `mins` and `maxs`.
    """

    name: str
    kind: Kind
    rows: Rows
    now_s: int
    counts: Ints
    sums: Floats
    value_mins: Floats | None = None
    value_maxs: Floats | None = None

    def __len__(self) -> int:
        return len(self.counts)

    def __repr__(self) -> str:
        return f"<Window {self.name!r}, {self.kind}, {len(self)} rows of {self.step} from {self.start_s} s>"

    @property
    def step(self) -> str:
        """How long a row is, as normalised text such as "5m"."""
        return str(self.rows.step)

    @property
    def tz(self) -> str:
        """The time zone of the query, whose calendar days and longer steps follow."""
        return self.rows.tz

    @property
    def start_s(self) -> int:
        """Where the first row begins."""
        return int(self.rows.edges_s[0])

    @property
    def end_s(self) -> int:
        """Where the last row ends."""
        return int(self.rows.edges_s[-1])

    @property
    def times_s(self) -> Ints:
        """int64[n]: where each row begins."""
        return self.rows.edges_s[:-1]

    @property
    def means(self) -> Floats:
        """float64[n]: the mean of the points of each row, NaN where none arrived."""
        return _divided(self.sums, self.counts, self.counts > 0)

    @property
    def mins(self) -> Floats:
        """float64[n]: the least point of each row, NaN where none arrived.

        Raises:
            QueryError: the series is a counter, of whose points only the sum has a meaning.
        """
        return self._extremes("min", self.value_mins)

    @property
    def maxs(self) -> Floats:
        """float64[n]: the greatest point of each row, NaN where none arrived.

        Raises:
            QueryError: the series is a counter, of whose points only the sum has a meaning.
        """
        return self._extremes("max", self.value_maxs)

    @property
    def rates(self) -> Floats:
        """float64[n]: sum per second; of the row that runs, per second elapsed; NaN for rows that have not begun."""
        edges_s = self.rows.edges_s
        starts_s = edges_s[:-1]
        # The clock is whole seconds: in its first second a row counts as one second old.
        elapsed_s = np.minimum(edges_s[1:] - starts_s, np.maximum(self.now_s - starts_s, 1))
        return _divided(self.sums, elapsed_s, starts_s <= self.now_s)

    def _extremes(self, which: str, column: Floats | None) -> Floats:
        if column is None:
            raise QueryError(f'{which} of a counter: "{self.name}" has sum, count, mean and rate')
        return column

    def _columns(self) -> dict[str, Ints | Floats]:
        """Columns of a data frame, beside the times."""
        columns: dict[str, Ints | Floats] = {"count": self.counts, "sum": self.sums, "mean": self.means}
        if self.value_mins is not None and self.value_maxs is not None:
            columns |= {"min": self.value_mins, "max": self.value_maxs}
        return columns

    def to_pandas(self) -> pandas.DataFrame:
        """Columns count, sum, mean, for values also min and max, by an index named time, in the zone of the query.

        Raises:
            ImportError: pandas is not installed; names the extra that brings it.
        """
        frames = _imported("pandas", "pandas")
        times = frames.DatetimeIndex(self.times_s.astype("datetime64[s]"), tz="UTC", name="time")
        index = times if self.tz == "UTC" else times.tz_convert(zone(self.tz))
        columns = {name: column.copy() for name, column in self._columns().items()}
        frame: pandas.DataFrame = frames.DataFrame(columns, index=index)
        return frame

    def to_polars(self) -> polars.DataFrame:
        """Columns time (milliseconds, in the zone of the query), count, sum, mean, for values also min and max.

        NaN where none arrived.

        Raises:
            ImportError: polars is not installed; names the extra that brings it.
        """
        frames = _imported("polars", "polars")
        times = frames.Series("time", self.times_s * 1_000).cast(frames.Datetime("ms", self.tz))
        columns = [frames.Series(name, column) for name, column in self._columns().items()]
        frame: polars.DataFrame = frames.DataFrame([times, *columns])
        return frame

    def to_arrow(self) -> pyarrow.Table:
        """Columns time (seconds, in the zone of the query), count, sum, mean, for values also min and max.

        NaN where none arrived.

        Raises:
            ImportError: pyarrow is not installed; names the extra that brings it.
        """
        arrow = _imported("pyarrow", "arrow")
        times = arrow.array(self.times_s, type=arrow.timestamp("s", tz=self.tz))
        columns = {name: arrow.array(column) for name, column in self._columns().items()}
        table: pyarrow.Table = arrow.table({"time": times, **columns})
        return table


def _divided(sums: Floats, divisors: Ints, where: NDArray[np.bool_]) -> Floats:
    quotients = np.full(len(sums), np.nan)
    np.divide(sums, divisors, out=quotients, where=where)
    return quotients


def _imported(module: str, extra: str) -> Any:
    try:
        return __import__(module)
    except ImportError as error:
        raise ImportError(f"{module} is not installed: pip install 'statflow[{extra}]'", name=module) from error


def downsample(
    rows: Rows,
    resolution_s: int,
    periods: Ints,
    counts: Ints,
    sums: Floats,
    mins: Floats | None = None,
    maxs: Floats | None = None,
    *,
    name: str,
    kind: Kind,
    now_s: int,
) -> Window:
    """The window of one series: each loose cell is added to the row in which its period begins.

    Args:
        rows: of the answer; where they are of fixed length, a multiple of the resolution.
        resolution_s: of the ring that the cells are of.
        periods, counts, sums, mins, maxs: loose cells: in any order, several of one period allowed, none empty. Cells
            outside the rows are passed over. ``mins`` and ``maxs`` are None for a counter.
        name, kind, now_s: go into the window.
    """
    numbers = rows.of_periods(periods, resolution_s)
    if len(numbers) and (numbers.min() < 0 or numbers.max() >= len(rows)):
        inside = (numbers >= 0) & (numbers < len(rows))
        numbers, counts, sums = numbers[inside], counts[inside], sums[inside]
        mins, maxs = taken(mins, inside), taken(maxs, inside)
    return Window(name, kind, rows, now_s, *dense_columns(len(rows), numbers, counts, sums, mins, maxs))


def downsample_many(
    rows: Rows,
    resolution_s: int,
    series_index: Ints,
    periods: Ints,
    counts: Ints,
    sums: Floats,
    mins: Floats | None = None,
    maxs: Floats | None = None,
    *,
    names: Sequence[str],
    kind: Kind,
    now_s: int,
) -> list[Window]:
    """The windows of several series of one kind, from the loose cells of all of them at once.

    Args:
        series_index: which of the names each cell is of.
        names: of the series, in the order of the windows wanted.

    The rest is as in `downsample`. The columns of the windows are rows of common arrays, which live as long as any.
    """
    numbers = rows.of_periods(periods, resolution_s)
    inside = (numbers >= 0) & (numbers < len(rows))
    if not inside.all():
        numbers, series_index, counts, sums = numbers[inside], series_index[inside], counts[inside], sums[inside]
        mins, maxs = taken(mins, inside), taken(maxs, inside)
    numbers = series_index * len(rows) + numbers
    dense_counts, dense_sums, dense_mins, dense_maxs = dense_columns(
        len(names) * len(rows), numbers, counts, sums, mins, maxs
    )
    windows = []
    for index, name in enumerate(names):
        own = slice(index * len(rows), (index + 1) * len(rows))
        extremes = taken(dense_mins, own), taken(dense_maxs, own)
        windows.append(Window(name, kind, rows, now_s, dense_counts[own], dense_sums[own], *extremes))
    return windows


def combine(windows: Sequence[Window], name: str | None = None) -> Window:
    """One window of the points of all: counts and sums added, the least of the mins, the greatest of the maxs.

    Args:
        windows: at least one, of one kind and with the same rows.
        name: of the result; the names joined with " + " when not given.

    Raises:
        QueryError: there are none, or two differ in kind or rows; names both.
    """
    if not windows:
        raise QueryError("there is nothing to combine: no series was found")
    first = windows[0]
    for other in windows[1:]:
        _refuse_misfit(first, other)
    return Window(
        " + ".join(window.name for window in windows) if name is None else name,
        first.kind,
        first.rows,
        max(window.now_s for window in windows),
        np.sum([window.counts for window in windows], axis=0, dtype=np.int64),
        np.sum([window.sums for window in windows], axis=0, dtype=np.float64),
        _combined(np.fmin, [window.value_mins for window in windows]),
        _combined(np.fmax, [window.value_maxs for window in windows]),
    )


def _combined(pick: np.ufunc, columns: list[Floats | None]) -> Floats | None:
    present = [column for column in columns if column is not None]
    return np.asarray(pick.reduce(present, axis=0)) if present else None


def _refuse_misfit(first: Window, other: Window) -> None:
    if first.kind is not other.kind:
        raise QueryError(
            f'"{first.name}" is a {first.kind} and "{other.name}" a {other.kind}: only one kind can be combined'
        )
    if first.rows is not other.rows and not np.array_equal(first.rows.edges_s, other.rows.edges_s):
        raise QueryError(f'"{first.name}" and "{other.name}" have different rows: query both with one range and step')

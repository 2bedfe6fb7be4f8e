"""What a window tells of the past: rows that are over, from a series' first point on, on an even clock. Pure."""

from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np
from numpy.typing import NDArray

from statflow_engine.errors import QueryError
from statflow_engine.insight.rolling import Floats
from statflow_engine.insight.seasons import DAY_S, Seasons, wall_rows
from statflow_engine.kinds import Kind
from statflow_engine.pure.steps import row_edges
from statflow_engine.pure.windows import Window

Ints = NDArray[np.int64]
HORIZON_MAX = 10_000


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """The past of one series.

    Attributes:
        rows: float64[1, length], on a clock that is never put forward or back: NaN before the first point, in hours
            that the clock leaves out, and for values where no point arrived. A counter's empty row is 0.
        places: int64[n], which of these each row of the window is that is over. Where the clock is put back two rows
            of the window have one place, and the first one is shown there.
        firsts: bool[n], False for the second of such two.
        seasons: of the rows.
        is_counter: False also for a counter that was sent negative counts, which is taken for a value.
    """

    rows: Floats
    places: Ints
    firsts: NDArray[np.bool_]
    seasons: Seasons
    is_counter: bool


def history_of(window: Window, tz: str) -> History:
    """The past that a window shows; of no length when no row is over.

    Raises:
        QueryError: unknown time zone.
    """
    seasons = Seasons.of(window.rows.step)
    over_count = int(np.searchsorted(window.rows.edges_s[1:], window.now_s, side="right"))
    numbers = _numbers(window, over_count)
    places = _places(window.times_s[:over_count], seasons, tz)
    firsts = np.diff(places, prepend=-1) > 0
    rows = np.full((1, int(places[-1]) + 1 if over_count else 0), np.nan)
    rows[0, places[firsts]] = numbers[firsts]
    is_counter = window.kind is Kind.COUNTER and not bool((numbers < 0).any())
    return History(rows, places, firsts, seasons, is_counter)


def _numbers(window: Window, over_count: int) -> Floats:
    """Sums of a counter, 0 from its first point on; means of a value."""
    if window.kind is Kind.VALUE:
        return window.means[:over_count]
    numbers = window.sums[:over_count].astype(np.float64)
    begun = np.maximum.accumulate(window.counts[:over_count] > 0)
    return np.where(begun, numbers, np.nan)


def _places(times_s: Ints, seasons: Seasons, tz: str) -> Ints:
    if not seasons.is_sub_daily or not len(times_s):
        return np.arange(len(times_s))
    numbers = wall_rows(times_s, DAY_S // seasons.short, tz)
    # A clock that is put back by more than a row: what was there before stays.
    return np.asarray(np.maximum.accumulate(numbers) - numbers[0])


def is_whole(number: object) -> bool:
    """Whether a caller's number is a whole one, of Python or of numpy."""
    return isinstance(number, Integral)


def is_number(number: object) -> bool:
    """The same of any number."""
    return isinstance(number, Real)


def next_times(window: Window, horizon: int, tz: str) -> Ints:
    """int64[horizon]: where the rows begin that are not over.

    Raises:
        QueryError: the horizon is none, or the rows are of a calendar that is not the zone's.
    """
    if not is_whole(horizon):
        raise QueryError(f"a horizon is a whole number of rows from 1 to {HORIZON_MAX}, met {horizon!r}")
    if not 1 <= horizon <= HORIZON_MAX:
        raise QueryError(f"a horizon of {horizon} rows: from 1 to {HORIZON_MAX} can be forecast")
    edges_s = window.rows.edges_s
    start_s = int(edges_s[np.searchsorted(edges_s[1:], window.now_s, side="right")])
    if window.rows.fixed_s is not None:
        return start_s + np.arange(horizon, dtype=np.int64) * window.rows.fixed_s
    step = window.rows.step
    # A row may be longer than usual, as a year of 366 days is: two more are asked for.
    edges_s = row_edges(step, start_s, start_s + (horizon + 2) * step.nominal_s, tz)
    if int(edges_s[0]) != start_s:
        raise QueryError(f'the rows of "{window.name}" do not begin where those of {tz} do: give the zone of the query')
    return edges_s[:horizon]


def places_of(times_s: Ints, window: Window, history: History, tz: str) -> Ints:
    """int64[n]: how many rows after the end of the history each of these rows lies, 0 for the first."""
    if not history.seasons.is_sub_daily or not len(history.places):
        return np.arange(len(times_s))
    step_s = DAY_S // history.seasons.short
    last = wall_rows(window.times_s[len(history.places) - 1 : len(history.places)], step_s, tz)[0]
    return np.maximum(wall_rows(times_s, step_s, tz) - int(last) - 1, 0)

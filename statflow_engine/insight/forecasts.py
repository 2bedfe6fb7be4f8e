"""Forecasts of windows: what the next rows are expected to be, and between what. Pure.

See `projection` for the model.
"""

from dataclasses import dataclass

import numpy as np

from statflow_engine.insight.history import Ints, history_of, next_times, places_of
from statflow_engine.insight.projection import COVERAGE, ROWS_MIN, SEASONS_MIN, project
from statflow_engine.insight.rolling import Floats
from statflow_engine.insight.seasons import Seasons
from statflow_engine.kinds import Kind
from statflow_engine.pure.windows import Window


@dataclass(frozen=True, slots=True, eq=False)
class Forecast:
    """The rows to come of one series; all arrays are float64[horizon] where nothing else is said.

    Attributes:
        name, kind, step: of the window.
        times_s: int64[horizon], where each row begins. The first is the row that runs at the window's ``now_s``, or
            that begins there: it is forecast whole.
        means: expected sums of a counter, expected means of a value.
        lows, highs: the band that is to hold ``coverage`` of the rows; ``lows <= means <= highs``. Of a counter none
            is below 0.
        coverage: 0.9. On what the benchmark measured the bands held: benchmarks/README.md.
        note: what limits the forecast, in words, when the past is short; else None.

    Means and bands are NaN, all of them, when fewer than 4 rows are known of the past that is looked
    at.
    """

    name: str
    kind: Kind
    step: str
    times_s: Ints
    means: Floats
    lows: Floats
    highs: Floats
    coverage: float
    note: str | None

    def __len__(self) -> int:
        return len(self.times_s)


def forecast(window: Window, horizon: int, *, tz: str = "UTC") -> Forecast:
    """What the next rows of a series are expected to be.

    Args:
        window: the past. Rows that are not over at its ``now_s`` are left out; of a counter, rows before the first
            point are unknown and empty ones after it are 0; of a value, empty rows are unknown. Eight weeks of hours
            or a year of days are looked at; two weeks or more are needed for the days of the week to differ.
        horizon: rows wanted, from 1 to 10,000.
        tz: the zone whose clock the series lives by: hours of the day follow it through summer time. Rows of days,
            weeks, months and years that were queried in a zone need that zone.

    Raises:
        QueryError: the horizon is out of range, the zone unknown, or not that of the window's days.

    The model: several forecasters are weighted by how right they were at earlier moments of this very series, and the
    band is what their mean was off by there (`statflow_engine.insight.projection` has formulas and sources). No
    holidays are known, and no seasons longer than a week for rows of a day or less.
    """
    times_s = next_times(window, horizon, tz)
    history = history_of(window, tz)
    places = places_of(times_s, window, history, tz)
    bands = project(history.rows, int(places[-1]) + 1, history.seasons, is_counter=history.is_counter)
    means, lows, highs = (each[0, places] for each in (bands.means, bands.lows, bands.highs))
    looked_at = history.rows[:, max(0, history.rows.shape[1] - history.seasons.memory) :]
    note = _note(int(np.count_nonzero(~np.isnan(looked_at))), history.seasons)
    return Forecast(window.name, window.kind, window.step, times_s, means, lows, highs, COVERAGE, note)


def _note(known: int, seasons: Seasons) -> str | None:
    """What a short past means for the forecast."""
    if known < ROWS_MIN:
        return f"{known} rows are known: a forecast needs {ROWS_MIN}"
    if known < SEASONS_MIN * seasons.short:
        return "less than two days are known: the forecast is a level without hours of the day"
    if known < SEASONS_MIN * seasons.long:
        if seasons.is_sub_daily:
            return "less than two weeks are known: all days of the week are taken to be alike"
        return f"fewer than {SEASONS_MIN * seasons.long} rows are known: the forecast is a level without seasons"
    return None

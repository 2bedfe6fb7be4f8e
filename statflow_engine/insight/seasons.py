"""Seasons: after how many rows a series does the same again, and which rows lie at one time of day. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

import numpy as np
from numpy.typing import NDArray

from statflow_engine.pure.steps import Step, zone

DAY_S = 86_400
# Why a bound: one-minute rows have a week of 10,080, of which eight are looked at. Rows of seconds have no seasons.
LONG_MAX = 12_500


@dataclass(frozen=True, slots=True)
class Seasons:
    """Rows of the two seasons that a series may have.

    Attributes:
        short: rows of a day; 1 when a row is a day or more.
        long: rows of a week; of a year for rows of weeks and months; 1 when there is no season.
    """

    short: int
    long: int

    def __post_init__(self) -> None:
        if not (1 <= self.short <= self.long and self.long % self.short == 0):
            raise ValueError(f"a long season of {self.long} rows is no multiple of a short one of {self.short}")

    @classmethod
    def of(cls, step: Step) -> Self:
        """The seasons of rows of a step."""
        if step.unit in "dwMy":
            return cls(1, {"1d": 7, "1w": 52, "1M": 12}.get(str(step), 1))
        step_s = step.nominal_s
        if DAY_S % step_s or 7 * (DAY_S // step_s) > LONG_MAX:
            return cls(1, 1)
        return cls(DAY_S // step_s, 7 * (DAY_S // step_s))

    @property
    def is_sub_daily(self) -> bool:
        """Whether there are several rows in a day."""
        return self.short > 1

    @property
    def memory(self) -> int:
        """Rows that are looked at: eight weeks of sub-daily rows, about a year of days, else 400."""
        if self.is_sub_daily:
            return 8 * self.long
        return 400 // self.long * self.long


HOURLY = Seasons(24, 168)
DAILY = Seasons(1, 7)


def wall_rows(times_s: NDArray[np.int64], step_s: int, tz: str) -> NDArray[np.int64]:
    """Where each row lies on a clock that is never put forward or back: the number of its step in local time.

    Args:
        times_s: where rows begin, increasing.
        step_s: seconds in a row, less than a day.

    Raises:
        QueryError: unknown time zone.

    Where the clock is put back two rows have one number, and where it is put forward a number is left out.
    """
    return (times_s + offsets_s(times_s, tz)) // step_s


def offsets_s(times_s: NDArray[np.int64], tz: str) -> NDArray[np.int64]:
    """Seconds that the clocks of the zone are ahead of UTC at each time."""
    here = zone(tz)
    days, day_index = np.unique(times_s // DAY_S, return_inverse=True)

    def offset(time_s: int) -> int:
        shift = datetime.fromtimestamp(time_s, UTC).astimezone(here).utcoffset()
        assert shift is not None
        return int(shift.total_seconds())

    # One look-up a day; on the days when the clocks change, one a row.
    at_start = np.array([offset(day * DAY_S) for day in days.tolist()], np.int64)
    at_end = np.array([offset(day * DAY_S + DAY_S - 1) for day in days.tolist()], np.int64)
    offsets = at_start[day_index]
    for index in np.flatnonzero((at_start != at_end)[day_index]).tolist():
        offsets[index] = offset(int(times_s[index]))
    return offsets

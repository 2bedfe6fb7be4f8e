"""``t=1w3h``: how StatHat's export API says a period, an interval, and how long ago. Pure arithmetic on whole seconds.

    t        = period interval [offset]          1w3h, 30m1m, 1d15m1w
    period   = interval = offset = count unit
    unit     = m | h | d | w | M | y             a month is 30 days and a year 365, so that every bucket is as long

An answer has *buckets*. Bucket T holds the points of [T, T + interval). They are anchored at now, floored to the
minute, and both ends are included: the last one begins at that minute and is still filling, the first one a period
before it. So ``1w3h`` has 57 buckets, not 56. With a third pair all of it lies that long ago. With ``start`` the
buckets are anchored there instead. Those of ``summary`` begin at midnight, UTC.
"""

import re
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from statflow_http.errors import RequestError

MINUTE_S = 60
DAY_S = 86_400
# Seconds of each unit, and its name in the ``timeframe`` of an answer.
UNITS = {
    "m": (MINUTE_S, "minute"),
    "h": (3_600, "hour"),
    "d": (DAY_S, "day"),
    "w": (7 * DAY_S, "week"),
    "M": (30 * DAY_S, "month"),
    "y": (365 * DAY_S, "year"),
}
PAIR = "([1-9][0-9]{0,7})([mhdwMy])"
TIMEFRAME = re.compile(f"{PAIR}{PAIR}(?:{PAIR})?")
PERIOD = re.compile(PAIR)

# Why this many: every minute that the usual schema keeps are 129,600. As JSON it is 7 MB, made in 50 ms.
BUCKETS_MAX = 200_000

TIMEFRAME_WANTED = (
    "t must be a period and an interval such as 1w3h, perhaps with how long ago: counts of m, h, d, w, M, y"
)
PERIOD_WANTED = "summary must be a period such as 7d: a count of m, h, d, w, M or y"


@dataclass(frozen=True, slots=True)
class Span:
    """A count of a unit, such as 3 hours."""

    count: int
    unit: str

    def __str__(self) -> str:
        """Such as "3 hours", "1 day"."""
        return f"{self.count} {UNITS[self.unit][1]}{'' if self.count == 1 else 's'}"

    @property
    def seconds(self) -> int:
        """How long it is."""
        return self.count * UNITS[self.unit][0]


@dataclass(frozen=True, slots=True)
class Buckets:
    """Where the buckets of an answer begin: ``count`` times, ``interval_s`` apart, from ``first_s`` on.

    Invariants:
        * first_s is at least 0, interval_s and count at least 1.
    """

    first_s: int
    interval_s: int
    count: int

    @property
    def times_s(self) -> NDArray[np.int64]:
        """int64[count]: where each begins."""
        return self.first_s + self.interval_s * np.arange(self.count, dtype=np.int64)

    @property
    def end_s(self) -> int:
        """Where the last one ends."""
        return self.first_s + self.interval_s * self.count

    def numbers(self, times_s: NDArray[np.int64]) -> NDArray[np.int64]:
        """The index of the bucket that each moment falls in; below 0 or past the last for those outside of all."""
        return (times_s - self.first_s) // self.interval_s


@dataclass(frozen=True, slots=True)
class Timeframe:
    """What a ``t`` asks for.

    Attributes:
        period, interval: how much, and how long a bucket is; the interval is not the longer one.
        offset_s: how long before now it ends.
        unit_s: what the anchor is floored to.
    """

    period: Span
    interval: Span
    offset_s: int = 0
    unit_s: int = MINUTE_S

    @classmethod
    def parse(cls, text: str) -> Self:
        """The timeframe of a ``t``.

        Raises:
            RequestError: it is none, or its interval is longer than its period.
        """
        found = TIMEFRAME.fullmatch(text)
        if found is None:
            raise RequestError(TIMEFRAME_WANTED)
        count, unit, interval_count, interval_unit, offset_count, offset_unit = found.groups()
        period, interval = Span(int(count), unit), Span(int(interval_count), interval_unit)
        if interval.seconds > period.seconds:
            raise RequestError(f"the interval of t, {interval}, is longer than its period, {period}")
        return cls(period, interval, Span(int(offset_count), offset_unit).seconds if offset_count else 0)

    @classmethod
    def daily(cls, text: str) -> Self:
        """The timeframe of a ``summary``: the days of a period.

        Raises:
            RequestError: it is no period, or shorter than a day.
        """
        found = PERIOD.fullmatch(text)
        if found is None:
            raise RequestError(PERIOD_WANTED)
        period = Span(int(found[1]), found[2])
        if period.seconds < DAY_S:
            raise RequestError(f"summary must be at least a day, met {period}")
        return cls(period, Span(1, "d"), unit_s=DAY_S)

    def __str__(self) -> str:
        """As an answer says it: "1 week @ 3 hours"."""
        return f"{self.period} @ {self.interval}"

    def buckets(self, now_s: int, start_s: int | None = None) -> Buckets:
        """The buckets that it means.

        Args:
            now_s: the engine's clock.
            start_s: where they begin; None: a period before now. An offset lies before either.

        Raises:
            RequestError: they are too many, or begin before 1970.
        """
        count = self.period.seconds // self.interval.seconds + 1
        if count > BUCKETS_MAX:
            raise RequestError(
                f"{self} are {count} points: an answer has at most {BUCKETS_MAX}, take a longer interval"
            )
        if start_s is None:
            anchor_s = _floored(now_s - self.offset_s, self.unit_s)
            first_s = anchor_s - (count - 1) * self.interval.seconds
        else:
            first_s = _floored(start_s - self.offset_s, self.unit_s)
        if first_s < 0:
            raise RequestError(f"{self} would begin before 1970")
        return Buckets(first_s, self.interval.seconds, count)


WEEK_BY_3_HOURS = Timeframe.parse("1w3h")


def _floored(time_s: int, unit_s: int) -> int:
    return time_s // unit_s * unit_s

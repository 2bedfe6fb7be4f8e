"""The time axis: round moments of a time zone's calendar, and how they are written. Pure.

Ticks are found by walking the wall clock of the zone and asking which moment each reading is. A reading that does not
exist, in the hour that is skipped in spring, is no tick; one that occurs twice is the first of the two.
"""

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

MINUTE_S, HOUR_S, DAY_S = 60, 3_600, 86_400
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
# Months have at most this many seconds, years that many: enough to tell how many ticks there are.
MONTH_S, YEAR_S = 31 * DAY_S, 366 * DAY_S
YEAR_MAX = 9_998


class Unit(enum.Enum):
    """What a step of the axis is counted in, with its length in seconds."""

    MINUTE = MINUTE_S
    DAY = DAY_S
    WEEK = 7 * DAY_S
    MONTH = MONTH_S
    YEAR = YEAR_S


@dataclass(frozen=True, slots=True)
class TimeTick:
    """One tick.

    Attributes:
        time_s: Unix seconds.
        label: what is written there.
        is_major: a larger unit begins: a day among hours, a month among days, a year among months.
    """

    time_s: int
    label: str
    is_major: bool


# From the finest on: as many of a unit. Minutes divide a day, days are counted from the first of the month.
STEPS = (
    *((count, Unit.MINUTE) for count in (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720)),
    (1, Unit.DAY),
    (2, Unit.DAY),
    (1, Unit.WEEK),
    (2, Unit.WEEK),
    *((count, Unit.MONTH) for count in (1, 2, 3, 6)),
    *((count, Unit.YEAR) for count in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)),
)
assert all(1_440 % count == 0 for count, unit in STEPS if unit is Unit.MINUTE)


def zone(name: str) -> tzinfo:
    """The zone of a name that was checked; UTC has no need of the system's files."""
    return UTC if name == "UTC" else ZoneInfo(name)


def time_ticks(first_s: int, last_s: int, *, ticks_max: int, tz: tzinfo) -> tuple[TimeTick, ...]:
    """Ticks of a range of time, both ends included: as many as there is room for, perhaps none.

    Args:
        first_s, last_s: Unix seconds from 0 on.
        ticks_max: at least 1; a few more only where days or hours are missing or double.
        tz: whose clock and calendar.
    """
    span_s = max(last_s - first_s, 1)
    count, unit = next((step for step in STEPS if span_s / (step[0] * step[1].value) <= max(ticks_max, 1)), STEPS[-1])
    ticks: list[TimeTick] = []
    for wall in _walls(datetime.fromtimestamp(first_s, tz), count, unit):
        moment_s = _moment_s(wall, tz)
        if moment_s is not None and moment_s > last_s:
            break
        if moment_s is not None and moment_s >= first_s and (not ticks or moment_s > ticks[-1].time_s):
            ticks.append(TimeTick(moment_s, *_told(wall, count, unit)))
    return tuple(ticks)


def _walls(start: datetime, count: int, unit: Unit) -> Iterator[datetime]:
    """Readings of the wall clock, from one at or before a moment on, without end (but the calendar's)."""
    wall = start.replace(tzinfo=None, second=0, microsecond=0, fold=0)
    if unit is Unit.MINUTE:
        wall -= timedelta(minutes=(wall.hour * 60 + wall.minute) % count)
        while wall.year <= YEAR_MAX:
            yield wall
            wall += timedelta(minutes=count)
    elif unit in (Unit.DAY, Unit.WEEK):
        yield from _days(wall, count, unit)
    else:
        yield from _months(wall.year, wall.month, count * (12 if unit is Unit.YEAR else 1))


def _days(wall: datetime, count: int, unit: Unit) -> Iterator[datetime]:
    """Every so many days or weeks, counted over months and years so that the distances are equal."""
    length = count * (7 if unit is Unit.WEEK else 1)
    # Day 1 of the calendar was a Monday.
    ordinal = wall.toordinal() - (wall.toordinal() - 1) % length
    while ordinal < date(YEAR_MAX, 1, 1).toordinal():
        if ordinal >= 1:
            yield datetime.fromordinal(ordinal)
        ordinal += length


def _months(year: int, month: int, length: int) -> Iterator[datetime]:
    number = year * 12 + month - 1
    number -= number % length
    while number < YEAR_MAX * 12:
        if number >= 12:
            yield datetime(number // 12, number % 12 + 1, 1)
        number += length


def _moment_s(wall: datetime, tz: tzinfo) -> int | None:
    """The moment of a reading of the clock; None when it is skipped. A day that lacks its midnight begins later."""
    moment = wall.replace(tzinfo=tz)
    moment_s = int(moment.timestamp())
    shown = datetime.fromtimestamp(moment_s, tz).replace(tzinfo=None, fold=0)
    if shown == wall:
        return moment_s
    is_midnight = wall.hour == 0 and wall.minute == 0
    return moment_s if is_midnight and shown.date() == wall.date() else None


def _told(wall: datetime, count: int, unit: Unit) -> tuple[str, bool]:
    """Label of a tick, and whether a larger unit begins there."""
    if unit is Unit.MINUTE:
        is_day = wall.hour == 0 and wall.minute == 0
        return (f"{WEEKDAYS[wall.weekday()]} {wall.day}" if is_day else f"{wall:%H:%M}"), is_day
    if unit in (Unit.DAY, Unit.WEEK):
        is_month = wall.day <= (count if unit is Unit.DAY else count * 7)
        return f"{wall.day} {MONTHS[wall.month - 1]}", is_month
    is_year = wall.month == 1
    if unit is Unit.MONTH and not is_year:
        return MONTHS[wall.month - 1], False
    return str(wall.year), is_year and unit is Unit.MONTH


def moment(time_s: int, tz: tzinfo) -> str:
    """A moment as people write it: 24 Nov 2026, 14:05."""
    wall = datetime.fromtimestamp(time_s, tz)
    return f"{wall.day} {MONTHS[wall.month - 1]} {wall.year}, {wall:%H:%M}"


def day(time_s: int, tz: tzinfo) -> str:
    """The day of a moment: 24 Nov 2026."""
    wall = datetime.fromtimestamp(time_s, tz)
    return f"{wall.day} {MONTHS[wall.month - 1]} {wall.year}"

"""How much of the past a page shows: periods with a name, free ranges, fitting steps, the period before. Pure.

Every period lies directly before now and is compared with the one of the same length directly before it, except a
year, which is compared with the 52 weeks before so that Mondays lie over Mondays.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from statflow_http.errors import RequestError

MINUTE_S, HOUR_S, DAY_S = 60, 3_600, 86_400
WEEK_S = 7 * DAY_S

# Steps that a page offers, with about how long they are and what they are called.
STEPS: Mapping[str, tuple[int, str]] = {
    "1m": (MINUTE_S, "1 minute"),
    "5m": (5 * MINUTE_S, "5 minutes"),
    "15m": (15 * MINUTE_S, "15 minutes"),
    "1h": (HOUR_S, "1 hour"),
    "6h": (6 * HOUR_S, "6 hours"),
    "1d": (DAY_S, "1 day"),
    "1w": (WEEK_S, "1 week"),
    "1M": (30 * DAY_S, "1 month"),
    "1y": (365 * DAY_S, "1 year"),
}
# A chart is about a thousand pixels wide: more rows than that nobody sees, fewer than a dozen say little.
ROWS_FIT, ROWS_MAX, ROWS_MIN = 400, 1_500, 3
# As far as rows and calendars reach.
RANGE_S_MAX = 100 * 366 * DAY_S
LOCAL = "%Y-%m-%dT%H:%M"


@dataclass(frozen=True, slots=True)
class Period:
    """A length of time up to now.

    Attributes:
        name: in addresses.
        length_s: how long.
        step: of the rows of a chart.
        caption, previous: what it and the one before are called.
    """

    name: str
    length_s: int
    step: str
    caption: str
    previous: str


PERIODS: Mapping[str, Period] = {
    period.name: period
    for period in (
        Period("hour", HOUR_S, "1m", "last 60 minutes", "the hour before"),
        Period("day", DAY_S, "15m", "last 24 hours", "the day before"),
        Period("week", WEEK_S, "1h", "last 7 days", "the week before"),
        Period("month", 30 * DAY_S, "6h", "last 30 days", "the 30 days before"),
        Period("year", 364 * DAY_S, "1d", "last 52 weeks", "the 52 weeks before"),
    )
}
FREE = "free"
# What is shown where nobody asks for a period.
USUAL = "week"


@dataclass(frozen=True, slots=True)
class Range:
    """What is shown of the past.

    Attributes:
        name: of a `Period`, or "free".
        start_s, end_s: Unix seconds, half-open.
        step: of the rows.
        caption, previous: what it and the range before are called.
    """

    name: str
    start_s: int
    end_s: int
    step: str
    caption: str
    previous: str

    @property
    def length_s(self) -> int:
        """How long it is."""
        return self.end_s - self.start_s


def range_of(period: str, start: str, end: str, step: str, now_s: int, tz: str) -> Range:
    """The range that an address asks for.

    Args:
        period: of `PERIODS`; anything else, such as "", is a week unless a free range is given.
        start, end: of a free range, as `moment_s` takes them; an empty end is now.
        step: of `STEPS`; one that does not suit the range, or "", gives way to one that does.
        now_s: Unix seconds.
        tz: in which ``start`` and ``end`` are told.

    Raises:
        RequestError: a moment is none, or the end does not come after the start.
    """
    if start:
        start_s = moment_s(start, tz)
        end_s = moment_s(end, tz) if end else now_s + 1
        if not start_s < end_s <= start_s + RANGE_S_MAX:
            raise RequestError("the range must end after it begins, and within a hundred years")
        named = Period(FREE, end_s - start_s, fitting(end_s - start_s), "chosen range", "the range before")
    else:
        named = PERIODS.get(period, PERIODS[USUAL])
        end_s = now_s + 1
        start_s = max(now_s - named.length_s, 0)
    chosen = step if step in offered(end_s - start_s) else named.step
    return Range(named.name, start_s, end_s, chosen, named.caption, named.previous)


def fitting(length_s: int) -> str:
    """The finest step that gives no more rows than a chart shows well."""
    return next((step for step, (step_s, _) in STEPS.items() if length_s / step_s <= ROWS_FIT), "1y")


def offered(length_s: int) -> list[str]:
    """The steps that suit a length of time, finest first; at least one."""
    found = [step for step, (step_s, _) in STEPS.items() if ROWS_MIN <= length_s / step_s <= ROWS_MAX]
    return found or [fitting(length_s)]


def moment_s(text: str, tz: str) -> int:
    """Unix seconds, from such digits or from wall time as browsers write it: 2026-11-24T14:05, or only a day.

    Raises:
        RequestError: it is neither.
    """
    if text.isascii() and text.isdigit() and len(text) <= 11:
        return int(text)
    try:
        wall = datetime.fromisoformat(text)
        moment = wall if wall.tzinfo else wall.replace(tzinfo=ZoneInfo(tz))
        found = math.floor(moment.timestamp())
    except (ValueError, OverflowError):
        found = -1
    if found < 0:
        raise RequestError("a time must be such as 2026-11-24T14:05")
    return found


def wall_text(time_s: int, tz: str) -> str:
    """The inverse of `moment_s`, for the field of a form."""
    return datetime.fromtimestamp(time_s, ZoneInfo(tz)).strftime(LOCAL)


def earlier(start_s: int, end_s: int, step: str, tz: str) -> tuple[int, int]:
    """The range of the same length directly before one of rows.

    Rows of days and weeks follow the clock on the wall, those of months and years the calendar: where an hour is
    skipped or February lies between, the seconds differ.

    Args:
        start_s, end_s: where the first row begins and the last one ends.
        step: of the rows, as the engine has it.
        tz: whose calendar.
    """
    zone = ZoneInfo(tz)
    if not step.endswith(("d", "w", "M", "y")):
        return start_s - (end_s - start_s), start_s
    start, end = datetime.fromtimestamp(start_s, zone), datetime.fromtimestamp(end_s, zone)
    if step.endswith(("M", "y")):
        months = (end.year - start.year) * 12 + end.month - start.month
        first = start.year * 12 + start.month - 1 - months
        before = datetime(max(first // 12, 1), first % 12 + 1, 1, tzinfo=zone)
        return max(int(before.timestamp()), 0), start_s
    days = (end.replace(tzinfo=UTC) - start.replace(tzinfo=UTC)).days
    before = (start.replace(tzinfo=None) - timedelta(days=days)).replace(tzinfo=zone)
    return max(int(before.timestamp()), 0), start_s

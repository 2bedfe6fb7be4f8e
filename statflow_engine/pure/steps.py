"""Steps and calendars: from "1M" and "Europe/Berlin" to the seconds at which the rows of an answer begin.

Everything here is a function of its arguments. Nothing reads the clock: who needs to know when "now" is, is told.
Times are whole Unix seconds, ranges are half-open, and ``n`` rows are told by their ``n + 1`` *edges*.
"""

import functools
import math
import operator
import re
import zoneinfo
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Self

import numpy as np
from numpy.typing import NDArray

from statflow_engine.errors import QueryError
from statflow_engine.pure.rings import Ring
from statflow_engine.pure.schema import Schema

# Why these: an answer of a million rows is 40 MB of columns. Who wants more asks for one range after the other.
ROWS_MAX = 1_000_000
# Rows of an answer for which no step was given: as many as a chart has pixels for.
ROWS_DEFAULT_MAX = 1_000
# Why 2**37, the year 6325: Python's calendar ends in 9999, and the end of a row must still lie in it.
TIME_MAX_S = 2**37
YEARS_PER_STEP_MAX = 100

HOUR_S = 3_600
DAY_S = 86_400
UNIT_SIZES_S = {"w": 7 * DAY_S, "d": DAY_S, "h": HOUR_S, "m": 60, "s": 1}
# Weeks begin on Mondays; Unix time begins on a Thursday.
FIRST_MONDAY_S = 4 * DAY_S
EPOCH_DAY = date(1970, 1, 1).toordinal()
MEAN_YEAR_S = 31_556_952  # of the Gregorian calendar
_NOMINAL_SIZES_S = {**UNIT_SIZES_S, "M": MEAN_YEAR_S // 12, "y": MEAN_YEAR_S}

STEP_PATTERN = re.compile(r"([1-9][0-9]{0,11})([smhdwMy]?)", re.ASCII)
SECONDS_PATTERN = re.compile(r"(-?[0-9]{1,15})(\.[0-9]+)?", re.ASCII)
RFC_3339_PATTERN = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d):(\d\d)(?:\.\d+)?([Zz]|[+-]\d\d:\d\d)?)?", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Step:
    """The length of the rows of an answer: so many of a unit, in lowest terms ("60m" is "1h", "12M" is "1y").

    Rows of seconds, minutes and hours begin at multiples of the step in UTC, also those of "24h". Rows of days, weeks
    (from Monday), months and years follow the calendar of a time zone, where a day may have 23 or 25 hours.
    """

    unit_count: int
    unit: str

    def __str__(self) -> str:
        """The step as it is written, such as "5m"."""
        return f"{self.unit_count}{self.unit}"

    @property
    def nominal_s(self) -> int:
        """Seconds of a step of usual length; exact where it is fixed."""
        return self.unit_count * _NOMINAL_SIZES_S[self.unit]

    def fixed_s(self, tz: str = "UTC") -> int | None:
        """Seconds in every step, or None when the calendar of the zone decides."""
        if self.unit in "smh" or (self.unit in "dw" and is_utc(tz)):
            return self.nominal_s
        return None

    def unit_s(self, tz: str = "UTC") -> int:
        """Seconds that divide every edge: a ring whose resolution divides them can answer exactly."""
        fixed_s = self.fixed_s(tz)
        if fixed_s is not None:
            return fixed_s
        return DAY_S if is_utc(tz) else offset_unit_s(tz)


def parse_step(step: int | str | Step) -> Step:
    """The step that a caller means by seconds (``300``, ``"300"``) or by a count and a unit (``"5m"``, ``"1M"``).

    Seconds of whole days mean days: 86400 is "1d", which follows the calendar. "24h" always is 24 hours.

    Raises:
        QueryError: it is no step, or one of more than 100 years.
    """
    if isinstance(step, Step):
        return step
    try:
        return _parsed_step(step)
    except TypeError as error:  # what cannot be hashed is no step either
        raise QueryError(f"step {step!r} is neither seconds nor text such as 5m") from error


# Typed, because True equals 1 and is no step.
@functools.lru_cache(maxsize=1_024, typed=True)
def _parsed_step(step: int | str) -> Step:
    found = STEP_PATTERN.fullmatch(step if isinstance(step, str) else _digits(step))
    if found is None:
        raise QueryError(f"step {step!r} is neither seconds nor a count of s, m, h, d, w, M or y, such as 5m")
    parsed = _lowest_terms(int(found[1]), found[2])
    if parsed.nominal_s > YEARS_PER_STEP_MAX * MEAN_YEAR_S:
        raise QueryError(f"step {step!r} is longer than {YEARS_PER_STEP_MAX} years")
    return parsed


def _digits(step: object) -> str:
    try:
        return "" if isinstance(step, bool) else str(operator.index(step))  # type: ignore[arg-type]
    except TypeError:
        return ""


def _lowest_terms(count: int, unit: str) -> Step:
    """The same length in the largest unit of its family; a bare number may be any of seconds to weeks."""
    if unit in ("M", "y"):
        months = count if unit == "M" else count * 12
        return Step(months // 12, "y") if months % 12 == 0 else Step(months, "M")
    family = {"d": "wd", "w": "wd", "": "wdhms"}.get(unit, "hms")
    seconds = count * UNIT_SIZES_S[unit or "s"]
    largest = next(unit for unit in family if seconds % UNIT_SIZES_S[unit] == 0)
    return Step(seconds // UNIT_SIZES_S[largest], largest)


# What is tried, finest first, when no step was given.
NATURAL_STEPS = tuple(
    parse_step(text)
    for text in "1s 2s 5s 10s 15s 30s 1m 2m 5m 10m 15m 30m 1h 2h 3h 6h 12h 1d 1w 1M 1y".split()  # noqa: SIM905
)


def parse_time(time: int | float | str, tz: str = "UTC") -> int:
    """Unix seconds that a caller means by a number or by RFC 3339 text; fractions are floored.

    Args:
        time: ``1767225600``, ``"1767225600.5"``, ``"2026-01-01T00:00:00+01:00"``, also without an offset or as a bare
            date, which then are of the zone ``tz``.

    Raises:
        QueryError: it is no time, or one before 1970 or after the year 6325.
    """
    try:
        time_s = _text_s(time, tz) if isinstance(time, str) else math.floor(time)
    except (ValueError, TypeError, OverflowError) as error:
        raise QueryError(f"{time!r} is neither Unix seconds nor a time such as 2026-01-01T00:00:00Z") from error
    return _checked_time(time_s)


def _text_s(text: str, tz: str) -> int:
    if found := SECONDS_PATTERN.fullmatch(text):
        return math.floor(float(text)) if found[2] else int(text)
    found = RFC_3339_PATTERN.fullmatch(text)
    if found is None:
        raise ValueError(text)
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
    # A leap second has no number in Unix time: it is the second after :59.
    whole = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=_offset(found[7], tz))
    if second > 60:
        raise ValueError(text)
    return math.floor(whole.timestamp()) + second // 60


def _offset(offset: str | None, tz: str) -> zoneinfo.ZoneInfo:
    if offset is None:
        return zone(tz)
    return datetime.fromisoformat(f"2000-01-01T00:00:00{offset.upper()}").tzinfo  # type: ignore[return-value]


def _checked_time(time_s: int) -> int:
    if not 0 <= time_s <= TIME_MAX_S:
        raise QueryError(f"time {time_s} is not between 0 and {TIME_MAX_S}: times are Unix seconds")
    return time_s


def format_time(time_s: int) -> str:
    """The time as RFC 3339 in UTC, such as "2026-01-01T00:00:00Z"."""
    if 0 <= time_s <= TIME_MAX_S:
        return datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return str(time_s)


@functools.lru_cache(maxsize=1_024)
def zone(tz: str) -> zoneinfo.ZoneInfo:
    """The time zone of that IANA name.

    Raises:
        QueryError: there is none of that name.
    """
    try:
        return zoneinfo.ZoneInfo(tz)
    except (LookupError, ValueError, TypeError, OSError) as error:
        raise QueryError(f"unknown time zone {tz!r}") from error


def is_utc(tz: str) -> bool:
    """Whether the zone is UTC itself, where days are of fixed length."""
    return tz in ("UTC", "Etc/UTC")


@functools.lru_cache(maxsize=1_024)
def offset_unit_s(tz: str) -> int:
    """Seconds that divide an hour and every offset of the zone between 1990 and 2040: 3600, 1800 or 900."""
    moments = (datetime(year, month, 1, tzinfo=zone(tz)) for year in range(1990, 2040) for month in (1, 7))
    offsets = (moment.utcoffset() or timedelta() for moment in moments)
    return math.gcd(HOUR_S, *(int(offset.total_seconds()) for offset in offsets))


def row_edges(step: Step, start_s: int, end_s: int, tz: str = "UTC") -> NDArray[np.int64]:
    """Where the rows of an answer begin, and where the last one ends.

    Args:
        start_s, end_s: the half-open range; the first row holds the start, the last one ends at or after the end.

    Returns:
        Read-only, strictly increasing, one more than there are rows; a single edge when the range is empty.

    Raises:
        QueryError: the start is after the end, a time is out of range, or there would be more than a million rows.
    """
    if start_s > end_s:
        raise QueryError(f"the start, {format_time(start_s)}, is after the end, {format_time(end_s)}")
    _checked_time(start_s)
    _checked_time(end_s)
    fixed_s = step.fixed_s(tz)
    edges = _calendar_edges(step, start_s, end_s, tz) if fixed_s is None else _fixed_edges(step, start_s, end_s)
    edges.setflags(write=False)
    return edges


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """The rows of an answer.

    Attributes:
        step: how long they are.
        edges_s: int64[n + 1], where they begin and the last one ends. Read-only: windows of one answer share it.
        fixed_s: seconds in every row; None where the calendar decides.
        tz: the time zone that was asked for.
    """

    step: Step
    edges_s: NDArray[np.int64]
    fixed_s: int | None
    tz: str = "UTC"

    @classmethod
    def between(cls, step: Step, start_s: int, end_s: int, tz: str = "UTC") -> Self:
        """The rows that cover a half-open range; see `row_edges`."""
        return cls(step, row_edges(step, start_s, end_s, tz), step.fixed_s(tz), tz)

    def __len__(self) -> int:
        return len(self.edges_s) - 1

    def of_periods(self, periods: NDArray[np.int64], resolution_s: int) -> NDArray[np.int64]:
        """The index of the row in which each period begins; below 0 or past the last for periods outside of all."""
        if self.fixed_s is None:
            return np.searchsorted(self.edges_s, periods * resolution_s, side="right") - 1
        assert self.fixed_s % resolution_s == 0, (self.step, resolution_s)
        first = int(self.edges_s[0]) // resolution_s
        factor = self.fixed_s // resolution_s
        return periods - first if factor == 1 else (periods - first) // factor


def row_start(step: Step, time_s: int, tz: str = "UTC") -> int:
    """Where the row that holds the time begins.

    Raises:
        QueryError: the time is out of range.
    """
    if step.fixed_s(tz) is not None:
        return _fixed_start(step, _checked_time(time_s))
    return int(row_edges(step, time_s, time_s, tz)[0])


def _refuse_too_many(row_count: int, step: Step, range_s: int) -> None:
    if row_count > ROWS_MAX:
        # One row less, for a range whose ends both fall inside a row touches one row more.
        raise QueryError(
            f"{row_count} rows of {step}: an answer has at most {ROWS_MAX}, "
            f"take a step of {-(-range_s // (ROWS_MAX - 1))} seconds or more"
        )


def _fixed_start(step: Step, time_s: int) -> int:
    step_s = step.nominal_s
    anchor_s = FIRST_MONDAY_S if step.unit == "w" else 0
    return (time_s - anchor_s) // step_s * step_s + anchor_s


def _fixed_edges(step: Step, start_s: int, end_s: int) -> NDArray[np.int64]:
    step_s, first_s = step.nominal_s, _fixed_start(step, start_s)
    row_count = -((first_s - end_s) // step_s) if end_s > start_s else 0
    _refuse_too_many(row_count, step, end_s - start_s)
    return np.arange(first_s, first_s + row_count * step_s + 1, step_s, dtype=np.int64)


def _calendar_edges(step: Step, start_s: int, end_s: int, tz: str) -> NDArray[np.int64]:
    """Edges by the calendar of the zone: the first instants of its days, weeks, months or years."""
    _refuse_too_many((end_s - start_s) // step.nominal_s, step, end_s - start_s)
    number, first_day = _numbering(step)
    here = zone(tz)
    first = number(datetime.fromtimestamp(start_s, here).date())
    last = number(datetime.fromtimestamp(end_s, here).date())
    # Why one more on either side and a set: where a clock is put back over midnight a date comes twice, and
    # Samoa left out a whole one (2011-12-30), whose first instant is that of the next.
    candidates = {_first_instant_s(first_day(each), here) for each in range(first - 1, last + 2)}
    edges = np.array(sorted(candidates), dtype=np.int64)
    first_index = int(np.searchsorted(edges, start_s, "right")) - 1
    last_index = int(np.searchsorted(edges, end_s, "left")) if end_s > start_s else first_index
    return edges[first_index : last_index + 1].copy()


def _numbering(step: Step) -> tuple[Callable[[date], int], Callable[[int], date]]:
    """How the step numbers its rows: date to number, and number to the first date."""
    count = step.unit_count
    if step.unit in "My":
        months = count * (12 if step.unit == "y" else 1)
        return (
            lambda day: ((day.year - 1970) * 12 + day.month - 1) // months,
            lambda number: date(1970 + number * months // 12, number * months % 12 + 1, 1),
        )
    days = count * (7 if step.unit == "w" else 1)
    day_zero = EPOCH_DAY + (FIRST_MONDAY_S // DAY_S if step.unit == "w" else 0)
    return (
        lambda day: (day.toordinal() - day_zero) // days,
        lambda number: date.fromordinal(number * days + day_zero),
    )


def _first_instant_s(day: date, here: zoneinfo.ZoneInfo) -> int:
    # Of a midnight that is left out, fold 0 gives the instant at which the clock jumps; of a double one, the first.
    return math.floor(datetime(day.year, day.month, day.day, tzinfo=here).timestamp())


def choose_ring(schema: Schema, step: Step, start_s: int, now_s: int, tz: str = "UTC") -> Ring:
    """The coarsest ring that divides the step and reaches back to the row of the start.

    In zones at :30 and :45, days and longer are made from minutes where these reach, else from hours, and then an
    hour belongs to the day in which it begins.

    Raises:
        QueryError: there is none; names the finest step that reaches.
    """
    start_s = max(0, row_start(step, start_s, tz))
    ring = _coarsest(schema, step.unit_s(tz), start_s, now_s)
    if ring is None and step.fixed_s(tz) is None:
        ring = _coarsest(schema, HOUR_S, start_s, now_s)
    if ring is None:
        raise QueryError(_refusal(schema, step, start_s, now_s, tz))
    return ring


def _coarsest(schema: Schema, unit_s: int, start_s: int, now_s: int) -> Ring | None:
    """The coarsest ring that divides a unit and reaches back to a start."""
    for ring in reversed(schema.rings):
        if unit_s % ring.resolution_s == 0 and ring.reach_s(now_s) <= start_s:
            return ring
    return None


def _refusal(schema: Schema, step: Step, start_s: int, now_s: int, tz: str) -> str:
    by_calendar = step.fixed_s(tz) is None
    text = f"no ring holds {step} steps{f' of {tz}' if by_calendar else ''} back to {format_time(start_s)}"
    for ring in schema.rings:
        if ring.reach_s(now_s) <= start_s:
            # Where the calendar's days cannot be had, those of UTC can: as 24 hours.
            finest = _lowest_terms(ring.resolution_s, "s" if by_calendar else "")
            return f"{text}; the finest step that reaches it is {finest}"
    return f"{text}; the earliest time held is {format_time(schema.coarsest.reach_s(now_s))}"


def default_step(schema: Schema, start_s: int, end_s: int, now_s: int, tz: str = "UTC") -> Step:
    """The finest natural step that gives at most 1,000 rows and that a ring can answer.

    Where no natural step will do (a resolution of 7 seconds, ten years of a zone whose hours are gone): a multiple of
    a ring's resolution, in hours or less.

    Raises:
        QueryError: no ring reaches back to the start.
    """
    for step in _step_ladder(schema, end_s - start_s):
        if (end_s - start_s) > ROWS_DEFAULT_MAX * step.nominal_s:
            continue
        if len(row_edges(step, start_s, end_s, tz)) - 1 > ROWS_DEFAULT_MAX:
            continue
        try:
            choose_ring(schema, step, start_s, now_s, tz)
        except QueryError:
            continue
        return step
    raise QueryError(_refusal(schema, parse_step(schema.coarsest.resolution_s), start_s, now_s, tz))


def default_start(schema: Schema, step: Step | None, end_s: int, now_s: int, tz: str = "UTC") -> int:
    """Where the 24 hours up to the end begin; where the rings hold less than that, the first whole row that they hold.

    Args:
        step: of the rows; None: `default_step` will choose it for this start.
    """
    start_s = max(0, end_s - DAY_S)
    if step is not None:
        whole_s = _first_whole_row(schema.rings, step, start_s, now_s, tz)
        return start_s if whole_s is None or whole_s >= end_s else whole_s
    for candidate in _step_ladder(schema, DAY_S):
        whole_s = _first_whole_row((schema.coarsest,), candidate, start_s, now_s, tz)
        if whole_s is not None and whole_s < end_s <= whole_s + ROWS_DEFAULT_MAX * candidate.nominal_s:
            return whole_s
    return start_s


def _first_whole_row(rings: Iterable[Ring], step: Step, start_s: int, now_s: int, tz: str) -> int | None:
    """The start, or the first row after it that a ring holds from its beginning; None when no ring divides the step."""
    held_s = min((ring.reach_s(now_s) for ring in rings if step.unit_s(tz) % ring.resolution_s == 0), default=None)
    if held_s is None or held_s <= row_start(step, start_s, tz):
        return None if held_s is None else start_s
    edges_s = row_edges(step, held_s, held_s + 1, tz)
    return int(edges_s[0 if edges_s[0] == held_s else 1])


def _step_ladder(schema: Schema, range_s: int) -> list[Step]:
    """Natural steps, finest first; then for each ring the least multiple of its resolution that is long enough."""
    # One row less, for a range whose ends both fall inside a row touches one row more.
    counts = [max(1, -(-range_s // ((ROWS_DEFAULT_MAX - 1) * ring.resolution_s))) for ring in schema.rings]
    odd = [_lowest_terms(count * ring.resolution_s, "s") for count, ring in zip(counts, schema.rings, strict=True)]
    return [*NATURAL_STEPS, *odd]

"""Anomalies in words: "412 per hour, usually 120-180 on Tuesdays at this time". Pure."""

import math
from datetime import UTC, datetime

from statflow_engine.kinds import Kind
from statflow_engine.pure.steps import Step

WEEKDAYS = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")
UNITS = {"s": "second", "m": "minute", "h": "hour", "d": "day", "w": "week", "M": "month", "y": "year"}


def sentence(kind: Kind, step: Step, local_s: int, number: float, low: float, high: float, *, by_weekday: bool) -> str:
    """What came and what usually comes.

    Args:
        kind: decides whether a number is so many in a row or the mean of one.
        step: of the row.
        local_s: where the row begins, in seconds of the local clock.
        number, low, high: what came and the band.
        by_weekday: whether the days of the week were told apart.
    """
    came = f"{short(number)} {per(step)}" if kind is Kind.COUNTER else f"a mean of {short(number)}"
    return f"{came}, usually {between(low, high)} {when(step, local_s, by_weekday=by_weekday)}"


def short(number: float) -> str:
    """At least three significant digits, no more decimals than they need, thousands marked."""
    size = abs(number)
    if size >= 1e15 or 0 < size < 1e-4:
        return f"{number:.2e}"
    if size >= 100 or number == round(number):
        return f"{number:,.0f}"
    text = f"{number:.{2 - math.floor(math.log10(size))}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def per(step: Step) -> str:
    """So many "per hour", "in 5 minutes"."""
    unit = UNITS[step.unit]
    return f"per {unit}" if step.unit_count == 1 else f"in {step.unit_count} {unit}s"


def between(low: float, high: float) -> str:
    """A range, such as "120-180", "-5 to 3", or one number when both read the same."""
    first, last = short(low), short(high)
    if first == last:
        return first
    return f"{first} to {last}" if low < 0 else f"{first}-{last}"


def when(step: Step, local_s: int, *, by_weekday: bool) -> str:
    """When it is usual: "on Tuesdays at this time"."""
    day = f"on {WEEKDAYS[datetime.fromtimestamp(local_s, UTC).weekday()]}"
    if step.unit == "d":
        return day
    return f"{day} at this time" if by_weekday else "at this time of the day"

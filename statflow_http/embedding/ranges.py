"""How much of the past an embed shows: ``tf``, as a table. Pure.

StatHat's four words are known, what they drew is not. Ours: ``day`` and ``week`` are the last so many hours up to now;
``half_compare`` is the last 12 hours over the same hours of the day before, ``week_compare`` the last week over the
week before. (The 12 hours before the last 12 would be night against day, and say nothing.) ``month`` and ``year`` are
additions.
"""

from dataclasses import dataclass

HOUR_S, DAY_S = 3_600, 86_400


@dataclass(frozen=True, slots=True)
class Range:
    """One value of ``tf``.

    Attributes:
        length_s: so far back from now.
        step: of the rows of a picture, as the engine has it.
        data_step: of the rows of a table of points, which people read one by one.
        caption: what it is called.
        shift_s: how far back the rows lie that are drawn dashed; 0 for none. A multiple of both steps.
        previous: what those are called.
    """

    length_s: int
    step: str
    data_step: str
    caption: str
    shift_s: int = 0
    previous: str = ""


RANGES = {
    "day": Range(DAY_S, "15m", "1h", "last 24 hours"),
    "week": Range(7 * DAY_S, "1h", "1d", "last 7 days"),
    "half_compare": Range(12 * HOUR_S, "10m", "1h", "last 12 hours", DAY_S, "the day before"),
    "week_compare": Range(7 * DAY_S, "1h", "1d", "last 7 days", 7 * DAY_S, "the week before"),
    "month": Range(30 * DAY_S, "6h", "1d", "last 30 days"),
    "year": Range(365 * DAY_S, "1d", "1M", "last 365 days"),
}

# How long rows are, in words.
STEP_WORDS = {"10m": "10 minutes", "15m": "15 minutes", "1h": "1 hour", "6h": "6 hours", "1d": "1 day", "1M": "1 month"}

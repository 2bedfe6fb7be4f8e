"""Moments as files write them: Unix seconds or milliseconds, or ISO 8601. Pure."""

import math
from collections.abc import Sequence
from datetime import datetime, tzinfo

import numpy as np
from numpy.typing import NDArray

from statflow_http.moving.rows import MILLISECONDS_LIKELY, NUMBER

# Later than this it would be microseconds, which nobody's export of a chart has.
MILLISECONDS_MAX = 10**14


def time_s(text: str, tz: tzinfo) -> int | None:
    """A moment in whole Unix seconds, rounded down; None when the text is none.

    Args:
        text: seconds, milliseconds (they have more than eleven digits), or ISO 8601.
        tz: of a time that says nothing of its zone.
    """
    text = text.strip()
    if NUMBER.fullmatch(text):
        number = float(text)
        if abs(number) >= MILLISECONDS_MAX:
            return None
        return math.floor(number / 1_000 if abs(number) >= MILLISECONDS_LIKELY else number)
    try:
        moment = datetime.fromisoformat(text)
        return math.floor((moment if moment.tzinfo else moment.replace(tzinfo=tz)).timestamp())
    except (ValueError, OverflowError):
        return None


def times_s(texts: Sequence[str], tz: tzinfo) -> NDArray[np.int64]:
    """int64[n]: the same for a column.

    Raises:
        ValueError: at least one of them is no moment.
    """
    try:
        numbers = np.array(texts, np.float64)
    except ValueError:
        found = [time_s(text, tz) for text in texts]
        if None in found:
            raise ValueError("no moment") from None
        return np.array(found, np.int64)
    return seconds(numbers)


def seconds(numbers: NDArray[np.float64]) -> NDArray[np.int64]:
    """int64[n]: Unix seconds of a column of seconds or milliseconds, rounded down.

    Raises:
        ValueError: one is neither.
    """
    magnitudes = np.abs(numbers)
    if not bool((magnitudes < MILLISECONDS_MAX).all()):  # also false for NaN
        raise ValueError("no moment")
    scaled = np.where(magnitudes >= MILLISECONDS_LIKELY, numbers / 1_000, numbers)
    return np.floor(scaled).astype(np.int64)

"""Windows as rows that people and programs read: one number a row, chosen by ``agg``, gaps filled by ``fill``. Pure."""

import math
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime

import msgspec
import numpy as np
from numpy.typing import NDArray

from statflow_engine import Kind, Window

AGGREGATES: Mapping[str, Callable[[Window], NDArray[np.float64]]] = {
    "sum": lambda window: window.sums,
    "mean": lambda window: window.means,
    "min": lambda window: window.mins,
    "max": lambda window: window.maxs,
    "count": lambda window: window.counts.astype(np.float64),
    "rate": lambda window: window.rates,
}
FILLS = ("null", "0", "previous")

# A text cell that begins with one of these would be a formula to a spreadsheet.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
CSV_HEADER = "stat,timestamp,datetime,value\r\n"
# Rows that are encoded at once when an answer is streamed.
CHUNK_ROWS = 1_000


class Row(msgspec.Struct, gc=False):
    """One row of an answer.

    Attributes:
        time: where it begins, Unix seconds.
        value: what ``agg`` chose; None where there is nothing.
        count: how many points arrived.
    """

    time: int
    value: float | None
    count: int


def default_aggregate(kind: Kind) -> str:
    """What a row shows when nobody said: a counter's sum, a value's mean."""
    return "sum" if kind is Kind.COUNTER else "mean"


def numbers(window: Window, agg: str, fill: str) -> NDArray[np.float64]:
    """float64[n]: the number of each row, NaN where there is none.

    Raises:
        QueryError: min or max of a counter.
    """
    column = AGGREGATES[agg](window)
    if fill == "null":
        return column
    empty = np.isnan(column)
    if fill == "0":
        return np.where(empty, 0.0, column)
    # The index of the last row that has a number, up to each row; -1 before the first.
    last = np.maximum.accumulate(np.where(empty, -1, np.arange(len(column))))
    return np.where(last >= 0, column[last], np.nan)


def rows(window: Window, agg: str, fill: str, *, shift_s: int = 0) -> list[Row]:
    """The rows of a window, moved ``shift_s`` later so that an earlier period lies over the present one.

    Raises:
        QueryError: min or max of a counter.
    """
    column = numbers(window, agg, fill).tolist()
    times_s = (window.times_s + shift_s).tolist()
    values = [None if math.isnan(number) else number for number in column]
    return list(map(Row, times_s, values, window.counts.tolist()))


def csv_rows(name: str, found: list[Row]) -> Iterator[bytes]:
    """Lines of CSV, some at a time; numbers stay bare, an empty row has an empty cell."""
    cell = csv_text(name)
    for start in range(0, len(found), CHUNK_ROWS):
        lines = [
            f"{cell},{row.time},{datetime.fromtimestamp(row.time, UTC):%Y-%m-%dT%H:%M:%SZ},"
            f"{'' if row.value is None else repr(row.value)}\r\n"
            for row in found[start : start + CHUNK_ROWS]
        ]
        yield "".join(lines).encode()


def csv_text(text: str) -> str:
    """A cell of text: no formula, and quoted where it must be."""
    if text.startswith(FORMULA_STARTS):
        text = "'" + text
    if any(character in text for character in ',"\r\n'):
        return '"' + text.replace('"', '""') + '"'
    return text

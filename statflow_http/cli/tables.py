"""Answers as text for a terminal: a table, a line of bars. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

BARS = "▁▂▃▄▅▆▇█"
# As many bars as an ordinary terminal has columns beside a name.
BARS_MAX = 60


def time_text(time_s: int | None) -> str:
    """A moment in UTC, or "-" for none."""
    return "-" if time_s is None else f"{datetime.fromtimestamp(time_s, UTC):%Y-%m-%d %H:%M:%S}"


def number_text(number: float | None) -> str:
    """A number without needless digits, or "-" for none."""
    return "-" if number is None else f"{number:.10g}"


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> str:
    """Columns under a header, as wide as they must be; those in ``right`` flush right."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = []
    for row in (header, *rows):
        cells = [
            cell.rjust(width) if number in right else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def spark(numbers: Sequence[float | None]) -> str:
    """A line of bars, at most 60, from 0 or the least to the greatest; a space where there is nothing."""
    shown = numbers if len(numbers) <= BARS_MAX else _thinned(numbers)
    known = [number for number in shown if number is not None]
    least, greatest = min(0.0, *known, 0.0), max(0.0, *known, 0.0)
    height = greatest - least or 1.0
    return "".join(
        " " if number is None else BARS[round((number - least) / height * (len(BARS) - 1))] for number in shown
    )


def _thinned(numbers: Sequence[float | None]) -> list[float | None]:
    """At most 60 numbers: the mean of what each of them stands for."""
    size = -(-len(numbers) // BARS_MAX)
    thinned: list[float | None] = []
    for start in range(0, len(numbers), size):
        known = [number for number in numbers[start : start + size] if number is not None]
        thinned.append(sum(known) / len(known) if known else None)
    return thinned


def query_table(document: dict[str, Any]) -> str:
    """The document of ``GET /v1/query`` as a table: a row a time, a column a stat."""
    series = document["series"]
    if not series:
        return "no stat matches"
    header = ["time (UTC)", *(f"{one['name']} ({one['agg']})" for one in series)]
    times = [point["time"] for point in series[0]["points"]]
    columns = [[number_text(point["value"]) for point in one["points"]] for one in series]
    rows = [[time_text(time_s), *cells] for time_s, *cells in zip(times, *columns, strict=True)]
    return table(header, rows, right=range(1, len(header)))


def query_sparks(document: dict[str, Any]) -> str:
    """The document of ``GET /v1/query`` as a line a stat."""
    lines = []
    for series in document["series"]:
        numbers = [point["value"] for point in series["points"]]
        known = [number for number in numbers if number is not None]
        last = number_text(known[-1] if known else None)
        lines.append([series["name"], spark(numbers), last, series["agg"]])
    return table(["stat", "", "last", ""], lines, right=(2,)) if lines else "no stat matches"

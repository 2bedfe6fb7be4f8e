"""Which column of a CSV is what: told by options, by the columns' names, or by what is in them. Pure."""

import csv
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo

from statflow_engine import Kind
from statflow_http.errors import RequestError
from statflow_http.moving.rows import NUMBER, number
from statflow_http.moving.times import time_s
from statflow_http.moving.wording import listed, shown

DELIMITERS = ",;\t|"
DELIMITER_NAMES = {"\t": "a tab", ";": "a semicolon", "|": "a bar", " ": "a space"}

# What the columns of people's exports are called, most telling first.
NAME_COLUMNS = ("stat", "stat_name", "name", "metric", "series", "key")
TIME_COLUMNS = (
    *("timestamp", "time", "t", "ts", "unix", "datetime", "date", "created_at"),
    *("day", "hour", "minute", "date_time", "unix_time", "unixtime", "epoch", "recorded_at", "received_at"),
)
VALUE_COLUMNS = ("value", "v", "count", "amount", "number", "sum", "total")
KIND_COLUMNS = ("kind", "type")
# Numbers that are taken for moments where no name says so: Unix seconds since 1973, or milliseconds.
SECONDS_LIKELY = 10**8


@dataclass(frozen=True, slots=True)
class CsvOptions:
    """What is told about a CSV; "" where it is to be found out.

    Attributes:
        name_column, time_column, value_column, kind_column: a column's name, or its number from 1.
        kind: of every stat of the file.
        name: of the one stat of a file without names.
        delimiter: one character.
        tz: of times that say nothing of their zone.
    """

    name_column: str = ""
    time_column: str = ""
    value_column: str = ""
    kind_column: str = ""
    kind: Kind | None = None
    name: str = ""
    delimiter: str = ""
    tz: tzinfo = UTC


@dataclass(frozen=True, slots=True)
class Layout:
    """Which column is what, as indices; -1: there is none.

    Attributes:
        has_header: the first line holds names.
        has_comma: numbers have a decimal comma.
        stat: what the one stat of a file without names is called; "": as the file.
    """

    header: tuple[str, ...]
    has_header: bool
    delimiter: str
    name: int
    time: int
    value: int
    kind: int
    has_comma: bool = False
    stat: str = ""

    def described(self) -> dict[str, str]:
        """Role to column, as people are told."""
        return {role: self._text(at) for role, at in self._roles().items() if at >= 0}

    def remarks(self) -> tuple[str, ...]:
        """What else was understood, and what is not used."""
        found = []
        if self.delimiter != ",":
            found.append(f"columns are divided by {DELIMITER_NAMES.get(self.delimiter, shown(self.delimiter))}")
        if self.has_comma:
            found.append("numbers have a decimal comma")
        unused = [self._text(at) for at in range(len(self.header)) if at not in self._roles().values()]
        if unused:
            found.append(f"not used: {listed(tuple(unused))}")
        return tuple(found)

    def number(self, text: str) -> float | None:
        """The number of a cell; None when it is none."""
        return number(decimal_point(text)) if self.has_comma else number(text)

    def _roles(self) -> dict[str, int]:
        return {"name": self.name, "time": self.time, "value": self.value, "kind": self.kind}

    def _text(self, at: int) -> str:
        return f'"{shown(self.header[at])}"' if self.has_header else f"column {at + 1}"


def decimal_point(text: str) -> str:
    """A number with a decimal comma as one with a point. One that has a point already becomes none."""
    return text.replace(".", " . ").replace(",", ".")


# -- delimiters --


def delimiter_of(lines: Sequence[str], tz: tzinfo) -> str:
    """The delimiter that makes columns of some lines: one of them of times, and as many in each line; a comma else.

    Args:
        lines: the first ones of a file.
        tz: of times that say nothing of their zone.
    """
    return max(DELIMITERS, key=lambda each: (*_fitness(lines, each, tz), -DELIMITERS.index(each)))


def _fitness(lines: Sequence[str], delimiter: str, tz: tzinfo) -> tuple[bool, float, int]:
    """How well a delimiter fits; more is better."""
    rows = [row for row in parsed(lines, delimiter) if row]
    if not rows:
        return False, 0.0, 0
    width, count = Counter(map(len, rows)).most_common(1)[0]
    if width < 2:
        return False, 0.0, 0
    has_times = any(_are(_column_cells(rows[1:] or rows, at), lambda cell: is_time(cell, tz)) for at in range(width))
    return has_times, count / len(rows), width


def parsed(lines: Sequence[str], delimiter: str) -> list[list[str]]:
    """The cells of some lines; none behind one that is no CSV."""
    rows: list[list[str]] = []
    try:
        rows.extend(csv.reader(lines, delimiter=delimiter))
    except csv.Error:
        pass
    return rows


# -- columns --


def layout(rows: Sequence[Sequence[str]], delimiter: str, options: CsvOptions) -> Layout:
    """The layout of a file, from its first lines.

    Args:
        rows: their cells; of one line at least.

    Raises:
        RequestError: a column that was named is not there, or time or value is not to be found.
    """
    return _Finder(rows, delimiter, options).layout()


class _Finder:
    """The first lines of a file, while it is found out what they are."""

    def __init__(self, rows: Sequence[Sequence[str]], delimiter: str, options: CsvOptions) -> None:
        self._options = options
        self._delimiter = delimiter
        first = rows[0]
        self._has_header = not any(self._is_number(cell) or time_s(cell, options.tz) is not None for cell in first)
        self._header = tuple(cell.strip() for cell in first)
        self._rows = rows[1:] if self._has_header else rows
        lower = ["_".join(cell.lower().replace("-", " ").split()) for cell in self._header]
        self._names = lower if self._has_header else []

    def layout(self) -> Layout:
        """See above."""
        options = self._options
        time = self._named(options.time_column, TIME_COLUMNS, "time")
        value = self._named(options.value_column, VALUE_COLUMNS, "value")
        name = self._named(options.name_column, NAME_COLUMNS, "name")
        kind = self._named(options.kind_column, KIND_COLUMNS, "kind")
        if not self._has_header and time < 0 and value < 0 and name < 0 and kind < 0:
            name, time, value = self._unnamed()
        is_told = value >= 0
        if time < 0:
            time = self._only(self._is_time, {value, name, kind})
        if value < 0:
            value = self._only(self._is_number, {time, name, kind})
        self._refuse_missing(time=time, value=value)
        stat = self._header[value] if self._has_header and not is_told and name < 0 else ""
        has_comma = any("," in cell for cell in self._cells(value) if self._is_number(cell))
        return Layout(self._header, self._has_header, self._delimiter, name, time, value, kind, has_comma, stat)

    def _named(self, told: str, usual: Sequence[str], what: str) -> int:
        """The column that was told, or has a usual name; -1: there is none."""
        if told:
            if told in self._header:
                return self._header.index(told)
            if told.isascii() and told.isdigit() and 1 <= int(told) <= len(self._header):
                return int(told) - 1
            raise RequestError(f'there is no {what} column "{shown(told)}"; the file has: {listed(self._header)}')
        return next((self._names.index(name) for name in usual if name in self._names), -1)

    def _unnamed(self) -> tuple[int, int, int]:
        """Name, time and value of two or three columns without a header: by place, where no column is of times.

        Of three the name is the first one if that is no number; else the second is another telling of the time.
        """
        if self._only(self._is_time, set()) not in (-1, 0) and len(self._header) == 2:
            return -1, 1, 0
        if len(self._header) == 2:
            return -1, 0, 1
        if len(self._header) != 3:
            return -1, -1, -1
        first = self._header[0]
        is_first_name = number(first) is None and time_s(first, self._options.tz) is None
        return (0, 1, 2) if is_first_name else (-1, 0, 2)

    def _only(self, is_one: Callable[[str], bool], taken: set[int]) -> int:
        """The one column of those that are left whose cells are such; -1: there is none, or more."""
        found = [at for at in range(len(self._header)) if at not in taken and _are(self._cells(at), is_one)]
        return found[0] if len(found) == 1 else -1

    def _cells(self, at: int) -> list[str]:
        return _column_cells(self._rows, at)

    def _is_time(self, cell: str) -> bool:
        return is_time(cell, self._options.tz)

    def _is_number(self, cell: str) -> bool:
        """A comma is the decimal one where the columns are divided by semicolons: that is why they are."""
        return number(cell) is not None or (self._delimiter == ";" and number(decimal_point(cell)) is not None)

    def _refuse_missing(self, **roles: int) -> None:
        for what, at in roles.items():
            if at < 0:
                known = listed(self._header) if self._has_header else f"{len(self._header)} without names"
                raise RequestError(f"no {what} column found; name it by --{what}-column, of: {known}")


def is_time(cell: str, tz: tzinfo) -> bool:
    """Whether a cell is a moment for sure: a date, or a number that is large enough for one."""
    text = cell.strip()
    if NUMBER.fullmatch(text) and abs(float(text)) < SECONDS_LIKELY:
        return False
    return time_s(text, tz) is not None


def _column_cells(rows: Sequence[Sequence[str]], at: int) -> list[str]:
    """The cells of a column that are not empty."""
    return [row[at] for row in rows if at < len(row) and row[at].strip()]


def _are(cells: Sequence[str], is_one: Callable[[str], bool]) -> bool:
    """Whether at least half of some cells are such; no cells are nothing."""
    return bool(cells) and 2 * sum(map(is_one, cells)) >= len(cells)

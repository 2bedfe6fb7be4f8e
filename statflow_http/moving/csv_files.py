"""Any CSV as items: one row a line, its columns found by their names or told by options. Pure but for the stream."""

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, tzinfo
from itertools import islice
from typing import BinaryIO

import numpy as np

from statflow_engine import Kind
from statflow_http.errors import RequestError
from statflow_http.moving.rows import Item, Piece, Problem, Rows, Stat, number, points, ref_of_name
from statflow_http.moving.times import time_s, times_s

# Rows that are turned into arrays at once: some 20 MB of text objects.
CHUNK_ROWS = 50_000
DELIMITERS = ",;\t|"

# What the columns of people's exports are called, most telling first.
NAME_COLUMNS = ("stat", "stat_name", "name", "metric", "series", "key")
TIME_COLUMNS = ("timestamp", "time", "t", "ts", "unix", "datetime", "date", "created_at")
VALUE_COLUMNS = ("value", "v", "count", "amount", "number", "sum", "total")
KIND_COLUMNS = ("kind", "type")

KINDS = {
    "counter": Kind.COUNTER,
    "count": Kind.COUNTER,
    "c": Kind.COUNTER,
    "true": Kind.COUNTER,
    "value": Kind.VALUE,
    "gauge": Kind.VALUE,
    "v": Kind.VALUE,
    "false": Kind.VALUE,
}
BAD_NUMBER = "value must be a finite number"
BAD_TIME = "time must be Unix seconds, milliseconds or ISO 8601"


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
    """

    header: tuple[str, ...]
    has_header: bool
    delimiter: str
    name: int
    time: int
    value: int
    kind: int

    def described(self) -> dict[str, str]:
        """Role to column, as people are told."""
        roles = {"name": self.name, "time": self.time, "value": self.value, "kind": self.kind}
        return {role: self._text(at) for role, at in roles.items() if at >= 0}

    def _text(self, at: int) -> str:
        return f'"{self.header[at]}"' if self.has_header else f"column {at + 1}"


def layout(first: Sequence[str], delimiter: str, options: CsvOptions) -> Layout:
    """The layout of a file, from its first line.

    Raises:
        RequestError: a column that was named is not there, or time or value is not to be found.
    """
    has_header = all(number(cell) is None for cell in first) and not any(
        time_s(cell, options.tz) is not None for cell in first
    )
    header = tuple(cell.strip() for cell in first)
    lower = [cell.lower() for cell in header] if has_header else []
    time = _column(options.time_column, TIME_COLUMNS, header, lower, "time")
    value = _column(options.value_column, VALUE_COLUMNS, header, lower, "value")
    name = _column(options.name_column, NAME_COLUMNS, header, lower, "name")
    kind = _column(options.kind_column, KIND_COLUMNS, header, lower, "kind")
    if not has_header and time < 0 and value < 0 and len(header) in (2, 3):
        name, time, value = (-1, 0, 1) if len(header) == 2 else _unnamed(header, options)
    for what, at in (("time", time), ("value", value)):
        if at < 0:
            known = ", ".join(header) if has_header else f"{len(header)} without names"
            raise RequestError(f"no {what} column found; name it by --{what}-column, of: {known}")
    return Layout(header, has_header, delimiter, name, time, value, kind)


def _unnamed(first: Sequence[str], options: CsvOptions) -> tuple[int, int, int]:
    """Name, time and value of three columns without a header: the name is the one that is no number."""
    is_first_name = number(first[0]) is None and time_s(first[0], options.tz) is None
    return (0, 1, 2) if is_first_name else (-1, 0, 2)


def _column(told: str, usual: Sequence[str], header: Sequence[str], lower: Sequence[str], what: str) -> int:
    if told:
        if told in header:
            return header.index(told)
        if told.isascii() and told.isdigit() and 1 <= int(told) <= len(header):
            return int(told) - 1
        raise RequestError(f'there is no {what} column "{told}"; the file has: {", ".join(header)}')
    return next((lower.index(name) for name in usual if name in lower), -1)


def delimiter_of(line: str) -> str:
    """The delimiter that a line has most of; a comma where it has none."""
    return max(DELIMITERS, key=lambda character: (line.count(character), -DELIMITERS.index(character)))


@contextmanager
def text_lines(stream: BinaryIO) -> Iterator[io.TextIOWrapper]:
    """A stream as text without a byte order mark. Bytes that are no UTF-8 become lone surrogates, which no name has."""
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="")
    try:
        yield text
    finally:
        text.detach()  # closing the stream is left to whoever opened it


def items(stream: BinaryIO, label: str, default_name: str, options: CsvOptions) -> Iterator[Item | Layout]:
    """What a CSV file holds; its layout first.

    Args:
        stream: of the whole file.
        label: what to call the file in problems.
        default_name: of its stat, when no column has names.
        options: what is told about it.

    Raises:
        RequestError: its layout cannot be found out.
    """
    with text_lines(stream) as lines:
        yield from _lines_items(lines, label, default_name, options)


def _lines_items(
    lines: io.TextIOWrapper, label: str, default_name: str, options: CsvOptions
) -> Iterator[Item | Layout]:
    head = lines.readline()
    if not head.strip():
        yield Problem("the file is empty", label, 0)
        return
    delimiter = options.delimiter or delimiter_of(head)
    first = next(csv.reader([head], delimiter=delimiter))
    found = layout(first, delimiter, options)
    yield found
    reader = csv.reader(lines, delimiter=delimiter)
    if not found.has_header:
        yield from _Chunk(found, options, label, default_name, 0).items([first])
    while True:
        before = reader.line_num + 1
        try:
            rows = list(islice(reader, CHUNK_ROWS))
        except csv.Error as error:
            yield Problem(f"not CSV: {error}", f"{label}:{reader.line_num + 1}")
            continue
        if not rows:
            return
        yield from _Chunk(found, options, label, options.name or default_name, before).items(rows)


class _Chunk:
    """Rows of a file that are turned into items together."""

    def __init__(self, found: Layout, options: CsvOptions, label: str, default_name: str, line_before: int) -> None:
        self._layout = found
        self._options = options
        self._label = label
        self._default = default_name
        self._line_before = line_before

    def items(self, rows: list[list[str]]) -> Iterator[Item]:
        """All at once where every row is as it should be, else one by one."""
        try:
            found, names, kinds = self._columns(rows)
        except (ValueError, LookupError):
            good = [(row, line) for line, row in enumerate(rows, self._line_before + 1) if any(map(str.strip, row))]
            problems = [self._problem(row) for row, _ in good]
            for (_, line), reason in zip(good, problems, strict=True):
                if reason:
                    yield Problem(reason, f"{self._label}:{line}")
            rows = [row for (row, _), reason in zip(good, problems, strict=True) if not reason]
            if not rows:
                return
            found, names, kinds = self._columns(rows)
        yield from _by_name(names, kinds, found)

    def _columns(self, rows: list[list[str]]) -> tuple[Rows, list[str], list[Kind | None]]:
        found = self._layout
        value_texts = [row[found.value] for row in rows]
        together = "".join(value_texts)
        if "_" in together or not together.isascii():
            raise ValueError(BAD_NUMBER)  # Python would read 1_000 and Arabic digits
        values = np.array(value_texts, np.float64)
        if not bool(np.isfinite(values).all()):
            raise ValueError(BAD_NUMBER)
        times = times_s([row[found.time] for row in rows], self._options.tz)
        names = [row[found.name].strip() for row in rows] if found.name >= 0 else [self._default] * len(rows)
        if found.kind < 0:
            return points(times, values), names, [self._kind()] * len(rows)
        return points(times, values), names, [KINDS[row[found.kind].strip().lower()] for row in rows]

    def _kind(self) -> Kind | None:
        if self._options.kind is not None:
            return self._options.kind
        found = self._layout
        called = found.header[found.value].lower() if found.has_header else ""
        return Kind.COUNTER if called == "count" else None

    def _problem(self, row: list[str]) -> str:
        """Why a row cannot be brought; "": it can."""
        found = self._layout
        wanted = max(found.time, found.value, found.name, found.kind) + 1
        if len(row) < wanted:
            return f"the line has {len(row)} columns, at least {wanted} are wanted"
        if number(row[found.value]) is None:
            return BAD_NUMBER
        if time_s(row[found.time], self._options.tz) is None:
            return BAD_TIME
        if found.kind >= 0 and row[found.kind].strip().lower() not in KINDS:
            return "kind must be counter or value"
        return ""


def _by_name(names: list[str], kinds: list[Kind | None], rows: Rows) -> Iterator[Item]:
    """A stat and a piece for each name, in the order in which they first come."""
    if names.count(names[0]) == len(names):
        yield Stat(ref_of_name(names[0]), names[0], kinds[0])
        yield Piece(ref_of_name(names[0]), rows)
        return
    places: dict[str, int] = {}
    index = np.fromiter((places.setdefault(name, len(places)) for name in names), np.int64, len(names))
    order = np.argsort(index, kind="stable")
    starts = np.searchsorted(index[order], np.arange(len(places) + 1))
    for name, place in places.items():
        taken = order[starts[place] : starts[place + 1]]
        yield Stat(ref_of_name(name), name, kinds[int(taken[0])])
        yield Piece(ref_of_name(name), rows[taken])

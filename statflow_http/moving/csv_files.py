"""Any CSV as items: one row a line; which column is what is found out in `layouts`. Pure but for the stream."""

import csv
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain, islice
from typing import BinaryIO

import numpy as np

from statflow_engine import Kind
from statflow_http.errors import RequestError
from statflow_http.moving.layouts import CsvOptions, Layout, decimal_point, delimiter_of, layout, parsed
from statflow_http.moving.rows import Item, Piece, Problem, Rows, Stat, points, ref_of_name
from statflow_http.moving.times import time_s, times_s

__all__ = ["KINDS", "CsvOptions", "Layout", "items", "text_lines"]

# Rows that are turned into arrays at once: some 20 MB of text objects.
CHUNK_ROWS = 50_000
COMMA_NUMBER = re.compile(r"-?\d+,\d+", re.ASCII)
# Lines from which it is found out what the columns are, and what the first one may have.
SAMPLE_LINES = 200
HEADER_LENGTH_MAX = 1 << 20

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
BAD_COMMA = "value must have a decimal point: a comma is read only in columns that semicolons divide, if all have it"
BAD_TIME = "time must be Unix seconds, milliseconds or ISO 8601"


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
    sample = _sample(lines)
    if not any(map(str.strip, sample)):
        yield Problem("the file is empty", label, 0)
        return
    delimiter = options.delimiter or delimiter_of(sample, options.tz)
    found = layout([row for row in parsed(sample, delimiter) if row] or [[]], delimiter, options)
    yield found
    name = options.name or found.stat or default_name
    reader = csv.reader(chain(sample, lines), delimiter=delimiter)
    if found.has_header:
        next(row for row in reader if row)
    while True:
        before = reader.line_num
        try:
            rows = list(islice(reader, CHUNK_ROWS))
        except csv.Error as error:
            yield Problem(f"not CSV: {error}", f"{label}:{reader.line_num}")
            continue
        if not rows:
            return
        yield from _Chunk(found, options, label, name, before).items(rows)


def _sample(lines: io.TextIOWrapper) -> list[str]:
    """The first lines of a file.

    Raises:
        RequestError: the very first has no end.
    """
    head = lines.readline(HEADER_LENGTH_MAX)
    if len(head) == HEADER_LENGTH_MAX:
        raise RequestError(f"the first line is longer than {HEADER_LENGTH_MAX} characters")
    return [head, *islice(lines, SAMPLE_LINES - 1)]


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
        if found.has_comma:
            value_texts = list(map(decimal_point, value_texts))
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
        if found.number(row[found.value]) is None:
            return BAD_NUMBER if COMMA_NUMBER.fullmatch(row[found.value].strip()) is None else BAD_COMMA
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

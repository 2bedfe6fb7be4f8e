"""StatFlow's own exports: NDJSON, which has everything, and CSV, which has the numbers. Pure but for the streams.

NDJSON, a line each::

    {"statflow":"export","version":1,"origin":"5f0c...","until":1700000000,"schema":"1m:90d, 1h:5y, 1d:50y"}
    {"settings":{"tz":"UTC","tilde_join":"~"}}
    {"stat":{"name":"page views","kind":"counter","created_at":1690000000,"public":true,"unit":"views"}}
    {"rows":{"stat":"page views","t":[...],"count":[...],"sum":[...],"min":[...],"max":[...]}}
    {"annotation":{...}}   {"alert":{...}}   {"dashboard":{"name":"Shop","tiles":[{"id":"ab34ef","kind":"line",...}]}}
    {"end":{"stats":1,"rows":1440}}

A row is a period, told by its start: of the finest ring that still had it. Where a coarser period overlaps finer ones,
its row is what they lack of it. Counters have no ``min`` and ``max``. Without its last line a file is cut short.
A stat's ``classic_key`` is the one that people are shown, ``other_keys`` are all others by which old clients write to
it: the server that reads the file takes all of them. Alerts, annotations and tiles call stats by their names.
"""

import csv
from collections.abc import Iterator
from typing import Any, BinaryIO

import msgspec
import numpy as np

from statflow_http.errors import RequestError
from statflow_http.moving.csv_files import KINDS, text_lines
from statflow_http.moving.rows import CELL, Extra, Item, Origin, Piece, Problem, Rows, Stat, ref_of_name
from statflow_http.moving.stathat_files import line_chunks, stat_of
from statflow_http.stats.series_rows import csv_text

VERSION = 1
HEAD = b'{"statflow":"export"'
CSV_COLUMNS = ("stat", "kind", "timestamp", "datetime", "count", "sum", "min", "max")
CSV_HEADER = ",".join(CSV_COLUMNS)
# Rows of one line, and of one chunk of a CSV.
LINE_ROWS = 1_000
CHUNK_ROWS = 50_000
CUT_SHORT = "the export is cut short: its last line is missing"
EXTRAS = ("settings", "annotation", "alert", "dashboard")


class ExportHead(msgspec.Struct):
    """The first line.

    Attributes:
        origin: tells the account there from all others; no secret.
        until: Unix seconds; rows of later periods tell only what there was of them.
    """

    statflow: str
    version: int
    origin: str
    until: int
    schema: str = ""


class RowsLine(msgspec.Struct, omit_defaults=True):
    """Rows of one stat, as columns of equal length."""

    stat: str
    t: list[int]
    count: list[int]
    sum: list[float]
    min: list[float] | None = None
    max: list[float] | None = None


class StatLine(msgspec.Struct, omit_defaults=True):
    """A stat, as `stathat_files.stat_of` reads it."""

    name: str
    kind: str
    created_at: int
    public: bool = False
    unit: str = ""
    classic_key: str = ""
    other_keys: tuple[str, ...] = ()


class Line(msgspec.Struct, omit_defaults=True):
    """A line after the first one: one of these."""

    rows: RowsLine | None = None
    stat: dict[str, Any] | None = None
    settings: dict[str, Any] | None = None
    annotation: dict[str, Any] | None = None
    alert: dict[str, Any] | None = None
    dashboard: dict[str, Any] | None = None
    end: dict[str, Any] | None = None


_line = msgspec.json.Decoder(Line)


def ndjson_items(stream: BinaryIO, label: str) -> Iterator[Item]:
    """What an export holds.

    Raises:
        RequestError: it is of a newer version, or its first line is none.
    """
    lines = (line for chunk in line_chunks(stream) for line in chunk)
    yield _origin(next(lines, ""))
    is_whole = False
    for number, text in enumerate(lines, 2):
        if not text:
            continue
        try:
            line = _line.decode(text.encode())
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            yield Problem("not a line of a StatFlow export", f"{label}:{number}: {error}")
            continue
        is_whole = line.end is not None
        yield from _line_items(line, f"{label}:{number}")
    if not is_whole:
        yield Problem(CUT_SHORT, label, 0, is_cut=True)


def _origin(text: str) -> Origin:
    try:
        head = msgspec.json.decode(text.removeprefix("\ufeff"), type=ExportHead)
    except msgspec.DecodeError as error:
        raise RequestError(f"not the first line of a StatFlow export: {error}") from None
    if head.version > VERSION:
        raise RequestError(f"the export is of version {head.version}, this StatFlow reads up to {VERSION}")
    return Origin(head.origin, head.until)


def _line_items(line: Line, place: str) -> Iterator[Item]:
    if line.rows is not None:
        rows = line.rows
        try:
            yield Piece(ref_of_name(rows.stat), cells(rows))
        except (ValueError, OverflowError):
            yield Problem("the columns of a line must have equal lengths and fit 64 bits", place, len(rows.t))
    if line.stat is not None:
        stat = stat_of({name: value for name, value in line.stat.items() if name != "id"})
        yield Problem("a stat without a name", place, 0) if stat is None else stat
    for what in EXTRAS:
        document = getattr(line, what)
        if document is not None:
            yield Extra(what, document)


def cells(line: RowsLine) -> Rows:
    """Cell rows of a line; those of counters have 0 for both extremes.

    Raises:
        ValueError: the columns have different lengths.
    """
    rows = np.zeros(len(line.t), CELL)
    for name, column in (("t", line.t), ("count", line.count), ("sum", line.sum), ("min", line.min), ("max", line.max)):
        if column is None:
            continue
        if len(column) != len(rows):
            raise ValueError("lengths differ")
        rows[name] = column
    return rows


def rows_lines(name: str, rows: Rows, *, measured: bool) -> Iterator[bytes]:
    """The lines that tell the rows of a stat."""
    for start in range(0, len(rows), LINE_ROWS):
        part = rows[start : start + LINE_ROWS]
        extremes = (part["min"].tolist(), part["max"].tolist()) if measured else (None, None)
        line = RowsLine(name, part["t"].tolist(), part["count"].tolist(), part["sum"].tolist(), *extremes)
        yield msgspec.json.encode(Line(rows=line)) + b"\n"


# -- CSV --


def csv_name(name: str) -> str:
    """A name as a cell that no spreadsheet takes for a formula; `name_of_csv` is the inverse."""
    return csv_text(f"'{name}" if name.startswith("'") else name)


def name_of_csv(cell: str) -> str:
    """The name that a cell, its quotes taken off, stands for."""
    return cell.removeprefix("'")


def csv_lines(name: str, kind: str, rows: Rows, *, measured: bool) -> Iterator[bytes]:
    """Lines of CSV, some at a time."""
    start_of_line = f"{csv_name(name)},{kind},"
    for start in range(0, len(rows), LINE_ROWS):
        part = rows[start : start + LINE_ROWS]
        texts = np.datetime_as_string(part["t"].astype("datetime64[s]")).tolist()
        columns = zip(*(part[column].tolist() for column in ("t", "count", "sum", "min", "max")), strict=True)
        yield "".join(
            f"{start_of_line}{t},{text}Z,{count},{sum_!r},{f'{least!r},{most!r}' if measured else ','}\r\n"
            for (t, count, sum_, least, most), text in zip(columns, texts, strict=True)
        ).encode()


def csv_items(stream: BinaryIO, label: str) -> Iterator[Item]:
    """The rows of a CSV export; every column but the fourth counts."""
    with text_lines(stream) as lines:
        yield from _reader_items(csv.reader(lines), label)


def _reader_items(reader: Any, label: str) -> Iterator[Item]:
    next(reader, None)
    name = ""
    rows: list[tuple[int, list[str]]] = []
    for row in _good(reader):
        if (row and name_of_csv(row[0]) != name) or len(rows) >= CHUNK_ROWS:
            yield from _csv_piece(name, rows, label)
            name, rows = name_of_csv(row[0]), []
        if row:
            rows.append((reader.line_num, row))
    yield from _csv_piece(name, rows, label)


def _good(reader: Any) -> Iterator[list[str]]:
    while True:
        try:
            yield next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield ["", "", ""]  # told of as a broken line


def _csv_piece(name: str, rows: list[tuple[int, list[str]]], label: str) -> Iterator[Item]:
    good, kind = [], ""
    for line, row in rows:
        found = _csv_row(row)
        if found is None:
            yield Problem("not a line of a StatFlow export", f"{label}:{line}")
        else:
            good.append(found)
            kind = row[1]
    if good:
        yield Stat(ref_of_name(name), name, KINDS[kind])
        yield Piece(ref_of_name(name), np.array(good, CELL))


def _csv_row(row: list[str]) -> tuple[int, int, float, float, float] | None:
    if len(row) != len(CSV_COLUMNS) or row[1] not in ("counter", "value"):
        return None
    try:
        return int(row[2]), int(row[4]), float(row[5]), float(row[6] or 0), float(row[7] or 0)
    except (ValueError, OverflowError):
        return None

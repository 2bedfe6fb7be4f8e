"""What people saved of StatHat: CSV files with ``# stat_id:`` comments, ``stats.csv``, and the JSON of its export API.

Pure but for the stream. The CSV of a stat::

    # stat_id: lxoC
    # name: page views
    timestamp,datetime,value
    1700000000,2023-11-14 22:13:20,5

Comments may tell more (``name``, ``kind`` or ``counter``, ``unit``, ``classic_key``); several stats may follow one
another in a file. ``stats.csv`` and the JSON of ``statlist`` tell names and kinds by id; that of ``data`` has names.
"""

import csv
import io
import re
import warnings
from collections.abc import Iterable, Iterator
from datetime import UTC
from typing import Any, BinaryIO

import msgspec
import numpy as np

from statflow_engine import Kind
from statflow_http import ids
from statflow_http.errors import RequestError
from statflow_http.moving.csv_files import BAD_NUMBER, BAD_TIME, KINDS, text_lines
from statflow_http.moving.rows import (
    POINT,
    Extra,
    Item,
    Piece,
    Problem,
    Rows,
    Stat,
    number,
    points,
    ref_of_id,
    ref_of_name,
)
from statflow_http.moving.times import seconds, time_s
from statflow_http.moving.wording import well_formed

# Bytes that are parsed at once.
CHUNK_SIZE = 4 << 20
# A dataset of a year by the minute takes 20 MB; all of a file is decoded at once.
JSON_BYTES_MAX = 256 << 20
# What msgspec says of a document that breaks off.
TRUNCATED = "Input data was truncated"
DATASET_COLUMNS = ("timestamp", "datetime", "value")
COMMENT = re.compile(r"#\s*([A-Za-z_ ]+?)\s*[:=]\s*(.*)")
TRUE, FALSE = frozenset({"true", "1", "yes", "t"}), frozenset({"false", "0", "no", "f"})


class CutError(RequestError):
    """A file breaks off."""


# -- stats --


def stat_of(told: dict[str, Any]) -> Stat | None:
    """A stat as ``statlist``, ``stats.csv`` or the comments of a file tell of it; None without an id and a name."""
    fields = {str(name).strip().lower().replace(" ", "_"): value for name, value in told.items()}
    stat_id = str(fields.get("id") or fields.get("stat_id") or "").strip()
    name = str(fields.get("name") or fields.get("stat_name") or fields.get("stat") or "").strip()
    if not stat_id and not name:
        return None
    created = time_s_of(fields.get("created_at") or fields.get("created"))
    return Stat(
        ref=ref_of_id(stat_id) if stat_id else ref_of_name(name),
        name=name,
        kind=_kind(fields),
        created_s=created,
        public=_flag(fields.get("public")),
        unit=_text(fields.get("unit") or fields.get("units")),
        classic_key=_text(fields.get("classic_key") or fields.get("key")) or "",
        other_keys=_texts(fields.get("other_keys")),
    )


def time_s_of(told: object) -> int | None:
    """A moment of a document; None where there is none."""
    found = None if told is None else time_s(str(told), UTC)
    return found if found is not None and found > 0 else None


def _text(told: object) -> str | None:
    return well_formed(str(told)).strip() if told is not None else None


def _texts(told: object) -> tuple[str, ...]:
    return tuple(each for each in told if isinstance(each, str)) if isinstance(told, list) else ()


def _flag(told: object) -> bool | None:
    text = str(told).strip().lower()
    return True if text in TRUE else False if text in FALSE else None


def _kind(fields: dict[str, Any]) -> Kind | None:
    is_counter = _flag(fields.get("counter"))
    if is_counter is not None:
        return Kind.COUNTER if is_counter else Kind.VALUE
    told = fields.get("kind") or fields.get("type") or ""
    return KINDS.get(str(told).strip().lower())


def stats_table(stream: BinaryIO, label: str) -> Iterator[Item]:
    """``stats.csv``: a line a stat, columns by their names."""
    with text_lines(stream) as lines:
        yield from _table_items(csv.DictReader(lines), label)


def _table_items(reader: "csv.DictReader[str]", label: str) -> Iterator[Item]:
    while True:
        try:
            row = next(reader, None)
        except csv.Error as error:
            yield Problem(f"not CSV: {error}", f"{label}:{reader.line_num}", 0)
            continue
        if row is None:
            return
        stat = stat_of({name: cell for name, cell in row.items() if name and isinstance(cell, str)})
        yield Problem("the line has no id and no name", f"{label}:{reader.line_num}", 0) if stat is None else stat


def is_stats_table(header: str) -> bool:
    """Whether a first line is that of ``stats.csv``."""
    columns = {cell.strip().strip('"').lower() for cell in header.split(",")}
    return bool(columns & {"id", "stat_id"}) and "name" in columns and not columns & {"value", "timestamp"}


# -- CSV of stats --


def dataset_csv(stream: BinaryIO, label: str, default_ref: str) -> Iterator[Item]:
    """The rows of one stat or several, each behind its comments.

    Args:
        stream: of the whole file.
        label: what to call the file in problems.
        default_ref: of rows that no comment stands before.
    """
    section = _Section(label, default_ref)
    line = 1
    for lines in line_chunks(stream):
        start = 0
        for at in (at for at, text in enumerate(lines) if text.startswith(("#", "t", '"t', "T"))):
            yield from section.rows(lines[start:at], line + start)
            yield from section.told(lines[at])
            start = at + 1
        yield from section.rows(lines[start:], line + start)
        line += len(lines)
    yield from section.stat()


def line_chunks(stream: BinaryIO) -> Iterator[list[str]]:
    """A text's lines, without their ends, some at a time."""
    rest = b""
    while True:
        data = stream.read(CHUNK_SIZE)
        whole, end, rest_after = (rest + data).rpartition(b"\n") if data else (rest, b"\n", b"")
        if not data and not rest:
            return
        if data and not end:
            rest = rest + data
            if len(rest) > JSON_BYTES_MAX:
                raise RequestError(f"a line is longer than {JSON_BYTES_MAX} bytes")
            continue
        rest = rest_after
        yield whole.decode("utf-8", "surrogateescape").removeprefix("\ufeff").replace("\r", "").split("\n")
        if not data:
            return


class _Section:
    """What a file has told so far of the stat whose rows come next."""

    def __init__(self, label: str, default_ref: str) -> None:
        self._label = label
        self._fields: dict[str, Any] = {}
        self._ref = default_ref
        self._is_open = False

    def told(self, line: str) -> Iterator[Item]:
        """A comment, or the line with the columns' names."""
        found = COMMENT.match(line)
        if not found:
            return
        if self._is_open:
            yield from self.stat()
            self._fields, self._is_open = {}, False
        self._fields[found[1].lower().replace(" ", "_")] = found[2]
        stat = stat_of(self._fields)
        if stat is not None:
            self._ref = stat.ref

    def stat(self) -> Iterator[Item]:
        """What the comments told."""
        stat = stat_of(self._fields)
        if stat is not None:
            yield stat

    def rows(self, lines: list[str], line: int) -> Iterator[Item]:
        """Rows of the stat; ``line`` is the number of the first one."""
        if not lines or not any(lines):
            return
        self._is_open = True
        try:
            yield Piece(self._ref, quick_rows(lines, ",", 0, 2))
        except ValueError:
            good: list[tuple[int, float]] = []
            for at, text in enumerate(lines, line):
                row = _row(text)
                if isinstance(row, str):
                    if row:
                        yield Problem(row, f"{self._label}:{at}")
                else:
                    good.append(row)
            if good:
                yield Piece(self._ref, points(*zip(*good, strict=True)))


def quick_rows(lines: list[str], delimiter: str, time: int, value: int) -> Rows:
    """Point rows of lines that are as they should be: 6 million a second.

    Raises:
        ValueError: at least one is not.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a text without rows
        table = np.loadtxt(
            lines,
            delimiter=delimiter,
            usecols=(time, value),
            comments=None,
            quotechar='"',
            dtype=[("t", "<f8"), ("sum", "<f8")],
            ndmin=1,
        )
    if not bool(np.isfinite(table["sum"]).all()):
        raise ValueError(BAD_NUMBER)
    rows = np.empty(len(table), POINT)
    rows["t"], rows["sum"] = seconds(table["t"]), table["sum"]
    return rows


def _row(text: str) -> tuple[int, float] | str:
    """Time and value of a line, or why it has none; "" for a blank line."""
    if not text.strip():
        return ""
    try:
        cells = next(csv.reader(io.StringIO(text)))
    except (csv.Error, StopIteration):
        return "not CSV"
    if len(cells) not in (2, 3):
        return f"the line has {len(cells)} columns, 3 are wanted"
    value = number(cells[-1])
    if value is None:
        return BAD_NUMBER
    found = time_s(cells[0], UTC)
    if found is None and len(cells) == 3:
        found = time_s(cells[1], UTC)
    return BAD_TIME if found is None else (found, value)


# -- JSON --


class DataPoint(msgspec.Struct, gc=False):
    """A bucket of a dataset; ``count`` where our own server adds it."""

    time: float
    value: float | None = None


class Dataset(msgspec.Struct, gc=False):
    """What ``/x/TOKEN/data`` answers for one stat."""

    name: str
    points: list[DataPoint]
    kind: str = ""
    timeframe: str = ""
    id: str = ""


_datasets = msgspec.json.Decoder(list[Dataset])
_anything = msgspec.json.Decoder()


def json_entries(data: bytes, label: str) -> list[dict[str, Any]]:
    """What a saved answer of the export API holds: datasets, stats, one of either, or alerts.

    Raises:
        CutError: it breaks off.
        RequestError: it is none of these.
    """
    try:
        found = _anything.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        text = f"{label} is no JSON: {error}"
        raise (CutError(text) if str(error) == TRUNCATED else RequestError(text)) from None
    entries = found if isinstance(found, list) else [found]
    if not all(isinstance(entry, dict) for entry in entries):
        raise RequestError(f"{label} holds neither datasets nor stats")
    return entries


def is_statflows(entries: Iterable[dict[str, Any]]) -> bool:
    """Whether this is what a StatFlow answers, by a stat whose embed key begins with the stat's id."""
    return any(_has_own_key(entry) for entry in entries)


def _has_own_key(entry: dict[str, Any]) -> bool:
    key, stat_id = entry.get("embed_key"), entry.get("id")
    if not isinstance(key, str) or not isinstance(stat_id, str):
        return False
    series_id = ids.series_id(stat_id)
    return series_id is not None and ids.told_series_id(key) == series_id


def json_items(entries: Iterable[dict[str, Any]], label: str) -> Iterator[Item]:
    """The items of such entries."""
    for at, entry in enumerate(entries):
        yield from _entry_items(entry, f"{label}[{at}]")


def _entry_items(entry: dict[str, Any], place: str) -> Iterator[Item]:
    if "points" in entry:
        try:
            yield from dataset_items(msgspec.convert(entry, Dataset), place)
        except msgspec.ValidationError as error:
            yield Problem(f"no dataset: {error}", place, 0)
    elif "kind" in entry and ("stat_id" in entry or "time_window" in entry):
        yield Extra("alert", entry)
    else:
        stat = stat_of(entry)
        yield Problem("neither a dataset nor a stat", place, 0) if stat is None else stat


def dataset_items(dataset: Dataset, place: str) -> Iterator[Item]:
    """The rows of a dataset. A bucket of 0 is one without data: StatHat wrote no difference."""
    if not dataset.name.strip():
        yield Problem("the dataset has no name", place, len(dataset.points))
        return
    times = np.array([point.time for point in dataset.points], np.float64)
    values = np.array([point.value or 0.0 for point in dataset.points], np.float64)
    try:
        times_s = seconds(times) if len(times) else times.astype(np.int64)
    except ValueError:
        yield Problem(BAD_TIME, place, len(times))
        return
    name = dataset.name.strip()
    ref = ref_of_name(name)
    yield Stat(ref, name, KINDS.get(dataset.kind.lower()))
    steps = np.diff(np.sort(times_s))
    interval_s = int(steps.min()) if len(steps) and steps.min() > 0 else 0
    has_data = values != 0
    yield Piece(ref, points(times_s[has_data], values[has_data]), interval_s)

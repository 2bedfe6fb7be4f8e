"""Queries: which series, which rows and which ring are meant, then windows of what is read."""

import fnmatch
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from numbers import Real

import lmdb
import numpy as np

from statflow_engine.errors import PointError, QueryError, UnknownSeriesError
from statflow_engine.kinds import SERIES_PER_GROUP, Kind, kind_of
from statflow_engine.pure.cells import Ints, joined, within
from statflow_engine.pure.dense import SeriesRows
from statflow_engine.pure.names import normal_name
from statflow_engine.pure.schema import Schema
from statflow_engine.pure.steps import Rows, Step, choose_ring, default_start, default_step, parse_step, zone
from statflow_engine.pure.windows import Window, downsample, downsample_many
from statflow_engine.reading.reader import Asked, Reader, by_group
from statflow_engine.store.catalog import Catalog, Series

# Rows of an answer times its series: 400 MB of columns.
CELLS_PER_ANSWER_MAX = 10_000_000

_GLOB_CHARACTERS = frozenset("*?[")


def planned(
    schema: Schema, start_s: int | None, end_s: int | None, step: int | str | Step | None, tz: str, now_s: int
) -> tuple[Rows, int]:
    """The rows of an answer, and the index of the ring that can give them.

    Raises:
        QueryError: a time or the step is no such thing, or no ring has it.
    """
    _refuse_no_seconds(start_s=start_s, end_s=end_s)
    zone(tz)  # An unknown zone is an error for every step, also for those that no zone changes.
    end_s = now_s + 1 if end_s is None else end_s
    wanted = None if step is None else parse_step(step)
    if start_s is None:
        start_s = default_start(schema, wanted, end_s, now_s, tz)
    chosen = default_step(schema, start_s, end_s, now_s, tz) if wanted is None else wanted
    rows = Rows.between(chosen, start_s, end_s, tz)
    ring = choose_ring(schema, chosen, start_s, now_s, tz)
    return rows, next(index for index, each in enumerate(schema.rings) if each is ring)


def _refuse_no_seconds(**times_s: object) -> None:
    for name, time_s in times_s.items():
        if time_s is not None and not isinstance(time_s, Real):
            hint = f": int({name}.timestamp()) makes them" if isinstance(time_s, datetime) else ""
            raise QueryError(f"{name} must be Unix seconds, met {time_s!r}{hint}")


def window_of(reader: Reader, schema: Schema, id_: int, name: str, rows: Rows, ring: int, now_s: int) -> Window:
    """The window of one series."""
    resolution_s = schema.rings[ring].resolution_s
    one = SeriesRows(rows, resolution_s, kind_of(id_))
    reader.add_to(one, Asked(ring, id_ // SERIES_PER_GROUP, np.array([id_]), *_periods(rows, resolution_s)))
    return Window(name, one.kind, rows, now_s, *one.columns())


def windows_of(
    reader: Reader, schema: Schema, series: Sequence[tuple[int, str]], rows: Rows, ring: int, now_s: int
) -> list[Window]:
    """A window for each (id, name), in their order.

    Raises:
        QueryError: the answer would be too large.
    """
    if len(series) * len(rows) > CELLS_PER_ANSWER_MAX:
        raise QueryError(
            f"{len(series)} times {len(rows)} rows: an answer has at most {CELLS_PER_ANSWER_MAX}, "
            "ask for fewer names, a shorter range or a longer step"
        )
    names = dict(series)
    windows: dict[int, Window] = {}
    for asked in _asked(schema, list(names), rows, ring):
        if len(asked.ids) == 1:
            id_ = int(asked.ids[0])
            windows[id_] = window_of(reader, schema, id_, names[id_], rows, ring, now_s)
        else:
            windows.update(_group_windows(reader, asked, rows, schema.rings[ring].resolution_s, names, now_s))
    return [windows[id_] for id_, _ in series]


def sum_of(
    reader: Reader, schema: Schema, series: Sequence[tuple[int, str]], rows: Rows, ring: int, now_s: int
) -> Window:
    """One window of the points of all series, as `combine` makes it, without making a window of each before.

    Raises:
        QueryError: there is no series, or there are two of different kinds.
    """
    if not series:
        raise QueryError("there is nothing to combine: no series was found")
    first_id, first_name = series[0]
    kind = kind_of(first_id)
    for id_, name in series:
        if kind_of(id_) is not kind:
            raise QueryError(f'"{first_name}" is a {kind} and "{name}" a {kind_of(id_)}: only one kind can be combined')
    cells = joined(
        [reader.cells(asked) for asked in _asked(schema, [id_ for id_, _ in series], rows, ring)],
        measured=kind is Kind.VALUE,
    )
    columns = (cells.periods, cells.counts, cells.sums, cells.mins, cells.maxs)
    name = " + ".join(name for _, name in series)
    return downsample(rows, schema.rings[ring].resolution_s, *columns, name=name, kind=kind, now_s=now_s)


def _asked(schema: Schema, ids: Sequence[int], rows: Rows, ring: int) -> Iterator[Asked]:
    """What to read of each group."""
    first, end = _periods(rows, schema.rings[ring].resolution_s)
    for group, members in by_group(ids).items():
        yield Asked(ring, group, members, first, end)


def _periods(rows: Rows, resolution_s: int) -> tuple[int, int]:
    """The periods [first, end) that the rows cover, one at least."""
    first, end = int(rows.edges_s[0]) // resolution_s, -(-int(rows.edges_s[-1]) // resolution_s)
    return first, max(first + 1, end)


def _group_windows(
    reader: Reader, asked: Asked, rows: Rows, resolution_s: int, names: dict[int, str], now_s: int
) -> dict[int, Window]:
    ids: list[int] = asked.ids.tolist()
    kind = kind_of(ids[0])
    cells = reader.cells(asked)
    columns = (cells.periods, cells.counts, cells.sums, cells.mins, cells.maxs)
    index_of_column = np.zeros(SERIES_PER_GROUP, np.int64)
    index_of_column[asked.ids % SERIES_PER_GROUP] = np.arange(len(ids))
    index: Ints = index_of_column[within(cells.series_ids, SERIES_PER_GROUP)]
    windows = downsample_many(
        rows, resolution_s, index, *columns, names=[names[id_] for id_ in ids], kind=kind, now_s=now_s
    )
    return dict(zip(ids, windows, strict=True))


# -- which series ------------------------------------------------------------------------------------------------------


def chosen_series(
    txn: lmdb.Transaction,
    catalog: Catalog,
    namespace: str,
    patterns: Sequence[str],
    known: Mapping[str, int],
    series_max: int,
) -> list[tuple[int, str]]:
    """(id, name) of the series that names or globs mean, each once, in the order of the patterns.

    Args:
        known: ids of names that need no look-up, true for this transaction.

    Raises:
        UnknownSeriesError: a plain name is not known. A glob without a hit adds nothing.
        QueryError: these are too many.
    """
    found: dict[int, str] = {}
    for pattern in patterns:
        if pattern in known:
            found[known[pattern]] = pattern
        elif (exact := exact_series(txn, catalog, namespace, pattern)) is not None:
            found[exact.id] = exact.name
        elif _GLOB_CHARACTERS.isdisjoint(pattern):
            raise UnknownSeriesError(f'no series is called "{pattern}"')
        else:
            matches = matcher(pattern)
            found.update((each.id, each.name) for each in catalog.series(txn, namespace) if matches(each.name))
        if len(found) > series_max:
            raise QueryError(f"more than {series_max} series in one query")
    return list(found.items())


def exact_series(txn: lmdb.Transaction, catalog: Catalog, namespace: str, name: str) -> Series | None:
    """The series of that very name; None when there is none."""
    try:
        return catalog.find(txn, namespace, normal_name(name))
    except (UnknownSeriesError, PointError):
        return None


def matcher(pattern: str) -> Callable[[str], bool]:
    """Whether a name fits a pattern: a glob, or words that must all occur, in any case; empty: every name."""
    if not _GLOB_CHARACTERS.isdisjoint(pattern):
        compiled = re.compile(fnmatch.translate(pattern))
        return lambda name: compiled.match(name) is not None
    words = pattern.casefold().split()
    return lambda name: all(word in name.casefold() for word in words)

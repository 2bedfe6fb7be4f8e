"""A source sorted by stat, on disk: whatever order its rows come in, each stat's come out together.

Why on disk: a source may have any number of rows of any number of stats, interleaved as time went on; what is held in
memory is one flush of it, and later one stat.
"""

import os
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from statflow_http.errors import RequestError
from statflow_http.moving.rows import CELL, POINT, Extra, Item, Origin, Piece, Problem, Rows, Stat, merged, ref_of_id
from statflow_http.moving.wording import well_formed
from statflow_http.wire.names import clean

# Bytes of rows that are gathered before they are written; then each stat has at most one stretch of them.
FLUSH_SIZE = 64 << 20
# 38 years of minutes; a stat is put in order in memory.
STAT_ROWS_MAX = 20_000_000
PROBLEMS_KEPT = 100


class Report:
    """What could not be brought: how much for which reason, and the first of them in full.

    Attributes:
        reasons: rows, or 1 where none were counted, by reason.
        first: at most `PROBLEMS_KEPT`.
        cut: the first by which a file breaks off; None: all files were whole.
    """

    def __init__(self) -> None:
        self.reasons: dict[str, int] = {}
        self.first: list[Problem] = []
        self.cut: Problem | None = None

    def add(self, problem: Problem) -> None:
        """Count a problem. Its texts may hold what a file has; here they become such as can be stored and sent."""
        problem = replace(problem, reason=well_formed(problem.reason), place=well_formed(problem.place))
        self.cut = self.cut or (problem if problem.is_cut else None)
        self.reasons[problem.reason] = self.reasons.get(problem.reason, 0) + max(1, problem.count)
        if len(self.first) < PROBLEMS_KEPT:
            self.first.append(problem)


class Spool:
    """The items of a source; a context manager, whose file goes with it.

    Args:
        folder: where the file lies, on a disk with room.
        report: for what cannot be used.

    Attributes:
        extras: beside the stats, in the order of the source.
        origin: where the source says it is from.
        row_count: rows taken.
    """

    def __init__(self, folder: Path, report: Report) -> None:
        self._report = report
        # Unlinked at once: a killed process leaves nothing behind.
        self._file = tempfile.TemporaryFile(dir=folder, prefix="spool-")  # noqa: SIM115  # closed by __exit__
        self._size = 0
        self._places: dict[str, list[tuple[int, int, int, bool]]] = {}
        self._waiting: dict[tuple[str, int, bool], list[Rows]] = {}
        self._waiting_size = 0
        self._stats: dict[str, Stat] = {}
        self.extras: list[Extra] = []
        self.origin: Origin | None = None
        self.row_count = 0

    def __enter__(self) -> "Spool":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, item: Item) -> None:
        """Take one item."""
        if isinstance(item, Piece):
            self._add_rows(item)
        elif isinstance(item, Stat):
            known = self._stats.get(item.ref)
            self._stats[item.ref] = item if known is None else _both(known, item)
        elif isinstance(item, Problem):
            self._report.add(item)
        elif isinstance(item, Extra):
            self.extras.append(item)
        else:
            self.origin = item

    def _add_rows(self, piece: Piece) -> None:
        key = (piece.ref, piece.interval_s, piece.rows.dtype == CELL)
        self._waiting.setdefault(key, []).append(piece.rows)
        self._waiting_size += piece.rows.nbytes
        self.row_count += len(piece.rows)
        if self._waiting_size >= FLUSH_SIZE:
            self._flush()

    def _flush(self) -> None:
        for (ref, interval_s, is_cell), pieces in self._waiting.items():
            data = b"".join(rows.tobytes() for rows in pieces)
            self._file.write(data)
            self._places.setdefault(ref, []).append((self._size, len(data), interval_s, is_cell))
            self._size += len(data)
        self._file.flush()
        self._waiting, self._waiting_size = {}, 0

    def stats(self) -> Iterator[tuple[Stat, Rows]]:
        """Every stat by its clean name with all its rows, by time. Stats without rows come too, with none."""
        self._flush()
        for name, (stat, refs) in self._named().items():
            pieces = [place for ref in refs for place in self._places.get(ref, ())]
            if sum(size for _, size, _, _ in pieces) > STAT_ROWS_MAX * POINT.itemsize * 2:
                self._report.add(Problem(f"more than {STAT_ROWS_MAX} rows of one stat: split the file by time", name))
                continue
            is_cell = any(cell for _, _, _, cell in pieces)
            read = [(interval_s, self._read(at, size, cell)) for at, size, interval_s, cell in pieces]
            dtype = CELL if is_cell else POINT
            yield stat, merged([(interval_s, as_dtype(rows, dtype)) for interval_s, rows in read], dtype)

    def _read(self, at: int, size: int, is_cell: bool) -> Rows:
        data = os.pread(self._file.fileno(), size, at)
        assert len(data) == size, (len(data), size)
        return np.frombuffer(data, CELL if is_cell else POINT)

    def _named(self) -> dict[str, tuple[Stat, list[str]]]:
        """What is told of each name, and all that its rows are filed under."""
        named: dict[str, tuple[Stat, list[str]]] = {}
        for ref in dict.fromkeys([*self._stats, *self._places]):
            stat = self._stats.get(ref) or self._guessed(ref)
            try:
                name = self._clean_name(stat)
            except RequestError as error:
                self._report.add(Problem(str(error), stat.name or ref, self._rows_of(ref)))
                continue
            known = named.get(name)
            if known is None:
                named[name] = (replace(stat, name=name), [ref])
            else:
                named[name] = (_both(known[0], stat), [*known[1], ref])
        return named

    def _guessed(self, ref: str) -> Stat:
        """What a ref alone says of a stat: its name, or the name of a file, which may be a stat's id or its name."""
        by_id = self._stats.get(ref_of_id(ref[1:])) if ref.startswith("?") else None
        return by_id or Stat(ref, "" if ref.startswith("#") else ref[1:])

    @staticmethod
    def _clean_name(stat: Stat) -> str:
        if not stat.name and stat.ref.startswith("#"):
            raise RequestError("no name is known for this stat id: bring stats.csv or the statlist with it")
        try:
            stat.name.encode()
        except UnicodeEncodeError:
            raise RequestError("stat name is not valid UTF-8") from None
        return clean(stat.name)

    def _rows_of(self, ref: str) -> int:
        return sum(size // (CELL if cell else POINT).itemsize for _, size, _, cell in self._places.get(ref, ()))


def as_dtype(rows: Rows, dtype: "np.dtype[np.void]") -> Rows:
    """Point rows as cells of one point each, where cells are wanted."""
    if rows.dtype == dtype:
        return rows
    assert rows.dtype == POINT, rows.dtype
    cells = np.empty(len(rows), CELL)
    cells["t"], cells["count"] = rows["t"], 1
    cells["sum"] = cells["min"] = cells["max"] = rows["sum"]
    return cells


def _both(first: Stat, second: Stat) -> Stat:
    """What two tellings of one stat say together; the first one counts where they differ."""
    keys = tuple(dict.fromkeys((*first.keys, *second.keys)))
    return Stat(
        first.ref,
        first.name or second.name,
        second.kind if first.kind is None else first.kind,
        first.created_s or second.created_s,
        second.public if first.public is None else first.public,
        second.unit if first.unit is None else first.unit,
        "".join(keys[:1]),
        keys[1:],
    )

"""A spool into the engine: kinds are agreed, rows that nobody wants are told apart, the rest is written in batches.

What is stored when is in `ledger`; this file decides what.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from statflow_engine import Engine, JournalFullError, Kind, KindError, LimitError, UnknownSeriesError
from statflow_http.documents.store import Documents
from statflow_http.moving.brought import Brought, BroughtStats
from statflow_http.moving.ledger import Ledger, windows
from statflow_http.moving.rows import CELL, Origin, Problem, Rows, Stat, refused
from statflow_http.moving.spool import Report, Spool

# Rows of one batch: what the engine commits in about 100 ms, so that others who write wait no longer. Cells are stored
# under the write lock, 10,000 in some 15 ms.
BATCH_POINTS = 100_000
BATCH_CELLS = 10_000
# Stats whose memory is written in one transaction, and blocks of one batch: each costs two meters.
BATCH_STATS = 200
BATCH_BLOCKS = 1_000
EARLY_S = 86_400
# Of a day ahead by the minute.
TAIL_ROWS_MAX = 1_500
# The fold needs so long at most for what fills the journal.
PATIENCE_S = 120.0
PAUSE_S = 0.2


class CancelledError(Exception):
    """Somebody wants the import to stop. What is stored stays; another run goes on behind it."""


@dataclass(slots=True)
class Summary:
    """What an import did.

    Attributes:
        stats: that have rows now by it, or had them from a run before.
        rows: stored by this run.
        points: that these rows stand for.
        known_rows: that an earlier run had brought.
        guessed_kinds: stats of whose kind nothing was told.
    """

    stats: int = 0
    rows: int = 0
    points: int = 0
    known_rows: int = 0
    guessed_kinds: int = 0


@dataclass(slots=True)
class Written:
    """What was written to a stat.

    Attributes:
        received_before_s: when its last point was stored before this import; None: it had none.
        newest_s: the time of the newest row.
    """

    received_before_s: int | None
    newest_s: int = 0


@dataclass(frozen=True, slots=True)
class Block:
    """Rows of one stat and window that are stored together with their mark.

    Attributes:
        rows: those that are missing and that the store takes.
        mark, touched: meters, see `ledger`.
    """

    name: str
    kind: Kind
    rows: Rows
    mark: str
    touched: str


@dataclass(slots=True)
class _Batch:
    """Blocks that wait to be written."""

    blocks: list[Block] = field(default_factory=list)
    rows: int = 0

    def add(self, block: Block) -> None:
        self.blocks.append(block)
        self.rows += len(block.rows)

    def fits(self, block: Block) -> bool:
        """Whether a block may be stored with those that wait: points and cells are not stored together."""
        return not self.blocks or (
            self.blocks[0].rows.dtype == block.rows.dtype
            and self.rows + len(block.rows) <= batch_rows(block.rows)
            and len(self.blocks) < BATCH_BLOCKS
        )


@dataclass(frozen=True, slots=True)
class Before:
    """What was brought of a stat from the same origin, by an import that ended.

    Attributes:
        until_s: all of before this moment.
        tail: cell rows of what there was behind it.
    """

    until_s: int = 0
    tail: Rows = field(default_factory=lambda: np.zeros(0, CELL))

    @classmethod
    def of(cls, brought: Brought, origin: Origin | None) -> "Before":
        """What is remembered of an origin; nothing where the source has none."""
        if origin is None:
            return cls()
        return cls(brought.until.get(origin.id, 0), np.frombuffer(brought.tails.get(origin.id, b""), CELL))

    def count(self, rows: Rows) -> int:
        """How many of these rows, which are by time, are of before."""
        return int(np.searchsorted(rows["t"], self.until_s)) if self.until_s else 0

    def less(self, rows: Rows) -> Rows:
        """Rows without what was brought of their periods: points that came since."""
        if not len(self.tail) or rows.dtype != CELL:
            return rows
        places = np.minimum(np.searchsorted(self.tail["t"], rows["t"]), len(self.tail) - 1)
        same = self.tail["t"][places] == rows["t"]
        left = rows.copy()
        left["count"][same] -= self.tail["count"][places[same]]
        left["sum"][same] -= self.tail["sum"][places[same]]
        return left.compress(left["count"] > 0)


class Importer:
    """Brings the rows of a spool into one namespace.

    Args:
        engine, documents: of the data folder.
        namespace: whose stats these become.
        report: for rows that are not brought.
        series_limit: how many stats the namespace may have; None: any number.
        kind: of stats of whose kind the source tells nothing.
        progress: called with rows that are done.
        is_cancelled: asked between batches.
    """

    def __init__(
        self,
        engine: Engine,
        documents: Documents,
        namespace: str,
        report: Report,
        *,
        series_limit: int | None = None,
        kind: Kind | None = None,
        progress: Callable[[int], None] = lambda rows: None,
        is_cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        self._engine = engine
        self._namespace = namespace
        self._report = report
        self._series_limit = series_limit
        self._kind = kind
        self._progress = progress
        self._is_cancelled = is_cancelled
        self._brought = BroughtStats(engine, documents, namespace)
        self._batch = _Batch()
        self._dropped: set[str] = set()
        self.summary = Summary()
        #: The stats that were brought, by the name they have here.
        self.stats: dict[str, Stat] = {}
        #: What was written to those of them that got rows by this run.
        self.written: dict[str, Written] = {}
        self._received_s: dict[str, int | None] = {}

    def run(self, spool: Spool) -> None:
        """Bring everything.

        Raises:
            CancelledError: somebody wanted it to stop.
            StoreError: the store cannot take it; what is stored stays.
        """
        for group in _groups(spool.stats(), BATCH_STATS):
            generations = self._brought.begin(stat.name for stat, _ in group)
            for stat, rows in group:
                ledger = Ledger(self._engine, f"{self._namespace}\0{generations[stat.name].generation}\0{stat.name}")
                self._take(stat, rows, ledger, Before.of(generations[stat.name], spool.origin))
                self._progress(len(rows))
            self._write()
            names = [stat.name for stat, _ in group if stat.name not in self._dropped]
            self._brought.wrote(names)
            self.summary.stats += sum(len(rows) > 0 for stat, rows in group if stat.name not in self._dropped)
            if spool.origin is not None:
                until_s = spool.origin.until_s
                tails = {stat.name: _tail(rows, until_s) for stat, rows in group if stat.name not in self._dropped}
                self._brought.finished(tails, spool.origin.id, until_s)

    def _take(self, stat: Stat, rows: Rows, ledger: Ledger, before: "Before") -> None:
        """Cut the rows of a stat into blocks. Marks are of the source's rows, whatever of them is known or refused."""
        wanted = self._acceptable(stat, rows)
        kind = self._agreed_kind(stat, wanted)
        if kind is None:
            return
        self.stats[stat.name] = stat
        for window, all_rows in windows(wanted):
            known = len(all_rows) - len(ledger.missing(window, all_rows))
            known = max(known, before.count(all_rows))
            self.summary.known_rows += known
            for start in range(known, len(all_rows), batch_rows(all_rows)):
                end = min(start + batch_rows(all_rows), len(all_rows))
                young = self._young(stat, before.less(all_rows[start:end]))
                if len(young):
                    mark = ledger.mark(window, all_rows[:end])
                    self._add(Block(stat.name, kind, young, mark, ledger.touched(window)))

    def _add(self, block: Block) -> None:
        if not self._batch.fits(block):
            self._write()
        self._batch.add(block)

    # -- what is not brought --

    def _acceptable(self, stat: Stat, rows: Rows) -> Rows:
        """Rows that any store would take at this moment or later."""
        keep = rows["t"] <= self._engine.now_s() + EARLY_S
        masks = refused(rows)
        for reason, mask in masks.items():
            self._report.add(Problem(reason, stat.name, int(mask.sum())))
            keep &= ~mask
        early = int((~keep).sum()) - sum(int(mask.sum()) for mask in masks.values())
        if early:
            self._report.add(Problem("t is more than one day ahead", stat.name, early))
        return rows if bool(keep.all()) else rows[keep]

    def _young(self, stat: Stat, rows: Rows) -> Rows:
        """Rows that the coarsest ring still reaches. Told apart behind the ledger, for they change with the hour."""
        ring = self._engine.schema.coarsest
        first = int(np.searchsorted(rows["t"], max(1, ring.reach_s(self._engine.now_s()))))
        if first:
            days = ring.retention_s // 86_400
            self._report.add(Problem(f"t is older than the retention ({days} days)", stat.name, first))
        return rows[first:]

    def _agreed_kind(self, stat: Stat, rows: Rows) -> Kind | None:
        """The kind that the rows are written with; None: the stat that is there has the other one."""
        try:
            series = self._engine.find(stat.name, namespace=self._namespace)
            there, self._received_s[stat.name] = series.kind, series.received_s
        except UnknownSeriesError:
            there = None
        told = self._kind if stat.kind is None else stat.kind
        if told is not None and there is not None and told is not there:
            self._drop(stat.name, f"the stat is a {there} here, and a {told} where it comes from", len(rows))
            return None
        known = there if told is None else told
        if known is None:
            self.summary.guessed_kinds += 1
            known = guessed_kind(rows)
        return known

    def _drop(self, name: str, reason: str, rows: int) -> None:
        self._dropped.add(name)
        self.stats.pop(name, None)
        self._report.add(Problem(reason, name, rows))

    # -- writing --

    def _write(self) -> None:
        """Store the blocks that wait; those of a stat that is refused are left out, and the rest is stored."""
        blocks = [block for block in self._batch.blocks if block.name not in self._dropped]
        self._batch = _Batch()
        while blocks:
            if self._is_cancelled():
                raise CancelledError
            try:
                self._store(blocks)
            except KindError as error:
                self._drop_blocks(error.name, str(error), blocks)
            except LimitError as error:
                blocks = self._allowed(error, blocks)
            else:
                self._note(blocks)
                self.summary.rows += sum(len(block.rows) for block in blocks)
                self.summary.points += sum(_point_count(block.rows) for block in blocks)
                return
            blocks = [block for block in blocks if block.name not in self._dropped]

    def _note(self, blocks: list[Block]) -> None:
        for block in blocks:
            written = self.written.setdefault(block.name, Written(self._received_s.get(block.name)))
            written.newest_s = max(written.newest_s, int(block.rows["t"][-1]))

    def _allowed(self, error: LimitError, blocks: list[Block]) -> list[Block]:
        """What is left when there are too many stats, or when another run was quicker with some of the blocks."""
        if error.limit_name != "series":
            left = [block for block in blocks if not self._engine.meter(block.mark)]
            assert len(left) < len(blocks), error
            self.summary.known_rows += sum(len(block.rows) for block in blocks) - sum(len(block.rows) for block in left)
            return left
        ends = np.cumsum([len(block.rows) for block in blocks])
        name = blocks[int(np.searchsorted(ends, error.index or 0, "right"))].name
        self._drop_blocks(name, f"the plan allows {error.limit} stats", blocks)
        return blocks

    def _drop_blocks(self, name: str, reason: str, blocks: list[Block]) -> None:
        self._drop(name, reason, sum(len(block.rows) for block in blocks if block.name == name))

    def _store(self, blocks: list[Block]) -> None:
        """One batch, with its marks. Waits for the fold where the journal is full."""
        ends = time.monotonic() + PATIENCE_S
        while True:
            try:
                return write_blocks(self._engine, self._namespace, blocks, self._series_limit)
            except JournalFullError:
                if time.monotonic() > ends:
                    raise
                # Who stops while the fold works has not failed: another process goes on with the import.
                if self._is_cancelled():
                    raise CancelledError from None
                time.sleep(PAUSE_S)


def write_blocks(engine: Engine, namespace: str, blocks: list[Block], series_limit: int | None) -> None:
    """Store blocks and count their marks, in one transaction.

    Raises:
        KindError, LimitError: nothing is stored; a limit that is not of series is that of the mark of this name.
        StoreError: the store cannot take it.
    """
    lengths = [len(block.rows) for block in blocks]
    total = sum(lengths)
    names = list(dict.fromkeys(block.name for block in blocks))
    places = {name: place for place, name in enumerate(names)}
    index = np.repeat(np.array([places[block.name] for block in blocks], np.int64), lengths)
    kinds: NDArray[np.int64] = np.repeat(np.array([int(block.kind) for block in blocks], np.int64), lengths)
    rows = np.concatenate([block.rows for block in blocks])
    # A mark may be counted once: by the first batch that brings these rows, of however many that try.
    marks = [(block.mark, total) for block in blocks]
    touched = [(meter, None) for meter in dict.fromkeys(block.touched for block in blocks)]
    meters = [*marks, *touched]
    if rows.dtype == CELL:
        engine.write_cells(
            (names, index),
            kinds,
            *(np.ascontiguousarray(rows[name]) for name in ("t", "count", "sum", "min", "max")),
            namespace=namespace,
            meters=meters,
            series_limit=series_limit,
        )
    else:
        engine.write(
            (names, index),
            kinds,
            rows["t"],
            rows["sum"],
            namespace=namespace,
            meters=meters,
            series_limit=series_limit,
        )


def batch_rows(rows: Rows) -> int:
    """How many rows like these one batch has at most."""
    return BATCH_CELLS if rows.dtype == CELL else BATCH_POINTS


def _tail(rows: Rows, until_s: int) -> bytes:
    """The cell rows of a moment and later, as bytes; points, which no later import can tell from others, have none."""
    return rows[np.searchsorted(rows["t"], until_s) :][:TAIL_ROWS_MAX].tobytes() if rows.dtype == CELL else b""


def guessed_kind(rows: Rows) -> Kind:
    """A counter when every number is whole and none negative, else a value."""
    sums = rows["sum"]
    return Kind.COUNTER if bool((sums >= 0).all()) and bool((np.floor(sums) == sums).all()) else Kind.VALUE


def _point_count(rows: Rows) -> int:
    return int(rows["count"].sum()) if rows.dtype == CELL else len(rows)


def _groups(stats: Iterator[tuple[Stat, Rows]], size: int) -> Iterator[list[tuple[Stat, Rows]]]:
    """Stats some at a time, fewer where they have many rows."""
    group: list[tuple[Stat, Rows]] = []
    rows = 0
    for stat in stats:
        group.append(stat)
        rows += len(stat[1])
        if len(group) >= size or rows >= 10 * BATCH_POINTS:
            yield group
            group, rows = [], 0
    if group:
        yield group

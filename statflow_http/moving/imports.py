"""An import as one call: a source, an account, and what came of it."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from statflow_engine import Engine, Kind, UnknownSeriesError
from statflow_http.accounts.accounts import Account
from statflow_http.accounts.plans import Plans
from statflow_http.documents.store import Documents
from statflow_http.moving.extras import SPACE_JOIN_TO_COME, TILDES_THERE, Brought, ExtrasImporter, has_tildes
from statflow_http.moving.importer import CancelledError, Importer, Summary, guessed_kind
from statflow_http.moving.rows import Item, Piece, Rows, Stat
from statflow_http.moving.sources import OWN_JSON, Understood
from statflow_http.moving.spool import Report, Spool
from statflow_http.moving.wording import counted, well_formed

FIRST_ROWS = 3
SHOWN_STATS = 20
NOUNS = {"keys": "old key", "alerts": "alert", "annotations": "annotation", "dashboards": "dashboard"}


@dataclass(frozen=True, slots=True)
class Store:
    """Where an import goes.

    Attributes:
        live: into live or test stats.
        folder: on a disk with room for what is sorted.
    """

    engine: Engine
    documents: Documents
    account: Account
    live: bool
    folder: Path

    @property
    def namespace(self) -> str:
        """The engine's."""
        return self.account.namespace(live=self.live)

    @property
    def series_limit(self) -> int | None:
        """How many stats the plan allows; test data has no limits."""
        return Plans(self.documents).get(self.account.plan).stats if self.live else None


@dataclass(slots=True)
class Watch:
    """Who follows an import.

    Attributes:
        read: called with rows read, as they are read.
        sorted: called once with all rows, before the first is written.
        wrote: called with rows that are done.
        is_cancelled: asked now and then.
    """

    read: Callable[[int], None] = lambda rows: None
    sorted: Callable[[int], None] = lambda rows: None
    wrote: Callable[[int], None] = lambda rows: None
    is_cancelled: Callable[[], bool] = lambda: False


@dataclass(slots=True)
class Result:
    """What came of an import.

    Attributes:
        brought: what came beside the rows.
        files: what each file was taken for.
        is_empty: the source held nothing that could come.
    """

    summary: Summary
    report: Report
    brought: Brought
    seconds: float
    files: list[Understood] = field(default_factory=list)
    is_empty: bool = False

    @property
    def failure(self) -> str:
        """Why somebody should not think that all of the source is here now; "": it is, but for single rows."""
        has_come = bool(self.summary.stats or self.summary.known_rows or any(self.brought.counts().values()))
        return _failure(self.report, is_empty=not has_come and (self.is_empty or bool(self.report.reasons)))

    def lines(self) -> list[str]:
        """The summary in words, a line each."""
        summary = self.summary
        rows = f"{counted(summary.stats, 'stat')}, {counted(summary.rows, 'row')}"
        lines = [f"{rows} brought in {self.seconds:.1f} s"]
        if summary.points != summary.rows:
            stand = "this row stands" if summary.rows == 1 else "these rows stand"
            lines.append(f"{stand} for {counted(summary.points, 'point')}")
        if summary.known_rows:
            were = "was" if summary.known_rows == 1 else "were"
            lines.append(f"{counted(summary.known_rows, 'row')} {were} there from an import before")
        if summary.guessed_kinds:
            guessed = counted(summary.guessed_kinds, "stat")
            lines.append(f"{guessed}: no kind was told; counters where all numbers are whole")
        lines += [counted(count, NOUNS[what]) for what, count in self.brought.counts().items() if count]
        lines += self.brought.notes
        lines += [f"{count} not brought: {reason}" for reason, count in sorted(self.report.reasons.items())]
        return lines


@dataclass(slots=True)
class Filled:
    """What was found while a source was sorted into a spool.

    Attributes:
        files: what each was taken for.
        has_stathats: stats or rows came out of a file of StatHat's.
    """

    files: list[Understood] = field(default_factory=list)
    has_stathats: bool = False

    @property
    def joins_by_space(self) -> bool:
        """Whether the account that all this is of joined names by a space."""
        return self.has_stathats and not any(each.form == OWN_JSON for each in self.files)

    def note(self, item: Item) -> None:
        """See what an item is of."""
        if isinstance(item, Stat | Piece) and self.files and "StatHat" in self.files[-1].form:
            self.has_stathats = True


def fill(spool: Spool, items: Iterable[Item | Understood], watch: Watch) -> Filled:
    """Sort a source into a spool.

    Raises:
        CancelledError: somebody wants it to stop.
    """
    found = Filled()
    before = 0
    for item in items:
        if isinstance(item, Understood):
            found.files.append(item)
            continue
        found.note(item)
        spool.add(item)
        if spool.row_count != before:
            watch.read(spool.row_count - before)
            before = spool.row_count
            if watch.is_cancelled():
                raise CancelledError
    return found


def _failure(report: Report, *, is_empty: bool) -> str:
    """Why not all of a source comes; "": it does, but for single rows."""
    if is_empty:
        return f"nothing to bring: {report.first[0].reason if report.first else 'there is no row in it'}"
    if report.cut is not None:
        return f"{report.cut.reason}; only what comes before that is here ({report.cut.place})"
    return ""


def run(
    store: Store,
    items: Iterable[Item | Understood],
    *,
    kind: Kind | None = None,
    watch: Watch | None = None,
) -> Result:
    """Bring everything that a source holds.

    Args:
        store: where to.
        items: of the source.
        kind: of stats of whose kind it tells nothing.
        watch: who follows.

    Raises:
        CancelledError: somebody wanted it to stop; another run goes on from there.
        StoreError: the store cannot take it; the same.
    """
    started = time.monotonic()
    report, watch = Report(), watch or Watch()
    with Spool(store.folder, report) as spool:
        found = fill(spool, items, watch)
        watch.sorted(spool.row_count)
        importer = Importer(
            store.engine,
            store.documents,
            store.namespace,
            report,
            series_limit=store.series_limit,
            kind=kind,
            progress=watch.wrote,
            is_cancelled=watch.is_cancelled,
        )
        importer.run(spool)
        extras = ExtrasImporter(store.engine, store.documents, store.account, store.namespace, report)
        extras.stats(importer.stats, importer.written)
        if found.joins_by_space and importer.summary.stats:
            extras.join_by_space()
        extras.documents(spool.extras)
        is_empty = not (importer.stats or spool.row_count or spool.extras)
    seconds = time.monotonic() - started
    return Result(importer.summary, report, extras.brought, seconds, found.files, is_empty)


@dataclass(frozen=True, slots=True)
class Preview:
    """What a source would bring.

    Attributes:
        lines: in words.
        failure: why there is nothing to bring, or not all of it; "": it is as it should be.
        is_empty: nothing would come.
    """

    lines: list[str]
    failure: str = ""
    is_empty: bool = False


def dry_run(store: Store | None, items: Iterable[Item | Understood], kind: Kind | None, folder: Path) -> Preview:
    """What a source would bring; nothing is written but a file that is gone at the end."""
    report = Report()
    with Spool(folder, report) as spool:
        found = fill(spool, items, Watch())
        stats, lines = _stats_to_come(store, spool, kind)
        others = counted(len(spool.extras), "other thing")
        is_empty = not (stats.stats or spool.extras)
    files = [_file_line(each) for each in found.files[:SHOWN_STATS]]
    if len(found.files) > SHOWN_STATS:
        files.append(f"... and {counted(len(found.files) - SHOWN_STATS, 'more file')}")
    lines = [*files, *lines, f"{counted(stats.stats, 'stat')}, {counted(stats.rows, 'row')}, {others}"]
    if found.joins_by_space and stats.stats:
        lines += _joining(store)
    lines += [f"{problem.place}: {problem.reason}" for problem in report.first[:SHOWN_STATS]]
    lines += [f"{number} would not be brought: {reason}" for reason, number in sorted(report.reasons.items())]
    return Preview(lines, _failure(report, is_empty=is_empty), is_empty)


def _stats_to_come(store: Store | None, spool: Spool, kind: Kind | None) -> tuple[Summary, list[str]]:
    """How many stats and rows would come, and the first of them in lines. A stat without rows is not made."""
    summary, bare, lines = Summary(), 0, list[str]()
    for stat, rows in spool.stats():
        if not len(rows):
            bare += 1
            continue
        summary.stats, summary.rows = summary.stats + 1, summary.rows + len(rows)
        if summary.stats <= SHOWN_STATS:
            lines += _stat_lines(store, stat, rows, kind)
    if summary.stats > SHOWN_STATS:
        lines.append(f"... and {counted(summary.stats - SHOWN_STATS, 'more stat')}")
    if bare:
        lines.append(f"{counted(bare, 'stat')} without rows, which would not be made")
    return summary, lines


def _joining(store: Store | None) -> list[str]:
    """What would become of the way in which names are joined."""
    if store is not None:
        if store.account.tilde_join == " ":
            return []
        if has_tildes(store.engine, store.namespace):
            return [TILDES_THERE]
    return [SPACE_JOIN_TO_COME]


def _file_line(found: Understood) -> str:
    columns = ", ".join(f"{role} from {column}" for role, column in found.columns.items())
    return well_formed("; ".join([f"{found.label}: {found.form}{': ' + columns if columns else ''}", *found.remarks]))


def _stat_lines(store: Store | None, stat: Stat, rows: Rows, kind: Kind | None) -> list[str]:
    known = kind if stat.kind is None else stat.kind
    if known is None and store is not None:
        try:
            known = store.engine.find(stat.name, namespace=store.namespace).kind
        except UnknownSeriesError:
            pass
    word = str(known) if known is not None else f"{guessed_kind(rows)}, as it seems"
    first = [f"    {row['t']}  {row['sum']:.10g}" for row in rows[:FIRST_ROWS]]
    return [f'"{stat.name}" ({word}): {counted(len(rows), "row")}', *first]

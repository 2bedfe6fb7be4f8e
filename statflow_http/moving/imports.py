"""An import as one call: a source, an account, and what came of it."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from statflow_engine import Engine, Kind, UnknownSeriesError
from statflow_http.accounts.accounts import Account
from statflow_http.accounts.plans import Plans
from statflow_http.documents import Documents
from statflow_http.moving.extras import ExtrasImporter
from statflow_http.moving.importer import CancelledError, Importer, Summary, guessed_kind
from statflow_http.moving.rows import Item, Rows, Stat
from statflow_http.moving.sources import Understood
from statflow_http.moving.spool import Report, Spool

FIRST_ROWS = 3
SHOWN_STATS = 20


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
        files: what each file was taken for.
    """

    summary: Summary
    report: Report
    keys: int
    alerts: int
    annotations: int
    notes: list[str]
    seconds: float
    files: list[Understood] = field(default_factory=list)

    def lines(self) -> list[str]:
        """The summary in words, a line each."""
        summary = self.summary
        lines = [f"{summary.stats} stats, {summary.rows} rows brought in {self.seconds:.1f} s"]
        if summary.points != summary.rows:
            lines.append(f"these rows stand for {summary.points} points")
        if summary.known_rows:
            lines.append(f"{summary.known_rows} rows were there from an import before")
        if summary.guessed_kinds:
            lines.append(f"{summary.guessed_kinds} stats: no kind was told; counters where all numbers are whole")
        for count, what in ((self.keys, "old keys"), (self.alerts, "alerts"), (self.annotations, "annotations")):
            if count:
                lines.append(f"{count} {what}")
        lines += self.notes
        lines += [f"{count} not brought: {reason}" for reason, count in sorted(self.report.reasons.items())]
        return lines


def fill(spool: Spool, items: Iterable[Item | Understood], watch: Watch) -> list[Understood]:
    """Sort a source into a spool; what its files were taken for.

    Raises:
        CancelledError: somebody wants it to stop.
    """
    files: list[Understood] = []
    before = 0
    for item in items:
        if isinstance(item, Understood):
            files.append(item)
            continue
        spool.add(item)
        if spool.row_count != before:
            watch.read(spool.row_count - before)
            before = spool.row_count
            if watch.is_cancelled():
                raise CancelledError
    return files


def run(
    store: Store,
    items: Iterable[Item | Understood],
    *,
    kind: Kind | None = None,
    joins_by_space: bool | None = None,
    watch: Watch | None = None,
) -> Result:
    """Bring everything that a source holds.

    Args:
        store: where to.
        items: of the source.
        kind: of stats of whose kind it tells nothing.
        joins_by_space: whether the source is an account of StatHat's; None: if a file of it was one's.
        watch: who follows.

    Raises:
        CancelledError: somebody wanted it to stop; another run goes on from there.
        StoreError: the store cannot take it; the same.
    """
    started = time.monotonic()
    report, watch = Report(), watch or Watch()
    with Spool(store.folder, report) as spool:
        files = fill(spool, items, watch)
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
        extras.stats(importer.stats)
        if joins_by_space or (joins_by_space is None and any("StatHat" in each.form for each in files)):
            extras.join_by_space()
        extras.documents(spool.extras)
    brought = extras.brought
    seconds = time.monotonic() - started
    return Result(
        importer.summary, report, brought.keys, brought.alerts, brought.annotations, brought.notes, seconds, files
    )


def dry_run(store: Store | None, items: Iterable[Item | Understood], kind: Kind | None, folder: Path) -> list[str]:
    """What a source would bring, in lines; nothing is written but a file that is gone at the end."""
    report = Report()
    with Spool(folder, report) as spool:
        files = fill(spool, items, Watch())
        lines = [_file_line(each) for each in files[:SHOWN_STATS]]
        if len(files) > SHOWN_STATS:
            lines.append(f"... and {len(files) - SHOWN_STATS} more files")
        count = 0
        for stat, rows in spool.stats():
            count += 1
            if count <= SHOWN_STATS:
                lines += _stat_lines(store, stat, rows, kind)
        if count > SHOWN_STATS:
            lines.append(f"... and {count - SHOWN_STATS} more stats")
        lines.append(f"{count} stats, {spool.row_count} rows, {len(spool.extras)} other things")
    lines += [f"{problem.place}: {problem.reason}" for problem in report.first[:SHOWN_STATS]]
    lines += [f"{number} would not be brought: {reason}" for reason, number in sorted(report.reasons.items())]
    return lines


def _file_line(found: Understood) -> str:
    columns = ", ".join(f"{role} from {column}" for role, column in found.columns.items())
    return f"{found.label}: {found.form}{': ' + columns if columns else ''}"


def _stat_lines(store: Store | None, stat: Stat, rows: Rows, kind: Kind | None) -> list[str]:
    known = kind if stat.kind is None else stat.kind
    if known is None and store is not None:
        try:
            known = store.engine.find(stat.name, namespace=store.namespace).kind
        except UnknownSeriesError:
            pass
    word = str(known) if known is not None else f"{guessed_kind(rows)}, as it seems"
    first = [f"    {row['t']}  {row['sum']:.10g}" for row in rows[:FIRST_ROWS]]
    return [f'"{stat.name}" ({word}): {len(rows)} rows', *first]

"""An account, or some of its stats, as rows that another StatFlow takes in and is equal afterwards.

Rows are the periods of the finest ring that each moment still has. Where a coarser period begins before a finer ring
reaches back, and ends after that, its row is what the finer rows lack of it: all of them together are just what the
store has, in every ring. One stat is read at a time, a year or so of periods at once, so that memory stays bounded.
"""

import hashlib
import hmac
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from statflow_engine import Engine, Kind, Series, UnknownSeriesError, Window
from statflow_http import ids
from statflow_http.accounts.accounts import Account
from statflow_http.alerts.rules import Rule, Rules
from statflow_http.dashboards.store import Dashboards
from statflow_http.documents.store import Documents
from statflow_http.moving.rows import CELL, Rows
from statflow_http.moving.statflow_files import (
    CSV_HEADER,
    VERSION,
    ExportHead,
    Line,
    StatLine,
    csv_lines,
    rows_lines,
)
from statflow_http.stats.annotations import Annotations
from statflow_http.stats.properties import Properties

FORMATS = ("ndjson", "csv", "parquet")
STREAMED = ("ndjson", "csv")
# Periods that are read at once: 10 MB as columns.
PERIODS_AT_ONCE = 200_000
PAGE = 1_000
# Points may be a day early.
LOOK_AHEAD_S = 2 * 86_400
GLOB_CHARACTERS = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be exported.

    Attributes:
        live: live or test stats.
        patterns: names or globs; empty: the whole account, with what it has beside its stats.
    """

    account: Account
    live: bool
    patterns: tuple[str, ...] = ()

    @property
    def namespace(self) -> str:
        """The engine's."""
        return self.account.namespace(live=self.live)


class Exporter:
    """Reads one account.

    Args:
        engine, documents: of the data folder.
        wanted: what of it.

    Attributes:
        until_s: when the period began that runs now; its row tells what there is of it so far.
    """

    def __init__(self, engine: Engine, documents: Documents, wanted: Wanted) -> None:
        self._engine = engine
        self._documents = documents
        self._wanted = wanted
        self._properties = Properties(documents)
        self._resolutions = [ring.resolution_s for ring in engine.schema.rings]
        self.now_s = engine.now_s()
        self.until_s = self.now_s // self._resolutions[0] * self._resolutions[0]

    # -- what --

    def series(self) -> Iterator[Series]:
        """The stats wanted, each once, a page at a time.

        Raises:
            UnknownSeriesError: a name that is no glob names none.
        """
        for pattern in self._wanted.patterns:
            # All names first: behind the rows of a glob it would be too late to refuse one.
            if GLOB_CHARACTERS.isdisjoint(pattern):
                self._engine.find(pattern, namespace=self._wanted.namespace)
        seen: set[int] = set()
        for pattern in self._wanted.patterns or ("",):
            for series in self._matching(pattern):
                if series.id not in seen:
                    seen.add(series.id)
                    yield series

    def _matching(self, pattern: str) -> Iterator[Series]:
        namespace = self._wanted.namespace
        if pattern:
            try:
                yield self._engine.find(pattern, namespace=namespace)
                return
            except UnknownSeriesError:
                if GLOB_CHARACTERS.isdisjoint(pattern):
                    raise
        after: int | None = None
        while True:
            page = self._engine.series(namespace, pattern=pattern, limit=PAGE, after=after)
            yield from page
            if len(page) < PAGE:
                return
            after = page[-1].id

    def origin(self) -> str:
        """What tells this account from all others, and no secret."""
        digest = hmac.digest(self._documents.secret, b"origin:" + self._wanted.namespace.encode(), hashlib.sha256)
        return digest[:16].hex()

    # -- rows --

    def rows(self, series: Series) -> Iterator[Rows]:
        """Cell rows of one stat, by time, some at once; those of a counter have 0 for both extremes."""
        rings = self._engine.schema.rings
        reaches = [ring.reach_s(self.now_s) for ring in rings]
        for at in range(len(rings) - 1, -1, -1):
            # A ring tells what begins before the next finer one reaches back; the finest tells the rest.
            end_s = reaches[at - 1] if at else self.now_s + LOOK_AHEAD_S
            yield from self._of_ring(series, at, reaches[at], end_s)

    def _of_ring(self, series: Series, at: int, start_s: int, end_s: int) -> Iterator[Rows]:
        step_s = self._resolutions[at]
        for first_s, last_s in self._stretches(series, at, start_s, end_s):
            window = self._window(series, first_s, last_s, step_s)
            rows = cells(window)
            if at and last_s == end_s and len(rows) and int(rows["t"][-1]) + step_s > end_s:
                rows[-1:] = self._rest(series, at, rows[-1:], end_s)
            rows = rows[rows["count"] > 0]
            if len(rows):
                yield rows

    def _stretches(self, series: Series, at: int, start_s: int, end_s: int) -> Iterator[tuple[int, int]]:
        """Half-open ranges that hold all rows, of few enough periods each; empty years are passed over."""
        step_s, coarse_s = self._resolutions[at], self._resolutions[-1]
        size_s = max(step_s, PERIODS_AT_ONCE * step_s // coarse_s * coarse_s)
        for first_s in range(start_s, end_s, size_s):
            last_s = min(first_s + size_s, end_s)
            overview = self._window(series, first_s, last_s, coarse_s)
            filled = np.flatnonzero(overview.counts)
            if len(filled):
                begins = max(first_s, int(overview.times_s[filled[0]]))
                ends = min(last_s, int(overview.times_s[filled[-1]]) + coarse_s)
                yield begins, ends

    def _rest(self, series: Series, at: int, row: Rows, horizon_s: int) -> Rows:
        """What finer rows lack of the last coarse row before their horizon. Its extremes may be theirs: they agree."""
        ends_s = int(row["t"][0]) + self._resolutions[at]
        finer = self._window(series, horizon_s, ends_s, self._resolutions[at - 1])
        rest = row.copy()
        rest["count"] -= int(finer.counts.sum())
        rest["sum"] -= float(finer.sums.sum())
        return rest

    def _window(self, series: Series, start_s: int, end_s: int, step_s: int) -> Window:
        return self._engine.query(series.name, start_s, end_s, step=step_s, namespace=self._wanted.namespace, tz="UTC")

    # -- beside the rows --

    def stat(self, series: Series) -> StatLine:
        """What is told of a stat."""
        known = self._properties.get(self._wanted.namespace, series.id)
        own = ids.classic_key(self._documents.secret, series.id)
        keys = tuple(dict.fromkeys((*known.imported_keys, own)))
        created_s = known.told(series).created_s
        return StatLine(series.name, str(series.kind), created_s, known.public, known.unit, keys[0], keys[1:])

    def head(self) -> ExportHead:
        """The first line of an export."""
        return ExportHead("export", VERSION, self.origin(), self.until_s, str(self._engine.schema))

    def extras(self) -> Iterator[Line]:
        """What the account has beside its stats; nothing secret, so no links to dashboards."""
        account = self._wanted.account
        yield Line(settings={"tz": account.tz, "tilde_join": account.tilde_join})
        for note in Annotations(self._documents).between(self._wanted.namespace):
            yield Line(annotation={"text": note.text, "t": note.t_s, "stat": note.stat_name})
        for rule in Rules(self._documents).all(self._wanted.namespace):
            yield Line(alert=rule_document(rule))
        for dashboard in Dashboards(self._documents).all(self._wanted.namespace):
            tiles = [msgspec.to_builtins(tile) for tile in dashboard.tiles]
            yield Line(dashboard={"name": dashboard.name, "tiles": tiles})


def rule_document(rule: Rule) -> dict[str, object]:
    """A rule in the words in which one is made; not who is told, since receivers stay where they are."""
    fields = ("kind", "time_window", "operator", "threshold", "percentage", "time_delta", "hold", "repeat")
    told = {name: getattr(rule, name) for name in fields}
    return {"stat": rule.stat_name} | {name: value for name, value in told.items() if value is not None}


def cells(window: Window) -> Rows:
    """The rows of a window as cells, empty ones too."""
    rows = np.zeros(len(window), CELL)
    rows["t"], rows["count"], rows["sum"] = window.times_s, window.counts, window.sums
    if window.kind is Kind.VALUE:
        rows["min"], rows["max"] = np.nan_to_num(window.mins), np.nan_to_num(window.maxs)
    return rows


def ndjson(exporter: Exporter, *, is_whole: bool) -> Iterator[bytes]:
    """The export as lines of JSON; ``is_whole``: with what the account has beside its stats."""
    yield msgspec.json.encode(exporter.head()) + b"\n"
    stats = rows_count = 0
    for series in exporter.series():
        yield msgspec.json.encode(Line(stat=msgspec.to_builtins(exporter.stat(series)))) + b"\n"
        stats += 1
        for rows in exporter.rows(series):
            rows_count += len(rows)
            yield from rows_lines(series.name, rows, measured=series.kind is Kind.VALUE)
    if is_whole:
        for line in exporter.extras():
            yield msgspec.json.encode(line) + b"\n"
    yield msgspec.json.encode(Line(end={"stats": stats, "rows": rows_count})) + b"\n"


def csv(exporter: Exporter) -> Iterator[bytes]:
    """The rows as CSV."""
    yield f"{CSV_HEADER}\r\n".encode()
    for series in exporter.series():
        for rows in exporter.rows(series):
            yield from csv_lines(series.name, str(series.kind), rows, measured=series.kind is Kind.VALUE)


def stream(exporter: Exporter, form: str, *, is_whole: bool) -> Iterator[bytes]:
    """The export in one of the forms that can be sent as it is read."""
    assert form in STREAMED, form
    return csv(exporter) if form == "csv" else ndjson(exporter, is_whole=is_whole)


def patterns_of(texts: Sequence[str]) -> tuple[str, ...]:
    """Names and globs as they were asked for."""
    return tuple(text.strip() for text in texts if text.strip())

"""The engine: one store, held by one object, which decides when things happen.

Accepting is in `commit`, folding in `fold`, reading in `queries`; what lies where is in FORMAT.md.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import lmdb
import numpy as np
from numpy.typing import ArrayLike, NDArray

from statflow_engine.background import Background
from statflow_engine.check import check_store
from statflow_engine.errors import PointError, SchemaError, StoreError, UnknownSeriesError
from statflow_engine.folding.fold import Folder
from statflow_engine.folding.purge import Purger
from statflow_engine.kinds import Kind
from statflow_engine.limits import Limits
from statflow_engine.pure.batches import Batch, CellBatch, Names
from statflow_engine.pure.known_names import KnownNames
from statflow_engine.pure.names import normal_name
from statflow_engine.pure.schema import SCHEMA_DEFAULT, Schema
from statflow_engine.pure.steps import Step
from statflow_engine.pure.windows import Window
from statflow_engine.reading.queries import chosen_series, matcher, planned, sum_of, window_of, windows_of
from statflow_engine.reading.reader import Reader
from statflow_engine.store import checked
from statflow_engine.store.catalog import Catalog, Series, TrashedSeries
from statflow_engine.store.environment import Environment, check_version
from statflow_engine.store.journal import FoldCursor, Journal
from statflow_engine.store.journal_view import JournalView
from statflow_engine.store.meters import meter
from statflow_engine.upkeep import Status, Upkeep, wait_max_s
from statflow_engine.writing.acceptance import Pending, Receipt
from statflow_engine.writing.commit import Committer
from statflow_engine.writing.counted import CellWriter

# What single points get that wait for the interval's commit: making it anew would take as long as all the rest.
_ONE_POINT = Receipt(1)

Durability = Literal["fsync", "interval"]

# Deleted series can be restored for so long.
TRASH_KEPT_S = 172_800


class Engine:
    """A store of counter and value series, open in this process.

    May be used from several threads; several processes may have the same store open, each with an engine
    of its own, opened after any fork. A context manager.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        schema: str | Schema | None = None,
        durability: Durability = "fsync",
        interval_s: float = 1.0,
        clock: Callable[[], float] = time.time,
        background: bool = False,
        limits: Limits | None = None,
    ) -> None:
        """Open a store, or make one; see `open`."""
        if durability not in ("fsync", "interval"):
            raise ValueError(f'durability is "fsync" or "interval", not {durability!r}')
        # Before there is a folder: what is refused leaves nothing behind.
        wanted = Schema.parse(schema) if isinstance(schema, str) else schema
        self.path = Path(path)
        self._clock = clock
        self._limits = limits or Limits()
        self._environment = Environment(self.path, self._limits)
        self._db = self._environment.db
        try:
            self.schema = self._agreed_schema(wanted)
        except BaseException:
            self._environment.close()
            raise
        self._journal = Journal(self._db)
        self._catalog = Catalog(self._db)
        self._view = JournalView(self.schema, self._journal)
        self._known = KnownNames(self._limits.names_cached)
        self._committer = Committer(self._environment, self.schema, self._journal, self._catalog, self._known, clock)
        self._cells = CellWriter(self._environment, self.schema, self._catalog, self._known, self._committer)
        folder = Folder(self._environment, self.schema, self._journal, self._catalog)
        self._upkeep = Upkeep(folder, self._committer, self.schema, self._limits, self.status)
        self._is_interval = durability == "interval"
        self._background = Background(self._upkeep.fold_politely, self._commit_interval)
        if background:
            self._background.start_folding()
            self._upkeep.wake = self._background.wake
        if durability == "interval":
            self._background.start_committing(interval_s)

    def _agreed_schema(self, wanted: Schema | None) -> Schema:
        """The store's schema; that of a new store is stored."""
        with self._environment.write() as txn:
            check_version(txn, self._db["meta"])
            stored = checked.get(txn, self._db, "meta", b"schema")
            if stored is None:
                chosen = wanted or Schema.parse(SCHEMA_DEFAULT)
                checked.put(txn, self._db, "meta", b"schema", str(chosen).encode())
                return chosen
            found = Schema.parse(str(stored, "utf-8"))
        if wanted is not None and wanted != found:
            raise SchemaError(f'the store in {self.path} has the schema "{found}", and "{wanted}" was asked for')
        return found

    # -- life --

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Commit what is staged and let go of the store. Folds nothing; closing twice is no error.

        Raises:
            StoreError: what was acknowledged in the last interval could not be stored.
        """
        lost_before = self._committer.lost
        self._committer.close()
        try:
            self._background.uninterrupted(self._committer.commit)
        finally:
            self._background.stop()
            self._environment.close()
        if self._committer.lost is not lost_before:
            raise self._loss()

    def now_s(self) -> int:
        """The engine's clock, in whole Unix seconds."""
        return int(self._clock())

    def revision(self) -> int:
        """A number that is another one after whatever any process has stored: half a microsecond, and no transaction.

        Who shows what is stored asks it whether to look again. What waits for an interval's end is not stored yet.
        """
        return int(self._environment.env.info()["last_txnid"])

    # -- write --

    def count(self, name: str, value: float = 1.0, timestamp_s: int | None = None, *, namespace: str = "") -> Receipt:
        """Add to a counter; a batch of one, see `write`."""
        return self._one(Kind.COUNTER, name, value, timestamp_s, namespace)

    def value(self, name: str, value: float, timestamp_s: int | None = None, *, namespace: str = "") -> Receipt:
        """Record a measured value; a batch of one, see `write`."""
        return self._one(Kind.VALUE, name, value, timestamp_s, namespace)

    def _one(self, kind: Kind, name: str, value: float, timestamp_s: int | None, namespace: str) -> Receipt:
        committer = self._committer
        at_once = self._is_interval and self._environment.usable and committer.lost is None
        if at_once and committer.scalars.add(namespace, name, kind, value, timestamp_s):
            if committer.crowded:
                self._background.uninterrupted(committer.commit)
            return _ONE_POINT
        timestamps_s = None if timestamp_s is None else [timestamp_s]
        return self.write_batch(Batch([name], kind, timestamps_s, [value], namespace))

    def write(
        self,
        names: Names,
        kinds: "Kind | int | ArrayLike",
        timestamps_s: ArrayLike | None,
        values: ArrayLike,
        *,
        namespace: str = "",
        idempotency: str | None = None,
        fingerprint: bytes | None = None,
        meters: Sequence[tuple[str, int | None]] = (),
        series_limit: int | None = None,
    ) -> Receipt:
        """Store a batch of points, all or none; the arguments are those of `Batch`.

        Returns:
            When the points are as durable as the engine's durability says.

        Raises:
            PointError: a point is refused.
            KindError: a series has the other kind.
            LimitError: a meter or the series limit is exceeded.
            IdempotencyError: the key was used for another request.
            StoreError: the store cannot take it now.
        """
        batch = Batch(
            names, kinds, timestamps_s, values, namespace, idempotency, fingerprint, tuple(meters), series_limit
        )
        return self.write_batch(batch)

    def write_batch(self, batch: Batch) -> Receipt:
        """Store a batch that is put together already; the rest is as in `write`."""
        if self._is_interval:
            pending = self.stage(batch)
            if self._committer.acknowledge(pending):
                if self._committer.crowded:
                    self._background.uninterrupted(self._committer.commit)
                return Receipt(len(pending.columns))
        else:
            pending = self._staged(batch)
        receipt = self._background.uninterrupted(lambda: self._committer.wait_for(pending))
        self._upkeep.fold_if_due()
        return receipt

    def write_cells(
        self,
        names: Names,
        kinds: "Kind | int | ArrayLike",
        timestamps_s: ArrayLike,
        counts: ArrayLike,
        sums: ArrayLike,
        mins: ArrayLike | None = None,
        maxs: ArrayLike | None = None,
        *,
        namespace: str = "",
        meters: Sequence[tuple[str, int | None]] = (),
        series_limit: int | None = None,
    ) -> Receipt:
        """Store points that were counted elsewhere, all or none; the arguments are those of `CellBatch`.

        A row enters every ring that reaches back to its time now, as its points would. At most 50,000 rows a batch.
        Durable when this returns, whatever the engine's durability is.

        Raises:
            PointError: a row is refused.
            KindError, LimitError, StoreError: as `write`.
        """
        self._refuse_use()
        self._commit_staged()
        batch = CellBatch(names, kinds, timestamps_s, counts, sums, mins, maxs, namespace, tuple(meters), series_limit)
        return self._cells.write(batch, self.now_s())

    def stage(self, batch: Batch) -> Pending:
        """The first half of a write: validate a batch and queue it for the next `commit`.

        Raises:
            PointError: a point is refused; nothing is queued.
            StoreError: the engine is closed, or an earlier commit in the background failed.
        """
        return self._staged(batch, answered_later=True)

    def _staged(self, batch: Batch, *, answered_later: bool = False) -> Pending:
        self._refuse_use()
        return self._committer.stage(batch, answered_later=answered_later)

    def commit(self) -> None:
        """The second half: store everything staged, in one transaction; then each `Pending` has its result."""
        self._background.uninterrupted(self._committer.commit)
        self._upkeep.fold_if_due()

    # -- read --

    def query(
        self,
        name: str,
        start_s: int | None = None,
        end_s: int | None = None,
        *,
        step: int | str | Step | None = None,
        namespace: str = "",
        tz: str = "UTC",
    ) -> Window:
        """The rows of one series over a half-open range.

        Args:
            name: of the series.
            start_s, end_s: Unix seconds; aligned to the step, down and up. Default: the last 24 h.
            step: seconds, or text such as "1m", "1d", "1M"; None: one that gives at most 1,000 rows.
            namespace: whose series it is.
            tz: whose calendar days, weeks, months and years follow.

        Raises:
            UnknownSeriesError: no series is called so.
            QueryError: no ring has this step from this start, or an argument is no such thing.
        """
        now_s = self.now_s()
        self._commit_staged()
        with self._environment.read() as txn:
            id_ = self._id(txn, namespace, name)
            rows, ring = planned(self.schema, start_s, end_s, step, tz, now_s)
            return window_of(self._reader(txn), self.schema, id_, name, rows, ring, now_s)

    def query_many(
        self,
        patterns: Sequence[str],
        start_s: int | None = None,
        end_s: int | None = None,
        *,
        step: int | str | Step | None = None,
        namespace: str = "",
        tz: str = "UTC",
    ) -> list[Window]:
        """The rows of several series over one range, seen at one moment.

        Args:
            patterns: names, or globs (``*``, ``?``, ``[ab]``); of a series called just like a glob itself is meant.

        Returns:
            A window a series, in the order of the patterns; a glob without a hit gives none.

        The rest is as in `query`.
        """
        now_s = self.now_s()
        self._commit_staged()
        with self._environment.read() as txn:
            series = self._chosen(txn, namespace, patterns)
            rows, ring = planned(self.schema, start_s, end_s, step, tz, now_s)
            return windows_of(self._reader(txn), self.schema, series, rows, ring, now_s)

    def query_sum(
        self,
        patterns: Sequence[str],
        start_s: int | None = None,
        end_s: int | None = None,
        *,
        step: int | str | Step | None = None,
        namespace: str = "",
        tz: str = "UTC",
    ) -> Window:
        """One window of the points of several series of one kind: sums and counts added, least min, greatest max.

        Raises:
            QueryError: also when there is no series, or when two are of different kinds.

        The rest is as in `query_many`.
        """
        now_s = self.now_s()
        self._commit_staged()
        with self._environment.read() as txn:
            series = self._chosen(txn, namespace, patterns)
            rows, ring = planned(self.schema, start_s, end_s, step, tz, now_s)
            return sum_of(self._reader(txn), self.schema, series, rows, ring, now_s)

    def _chosen(self, txn: lmdb.Transaction, namespace: str, patterns: Sequence[str]) -> list[tuple[int, str]]:
        cache = self._known.at(self._catalog.epoch(txn))
        known = cache.of(namespace)
        found = chosen_series(txn, self._catalog, namespace, patterns, known, self._limits.series_per_query)
        # Looking a name up takes 18 us, and what shows very many series asks for the same ones again and again.
        self._known.remember(cache, namespace, {name: id_ for id_, name in found if name not in known})
        return found

    def _reader(self, txn: lmdb.Transaction) -> Reader:
        return Reader(self.schema, txn, self._db, self._view)

    def _id(self, txn: lmdb.Transaction, namespace: str, name: str) -> int:
        cache = self._known.at(self._catalog.epoch(txn))
        id_ = cache.of(namespace).get(name)
        if id_ is None:
            id_ = self._catalog.find(txn, namespace, _stored_name(name)).id
            self._known.remember(cache, namespace, {_stored_name(name): id_})
        return id_

    # -- series --

    def series_count(self, namespace: str = "") -> int:
        """How many series a namespace has; those in the trash are not counted."""
        with self._environment.read() as txn:
            return self._catalog.series_count(txn, namespace)

    def series_revision(self, namespace: str = "") -> tuple[int, int]:
        """Another value after a series of the namespace was made, deleted or restored, and the same after points.

        Who keeps a list of names asks it whether the list is still right. Changes in other namespaces may move it, too.
        """
        with self._environment.read() as txn:
            return self._catalog.epoch(txn), self._catalog.series_count(txn, namespace)

    def received_s(self, ids: Sequence[int]) -> NDArray[np.int64]:
        """int64, one an id: when the last point of each series was received; 0: none was, or there is no such series.

        A tenth of the time that `series` takes. ``ids`` are ascending.
        """
        self._commit_staged()
        with self._environment.read() as txn:
            return self._reader(txn).received_s(np.array(ids, np.int64))

    def find(self, name: str, *, namespace: str = "") -> Series:
        """What is known of one series.

        Raises:
            UnknownSeriesError: no series is called so.
        """
        self._commit_staged()
        with self._environment.read() as txn:
            series = self._catalog.find(txn, namespace, _stored_name(name))
            return self._with_received(txn, [series])[0]

    def find_by_id(self, id: int, *, namespace: str = "") -> Series:
        """What is known of the series that has an id.

        Raises:
            UnknownSeriesError: no series of the namespace has it.
        """
        self._commit_staged()
        with self._environment.read() as txn:
            series = self._catalog.find_by_id(txn, namespace, id)
            return self._with_received(txn, [series])[0]

    def series(
        self, namespace: str = "", *, pattern: str = "", limit: int = 1000, after: int | None = None
    ) -> list[Series]:
        """A page of a namespace's series, in the order of their ids.

        Args:
            pattern: a glob, or words that must all occur in the name; empty: all series.
            limit: series of the page.
            after: the id of the last series of the page before.
        """
        self._commit_staged()
        matches = matcher(pattern)
        with self._environment.read() as txn:
            found = (each for each in self._catalog.series(txn, namespace, after) if matches(each.name))
            return self._with_received(txn, list(islice(found, limit)))

    def _with_received(self, txn: lmdb.Transaction, series: list[Series]) -> list[Series]:
        ids = np.array([each.id for each in series], np.int64)
        received_s = self._reader(txn).received_s(ids).tolist()
        # Written out: dataclasses.replace takes three times as long, which shows in a list of ten thousand.
        return [
            Series(each.id, each.namespace, each.name, each.kind, each.created_s, when or None)
            for each, when in zip(series, received_s, strict=True)
        ]

    def namespaces(self) -> list[str]:
        """All namespaces that ever held a series."""
        with self._environment.read() as txn:
            return self._catalog.namespaces(txn)

    def delete(self, name: str, *, namespace: str = "") -> TrashedSeries:
        """Move a series to the trash. Its name is free at once: a new point under it makes a new series.

        Raises:
            UnknownSeriesError: no series is called so.
        """
        self._commit_staged()
        with self._environment.write() as txn:
            return self._catalog.delete(txn, namespace, _stored_name(name), self.now_s())

    def trash(self, namespace: str = "") -> list[TrashedSeries]:
        """The deleted series of a namespace that can still be restored."""
        with self._environment.read() as txn:
            return self._catalog.trash(txn, namespace)

    def restore(self, id: int, *, namespace: str = "") -> Series:
        """Bring a deleted series back with all its points.

        Raises:
            UnknownSeriesError: it is not in the namespace's trash.
            NameTakenError: another series has its name by now.
        """
        self._commit_staged()
        with self._environment.write() as txn:
            series = self._catalog.restore(txn, namespace, id)
        return self.find(series.name, namespace=namespace)

    def purge(self, older_than_s: int = TRASH_KEPT_S) -> int:
        """Destroy what has been in the trash for so long; how many series that were."""
        return Purger(self._environment, self.schema, self._catalog).purge(self.now_s() - older_than_s)

    def meter(self, name: str) -> int:
        """What a meter has counted; 0 when it never counted."""
        with self._environment.read() as txn:
            return meter(txn, self._db, name)

    # -- look after --

    def status(self) -> Status:
        """How the store is doing, as it is now."""
        with self._environment.read() as txn:
            cursor = FoldCursor.read(txn, self._db)
            rows = self._journal.tail(txn).rows_after - cursor.done_rows
            records = self._journal.record_count(txn)
            oldest_s = self._journal.oldest_received_s(txn)
        lag_s = 0 if oldest_s is None else max(0, self.now_s() - oldest_s)
        environment = self._environment
        refusal = self._committer.clock_refusal(self.now_s()) or environment.refusal()
        return Status(
            rows,
            records,
            lag_s,
            max(0, lag_s - wait_max_s(self.schema)),
            environment.live_bytes(),
            environment.used_bytes(),
            environment.map_bytes,
            environment.disk_free_bytes(),
            refusal or self._committer.overflow(rows + 1),
        )

    def fold(self) -> None:
        """Fold everything that was accepted, now."""
        self._commit_staged()
        self._upkeep.fold()

    def check(self) -> Iterator[str]:
        """A sentence for everything stored that breaks an invariant; nothing when all is well."""
        self._commit_staged()
        with self._environment.read() as txn:
            return iter(list(check_store(self.schema, txn, self._db, self._journal, self._catalog, self.now_s())))

    # -- when to commit --

    def _refuse_use(self) -> None:
        """Raise when the engine is closed, or has lost what it acknowledged."""
        self._environment.refuse_closed()
        if self._committer.lost is not None:
            raise self._loss()

    def _loss(self) -> StoreError:
        error = StoreError(f"points that were acknowledged in the last interval were lost: {self._committer.lost}")
        error.__cause__ = self._committer.lost
        return error

    def _commit_staged(self) -> None:
        """What this process was promised, it sees: also what waits for the interval's end."""
        self._refuse_use()
        if self._is_interval and not self._committer.is_idle:
            # Also when nothing is staged: another thread may be about to commit what was.
            self._background.uninterrupted(self._committer.commit)

    def _commit_interval(self) -> None:
        self._committer.commit()
        self._refuse_use()
        self._upkeep.fold_if_due()


def _stored_name(name: str) -> str:
    """A name as it is stored; one that cannot be stored is simply unknown."""
    try:
        return normal_name(name)
    except PointError:
        raise UnknownSeriesError(f'no series is called "{name}"') from None

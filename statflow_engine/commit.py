"""Accepting points: staged by callers, stored together in one transaction.

Each commit costs 0.2 ms whether it stores one point or ten thousand, so whoever waits shares it. What can
refuse a batch is decided in order inside the transaction, and a refused batch leaves the others alone.
"""

import hashlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import repeat
from typing import TypeVar

import lmdb
import numpy as np
from numpy.typing import NDArray

from statflow_engine.batches import ANY_KIND, Batch, Columns, validated
from statflow_engine.catalog import Catalog, NameCache
from statflow_engine.cells import Floats, Ints
from statflow_engine.environment import Environment
from statflow_engine.errors import KindError, LimitError, PointError, StatFlowError, StoreError, StoreFullError
from statflow_engine.journal import FoldCursor, Journal
from statflow_engine.kinds import SERIES_PER_GROUP, Kind, kind_of
from statflow_engine.meters import Retry, answered_points, count_points, remember
from statflow_engine.names import normal_name
from statflow_engine.schema import Schema

# Free disk and map are looked at once in so many commits: a look costs 10 us, and commits are far smaller than the
# reserve.
ROOM_CHECK_COMMITS = 64

_Number = TypeVar("_Number", np.int64, np.float64)

# No clock is right that says it is before this was written: 2026-01-01.
EARLIEST_NOW_S = 1_767_225_600


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was stored.

    Attributes:
        points: how many.
        replayed: nothing was stored now, because the same request had been before.
    """

    points: int
    replayed: bool = False


class Pending:
    """A staged batch, and after its commit what became of it."""

    __slots__ = ("_error", "_receipt", "batch", "columns", "ids", "ids_epoch")

    def __init__(self, batch: Batch, columns: Columns) -> None:
        self.batch = batch
        self.columns = columns
        self.ids: Ints | None = None
        self.ids_epoch = -1
        self._receipt: Receipt | None = None
        self._error: Exception | None = None

    @property
    def done(self) -> bool:
        """Whether a commit decided it."""
        return self._receipt is not None or self._error is not None

    def result(self) -> Receipt:
        """What was stored.

        Raises:
            StatFlowError: why nothing of the batch was, or that no commit came yet.
        """
        if self._error is not None:
            raise self._error
        if self._receipt is None:
            raise StoreError("the batch is staged, but not committed yet")
        return self._receipt

    def settle(self, receipt: Receipt) -> None:
        """Note that it is stored."""
        self._receipt = receipt

    def fail(self, error: Exception) -> None:
        """Note why it is not."""
        self._error = error


@dataclass(frozen=True, slots=True)
class _Accepted:
    """A batch that a transaction has accepted, to be settled when that is committed."""

    pending: Pending
    receipt: Receipt
    ids: Ints
    new_ids: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Load:
    """How full the journal was after a commit."""

    rows: int
    records: int


class Committer:
    """Stages batches and commits what is staged."""

    def __init__(
        self, environment: Environment, schema: Schema, journal: Journal, catalog: Catalog, clock: Callable[[], float]
    ) -> None:
        self._environment = environment
        self._db = environment.db
        self._schema = schema
        self._journal = journal
        self._catalog = catalog
        self._clock = clock
        self._limits = environment.limits
        self._cache = NameCache.empty(0)
        self._staged: list[Pending] = []
        self._stage_lock = threading.Lock()
        self._commit_lock = threading.Lock()
        self._commits_until_room_check = 0
        self._refusal: str | None = None
        self.load = Load(0, 0)

    # -- names --

    def cache_at(self, epoch: int) -> NameCache:
        """The names known for an epoch of the catalog."""
        known = self._cache
        if known.epoch == epoch:
            return known
        fresh = NameCache.empty(epoch)
        if epoch > known.epoch:
            self._cache = fresh
        return fresh

    def remember_names(self, cache: NameCache, namespace: str, ids: Mapping[str, int]) -> None:
        """Cache names that a committed transaction has."""
        if cache.size() + len(ids) > self._limits.names_cached:
            cache.ids.clear()
        cache.of(namespace).update(ids)

    # -- stage --

    def stage(self, batch: Batch, *, answered_later: bool) -> Pending:
        """Validate a batch and queue it for the next commit.

        Args:
            answered_later: the caller goes on before the commit, so that its arrays are copied.

        Raises:
            PointError: a point is refused; nothing is queued.
            StoreError: the clock is wrong.
        """
        now_s = int(self._clock())
        refusal = self.clock_refusal(now_s)
        if refusal is not None:
            raise StoreError(refusal)
        columns = validated(batch, self._schema, now_s, self._limits.batch_points)
        pending = Pending(batch, columns.copied() if answered_later else columns)
        self._look_up_cached(pending)
        with self._stage_lock:
            self._staged.append(pending)
        return pending

    @staticmethod
    def clock_refusal(now_s: int) -> str | None:
        """Why nothing is accepted at this moment; None: it can be."""
        return None if now_s >= EARLIEST_NOW_S else f"server clock is wrong: it says {now_s} s, which is past"

    def _look_up_cached(self, pending: Pending) -> None:
        """Ids of the names as far as they are known; -1 where not."""
        cache = self._cache
        columns = pending.columns
        known = cache.of(pending.batch.namespace)
        name_ids = np.fromiter(map(known.get, columns.names, repeat(-1)), np.int64, len(columns.names))
        if len(name_ids) and int(name_ids.min()) < 0:
            self._refuse_names(columns, name_ids)
        pending.ids = name_ids
        pending.ids_epoch = cache.epoch

    def _refuse_names(self, columns: Columns, name_ids: Ints) -> None:
        for at in np.flatnonzero(name_ids < 0).tolist():
            name = columns.names[at]
            try:
                if not isinstance(name, str):
                    raise PointError("stat name must be text")
                normal_name(name)
            except PointError as error:
                raise PointError(error.reason, columns.first_point_of(at)) from None

    @property
    def staged(self) -> bool:
        """Whether something waits for a commit."""
        return bool(self._staged)

    # -- commit --

    def commit(self) -> None:
        """Store everything staged in one transaction; then each `Pending` knows its outcome."""
        with self._commit_lock:
            with self._stage_lock:
                pendings, self._staged = self._staged, []
            if pendings:
                self._commit(pendings)

    def wait_for(self, pending: Pending) -> Receipt:
        """The outcome of a batch, by a commit shared with whoever waits too."""
        if not pending.done:
            self.commit()
        return pending.result()

    def commit_or_raise(self) -> None:
        """Commit for callers that were answered already: what cannot be stored now is raised, not told to them.

        Raises:
            StoreError: why; the points are lost, and the engine must say so.
        """
        with self._commit_lock:
            with self._stage_lock:
                pendings, self._staged = self._staged, []
            if pendings:
                self._commit(pendings)
        for pending in pendings:
            pending.result()

    def needs_no_answer(self, pending: Pending) -> bool:
        """Whether a staged batch can only fail by the store: known names of the right kind, nothing to be decided."""
        batch, columns, ids = pending.batch, pending.columns, pending.ids
        if batch.idempotency is not None or batch.meters or batch.series_limit is not None:
            return False
        if ids is None or pending.ids_epoch != self._cache.epoch or (len(ids) and int(ids.min()) < 0):
            return False
        kinds = ids // SERIES_PER_GROUP % 2
        kinds = kinds if columns.index is None else kinds[columns.index]
        return bool(((kinds == columns.kinds) | (np.asarray(columns.kinds) == ANY_KIND)).all())

    def _commit(self, pendings: list[Pending]) -> None:
        try:
            accepted, cache = self._stored(pendings)
        except Exception as error:
            for pending in pendings:
                if not pending.done:
                    pending.fail(error)
            return
        for one in accepted:
            if one.new_ids:
                self.remember_names(cache, one.pending.batch.namespace, one.new_ids)
            one.pending.settle(one.receipt)

    def _stored(self, pendings: list[Pending]) -> tuple[list[_Accepted], NameCache]:
        self._refuse_if_full()
        with self._environment.write() as txn:
            cursor = FoldCursor.read(txn, self._db)
            tail = self._journal.tail(txn)
            waiting = tail.rows_after - cursor.done_rows
            cache = self.cache_at(self._catalog.epoch(txn))
            accepted: list[_Accepted] = []
            for pending in pendings:
                try:
                    self._refuse_overflow(waiting + len(pending.columns))
                    one = _Acceptance(self, txn, cache, pending).run()
                except StatFlowError as error:
                    pending.fail(error)
                    continue
                accepted.append(one)
                waiting += 0 if one.receipt.replayed else one.receipt.points
            self._append(txn, [one for one in accepted if not one.receipt.replayed and one.receipt.points])
            self.load = Load(waiting, self._journal.record_count(txn))
        return accepted, cache

    def _append(self, txn: lmdb.Transaction, accepted: list[_Accepted]) -> None:
        if not accepted:
            return
        columns = [one.pending.columns for one in accepted]
        # The earliest moment of all: a ring that reached back to a point when it was staged still does.
        received_s = min(each.received_s for each in columns)
        self._journal.append(
            txn,
            _concatenated([one.ids for one in accepted]),
            _concatenated([each.timestamps_s for each in columns]),
            _concatenated([each.values for each in columns]),
            received_s,
        )

    # -- room --

    def _refuse_if_full(self) -> None:
        self._commits_until_room_check -= 1
        if self._commits_until_room_check < 0 or self._refusal is not None:
            self._refusal = self._environment.refusal()
            self._commits_until_room_check = ROOM_CHECK_COMMITS
        if self._refusal is not None:
            raise StoreFullError(self._refusal)

    def _refuse_overflow(self, rows: int) -> None:
        if rows > self._limits.journal_rows_hard:
            raise StoreFullError(
                f"{rows} points wait to be folded, at most {self._limits.journal_rows_hard} may: try again in a second"
            )


class _Acceptance:
    """Decides about one batch inside the write transaction: refuses first, then writes."""

    def __init__(self, committer: Committer, txn: lmdb.Transaction, cache: NameCache, pending: Pending) -> None:
        self._catalog = committer._catalog
        self._db = committer._db
        self._keys_max = committer._limits.idempotency_keys
        self._txn = txn
        self._cache = cache
        self._pending = pending
        self._batch = pending.batch
        self._columns = pending.columns
        self._new_kinds: dict[str, Kind] = {}
        self._found: dict[str, int] = {}

    def run(self) -> _Accepted:
        retry = self._retry()
        if retry is not None:
            points = self._answered(retry)
            if points is not None:
                return _Accepted(self._pending, Receipt(points, replayed=True), np.zeros(0, np.int64), {})
        name_ids = self._name_ids()
        missing = self._missing(name_ids)
        self._resolve(missing)
        self._refuse_kinds(name_ids, missing)
        self._refuse_series_limit(missing)
        count_points(self._txn, self._db, self._batch.meters, len(self._columns))
        self._add(name_ids, missing)
        if retry is not None:
            self._remember(retry)
        ids = name_ids if self._columns.index is None else name_ids[self._columns.index]
        return _Accepted(self._pending, Receipt(len(self._columns)), ids, self._found)

    # -- idempotency --

    def _retry(self) -> Retry | None:
        key = self._batch.idempotency
        if key is None:
            return None
        fingerprint = self._batch.fingerprint
        return Retry(key, _fingerprint(self._batch, self._columns) if fingerprint is None else fingerprint)

    def _answered(self, retry: Retry) -> int | None:
        number = self._catalog.namespace_number(self._txn, self._batch.namespace)
        if number is None:
            return None
        return answered_points(self._txn, self._db, number, retry, self._columns.received_s)

    def _remember(self, retry: Retry) -> None:
        number = self._catalog.namespace_added(self._txn, self._batch.namespace)
        points, now_s = len(self._columns), self._columns.received_s
        remember(self._txn, self._db, number, retry, points, now_s, self._keys_max)

    # -- names to ids --

    def _name_ids(self) -> Ints:
        """Ids by name index, -1 where not known; looked up again when the catalog moved since staging."""
        ids = self._pending.ids
        if ids is None or self._pending.ids_epoch != self._cache.epoch:
            known = self._cache.of(self._batch.namespace)
            names = self._columns.names
            return np.fromiter(map(known.get, names, repeat(-1)), np.int64, len(names))
        return ids.copy()

    def _missing(self, name_ids: Ints) -> list[tuple[int, str]]:
        """(name index, stored name) of the names that the cache does not know and a point has."""
        if len(name_ids) == 0 or int(name_ids.min()) >= 0:
            return []
        unknown = np.flatnonzero(name_ids < 0)
        if self._columns.index is not None:
            unknown = np.intersect1d(unknown, self._columns.index)
        return [(at, normal_name(self._columns.names[at])) for at in unknown.tolist()]

    def _resolve(self, missing: list[tuple[int, str]]) -> None:
        """Look the missing names up in the catalog; note kinds for those that are new."""
        names = dict.fromkeys(name for _, name in missing)
        known = self._cache.of(self._batch.namespace)
        self._found = {name: known[name] for name in names if name in known}
        rest = [name for name in names if name not in known]
        self._found.update(self._catalog.look_up(self._txn, self._batch.namespace, rest))

    def _add(self, name_ids: Ints, missing: list[tuple[int, str]]) -> None:
        if self._new_kinds:
            created_s = self._columns.received_s
            self._found.update(self._catalog.add(self._txn, self._batch.namespace, self._new_kinds, created_s))
        for at, name in missing:
            name_ids[at] = self._found[name]

    # -- refusals --

    def _refuse_kinds(self, name_ids: Ints, missing: list[tuple[int, str]]) -> None:
        """A series has the kind of its first point for ever."""
        name_kinds = name_ids // SERIES_PER_GROUP % 2
        for at, name in missing:
            found = self._found.get(name)
            name_kinds[at] = self._new_kind(at, name) if found is None else kind_of(found)
        columns = self._columns
        kinds = name_kinds if columns.index is None else name_kinds[columns.index]
        sent = columns.kinds
        wrong = (kinds != sent) & (np.asarray(sent) != ANY_KIND)
        if bool(wrong.any()):
            point = int(np.flatnonzero(wrong)[0])
            name = columns.names[point if columns.index is None else int(columns.index[point])]
            raise KindError(normal_name(name), Kind(int(kinds[point])), point)

    def _new_kind(self, at: int, name: str) -> Kind:
        if name not in self._new_kinds:
            sent = self._columns.kind_at(self._columns.first_point_of(at))
            self._new_kinds[name] = Kind.COUNTER if sent == ANY_KIND else Kind(sent)
        return self._new_kinds[name]

    def _refuse_series_limit(self, missing: list[tuple[int, str]]) -> None:
        limit = self._batch.series_limit
        if limit is None or not self._new_kinds:
            return
        room = limit - self._catalog.series_count(self._txn, self._batch.namespace)
        if len(self._new_kinds) > room:
            first_over = list(self._new_kinds)[max(0, room)]
            at = next(at for at, name in missing if name == first_over)
            raise LimitError("series", limit, self._columns.first_point_of(at))


def _fingerprint(batch: Batch, columns: Columns) -> bytes:
    """What tells a batch from another: its points as given, times only where they were."""
    digest = hashlib.blake2b(digest_size=16)
    digest.update("\0".join(columns.names).encode("utf-8", "surrogatepass"))
    for column in (columns.index, np.asarray(columns.kinds), columns.values):
        digest.update(b"" if column is None else _bytes(column))
    if batch.timestamps_s is not None:
        digest.update(_bytes(columns.timestamps_s))
    return digest.digest()


def _bytes(column: "NDArray[np.generic] | Floats") -> bytes:
    return b"%d;" % column.size + np.ascontiguousarray(column).tobytes()


def _concatenated(columns: list[NDArray[_Number]]) -> NDArray[_Number]:
    return columns[0] if len(columns) == 1 else np.concatenate(columns)

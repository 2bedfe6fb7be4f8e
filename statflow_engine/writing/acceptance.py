"""Deciding about one batch inside the write transaction: known before, which series, allowed. Refuses, then writes."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import repeat

import lmdb
import numpy as np
from numpy.typing import NDArray

from statflow_engine.errors import KindError, LimitError, StoreError
from statflow_engine.kinds import SERIES_PER_GROUP, Kind, kind_of
from statflow_engine.pure.batches import ANY_KIND, Batch, Columns
from statflow_engine.pure.cells import Ints, within
from statflow_engine.pure.known_names import NameCache
from statflow_engine.pure.names import normal_name
from statflow_engine.store.catalog import Catalog
from statflow_engine.store.environment import Databases
from statflow_engine.store.meters import Retry, answered_points, count_points, remember


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was stored.

    Attributes:
        points: how many.
        replayed: nothing was stored now, because the same request had been before.
    """

    points: int
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class LonePoint:
    """A batch of one point, of a series that is known and with nothing to decide: what servers are sent all day.

    It goes by plain numbers, because arrays of one element would cost more than all the rest.

    Attributes:
        id, kind: of the series, true for the `epoch` of the catalog.
    """

    name: str
    id: int
    kind: int
    epoch: int
    timestamp_s: int
    value: float
    received_s: int

    def columns(self) -> Columns:
        """The same as columns, for when the catalog has moved and the name must be looked up again."""
        timestamps_s, values = np.array([self.timestamp_s], np.int64), np.array([self.value], np.float64)
        return Columns([self.name], None, self.kind, timestamps_s, values, self.received_s)


class Pending:
    """A staged batch, and after its commit what became of it."""

    __slots__ = ("_columns", "_error", "_receipt", "answered", "batch", "ids", "ids_epoch", "lone")

    def __init__(self, batch: Batch, columns: Columns | None, lone: LonePoint | None = None) -> None:
        """With columns, or with a lone point."""
        self.batch = batch
        self.lone = lone
        self._columns = columns
        self.ids: Ints | None = None
        self.ids_epoch = -1
        #: The caller was told that it is stored, and went on.
        self.answered = False
        self._receipt: Receipt | None = None
        self._error: Exception | None = None

    @property
    def columns(self) -> Columns:
        """The batch's points."""
        if self._columns is None:
            assert self.lone is not None
            self._columns = self.lone.columns()
        return self._columns

    @property
    def done(self) -> bool:
        """Whether a commit decided it."""
        return self._receipt is not None or self._error is not None

    @property
    def error(self) -> Exception | None:
        """Why it is not stored; None: it is, or nobody knows yet."""
        return self._error

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
class Accepted:
    """A batch that a transaction has accepted, to be settled when that is committed.

    Attributes:
        ids: int64, the series of each point; empty for a batch that was stored before.
        new_ids: names that the cache did not know.
    """

    pending: Pending
    receipt: Receipt
    ids: Ints
    new_ids: Mapping[str, int]


class Acceptance:
    """Decides about one batch inside the write transaction."""

    def __init__(
        self,
        txn: lmdb.Transaction,
        db: Databases,
        catalog: Catalog,
        cache: NameCache,
        pending: Pending,
        keys_max: int,
    ) -> None:
        """``cache``: names known for the transaction's epoch; ``keys_max``: idempotency keys a namespace."""
        self._txn = txn
        self._db = db
        self._catalog = catalog
        self._keys_max = keys_max
        self._cache = cache
        self._pending = pending
        self._batch = pending.batch
        self._columns = pending.columns
        self._new_kinds: dict[str, Kind] = {}
        self._found: dict[str, int] = {}

    def run(self) -> Accepted:
        """Write everything but the points themselves, which all batches of a commit store together.

        Raises:
            KindError, LimitError, IdempotencyError: nothing of the batch is written.
        """
        retry = self._retry()
        if retry is not None:
            points = self._answered(retry)
            if points is not None:
                return Accepted(self._pending, Receipt(points, replayed=True), np.zeros(0, np.int64), {})
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
        return Accepted(self._pending, Receipt(len(self._columns)), ids, self._found)

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
        names = self._columns.names
        at = unknown.tolist()
        found = [names[each] for each in at]
        normal = {name: normal_name(name) for name in dict.fromkeys(found)}
        return list(zip(at, map(normal.__getitem__, found), strict=True))

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
        name_kinds = within(name_ids // SERIES_PER_GROUP, 2)
        for at, name in missing:
            found = self._found.get(name)
            name_kinds[at] = self._new_kind(at, name) if found is None else kind_of(found)
        columns = self._columns
        kinds = name_kinds if columns.index is None else name_kinds[columns.index]
        sent = columns.kinds
        wrong = kinds != sent
        if bool(wrong.any()):
            wrong &= np.asarray(sent) != ANY_KIND
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


def _bytes(column: "NDArray[np.generic]") -> bytes:
    return b"%d;" % column.size + np.ascontiguousarray(column).tobytes()

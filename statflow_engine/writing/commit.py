"""Accepting points: staged by callers, stored together in one transaction.

Each commit costs 0.2 ms whether it stores one point or ten thousand, so whoever waits shares it. What can
refuse a batch is decided in order inside the transaction, and a refused batch leaves the others alone.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from itertools import repeat
from typing import NamedTuple, TypeVar

import lmdb
import numpy as np
from numpy.typing import NDArray

from statflow_engine.errors import (
    CorruptionError,
    JournalFullError,
    KindError,
    PointError,
    StatFlowError,
    StoreClosedError,
    StoreError,
    StoreFullError,
)
from statflow_engine.kinds import SERIES_PER_GROUP
from statflow_engine.pure.batches import ANY_KIND, Batch, Columns, lone_number, validated
from statflow_engine.pure.cells import Ints
from statflow_engine.pure.known_names import KnownNames, NameCache
from statflow_engine.pure.names import normal_name
from statflow_engine.pure.records import encode_few, encode_record
from statflow_engine.pure.schema import Schema
from statflow_engine.store.catalog import Catalog
from statflow_engine.store.environment import Environment
from statflow_engine.store.journal import FoldCursor, Journal, Tail
from statflow_engine.writing.acceptance import Acceptance, Accepted, LonePoint, Pending, Receipt
from statflow_engine.writing.leading import Leading
from statflow_engine.writing.scalars import Scalars

# Free disk and map are looked at once in so many commits or rows, since a look costs 10 us: a million rows are 20 MB.
ROOM_CHECK_COMMITS = 64
ROOM_CHECK_ROWS = 1_000_000

# So many lone points make a record more quickly by themselves than as columns.
FEW_POINTS = 16

# What lone points get, all the same.
_ONE_POINT = Receipt(1)

# What waits for an interval's commit at most, in memory: 120 bytes a point, 2 kB and its columns a batch.
WAITING_POINTS_MAX = 100_000
WAITING_BATCHES_MAX = 100

_log = logging.getLogger("statflow_engine")

_Number = TypeVar("_Number", np.int64, np.float64)

# No clock is right that says it is before this was written: 2026-01-01.
EARLIEST_NOW_S = 1_767_225_600


@dataclass(frozen=True, slots=True)
class Load:
    """How full the journal was after a commit."""

    rows: int
    records: int


class _Seen(NamedTuple):
    """What a commit left behind, which the next one need not read when nobody else's came in between.

    Attributes:
        transaction: the number of the commit.
        done_rows: of the fold cursor.
        tail: of the journal.
        epoch: of the catalog.
    """

    transaction: int
    done_rows: int
    tail: Tail
    epoch: int


class _SpoiltError(Exception):
    """A batch met damage after it may have written names and meters: the transaction is made again without it."""


class Committer:
    """Stages batches and commits what is staged."""

    def __init__(
        self,
        environment: Environment,
        schema: Schema,
        journal: Journal,
        catalog: Catalog,
        known: KnownNames,
        clock: Callable[[], float],
    ) -> None:
        """``clock``: gives Unix seconds."""
        self._environment = environment
        self._db = environment.db
        self._schema = schema
        self._journal = journal
        self._catalog = catalog
        self._clock = clock
        self._limits = environment.limits
        self._known = known
        self._staged: list[Pending] = []
        self._stage_lock = threading.Lock()
        self._is_closed = False
        self._leading = Leading(self._commit_staged, lambda: len(self._staged))
        self._commits_until_room_check = 0
        self._rows_until_room_check = 0
        self.scalars = Scalars(known, schema, clock, EARLIEST_NOW_S)
        #: Why points that were acknowledged before their commit could not be stored.
        self.lost: Exception | None = None
        self._refusal: str | None = None
        self.load = Load(0, 0)
        self._seen = _Seen(-1, 0, Tail(0, 0), 0)

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
        lone = self._lone_point(batch, now_s)
        if lone is not None:
            pending = Pending(batch, None, lone)
        else:
            columns = validated(batch, self._schema, now_s, self._limits.batch_points)
            pending = Pending(batch, columns.copied() if answered_later else columns)
            self.look_up_cached(pending)
        with self._stage_lock:
            if self._is_closed:
                raise StoreClosedError("the engine is closed")
            self._staged.append(pending)
        return pending

    def close(self) -> None:
        """Take no more points. Whatever was taken before is stored by the next commit; nothing slips in behind it."""
        with self._stage_lock:
            self._is_closed = True
        self.scalars.close()

    def _lone_point(self, batch: Batch, now_s: int) -> LonePoint | None:
        """The batch as a lone point; None when it is none, or when anything about it needs a second look."""
        if batch.names.__class__ is not list or len(batch.names) != 1 or batch.idempotency is not None:
            return None
        point = lone_number(batch, self._schema, now_s)
        known = self._known.newest
        name = batch.names[0]
        id_ = known.of(batch.namespace).get(name) if name.__class__ is str else None
        if point is None or id_ is None or batch.meters or batch.series_limit is not None:
            return None
        kind, timestamp_s, value = point
        if kind not in (id_ // SERIES_PER_GROUP % 2, ANY_KIND):
            return None
        return LonePoint(name, id_, kind, known.epoch, timestamp_s, value, now_s)

    @staticmethod
    def clock_refusal(now_s: int) -> str | None:
        """Why nothing is accepted at this moment; None: it can be."""
        return None if now_s >= EARLIEST_NOW_S else f"server clock is wrong: it says {now_s} s, which is past"

    def look_up_cached(self, pending: Pending) -> None:
        """Note ids of the names as far as they are known, -1 where not.

        Raises:
            PointError: a name that is not known can be no name.
        """
        cache = self._known.newest
        columns = pending.columns
        known = cache.of(pending.batch.namespace)
        name_ids = np.fromiter(map(known.get, columns.names, repeat(-1)), np.int64, len(columns.names))
        if len(name_ids) and int(name_ids.min()) < 0:
            self._refuse_names(columns, name_ids)
        pending.ids = name_ids
        pending.ids_epoch = cache.epoch

    def _refuse_names(self, columns: Columns, name_ids: Ints) -> None:
        fine: set[str] = set()
        for at in np.flatnonzero(name_ids < 0).tolist():
            name = columns.names[at]
            if not isinstance(name, str):
                raise PointError("stat name must be text", columns.first_point_of(at))
            if name in fine:
                continue
            try:
                normal_name(name)
            except PointError as error:
                raise PointError(error.reason, columns.first_point_of(at)) from None
            fine.add(name)

    def acknowledge(self, pending: Pending) -> bool:
        """Whether a staged batch may be called stored before its commit: only the store itself could fail it now."""
        pending.answered = self._needs_no_answer(pending)
        # Another thread's commit may have decided about it already, perhaps against it.
        return pending.answered and not pending.done

    def _taken(self) -> list[Pending]:
        """Everything that waits, taken off the queue."""
        with self._stage_lock:
            pendings, self._staged = self._staged, []
        if len(self.scalars):
            pendings += self.scalars.drained()
        return pendings

    @property
    def crowded(self) -> bool:
        """Whether so much was acknowledged before its commit that memory wants one now."""
        return len(self.scalars) >= WAITING_POINTS_MAX or len(self._staged) >= WAITING_BATCHES_MAX

    @property
    def is_idle(self) -> bool:
        """Whether everything staged is stored. In this order: what nobody waits with may be on its way."""
        return not self._staged and not len(self.scalars) and not self._leading.leads

    # -- commit --

    def commit(self) -> None:
        """Store everything staged in one transaction; then each `Pending` knows its outcome."""
        self._leading.when(lambda: True)

    def wait_for(self, pending: Pending) -> Receipt:
        """The outcome of a batch, by a commit shared with whoever waits too."""
        self._leading.when(lambda: not pending.done)
        return pending.result()

    def _commit_staged(self) -> None:
        pendings = self._taken()
        try:
            if pendings:
                self._commit(pendings)
        finally:
            for pending in pendings:
                if pending.answered and pending.error is not None:
                    self._note_loss(pending, pending.error)

    def _note_loss(self, pending: Pending, error: Exception) -> None:
        """Points were acknowledged before their commit and cannot be stored."""
        if isinstance(error, KindError):
            # Another process deleted the series meanwhile and made one of the other kind: these points have no home.
            _log.warning("%d acknowledged points were dropped: %s", len(pending.columns), error)
        elif self.lost is None:
            self.lost = error

    def _needs_no_answer(self, pending: Pending) -> bool:
        """Whether its names are known and of the right kind, and nothing is to be decided in the transaction."""
        if pending.lone is not None:
            return True
        batch, columns, ids = pending.batch, pending.columns, pending.ids
        if batch.idempotency is not None or batch.meters or batch.series_limit is not None:
            return False
        if ids is None or pending.ids_epoch != self._known.newest.epoch or (len(ids) and int(ids.min()) < 0):
            return False
        kinds = ids // SERIES_PER_GROUP % 2
        kinds = kinds if columns.index is None else kinds[columns.index]
        return bool(((kinds == columns.kinds) | (np.asarray(columns.kinds) == ANY_KIND)).all())

    def _commit(self, pendings: list[Pending]) -> None:
        try:
            accepted, cache = self._stored_without_spoilt(pendings)
        except Exception as error:
            _fail_undecided(pendings, error)
            return
        except BaseException:  # Ctrl-C, in a main thread that led: those who wait behind it must hear of it
            _fail_undecided(pendings, StoreError("the commit was interrupted: it is not known whether it was made"))
            raise
        for one in accepted:
            if one.new_ids:
                self._known.remember(cache, one.pending.batch.namespace, one.new_ids)
            one.pending.settle(one.receipt)

    def _stored_without_spoilt(self, pendings: list[Pending]) -> tuple[list[Accepted], NameCache]:
        """Store the batches, once more without the one that met damage: what it had written must not stay."""
        while True:
            try:
                return self._stored([pending for pending in pendings if not pending.done])
            except _SpoiltError:
                continue

    def _stored(self, pendings: list[Pending]) -> tuple[list[Accepted], NameCache]:
        self.refuse_if_full(0)
        with self._environment.write() as txn:
            seen = self._seen_by(txn)
            waiting = seen.tail.rows_after - seen.done_rows
            cache = self._known.at(seen.epoch)
            accepted: list[Accepted] = []
            lone: list[Pending] = []
            for pending in pendings:
                try:
                    if pending.lone is not None and pending.lone.epoch == cache.epoch:
                        self._refuse_overflow(waiting + 1)
                        lone.append(pending)
                        waiting += 1
                        continue
                    self._refuse_overflow(waiting + len(pending.columns))
                    one = self._acceptance(txn, cache, pending).run()
                except StatFlowError as error:
                    pending.fail(error)
                    if isinstance(error, CorruptionError):
                        raise _SpoiltError from error
                    continue
                accepted.append(one)
                waiting += 0 if one.receipt.replayed else one.receipt.points
            tail = self._append(txn, seen.tail, [one for one in accepted if len(one.ids)], lone)
            self.load = Load(waiting, self._journal.record_count(txn))
            transaction = txn.id()
        if tail is not seen.tail:
            # Only then is the number ours: LMDB gives that of a commit which wrote nothing to the next.
            self._seen = _Seen(transaction, seen.done_rows, tail, seen.epoch)
        for pending in lone:
            pending.settle(_ONE_POINT)
        return accepted, cache

    def _seen_by(self, txn: lmdb.Transaction) -> _Seen:
        """What a write transaction finds; known already when the one before it was ours."""
        if self._seen.transaction == txn.id() - 1:
            return self._seen
        done_rows = FoldCursor.read(txn, self._db).done_rows
        return _Seen(txn.id(), done_rows, self._journal.tail(txn), self._catalog.epoch(txn))

    def _acceptance(self, txn: lmdb.Transaction, cache: NameCache, pending: Pending) -> Acceptance:
        return Acceptance(txn, self._db, self._catalog, cache, pending, self._limits.idempotency_keys)

    def _append(self, txn: lmdb.Transaction, tail: Tail, accepted: list[Accepted], lone: list[Pending]) -> Tail:
        """Store the points of all accepted batches as one record; where the journal ends then."""
        points = [point for each in lone if (point := each.lone)]
        if not accepted and not points:
            return tail
        row_count = len(points) + sum(len(one.ids) for one in accepted)
        self._rows_until_room_check -= row_count
        if not accepted and len(points) <= FEW_POINTS:
            # The earliest moment of all: a ring that reached back to a point when it was staged still does.
            received_s = min(point.received_s for point in points)
            few = [(point.id, point.timestamp_s, point.value) for point in points]
            record = encode_few(few, received_s=received_s, rows_before=tail.rows_after)
        else:
            record = _record_of(accepted, points, tail.rows_after)
        return self._journal.append(txn, tail, record, row_count)

    # -- room --

    def refuse_if_full(self, rows: int) -> None:
        """Raise a StoreFullError when there is no room for more; ``rows`` are about to be written."""
        self._rows_until_room_check -= rows
        self._commits_until_room_check -= 1
        if self._commits_until_room_check < 0 or self._rows_until_room_check < 0 or self._refusal is not None:
            self._refusal = self._environment.refusal()
            self._commits_until_room_check = ROOM_CHECK_COMMITS
            self._rows_until_room_check = ROOM_CHECK_ROWS
        if self._refusal is not None:
            raise StoreFullError(self._refusal)

    def _refuse_overflow(self, rows: int) -> None:
        refusal = self.overflow(rows)
        if refusal is not None:
            raise JournalFullError(refusal)

    def overflow(self, rows: int) -> str | None:
        """Why the journal cannot have so many rows; None: it can."""
        rows_max = self._limits.journal_rows_hard
        return (
            None
            if rows <= rows_max
            else f"{rows} points wait to be folded, at most {rows_max} may: try again in a second"
        )


def _fail_undecided(pendings: list[Pending], error: Exception) -> None:
    for pending in pendings:
        if not pending.done:
            pending.fail(error)


def _record_of(accepted: list[Accepted], points: list[LonePoint], rows_before: int) -> bytes:
    ids = [one.ids for one in accepted]
    columns = [one.pending.columns for one in accepted]
    if points:
        ids_of_lone, columns_of_lone = _columns_of_lone(points)
        ids.append(ids_of_lone)
        columns.append(columns_of_lone)
    return encode_record(
        _concatenated(ids),
        _concatenated([each.timestamps_s for each in columns]),
        _concatenated([each.values for each in columns]),
        received_s=min(each.received_s for each in columns),
        rows_before=rows_before,
    )


def _columns_of_lone(points: list[LonePoint]) -> tuple[Ints, Columns]:
    """Ids and columns of lone points; these columns need no names any more."""
    ids = np.array([point.id for point in points], np.int64)
    timestamps_s = np.array([point.timestamp_s for point in points], np.int64)
    values = np.array([point.value for point in points], np.float64)
    return ids, Columns((), None, ANY_KIND, timestamps_s, values, min(point.received_s for point in points))


def _concatenated(columns: list[NDArray[_Number]]) -> NDArray[_Number]:
    return columns[0] if len(columns) == 1 else np.concatenate(columns)

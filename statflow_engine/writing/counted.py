"""Cells that were counted elsewhere go into the rings without the journal: a row may stand for a million points.

They are folded in the transaction that accepts them, which holds the write lock for as long as that takes: some
milliseconds for ten thousand rows, which is why one batch has no more than `CELLS_MAX`.
"""

import numpy as np

from statflow_engine.errors import StoreError
from statflow_engine.folding.cascade import GroupCascade
from statflow_engine.pure.batches import CellBatch, Columns, Tallies, validated, validated_tallies
from statflow_engine.pure.cells import Ints
from statflow_engine.pure.fold_rows import Counted, FoldRows
from statflow_engine.pure.known_names import KnownNames
from statflow_engine.pure.schema import Schema
from statflow_engine.store.catalog import Catalog
from statflow_engine.store.environment import Environment
from statflow_engine.store.journal import FoldCursor
from statflow_engine.store.storage import Draft
from statflow_engine.writing.acceptance import Acceptance, Pending, Receipt
from statflow_engine.writing.commit import Committer

CELLS_MAX = 50_000


class CellWriter:
    """Merges cells into one store."""

    def __init__(
        self, environment: Environment, schema: Schema, catalog: Catalog, known: KnownNames, committer: Committer
    ) -> None:
        self._environment = environment
        self._db = environment.db
        self._schema = schema
        self._catalog = catalog
        self._known = known
        self._committer = committer

    def write(self, batch: CellBatch, now_s: int) -> Receipt:
        """Store a batch; see `Engine.write_cells`."""
        refusal = self._committer.clock_refusal(now_s)
        if refusal is not None:
            raise StoreError(refusal)
        points = batch.of_points()
        columns = validated(points, self._schema, now_s, CELLS_MAX)
        tallies = validated_tallies(batch, columns)
        if len(columns) == 0:
            return Receipt(0)
        pending = Pending(points, columns)
        self._committer.look_up_cached(pending)
        self._committer.refuse_if_full(len(columns))
        with self._environment.write() as txn:
            cache = self._known.at(self._catalog.epoch(txn))
            accepted = Acceptance(txn, self._db, self._catalog, cache, pending, 0).run()
            rows = FoldRows.of_counted(self._schema, _counted(accepted.ids, columns, tallies, now_s))
            draft = Draft(self._schema, txn, self._db)
            for group in rows.groups():
                GroupCascade(draft, self._schema, group, rows).run()
            draft.apply(txn)
            # Whoever folds at this moment read tiles that have changed: it sees that it was overtaken.
            FoldCursor.read(txn, self._db).put(txn, self._db)
        self._known.remember(cache, batch.namespace, accepted.new_ids)
        return accepted.receipt


def _counted(ids: Ints, columns: Columns, tallies: Tallies, now_s: int) -> Counted:
    received_s = np.full(len(columns), now_s, np.int64)
    return Counted(ids, columns.timestamps_s, tallies.counts, tallies.sums, tallies.mins, tallies.maxs, received_s)

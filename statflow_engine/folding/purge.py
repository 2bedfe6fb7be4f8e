"""Purging: series that lay in the trash long enough are dead, and their cells leave the rings."""

from itertools import groupby

import lmdb

from statflow_engine.folding.seal import Sealer, without
from statflow_engine.kinds import Kind, column_of, group_of, kind_of_group
from statflow_engine.pure.cells import joined, reduce
from statflow_engine.pure.rings import PERIODS_PER_SPAN
from statflow_engine.pure.schema import Schema
from statflow_engine.pure.tiles import CLOSED, OPEN, decode_blocks, decode_closed, encode_blocks, encode_closed
from statflow_engine.store.catalog import Catalog
from statflow_engine.store.environment import Environment, items_from
from statflow_engine.store.journal import FoldCursor
from statflow_engine.store.storage import RING_KEY, Draft, Found, home_of


class Purger:
    """Takes dead series out of one store, a group a transaction."""

    def __init__(self, environment: Environment, schema: Schema, catalog: Catalog) -> None:
        self._environment = environment
        self._db = environment.db
        self._schema = schema
        self._catalog = catalog

    def purge(self, deleted_before_s: int) -> int:
        """Bury what was deleted before a moment and blank what is left of it; how many series were buried.

        From the first transaction on the series are dead: folding drops their rows. What a killed process left
        unblanked, the next purge blanks.
        """
        with self._environment.write() as txn:
            buried = self._catalog.bury(txn, deleted_before_s)
            # Whoever folds right now made ready rows of series that are dead from now on.
            FoldCursor.read(txn, self._db).put(txn, self._db)
        with self._environment.read() as txn:
            unblanked = self._catalog.dead(txn, only_unblanked=True)
        for group, members in groupby(unblanked, key=group_of):
            ids = list(members)
            while not self._blank(group, ids):
                pass
        return len(buried)

    def _blank(self, group: int, ids: list[int]) -> bool:
        """Blank dead columns of one group; False when a fold was quicker and it has to be tried again."""
        columns = [column_of(id_) for id_ in ids]
        with self._environment.read() as txn:
            cursor = FoldCursor.read(txn, self._db)
            draft = Draft(self._schema, txn, self._db)
            for ring in range(len(self._schema.rings)):
                self._blank_ring(draft, txn, ring, group, columns)
        with self._environment.write() as txn:
            if FoldCursor.read(txn, self._db).step != cursor.step:
                return False
            draft.apply(txn)
            cursor.put(txn, self._db)
            self._catalog.mark_blanked(txn, ids)
        return True

    def _blank_ring(self, draft: Draft, txn: lmdb.Transaction, ring: int, group: int, columns: list[int]) -> None:
        prefix = RING_KEY.pack(ring, group, 0, 0)[:5]
        for key in [bytes(key) for key, _ in items_from(txn, self._db["rings"], prefix)]:
            found = draft.store.found(key)
            if found is None:
                continue
            if found.form in (OPEN, CLOSED):
                self._blank_tile(draft, key, found, group, columns)
            else:
                Sealer(draft, ring, group).blank(found.number, columns)

    def _blank_tile(self, draft: Draft, key: bytes, found: Found, group: int, columns: list[int]) -> None:
        home = home_of(RING_KEY.unpack(key)[0], group)
        if found.form == CLOSED:
            rows = without(decode_closed(found.stored, found.where, group), columns)
            if len(rows):
                draft.put(key, encode_closed(found.number, rows, home))
            else:
                draft.delete(key)
            return
        pieces = decode_blocks(found.stored, found.where, group, PERIODS_PER_SPAN)
        rows = without(joined(pieces, measured=kind_of_group(group) is Kind.VALUE), columns)
        # An open tile stays, even without a row: the group's state says that it is there.
        draft.put(key, encode_blocks(OPEN, found.number, reduce(rows, PERIODS_PER_SPAN), PERIODS_PER_SPAN, home))

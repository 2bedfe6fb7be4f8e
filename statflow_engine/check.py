"""Walks a store and yields a sentence for every broken invariant. What must always hold:

* every name leads to one series and back; ids are never given twice; every id with a cell is in the catalog,
  in a trash, or dead;
* every record of the journal is whole, and their rows are counted without a gap;
* everything in the rings says that it belongs where it lies, and its checksums are right;
* a group's state names just the tiles that are open; tiles of spans that are over are closed, and those of chapters
  that are over are in books;
* no cell is empty; a min is not above its max; a cell of one point has it as sum, min and max;
* a coarse cell equals the roll-up of the finer ring's for every coarse period that the finer ring reaches whole:
  count, min and max exactly, sums to 1e-12 of the sum of magnitudes.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import lmdb
import numpy as np

from statflow_engine.errors import CorruptionError, StatFlowError
from statflow_engine.kinds import SERIES_PER_GROUP, column_of, kind_of, kind_of_group, ordinal_of
from statflow_engine.pure.cells import Cells, Floats, Ints, reduce, roll_up, stretches
from statflow_engine.pure.groups import GroupState
from statflow_engine.pure.records import decode_columns
from statflow_engine.pure.rings import EARLY_S, PERIODS_PER_SPAN
from statflow_engine.pure.schema import Schema
from statflow_engine.pure.strips import cut_strips, decode_strip
from statflow_engine.pure.tiles import BOOK, CLOSED, LATE, OPEN, decode_blocks, decode_closed
from statflow_engine.reading.reader import Asked, Reader
from statflow_engine.store import checked
from statflow_engine.store.catalog import Catalog
from statflow_engine.store.environment import Databases, items_from
from statflow_engine.store.journal import FoldCursor, Journal
from statflow_engine.store.journal_view import JournalView
from statflow_engine.store.storage import RING_KEY, KeyText, RingStore, group_of_key

# Databases whose values carry nothing but a checksum of key and value, and that no other walk reads.
SMALL_VALUES = ("meta", "meters", "idempotency", "idempotency_order", "names", "dead", "trash")

# Sums are added in different orders on the way up; each addition may be off by half a unit in the last of 53 bits.
SUM_TOLERANCE = 1e-12


def check_store(
    schema: Schema, txn: lmdb.Transaction, db: Databases, journal: Journal, catalog: Catalog, now_s: int
) -> Iterator[str]:
    """A sentence for everything in the store that breaks an invariant.

    Args:
        now_s: the engine's clock; where points were received later than that, the last such moment counts instead.
    """
    yield from _told(_check_catalog(txn, db, catalog))
    yield from _told(_check_journal(txn, db, journal, catalog))
    for db_name in SMALL_VALUES:
        yield from _told(_check_checksums(txn, db, db_name))
    yield from _told(_check_rings(schema, txn, db, journal, catalog, now_s))


def _told(sentences: Iterator[str]) -> Iterator[str]:
    """The sentences, and one for the damage that keeps from going on."""
    try:
        yield from sentences
    except CorruptionError as error:
        yield str(error)


def _check_checksums(txn: lmdb.Transaction, db: Databases, db_name: str) -> Iterator[str]:
    for key, stored in items_from(txn, db[db_name], b""):
        if (db_name, key) == ("meta", b"format"):
            continue  # It has no checksum, so that any version can read it.
        try:
            checked.without_checksum(db_name, bytes(key), stored)
        except CorruptionError as error:
            yield str(error)


# -- catalog and journal -----------------------------------------------------------------------------------------------


def _check_catalog(txn: lmdb.Transaction, db: Databases, catalog: Catalog) -> Iterator[str]:
    given = catalog.ordinals(txn)
    seen: set[int] = set()
    for namespace in catalog.namespaces(txn):
        series = list(catalog.series(txn, namespace))
        count = catalog.series_count(txn, namespace)
        if count != len(series):
            yield f'namespace "{namespace}" counts {count} series and has {len(series)}'
        for each in series:
            try:
                found = catalog.look_up(txn, namespace, [each.name]).get(each.name)
            except CorruptionError as error:
                yield str(error)
                continue
            if found != each.id:
                yield f'series {each.id} is called "{each.name}", and that name leads to {found}'
        for id_ in [each.id for each in series] + [each.id for each in catalog.trash(txn, namespace)]:
            if id_ in seen:
                yield f"id {id_} was given twice"
            seen.add(id_)
    dead = catalog.dead(txn)
    yield from (f"series {id_} is dead, and in the catalog or a trash too" for id_ in dead if id_ in seen)
    for id_ in seen.union(dead):
        if ordinal_of(id_) >= given[kind_of(id_)]:
            yield f"id {id_} is in use but was never given: {given[kind_of(id_)]} {kind_of(id_)} ids were"
    if txn.stat(db["names"])["entries"] != txn.stat(db["series"])["entries"]:
        yield "names and series are not equally many"


def _check_journal(txn: lmdb.Transaction, db: Databases, journal: Journal, catalog: Catalog) -> Iterator[str]:
    cursor = FoldCursor.read(txn, db)
    position_wanted, rows_wanted, given = cursor.done + 1, cursor.done_rows, catalog.ordinals(txn)
    for position, record in journal.after(txn, 0):
        try:
            head = journal.head(record, position)
            ids = decode_columns(record, f"record {position}").series_ids
        except CorruptionError as error:
            yield str(error)
            continue
        if (position, head.rows_before) != (position_wanted, rows_wanted):
            yield (
                f"record {position} comes behind {head.rows_before} rows, "
                f"wanted record {position_wanted} behind {rows_wanted}"
            )
        for id_ in np.unique(ids).tolist():
            if ordinal_of(id_) >= given[kind_of(id_)]:
                yield f"record {position} has points of series {id_}, an id that was never given"
        position_wanted, rows_wanted = position + 1, head.rows_after
    if cursor.window_last >= position_wanted:
        yield f"the fold's window ends at record {cursor.window_last}, the journal at {position_wanted - 1}"


def _check_rings(
    schema: Schema, txn: lmdb.Transaction, db: Databases, journal: Journal, catalog: Catalog, now_s: int
) -> Iterator[str]:
    # What is left of the others, the next purge blanks.
    known = catalog.known_ids(txn) | set(catalog.dead(txn, only_unblanked=True))
    walk = _RingWalk(schema, txn, db, known)
    yield from walk.sentences()
    if walk.whole:
        waiting = (journal.head(record, position).received_s for position, record in journal.after(txn, 0))
        latest_s = max(now_s, walk.received_s, *waiting)
        yield from _check_rollups(schema, txn, db, journal, walk.groups, latest_s)


# -- rings -------------------------------------------------------------------------------------------------------------


class _RingWalk:
    """Decodes everything in the rings and compares it with the groups' states."""

    def __init__(self, schema: Schema, txn: lmdb.Transaction, db: Databases, known_ids: set[int]) -> None:
        self._schema = schema
        self._txn = txn
        self._db = db
        self._known = known_ids
        self._store = RingStore.of(schema, txn, db)
        self._states: dict[int, GroupState] = {}
        self._open: set[tuple[int, int, int]] = set()
        self.whole = True
        self.received_s = 0

    @property
    def groups(self) -> list[int]:
        """Groups that have a state."""
        return sorted(self._states)

    def sentences(self) -> Iterator[str]:
        for sentence in self._all():
            self.whole = False
            yield sentence

    def _all(self) -> Iterator[str]:
        yield from self._check_states()
        for key, _ in items_from(self._txn, self._db["rings"], b""):
            if len(key) != RING_KEY.size or key[0] >= len(self._schema.rings):
                yield f"the key {bytes(key).hex()} is none of these rings"
                continue
            try:
                yield from self._check_item(bytes(key))
            except StatFlowError as error:
                yield str(error)
        for group, state in self._states.items():
            for ring, spans in enumerate(state.open_spans):
                for span in spans:
                    if (ring, group, span) not in self._open:
                        yield f"group {group} has span {span} of ring {ring} open, but there is no such tile"

    def _check_states(self) -> Iterator[str]:
        for key, value in items_from(self._txn, self._db["groups"], b""):
            try:
                group = group_of_key(key)
                state = GroupState.decode(value, f"state of group {group}")
            except CorruptionError as error:
                yield str(error)
                continue
            self._states[group] = state
            self.received_s = max(self.received_s, int(state.received_s.max()))
            for ring, (until, spans) in enumerate(zip(state.closed_until, state.open_spans, strict=True)):
                if list(spans) != sorted(set(spans)) or any(span < until for span in spans):
                    yield f"group {group}, ring {ring}: closed until span {until}, but spans {spans} are open"

    def _check_item(self, key: bytes) -> Iterator[str]:
        found = self._store.found(key)
        assert found is not None
        ring, group, _, _ = RING_KEY.unpack(key)
        state = self._states.get(group)
        if state is None:
            yield f"{KeyText(key)}: its group has no state"
            return
        geometry = self._schema.rings[ring]
        until = state.closed_until[ring]
        where = KeyText(key)
        if found.form == OPEN:
            self._open.add((ring, group, found.number))
            if found.number not in state.open_spans[ring]:
                yield f"{where} is open, but its group's state does not say so"
        elif found.form == CLOSED and found.number >= until:
            yield f"{where} is closed, but its span {found.number} is not over: spans below {until} are"
        elif found.form == CLOSED and self._unsealed_for_long(ring, group, geometry.chapter_of_span(found.number)):
            yield f"{where} is of chapter {geometry.chapter_of_span(found.number)}, which should be sealed"
        for cells in self._decoded(key, found.form, found.number, bytes(found.stored)):
            yield from self._check_cells(where, cells)

    def _unsealed_for_long(self, ring: int, group: int, chapter: int) -> bool:
        """Whether a chapter of this lap is over, so that it should have no tiles any more."""
        geometry = self._schema.rings[ring]
        newest = geometry.chapter_of_span(self._states[group].closed_until[ring])
        return newest - geometry.place_count < chapter < newest

    def _decoded(self, key: bytes, form: int, number: int, stored: bytes) -> Iterator[Cells]:
        ring, group, _, _ = RING_KEY.unpack(key)
        where, geometry = KeyText(key), self._schema.rings[ring]
        if form == CLOSED:
            yield decode_closed(stored, where, group)
        elif form in (OPEN, LATE):
            unit = PERIODS_PER_SPAN if form == OPEN else geometry.periods_per_chapter
            yield from decode_blocks(stored, where, group, unit)
        elif form == BOOK:
            for column, strip in enumerate(cut_strips(stored, where)):
                if strip:
                    id_ = group * SERIES_PER_GROUP + column
                    strip_text = f"{where}, column {column}"
                    yield decode_strip(strip, strip_text, id_, number, geometry.periods_per_chapter).cells(id_)

    def _check_cells(self, where: object, cells: Cells) -> Iterator[str]:
        for id_ in np.unique(cells.series_ids).tolist():
            if id_ not in self._known:
                yield f"{where} has cells of series {id_} (column {column_of(id_)}), which nobody knows"
        if bool((cells.counts < 1).any()):
            yield f"{where} has a cell without a point"
        if not bool(np.isfinite(cells.sums).all()):
            yield f"{where} has a sum that is not finite"
        if cells.mins is None or cells.maxs is None:
            return
        if not bool((cells.mins <= cells.maxs).all()):
            yield f"{where} has a min above its max"
        single = cells.counts == 1
        if bool(((cells.mins != cells.sums) | (cells.maxs != cells.sums))[single].any()):
            yield f"{where} has a cell of one point that is not its min and max"


# -- roll-ups ----------------------------------------------------------------------------------------------------------


def _check_rollups(
    schema: Schema, txn: lmdb.Transaction, db: Databases, journal: Journal, groups: list[int], now_s: int
) -> Iterator[str]:
    reader = Reader(schema, txn, db, JournalView(schema, journal))
    for group in groups:
        ids = np.arange(SERIES_PER_GROUP, dtype=np.int64) + group * SERIES_PER_GROUP
        for fine, coarse in pairwise(range(len(schema.rings))):
            yield from _check_rollup(schema, reader, group, ids, (fine, coarse), now_s)


def _check_rollup(
    schema: Schema, reader: Reader, group: int, ids: Ints, pair: tuple[int, int], now_s: int
) -> Iterator[str]:
    fine, coarse = (schema.rings[index] for index in pair)
    factor = coarse.resolution_s // fine.resolution_s
    # For every point received until now the finer ring reached at least so far back: none came to the coarser only.
    first = -(-fine.reach_s(now_s) // coarse.resolution_s)
    end = (now_s + EARLY_S) // coarse.resolution_s + 1
    if end <= first:
        return
    fine_cells = reader.cells(Asked(pair[0], group, ids, first * factor, end * factor))
    wanted = _reduced(roll_up(fine_cells, factor), first, end)
    magnitudes = _reduced(roll_up(_magnitudes(fine_cells), factor), first, end).sums
    found = _reduced(reader.cells(Asked(pair[1], group, ids, first, end)), first, end)
    where = f"ring {pair[1]}, {kind_of_group(group)} group {group}"
    yield from _differences(where, f"the roll-up of ring {pair[0]}", wanted, found, magnitudes)


def _differences(where: str, source: str, wanted: Cells, found: Cells, magnitudes: Floats) -> Iterator[str]:
    if len(wanted) != len(found) or not bool(
        ((wanted.series_ids == found.series_ids) & (wanted.periods == found.periods)).all()
    ):
        yield f"{where}: cells do not lie where {source} has them{_first_difference(wanted, found)}"
        return
    for column in ("counts", "mins", "maxs"):
        left, right = getattr(wanted, column), getattr(found, column)
        if left is not None and not np.array_equal(left, right):
            at = int(np.flatnonzero(left != right)[0])
            yield f"{where}: {column} differ from {source}{_cell_text(wanted, at)}"
    off = np.abs(wanted.sums - found.sums) > SUM_TOLERANCE * magnitudes
    if bool(off.any()):
        at = int(np.flatnonzero(off)[0])
        yield f"{where}: sums differ from {source}{_cell_text(wanted, at)}"


def _reduced(loose: Cells, first: int, end: int) -> Cells:
    """Cells of the periods [first, end), by series and period."""
    inside = loose.take((loose.periods >= first) & (loose.periods < end))
    reduced = reduce(inside, 1 << 40)
    assert len(stretches(reduced.series_ids, reduced.periods)) == len(reduced)
    return reduced


def _magnitudes(loose: Cells) -> Cells:
    """The same cells with the sums of magnitudes, as far as rows tell, in place of sums."""
    sums = np.abs(loose.sums)
    if loose.mins is not None and loose.maxs is not None:
        sums = np.maximum(np.abs(loose.mins), np.abs(loose.maxs)) * loose.counts
    return replace(loose, sums=sums)


def _first_difference(wanted: Cells, found: Cells) -> str:
    left = set(zip(wanted.series_ids.tolist(), wanted.periods.tolist(), strict=True))
    right = set(zip(found.series_ids.tolist(), found.periods.tolist(), strict=True))
    series_id, period = min(left ^ right)
    return f": series {series_id}, period {period} is only {'there' if (series_id, period) in left else 'here'}"


def _cell_text(cells: Cells, at: int) -> str:
    return f": series {cells.series_ids[at]}, period {cells.periods[at]}"

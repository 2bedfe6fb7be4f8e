"""The checker can fail: a store that is broken in just one way yields the sentence for it."""

import struct

import numpy as np
import pytest

import statflow_engine
from statflow_engine import Kind
from statflow_engine.pure.cells import Cells
from statflow_engine.pure.groups import GroupState
from statflow_engine.pure.records import encode_record
from statflow_engine.pure.rings import PERIODS_PER_SPAN
from statflow_engine.pure.schema import Schema
from statflow_engine.pure.tiles import OPEN, decode_closed, encode_blocks, encode_closed
from statflow_engine.store.storage import GROUP_KEY, home_of, tile_key
from tests.backdoor import contents, copied, plant, sealed
from tests.clocks import START_S, StoppedClock
from tests.story import END_S, SCHEMA, told_file

# Rings of which the finer reaches back days, so that there is something to compare roll-ups in.
LONG_SCHEMA = "1m:4d, 1h:30d"

# Databases that the tests here read without the checksums.
SEALED = ("meta", "namespaces", "names", "series")


class Broken:
    """A store that is told, as the tests see and break it."""

    def __init__(self, folder, schema):
        self.folder = folder
        self.schema = Schema.parse(schema)
        self.store = contents(folder)
        for database in SEALED:
            self.store[database] = {key: value[:-4] for key, value in self.store[database].items()}

    def plant(self, database, key, value):
        """Change one value."""
        plant(self.folder, database, key, value)

    def plant_small(self, database, key, value):
        """Change one of the small values, which end in a checksum; what is in the store is without."""
        self.plant(database, key, None if value is None else sealed(key, value))

    def id_of(self, name, namespace="zoo"):
        """(key in names, key in series, id) of a living series."""
        number = next(value[:4] for value in self.store["namespaces"].values() if value[12:] == namespace.encode())
        key = next(k for k, v in self.store["series"].items() if k[:4] == number and v[8:] == name.encode())
        return next(k for k, v in self.store["names"].items() if v == key), key, struct.unpack(">I", key[4:])[0]

    def state(self, group):
        """What a group has reached."""
        return GroupState.decode(self.store["groups"][GROUP_KEY.pack(group)], "state")

    def plant_state(self, group, closed_until, open_spans):
        """Change what a group has reached."""
        state = GroupState(tuple(closed_until), tuple(open_spans), self.state(group).received_s)
        self.plant("groups", GROUP_KEY.pack(group), state.encode())

    def plant_closed(self, group, rows, span=None):
        """Put other rows, of columns (column, period in span, count, sum, min, max), into a closed tile of ring 0."""
        span = self.closed_span(group) if span is None else span
        ids, periods, counts, sums, mins, maxs = (np.array(column) for column in zip(*rows, strict=True))
        measured = group % 2 == Kind.VALUE
        cells = Cells(
            ids + group * 64,
            periods + span * PERIODS_PER_SPAN,
            counts.astype(np.int64),
            sums.astype(np.float64),
            mins.astype(np.float64) if measured else None,
            maxs.astype(np.float64) if measured else None,
        )
        self.plant("rings", tile_key(self.schema, 0, group, span), encode_closed(span, cells, home_of(0, group)))

    def closed_span(self, group):
        """The last span of ring 0 that is closed and has a tile."""
        until = self.state(group).closed_until[0]
        return max(
            span for span in range(until - 40, until) if self.is_closed(tile_key(self.schema, 0, group, span), span)
        )

    def is_closed(self, key, span):
        """Whether the closed tile of that span lies there."""
        stored = self.store["rings"].get(key, b"\0")
        return stored[0] == 2 and int.from_bytes(stored[4:12], "little") == span

    def sentences(self, now_s=END_S):
        """What the check says at a moment."""
        with statflow_engine.open(self.folder, clock=StoppedClock(now_s)) as engine:
            return list(engine.check())


@pytest.fixture(scope="module")
def stories(tmp_path_factory):
    """A folder by schema: the story, and one of rings that are compared."""
    short, long = tmp_path_factory.mktemp("short"), tmp_path_factory.mktemp("long")
    (short / "data.mdb").write_bytes(told_file())
    clock = StoppedClock(END_S - 3 * 86_400)
    with statflow_engine.open(long, schema=LONG_SCHEMA, clock=clock) as engine:
        for _ in range(36):
            times_s = engine.now_s() - np.arange(0, 7_200, 300)
            for kind in Kind:
                engine.write([str(kind)] * len(times_s), kind, times_s, np.arange(len(times_s)), namespace="zoo")
            clock.advance(7_200)
            engine.fold()
        # A span is closed when something arrives after it.
        engine.write(["counter", "value"], list(Kind), None, [1.0, 1.0], namespace="zoo")
        engine.fold()
    return {SCHEMA: short, LONG_SCHEMA: long}


@pytest.fixture
def broken(stories, tmp_path):
    """A copy of the story's store, to be broken."""
    return Broken(copied(stories[SCHEMA], tmp_path), SCHEMA)


@pytest.fixture
def long_broken(stories, tmp_path):
    """A copy of a store of longer rings, to be broken."""
    return Broken(copied(stories[LONG_SCHEMA], tmp_path), LONG_SCHEMA)


def assert_says(broken, said):
    """The check says it, and perhaps what follows from it."""
    sentences = broken.sentences()

    assert any(said in sentence for sentence in sentences), sentences


@pytest.mark.parametrize("schema", [SCHEMA, LONG_SCHEMA])
def test_a_whole_store_yields_nothing(stories, tmp_path, schema):
    assert Broken(copied(stories[schema], tmp_path), schema).sentences() == []


# -- the catalog -------------------------------------------------------------------------------------------------------


def test_a_wrong_count_of_series(broken):
    key, value = next((k, v) for k, v in broken.store["namespaces"].items() if v.endswith(b"zoo"))
    (count,) = struct.unpack("<Q", value[4:12])
    broken.plant_small("namespaces", key, value[:4] + struct.pack("<Q", count + 1) + value[12:])

    assert_says(broken, f'namespace "zoo" counts {count + 1} series and has {count}')


def test_a_name_that_leads_to_another_series(broken):
    name_key, _, _ = broken.id_of("clicks")
    _, other_key, _ = broken.id_of("animal 3")
    broken.plant_small("names", name_key, other_key)

    assert_says(broken, 'name "clicks"')


def test_a_name_that_leads_nowhere(broken):
    name_key, _, id_ = broken.id_of("clicks")
    broken.plant_small("names", name_key, None)

    assert_says(broken, f'series {id_} is called "clicks", and that name leads to None')
    assert_says(broken, "names and series are not equally many")


def test_an_id_in_the_catalog_and_in_the_trash(broken):
    _, series_key, id_ = broken.id_of("clicks")
    broken.plant_small("trash", series_key, struct.pack("<qq", START_S, START_S) + b"clicks")

    assert_says(broken, f"id {id_} was given twice")


def test_an_id_in_two_namespaces(broken):
    _, series_key, id_ = broken.id_of("clicks")
    _, other_key, _ = broken.id_of("clicks", "owner:live")
    broken.plant_small("series", other_key[:4] + series_key[4:], struct.pack("<q", START_S) + b"clicks")

    assert_says(broken, f"id {id_} was given twice")


def test_an_id_that_is_dead_and_alive(broken):
    _, series_key, id_ = broken.id_of("clicks")
    broken.plant_small("dead", series_key[4:], b"\0")

    assert_says(broken, f"series {id_} is dead, and in the catalog or a trash too")


def test_an_id_that_was_never_given(broken):
    counters, values = struct.unpack("<QQ", broken.store["meta"][b"ordinals"])
    broken.plant_small("meta", b"ordinals", struct.pack("<QQ", counters - 1, values))

    assert_says(broken, f"is in use but was never given: {counters - 1} counter ids were")


# -- the journal -------------------------------------------------------------------------------------------------------


def test_a_record_is_missing(broken):
    first = min(broken.store["journal"])
    broken.plant("journal", first, None)
    position = int.from_bytes(first, "big")

    assert_says(broken, f"record {position + 1} comes behind")
    assert_says(broken, f"wanted record {position} behind")


def test_a_record_has_points_of_an_unknown_series(broken):
    last = int.from_bytes(max(broken.store["journal"]), "big")
    rows = sum(int.from_bytes(record[4:8], "little") for record in broken.store["journal"].values())
    rows += struct.unpack_from("<Q", broken.store["meta"][b"fold"], 8)[0]
    columns = np.array([64_000]), np.array([END_S]), np.array([1.0])
    record = encode_record(*columns, received_s=END_S, rows_before=rows)
    broken.plant("journal", struct.pack(">Q", last + 1), record)

    assert_says(broken, f"record {last + 1} has points of series 64000, an id that was never given")


def test_the_folds_window_ends_behind_the_journal(broken):
    last = int.from_bytes(max(broken.store["journal"]), "big")
    cursor = bytearray(broken.store["meta"][b"fold"])
    struct.pack_into("<Q", cursor, 16, last + 5)
    broken.plant_small("meta", b"fold", bytes(cursor))

    assert_says(broken, f"the fold's window ends at record {last + 5}, the journal at {last}")


def test_a_damaged_record(broken):
    key, record = max(broken.store["journal"].items())
    broken.plant("journal", key, record[:-1] + b"\xff")

    assert_says(broken, f"record {int.from_bytes(key, 'big')}, ")


# -- rings -------------------------------------------------------------------------------------------------------------


def test_a_damaged_state(broken):
    key, state = max(broken.store["groups"].items())
    broken.plant("groups", key, state[:-1] + b"\xff")

    assert_says(broken, "state of group 2")


def test_a_state_whose_open_spans_are_closed(broken):
    state = broken.state(1)
    (span, *_) = state.open_spans[0]
    broken.plant_state(1, (span + 1, *state.closed_until[1:]), state.open_spans)

    assert_says(broken, f"group 1, ring 0: closed until span {span + 1}, but spans")


def test_a_state_whose_open_spans_are_out_of_order(broken):
    state = broken.state(1)
    broken.plant_state(1, state.closed_until, (state.open_spans[0][::-1], *state.open_spans[1:]))

    assert len(state.open_spans[0]) > 1
    assert_says(broken, f"closed until span {state.closed_until[0]}, but spans {state.open_spans[0][::-1]} are open")


def test_an_open_tile_that_the_state_does_not_have(broken):
    state = broken.state(1)
    broken.plant_state(1, state.closed_until, ((), *state.open_spans[1:]))

    assert_says(broken, "is open, but its group's state does not say so")


def test_an_open_tile_that_is_missing(broken):
    span = broken.state(1).open_spans[0][0]
    broken.plant("rings", tile_key(broken.schema, 0, 1, span), None)

    assert_says(broken, f"group 1 has span {span} of ring 0 open, but there is no such tile")


def test_a_tile_of_a_group_without_a_state(broken):
    broken.plant("groups", GROUP_KEY.pack(2), None)

    assert_says(broken, "group 2, place 0: its group has no state")


def test_a_tile_that_was_closed_too_early(broken):
    state, span = broken.state(1), broken.closed_span(1)
    broken.plant_state(1, (span, *state.closed_until[1:]), state.open_spans)

    assert_says(broken, f"is closed, but its span {span} is not over: spans below {span} are")


def test_a_tile_that_should_be_sealed(broken):
    chapter = broken.schema.rings[0].chapter_of_span(broken.state(2).closed_until[0]) - 1
    broken.plant_closed(2, [(0, 0, 1, 1.0, 1.0, 1.0)], span=chapter * 16)

    assert_says(broken, f"is of chapter {chapter}, which should be sealed")


def test_a_tile_that_belongs_elsewhere(broken):
    span = broken.closed_span(2)
    stored = broken.store["rings"][tile_key(broken.schema, 0, 2, span)]
    broken.plant("rings", tile_key(broken.schema, 0, 2, span + 3), stored)

    assert_says(broken, f"number {span} does not belong here")


def test_a_book_where_a_tile_belongs(broken):
    tile = tile_key(broken.schema, 0, 2, broken.closed_span(2))
    book = next(value for key, value in broken.store["rings"].items() if value[0] == 4 and key[:5] == tile[:5])
    broken.plant("rings", tile, book)

    assert_says(broken, "a book lies here")


@pytest.mark.parametrize(("ring", "group"), [(0, 0), (1, 2)], ids=["of_another_group", "of_another_ring"])
def test_a_tile_of_another_group_or_ring(broken, ring, group):
    span = broken.closed_span(2)
    stored = broken.store["rings"][tile_key(broken.schema, 0, 2, span)]
    broken.plant("rings", tile_key(broken.schema, ring, group, span), stored)

    chapter = broken.schema.rings[ring].chapter_of_span(span)
    place = broken.schema.rings[ring].place(chapter)
    assert_says(broken, f"of ring {ring}, group {group}, place {place}, byte 12: checksum")


@pytest.mark.parametrize("key", [b"abc", bytes(9), bytes(11), b"\x03" + bytes(9)])
def test_a_key_of_rings_that_no_writer_makes(broken, key):
    broken.plant("rings", key, next(iter(broken.store["rings"].values())))

    assert_says(broken, f"the key {key.hex()} is none of these rings")


@pytest.mark.parametrize(
    ("database", "said"), [("groups", "the key 616263 is no group"), ("journal", "the key 616263 is no position")]
)
def test_a_key_of_states_or_records_that_no_writer_makes(broken, database, said):
    broken.plant(database, b"abc", next(iter(broken.store[database].values())))

    assert_says(broken, said)


# -- cells -------------------------------------------------------------------------------------------------------------


def test_cells_of_a_series_that_nobody_knows(broken):
    broken.plant_closed(1, [(50, 0, 1, 1.0, 1.0, 1.0)])

    assert_says(broken, f"has cells of series {64 + 50} (column 50), which nobody knows")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ((0, 1, 0, 1.0, 1.0, 1.0), "has a cell without a point"),
        ((0, 1, 2, np.inf, 1.0, 1.0), "has a sum that is not finite"),
        ((0, 1, 2, np.nan, 1.0, 1.0), "has a sum that is not finite"),
        ((0, 1, 2, 3.0, 2.0, 1.0), "has a min above its max"),
        ((0, 1, 2, 3.0, np.nan, 1.0), "has a min above its max"),
        ((0, 1, 1, 3.0, 2.0, 3.0), "has a cell of one point that is not its min and max"),
        ((0, 1, 1, 3.0, 3.0, 4.0), "has a cell of one point that is not its min and max"),
    ],
)
def test_an_impossible_cell(broken, row, said):
    broken.plant_closed(1, [(0, 0, 5, 5.0, 0.0, 2.0), row])

    assert_says(broken, said)


# -- roll-ups ----------------------------------------------------------------------------------------------------------


def changed_closed(broken, group, **columns):
    """Change columns of the first row of a closed tile of ring 0."""
    span = broken.closed_span(group)
    stored = broken.store["rings"][tile_key(broken.schema, 0, group, span)]
    cells = decode_closed(stored, "tile", group)
    changed = {}
    for name in ("series_ids", "periods", "counts", "sums", "mins", "maxs"):
        column = getattr(cells, name)
        changed[name] = None if column is None else column.copy()
        if name in columns:
            changed[name][0] = columns[name]
    planted = Cells(**changed)
    broken.plant("rings", tile_key(broken.schema, 0, group, span), encode_closed(span, planted, home_of(0, group)))


@pytest.mark.parametrize(
    ("group", "columns", "said"),
    [
        (0, {"counts": 7}, "ring 1, counter group 0: counts differ from the roll-up of ring 0: series 0, period"),
        (0, {"sums": 1e6}, "ring 1, counter group 0: sums differ from the roll-up of ring 0: series 0, period"),
        (1, {"sums": 1e6, "mins": 1e6, "maxs": 1e6}, "ring 1, value group 1: maxs differ from the roll-up of ring 0"),
        (1, {"sums": -5, "mins": -5, "maxs": -5}, "ring 1, value group 1: mins differ from the roll-up of ring 0"),
    ],
)
def test_a_coarse_cell_that_is_not_the_roll_up_of_the_finer_ones(long_broken, group, columns, said):
    changed_closed(long_broken, group, **columns)

    assert_says(long_broken, said)


def test_a_coarse_cell_that_nothing_was_rolled_up_to(long_broken):
    long_broken.plant("rings", tile_key(long_broken.schema, 0, 0, long_broken.closed_span(0)), None)

    assert_says(long_broken, "ring 1, counter group 0: cells do not lie where the roll-up of ring 0 has them")
    assert_says(long_broken, "is only here")


def test_a_coarse_cell_that_is_missing(long_broken):
    state = long_broken.state(0)
    (span, *_) = state.open_spans[1]
    nothing = Cells(*(np.zeros(0, np.int64) for _ in range(3)), np.zeros(0), None, None)
    key = tile_key(long_broken.schema, 1, 0, span)
    long_broken.plant("rings", key, encode_blocks(OPEN, span, nothing, PERIODS_PER_SPAN, home_of(1, 0)))

    assert_says(long_broken, "is only there")


def test_the_oldest_coarse_period_that_the_finer_ring_reaches_whole_is_compared_still(long_broken):
    changed_closed(long_broken, 0, counts=7)
    minutes = long_broken.schema.finest
    hour_s = long_broken.closed_span(0) * PERIODS_PER_SPAN * 60 // 3_600 * 3_600
    last_s = hour_s + minutes.retention_s - minutes.resolution_s

    assert minutes.reach_s(last_s) == hour_s
    assert any("counts differ from the roll-up of ring 0" in said for said in long_broken.sentences(last_s))
    assert long_broken.sentences(last_s + minutes.resolution_s) == []


@pytest.mark.parametrize("folded", [False, True])
def test_points_received_later_than_the_clock_says_are_compared_by_the_moment_they_were_received(tmp_path, folded):
    """Of such a point the finer ring knows nothing, though by the clock it would reach back to it."""
    clock = StoppedClock(START_S - 5 * 3_600)
    with statflow_engine.open(tmp_path, schema=SCHEMA, clock=clock) as engine:
        engine.count("clicks")
        engine.fold()
        clock.set(START_S)
        engine.count("clicks", 1.0, START_S - 3 * 3_600)
        if folded:
            engine.fold()
        clock.set(START_S - 2 * 3_600)

        assert engine.schema.rings[0].reach_s(engine.now_s()) < START_S - 3 * 3_600
        assert [] == list(engine.check())


# -- small values ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("database", ["meters", "idempotency", "idempotency_order", "names", "dead", "trash"])
def test_every_small_value_that_does_not_fit_its_checksum(broken, database):
    entries = list(broken.store[database].items())[:3]
    for key, value in entries:
        broken.plant(database, key, (value if database not in SEALED else sealed(key, value))[:-1] + b"?")
    sentences = broken.sentences()

    for key, _ in entries:
        assert any(f'entry {key.hex()} of "{database}"' in sentence for sentence in sentences), sentences

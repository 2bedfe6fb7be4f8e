"""FORMAT.md is the authority: its example bytes are what the code writes and reads. So is a store of version 1."""

import json
import re
import zlib
from pathlib import Path

import pytest

import statflow_engine
from statflow_engine import FormatVersionError, Kind
from statflow_engine.kinds import SERIES_PER_GROUP
from statflow_engine.pure.cells import joined
from statflow_engine.pure.groups import GroupState
from statflow_engine.pure.records import decode_columns, decode_head, points_of
from statflow_engine.pure.rings import Ring
from statflow_engine.pure.strips import cut_strip, cut_strips, decode_strip
from statflow_engine.pure.tiles import FORM_NAMES, PackedRows, decode_blocks, decode_closed
from statflow_engine.pure.tiles import decode_head as decode_tile_head
from statflow_engine.store.journal import FoldCursor
from statflow_engine.store.storage import RING_KEY, RingStore
from tests.backdoor import DATABASES, contents, copied, plant
from tests.cells import rows_of
from tests.clocks import START_S, StoppedClock
from tests.engine.golden import examples as made
from tests.story import END_S, RETRY, RETRY_DECIDED, SCHEMA, answers, tell, told_file

GOLDEN = Path(__file__).parent / "golden" / "v1"
DOCUMENT = made.DOCUMENT.read_text(encoding="utf-8")
BYTES = made.parsed(DOCUMENT)
WRITTEN = made.examples()

# What another version of pcodec writes may differ; it must only read this.
READ_ONLY = {"strip by pcodec"}

# Of the examples that are entries: the database, and the bytes of the key.
KEY_SIZES = {
    "format": ("meta", 6),
    "schema": ("meta", 6),
    "epoch": ("meta", 5),
    "ordinals": ("meta", 8),
    "fold cursor": ("meta", 4),
    "namespace": ("namespaces", 16),
    "name": ("names", 16),
    "series": ("series", 8),
    "trashed series": ("trash", 8),
    "dead series": ("dead", 4),
    "meter": ("meters", 16),
    "remembered requests of a namespace": ("idempotency", 4),
    "remembered request": ("idempotency", 20),
    "order of a remembered request": ("idempotency_order", 28),
}


# -- the document ------------------------------------------------------------------------------------------------------


def test_the_document_has_its_eight_sections_in_order():
    assert re.findall(r"(?m)^## (\d)\. (\w+)", DOCUMENT) == [
        ("1", "Words"),
        ("2", "Grammar"),
        ("3", "Each"),
        ("4", "Invariants"),
        ("5", "Order"),
        ("6", "What"),
        ("7", "Example"),
        ("8", "Versions"),
    ]


def test_every_example_of_the_document_is_compared():
    assert list(BYTES) == list(WRITTEN)


@pytest.mark.parametrize("title", sorted(set(WRITTEN) - READ_ONLY))
def test_the_code_writes_the_bytes_of_the_document(title):
    _, example = WRITTEN[title]

    assert BYTES[title] == example.stored


@pytest.mark.parametrize("name", DATABASES)
def test_the_document_names_every_database(name):
    assert re.search(rf"\b{name}\b", DOCUMENT)


# -- the code reads the document's bytes -------------------------------------------------------------------------------


def test_the_record_is_read():
    record = BYTES["record"]
    points = points_of([decode_columns(record, "record 1")])

    assert points.series_ids.tolist() == [0, 64]
    assert points.timestamps_s.tolist() == [START_S - 60, START_S]
    assert points.values.tolist() == [1.0, 42.5]
    assert points.received_s.tolist() == [START_S, START_S]
    assert decode_head(record, "record 1").rows_before == 1_000


@pytest.mark.parametrize(
    ("title", "rows", "unit_periods", "number"),
    [
        ("open tile", [*made.OPEN_ROWS[0], *made.OPEN_ROWS[1]], 64, made.SPAN),
        ("late tile", made.LATE_ROWS, 1_024, made.CHAPTER),
    ],
)
def test_the_tiles_of_blocks_are_read(title, rows, unit_periods, number):
    stored = BYTES[title]

    assert rows_of(joined(decode_blocks(stored, "tile x", made.GROUP, unit_periods), measured=True)) == rows
    assert decode_tile_head(stored, "tile x", made.HOME)[2] == number


def test_the_closed_tile_is_read_whole_and_by_series():
    stored = BYTES["closed tile"]
    packed = PackedRows(Kind.VALUE)
    packed.cut(stored, "tile x", made.FIRST_ID + 2)

    assert rows_of(decode_closed(stored, "tile x", made.GROUP)) == made.CLOSED_ROWS
    assert rows_of(joined(packed.cells(), measured=True)) == made.CLOSED_ROWS[1:]


def test_the_book_is_read_whole_and_by_series():
    book, series_id = BYTES["book"], made.FIRST_ID + 1
    strip = cut_strip(book, "book x", 1)

    assert [bool(each) for each in cut_strips(book, "book x")] == [column == 1 for column in range(SERIES_PER_GROUP)]
    assert rows_of(decode_strip(strip, "strip x", series_id, made.CHAPTER, 1_024).cells(series_id)) == made.STRIP_ROWS


def test_the_strip_by_pcodec_is_read():
    assert rows_of(decode_strip(BYTES["strip by pcodec"], "strip x", 2, 0, 1_024).cells(2)) == made.LONG_STRIP_ROWS


def test_the_state_is_read():
    state = GroupState.decode(BYTES["state of a group"], "state x")

    assert (state.closed_until, state.open_spans) == (made.STATE.closed_until, made.STATE.open_spans)
    assert state.received_s.tolist() == made.STATE.received_s.tolist()


@pytest.mark.parametrize(
    ("key", "thing", "number"),
    [
        ("key of a tile", "open tile", made.SPAN),
        ("key of a tile", "closed tile", made.SPAN),
        ("key of a late tile", "late tile", made.CHAPTER),
        ("key of a book", "book", made.CHAPTER),
    ],
)
def test_the_examples_belong_at_the_example_keys(key, thing, number):
    found = RingStore(made.SCHEMA, {BYTES[key]: BYTES[thing]}.get, {}.get).found(BYTES[key])

    assert found is not None
    assert (FORM_NAMES[found.form], found.number) == (thing, number)
    assert RING_KEY.unpack(BYTES[key])[:2] == (made.RING, made.GROUP)


@pytest.mark.parametrize("key", ["key of a tile", "key of a late tile", "key of a book"])
def test_a_key_has_the_ten_bytes_that_the_document_says(key):
    place = (made.CHAPTER % made.SCHEMA.rings[made.RING].place_count).to_bytes(4, "big")
    item = {"key of a tile": made.SPAN % 16, "key of a late tile": 0xFE, "key of a book": 0xFF}[key]

    assert BYTES[key] == bytes([made.RING]) + made.GROUP.to_bytes(4, "big") + place + bytes([item])


@pytest.mark.parametrize("thing", ["open tile", "closed tile", "late tile", "book"])
def test_the_checksum_of_a_head_begins_with_the_first_five_bytes_of_the_key(thing):
    home = BYTES["key of a tile"][:5]

    assert int.from_bytes(BYTES[thing][12:16], "little") == zlib.crc32(home + BYTES[thing][:12])


def test_small_values_end_in_the_checksum_that_the_document_says():
    for title in KEY_SIZES:
        if title != "format":
            entry = BYTES[title]
            assert int.from_bytes(entry[-4:], "little") == zlib.crc32(entry[:-4]), title


def test_a_store_of_the_example_entries_is_read(tmp_path):
    clock = StoppedClock()
    statflow_engine.open(tmp_path, clock=clock).close()
    for title, (database, size) in KEY_SIZES.items():
        plant(tmp_path, database, BYTES[title][:size], BYTES[title][size:])

    with statflow_engine.open(tmp_path, clock=clock) as engine:
        found = engine.find("page views", namespace="owner:live")
        assert (found.id, found.kind, found.created_s) == (0, Kind.COUNTER, START_S)
        (trashed,) = engine.trash("owner:live")
        assert (trashed.id, trashed.name, trashed.deleted_s) == (1, "old", START_S)
        assert engine.meter("owner 2027-01") == 2
        retry = {"idempotency": "request 17", "fingerprint": b"body", "namespace": "owner:live"}
        receipt = engine.write(["page views"], 0, None, [1.0], **retry)
        assert (receipt.points, receipt.replayed) == (2, True)
        with engine._environment.read() as txn:
            assert FoldCursor.read(txn, engine._db) == FoldCursor(3, 4, 3, 0, 3, Ring(60, 129_600).span(START_S))
        engine.count("newer", namespace="owner:live")
        assert engine.find("newer", namespace="owner:live").id == 3


# -- invariants that are checked here ----------------------------------------------------------------------------------


def test_the_same_records_in_the_same_windows_give_the_same_bytes(tmp_path):
    clock = StoppedClock()
    with statflow_engine.open(tmp_path / "one", schema=SCHEMA, clock=clock) as engine:
        tell(engine, clock)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "data.mdb").write_bytes(told_file())
    stores = [contents(tmp_path / name) for name in ("one", "other")]

    for database in DATABASES:
        one, other = ({key: value for key, value in store[database].items() if key != b"lease"} for store in stores)
        assert one == other


def test_idempotency_its_order_and_its_counts_speak_of_the_same_requests(tmp_path, clock):
    with statflow_engine.open(tmp_path, clock=clock) as engine:
        for number in range(20):
            namespace = f"n{number % 3}"
            engine.write(["c"], 0, None, [1.0], namespace=namespace, idempotency=f"request {number % 15}")
            clock.advance(10_000)
    store = contents(tmp_path)

    counts = {key: value for key, value in store["idempotency"].items() if len(key) == 4}
    requests = {key: value for key, value in store["idempotency"].items() if len(key) == 20}
    assert {key[:4] + key[12:]: key[4:12] for key in store["idempotency_order"]} == {
        key: int.from_bytes(value[:8], "little").to_bytes(8, "big") for key, value in requests.items()
    }
    for number, count in counts.items():
        assert int.from_bytes(count[:8], "little") == sum(key[:4] == number for key in requests)


# -- the golden store --------------------------------------------------------------------------------------------------


@pytest.fixture
def golden(tmp_path, clock):
    """A copy of the store that version 1 wrote, at the moment at which its story ends."""
    clock.set(END_S)
    with statflow_engine.open(copied(GOLDEN, tmp_path), clock=clock) as engine:
        yield engine
        assert [] == list(engine.check())


def approximately(rows):
    """Rows whose sums are compared to rounding."""
    return [[pytest.approx(number, rel=1e-12, abs=1e-12) for number in row] for row in rows]


def test_the_golden_store_holds_something_of_everything(tmp_path):
    store = contents(copied(GOLDEN, tmp_path))

    assert [name for name in DATABASES if not store[name]] == []
    assert {value[0] for value in store["rings"].values()} == {1, 2, 3, 4}
    assert (GOLDEN / "data.mdb").stat().st_size < 200_000


@pytest.mark.parametrize("folded", [False, True])
def test_the_golden_store_answers_what_it_was_told(golden, folded):
    if folded:
        golden.fold()
    wanted = json.loads((GOLDEN / "answers.json").read_text())
    found = answers(golden)

    assert sorted(found) == sorted(wanted)
    assert {key: rows for key, rows in found.items() if rows != approximately(wanted[key])} == {}


def test_the_golden_store_knows_what_was_deleted(golden):
    (trashed,) = golden.trash("zoo")

    assert (trashed.name, trashed.kind) == ("animal 69", Kind.COUNTER)
    assert golden.restore(trashed.id, namespace="zoo").id == trashed.id
    with pytest.raises(LookupError):
        golden.find("animal 68", namespace="zoo")


def test_the_golden_store_knows_what_was_decided(golden):
    assert golden.meter("points of zoo") == 2
    receipt = golden.write(**RETRY, **RETRY_DECIDED)

    assert (receipt.points, receipt.replayed) == (2, True)


def test_the_golden_store_goes_on(golden, clock):
    golden.count("animal 1", 2.0, namespace="zoo")
    golden.count("new", namespace="zoo")
    clock.advance(3 * 86_400)
    golden.value("temperature", 1.0, namespace="zoo")
    golden.fold()

    rows = golden.query("animal 1", END_S - 3_600, END_S + 3_600, step="1h", namespace="zoo")
    assert rows.sums.sum() == 2.0


def test_a_store_of_a_newer_version_is_refused(tmp_path):
    folder = copied(GOLDEN, tmp_path)
    plant(folder, "meta", b"format", (2).to_bytes(4, "little"))

    with pytest.raises(FormatVersionError, match="this store has format 2; this version reads up to 1"):
        statflow_engine.open(folder)

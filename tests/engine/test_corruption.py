"""Bytes rot. For each named injury: right rows or the right error, never a silently wrong number.

The injuries are planted into the raw values of a store by a back door; then everything is asked of it. Pages of LMDB's
own are zeroed in a process of their own, which lmdb may end by an assertion.
"""

import json
import shutil
import signal
import subprocess
import sys
import zlib
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

import statflow_engine
from statflow_engine import Batch, CorruptionError, FormatVersionError, Kind, UnknownSeriesError
from statflow_engine.pure.schema import Schema
from statflow_engine.pure.tiles import encode_head
from statflow_engine.store.storage import BOOK_ITEM, LATE_ITEM, RING_KEY
from tests.backdoor import DATABASES, contents, copied, plant, sealed
from tests.cells import flipped
from tests.clocks import StoppedClock
from tests.story import END_S, RETRY, RETRY_DECIDED, SCHEMA, answers, told_file

RINGS = Schema.parse(SCHEMA).rings
GOLDEN = Path(__file__).parent / "golden" / "v1"

# Each as (database, how to know it by key and value), and how an error names it.
THINGS = {
    "record": ("journal", lambda key, value: True, "record"),
    "state": ("groups", lambda key, value: True, "state of group"),
    "open_tile": ("rings", lambda key, value: value[0] == 1 and value[1] > 1, "tile"),
    "closed_tile": ("rings", lambda key, value: value[0] == 2, "tile"),
    "late_tile": ("rings", lambda key, value: value[0] == 3, "late tile"),
    "book": ("rings", lambda key, value: value[0] == 4, "book|strip"),
}

INJURIES = {
    "cut_value": lambda value: value[: len(value) // 2],
    "cut_last_byte": lambda value: value[:-1],
    "emptied_value": lambda value: b"",
    "zeroed_value": lambda value: bytes(len(value)),
    "zeroed_tail": lambda value: value[: len(value) // 2] + bytes(len(value) - len(value) // 2),
    "grown_value": lambda value: value + b"\0",
}
BITS_FLIPPED = 6


@dataclass
class Outcome:
    """What became of an injured store.

    Attributes:
        rows: all answers; None when there was an error.
        error: its text; None when there was none.
        sentences: what the check said.
        rows_folded: all answers after a fold; None when that failed.
    """

    rows: dict | None
    error: str | None
    sentences: list[str]
    rows_folded: dict | None


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """The folder of a store whose story is told, its contents, and its answers."""
    folder = tmp_path_factory.mktemp("told")
    (folder / "data.mdb").write_bytes(told_file())
    with statflow_engine.open(folder, clock=StoppedClock(END_S)) as engine:
        rows = answers(engine)
    return folder, contents(folder), rows


@pytest.fixture
def outcome(told, tmp_path):
    """What becomes of a copy of the store with other values planted."""

    def asked(*plants) -> Outcome:
        folder = copied(told[0], tmp_path)
        for database, key, value in plants:
            plant(folder, database, key, value)
        with statflow_engine.open(folder, clock=StoppedClock(END_S)) as engine:
            rows, error = all_rows(engine)
            sentences = list(engine.check())
            try:
                engine.fold()
                folded, _ = all_rows(engine)
            except CorruptionError:
                folded = None
        return Outcome(rows, error, sentences, folded)

    return asked


def all_rows(engine):
    """(every answer, None), or (None, the text of a CorruptionError)."""
    try:
        return answers(engine), None
    except CorruptionError as error:
        return None, str(error)


def things(store, thing):
    """(database, key, value) of all things of one sort that a store holds."""
    database, known, _ = THINGS[thing]
    return [(database, key, value) for key, value in store[database].items() if known(key, value)]


def assert_noticed(found, right, named):
    """The answers are right or an error names where; the check speaks; folding makes nothing wrong."""
    assert found.rows in (right, None)
    assert found.rows is not None or any(name in found.error for name in named.split("|")), found.error
    assert found.sentences
    assert found.rows_folded in (right, None)


# -- values ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("injury", list(INJURIES))
@pytest.mark.parametrize("thing", list(THINGS))
def test_an_injured_value_is_noticed(told, outcome, thing, injury):
    _, store, right = told
    for database, key, value in things(store, thing)[:2]:
        injured = INJURIES[injury](value)
        if injured != value:
            assert_noticed(outcome((database, key, injured)), right, THINGS[thing][2])


@pytest.mark.parametrize("thing", list(THINGS))
def test_a_flipped_bit_is_noticed(told, outcome, thing):
    _, store, right = told
    database, key, value = things(store, thing)[0]
    for number in range(BITS_FLIPPED):
        injured = flipped(value, len(value) * 8 * number // BITS_FLIPPED + number)

        assert_noticed(outcome((database, key, injured)), right, THINGS[thing][2])


@pytest.mark.parametrize("thing", ["closed_tile", "late_tile", "book"])
def test_series_beside_the_damage_are_answered(told, tmp_path, thing):
    _, store, right = told
    database, key, value = things(store, thing)[-1]
    folder = copied(told[0], tmp_path)
    plant(folder, database, key, flipped(value, len(value) * 8 - 3))
    with statflow_engine.open(folder, clock=StoppedClock(END_S)) as engine:
        wanted = right["zoo/animal 1 1m:2h"]
        window = engine.query("animal 1", RINGS[0].reach_s(END_S), END_S, step=60, namespace="zoo")

        assert [row for row in window.counts.tolist() if row] == [row[1] for row in wanted]


# -- places ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("thing", ["open_tile", "closed_tile", "late_tile", "book"])
def test_wrong_place(told, outcome, thing):
    """A copy of a thing that lies where another one did: next to it, in another group, in another ring."""
    _, store, right = told
    for database, key, value in things(store, thing)[:3]:
        for other, replaced in store["rings"].items():
            item, other_item = RING_KEY.unpack(key)[3], RING_KEY.unpack(other)[3]
            both_tiles = item < LATE_ITEM and other_item < LATE_ITEM
            if other != key and replaced != value and (both_tiles or item == other_item):
                found = outcome((database, other, value))

                assert found.rows in (right, None), (key.hex(), other.hex())
                assert found.sentences, (key.hex(), other.hex())


def test_a_state_of_another_group_is_noticed(told, outcome):
    _, store, right = told
    (one, _), (_, other), *_ = store["groups"].items()

    found = outcome(("groups", one, other))
    assert found.rows in (right, None)
    assert found.sentences


@pytest.mark.parametrize("laps", [-1, 1])
@pytest.mark.parametrize("thing", ["closed_tile", "late_tile", "book"])
def test_other_lap_reads_as_nothing(told, outcome, thing, laps):
    _, store, _ = told
    # The last ones are of rings that show them.
    for database, key, value in things(store, thing)[-3:]:
        ring, _, _, item = RING_KEY.unpack(key)
        geometry = RINGS[ring]
        units = 1 if item in (LATE_ITEM, BOOK_ITEM) else geometry.spans_per_chapter
        found = outcome((database, key, renumbered(value, key, laps * geometry.place_count * units)))

        assert found.rows is not None
        assert found.rows == outcome((database, key, None)).rows


def test_other_lap_of_an_open_tile_is_noticed(told, outcome):
    _, store, right = told
    for database, key, value in things(store, "open_tile"):
        geometry = RINGS[RING_KEY.unpack(key)[0]]
        lap = geometry.place_count * geometry.spans_per_chapter

        assert_noticed(outcome((database, key, renumbered(value, key, -lap))), right, "tile")


def test_missing_open_tile(told, outcome):
    _, store, right = told
    for database, key, _ in things(store, "open_tile"):
        assert_noticed(outcome((database, key, None)), right, "tile")


def renumbered(value, key, by):
    """A whole tile or book of another number."""
    number = int.from_bytes(value[4:12], "little", signed=True)
    return encode_head(value[0], value[1], number + by, zlib.crc32(key[:5])) + value[16:]


# -- what is small -----------------------------------------------------------------------------------------------------


SMALL_INJURIES = ["cut_value", "cut_last_byte", "emptied_value", "zeroed_value", "grown_value", "flipped_bit"]
SMALL_DATABASES = [name for name in DATABASES if name not in ("journal", "groups", "rings", "meta")]


def injured_values(value, injury):
    """A value injured in one way; by flipped bits in several places."""
    if injury in INJURIES:
        return [INJURIES[injury](value)]
    return [flipped(value, len(value) * 8 * number // BITS_FLIPPED + number) for number in range(BITS_FLIPPED)]


@pytest.mark.parametrize("injury", SMALL_INJURIES)
@pytest.mark.parametrize("database", SMALL_DATABASES)
def test_an_injured_small_value_is_noticed(told, tmp_path, database, injury):
    _, store, _ = told
    for key in list(store[database])[-2:]:
        assert_small_injury_noticed(told, tmp_path, database, key, injury)


@pytest.mark.parametrize("injury", SMALL_INJURIES)
@pytest.mark.parametrize("key", ["schema", "ordinals", "fold", "epoch", "lease"])
def test_an_injured_entry_of_meta_is_noticed(told, tmp_path, key, injury):
    assert_small_injury_noticed(told, tmp_path, "meta", key.encode(), injury)


def assert_small_injury_noticed(told, tmp_path, database, key, injury):
    """Opening or every answer fails with a CorruptionError or the answers are right, and the check speaks."""
    folder, store, right = told
    for injured in injured_values(store[database][key], injury):
        plant(copied(folder, tmp_path), database, key, injured)
        try:
            with statflow_engine.open(tmp_path, clock=StoppedClock(END_S)) as engine:
                assert all_rows(engine)[0] in (right, None)
                assert list(engine.check())
        except CorruptionError:
            pass


@pytest.mark.parametrize("injury", SMALL_INJURIES)
def test_an_injured_version_is_refused(told, tmp_path, injury):
    folder, store, _ = told
    for injured in injured_values(store["meta"][b"format"], injury):
        plant(copied(folder, tmp_path), "meta", b"format", injured)
        with pytest.raises((CorruptionError, FormatVersionError)):
            statflow_engine.open(tmp_path, clock=StoppedClock(END_S)).close()


def test_an_injured_meter_is_damage(told, tmp_path):
    folder, store, _ = told
    ((key, value),) = store["meters"].items()
    plant(copied(folder, tmp_path), "meters", key, flipped(value, 3))
    with (
        statflow_engine.open(tmp_path, clock=StoppedClock(END_S)) as engine,
        pytest.raises(CorruptionError, match='of "meters"'),
    ):
        engine.meter("points of zoo")


def test_an_injured_remembered_request_is_damage(told, tmp_path):
    folder, store, _ = told
    key = max(store["idempotency"], key=len)
    plant(copied(folder, tmp_path), "idempotency", key, flipped(store["idempotency"][key], 3))
    with (
        statflow_engine.open(tmp_path, clock=StoppedClock(END_S)) as engine,
        pytest.raises(CorruptionError, match='of "idempotency"'),
    ):
        engine.write(**RETRY, **RETRY_DECIDED)


def test_a_batch_that_meets_damage_leaves_nothing_behind(told, tmp_path):
    """Its meter and its new series come before the count of remembered requests, which is damaged."""
    folder, store, _ = told
    key = min(store["idempotency"], key=len)
    plant(copied(folder, tmp_path), "idempotency", key, flipped(store["idempotency"][key], 3))
    with statflow_engine.open(tmp_path, clock=StoppedClock(END_S)) as engine:
        meant = Batch(["meant"], Kind.COUNTER, None, [1.0], meters=[("points", None)], namespace=RETRY["namespace"])
        spoilt = replace(meant, names=["spoilt"], idempotency="a key")
        fine, damaged = engine.stage(meant), engine.stage(spoilt)
        engine.commit()

        assert fine.result().points == 1
        with pytest.raises(CorruptionError, match='of "idempotency"'):
            damaged.result()
        assert engine.meter("points") == 1
        with pytest.raises(UnknownSeriesError):
            engine.find("spoilt", namespace=RETRY["namespace"])


def test_a_name_that_leads_to_another_series_is_damage(told, tmp_path):
    folder, store, _ = told
    copied(folder, tmp_path)
    (one, value), (_, other_value), *_ = store["names"].items()
    value, other_value = value[:-4], other_value[:-4]
    plant(tmp_path, "names", one, sealed(one, other_value))
    names = {key: entry[8:-4].decode() for key, entry in store["series"].items()}
    namespaces = {entry[:4]: entry[12:-4].decode() for entry in store["namespaces"].values()}
    with statflow_engine.open(tmp_path, clock=StoppedClock(END_S)) as engine:
        with pytest.raises(CorruptionError, match=f'name "{names[value]}"'):
            engine.find(names[value], namespace=namespaces[value[:4]])
        assert engine.find(names[other_value], namespace=namespaces[other_value[:4]])


def test_a_missing_record_is_told(told, outcome):
    _, store, _ = told
    first, *_ = store["journal"]

    assert any("comes behind" in sentence for sentence in outcome(("journal", first, None)).sentences)


def test_a_missing_last_record_is_as_if_it_had_never_come(told, outcome):
    """Nothing tells it; only its own points are gone, and what comes next takes its position."""
    _, store, right = told
    found = outcome(("journal", max(store["journal"]), None))
    last = [key for key in right if key.startswith("owner:live/temperature ")]

    assert {key for key in right if found.rows[key] != right[key]} == set(last)
    assert all(found.rows[key] == right[key][:-1] for key in last[:1])
    assert found.sentences == []
    assert found.rows_folded == found.rows


@pytest.mark.parametrize(
    ("database", "key"),
    [
        *(("rings", key) for key in (b"\x09" + bytes(9), b"\x03" + bytes(9), b"abc", bytes(9), bytes(11))),
        *(("groups", key) for key in (b"abc", bytes(5))),
        *(("journal", key) for key in (b"abc", b"\xff" * 9)),
    ],
)
def test_a_key_that_no_writer_makes_is_told(told, outcome, database, key):
    _, store, right = told
    found = outcome((database, key, next(iter(store[database].values()))))

    assert found.rows in (right, None)
    assert found.sentences
    assert found.rows_folded in (right, None)


# -- the file ----------------------------------------------------------------------------------------------------------


def test_cut_file(told, tmp_path):
    size = (told[0] / "data.mdb").stat().st_size
    for kept in (size // 2, 8_192, size - 1):
        folder = copied(told[0], tmp_path)
        with (folder / "data.mdb").open("r+b") as file:
            file.truncate(kept)

        with pytest.raises(CorruptionError, match="cut short"):
            statflow_engine.open(folder)


@pytest.mark.parametrize("start", [b"x", b"SQLite format 3\0" * 300, bytes(4_096)])
def test_what_is_no_lmdb_file_is_refused_and_left_alone(tmp_path, start):
    (tmp_path / "data.mdb").write_bytes(start)

    with pytest.raises(CorruptionError, match="this is no LMDB file"):
        statflow_engine.open(tmp_path)
    assert (tmp_path / "data.mdb").read_bytes() == start


def test_newer_version_is_refused_before_anything_else_is_read(told, tmp_path):
    folder = copied(told[0], tmp_path)
    plant(folder, "meta", b"format", (7).to_bytes(4, "little"))
    plant(folder, "meta", b"schema", b"whatever 7 has here")

    with pytest.raises(FormatVersionError, match="format 7"):
        statflow_engine.open(folder)


def test_zeroed_page_of_a_large_value(told, tmp_path):
    """Values of more than half a page lie in pages of their own."""
    _, store, right = told
    value = max(store["rings"].values(), key=len)
    folder = copied(told[0], tmp_path)
    stored = bytearray((folder / "data.mdb").read_bytes())
    at = stored.rindex(value[:2_000])
    stored[at : at // 4_096 * 4_096 + 4_096] = bytes(at // 4_096 * 4_096 + 4_096 - at)
    (folder / "data.mdb").write_bytes(stored)
    with statflow_engine.open(folder, clock=StoppedClock(END_S)) as engine:
        assert all_rows(engine)[0] in (right, None)
        assert list(engine.check())


# LMDB 0.9 begins a file with two meta pages: where they have a magic number, and the root of the databases.
META_PAGES, MAGIC_AT, ROOT_AT = (0, 4_096), 16, 128


def test_a_root_that_is_no_page_is_damage(told, tmp_path):
    folder = copied(told[0], tmp_path)
    stored = bytearray((folder / "data.mdb").read_bytes())
    for page in META_PAGES:
        stored[page + ROOT_AT : page + ROOT_AT + 8] = (2**30).to_bytes(8, "little")
    (folder / "data.mdb").write_bytes(stored)

    with pytest.raises(CorruptionError, match="the store's file"):
        statflow_engine.open(folder)


@pytest.mark.parametrize("page", META_PAGES)
def test_a_meta_page_of_something_else_is_damage(told, tmp_path, page):
    folder = copied(told[0], tmp_path)
    stored = bytearray((folder / "data.mdb").read_bytes())
    stored[page + MAGIC_AT] ^= 1
    (folder / "data.mdb").write_bytes(stored)

    with pytest.raises(CorruptionError):
        statflow_engine.open(folder)


# Asks everything of the store that is named, and prints the answers or how they failed.
ASKING = """
import json, sys
import statflow_engine
from tests.clocks import StoppedClock
from tests.story import END_S, answers

try:
    with statflow_engine.open(sys.argv[1], clock=StoppedClock(END_S)) as engine:
        found = answers(engine)
        print(json.dumps([found, len(list(engine.check()))]))
except statflow_engine.CorruptionError:
    print("null")
"""


@pytest.mark.slow
def test_zeroed_page(tmp_path):
    """The right answers, or a CorruptionError, or the end of the process by lmdb's assertion; never a wrong number."""
    golden = (GOLDEN / "data.mdb").read_bytes()
    wanted = [json.loads((GOLDEN / "answers.json").read_text()), 0]
    for page in range(2, len(golden) // 4_096):
        zeroed = golden[: page * 4_096] + bytes(4_096) + golden[(page + 1) * 4_096 :]
        (tmp_path / "data.mdb").write_bytes(zeroed)
        asking = subprocess.run([sys.executable, "-c", ASKING, tmp_path], capture_output=True, text=True, check=False)

        if asking.returncode == 0:
            assert json.loads(asking.stdout) in (None, wanted), page
        else:
            assert asking.returncode == -signal.SIGABRT, (page, asking.stderr)
            assert "Assertion" in asking.stderr, (page, asking.stderr)


def test_a_copy_made_by_lmdb_is_a_store(told, tmp_path):
    shutil.copytree(told[0], tmp_path / "copy")
    with statflow_engine.open(tmp_path / "copy", clock=StoppedClock(END_S)) as engine:
        assert answers(engine) == told[2]
        assert [] == list(engine.check())

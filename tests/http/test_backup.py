"""``statflow backup`` and ``restore``: consistent copies of a folder that is written to."""

import os
import shutil
import subprocess
import sys
import threading
import time

import lmdb
import pytest

import statflow_engine
from statflow_engine import Limits
from statflow_engine.limits import MAP_BYTES_DEFAULT, MIB
from statflow_http.accounts.key_store import Keys
from statflow_http.documents.store import Documents
from statflow_http.moving import backup as copies
from statflow_http.moving.backup import UNCHOSEN_BYTES, BackupError, backup, restore
from tests.http.importing import place
from tests.http.live import serving

NAMESPACE = "owner:live"


@pytest.fixture
def data(tmp_path, clock):
    """A data folder with a stat and a key."""
    with place(tmp_path / "data", clock) as owner:
        owner.engine.count("views", 5, namespace=NAMESPACE)
        Keys(owner.documents).create("owner", int(clock()))
    return tmp_path / "data"


def views(folder, clock):
    with statflow_engine.open(folder, clock=clock) as engine:
        return float(engine.query("views", step="1d", namespace=NAMESPACE).sums.sum())


def test_a_folder_that_was_backed_up_and_restored_is_the_same(data, tmp_path, clock):
    backup(data, tmp_path / "copy")
    restore(tmp_path / "copy", tmp_path / "again")

    assert views(tmp_path / "again", clock) == 5.0
    documents = Documents(tmp_path / "again" / "accounts")
    assert len(Keys(documents).list("owner")) == 1
    documents.close()
    assert sorted(path.name for path in (tmp_path / "copy").rglob("*")) == ["accounts", "data.mdb", "data.mdb"]


def map_of(folder, clock, **options):
    with statflow_engine.open(folder, clock=clock, **options) as engine:
        return engine.status().map_bytes


def write_plenty(folder, clock):
    """Several times what a map of 10 MiB holds."""
    with statflow_engine.open(folder, clock=clock) as engine:
        for _ in range(30):
            engine.write([f"stat {n}" for n in range(1_000)] * 50, 0, None, [1.0] * 50_000, namespace=NAMESPACE)
        assert engine.query("stat 7", step="1d", namespace=NAMESPACE).sums.sum() == 1_500


@pytest.mark.parametrize("map_bytes", [MAP_BYTES_DEFAULT, 96 * MIB])
def test_a_copy_has_the_map_of_what_was_copied_and_takes_as_much(tmp_path, clock, map_bytes):
    limits = Limits(map_bytes=map_bytes)
    assert map_of(tmp_path / "data", clock, limits=limits) == map_bytes

    backup(tmp_path / "data", tmp_path / "copy")
    restore(tmp_path / "copy", tmp_path / "again")

    for folder in (tmp_path / "copy", tmp_path / "again"):
        assert map_of(folder, clock) == map_of(folder, clock, limits=limits) == map_bytes
        write_plenty(folder, clock)


def test_a_copy_with_another_map_is_not_finished(data, tmp_path, monkeypatch):
    monkeypatch.setattr(copies, "map_bytes_of", lambda _: UNCHOSEN_BYTES)

    with pytest.raises(BackupError, match=rf"has a map of {UNCHOSEN_BYTES} bytes, wanted {1 << 30}$"):
        backup(data, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def copied_by_lmdb(data, copy):
    """As lmdb's own tool copies: the map is what lmdb takes where nobody says a size."""
    for part in copies.PARTS:
        (copy / part).mkdir(parents=True, exist_ok=True)
        with lmdb.open(str(data / part), readonly=True, lib_version=0) as env:
            env.copy(str(copy / part), compact=True)


@pytest.mark.parametrize("is_large", [False, True])
def test_a_copy_whose_map_nobody_chose_gets_the_usual_one_when_it_is_restored(data, tmp_path, clock, is_large):
    if is_large:
        write_plenty(data, clock)
    copied_by_lmdb(data, tmp_path / "copy")
    before = map_of(tmp_path / "copy", clock)
    assert before > UNCHOSEN_BYTES if is_large else before == UNCHOSEN_BYTES

    restore(tmp_path / "copy", tmp_path / "again")

    assert map_of(tmp_path / "again", clock) == MAP_BYTES_DEFAULT
    assert views(tmp_path / "again", clock) == 5.0
    if not is_large:
        write_plenty(tmp_path / "again", clock)
    assert map_of(tmp_path / "copy", clock) == before


def test_a_restored_store_may_get_a_larger_map_but_no_smaller_one(data, tmp_path, clock):
    backup(data, tmp_path / "copy")

    restore(tmp_path / "copy", tmp_path / "again", map_bytes=2 * MAP_BYTES_DEFAULT)
    assert map_of(tmp_path / "again", clock) == 2 * MAP_BYTES_DEFAULT
    with pytest.raises(BackupError, match=f"can only grow: {MIB} were asked for"):
        restore(tmp_path / "copy", tmp_path / "third", map_bytes=MIB)
    assert not (tmp_path / "third").exists()


def test_copying_needs_nothing_of_a_server():
    code = "import sys, statflow_http.moving.backup; sys.exit('statflow_http.services' in sys.modules)"

    subprocess.run([sys.executable, "-c", code], check=True)


def test_only_its_owner_may_read_a_copy(data, tmp_path):
    backup(data, tmp_path / "copy")

    modes = {path.name: path.stat().st_mode & 0o777 for path in [tmp_path / "copy", *(tmp_path / "copy").rglob("*")]}
    assert modes == {"copy": 0o700, "accounts": 0o700, "data.mdb": 0o600}


@pytest.mark.parametrize("copy", [backup, restore])
def test_nothing_is_overwritten(data, tmp_path, copy):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "letter.txt").write_text("dear")

    with pytest.raises(BackupError, match="is there already: name a new folder"):
        copy(data, tmp_path / "there")
    with pytest.raises(BackupError, match="is there already"):
        copy(data, tmp_path / "there" / "letter.txt")
    with pytest.raises(BackupError, match="is there already"):
        copy(data, data)


@pytest.mark.parametrize(("copy", "text"), [(backup, "is no data folder"), (restore, "is no backup")])
def test_what_is_no_store_is_not_copied(tmp_path, copy, text):
    with pytest.raises(BackupError, match=text):
        copy(tmp_path / "nothing", tmp_path / "copy")
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_backup_is_not_restored(data, tmp_path, clock):
    with statflow_engine.open(data, clock=clock) as engine:
        names = [f"stat {n}" for n in range(2_000)]
        engine.write(names, statflow_engine.Kind.COUNTER, None, [1] * 2_000, namespace=NAMESPACE)
    backup(data, tmp_path / "copy")
    file = tmp_path / "copy" / "data.mdb"
    damaged = bytearray(file.read_bytes())
    at = damaged.rindex(b"stat 1999")
    damaged[at : at + 4] = b"beat"
    file.write_bytes(damaged)

    with pytest.raises((BackupError, statflow_engine.CorruptionError)):
        restore(tmp_path / "copy", tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_what_a_killed_backup_left_is_replaced(data, tmp_path, clock):
    left = tmp_path / ("copy" + copies.UNFINISHED)
    left.mkdir()
    (left / "data.mdb").write_bytes(b"half")

    backup(data, tmp_path / "copy")

    assert not left.exists()
    assert views(tmp_path / "copy", clock) == 5.0


def test_the_documents_are_copied_before_the_points(data, tmp_path, clock, monkeypatch):
    """So that no document speaks of a stat that the copied points lack."""
    copied = []
    monkeypatch.setattr(copies, "_copy", lambda source, destination: copied.append(source.name) or shutil.copy(
        source / "data.mdb", destination / "data.mdb"))  # fmt: skip

    backup(data, tmp_path / "copy")

    assert copied == ["accounts", "data"]


def test_every_point_that_was_acknowledged_before_is_in_the_copy(tmp_path, clock):
    """While four threads write and fold, time and again."""
    acknowledged = [0] * 4
    is_over = threading.Event()
    with statflow_engine.open(tmp_path / "data", clock=clock, background=True) as engine:
        Documents(tmp_path / "data" / "accounts").close()

        def write(number):
            while not is_over.is_set():
                engine.count("views", 1, namespace=NAMESPACE)
                acknowledged[number] += 1

        threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        found = []
        for turn in range(5):
            time.sleep(0.05)
            before = sum(acknowledged)
            # In a process of its own, as the command is: lmdb opens a file once a process.
            code = "import sys, pathlib; from statflow_http.moving.backup import backup;"
            code += "backup(*map(pathlib.Path, sys.argv[1:]))"
            subprocess.run([sys.executable, "-c", code, tmp_path / "data", tmp_path / f"copy{turn}"], check=True)
            found.append((before, turn, sum(acknowledged)))
        is_over.set()
        for thread in threads:
            thread.join()

    for before, turn, after in found:
        restore(tmp_path / f"copy{turn}", tmp_path / f"again{turn}")
        assert before <= views(tmp_path / f"again{turn}", clock) <= after + 4


@pytest.mark.slow
def test_a_server_is_backed_up_while_it_serves_and_its_copy_serves_too(tmp_path):
    import json

    import urllib3

    def post(server, http):
        body = json.dumps({"stat": "views", "count": 1}).encode()
        answer = http.request("POST", f"{server.url}/v1/stat", body=body, headers=server.bearer)
        assert answer.status == 200

    def statflow(*arguments):
        command = [sys.executable, "-m", "statflow_http", *map(os.fspath, arguments)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    with serving(tmp_path / "data") as server, urllib3.PoolManager() as http:
        for _ in range(50):
            post(server, http)
        printed = statflow("backup", tmp_path / "copy", "--data", tmp_path / "data")
        assert "nothing is wrong with it" in printed
        key = server.key
    statflow("restore", tmp_path / "copy", "--data", tmp_path / "again")
    with serving(tmp_path / "again", key=key) as server, urllib3.PoolManager() as http:
        post(server, http)
        answer = http.request("GET", f"{server.url}/v1/stat/views?step=1d", headers=server.bearer).json()
        assert sum(point["value"] for point in answer["points"]) == 51

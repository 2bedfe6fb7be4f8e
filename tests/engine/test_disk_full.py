"""A disk fills up: writes are refused before anything breaks, reads go on, and room alone brings writes back.

The disk is a tmpfs of 16 MiB, which takes root to mount. The store is used by a second process, so that a death by a
signal would be seen.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from statflow_engine import Limits
from tests.clocks import START_S
from tests.neighbour import REPOSITORY, Neighbour, NeighbourError

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

MIB = 1 << 20
DISK_BYTES = 16 * MIB
RESERVE_BYTES = 4 * MIB
SCHEMA = "1m:2h, 10m:1d, 1h:7d"
NAMES = [f"s{number}" for number in range(200)]
CYCLES = int(os.environ.get("STATFLOW_DISK_CYCLES", "2"))
ENOUGH = 5_000


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)]
    tried = subprocess.run(mount, capture_output=True, text=True)
    if tried.returncode:
        pytest.skip(f"a tmpfs cannot be mounted here: {tried.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def neighbour() -> Iterator[Neighbour]:
    neighbour = Neighbour()
    yield neighbour
    neighbour.stop()


def limits(**options: int) -> Limits:
    return Limits(**{"disk_reserve_bytes": RESERVE_BYTES, "disk_reserve_fraction": 0, **options})


class Writer:
    """Writes batches by the neighbour and remembers those that were acknowledged."""

    def __init__(self, neighbour: Neighbour) -> None:
        self._neighbour = neighbour
        self.acknowledged = 0

    def write(self) -> str:
        """Write a batch of two points a series; why it was refused, empty when it was not."""
        values = [1.0] * (2 * len(NAMES))
        try:
            self._neighbour.call("write", NAMES * 2, 0, None, values, now_s=START_S)
        except NeighbourError as error:
            return f"{error.kind}: {error}"
        self.acknowledged += 1
        return ""

    def write_until_refused(self) -> str:
        """Write until a batch is refused; why."""
        for _ in range(ENOUGH):
            refusal = self.write()
            if refusal:
                return refusal
        raise AssertionError(f"{ENOUGH} batches went to a disk of {DISK_BYTES} bytes")

    def assert_all_there(self) -> None:
        windows = self._neighbour.call("query_many", ["s*"], START_S, START_S + 60, step="1m", now_s=START_S)
        assert {int(window.counts[0]) for window in windows} == {2 * self.acknowledged}


def fill(file: Path) -> None:
    """Take all that is left of the disk that a file is on."""
    with file.open("wb", buffering=0) as opened:
        while True:
            try:
                opened.write(bytes(4096))
            except OSError:
                return


def free_bytes(disk: Path) -> int:
    found = os.statvfs(disk)
    return found.f_bavail * found.f_frsize


def test_a_disk_that_the_store_fills_is_refused_before_it_is_full_and_folding_goes_on(
    disk: Path, neighbour: Neighbour
) -> None:
    neighbour.open(disk / "store", START_S, schema=SCHEMA, limits=limits())
    writer = Writer(neighbour)

    refusal = writer.write_until_refused()

    assert refusal.startswith("StoreFullError: StoreFullError: storage is nearly full")
    assert writer.acknowledged > 100
    assert free_bytes(disk) > RESERVE_BYTES / 2, "there must be room to fold"
    writer.assert_all_there()
    neighbour.call("fold", now_s=START_S)
    writer.assert_all_there()
    assert neighbour.call("check", now_s=START_S) == []


def test_a_disk_that_the_store_fills_takes_writes_again_when_folding_has_made_room(
    disk: Path, neighbour: Neighbour
) -> None:
    """The file never shrinks, but nearly all of its pages are free behind the fold."""
    neighbour.open(disk / "store", START_S, schema=SCHEMA, limits=limits())
    writer = Writer(neighbour)
    for cycle in range(CYCLES):
        writer.write_until_refused()
        neighbour.call("fold", now_s=START_S)
        status = neighbour.call("status", now_s=START_S)
        print(f"cycle {cycle}: {status.live_bytes} of {status.used_bytes} bytes of the file hold data")

        assert status.live_bytes < status.used_bytes / 10
        assert writer.write() == ""
        writer.assert_all_there()


def test_a_disk_filled_by_others_refuses_writes_and_takes_them_again_when_there_is_room(
    disk: Path, neighbour: Neighbour
) -> None:
    neighbour.open(disk / "store", START_S, schema=SCHEMA, limits=limits())
    writer = Writer(neighbour)
    for cycle in range(CYCLES):
        for _ in range(20):
            assert writer.write() == ""
        fill(disk / "foreign")

        refusal = writer.write_until_refused()

        assert refusal.startswith("StoreFullError")
        writer.assert_all_there()
        assert neighbour.call("check", now_s=START_S) == []
        (disk / "foreign").unlink()
        begun = time.monotonic()
        assert writer.write() == "", "room alone must bring writes back"
        print(f"cycle {cycle}: writes went on after {time.monotonic() - begun:.3f} s")
        neighbour.call("fold", now_s=START_S)
        writer.assert_all_there()
    assert neighbour.call("check", now_s=START_S) == []


def test_a_disk_without_a_byte_left_ends_no_process_and_breaks_nothing(disk: Path, neighbour: Neighbour) -> None:
    """No reserve is kept here: writes and folds run into the very end of the disk."""
    neighbour.open(disk / "store", START_S, schema=SCHEMA, limits=limits(disk_reserve_bytes=0))
    writer = Writer(neighbour)
    refusal = writer.write_until_refused()
    fill(disk / "foreign")

    assert refusal.startswith("StoreFullError")
    assert writer.write().startswith("StoreFullError")
    with pytest.raises(NeighbourError, match="StoreFullError"):
        neighbour.call("fold", now_s=START_S)
    writer.assert_all_there()
    neighbour.close()
    neighbour.open(disk / "store", START_S, limits=limits(disk_reserve_bytes=0))
    writer.assert_all_there()
    (disk / "foreign").unlink()
    assert neighbour.call("check", now_s=START_S) == []


def test_deleting_the_ballast_gives_the_room_to_fold_and_go_on(disk: Path, neighbour: Neighbour) -> None:
    neighbour.open(disk / "store", START_S, schema=SCHEMA, limits=limits(disk_reserve_bytes=0, ballast_bytes=4 * MIB))
    assert (disk / "store" / "ballast").stat().st_size == 4 * MIB
    writer = Writer(neighbour)
    for _ in range(100):
        assert writer.write() == ""
    fill(disk / "foreign")
    assert writer.write_until_refused().startswith("StoreFullError")
    with pytest.raises(NeighbourError, match="StoreFullError"):
        neighbour.call("fold", now_s=START_S)

    (disk / "store" / "ballast").unlink()

    neighbour.call("fold", now_s=START_S)
    assert writer.write() == ""
    writer.assert_all_there()
    assert neighbour.call("check", now_s=START_S) == []


# lmdb makes lock.mdb, which all processes map, as a file of holes. On a full disk the first touch of a page of it is
# SIGBUS: for who opens a store that has none, and for the first reader beyond each 64 that read at the same time.
SIGBUS = "lock.mdb is a file of holes, and touching one on a full disk is SIGBUS"

OPENING = """
import sys
import statflow_engine

try:
    statflow_engine.open(sys.argv[1])
except statflow_engine.StoreError as error:
    print("refused", error)
"""

READING = """
import sys, threading
import statflow_engine

engine = statflow_engine.open(sys.argv[1])
reading = threading.Barrier(201)

def read():
    with engine._environment.read():
        reading.wait()

threads = [threading.Thread(target=read) for _ in range(200)]
for thread in threads:
    thread.start()
reading.wait()
print("read")
"""


def outcome_of(code: str, folder: Path) -> tuple[int, str]:
    """How a process ended that was given this code, and its first word."""
    command = [sys.executable, "-c", code, os.fspath(folder)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout.split(" ")[0].strip()


def test_a_store_that_was_never_opened_is_refused_on_a_full_disk(disk: Path) -> None:
    (disk / "store").mkdir()
    fill(disk / "foreign")

    assert outcome_of(OPENING, disk / "store") == (0, "refused")


def test_many_readers_at_once_read_on_a_full_disk(disk: Path, neighbour: Neighbour) -> None:
    neighbour.open(disk / "store", START_S, limits=limits())
    assert Writer(neighbour).write() == ""
    fill(disk / "foreign")

    assert outcome_of(READING, disk / "store") == (0, "read")

"""The power fails at any moment of a store's short life: what was acknowledged is there once, and the store works.

Every write and sync of the store's file is noted while a child takes the steps of `tests.short_life`. From these notes
the file is built as the cut may have left it: at every call with all that was asked, then with random pages missing
that no sync had covered, and with the last write torn at the borders of sectors. Each such file is opened by a forked
child. A death by a signal is a failure like any other. SIGKILL, which the crash tests send, leaves the page cache
whole and shows nothing of this.

``STATFLOW_IMAGES`` sets how many images (1,000; for a release 5,000 and more), ``STATFLOW_SEED`` repeats a run.
"""

import os
import random
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tests import faulty_disk, short_life

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    # Python warns of forking beside the threads of numpy's BLAS; the children do not use it.
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]

IMAGES = int(os.environ.get("STATFLOW_IMAGES", "1000"))
IMAGES_OF_MAKING = 150
# Enough to show that an unsynced store is not safe.
IMAGES_UNSYNCED = 500


@pytest.fixture
def rng() -> random.Random:
    return faulty_disk.seeded()


@pytest.fixture
def shelf() -> Iterator[Path]:
    with faulty_disk.shelf() as folder:
        yield folder


def noted_life(folder: Path, *options: str) -> list[faulty_disk.Op]:
    """What the child asked of the disk."""
    log = folder / "log"
    faulty_disk.run_on_it("tests.short_life", folder / "store", log, *options)
    # In this process too, once: what Python does only the first time, the forked children need not do each.
    assert short_life.complaint(folder / "store", len(short_life.STEPS)) == ""
    short_life.know_all_states()
    return faulty_disk.read_log(log)


def opened_at(ops: list[faulty_disk.Op]) -> int:
    """The number of the mark that the child made when the new store was open."""
    return next(number for number, op in enumerate(ops) if op.kind == faulty_disk.MARK)


def complaint_of(image: faulty_disk.Image, shelf: Path) -> str:
    folder = shelf / "store"
    folder.mkdir()
    (folder / "data.mdb").write_bytes(image.data)
    complaint = faulty_disk.verdict_of_child(lambda: short_life.complaint(folder, image.mark))
    shutil.rmtree(folder)
    return complaint


def failures(images: Iterable[faulty_disk.Image], shelf: Path) -> tuple[Counter[str], list[str]]:
    """Images by how they were made, and what is wrong with those that something is wrong with."""
    tried: Counter[str] = Counter()
    found = []
    for image in images:
        tried[image.how] += 1
        complaint = complaint_of(image, shelf)
        if complaint:
            found.append(f"{image.how} at call {image.op}, {image.mark} steps told: {complaint}")
    print(f"{sum(tried.values())} images: {dict(tried)}, {len(found)} failures")
    return tried, found


def test_a_power_cut_at_any_moment_loses_nothing_that_was_acknowledged(
    tmp_path: Path, shelf: Path, rng: random.Random
) -> None:
    ops = noted_life(tmp_path)

    tried, found = failures(faulty_disk.images(ops, IMAGES, rng, first=opened_at(ops)), shelf)

    assert min(tried["prefix"], tried["subset"], tried["torn"]) >= 100
    assert found == []


def test_a_power_cut_while_a_store_is_made_leaves_one_that_can_be_opened(
    tmp_path: Path, shelf: Path, rng: random.Random
) -> None:
    """Until its first sync the file has no name in the store's folder: a cut before leaves none."""
    ops = noted_life(tmp_path)
    first_sync = next(number for number, op in enumerate(ops) if op.kind & faulty_disk.SYNC)
    making = faulty_disk.images(ops[: opened_at(ops)], IMAGES_OF_MAKING, rng, first=first_sync + 1)

    tried, found = failures(making, shelf)

    assert sum(tried.values()) > IMAGES_OF_MAKING / 2
    assert found == []


def test_a_power_cut_is_told_from_a_synced_store_without_sync(tmp_path: Path, shelf: Path, rng: random.Random) -> None:
    """The test of the test: with an environment opened by ``sync=False`` the same images show lost and wrong data."""
    images = faulty_disk.images(noted_life(tmp_path, "nosync"), IMAGES_UNSYNCED, rng)

    tried, found = failures(images, shelf)

    assert not [failure for failure in found if failure.startswith("prefix")]
    assert len(found) > (tried["subset"] + tried["torn"]) / 4

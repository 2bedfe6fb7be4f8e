"""Every call to the disk fails in its turn, once and from then on: nothing is acknowledged that is not durable.

The disk fails with EIO, with ENOSPC, with half of a write, and with EINTR. The caller is told by a StoreError and by no
other exception, what can be read is right, and when the disk is well again the store is opened and goes on.

``STATFLOW_SEED`` repeats a run of the power cuts.
"""

import errno
import random
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests import failing_life, faulty_disk
from tests.failing_life import BATCHES, wrong_ones
from tests.faulty_disk import FOR_GOOD, SHORT, SYNC, WRITE

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    # Python warns of forking beside the threads of numpy's BLAS; the children do not use it.
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]

IMAGES_A_SYNC = 20


@pytest.fixture
def shelf() -> Iterator[Path]:
    with faulty_disk.shelf() as folder:
        yield folder


calls_of_a_life = partial(failing_life.calls_of_a_life, "tests.failing_life")
outcomes = partial(failing_life.outcomes, "tests.failing_life")


@pytest.mark.parametrize(
    ("error", "kinds"), [(errno.EIO, WRITE | SYNC), (errno.ENOSPC, WRITE | SYNC), (SHORT, WRITE), (errno.EINTR, WRITE)]
)
def test_a_call_that_fails_once_costs_at_most_what_it_was_for(shelf: Path, error: int, kinds: int) -> None:
    found = outcomes(shelf, [[[kinds, error, at, at]] for at in range(2, calls_of_a_life() + 1)])

    assert wrong_ones(found) == []
    assert all(outcome["refusals"] == [] for _, outcome in found) == (error == errno.EINTR)


@pytest.mark.parametrize(("error", "kinds"), [(errno.EIO, WRITE | SYNC), (errno.ENOSPC, WRITE | SYNC), (SHORT, WRITE)])
def test_a_disk_that_fails_from_some_call_on_acknowledges_nothing_more(shelf: Path, error: int, kinds: int) -> None:
    found = outcomes(shelf, [[[kinds, error, at, FOR_GOOD]] for at in range(2, calls_of_a_life() + 1)])

    assert wrong_ones(found) == []
    for case, outcome in found:
        told = outcome["acknowledged"]
        assert told == list(range(len(told))), f"{case}: a batch was acknowledged behind one that failed"


def test_a_call_that_fails_once_costs_one_call_of_the_caller(shelf: Path) -> None:
    found = outcomes(shelf, [[[WRITE | SYNC, errno.EIO, at, at]] for at in range(2, calls_of_a_life() + 1)])
    opened = [outcome for _, outcome in found if outcome["refusals"][0][0] != "open"]

    assert len(opened) > BATCHES
    assert {len(outcome["refusals"]) for outcome in opened} == {1}


def test_a_full_disk_is_told_as_a_full_disk(shelf: Path) -> None:
    found = outcomes(shelf, [[[WRITE, errno.ENOSPC, at, at]] for at in range(40, calls_of_a_life() + 1)])

    texts = {text for _, outcome in found for _, text in outcome["refusals"] if "No space" in text}
    assert texts
    assert all(text.startswith("StoreFullError: storage is full") for text in texts)


def test_what_is_acknowledged_after_a_failed_sync_outlives_a_power_cut(shelf: Path) -> None:
    """The kernel takes pages whose sync failed for written, and no later sync writes them.

    So whatever a later commit builds on must not be among them. Each sync of the scenario fails once, and behind each
    the power fails in random calls to come, with the pages of the failed sync there or not.
    """
    rng = faulty_disk.seeded()
    cases = [[[SYNC, errno.EIO, at, at], str(shelf / f"log {at}")] for at in range(1, calls_of_a_life() + 1)]
    found = outcomes(shelf, cases)
    logs = [Path(log) for (_, log), outcome in found if outcome["refusals"] and outcome["acknowledged"]]
    complaints = [complaint for log in logs for complaint in complaints_of_cuts(log, shelf, rng)]

    print(f"{len(logs)} failed syncs")
    assert len(logs) >= BATCHES
    assert wrong_ones(found) == []
    assert complaints == []


def complaints_of_cuts(log: Path, shelf: Path, rng: random.Random) -> list[str]:
    """What is wrong after power cuts behind a failed sync."""
    ops = faulty_disk.read_log(log)
    failed = next(number for number, op in enumerate(ops) if op.kind & faulty_disk.FAILED)
    images = list(faulty_disk.images(ops, 2 * len(ops), rng, first=failed + 1))
    found = []
    for image in rng.sample(images, min(IMAGES_A_SYNC, len(images))):
        told = [op.offset for op in ops[: image.op] if op.kind == faulty_disk.MARK]
        complaint = complaint_of(image, told, shelf / "cut")
        if complaint:
            found.append(f"{log.name}, {image.how} at call {image.op}: {complaint}")
    return found


def complaint_of(image: faulty_disk.Image, told: list[int], folder: Path) -> str:
    folder.mkdir()
    (folder / "data.mdb").write_bytes(image.data)
    complaint = faulty_disk.verdict_of_child(lambda: failing_life.complaint(folder, told))
    shutil.rmtree(folder)
    return complaint

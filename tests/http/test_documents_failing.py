"""The documents on a disk whose calls fail: a failure costs one change, and nobody has to start the server again."""

import errno
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests import failing_life, faulty_disk
from tests.failing_documents import CHANGES
from tests.failing_life import wrong_ones
from tests.faulty_disk import FOR_GOOD, SHORT, SYNC, WRITE

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]

calls_of_a_life = partial(failing_life.calls_of_a_life, "tests.failing_documents")
outcomes = partial(failing_life.outcomes, "tests.failing_documents")
FAILURES = [(errno.EIO, WRITE | SYNC), (errno.ENOSPC, WRITE | SYNC), (SHORT, WRITE)]


@pytest.fixture
def shelf() -> Iterator[Path]:
    with faulty_disk.shelf() as folder:
        yield folder


@pytest.mark.parametrize(("error", "kinds"), FAILURES)
def test_a_call_that_fails_once_costs_one_call_of_the_caller(shelf: Path, error: int, kinds: int) -> None:
    found = outcomes(shelf, [[[kinds, error, at, at]] for at in range(2, calls_of_a_life() + 1)])
    opened = [outcome for _, outcome in found if outcome["refusals"] and outcome["refusals"][0][0] != "open"]

    assert wrong_ones(found) == []
    assert len(opened) > CHANGES
    assert {len(outcome["refusals"]) for outcome in opened} == {1}
    assert {outcome["reads"] for outcome in opened} == {CHANGES}


@pytest.mark.parametrize(("error", "kinds"), FAILURES)
def test_a_disk_that_fails_from_some_call_on_acknowledges_nothing_more(shelf: Path, error: int, kinds: int) -> None:
    found = outcomes(shelf, [[[kinds, error, at, FOR_GOOD]] for at in range(2, calls_of_a_life() + 1)])

    assert wrong_ones(found) == []
    for case, outcome in found:
        told = outcome["acknowledged"]
        assert told == list(range(len(told))), f"{case}: a change was acknowledged behind one that failed"

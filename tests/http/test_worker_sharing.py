"""Whose turn it is to take the next client."""

import mmap

import pytest

from statflow_http.worker import sharing
from statflow_http.worker.sharing import PLACE, PLACES, Share


@pytest.fixture
def memory():
    with mmap.mmap(-1, PLACES * PLACE.size) as memory:
        yield memory


@pytest.fixture
def pair(memory):
    return Share(1, memory), Share(2, memory)


def test_who_has_most_leaves_the_next_client_to_others(pair):
    first, second = pair
    first.tell(3)
    second.tell(2)

    assert first.is_others_turn()
    assert not second.is_others_turn()


def test_who_has_as_many_takes_it(pair):
    for share in pair:
        share.tell(3)

    assert not any(share.is_others_turn() for share in pair)


def test_who_is_alone_takes_it(memory):
    share = Share(1, memory)
    share.tell(1_000)

    assert not share.is_others_turn()


def test_who_has_left_is_not_waited_for(pair):
    first, second = pair
    first.tell(3)
    second.tell(0)
    second.leave()

    assert not first.is_others_turn()


def test_who_says_nothing_is_not_waited_for(pair, memory):
    """A worker that was killed: what it said last stays, and grows old."""
    first, second = pair
    second.tell(0)
    said, count = PLACE.unpack_from(memory, 2 * PLACE.size)
    PLACE.pack_into(memory, 2 * PLACE.size, said - sharing.SILENT_S - 1, count)
    first.tell(3)

    assert not first.is_others_turn()


def test_workers_are_numbered_for_ever_and_places_used_again(memory):
    first, again = Share(1, memory), Share(1 + PLACES, memory)
    first.tell(5)
    first.leave()
    again.tell(0)
    other = Share(2, memory)
    other.tell(1)

    assert other.is_others_turn()

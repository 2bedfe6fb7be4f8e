"""The board: counters that forks share, whoever lives and dies."""

import os
import signal

import pytest

from statflow_http.metrics.board import ROW_COUNT, SLOT_COUNT, Board

SLOT, OTHER = 3, 7


@pytest.fixture
def board():
    return Board()


def in_a_child(work, *, ending=os._exit):
    """Run something in a fork, which then ends by ``ending(0)``."""
    pid = os.fork()
    if pid == 0:
        work()
        ending(0)
    os.waitpid(pid, 0)


class Sleeper:
    """A fork that has done something and lives until the end of the block."""

    def __init__(self, work):
        self._ready, told = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            work()
            os.write(told, b"x")
            signal.pause()
        os.close(told)

    def __enter__(self):
        assert os.read(self._ready, 1) == b"x"
        return self

    def __exit__(self, *_):
        os.close(self._ready)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def test_what_forks_count_is_one_total(board):
    board.row().add(SLOT, 5)
    for _ in range(3):
        in_a_child(lambda: board.row().add(SLOT))

    totals = board.totals().tolist()
    assert totals[SLOT] == 8
    assert sum(totals) == 8


def test_processes_that_live_at_once_have_a_row_each(board):
    own = board.row().number
    with Sleeper(lambda: board.row().add(OTHER, board.row().number)), Sleeper(lambda: board.row().add(SLOT)):
        in_a_child(lambda: board.row().add(OTHER, 100 * board.row().number))
        totals = board.totals().tolist()

    assert own == 0
    assert {totals[OTHER] % 100, totals[OTHER] // 100} <= {1, 2, 3}
    assert totals[OTHER] % 100 != totals[OTHER] // 100


@pytest.mark.parametrize("ending", [os._exit, lambda _: os.kill(os.getpid(), signal.SIGKILL)])
def test_a_dead_process_leaves_its_row_to_the_next_one_which_counts_on(board, ending):
    for _ in range(3):
        in_a_child(lambda: board.row().add(SLOT, 10 ** board.row().number), ending=ending)

    assert board.totals()[SLOT] == 3  # all in row 0


def test_a_gauge_of_a_dead_process_is_not_told(board):
    board.row().slots[SLOT] = 1
    with Sleeper(lambda: board.row().slots.__setitem__(SLOT, 20)):
        assert sorted(board.living(SLOT)) == [1, 20]

    assert board.living(SLOT) == [1]


def test_more_processes_than_rows_share_the_last_one(board, monkeypatch):
    monkeypatch.setattr("statflow_http.metrics.board.ROW_COUNT", 2)
    board.row()
    with Sleeper(lambda: board.row().add(SLOT)), Sleeper(lambda: board.row().add(SLOT)):
        pass

    assert board.totals()[:SLOT].sum() == 0
    assert board._rows()[1, SLOT] == 2


def test_threads_lose_nothing(board):
    import threading

    def count():
        for _ in range(20_000):
            board.row().add(SLOT)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert board.totals()[SLOT] == 80_000


def test_rows_do_not_overlap(board):
    row = board.row()
    row.slots[SLOT_COUNT - 1] = 1

    assert len(row.slots) == SLOT_COUNT
    assert board._rows().sum() == 1
    assert board._rows().shape == (ROW_COUNT, SLOT_COUNT)

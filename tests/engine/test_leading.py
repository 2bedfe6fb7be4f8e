"""One thread leads at a time, everybody is served by somebody, and nobody waits for a thread that is gone."""

import signal
import threading
import time

import pytest

from statflow_engine.writing.leading import Leading

PATIENCE_S = 30


class Work:
    """Things to be stored, by whichever thread leads."""

    def __init__(self):
        self.waiting = []
        self.stored = []
        self.commits = 0
        self.inside = 0
        self.gate = threading.Event()
        self.gate.set()
        self.leading = Leading(self.commit, lambda: len(self.waiting))

    def commit(self):
        self.inside += 1
        assert self.inside == 1
        taken, self.waiting = self.waiting, []
        assert self.gate.wait(PATIENCE_S)
        self.stored += taken
        self.commits += 1
        self.inside -= 1

    def store(self, thing):
        self.waiting.append(thing)
        self.leading.when(lambda: thing not in self.stored)
        assert thing in self.stored


def in_thread(work, *args):
    thread = threading.Thread(target=work, args=args)
    thread.start()
    return thread


def wait_until(condition):
    ends = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.001)


def test_those_who_came_while_one_led_are_served_by_one_commit():
    work = Work()
    work.gate.clear()
    first = in_thread(work.store, 0)
    wait_until(lambda: work.inside)
    others = [in_thread(work.store, number) for number in range(1, 20)]
    wait_until(lambda: len(work.waiting) == 19 and len(work.leading._waiters) == 19)
    work.gate.set()

    for thread in [first, *others]:
        thread.join(PATIENCE_S)

    assert sorted(work.stored) == list(range(20))
    assert work.commits == 2


def test_many_threads_that_come_again_and_again_are_all_served():
    work = Work()

    def come(thread):
        for number in range(200):
            work.store((thread, number))

    threads = [in_thread(come, number) for number in range(8)]
    for thread in threads:
        thread.join(PATIENCE_S)

    assert len(work.stored) == len(set(work.stored)) == 8 * 200


def test_while_one_who_waited_leads_nobody_else_does():
    entered, gates = [], [threading.Event(), threading.Event(), threading.Event()]

    def commit():
        turn = len(entered)
        entered.append(turn)
        assert gates[turn].wait(PATIENCE_S)

    leading = Leading(commit, lambda: 0)
    threads = [in_thread(leading.when, lambda: True)]
    wait_until(lambda: len(entered) == 1)
    threads.append(in_thread(leading.when, lambda: True))
    wait_until(lambda: len(leading._waiters) == 1)
    gates[0].set()
    wait_until(lambda: len(entered) == 2)
    threads.append(in_thread(leading.when, lambda: True))

    wait_until(lambda: len(leading._waiters) == 1 or len(entered) == 3)

    assert len(entered) == 2
    for gate in gates:
        gate.set()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert len(entered) == 3


def test_who_leads_goes_on_after_a_commit_that_raises():
    work = Work()
    failures = []

    def fail():
        raise RuntimeError("the disk is gone")

    failing = Leading(fail, lambda: 1)

    def try_once():
        with pytest.raises(RuntimeError):
            failing.when(lambda: True)
        failures.append(1)

    for thread in [in_thread(try_once) for _ in range(6)]:
        thread.join(PATIENCE_S)

    assert len(failures) == 6
    work.store("still")


class Interrupted(Exception):
    pass


def interrupt(*_):
    raise Interrupted


def test_nobody_waits_for_a_thread_that_was_interrupted_while_it_waited():
    work = Work()
    work.gate.clear()
    first = in_thread(work.store, "first")
    wait_until(lambda: work.inside)
    before = signal.signal(signal.SIGALRM, interrupt)

    def interrupt_who_waits():
        wait_until(lambda: len(work.leading._waiters) == 1)
        time.sleep(0.05)  # from the list of those who wait to the lock that it waits for
        signal.pthread_kill(threading.main_thread().ident, signal.SIGALRM)

    interrupting = in_thread(interrupt_who_waits)
    try:
        with pytest.raises(Interrupted):
            work.store("mine")
    finally:
        interrupting.join(PATIENCE_S)
        signal.signal(signal.SIGALRM, before)
    last = in_thread(work.store, "last")
    wait_until(lambda: len(work.leading._waiters) == 1)
    work.gate.set()

    first.join(PATIENCE_S)
    last.join(PATIENCE_S)

    assert {"first", "last"} <= set(work.stored)
    work.store("afterwards")

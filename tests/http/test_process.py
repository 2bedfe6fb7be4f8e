"""A thread of which each process has one: started once, ended when it is told to, begun anew after a fork."""

import os
import threading

import pytest

from statflow_http.process import ProcessThread

LIMIT_S = 10.0


class Sleeper:
    """Counts how often its thread begins, and how often it is woken."""

    def __init__(self):
        self.begun = self.woken = 0
        self.has_begun = threading.Event()
        self.is_awake = threading.Event()
        self.thread = ProcessThread("sleeper", self.run)

    def run(self):
        self.begun += 1
        self.has_begun.set()
        while not self.thread.is_stopping.is_set():
            self.thread.pause(LIMIT_S)
            self.woken += 1
            self.is_awake.set()


def test_it_is_started_once_until_it_is_stopped():
    sleeper = Sleeper()

    assert [sleeper.thread.start(), sleeper.thread.start()] == [True, False]
    sleeper.thread.stop()
    assert sleeper.begun == 1
    assert sleeper.thread.start()
    sleeper.thread.stop()
    assert sleeper.begun == 2


def test_who_is_woken_or_stopped_waits_no_longer():
    sleeper = Sleeper()
    sleeper.thread.start()

    sleeper.thread.wake()
    assert sleeper.is_awake.wait(LIMIT_S / 2)
    assert not sleeper.thread.is_stopping.is_set()
    sleeper.thread.stop(LIMIT_S / 2)
    assert sleeper.thread.is_stopping.is_set()
    assert sleeper.woken == 2


def test_stopping_what_does_not_run_is_no_error():
    Sleeper().thread.stop()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_has_none_and_may_start_its_own():
    sleeper = Sleeper()
    sleeper.thread.start()
    assert sleeper.has_begun.wait(LIMIT_S)
    child = os.fork()
    if child == 0:
        sleeper.has_begun = threading.Event()
        is_right = sleeper.thread.start() and sleeper.has_begun.wait(LIMIT_S)
        sleeper.thread.stop(LIMIT_S)
        os._exit(0 if is_right and sleeper.begun == 2 else 1)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert not sleeper.thread.is_stopping.is_set()
    sleeper.thread.stop()

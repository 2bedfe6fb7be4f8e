"""What was acknowledged before its commit is stored, whoever closes the engine or interrupts it meanwhile."""

import subprocess
import sys
import threading

import numpy as np
import pytest

import statflow_engine
from statflow_engine import Batch, Kind, StoreClosedError

LONG_S = 3_600.0


def open_lazily(folder):
    return statflow_engine.open(folder, durability="interval", interval_s=LONG_S)


def stored(folder, name):
    with statflow_engine.open(folder) as engine:
        assert [] == list(engine.check())
        return int(engine.query(name, step="1h").counts.sum())


def one_point(engine):
    return engine.count("x").points


def one_batch(engine):
    return engine.write(["x"] * 10, Kind.COUNTER, None, np.ones(10)).points


@pytest.mark.parametrize("write", [one_point, one_batch])
@pytest.mark.parametrize("attempt", range(5))
def test_what_others_write_while_it_is_closed_is_stored_or_refused(tmp_path, write, attempt):
    engine = open_lazily(tmp_path)
    engine.count("x")
    acknowledged = [0] * 4
    refused = threading.Barrier(5)

    def go_on(number):
        try:
            while True:
                acknowledged[number] += write(engine)
        except StoreClosedError:
            refused.wait(30)

    threads = [threading.Thread(target=go_on, args=(number,), daemon=True) for number in range(4)]
    for thread in threads:
        thread.start()
    while min(acknowledged) < 200:
        threading.Event().wait(0.001)
    engine.close()
    refused.wait(30)

    assert stored(tmp_path, "x") == 1 + sum(acknowledged)


INTERRUPTED = """
import signal, sys
import statflow_engine
from statflow_engine.writing import commit

class Interrupt(BaseException): pass
def interrupt(*_): raise Interrupt

commit.WAITING_POINTS_MAX = 300  # a commit every so many points
signal.signal(signal.SIGALRM, interrupt)
engine = statflow_engine.open(sys.argv[1], durability="interval", interval_s=3600)
engine.count("x")
acknowledged, doubtful = 1, 0
for _ in range(60):
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.002)
        while True:
            engine.count("x")
            acknowledged += 1
    except Interrupt:
        doubtful += 1  # the call that was interrupted: the caller was not told
signal.setitimer(signal.ITIMER_REAL, 0)
engine.close()
print(acknowledged, doubtful)
"""


def test_ctrl_c_loses_nothing_that_was_acknowledged_and_doubles_nothing(tmp_path):
    done = subprocess.run([sys.executable, "-c", INTERRUPTED, tmp_path], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    acknowledged, doubtful = map(int, done.stdout.split())

    assert acknowledged <= stored(tmp_path, "x") <= acknowledged + doubtful


CLOSED = """
import sys
import statflow_engine
engine = statflow_engine.open(sys.argv[1], durability="interval", interval_s=3600)
engine.count("x")
engine.close()
for write in (lambda: engine.count("x"), lambda: engine.write(["x"], 0, None, [1.0]), engine.fold):
    try:
        print(write())
    except statflow_engine.StoreClosedError:
        print("refused")
"""


def test_a_closed_engine_refuses_also_where_assertions_are_off(tmp_path):
    done = subprocess.run([sys.executable, "-O", "-c", CLOSED, tmp_path], capture_output=True, text=True, timeout=100)
    assert (done.stdout.split(), done.stderr) == (["refused"] * 3, "")


def test_a_batch_that_was_staged_before_closing_is_stored_by_it(tmp_path):
    engine = statflow_engine.open(tmp_path)
    pending = engine.stage(Batch(["x"], Kind.COUNTER, None, [1.0]))
    engine.close()

    assert pending.result().points == 1
    assert stored(tmp_path, "x") == 1
    with pytest.raises(StoreClosedError):
        engine.stage(Batch(["x"], Kind.COUNTER, None, [1.0]))

"""A process that writes, folds, closes and seals is killed at any moment: every acknowledged batch is there once.

The child prints each acknowledgement to a pipe, which is the ledger; it runs on a small schema and a clock that runs a
thousand times too fast, so that a run of half a second folds, closes spans and seals chapters. SIGKILL leaves the page
cache whole: this says nothing about fsync, which the power-cut tests look at.

``STATFLOW_KILLS`` sets how many kills (20), ``STATFLOW_SEED`` repeats a run.
"""

import os
import random
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import statflow_engine
from tests.clocks import START_S, StoppedClock

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

KILLS = int(os.environ.get("STATFLOW_KILLS", "20"))
# Fewer acknowledgements than this show nothing, and the run is done again.
FEWEST_ACKNOWLEDGED = 20
SCHEMA = "1m:2d, 10m:8d, 1h:1y"  # the hours hold every batch of a run of thousands of kills
SECONDS_A_BATCH = 60
SERIES = 100

# Batch n has one point for every series, the value of a batch is 1, and it is n minutes after the start: so the row of
# minute n tells how often batch n was counted. A fold after each batch of a random part of them; the engine's own
# folding, closing and sealing in between.
CHILD = """
import random, sys
import statflow_engine

folder, schema = sys.argv[1:3]
first, seed, start_s, step_s = map(int, sys.argv[3:])
rng = random.Random(seed)
names = [f"counter {number}" for number in range(50)] + [f"value {number}" for number in range(50)]
kinds = [0] * 50 + [1] * 50
now_s = [start_s]
with statflow_engine.open(folder, schema=schema, clock=lambda: now_s[0]) as engine:
    print("open", flush=True)
    number = first
    while True:
        now_s[0] = start_s + number * step_s
        engine.write(names, kinds, None, [1.0] * 100)
        print(number, flush=True)
        number += 1
        if rng.random() < 0.2:
            engine.fold()
"""


@pytest.fixture
def seed() -> int:
    chosen = int(os.environ.get("STATFLOW_SEED", secrets.randbits(32)))
    print(f"STATFLOW_SEED={chosen}")
    return chosen


def killed_run(folder: Path, first: int, rng: random.Random) -> list[int]:
    """Let the child write from batch ``first`` on and kill it. Returns the batches that it acknowledged."""
    numbers = map(str, (first, rng.getrandbits(32), START_S, SECONDS_A_BATCH))
    command = [sys.executable, "-c", CHILD, os.fspath(folder), SCHEMA, *numbers]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "open\n"
    time.sleep(rng.uniform(0.05, 0.5))
    child.send_signal(signal.SIGKILL)
    acknowledged = [int(line) for line in child.stdout if line.endswith("\n")]
    child.stdout.close()
    assert child.wait() == -signal.SIGKILL, "the child must have been at work when it was killed"
    return acknowledged


def test_every_acknowledged_batch_is_there_exactly_once_after_kills_at_any_moment(tmp_path: Path, seed: int) -> None:
    """One store lives through all the kills, so that damage done by one is met by the next."""
    rng = random.Random(seed)
    acknowledged: set[int] = set()
    next_batch = kills = 0
    while kills < KILLS:
        fresh = killed_run(tmp_path, next_batch, rng)
        acknowledged.update(fresh)
        # A batch that was committed but not acknowledged may be there: its number is not used again.
        next_batch = (fresh[-1] + 2) if fresh else next_batch + 1
        kills += len(fresh) >= FEWEST_ACKNOWLEDGED
        assert_each_once(tmp_path, acknowledged, next_batch)
    print(f"{kills} kills, {len(acknowledged)} batches acknowledged")


def assert_each_once(folder: Path, acknowledged: set[int], end: int) -> None:
    """Every series shows every acknowledged batch once and any other of them as a whole or not at all."""
    last_s = START_S + end * SECONDS_A_BATCH
    with statflow_engine.open(folder, clock=StoppedClock(last_s)) as engine:
        assert [] == list(engine.check())
        reach_s = max(START_S, last_s - 2 * 86_400 + 120)  # what the finest ring still shows
        windows = engine.query_many(["counter *", "value *"], reach_s, last_s + 60, step=60)
        assert len(windows) == SERIES
        counts = np.array([window.counts for window in windows])
        assert (counts == counts[0]).all(), "a batch is there for some of its series only"
        first = (int(windows[0].times_s[0]) - START_S) // SECONDS_A_BATCH
        for number, count in enumerate(counts[0].tolist(), first):
            assert count == 1 or (count == 0 and number not in acknowledged), (
                f"batch {number} was counted {count} times"
            )
        hours = engine.query_many(["counter *", "value *"], START_S // 3600 * 3600, last_s + 60, step=3600)
        total = {int(window.counts.sum()) for window in hours}
        assert len(total) == 1, "the hours of some series hold more than those of others"
        assert len(acknowledged) <= total.pop() <= end

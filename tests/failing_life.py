"""Ten transactions of a store on a disk whose calls fail, and what its caller is told.

Run as a module on the faulty disk, this file goes through cases, as `failing_documents` does for documents:
``python -m tests.failing_life FOLDER`` prints how many calls a life without a failure makes; then for each line of its
input, ``[[KINDS, ERROR, FIRST, LAST], LOG]``, a line of what was met. Each case is a forked child with a store of its
own. With a LOG it notes there what the disk was asked, and the store is not looked at.
"""

import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

import statflow_engine
from statflow_engine import Engine, Limits, StoreError
from tests import faulty_disk
from tests.clocks import START_S, StoppedClock

SCHEMA = "1m:1d, 10m:3d"
NAMES = [f"s{number}" for number in range(6)]
BATCHES = 8
# Behind these batches everything is folded; the clock has moved on by so much that spans are closed.
FOLDED_BEHIND = (3, 6)
MINUTES_A_BATCH = 30
END_S = START_S + BATCHES * MINUTES_A_BATCH * 60


@dataclass(frozen=True)
class Case:
    """Calls of these kinds fail from the ``first`` to the ``last``, by this errno, or by SHORT."""

    kinds: int
    error: int
    first: int
    last: int


@dataclass
class Outcome:
    """What the caller was told.

    Attributes:
        acknowledged: batches.
        refusals: (what was tried, class and text of the error) of all that failed.
        wrong: sentences about what should not be.
    """

    acknowledged: list[int] = field(default_factory=list)
    refusals: list[tuple[str, str]] = field(default_factory=list)
    reads: int = 0
    reads_behind_failure: int = 0
    wrong: list[str] = field(default_factory=list)


def opened(folder: Path, clock: StoppedClock) -> Engine:
    """The store, without a reserve of disk."""
    limits = Limits(disk_reserve_bytes=0, disk_reserve_fraction=0.0)
    return statflow_engine.open(folder, schema=SCHEMA, clock=clock, limits=limits)


class Caller:
    """Uses an engine, whatever comes, and notes what it is told."""

    def __init__(self, tell: Callable[[int], None] = lambda _: None) -> None:
        """``tell`` hears of each batch that is acknowledged."""
        self.outcome = Outcome()
        self._tell = tell

    def tried(self, what: str, call: Callable[[], object]) -> bool:
        """Whether a call went well; only a StoreError may say that it did not."""
        try:
            call()
        except StoreError as error:
            self.outcome.refusals.append((what, f"{type(error).__name__}: {error}"))
            return False
        except Exception as error:
            self.outcome.wrong.append(f"{what}: {type(error).__name__}: {error}")
            return False
        return True

    def live(self, folder: Path) -> None:
        """Open a store, write, fold, read and close it."""
        clock = StoppedClock()
        engines: list[Engine] = []
        if not self.tried("open", lambda: engines.append(opened(folder, clock))):
            return
        for number in range(BATCHES):
            clock.set(START_S + number * MINUTES_A_BATCH * 60)
            if self.tried(f"write {number}", lambda: engines[0].write(NAMES, 0, None, [1.0] * len(NAMES))):
                self.outcome.acknowledged.append(number)
                self._tell(number)
            if number in FOLDED_BEHIND:
                self.tried(f"fold behind {number}", engines[0].fold)
            self.read(engines[0])
        self.tried("close", engines[0].close)

    def read(self, engine: Engine) -> None:
        """Ask for everything: the right answer, or a StoreError."""
        if not self.outcome.acknowledged:
            return
        found: list[str] = []
        if self.tried("read", lambda: found.extend(miscounts(engine, self.outcome.acknowledged))):
            self.outcome.reads += 1
            self.outcome.reads_behind_failure += bool(self.outcome.refusals)
        self.outcome.wrong += found


def miscounts(engine: Engine, acknowledged: Iterable[int]) -> list[str]:
    """Sentences about batches that are not there once for every series; one not acknowledged may be missing whole."""
    windows = engine.query_many(["*"], START_S, END_S, step=MINUTES_A_BATCH * 60)
    counts = np.array([window.counts for window in windows]).reshape(-1, BATCHES)
    certain = set(acknowledged)
    found = [] if not certain or len(counts) == len(NAMES) else [f"{len(counts)} series of {len(NAMES)}"]
    for number, column in enumerate(counts.T.tolist()):
        wanted = {1} if number in certain else {0, 1}
        if len(set(column)) > 1 or not set(column) <= wanted:
            found.append(f"batch {number} was counted {column} times, acknowledged: {number in certain}")
    return found


def complaint(folder: Path, acknowledged: Iterable[int]) -> str:
    """What is wrong with the store once the disk is well again; empty: nothing."""
    acknowledged = list(acknowledged)
    with opened(folder, StoppedClock(END_S)) as engine:
        found = [*engine.check(), *miscounts(engine, acknowledged)]
        engine.write(["probe"], 0, None, [1.0], namespace="probe")
        engine.fold()
        found += [*engine.check(), *miscounts(engine, acknowledged)]
        if engine.query("probe", namespace="probe").sums.sum() != 1.0:
            found.append("a new point is not there")
        return "; ".join(found)


# -- on the faulty disk --


@dataclass(frozen=True)
class Life:
    """A caller, and what is wrong with what it acknowledged, as `complaint` tells, once the disk is well again."""

    caller: type[Caller]
    complaint: Callable[[Path, Iterable[int]], str]


def outcome_of(life: Life, case: Case, folder: Path, log: Path | None) -> Outcome:
    """Live through a case and look at the store when the disk is well again."""
    if log is not None:
        faulty_disk.record(log)
    caller = life.caller(faulty_disk.mark)
    faulty_disk.fail(*asdict(case).values())
    caller.live(folder)
    faulty_disk.fail(0, 0, 1, 1)
    if log is None:
        again = life.complaint(folder, caller.outcome.acknowledged)
        caller.outcome.wrong += [f"opened again: {again}"] if again else []
    return caller.outcome


def _in_a_child(life: Life, folder: Path, case: Case, log: str | None = None) -> str:
    shutil.rmtree(folder, ignore_errors=True)
    return faulty_disk.verdict_of_child(
        lambda: json.dumps(asdict(outcome_of(life, case, folder, Path(log) if log else None)))
    )


def main(life: Life, folder: str) -> None:
    """See the module."""
    before = faulty_disk.calls()
    # Once here, too, for what Python does only the first time.
    life.caller().live(Path(folder) / "warm")
    print(faulty_disk.calls() - before, flush=True)
    for line in sys.stdin:
        numbers, *log = json.loads(line)
        print(_in_a_child(life, Path(folder) / "store", Case(*numbers), *log), flush=True)


# -- in the test's process --


@lru_cache
def calls_of_a_life(module: str) -> int:
    """How many calls to the disk a life without a failure makes."""
    with tempfile.TemporaryDirectory() as folder:
        return int(faulty_disk.run_on_it(module, folder))


def outcomes(module: str, shelf: Path, cases: list[Any]) -> list[tuple[Any, dict[str, Any]]]:
    """Each case with what the caller was told."""
    given = "".join(json.dumps(case) + "\n" for case in cases)
    _, *lines = faulty_disk.run_on_it(module, shelf, given=given).splitlines()
    return list(zip(cases, map(json.loads, lines), strict=True))


def wrong_ones(found: list[tuple[Any, dict[str, Any]]]) -> list[str]:
    """What should not be, in any case."""
    return [f"{case}: {outcome['wrong']}" for case, outcome in found if outcome["wrong"]]


if __name__ == "__main__":
    main(Life(Caller, complaint), *sys.argv[1:])

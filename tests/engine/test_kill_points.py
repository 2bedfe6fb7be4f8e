"""A process is killed at each point that matters, by name: what it had acknowledged is there once.

The child takes the steps of `tests.short_life` with traps laid in its own memory, and kills itself by SIGKILL at the
n-th time that it comes to a point. What it had told before is in a pipe. Then the store must be as it was behind the
last step told or behind the one in hand, check itself silently, and go on being used.

``STATFLOW_KILLS_A_POINT`` sets how often each point is hit (2; for a release 20), ``STATFLOW_SEED`` repeats a run.
"""

import json
import os
import shutil
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path
from typing import Any

import pytest

import statflow_engine.folding.fold as fold_module
from statflow_engine.folding.fold import Folder
from statflow_engine.pure.tiles import BOOK, CLOSED
from statflow_engine.store.catalog import Catalog
from statflow_engine.store.environment import WriteTransaction
from statflow_engine.store.journal import Journal
from statflow_engine.store.storage import Draft
from tests import faulty_disk, short_life
from tests.clocks import StoppedClock

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    # Python warns of forking beside the threads of numpy's BLAS; the children do not use it.
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]

KILLS_A_POINT = int(os.environ.get("STATFLOW_KILLS_A_POINT", "2"))

# A transaction is called by what it stores; a fold step that closes a span and seals a chapter by all three.
TRANSACTIONS = ("record", "fold step", "last fold step", "close", "seal", "bury", "blank", "delete", "restore")
POINTS = (
    "record: before the put",
    "record: after the put",
    "fold: after reading",
    "fold: with the tiles put, before the cursor",
    *(f"{name}: {moment} the commit" for name in TRANSACTIONS for moment in ("before", "after")),
)


class Traps:
    """Laid in a child: calls of the engine tell them where it is."""

    def __init__(self, hit: Callable[[str], None]) -> None:
        """``hit`` is called with the name of each point that is come to."""
        self.hit = hit
        self._stored: list[str] = []

    def lay(self) -> None:
        """Put themselves around the engine's calls, for as long as this process lives."""
        fold_module.QUIET_STEP_BYTES = short_life.STEP_BYTES
        self._around(Journal, "append", "record: before the put", "record: after the put", "record")
        self._around(Folder, "_apply", before="fold: after reading")
        self._around(Journal, "drop", stores="last fold step")
        self._around(Catalog, "bury", stores="bury")
        self._around(Catalog, "mark_blanked", stores="blank")
        self._around(Catalog, "delete", stores="delete")
        self._around(Catalog, "restore", stores="restore")
        self._lay_at_draft()
        self._lay_at_commit()

    def _around(self, owner: Any, name: str, before: str = "", after: str = "", stores: str = "") -> None:
        real = getattr(owner, name)

        @wraps(real)
        def trapped(*args: Any, **options: Any) -> Any:
            if before:
                self.hit(before)
            result = real(*args, **options)
            if stores:
                self._stored.append(stores)
            if after:
                self.hit(after)
            return result

        _replace(owner, real, trapped)

    def _lay_at_draft(self) -> None:
        apply = Draft.apply

        @wraps(apply)
        def trapped(draft: Draft, txn: Any) -> None:
            forms = {value[0] for value in draft._rings.values() if value is not None}
            self._stored += ["fold step", *(["close"] * (CLOSED in forms)), *(["seal"] * (BOOK in forms))]
            apply(draft, txn)
            self.hit("fold: with the tiles put, before the cursor")

        _replace(Draft, apply, trapped)

    def _lay_at_commit(self) -> None:
        leave = WriteTransaction.__exit__

        @wraps(leave)
        def trapped(txn: WriteTransaction, kind: Any, error: Any, traceback: Any) -> None:
            stored, self._stored = self._stored, []
            if "blank" in stored:
                stored = ["blank"]  # it also puts a draft, but is no fold step
            for name in stored:
                self.hit(f"{name}: before the commit")
            leave(txn, kind, error, traceback)
            for name in stored:
                self.hit(f"{name}: after the commit")

        _replace(WriteTransaction, leave, trapped)


def _replace(owner: Any, real: Callable[..., Any], trapped: Callable[..., Any]) -> None:
    setattr(owner, real.__name__, trapped)


def life_in_a_child(folder: Path, hit: Callable[[str], None], ended: Callable[[], object]) -> tuple[int, list[str]]:
    """How a child ended that took the steps with traps laid, and what it told: their numbers, what ``ended`` says."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            Traps(hit).lay()
            clock = StoppedClock()
            with short_life.opened(folder, clock) as engine:
                short_life.live(engine, clock, lambda number: os.write(writing, f"{number}\n".encode()))
            os.write(writing, f"{json.dumps(ended())}\n".encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        told = pipe.read().splitlines()
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), told


@pytest.fixture
def shelf() -> Iterator[Path]:
    with faulty_disk.shelf() as folder:
        yield folder


def hits_of_a_life(shelf: Path) -> dict[str, int]:
    """How often each point is come to."""
    hits: Counter[str] = Counter()
    _, told = life_in_a_child(shelf / "unharmed", lambda point: hits.update([point]), lambda: dict(hits))
    assert faulty_disk.verdict_of_child(lambda: short_life.complaint(shelf / "unharmed", len(short_life.STEPS))) == ""
    return dict(json.loads(told[-1]))


def kill_at(point: str, times: int) -> Callable[[str], None]:
    """A trap that is deadly when the point is come to for the n-th time."""
    left = [times]

    def hit(reached: str) -> None:
        left[0] -= reached == point
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return hit


def test_a_kill_at_each_point_loses_nothing_and_doubles_nothing(shelf: Path) -> None:
    rng = faulty_disk.seeded()
    short_life.know_all_states()
    hits = hits_of_a_life(shelf)
    complaints = []
    for point in POINTS:
        for turn in range(KILLS_A_POINT):
            # In the middle, where the names are known already, then the last time that it is come to, and then any.
            times = (hits[point] // 2 + 1, hits[point])[turn] if turn < 2 else rng.randint(1, hits[point])
            complaint = complaint_of_kill(shelf / "store", point, times)
            if complaint:
                complaints.append(f"{point}, time {times} of {hits[point]}: {complaint}")
            shutil.rmtree(shelf / "store")

    print(f"{len(POINTS)} points, {KILLS_A_POINT} kills each; come to: {hits}")
    assert complaints == []
    assert hits.keys() == set(POINTS)


def complaint_of_kill(folder: Path, point: str, times: int) -> str:
    code, told = life_in_a_child(folder, kill_at(point, times), lambda: "unharmed")
    if code != -signal.SIGKILL:
        return f"the child ended by itself, with {code}"
    return faulty_disk.verdict_of_child(lambda: short_life.complaint(folder, int(told[-1]) if told else 0))

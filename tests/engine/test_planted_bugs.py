"""The tests themselves are tested: known bugs, planted in a copy of the engine, each turn a named test red.

A copy of the engine and of its tests is made, a piece of text in it replaced, and the named test run there.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

REPOSITORY = Path(__file__).parent.parent.parent


@dataclass(frozen=True)
class Bug:
    """A bug and the test that must see it.

    Attributes:
        changes: file of the engine, text in it, text in its place.
        test: file and name, below tests/engine.
        sees: what the test's failure says, besides failing.
        settings: of the environment.
    """

    changes: tuple[tuple[str, str, str], ...]
    test: str
    sees: str
    settings: dict[str, str] = field(default_factory=dict)


KILL_POINTS = "test_kill_points.py::test_a_kill_at_each_point_loses_nothing_and_doubles_nothing"

BUGS = {
    "acknowledges before the commit": Bug(
        (
            (
                "engine.py",
                "        if self._is_interval:\n            pending =",
                "        if True:\n            pending =",
            ),
            ("engine.py", "        if self._is_interval and not self._committer.is_idle:\n", "        if True:\n"),
        ),
        KILL_POINTS,
        "neither the last told step nor the next",
        {"STATFLOW_KILLS_A_POINT": "1"},
    ),
    "drops records in a transaction before that of their tiles": Bug(
        (
            ("folding/fold.py", "        self._journal.drop(txn, window.last)\n", ""),
            (
                "folding/fold.py",
                "    def _apply(self, prepared: _Prepared) -> None:\n",
                "    def _apply(self, prepared: _Prepared) -> None:\n"
                "        if prepared.next_group is None:\n"
                "            with self._environment.write() as txn:\n"
                "                self._journal.drop(txn, prepared.window.last)\n",
            ),
        ),
        KILL_POINTS,
        "fold step: before the commit",
        {"STATFLOW_KILLS_A_POINT": "1"},
    ),
    "does not look which lap a tile is of": Bug(
        (
            (
                "store/storage.py",
                "if found.number == number and found.form in forms:",
                "if found.form in forms:",
            ),
        ),
        "test_wrap.py::test_the_next_lap_shows_its_own_points_only",
        "",
    ),
    "reads rows of groups that are folded from the journal too": Bug(
        (
            (
                "store/journal_view.py",
                "cursor.window_last if cursor.in_window and group < cursor.next_group else cursor.done",
                "cursor.done",
            ),
        ),
        KILL_POINTS,
        "fold step: after the commit",
        {"STATFLOW_KILLS_A_POINT": "1"},
    ),
    "does not sync": Bug(
        (
            (
                "store/environment.py",
                "                lib_version=0,\n",
                "                lib_version=0,\n                sync=False,\n",
            ),
        ),
        "test_power_cut.py::test_a_power_cut_at_any_moment_loses_nothing_that_was_acknowledged",
        "steps told: ",
        {"STATFLOW_IMAGES": "700"},
    ),
}


@pytest.mark.parametrize("name", BUGS)
def test_a_planted_bug_turns_its_test_red(tmp_path: Path, name: str) -> None:
    bug = BUGS[name]
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    for package in ("statflow_engine", "tests"):
        shutil.copytree(REPOSITORY / package, tmp_path / package, ignore=shutil.ignore_patterns("http", "__pycache__"))
    for file, text, other in bug.changes:
        source = (tmp_path / "statflow_engine" / file).read_text()
        assert source.count(text) == 1, f"{file} has changed: plant the bug anew"
        (tmp_path / "statflow_engine" / file).write_text(source.replace(text, other))

    code, said = outcome_of(tmp_path, bug)

    assert code == 1, f"the tests of the copy ended with {code}: {said}"
    assert "1 failed" in said
    assert bug.sees in said, said


def outcome_of(copy: Path, bug: Bug) -> tuple[int, str]:
    """How pytest ended on the copy, and what it said."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-vv", "-p", "no:cacheprovider", f"tests/engine/{bug.test}"]
    environment = {**os.environ, **bug.settings, "PYTHONPATH": str(copy)}
    done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr

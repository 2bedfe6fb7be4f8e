"""The guard of the write path: green as it is, red when a part of it does its work several times.

Each measures in a process of its own: in one that has run a thousand tests memory is laid out differently, which
slows the calibration and the paths unequally.
"""

import subprocess
import sys

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

GUARD = "import sys; from benchmarks import guard; sys.exit(guard.main())"
TIMES = """
def times(count, work):
    def run(*args, **kwargs):
        for _ in range(count - 1):
            work(*args, **kwargs)
        return work(*args, **kwargs)
    return run
"""
FOLD_REDUCES_FOUR_TIMES = """
from statflow_engine.pure.fold_rows import FoldRows
FoldRows.of = times(4, FoldRows.of)
"""
BATCH_IS_PARSED_THREE_TIMES = """
from statflow_http.api import stathat
from statflow_http.wire import rows
rows.batch = times(3, rows.batch)
stathat.decode_message = times(3, stathat.decode_message)
"""


def guarded(planted: str = "") -> subprocess.CompletedProcess[str]:
    code = TIMES + planted + GUARD
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=280)


def test_the_write_path_has_not_become_slower() -> None:
    found = guarded()
    assert (found.returncode, found.stderr) == (0, ""), found.stdout + found.stderr


@pytest.mark.parametrize(
    ("planted", "path"), [(FOLD_REDUCES_FOUR_TIMES, "batches"), (BATCH_IS_PARSED_THREE_TIMES, "json")]
)
def test_a_part_that_does_its_work_several_times_is_told(planted: str, path: str) -> None:
    found = guarded(planted)
    told = [line.partition(":")[0] for line in found.stdout.splitlines() if " recorded" in line and ":" in line]
    assert (found.returncode, told) == (1, [path]), found.stdout + found.stderr

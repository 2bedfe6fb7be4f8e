"""The README's program runs and prints what it should."""

import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"


def embedded_program():
    return re.search(r"```python\n(.*?)```", README.read_text(), re.DOTALL)[1]


def test_the_program_that_embeds_the_engine_prints_what_it_stored(tmp_path):
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", embedded_program()],
        cwd=tmp_path,
        env={"PYTHONPATH": str(README.parent)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (ran.stdout, ran.stderr) == ("3 views; 57.5 ms at most\n", "")


def test_the_program_has_twelve_lines_at_most():
    assert len(embedded_program().strip().splitlines()) <= 12


def test_the_readme_is_short():
    assert len(README.read_text().splitlines()) < 200

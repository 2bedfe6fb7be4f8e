"""The README's program runs and prints what it should."""

import os
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


# What only other extras than `test` bring, or a command of its own.
BEYOND_TEST = ("duckdb", "pandas", "playwright", "polars", "pyarrow", "statsforecast")


def test_all_tests_can_be_collected_with_what_the_test_command_installs(tmp_path):
    """On a machine of a developer everything is installed, by which it would stay unseen."""
    # Once pytest has loaded the plugins that somebody's libraries may bring along.
    plugin = f"import sys\n\ndef pytest_configure():\n    sys.modules.update(dict.fromkeys({BEYOND_TEST!r}))\n"
    (tmp_path / "without.py").write_text(plugin)
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "without", "-p", "no:cacheprovider"]
    environ = os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{README.parent}"}
    ran = subprocess.run(command, cwd=README.parent, env=environ, capture_output=True, text=True)

    assert ran.returncode == 0, ran.stdout[-3_000:] + ran.stderr

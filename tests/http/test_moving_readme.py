"""Every command of the README's section on moving runs."""

import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.http.importing import stathat_folder
from tests.http.live import serving

README = Path(__file__).parent.parent.parent / "README.md"


def commands():
    section = README.read_text().partition("## Moving in and out")[2].partition("\n## ")[0]
    return [line.strip().partition("#")[0].strip() for line in section.splitlines() if line.startswith("    statflow ")]


def test_there_are_commands():
    assert [command.split()[1] for command in commands()] == [*["import"] * 3, "export", "backup", "restore"]


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_each_of_them_runs_in_this_order(tmp_path, monkeypatch):
    now_s = int(time.time())
    stathat_folder(tmp_path / "stathat-export", now_s)
    (tmp_path / "visits.csv").write_text(f"time,visits\n{now_s},3\n".replace("visits", "value"))
    with serving(tmp_path / "old") as server:
        for command in commands():
            command = command.replace("/backups", str(tmp_path))
            command = command.replace("https://old.example", f"{server.url} --allow-private").replace(
                "sk_...", server.key
            )
            ran = subprocess.run(
                [sys.executable, "-m", "statflow_http", *shlex.split(command)[1:]],
                cwd=tmp_path,
                env={"PYTHONPATH": str(README.parent)},
                capture_output=True,
                text=True,
                check=False,
            )
            assert ran.returncode == 0, (command, ran.stderr)

    assert (tmp_path / "account.ndjson").read_bytes().count(b'\n{"stat":') == 4
    assert (tmp_path / "new-folder" / "data.mdb").exists()
    assert re.search(rb'"until":\d+', (tmp_path / "account.ndjson").read_bytes())

"""What long commands show on a terminal, and what is said when they are stopped by Ctrl-C."""

import os
import pty
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import statflow_engine
from statflow_http.cli import progress
from statflow_http.cli.main import main
from statflow_http.serving.folders import DATA_FILE
from statflow_http.serving.serve import ballast_bytes

ROWS = 20_000


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A data folder with a year of rows, more than fits into a pipe; nothing is written to it."""
    folder = tmp_path_factory.mktemp("store")
    with statflow_engine.open(folder) as engine:
        times_s = engine.now_s() - np.arange(ROWS) * 60
        ones = np.ones(ROWS, int)
        engine.write_cells((["a"], np.zeros(ROWS, int)), statflow_engine.Kind.COUNTER, times_s, ones, ones,
                           namespace="owner:live")  # fmt: skip
        engine.fold()
    return folder


def command_line(*arguments):
    return [sys.executable, "-m", "statflow_http", *map(str, arguments)]


def on_a_terminal(arguments):
    """What a command shows on the terminal that its stderr is; its exit status."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(command_line(*arguments), stdout=subprocess.DEVNULL, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        try:
            while received := os.read(ours, 65_536):
                shown += received
        except OSError:
            # EIO: the other side is closed.
            pass
        finally:
            os.close(ours)
    return shown.decode(), process.returncode


@pytest.mark.parametrize("command", ["export", "backup", "restore", "bench"])
def test_long_work_shows_a_bar_on_a_terminal(tmp_path, store, command):
    arguments, label = {
        "export": (["export", "-o", tmp_path / "all", "--data", store], "exporting"),
        "backup": (["backup", tmp_path / "new", "--data", store], "copying and checking"),
        "restore": (["restore", store, "--data", tmp_path / "new"], "copying and checking"),
        "bench": (["bench", "--seconds", "0.6", "--data", tmp_path], "measuring"),
    }[command]

    shown, status = on_a_terminal(arguments)

    assert status == 0, shown
    assert label in shown
    assert "%" in shown
    assert command == "bench" or "100%" in shown


def test_a_check_shows_that_it_goes_on(monkeypatch, capsys):
    """Of a store that is checked more quickly than one sees, nothing would be shown."""
    monkeypatch.setattr(progress, "is_terminal", lambda: True)
    with progress.figures("checking", lambda: "so far"):
        time.sleep(3 * progress.DRAWN_S)

    shown = capsys.readouterr().err
    assert "checking  0 s  so far" in shown
    assert shown.endswith("\r")  # what clears the line is left out where no terminal is


@pytest.mark.parametrize("command", [["check"], ["export", "-o", os.devnull], ["backup", "NEW"]], ids=" ".join)
def test_nothing_is_shown_where_there_is_no_terminal(tmp_path, store, command):
    arguments = [str(tmp_path / "new") if part == "NEW" else part for part in command]

    assert CliRunner().invoke(main, [*arguments, "--data", str(store)]).stderr == ""


class InterruptedWork:
    """Whatever is called is stopped by Ctrl-C in the middle of it."""

    def __init__(self, leaves=None):
        self._leaves = leaves

    def __call__(self, *args, **kwargs):
        if self._leaves is not None:
            self._leaves.mkdir()
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("arguments", "target", "text"),
    [
        (["check"], "statflow_engine.Engine.check", "not everything was looked at: the same command begins anew"),
        (["query", "a"], "statflow_engine.Engine.query_many", "nothing was changed"),
        (["ls"], "statflow_engine.Engine.series", "nothing was changed"),
        (["send", "a"], "statflow_engine.Engine.commit", "it is not known whether the point is stored"),
        (
            ["export", "-o", "FILE"],
            "statflow_engine.Engine.series",
            "not at all: the same command begins anew",
        ),
        (["import", "FILE"], "statflow_engine.open", "the same command goes on from there"),
        (["users", "list"], "statflow_http.accounts.people.People.ensure_owner", ""),
        (["bench"], "statflow_engine.Engine.count", "what was written for it is removed"),
    ],
)
def test_ctrl_c_says_what_is_left_and_how_to_go_on(tmp_path, store, monkeypatch, arguments, target, text):
    arguments = [str(tmp_path / "file") if part == "FILE" else part for part in arguments]
    monkeypatch.setattr(target, InterruptedWork())
    ended = CliRunner().invoke(main, [*arguments, "--data", str(store)])

    assert ended.exit_code == 1
    assert ended.stderr.startswith("Error: interrupted")
    assert ended.stderr.endswith(f"{text}\n")
    assert "Aborted" not in ended.output
    assert list(tmp_path.iterdir()) == []
    assert list(store.glob("statflow-bench-*")) == []


@pytest.mark.parametrize(
    ("arguments", "what"),
    [(["backup", "NEW", "--data", "STORE"], "backup"), (["restore", "STORE", "--data", "NEW"], "restore")],
)
def test_a_copy_that_is_stopped_leaves_nothing(tmp_path, store, monkeypatch, arguments, what):
    places = {"NEW": str(tmp_path / "new"), "STORE": str(store)}
    leaves = tmp_path / "new.unfinished"
    monkeypatch.setattr(f"statflow_http.moving.backup.{what}", InterruptedWork(leaves))

    ended = CliRunner().invoke(main, [places.get(part, part) for part in arguments])

    assert ended.exit_code == 1
    assert ended.stderr.endswith("appears when it is whole, and not before: the same command begins anew\n")
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_is_heard_while_work_is_in_one_long_call():
    """As a copy is, which lmdb makes in one."""
    never = threading.Event()
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()

    with pytest.raises(KeyboardInterrupt):
        progress.aside("copying", never.wait, 1, lambda: 0)
    timer.join()
    never.set()


def test_what_goes_wrong_aside_is_raised_and_what_comes_of_it_returned():
    with pytest.raises(ZeroDivisionError):
        progress.aside("dividing", lambda: 1 // 0, 1, lambda: 0)
    assert progress.aside("adding", lambda: 1 + 1, 1, lambda: 0) == 2


def test_an_export_that_nobody_reads_is_stopped_by_ctrl_c(store):
    arguments = command_line("export", "-o", "-", "--format", "csv", "--data", store)
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline().startswith("stat,kind,timestamp,")
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)

    assert process.returncode == 1
    assert errors.startswith("Error: interrupted; ")
    assert errors.count("\n") == 1


@pytest.mark.parametrize("wanted_share", [0.0, 0.5, 1.0])
def test_a_ballast_takes_no_room_that_must_stay_free(tmp_path, wanted_share):
    disk = os.statvfs(tmp_path)
    wanted = int(disk.f_bavail * disk.f_frsize * wanted_share)

    assert ballast_bytes(tmp_path, wanted) == (wanted if wanted_share < 1.0 else 0)


def test_a_copy_holds_no_ballast(tmp_path, store):
    with statflow_engine.open(tmp_path / "data", limits=statflow_engine.Limits(ballast_bytes=1 << 20)):
        pass
    CliRunner().invoke(main, ["backup", str(tmp_path / "copy"), "--data", str(tmp_path / "data")])

    assert [path.name for path in Path(tmp_path / "copy").iterdir()] == [DATA_FILE]

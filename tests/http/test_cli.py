"""The ``statflow`` command on a data folder, run in this process; against a server it is run in `test_server`."""

import csv
import io
import json

import click
import pytest
from click.testing import CliRunner

import statflow_engine
from statflow_http.cli.main import main

COMMANDS = [
    ["demo"],
    *(["serve"], ["keys"], ["keys", "create"], ["keys", "add"], ["keys", "list"], ["keys", "rotate"]),
    *(["keys", "revoke"], ["users"], ["users", "create"], ["users", "list"], ["users", "plan"], ["users", "password"]),
    *(["users", "login-link"], ["users", "remove"], ["plans"], ["plans", "list"], ["plans", "set"]),
    ["plans", "remove"],
    *(["send"], ["query"], ["ls"], ["check"]),
    *(["import"], ["export"], ["backup"], ["restore"]),
]


@pytest.fixture
def folder(tmp_path):
    """A data folder that somebody has made a key in, which is not a store yet."""
    return tmp_path / "data"


@pytest.fixture
def statflow(folder, monkeypatch):
    """Run the command on the folder; its output, when it ends as it should."""
    for name in ("STATFLOW_DATA", "STATFLOW_URL", "STATFLOW_KEY"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments, exit_code=0):
        result = CliRunner().invoke(main, [*arguments, "--data", str(folder)])
        assert result.exit_code == exit_code, result.output
        assert exit_code in (0, 2) or result.stderr.count("\n") == 1
        return result.stdout if exit_code == 0 else result.stderr

    return run


@pytest.fixture
def store(folder, statflow):
    """The folder with a store in it."""
    folder.mkdir()
    statflow("send", "page views", "--count", "3")
    return folder


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_help_with_an_example(command):
    result = CliRunner().invoke(main, [*command, "--help"])

    assert result.exit_code == 0
    assert f"Example: statflow {command[0]}" in " ".join(result.output.split())


def test_no_command_is_without_a_test_of_its_help():
    known = [[name] for name in main.commands]
    known += [[group, name] for group in ("keys", "users", "plans") for name in main.commands[group].commands]

    assert sorted(known) == sorted(COMMANDS)


def test_the_module_and_the_entry_point_are_the_same_command():
    import statflow_http.__main__

    assert statflow_http.__main__.main is main
    assert isinstance(main, click.Group)


def test_create_prints_the_key_and_nothing_else(statflow):
    printed = statflow("keys", "create")

    assert printed.startswith("sk_live_")
    assert printed.strip().isprintable()
    assert len(printed) == 8 + 32 + 1
    assert statflow("keys", "create", "--test", "--scope", "write").startswith("sk_test_")


def test_keys_are_listed_and_revoked(statflow):
    key = statflow("keys", "create", "--scope", "write", "--label", "pixel").strip()

    assert "write" in statflow("keys", "list")
    assert key not in statflow("keys", "list")
    assert statflow("keys", "revoke", key) == f"revoked {key[:16]}…\n"
    assert statflow("keys", "revoke", "sk_live_nothing", exit_code=1) == "Error: no such key\n"


def test_what_is_sent_can_be_queried_in_each_format(statflow, store):
    statflow("send", "latency", "--value", "42.5")
    asked = ("query", "page views", "latency", "--step", "1h")

    table = statflow(*asked)
    assert table.splitlines()[0].split() == ["time", "(UTC)", "page", "views", "(sum)", "latency", "(mean)"]
    assert table.splitlines()[-1].split()[-2:] == ["3", "42.5"]
    rows = list(csv.DictReader(io.StringIO(statflow(*asked, "--format", "csv"))))
    assert [row["value"] for row in rows if float(row["value"] or 0)] == ["3.0", "42.5"]
    counter, value = json.loads(statflow(*asked, "--format", "json"))
    assert (counter["name"], counter["points"][-1]["value"]) == ("page views", 3.0)
    assert (value["kind"], value["points"][-1]["value"]) == ("value", 42.5)
    assert "█" in statflow(*asked, "--format", "spark")


def test_a_query_takes_the_parameters_of_the_api(statflow, store):
    printed = statflow("query", "page*", "--step", "1h", "--agg", "count", "--combine", "sum", "--format", "json")

    (series,) = json.loads(printed)
    assert (series["agg"], series["points"][-1]["value"]) == ("count", 1.0)
    assert statflow("query", "none*") == "no stat matches\n"


def test_the_tilde_means_what_it_means_on_the_wire(statflow, store):
    statflow("send", "sent~total,female")

    assert [line.split()[0] for line in statflow("ls", "sent*").splitlines()[1:]] == ["sent~total", "sent~female"]


def test_test_data_is_apart(statflow, store):
    statflow("send", "only a test", "--test")

    assert "only a test" not in statflow("ls")
    assert "only a test" in statflow("ls", "--test")


def test_a_point_goes_where_t_says(statflow, store):
    with statflow_engine.open(store) as engine:
        now_s = engine.now_s()
    statflow("send", "late", "--t", str(now_s - 7_200))

    (series,) = json.loads(statflow("query", "late", "--step", "1h", "--format", "json"))
    found = [point["time"] for point in series["points"] if point["count"]]
    assert found == [(now_s - 7_200) // 3_600 * 3_600]


def test_check_says_that_nothing_is_wrong(statflow, store):
    assert statflow("check") == "nothing is wrong\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["query", "nope"], "nope"),
        (["query", "page views", "--agg", "median"], "agg must be one of sum, mean, min, max, count, rate"),
        (["query", "page views", "--agg", "min"], "counter"),
        (["query", "page views", "--step", "7x"], "7x"),
        (["send", "a", "--count", "x"], "count must be a number"),
        (["send", ""], "stat"),
        (["send", "page views", "--value", "1"], '"page views" is a counter: send count'),
        (["send", "a", "--count", "1", "--value", "2"], "send count or value, not both"),
    ],
)
def test_a_mistake_is_one_clear_line_and_exit_code_1(statflow, store, arguments, message):
    printed = statflow(*arguments, exit_code=1)

    assert printed.startswith("Error: ")
    assert message in printed


@pytest.mark.parametrize("command", [["ls"], ["query", "a"], ["send", "a"], ["check"]])
def test_a_folder_that_is_not_there_is_not_made(statflow, folder, command):
    assert statflow(*command, exit_code=1) == f"Error: there is no data folder {folder}\n"
    assert not folder.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["send"],
        ["send", "a", "--url", "http://localhost"],
        ["send", "a", "--url", "localhost", "--key", "sk_live_x"],
        ["ls", "--url", "http://localhost", "--key", "sk_live_x", "--test"],
        ["serve", "--port", "99999"],
        ["serve", "--durability", "sometimes"],
        ["keys", "create", "--scope", "root"],
    ],
)
def test_wrong_usage_is_exit_code_2(statflow, arguments):
    assert "Usage:" in statflow(*arguments, exit_code=2)


def test_a_server_that_does_not_answer_is_one_clear_line(statflow):
    printed = statflow("ls", "--url", "http://127.0.0.1:1", "--key", "sk_live_x", exit_code=1)

    assert printed.startswith("Error: http://127.0.0.1:1 does not answer")


def test_sending_to_a_server_needs_neither_numpy_nor_falcon_nor_gunicorn():
    """Importing the three takes 0.4 s, which somebody who sends a point from a script would wait for."""
    import subprocess
    import sys

    code = (
        "import sys; from click.testing import CliRunner; from statflow_http.cli.main import main;"
        "result = CliRunner().invoke(main, ['send', 'a', '--url', 'http://127.0.0.1:1', '--key', 'k']);"
        "print(result.exit_code, [m for m in ('numpy', 'falcon', 'gunicorn') if m in sys.modules])"
    )

    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "1 []\n"

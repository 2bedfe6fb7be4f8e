"""The ``statflow`` command on a data folder, run in this process; against a server it is run in `test_server`."""

import csv
import io
import json
import re
import socket
import threading

import click
import pytest
from click.testing import CliRunner

import statflow_engine
from statflow_http.alerts.mail_settings import MailStore, MailWish
from statflow_http.alerts.options import AlertOptions
from statflow_http.cli.main import main
from statflow_http.documents.store import ACCOUNTS_FOLDER, Documents
from statflow_http.serving import first_start

COMMANDS = [
    ["demo"],
    *(["serve"], ["keys"], ["keys", "create"], ["keys", "add"], ["keys", "list"], ["keys", "rotate"]),
    *(["keys", "revoke"], ["users"], ["users", "create"], ["users", "list"], ["users", "plan"], ["users", "password"]),
    *(["users", "login-link"], ["users", "remove"], ["plans"], ["plans", "list"], ["plans", "set"]),
    ["plans", "remove"],
    *(["send"], ["query"], ["ls"], ["check"]),
    *(["import"], ["export"], ["backup"], ["restore"], ["bench"]),
]


@pytest.fixture
def folder(tmp_path):
    """Where a data folder may be made; nothing is there."""
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
    statflow_engine.open(folder).close()
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
        (["query", "nope"], 'no stat is called "nope"'),
        (["export", "nope", "-o", "-"], 'no stat is called "nope"'),
        (["keys", "add", "--ezkey", ""], "--ezkey must have 4 to 255 characters"),
        (["ls", "--account", "nobody@example.com"], "nobody has the e-mail address nobody@example.com"),
        (["send", "a", "--account", "nobody"], "there is no account nobody"),
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


def test_a_point_that_is_refused_is_told_without_its_place_among_one(statflow, store):
    printed = statflow("send", "a", "--t", "99999999999", exit_code=1)

    assert printed.startswith("Error: ")
    assert "point 0" not in printed


def test_a_point_that_is_stored_is_told_in_a_line_or_not_at_all(statflow, store):
    assert statflow("send", "a", "--value", "2.5") == 'sent "a": value 2.5\n'
    assert statflow("send", "b") == 'sent "b": count 1\n'
    assert statflow("send", "b", "--quiet") == ""


# Whatever only reads, and whatever changes only what is there.
NEEDS_A_STORE = [
    *(["ls"], ["query", "a"], ["send", "a"], ["check"], ["export", "-o", "-"], ["keys", "list"], ["users", "list"]),
    *(["plans", "list"], ["plans", "set", "team"], ["users", "login-link", "--owner"], ["keys", "revoke", "k"]),
]


@pytest.mark.parametrize("command", NEEDS_A_STORE, ids=" ".join)
@pytest.mark.parametrize("what", ["missing", "empty", "foreign"])
def test_where_no_store_is_none_is_made(statflow, folder, command, what):
    if what != "missing":
        folder.mkdir()
    if what == "foreign":
        (folder / "passwd").touch()
    before = list(folder.iterdir()) if folder.exists() else None

    printed = statflow(*command, exit_code=1)

    made = f'"statflow serve --data {folder}" makes one'
    assert printed == f"Error: there is no StatFlow store in {folder}: {made}\n"
    assert (list(folder.iterdir()) if folder.exists() else None) == before


MAKES_A_FOLDER = [
    ["keys", "create"],
    ["keys", "add", "--ezkey", "ada@example.com"],
    ["users", "create", "a@b", "--link"],
]


@pytest.mark.parametrize("command", MAKES_A_FOLDER, ids=" ".join)
def test_what_is_made_before_the_first_start_makes_the_folder_and_says_so(statflow, folder, command):
    told = CliRunner().invoke(main, [*command, "--data", str(folder)])

    assert told.exit_code == 0
    assert told.stderr.startswith(f"made the data folder {folder}\n")
    assert (folder.stat().st_mode & 0o777, (folder / "data.mdb").exists()) == (0o700, False)
    assert "made" not in CliRunner().invoke(main, ["keys", "create", "--data", str(folder)]).stderr


@pytest.mark.parametrize("command", [*MAKES_A_FOLDER, ["import", "a.csv"]], ids=" ".join)
def test_a_folder_that_holds_other_files_is_never_made_a_data_folder(statflow, folder, command):
    folder.mkdir()
    (folder / "passwd").touch()

    assert f"{folder} is no data folder, and holds other files, such as passwd" in statflow(*command, exit_code=1)
    assert [path.name for path in folder.iterdir()] == ["passwd"]


def test_the_root_of_a_disk_may_be_a_data_folder(statflow, folder):
    (folder / "lost+found").mkdir(parents=True)

    assert statflow("keys", "create").startswith("sk_live_")


def test_points_of_another_account_are_sent_listed_and_queried(statflow, store):
    statflow("users", "create", "ada@example.com", "--link")
    hers = ("--account", "ada@example.com")
    statflow("send", "hers", "--count", "5", *hers)

    assert "hers" in statflow("ls", *hers)
    assert "hers" not in statflow("ls")
    assert "5" in statflow("query", "hers", "--step", "1h", *hers).split()
    account_id = statflow("users", "list").splitlines()[2].split()[1]
    assert statflow("ls", "--account", account_id) == statflow("ls", *hers)


@pytest.mark.parametrize("known", ["by serve", "by serve and its public URL", "by mail settings", "by the command"])
def test_a_login_link_is_a_whole_address(statflow, store, known):
    documents = Documents(store / ACCOUNTS_FOLDER)
    public_url = "https://stats.example.com" if "public" in known else ""
    first_start.note_place(documents, first_start.Place("http://127.0.0.1:8088", public_url))
    if known == "by mail settings":
        MailStore(documents, AlertOptions()).change(MailWish(public_url="https://stats.example.com"))
    documents.close()
    told = ("--public-url", "https://stats.example.com/") if known == "by the command" else ()

    wanted = "http://127.0.0.1:8088" if known == "by serve" else "https://stats.example.com"
    assert re.fullmatch(rf"{wanted}/login/[\w-]{{43}}\n", statflow("users", "login-link", "--owner", *told))
    printed = statflow("users", "create", "ada@example.com", "--link", *told)
    assert re.search(rf"^{wanted}/login/[\w-]{{43}}$", printed, re.MULTILINE)


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
        ["serve", "--interval", "3"],
        ["serve", "--public-url", "foo"],
        ["serve", "--public-url", "http://"],
        ["serve", "--public-url", "https://stats.example.com?x"],
        ["serve", "--smtp-tls", ""],
        ["users", "login-link", "--owner", "--public-url", "foo"],
        ["ls", "--url", "http://localhost", "--key", "k", "--account", "owner"],
        ["import", "a.csv", "--url", "http://localhost", "--key", "k", "--account", "owner"],
        ["query", "a", "--combine", "avg"],
        ["bench", "--url", "http://localhost"],
        ["keys", "create", "--scope", "root"],
    ],
)
def test_wrong_usage_is_exit_code_2(statflow, arguments):
    assert "Usage:" in statflow(*arguments, exit_code=2)


def commands(group=main):
    """Every command, those of groups too."""
    for command in group.commands.values():
        yield from commands(command) if isinstance(command, click.Group) else [command]


def test_an_account_is_named_in_the_same_way_everywhere():
    options = [option for command in commands() for option in command.params if option.name in ("account", "email")]
    accounts = [option for option in options if "--account" in option.opts]

    assert len(accounts) == 10
    assert {(one.metavar, one.default, one.help) for one in accounts} == {
        ("EMAIL", accounts[0].default, accounts[0].help)
    }


def test_no_choice_is_of_nothing():
    for command in commands():
        for option in command.params:
            assert "" not in getattr(option.type, "choices", ()), (command.name, option.name)


@pytest.fixture(params=["closed", "silent", "foreign", "closes"])
def deaf_server(request, monkeypatch):
    """The address of something that does not answer as a server does, and what is said about it."""
    if request.param == "closed":
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        yield f"http://127.0.0.1:{port}", "nothing listens there"
        return
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        if request.param == "silent":
            monkeypatch.setattr("statflow_http.cli.remote.READ_S", 0.2)
            yield f"http://127.0.0.1:{port}", "it took the request, and no answer came in time"
            return
        scheme = "https" if request.param == "foreign" else "http"
        answers = threading.Thread(target=_answer_nonsense, args=(listening, request.param), daemon=True)
        answers.start()
        wanted = "it does not speak TLS" if request.param == "foreign" else "what it says is no HTTP, or breaks off"
        yield f"{scheme}://127.0.0.1:{port}", wanted
        listening.shutdown(socket.SHUT_RDWR)
        answers.join()


def _answer_nonsense(listening, what):
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        with connection:
            connection.recv(65_536)
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" if what == "foreign" else b"SSH-2.0-OpenSSH_9\r\n")


def test_a_server_that_does_not_answer_is_one_plain_sentence(statflow, deaf_server):
    url, wanted = deaf_server

    printed = statflow("ls", "--url", url, "--key", "sk_live_x", exit_code=1)

    assert printed.startswith(f"Error: {url} does not answer: {wanted}")
    assert not re.search("Pool|retries|Error.*Error|0x", printed)


def test_a_host_that_there_is_not_is_one_plain_sentence(statflow):
    printed = statflow("export", "-o", "-", "--url", "http://nowhere.invalid", "--key", "k", exit_code=1)

    assert printed == "Error: http://nowhere.invalid does not answer: no host has this name\n"


def test_the_bench_measures_in_a_store_of_its_own_and_leaves_nothing(statflow, store):
    before = sorted(path.name for path in store.iterdir())

    lines = statflow("bench", "--seconds", "0.3").splitlines()

    assert lines[-4].startswith("what ")
    rates = [re.search(r"([\d,]+) (\w+) a second", line).groups() for line in lines[-3:]]
    assert [unit for _, unit in rates] == ["points", "points", "queries"]
    assert all(int(number.replace(",", "")) > 0 for number, _ in rates)
    assert "cores, load" in lines[1]
    assert str(store) in lines[2]
    assert sorted(path.name for path in store.iterdir()) == before
    assert "bench" not in statflow("ls")


def test_the_bench_needs_a_folder_that_it_may_write_to(statflow, folder):
    assert f"cannot make a folder in {folder}" in statflow("bench", exit_code=1)


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

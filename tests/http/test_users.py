"""``statflow users`` and ``statflow plans``, and what of ``statflow keys`` is about accounts."""

import re

import pytest
from click.testing import CliRunner

import statflow_engine
from statflow_http.cli.main import main
from statflow_http.documents.store import ACCOUNTS_FOLDER, Documents

PASSWORD = "correct horse"


@pytest.fixture
def folder(tmp_path):
    """A data folder that has accounts, and no stats yet."""
    Documents(tmp_path / "data" / ACCOUNTS_FOLDER).close()
    return tmp_path / "data"


@pytest.fixture
def statflow(folder, monkeypatch):
    """Run the command on the folder; its output, when it ends as it should."""
    for name in ("STATFLOW_DATA", "STATFLOW_URL", "STATFLOW_KEY"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments, exit_code=0, typed=None):
        result = CliRunner().invoke(main, [*arguments, "--data", str(folder)], input=typed)
        assert result.exit_code == exit_code, result.output
        assert PASSWORD not in result.output
        return result.stdout if exit_code == 0 else result.stderr

    return run


@pytest.fixture
def ada(statflow):
    statflow("users", "create", "ada@example.com", "--password-stdin", typed=PASSWORD + "\n")
    return "ada@example.com"


def rows(printed):
    return [re.split(r"  +", line) for line in printed.splitlines()[1:]]


def test_a_new_user_has_an_account_of_the_plan_free_and_is_told_what_is_next(statflow):
    printed = statflow("users", "create", "Ada@example.com", "--password-stdin", typed=PASSWORD + "\n")

    assert printed == (
        "made the account of ada@example.com, plan free\nnext: statflow keys create --account ada@example.com\n"
    )
    assert statflow("keys", "create", "--account", "ada@example.com").startswith("sk_live_")
    (owner, ada) = rows(statflow("users", "list"))
    assert owner[:4] == ["(no address yet)", "owner", "owner", "unlimited"]
    assert (ada[0], ada[2], ada[3], ada[5]) == ("ada@example.com", "owner", "free", "set")


def test_a_password_is_typed_twice(statflow):
    typed = f"{PASSWORD}\nanother one\n{PASSWORD}\n{PASSWORD}\n"

    assert "made the account" in statflow("users", "create", "ada@example.com", typed=typed)


def test_a_password_is_no_argument_anywhere():
    for name, command in main.commands["users"].commands.items():
        for option in command.params:
            takes_text = not getattr(option, "is_flag", False)
            assert not (takes_text and "password" in (option.name or "")), name


@pytest.mark.parametrize(
    ("arguments", "typed", "message"),
    [
        (["ada@example.com"], "short\n", "a password has at least 8 characters"),
        (["ada@example.com"], "\n", "a password has at least 8 characters"),
        (["ada"], PASSWORD, "email must be an address, such as ada@example.com"),
        (["ada@example.com", "--plan", "gold"], PASSWORD, "no such plan: there are free, unlimited"),
        (["ada@example.com", "--member-of", "x@example.com"], PASSWORD, "nobody has the e-mail address x@example.com"),
    ],
)
def test_what_makes_no_user_is_one_line(statflow, arguments, typed, message):
    printed = statflow("users", "create", *arguments, "--password-stdin", typed=typed, exit_code=1)

    assert printed.startswith(f"Error: {message}")
    assert printed.count("\n") == 1
    assert len(rows(statflow("users", "list"))) == 2  # the owner, and what is next


def test_an_address_can_be_used_once(statflow, ada):
    printed = statflow("users", "create", "ADA@example.com", "--link", exit_code=1)

    assert printed == "Error: somebody has the e-mail address ADA@example.com already\n"


def test_only_one_sort_of_user_can_be_meant(statflow):
    statflow("users", "create", "a@example.com", "--owner", "--plan", "free", exit_code=2)


def test_a_member_shares_the_account(statflow, ada):
    statflow("users", "create", "bob@example.com", "--member-of", ada, "--link")
    statflow("keys", "create", "--account", ada, "--label", "hers")

    assert "hers" in statflow("keys", "list", "--account", "bob@example.com")
    assert "hers" not in statflow("keys", "list")


def test_the_owner_gets_an_address(statflow):
    statflow("users", "create", "me@example.com", "--owner", "--password-stdin", typed=PASSWORD)

    (owner, *_) = rows(statflow("users", "list"))
    assert (owner[0], owner[1], owner[5]) == ("me@example.com", "owner", "set")


def test_the_plan_of_an_account_is_changed(statflow, ada):
    statflow("plans", "set", "team", "--stats", "200")

    assert "ada@example.com has the plan team" in statflow("users", "plan", ada, "team")
    assert rows(statflow("users", "list"))[1][3] == "team"
    assert "no such plan" in statflow("users", "plan", ada, "gold", exit_code=1)
    assert "give it another one first" in statflow("plans", "remove", "team", exit_code=1)


def test_plans_are_listed_set_and_removed(statflow):
    statflow("plans", "set", "team", "--stats", "200", "--points", "5000000", "--new-stats", "60", "--requests", "50")

    assert rows(statflow("plans", "list")) == [
        ["free", "10", "10000", "-", "-"],
        ["team", "200", "5000000", "60", "50"],
        ["unlimited", "-", "-", "-", "-"],
    ]
    assert statflow("plans", "remove", "team") == "the plan team is removed\n"
    assert len(rows(statflow("plans", "list"))) == 2


def test_a_password_is_set(statflow, ada):
    assert "signed out everywhere" in statflow("users", "password", ada, "--password-stdin", typed="battery staple\n")


def test_a_login_link_is_printed_alone(statflow, ada):
    assert re.fullmatch(r"/login/[\w-]{43}\n", statflow("users", "login-link", ada))
    assert re.fullmatch(r"/login/[\w-]{43}\n", statflow("users", "login-link", "--owner"))
    statflow("users", "login-link", exit_code=2)


def test_a_member_is_removed_alone_and_an_owner_with_the_account(folder, statflow, ada):
    statflow("users", "create", "bob@example.com", "--member-of", ada, "--link")
    account_id = rows(statflow("users", "list"))[1][1]
    with statflow_engine.open(folder) as engine:
        engine.count("a", namespace=f"{account_id}:live")
        engine.count("b", namespace=f"{account_id}:test")
        engine.count("c", namespace="owner:live")

    assert statflow("users", "remove", "bob@example.com") == "bob@example.com is removed\n"
    statflow("users", "remove", ada, typed="n\n", exit_code=1)
    assert len(rows(statflow("users", "list"))) == 2
    assert statflow("users", "remove", ada, "--yes").endswith("stats that went with it: 2\n")

    with statflow_engine.open(folder) as engine:
        names = [series.name for namespace in engine.namespaces() for series in engine.series(namespace)]
    assert names == ["c"]
    assert "nobody has the e-mail address" in statflow("keys", "list", "--account", ada, exit_code=1)
    statflow("users", "create", ada, "--link")


def test_the_server_s_owner_cannot_be_removed(statflow):
    statflow("users", "create", "me@example.com", "--owner", "--link")

    assert "owner cannot be removed" in statflow("users", "remove", "me@example.com", "--yes", exit_code=1)


@pytest.mark.parametrize(
    ("option", "secret", "shown"),
    [
        ("--ezkey", "ada@example.com", "added ezkey a…@example.com as "),
        ("--ukey", "MTg4NTcgiDyQ~~", "added ukey … as "),
        ("--token", "tokentokentokentoken", "added token toke… as "),
    ],
)
def test_an_old_key_is_added_and_not_shown_again(statflow, option, secret, shown):
    printed = statflow("keys", "add", option, secret)

    assert printed.startswith(shown)
    assert secret not in printed + statflow("keys", "list")
    assert f"scope {'read' if option == '--token' else 'write'}" in printed
    assert statflow("keys", "add", option, secret, exit_code=1) == "Error: this key was added already\n"


def test_one_old_key_is_added_at_a_time(statflow):
    statflow("keys", "add", exit_code=2)
    statflow("keys", "add", "--ezkey", "aaaa", "--ukey", "bbbb", exit_code=2)


def test_a_key_is_rotated(statflow):
    old = statflow("keys", "create", "--label", "pixel").strip()

    new = statflow("keys", "rotate", old[:16], "--grace-days", "0").strip()

    assert new.startswith("sk_live_")
    assert new != old
    listed = statflow("keys", "list")
    assert listed.count("pixel") == 2
    assert old not in listed
    assert "was revoked" in statflow("keys", "rotate", old, exit_code=1)


def test_a_key_may_expire(statflow):
    statflow("keys", "create", "--days", "30")

    assert rows(statflow("keys", "list"))[0][5] != "-"

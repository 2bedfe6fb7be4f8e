"""Passwords: which may be chosen, how they are kept, and how long a wrong one takes."""

import subprocess
import sys
import time

import pytest

from statflow_http.accounts import passwords
from statflow_http.errors import RequestError

OTHERS_HASH = "$argon2id$v=19$m=8,t=1,p=1$YWJjZGVmZ2g$bLOj7ngTLZrTTPuMyW2Zwg"


@pytest.mark.parametrize(
    ("password", "text"),
    [
        ("", "a password has at least 8 characters"),
        ("1234567", "a password has at least 8 characters"),
        ("é" * 7, "a password has at least 8 characters"),
        ("x" * 1_001, "a password has at most 1000 characters"),
    ],
)
def test_the_length_of_a_password_is_told_plainly(password, text):
    with pytest.raises(RequestError, match=f"^{text}$"):
        passwords.hashed(password)


@pytest.mark.parametrize("password", ["12345678", "x" * 1_000, "pass wörd ☃", " leading", "a\0b" * 3, "\ud800" * 8])
def test_a_password_is_right_and_another_is_not(password):
    hash_ = passwords.hashed(password)

    assert passwords.is_right(password, hash_)
    assert not passwords.is_right(password + "x", hash_)
    assert not passwords.is_right(password[:-1], hash_)
    assert not passwords.is_right("", hash_)


def test_what_looks_alike_is_the_same_password():
    assert passwords.is_right("cafe\u0301 au lait", passwords.hashed("caf\u00e9 au lait"))


def test_a_hash_is_argon2id_with_a_salt_of_its_own():
    first, second = passwords.hashed("12345678"), passwords.hashed("12345678")

    assert first.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert first != second
    assert "12345678" not in first


def test_nobodys_hash_costs_what_others_cost_and_is_never_right():
    """What is verified for an unknown address must have the parameters of what is verified for a known one."""
    parameters = passwords.hashed("12345678").split("$")[:4]

    assert passwords.NOBODYS_HASH.split("$")[:4] == parameters
    assert not passwords.is_outdated(passwords.NOBODYS_HASH)
    assert not passwords.is_right("12345678", "")


def test_an_unknown_person_takes_as_long_as_a_wrong_password():
    hash_ = passwords.hashed("12345678")

    def took_s(hash_):
        started = time.thread_time()
        passwords.is_right("a wrong one", hash_)
        return time.thread_time() - started

    known, unknown = (min(found) for found in zip(*((took_s(hash_), took_s("")) for _ in range(5)), strict=True))
    # Time of the processor, of which a busy machine takes little more; a skipped hash would make it a thousandth.
    assert known / 4 < unknown < known * 4


def test_a_password_too_long_to_be_anybodys_is_wrong_at_once():
    assert not passwords.is_right("x" * 1_000_000, passwords.hashed("x" * 1_000))


def test_a_hash_of_other_parameters_is_outdated():
    assert passwords.is_outdated(OTHERS_HASH)
    assert not passwords.is_outdated(passwords.hashed("12345678"))


def test_a_damaged_hash_is_nobodys():
    assert not passwords.is_right("12345678", "$argon2id$nonsense")


def test_sending_a_point_imports_no_library_for_passwords():
    code = (
        "import sys; from statflow_http.cli.main import main; main(['send', '--help'], standalone_mode=False);"
        "sys.exit('argon2' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL, check=False).returncode == 0

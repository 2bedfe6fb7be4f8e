"""Signing in: sessions, one-time links, how often it may be tried; and what of it lies on the disk."""

import threading

import pytest

from statflow_http.accounts import passwords
from statflow_http.accounts.accounts import OWNER_ID, Accounts
from statflow_http.accounts.attempts import Attempts, Limiter, network
from statflow_http.accounts.people import People
from statflow_http.accounts.sessions import (
    DAY_S,
    LINK_PATH,
    LINK_S,
    SESSION_S,
    SESSIONS_MAX,
    BadLoginError,
    Sessions,
    csrf_matches,
    csrf_token,
)
from statflow_http.documents.store import Documents
from statflow_http.errors import NotFoundError, RequestError, RetryLaterError, TakenError

NOW_S = 1_800_000_000
EMAIL = "ada@example.com"
PASSWORD = "correct horse"
HASH = passwords.hashed(PASSWORD)
HERE = "192.0.2.1"


@pytest.fixture
def documents(tmp_path):
    documents = Documents(tmp_path / "accounts")
    Accounts(documents).ensure_owner(NOW_S)
    yield documents
    documents.close()


@pytest.fixture
def people(documents):
    return People(documents)


@pytest.fixture
def ada(people):
    return people.create(OWNER_ID, EMAIL, HASH, NOW_S)


@pytest.fixture
def sessions(documents):
    return Sessions(documents)


def sign_in(sessions, password=PASSWORD, *, email=EMAIL, address=HERE, now_s=NOW_S):
    return sessions.sign_in(email, password, address, now_s)


def link_token(sessions, person, now_s=NOW_S):
    return sessions.new_link(person, now_s).removeprefix(LINK_PATH)


def test_who_signs_in_is_known_by_the_token(sessions, ada):
    signed_in = sign_in(sessions)

    assert signed_in.person == ada
    assert sessions.find(signed_in.token, NOW_S) == ada


def test_each_sign_in_is_a_session_of_its_own(sessions, ada):
    first, second = sign_in(sessions), sign_in(sessions)
    assert first.token != second.token

    sessions.end(first.token)

    assert sessions.find(first.token, NOW_S) is None
    assert sessions.find(second.token, NOW_S) == ada


def test_a_session_ends_after_a_month(sessions, ada):
    token = sign_in(sessions).token

    assert sessions.find(token, NOW_S + SESSION_S - 1) == ada
    assert sessions.find(token, NOW_S + SESSION_S) is None


def test_another_password_ends_every_session_and_begins_one(sessions, people, ada):
    before = sign_in(sessions).token

    after = sessions.change_password(ada, "battery staple", NOW_S)

    assert sessions.find(before, NOW_S) is None
    assert sessions.find(after.token, NOW_S).id == ada.id
    with pytest.raises(BadLoginError):
        sign_in(sessions)
    assert sign_in(sessions, "battery staple").person.id == ada.id


def test_a_password_that_may_not_be_changes_nothing(sessions, ada):
    token = sign_in(sessions).token

    with pytest.raises(RequestError, match="at least 8"):
        sessions.change_password(ada, "short", NOW_S)

    assert sessions.find(token, NOW_S) == ada


def test_who_is_removed_is_signed_out(sessions, people, ada):
    token = sign_in(sessions).token
    link = link_token(sessions, ada)

    people.remove(OWNER_ID, ada.id)

    assert sessions.find(token, NOW_S) is None
    assert sessions.person_of_link(link, NOW_S) is None
    with pytest.raises(NotFoundError):
        sessions.begin(ada, NOW_S)


def test_a_password_changed_between_its_check_and_the_session_begins_none(sessions, people, ada):
    people.set_password(ada, "another hash")

    with pytest.raises(BadLoginError):
        sessions.begin(ada, NOW_S)


@pytest.mark.parametrize("token", ["", ".", "..", "a.b", "owner.x.y", "x" * 5_000, "owner/..x.y", "ü.ü.ü", "a.b.c.d"])
def test_what_is_no_token_is_nobodys(sessions, ada, token):
    assert sessions.find(token, NOW_S) is None
    sessions.end(token)


def test_a_token_with_another_random_part_is_nobodys(sessions, ada):
    token = sign_in(sessions).token

    assert sessions.find(token[:-1] + ("a" if token[-1] != "a" else "b"), NOW_S) is None
    assert sessions.find(token.upper(), NOW_S) is None


def test_a_person_has_a_limit_of_sessions_and_the_oldest_ends(sessions, ada):
    tokens = [sessions.begin(ada, NOW_S + number).token for number in range(SESSIONS_MAX + 1)]

    found = [sessions.find(token, NOW_S + 100) is not None for token in tokens]
    assert found == [False] + [True] * SESSIONS_MAX


@pytest.mark.parametrize(
    ("email", "password"),
    [
        (EMAIL, "wrong"),
        ("nobody@example.com", PASSWORD),
        ("nonsense", PASSWORD),
        ("", ""),
        (EMAIL, ""),
        (EMAIL, "x" * 9_999),
    ],
)
def test_a_wrong_password_and_an_unknown_address_are_told_alike(sessions, ada, email, password):
    with pytest.raises(BadLoginError, match=r"^wrong e-mail address or password$"):
        sign_in(sessions, password, email=email)


def test_somebody_without_a_password_signs_in_by_link_only(sessions, people):
    bob = people.create(OWNER_ID, "bob@example.com", "", NOW_S)

    for password in ("", passwords.NOBODYS_HASH, PASSWORD):
        with pytest.raises(BadLoginError):
            sign_in(sessions, password, email="bob@example.com")
    assert sessions.use_link(link_token(sessions, bob), NOW_S).person == bob


def test_a_hash_of_old_parameters_is_made_anew_and_nobody_signed_out(sessions, people):
    from argon2 import PasswordHasher

    old = PasswordHasher(memory_cost=8, time_cost=1, parallelism=1).hash(PASSWORD)
    people.create(OWNER_ID, EMAIL, old, NOW_S)
    token = sign_in(sessions).token

    assert people.by_email(EMAIL).password_hash != old
    assert sessions.find(token, NOW_S) is not None
    assert sign_in(sessions).person.email == EMAIL


# -- links --


def test_a_link_signs_in_once(sessions, ada):
    token = link_token(sessions, ada)
    assert sessions.person_of_link(token, NOW_S) == ada
    assert sessions.person_of_link(token, NOW_S) == ada

    signed_in = sessions.use_link(token, NOW_S)

    assert sessions.find(signed_in.token, NOW_S) == ada
    assert sessions.person_of_link(token, NOW_S) is None
    with pytest.raises(NotFoundError, match="used already, or is over"):
        sessions.use_link(token, NOW_S)


def test_a_link_sets_address_and_password_as_it_signs_in(sessions, people):
    owner = people.ensure_owner(NOW_S)

    signed_in = sessions.use_link(link_token(sessions, owner), NOW_S, email=EMAIL, password_hash=HASH)

    assert sessions.find(signed_in.token, NOW_S) == people.owner(OWNER_ID) == signed_in.person
    assert sign_in(sessions).person == signed_in.person


def test_one_that_is_gone_sets_nothing(sessions, people):
    owner = people.ensure_owner(NOW_S)
    token = link_token(sessions, owner)
    sessions.use_link(token, NOW_S)

    with pytest.raises(NotFoundError):
        sessions.use_link(token, NOW_S, email=EMAIL, password_hash=HASH)
    assert people.owner(OWNER_ID) == owner
    assert people.by_email(EMAIL) is None


def test_one_whose_address_is_taken_sets_nothing_and_goes_on_working(sessions, people, ada):
    owner = people.ensure_owner(NOW_S)
    token = link_token(sessions, owner)

    with pytest.raises(TakenError):
        sessions.use_link(token, NOW_S, email=EMAIL, password_hash=HASH)
    assert people.owner(OWNER_ID) == owner
    assert sessions.use_link(token, NOW_S).person == owner


def test_a_link_is_over_after_a_day(sessions, ada):
    assert LINK_S == DAY_S
    token = link_token(sessions, ada)

    with pytest.raises(NotFoundError):
        sessions.use_link(token, NOW_S + DAY_S)


def test_another_password_ends_links_too(sessions, ada):
    token = link_token(sessions, ada)

    sessions.change_password(ada, "battery staple", NOW_S)

    with pytest.raises(NotFoundError):
        sessions.use_link(token, NOW_S)


@pytest.mark.parametrize("token", ["", "x", "x" * 10_000, "\ud800"])
def test_what_is_no_link_signs_nobody_in(sessions, ada, token):
    with pytest.raises(NotFoundError):
        sessions.use_link(token, NOW_S)


# -- attempts --


def test_the_eleventh_attempt_within_a_minute_waits_even_with_the_right_password(sessions, ada):
    for number in range(10):
        with pytest.raises(BadLoginError):
            sign_in(sessions, "wrong", now_s=NOW_S + number)

    with pytest.raises(RetryLaterError, match="too many attempts: try again in 50 s") as refusal:
        sign_in(sessions, now_s=NOW_S + 10)

    assert refusal.value.retry_after_s == 50
    assert sign_in(sessions, now_s=NOW_S + 60).person == ada


def test_attempts_are_counted_by_person_wherever_they_come_from(sessions, ada):
    for number in range(10):
        with pytest.raises(BadLoginError):
            sign_in(sessions, "wrong", email=EMAIL.upper() if number % 2 else EMAIL, address=f"192.0.2.{number}")

    with pytest.raises(RetryLaterError):
        sign_in(sessions, address="198.51.100.1")
    with pytest.raises(BadLoginError):
        sign_in(sessions, email="bob@example.com", address="198.51.100.1")


def test_attempts_are_counted_by_address_whoever_is_meant(sessions, ada):
    for number in range(10):
        with pytest.raises(BadLoginError):
            sign_in(sessions, "wrong", email=f"{number}@example.com")

    with pytest.raises(RetryLaterError):
        sign_in(sessions)
    assert sign_in(sessions, address="198.51.100.1").person == ada


def test_attempts_are_counted_exactly_by_several_workers(documents):
    """Each thread has a limiter of its own, as each worker has."""
    taken = []

    def attempt():
        limiter = Limiter(documents)
        for _ in range(5):
            try:
                limiter.take(NOW_S, "x")
            except RetryLaterError:
                continue
            taken.append(1)

    threads = [threading.Thread(target=attempt) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(taken) == 10


def test_a_refused_attempt_is_not_counted_so_that_waiting_helps(documents):
    limiter = Limiter(documents)
    for _ in range(10):
        limiter.take(NOW_S, "x")
    for second in range(59):
        with pytest.raises(RetryLaterError):
            limiter.take(NOW_S + second, "x")

    limiter.take(NOW_S + 60, "x")


def test_a_clock_that_steps_back_locks_nobody_out(documents):
    limiter = Limiter(documents)
    for _ in range(10):
        limiter.take(NOW_S + 100_000, "x")

    limiter.take(NOW_S, "x")


def test_attempts_that_are_over_leave(documents):
    limiter = Limiter(documents)
    for number in range(50):
        limiter.take(NOW_S + number * 1_000, f"sender {number}")

    with documents.snapshot() as snapshot:
        assert len(snapshot.all("attempts", Attempts)) < 15


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("", ""),
        ("nonsense", "nonsense"),
    ],
)
def test_an_ipv6_customer_is_one_sender(address, counted):
    assert network(address) == counted


# -- forms --


def test_a_form_of_another_session_does_not_match():
    secret = b"s" * 32
    sent = csrf_token(secret, "token")

    assert csrf_matches(secret, "token", sent)
    assert not csrf_matches(secret, "other", sent)
    assert not csrf_matches(b"t" * 32, "token", sent)
    for wrong in ("", "ü", sent[:-1], "\ud800"):
        assert not csrf_matches(secret, "token", wrong)


# -- at rest --


def test_neither_password_nor_token_nor_link_is_on_the_disk(tmp_path, documents, sessions, ada):
    token = sign_in(sessions).token
    link = link_token(sessions, ada)

    stored = (tmp_path / "accounts" / "data.mdb").read_bytes()
    assert b"ada@example.com" in stored
    for secret in (PASSWORD, token, token.rpartition(".")[2], link):
        assert secret.encode() not in stored

"""People: e-mail addresses, members and owners."""

import pytest

from statflow_http.accounts.accounts import OWNER_ID, Accounts
from statflow_http.accounts.people import MEMBERS_MAX, People, normal_email
from statflow_http.documents.store import Documents
from statflow_http.errors import NotFoundError, RequestError, TakenError

NOW_S = 1_800_000_000


@pytest.fixture
def documents(tmp_path):
    documents = Documents(tmp_path / "accounts")
    Accounts(documents).ensure_owner(NOW_S)
    yield documents
    documents.close()


@pytest.fixture
def people(documents):
    return People(documents)


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("ada@example.com", "ada@example.com"),
        ("  Ada@Example.COM ", "ada@example.com"),
        ("ada+stats@localhost", "ada+stats@localhost"),
        ("a/b@example.com", "a/b@example.com"),
        ("jose\u0301@example.com", "jos\u00e9@example.com"),
        ("x" * 242 + "@example.com", "x" * 242 + "@example.com"),
    ],
)
def test_an_address_is_stored_in_one_form(written, stored):
    assert normal_email(written) == stored


@pytest.mark.parametrize(
    "written",
    ["", "ada", "@example.com", "ada@", "a da@example.com", "a@b@c", "a\n@b", "a@b\x00", "a\u200b@b", "a@b\ud800"],
)
def test_what_is_no_address_is_refused(written):
    with pytest.raises(RequestError, match=r"^email must be an address, such as ada@example.com$"):
        normal_email(written)


def test_an_address_has_a_limit():
    with pytest.raises(RequestError, match="at most 254 bytes"):
        normal_email("x" * 243 + "@example.com")


def test_a_person_is_found_by_an_address_however_it_is_written(people):
    ada = people.create(OWNER_ID, "Ada@example.com", "hash", NOW_S)

    assert people.by_email(" ADA@EXAMPLE.COM") == ada
    assert people.by_email("bob@example.com") is None
    assert people.by_email("nonsense") is None


def test_an_address_is_of_one_person_in_all_accounts(people):
    people.create(OWNER_ID, "ada@example.com", "", NOW_S)

    with pytest.raises(TakenError, match="somebody has this e-mail address already"):
        people.create("other", "ADA@example.com", "", NOW_S)
    assert people.list("other") == []


def test_the_owner_of_the_server_is_made_once_and_without_an_address(people):
    owner = people.ensure_owner(NOW_S)

    assert (owner.account_id, owner.email, owner.is_owner) == (OWNER_ID, "", True)
    assert people.ensure_owner(NOW_S + 1) == owner
    assert people.owner(OWNER_ID) == owner


def test_an_address_that_was_given_up_is_free(people):
    ada = people.create(OWNER_ID, "ada@example.com", "", NOW_S)

    changed = people.set_email(ada, "lovelace@example.com")

    assert people.by_email("lovelace@example.com") == changed
    assert people.by_email("ada@example.com") is None
    bob = people.create(OWNER_ID, "ada@example.com", "", NOW_S)
    with pytest.raises(TakenError):
        people.set_email(bob, "lovelace@example.com")
    assert people.set_email(bob, "ADA@example.com").email == "ada@example.com"


def test_members_come_and_go_and_the_owner_stays(people):
    owner = people.ensure_owner(NOW_S)
    ada = people.create(OWNER_ID, "ada@example.com", "", NOW_S - 5)
    assert people.list(OWNER_ID) == [owner, ada]

    people.remove(OWNER_ID, ada.id)

    assert people.list(OWNER_ID) == [owner]
    assert people.by_email("ada@example.com") is None
    with pytest.raises(TakenError, match="owner of an account cannot be removed"):
        people.remove(OWNER_ID, owner.id)


def test_nobody_of_another_account_is_there(people):
    ada = people.create(OWNER_ID, "ada@example.com", "", NOW_S)

    for act in (people.get, people.remove):
        with pytest.raises(NotFoundError, match=r"^no such member$"):
            act("other", ada.id)
    assert people.by_email("ada@example.com") == ada


def test_who_is_gone_cannot_be_changed(people):
    ada = people.create(OWNER_ID, "ada@example.com", "", NOW_S)
    people.remove(OWNER_ID, ada.id)

    for act in (lambda: people.set_password(ada, "hash"), lambda: people.set_email(ada, "x@example.com")):
        with pytest.raises(NotFoundError):
            act()
    people.rehash(ada, "hash")
    assert people.by_email("ada@example.com") is None


def test_a_better_hash_does_not_undo_a_password_that_was_changed_meanwhile(people):
    before = people.create(OWNER_ID, "ada@example.com", "old", NOW_S)
    people.set_password(before, "new")

    people.rehash(before, "old in a better hash")

    assert people.by_email("ada@example.com").password_hash == "new"


def test_an_account_has_a_limit_of_members(people):
    for number in range(MEMBERS_MAX):
        people.create("big", f"{number}@example.com", "", NOW_S)

    with pytest.raises(TakenError, match="at most 100 members"):
        people.create("big", "one@example.com", "", NOW_S)
    people.create("small", "one@example.com", "", NOW_S)

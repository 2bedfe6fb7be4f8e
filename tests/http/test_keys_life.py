"""What becomes of keys: they expire, are rotated, are used, and old StatHat secrets join them."""

import hashlib

import msgspec
import pytest

from statflow_http.accounts.accounts import OWNER_ID, Account, Accounts
from statflow_http.accounts.key_store import KEYS_MAX, Keys
from statflow_http.accounts.keys import DAY_S, KeyKind, KeyPlace, KeySettings, Scope
from statflow_http.accounts.people import People
from statflow_http.accounts.usage import Usage
from statflow_http.documents.store import Documents
from statflow_http.errors import ForbiddenError, NotFoundError, RequestError, RetryLaterError, TakenError
from tests.clocks import StoppedClock

NOW_S = 1_800_000_000
UKEY = "MTg4NTcgiDyQabcdefgh~~"


@pytest.fixture
def documents(tmp_path):
    documents = Documents(tmp_path / "accounts")
    Accounts(documents).ensure_owner(NOW_S)
    Accounts(documents).save(Account("other", NOW_S))
    yield documents
    documents.close()


@pytest.fixture
def usage(documents):
    return Usage(documents)


@pytest.fixture
def clock():
    return StoppedClock(NOW_S)


@pytest.fixture
def keys(documents, usage, clock):
    return Keys(documents, usage, clock)


def works(keys, text):
    return keys.sender(text.encode()) is not None


# -- expiry --


def test_a_key_expires_at_its_time_also_where_it_is_remembered(keys, clock):
    text = keys.create(OWNER_ID, NOW_S, expires_s=NOW_S + 100)
    assert works(keys, text)

    clock.advance(99)
    assert works(keys, text)
    clock.advance(1)
    assert not works(keys, text)


@pytest.mark.parametrize("expires_s", [NOW_S, NOW_S - 1, 0, -5, 2**40])
def test_an_expiry_is_a_time_to_come(keys, expires_s):
    with pytest.raises(RequestError, match="expires_at must be a time to come"):
        keys.create(OWNER_ID, NOW_S, expires_s=expires_s)
    assert keys.list(OWNER_ID) == []


def test_label_scope_and_expiry_can_be_changed(keys, clock):
    text = keys.create(OWNER_ID, NOW_S, expires_s=NOW_S + 100, label="old")

    keys.update(OWNER_ID, text, KeySettings(label="new"), NOW_S)
    assert keys.get(OWNER_ID, text).expires_s == NOW_S + 100
    changed = keys.update(OWNER_ID, text, KeySettings(scope=Scope.READ, expires_s=None), NOW_S)

    assert (changed.label, changed.scope, changed.expires_s) == ("new", Scope.READ, None)
    assert keys.sender(text.encode()).scope is Scope.READ
    clock.advance(1_000)
    assert works(keys, text)


def test_a_revoked_key_cannot_be_changed_back_to_life(keys):
    text = keys.create(OWNER_ID, NOW_S)
    keys.revoke(OWNER_ID, text, NOW_S)

    with pytest.raises(TakenError, match="was revoked"):
        keys.update(OWNER_ID, text, KeySettings(expires_s=None), NOW_S)


# -- rotation --


def test_a_rotated_key_works_through_its_grace_beside_the_new_one(keys, clock):
    old = keys.create(OWNER_ID, NOW_S, live=False, scope=Scope.WRITE, label="pixel")

    new, key = keys.rotate(OWNER_ID, old, NOW_S, grace_days=2)

    assert new.startswith("sk_test_")
    assert (key.scope, key.label, key.live, key.expires_s) == (Scope.WRITE, "pixel", False, None)
    clock.advance(2 * DAY_S - 1)
    assert works(keys, old)
    assert works(keys, new)
    clock.advance(1)
    assert not works(keys, old)
    assert works(keys, new)


def test_without_a_grace_the_old_key_is_revoked(keys):
    old = keys.create(OWNER_ID, NOW_S)

    new, _ = keys.rotate(OWNER_ID, old, NOW_S, grace_days=0)

    assert not works(keys, old)
    assert works(keys, new)
    assert keys.get(OWNER_ID, old).revoked_s == NOW_S


def test_a_grace_makes_no_key_live_longer(keys):
    old = keys.create(OWNER_ID, NOW_S, expires_s=NOW_S + 10)

    keys.rotate(OWNER_ID, old, NOW_S, grace_days=30)

    assert keys.get(OWNER_ID, old).expires_s == NOW_S + 10


@pytest.mark.parametrize("days", [-1, 31])
def test_a_grace_is_of_0_to_30_days(keys, days):
    old = keys.create(OWNER_ID, NOW_S)

    with pytest.raises(RequestError, match="grace_days must be a whole number from 0 to 30"):
        keys.rotate(OWNER_ID, old, NOW_S, grace_days=days)
    assert len(keys.list(OWNER_ID)) == 1


def test_what_works_no_more_or_is_anothers_is_not_rotated(keys):
    old = keys.create(OWNER_ID, NOW_S)
    keys.revoke(OWNER_ID, old, NOW_S)
    expired = keys.create(OWNER_ID, NOW_S, expires_s=NOW_S + 1)
    secret = keys.add_secret(OWNER_ID, UKEY, KeyKind.UKEY, NOW_S)

    for name, now_s, error in (
        (old, NOW_S, TakenError),
        (expired, NOW_S + 1, TakenError),
        (secret.id, NOW_S, TakenError),
    ):
        with pytest.raises(error):
            keys.rotate(OWNER_ID, name, now_s, grace_days=1)
    with pytest.raises(NotFoundError):
        keys.rotate("other", secret.id, NOW_S, grace_days=1)


# -- use --


def test_looking_a_key_up_writes_nothing_and_its_use_is_known(documents, keys, usage):
    text = keys.create(OWNER_ID, NOW_S)
    unused = keys.create(OWNER_ID, NOW_S + 1)
    before = documents.epoch()
    for _ in range(100):
        keys.sender(text.encode())

    assert documents.epoch() == before
    assert keys.last_used(keys.list(OWNER_ID)) == {text[8:16]: NOW_S}
    usage.flush(NOW_S + 60)
    assert keys.last_used(keys.list(OWNER_ID)) == {text[8:16]: NOW_S + 60}
    assert unused[8:16] not in keys.last_used(keys.list(OWNER_ID))


def test_what_is_no_key_leaves_no_trace(keys, usage):
    keys.sender(b"nonsense")

    assert usage.seen == set()


def test_an_account_has_a_limit_of_keys_and_revoked_ones_make_room(documents, keys):
    first = msgspec.structs.replace(keys.get(OWNER_ID, keys.create(OWNER_ID, NOW_S)), account_id="other")
    with documents.change() as change:
        # 1,000 creations would each be synced; this is what they leave.
        for number in range(KEYS_MAX):
            digest = hashlib.sha256(b"%d" % number).digest()
            key = msgspec.structs.replace(first, id=f"k{number:07}", digest=digest)
            change.put("keys", digest.hex(), key)
            change.put("key_ids", f"other/{key.id}", KeyPlace(digest))

    with pytest.raises(TakenError, match="at most 1000 keys: revoke one"):
        keys.create("other", NOW_S)
    keys.revoke("other", "k0000500", NOW_S)
    keys.create("other", NOW_S + 1)
    assert len(keys.list("other")) == KEYS_MAX
    with pytest.raises(NotFoundError):
        keys.get("other", "k0000500")


# -- old secrets --

SECRETS = [
    ("ada@example.com", KeyKind.EZKEY, "ezkey a…@example.com", Scope.WRITE),
    ("short", KeyKind.EZKEY, "ezkey …", Scope.WRITE),
    ("0123456789abcdef", KeyKind.EZKEY, "ezkey 0123…", Scope.WRITE),
    (UKEY, KeyKind.UKEY, "ukey MTg4…", Scope.WRITE),
    ("a b+c/d=%e&f" * 3, KeyKind.UKEY, "ukey a b+…", Scope.WRITE),
    ("pässwörd☃☃", KeyKind.EZKEY, "ezkey …", Scope.WRITE),
    ("tokentokentokentoken", KeyKind.TOKEN, "token toke…", Scope.READ),
]


@pytest.mark.parametrize(("secret", "kind", "shown", "scope"), SECRETS)
def test_an_old_secret_is_matched_letter_by_letter_and_kept_as_a_hash(tmp_path, keys, secret, kind, shown, scope):
    key = keys.add_secret(OWNER_ID, secret, kind, NOW_S)

    assert (key.display, key.scope, key.kind) == (shown, scope, kind)
    sender = keys.sender(secret.encode())
    assert (sender.account.id, sender.scope, sender.namespace) == (OWNER_ID, scope, "owner:live")
    for other in (secret + " ", " " + secret, secret.swapcase(), secret[:-1], secret + "~"):
        assert keys.sender(other.encode()) is None
    stored = (tmp_path / "accounts" / "data.mdb").read_bytes()
    assert secret.encode() not in stored
    assert key.digest == hashlib.sha256(secret.encode()).digest()


def test_the_scope_of_an_old_secret_can_be_chosen(keys):
    keys.add_secret(OWNER_ID, UKEY, KeyKind.UKEY, NOW_S, scope=Scope.FULL, live=False)

    assert keys.sender(UKEY.encode()).scope is Scope.FULL
    assert keys.sender(UKEY.encode()).namespace == "owner:test"


@pytest.mark.parametrize(
    ("secret", "text"),
    [
        ("", "4 to 255 characters"),
        ("abc", "4 to 255 characters"),
        ("x" * 256, "4 to 255 characters"),
        (" abcd", "no space at its ends"),
        ("ab\ncd", "no control characters"),
        ("abc\ud800", "no control characters"),
        ("sk_live_" + "x" * 32, "a key of StatFlow's cannot be added"),
        ("sk_test_x", "a key of StatFlow's cannot be added"),
    ],
)
def test_what_can_be_no_secret_is_refused(keys, secret, text):
    with pytest.raises(RequestError, match=text):
        keys.add_secret(OWNER_ID, secret, KeyKind.EZKEY, NOW_S)


def test_a_secret_in_use_is_refused_without_telling_whose(keys):
    keys.add_secret(OWNER_ID, UKEY, KeyKind.UKEY, NOW_S)

    with pytest.raises(TakenError, match=r"^this key cannot be added: it is in use$"):
        keys.add_secret("other", UKEY, KeyKind.UKEY, NOW_S)
    with pytest.raises(TakenError, match=r"^this key was added already$"):
        keys.add_secret(OWNER_ID, UKEY, KeyKind.EZKEY, NOW_S)
    assert keys.sender(UKEY.encode()).account.id == OWNER_ID


def test_a_secret_that_was_revoked_can_be_added_again_by_anybody(keys):
    key = keys.add_secret(OWNER_ID, UKEY, KeyKind.UKEY, NOW_S)
    keys.revoke(OWNER_ID, key.id, NOW_S)
    assert not works(keys, UKEY)

    keys.add_secret("other", UKEY, KeyKind.UKEY, NOW_S)

    assert keys.sender(UKEY.encode()).account.id == "other"
    assert keys.list(OWNER_ID) == []


@pytest.mark.parametrize("is_in_use", [False, True])
def test_an_address_of_others_is_refused_in_the_same_words_whether_it_is_in_use_or_not(documents, keys, is_in_use):
    """Whoever could add it, or heard another refusal, would learn who is here, or take another's key."""
    People(documents).create(OWNER_ID, "ada@example.com", "", NOW_S)
    if is_in_use:
        keys.add_secret(OWNER_ID, "ada@example.com", KeyKind.EZKEY, NOW_S)

    for secret in ("ada@example.com", "ADA@example.com", "nobody@example.com"):
        with pytest.raises(ForbiddenError, match="only to the account of the person who has it here"):
            keys.add_secret("other", secret, KeyKind.EZKEY, NOW_S)


def test_ones_own_address_can_be_added_and_by_the_server_s_owner_one_that_nobody_has(documents, keys):
    People(documents).create("other", "bob@example.com", "", NOW_S)

    assert keys.add_secret("other", "Bob@example.com", KeyKind.EZKEY, NOW_S).account_id == "other"
    assert keys.add_secret(OWNER_ID, "ada@example.com", KeyKind.EZKEY, NOW_S).account_id == OWNER_ID
    with pytest.raises(ForbiddenError):
        keys.add_secret(OWNER_ID, "bob@example.com", KeyKind.EZKEY, NOW_S)
    assert keys.add_secret(OWNER_ID, "bob@example.com", KeyKind.EZKEY, NOW_S, by_operator=True)


def test_secrets_cannot_be_tried_out(keys):
    for number in range(10):
        keys.add_secret("other", f"guess{number}", KeyKind.EZKEY, NOW_S)

    with pytest.raises(RetryLaterError):
        keys.add_secret("other", "guess10", KeyKind.EZKEY, NOW_S)
    keys.add_secret(OWNER_ID, "guess10", KeyKind.EZKEY, NOW_S)


def test_a_key_is_found_by_id_display_and_itself_within_its_account_only(keys):
    text = keys.create(OWNER_ID, NOW_S)
    secret = keys.add_secret(OWNER_ID, UKEY, KeyKind.UKEY, NOW_S)

    assert [keys.get(OWNER_ID, name).id for name in (text, text[:16], text[:16] + "…", text[8:16])] == [text[8:16]] * 4
    assert keys.get(OWNER_ID, UKEY) == keys.get(OWNER_ID, secret.id) == secret
    for name in (text, secret.id, UKEY, "", "x" * 5_000, "a/b"):
        with pytest.raises(NotFoundError, match=r"^no such key$"):
            keys.get("other", name)

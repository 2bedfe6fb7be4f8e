"""Keys at rest, and the folder that they lie in."""

import hashlib
import os
import stat

import pytest

from statflow_engine import FormatVersionError, StoreClosedError, StoreError
from statflow_http.accounts.accounts import OWNER_ID, Account, Accounts
from statflow_http.accounts.key_store import Keys
from statflow_http.accounts.keys import Scope
from statflow_http.accounts.senders import CACHE_MAX
from statflow_http.documents.store import VERSION, Documents
from statflow_http.errors import NotFoundError, RequestError

NOW_S = 1_800_000_000


@pytest.fixture
def documents(tmp_path):
    documents = Documents(tmp_path / "accounts")
    Accounts(documents).ensure_owner(NOW_S)
    yield documents
    documents.close()


@pytest.fixture
def keys(documents):
    return Keys(documents)


@pytest.mark.parametrize(("live", "prefix"), [(True, "sk_live_"), (False, "sk_test_")])
def test_a_key_says_what_it_is_for(keys, live, prefix):
    text = keys.create(OWNER_ID, NOW_S, live=live)

    assert text.startswith(prefix)
    assert len(text) == len(prefix) + 32
    assert keys.sender(text.encode()).namespace == ("owner:live" if live else "owner:test")


def test_two_keys_differ(keys):
    assert len({keys.create(OWNER_ID, NOW_S) for _ in range(20)}) == 20


def test_only_hash_and_prefix_are_stored(tmp_path, keys):
    text = keys.create(OWNER_ID, NOW_S, label="laptop", scope=Scope.WRITE)

    (key,) = keys.list(OWNER_ID)
    stored = (tmp_path / "accounts" / "data.mdb").read_bytes()
    assert text[-24:].encode() not in stored
    assert (key.display, key.label, key.scope) == (text[:16] + "…", "laptop", Scope.WRITE)
    assert key.digest == hashlib.sha256(text.encode()).digest()


def test_folder_and_files_are_the_owners_alone(tmp_path, documents):
    folder = tmp_path / "accounts"

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}


@pytest.mark.parametrize(
    "how", [lambda text: text, lambda text: text[:16], lambda text: text[8:16], lambda text: text[:16] + "…"]
)
def test_a_key_is_revoked_by_each_of_its_names(keys, how):
    text = keys.create(OWNER_ID, NOW_S)

    assert keys.revoke(OWNER_ID, how(text), NOW_S + 1).revoked_s == NOW_S + 1
    assert keys.revoke(OWNER_ID, how(text), NOW_S + 9).revoked_s == NOW_S + 1
    assert keys.sender(text.encode()) is None


def test_nobody_revokes_anothers_key(keys):
    text = keys.create(OWNER_ID, NOW_S)

    for account_id, name in (("other", text), (OWNER_ID, "nonsense"), (OWNER_ID, "")):
        with pytest.raises(NotFoundError, match=r"^no such key$"):
            keys.revoke(account_id, name, NOW_S)
    assert keys.sender(text.encode()) is not None


def test_what_another_process_changes_is_seen_at_once(documents, keys):
    """Another `Keys` over the same environment has a cache of its own, as another process has."""
    text = keys.create(OWNER_ID, NOW_S).encode()
    elsewhere = Keys(documents)
    assert elsewhere.sender(text).account.tilde_join == "~"

    Accounts(documents).save(Account(OWNER_ID, NOW_S, tilde_join=" "))
    assert elsewhere.sender(text).account.tilde_join == " "
    keys.revoke(OWNER_ID, text.decode(), NOW_S)
    assert elsewhere.sender(text) is None


def test_a_key_without_its_account_is_no_key(keys):
    assert keys.sender(keys.create("nobody", NOW_S).encode()) is None


def test_the_cache_is_bounded(keys):
    text = keys.create(OWNER_ID, NOW_S).encode()
    sender = keys.sender(text)
    keys._known.senders.update({number.to_bytes(4, "big"): sender for number in range(CACHE_MAX)})

    assert keys.sender(text) == sender
    assert len(keys._known.senders) == 1


def test_a_label_has_a_limit(keys):
    keys.create(OWNER_ID, NOW_S, label="x" * 100)
    with pytest.raises(RequestError, match="at most 100"):
        keys.create(OWNER_ID, NOW_S, label="x" * 101)


def test_a_change_that_raises_changes_nothing(documents):
    before = documents.epoch()

    with pytest.raises(ZeroDivisionError), documents.change() as change:
        change.put("accounts", "half", Account("half", 1 // 0 if change.delete("accounts", OWNER_ID) else NOW_S))

    assert Accounts(documents).get("half") is None
    assert Accounts(documents).get(OWNER_ID) is not None
    assert documents.epoch() == before


def test_what_was_stored_is_there_after_opening_again(tmp_path):
    documents = Documents(tmp_path)
    Accounts(documents).ensure_owner(NOW_S)
    text = Keys(documents).create(OWNER_ID, NOW_S).encode()
    secret = documents.secret
    documents.close()

    again = Documents(tmp_path)
    assert again.secret == secret
    assert not Accounts(again).ensure_owner(NOW_S + 1)
    assert Keys(again).sender(text).account == Account(OWNER_ID, NOW_S)
    again.close()


def test_it_is_opened_once_a_process_and_not_used_after_close(tmp_path):
    documents = Documents(tmp_path)
    with pytest.raises(StoreError, match="cannot open"):
        Documents(tmp_path)
    documents.close()
    documents.close()
    with pytest.raises(StoreClosedError):
        documents.epoch()


def test_a_process_that_did_not_open_it_may_not_use_it(documents):
    child = os.fork()
    if child == 0:
        try:
            documents.epoch()
        except StoreClosedError as error:
            os._exit(0 if "opened by another process" in str(error) else 1)
        finally:
            os._exit(2)
    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0
    assert documents.epoch() > 0


def test_a_folder_of_a_newer_version_is_refused(tmp_path):
    import lmdb

    Documents(tmp_path).close()
    with lmdb.open(str(tmp_path), max_dbs=8) as env, env.begin(write=True) as txn:
        txn.put(b"version", VERSION.pack(99), db=env.open_db(b"meta", txn=txn))

    with pytest.raises(FormatVersionError, match="format 99"):
        Documents(tmp_path)

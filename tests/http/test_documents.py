"""Documents lie in order of their keys, a prefix finds those under it, and a change is whole or not at all."""

import msgspec
import pytest

from statflow_http.documents.store import Documents


class Note(msgspec.Struct, frozen=True):
    text: str


@pytest.fixture
def documents(tmp_path):
    documents = Documents(tmp_path / "accounts")
    yield documents
    documents.close()


def put(documents, *keys):
    with documents.change() as change:
        for key in keys:
            change.put("accounts", key, Note(key))


def under(documents, prefix, **options):
    with documents.snapshot() as snapshot:
        return [note.text for note in snapshot.under("accounts", prefix, Note, **options)]


def test_a_prefix_finds_what_lies_under_it_in_order(documents):
    put(documents, "b/2", "a/1", "b/1", "b", "bb/1", "ü/1")
    assert under(documents, "b/") == ["b/1", "b/2"]
    assert under(documents, "") == ["a/1", "b", "b/1", "b/2", "bb/1", "ü/1"]
    assert under(documents, "c") == []


def test_after_leaves_out_what_was_seen_whether_it_is_still_there_or_not(documents):
    put(documents, "b/1", "b/3", "b/5", "c/1")
    assert under(documents, "b/", after="b/3") == ["b/5"]
    assert under(documents, "b/", after="b/2") == ["b/3", "b/5"]
    assert under(documents, "b/", after="b/5") == []
    assert under(documents, "b/", after="b/9") == []


def fail_halfway(documents):
    with documents.change() as change:
        change.put("accounts", "b", Note("b"))
        change.delete("accounts", "a")
        raise RuntimeError


def test_a_change_that_raises_leaves_nothing(documents):
    put(documents, "a")
    with pytest.raises(RuntimeError):
        fail_halfway(documents)
    assert under(documents, "") == ["a"]

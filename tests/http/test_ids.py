"""Stat ids, classic and embed keys, ids of documents."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statflow_http import ids

SECRET = b"s" * 32
series_ids = st.integers(0, 2**40 - 1)


@given(series_ids)
def test_a_stat_id_is_read_back(series_id):
    assert ids.series_id(ids.stat_id(series_id)) == series_id


# How each sort of key is made, and read back.
KEYS = {
    "classic": (ids.classic_key, ids.series_id_of_classic_key),
    "embed": (ids.embed_key, ids.series_id_of_embed_key),
}
sorts = st.sampled_from(sorted(KEYS))


@given(sorts, series_ids)
def test_a_key_has_28_url_safe_characters_and_is_read_back(sort, series_id):
    made, read = KEYS[sort]
    key = made(SECRET, series_id)

    assert len(key) == 28
    assert key.replace("-", "a").replace("_", "a").isalnum()
    assert read(SECRET, key) == series_id


@given(sorts, series_ids, st.integers(0, 27), st.sampled_from("Aa0_"))
def test_a_changed_key_is_of_nobody(sort, series_id, place, character):
    made, read = KEYS[sort]
    key = made(SECRET, series_id)
    changed = key[:place] + character + key[place + 1 :]

    assert changed == key or read(SECRET, changed) is None
    assert read(b"t" * 32, key) is None


@given(series_ids)
def test_a_key_of_one_sort_is_none_of_the_other(series_id):
    assert ids.series_id_of_classic_key(SECRET, ids.embed_key(SECRET, series_id)) is None
    assert ids.series_id_of_embed_key(SECRET, ids.classic_key(SECRET, series_id)) is None


@given(st.text(max_size=30))
def test_other_text_is_neither(text):
    assert ids.series_id_of_classic_key(SECRET, text) is None
    assert ids.series_id_of_embed_key(SECRET, text) is None
    found = ids.series_id(text)
    assert found is None or ids.stat_id(found) == text


moments = st.tuples(st.integers(0, 2**35 - 1), st.integers(0, 2**25 - 1))


@given(moments, moments)
def test_ids_of_documents_have_12_letters_and_the_order_of_time(earlier, later):
    first, second = ids.document_id(*earlier), ids.document_id(*later)

    assert len(first) == 12
    assert ids.is_document_id(first)
    assert (first < second) == (earlier < later)


@pytest.mark.parametrize("text", ["", "aaaa", "a" * 11, "a" * 13, "AAAAAAAAAAAA", "aaaaaaaaaaa1", "aaaaaaaaaaa/"])
def test_other_text_is_no_id_of_a_document(text):
    assert not ids.is_document_id(text)

"""Stat ids and classic keys."""

from hypothesis import given
from hypothesis import strategies as st

from statflow_http import ids

SECRET = b"s" * 32
series_ids = st.integers(0, 2**40 - 1)


@given(series_ids)
def test_a_stat_id_is_read_back(series_id):
    assert ids.series_id(ids.stat_id(series_id)) == series_id


@given(series_ids)
def test_a_classic_key_has_28_url_safe_characters_and_is_read_back(series_id):
    key = ids.classic_key(SECRET, series_id)

    assert len(key) == 28
    assert key.replace("-", "a").replace("_", "a").isalnum()
    assert ids.series_id_of_classic_key(SECRET, key) == series_id


@given(series_ids, st.integers(0, 27), st.sampled_from("Aa0_"))
def test_a_changed_classic_key_is_of_nobody(series_id, place, character):
    key = ids.classic_key(SECRET, series_id)
    changed = key[:place] + character + key[place + 1 :]

    assert changed == key or ids.series_id_of_classic_key(SECRET, changed) is None
    assert ids.series_id_of_classic_key(b"t" * 32, key) is None


@given(st.text(max_size=30))
def test_other_text_is_neither(text):
    assert ids.series_id_of_classic_key(SECRET, text) is None
    found = ids.series_id(text)
    assert found is None or ids.stat_id(found) == text

"""What a series may be called."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statflow_engine.errors import PointError
from statflow_engine.pure.names import NAME_LENGTH_MAX, normal_name
from tests.cells import LAW


def refusal(name):
    """Why a name is refused; None: it is not."""
    try:
        normal_name(name)
    except PointError as error:
        return error.reason if error.index is None else str(error)
    return None


@LAW
@given(st.text(max_size=300))
def test_a_stored_name_is_stored_as_it_is(name):
    if refusal(name) is None:
        stored = normal_name(name)

        assert normal_name(stored) == stored


@LAW
@given(st.text(max_size=300))
def test_a_name_is_either_stored_trimmed_in_nfc_or_refused(name):
    wanted = unicodedata.normalize("NFC", name).strip()
    if refusal(name) is None:
        assert normal_name(name) == wanted
        assert 1 <= len(wanted) <= NAME_LENGTH_MAX
    else:
        odd = any(unicodedata.category(character) in ("Cc", "Cs") for character in wanted)
        assert not wanted or len(wanted) > NAME_LENGTH_MAX or odd


@LAW
@given(st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1, max_size=255))
def test_a_stored_name_has_at_most_1020_bytes(name):
    if refusal(name) is None:
        assert len(normal_name(name).encode()) <= 4 * NAME_LENGTH_MAX


def test_two_spellings_of_one_character_are_one_name():
    assert normal_name("cafe\u0301") == normal_name("caf\u00e9") == "caf\u00e9"


@pytest.mark.parametrize("name", ["  page views\t", "\u3000page views\u2003", "page views\n"])
def test_blanks_around_a_name_do_not_count(name):
    assert normal_name(name) == "page views"


@pytest.mark.parametrize("name", ["", " ", "\t\n", "\u3000", "\x1f"])
def test_an_empty_name_is_refused(name):
    assert refusal(name) == "stat name is empty"


def test_a_name_has_at_most_255_characters_after_trimming_and_composing():
    assert refusal("x" * 255) is None
    assert refusal(" " + "x" * 255 + " ") is None
    assert refusal("e\u0301" * 255) is None
    assert refusal("x" * 256) == "stat name is longer than 255 characters"
    # NFC takes this one character apart.
    assert refusal("\u0958" * 128) == "stat name is longer than 255 characters"


@pytest.mark.parametrize("name", ["a\nb", "a\x00b", "a\x7fb", "a\x85b", "ü\tb", "\ud800x", "x\udfff"])
def test_control_characters_and_lone_surrogates_are_refused(name):
    assert refusal(name) == "stat name has control characters"


@pytest.mark.parametrize("name", ["a/b c~d,e*", "😀", "Größe (µs)", "日本", "a\u200db", "%00", "'; drop table"])
def test_everything_else_may_be_in_a_name(name):
    assert normal_name(name) == name

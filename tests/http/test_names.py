"""Names of stats: trimming, NFC, limits, and the tilde."""

import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from statflow_http.errors import RequestError
from statflow_http.wire.names import BadNameError, clean, expand, expand_all


@pytest.mark.parametrize(
    "name", ["a", "x" * 255, "a/b", 'say "hi"', "🎉" * 255, "<script>", "a,b", "../x", "é", "a\u2028b"]
)
def test_anything_but_control_characters_is_a_name(name):
    assert clean(name) == name


def test_a_name_is_trimmed_and_composed():
    assert clean("  cafe\u0301 \n") == "caf\u00e9"


@pytest.mark.parametrize("text", ["", "   ", "\n"])
def test_an_empty_name_is_refused(text):
    with pytest.raises(RequestError, match=r"^stat name is empty$"):
        clean(text)


def test_length_is_measured_after_composing():
    # U+FB2C becomes three characters under NFC: normalising makes this name longer than it looks.
    assert len(unicodedata.normalize("NFC", "\ufb2c")) == 3
    assert clean("e\u0301" * 255) == "\u00e9" * 255
    for text in ("x" * 256, "\ufb2c" * 86):
        with pytest.raises(RequestError, match=r"^stat name is longer than 255 characters$"):
            clean(text)


@pytest.mark.parametrize("character", ["\x00", "\x1b", "\x7f", "\x85", "\n", "\t"])
def test_control_characters_inside_are_refused(character):
    with pytest.raises(RequestError, match=r"^stat name has control characters$"):
        clean(f"a{character}b")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("plain", ["plain"]),
        ("a,b", ["a,b"]),
        ("messages sent~total,female,europe", ["messages sent~total", "messages sent~female", "messages sent~europe"]),
        ("p~a", ["p~a"]),
        (" p ~ a , b ", ["p~a", "p~b"]),
        ("~A,B", ["A", "B"]),
        ("p~a,,b,", ["p~a", "p~b"]),
        ("p~a,b,a", ["p~a", "p~b"]),
    ],
)
def test_a_tilde_makes_a_name_of_each_part(text, names):
    assert expand(text, "~") == names


def test_an_account_from_stathat_joins_with_a_space():
    assert expand("messages sent~total,female", " ") == ["messages sent total", "messages sent female"]


def test_a_second_tilde_is_refused():
    with pytest.raises(RequestError, match="more than one ~"):
        expand("a~b~c", "~")


def test_a_tilde_without_parts_is_refused():
    with pytest.raises(RequestError, match="no names after its ~"):
        expand("a~ , ", "~")


def test_a_hundred_names_are_taken_and_one_more_is_not():
    parts = [str(number) for number in range(100)]

    assert len(expand("p~" + ",".join(parts), "~")) == 100
    assert len(expand("p~" + ",".join(parts * 3), "~")) == 100
    with pytest.raises(RequestError, match=r"^at most 100 names in one ~ list$"):
        expand("p~" + ",".join([*parts, "100"]), "~")


texts = st.lists(st.sampled_from(["a", "b", "p~a", "p~a,b", "q~a,b,c", "~a,z"]), max_size=30)


@given(texts)
def test_a_batch_expands_as_its_items_do(written):
    unique = list(dict.fromkeys(written))
    index = np.array([unique.index(text) for text in written], np.int64)

    expansion = expand_all(unique, index, "~")

    items = range(len(written)) if expansion.items is None else expansion.items
    found = [(item, expansion.names[place]) for item, place in zip(items, expansion.index, strict=True)]
    assert found == [(item, name) for item, text in enumerate(written) for name in expand(text, "~")]


def test_a_bad_name_in_a_batch_is_reported_by_its_place():
    with pytest.raises(BadNameError) as caught:
        expand_all(["good", "a~b~c"], np.array([0, 1], np.int64), "~")

    assert caught.value.position == 1

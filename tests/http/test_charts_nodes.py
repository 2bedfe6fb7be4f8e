"""Elements as XML: whatever a text holds, it stays a text."""

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statflow_http.charts.nodes import node, number, xml

NASTY = [
    "<script>",
    '"><img src=x onerror=alert(1)>',
    "</svg>",
    "]]>",
    "&amp;",
    "a\u2028b",
    "it's",
    "\x00\x1f",
    "😀",
    "\ud800",
]


@given(st.text(st.characters()))
def test_text_and_attributes_come_back_as_they_were(text):
    root = ET.fromstring(xml(node("a", node("b", text), label=text)).encode())

    wanted = text if all(ord(character) >= 32 for character in text) else None
    if wanted is not None and not any(0xD800 <= ord(c) < 0xE000 or ord(c) in (0xFFFE, 0xFFFF) for c in text):
        assert (root[0].text or "", root.get("label")) == (text, text)


@pytest.mark.parametrize("text", NASTY)
def test_no_text_becomes_markup(text):
    written = xml(node("a", text, label=text))

    root = ET.fromstring(written.encode())
    assert (root.tag, len(root), list(root.attrib)) == ("a", 0, ["label"])


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (-0.004, "0"),
        (12.0, "12"),
        (1.005, "1"),
        (0.126, "0.13"),
        (-3.5, "-3.5"),
        (1e6, "1000000"),
    ],
)
def test_a_coordinate_has_two_decimals_at_most_and_no_exponent(value, written):
    assert number(value) == written


def test_attributes_of_none_are_left_out_and_underscores_are_dashes():
    assert (
        xml(node("text", "x", None, text_anchor=None, class_="b", font_size=11))
        == '<text class="b" font-size="11">x</text>'
    )

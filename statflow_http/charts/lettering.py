"""How wide text is, about: a server has no fonts, but must know what fits. Pure.

The widths are on the wide side of the fonts that readers have: what is cut off too early is better than what overlaps.
"""

import unicodedata

from statflow_http.charts.nodes import SVG_NAMESPACE, Node, node
from statflow_http.charts.themes import AUTO_STYLE, FONT, Theme

SIZE = 12
SMALL_SIZE = 11
# Bold type is wider by this factor.
BOLD = 1.12

# Widths in parts of the type size, read off DejaVu Sans, the widest of the usual fonts: others are 10 % narrower.
NARROW, NORMAL, WIDE, FULL = 0.36, 0.62, 0.85, 1.1
NARROW_CHARACTERS = frozenset("ijltfrI.,:;'|!()[] ")
WIDE_CHARACTERS = frozenset("mwMW@%")
ELLIPSIS = "…"


def width_of(text: str, size: float = SIZE) -> float:
    """About how many pixels a text takes."""
    return sum(map(_width_of_character, text)) * size


def _width_of_character(character: str) -> float:
    if character in NARROW_CHARACTERS:
        return NARROW
    if character in WIDE_CHARACTERS:
        return WIDE
    if character < "\x7f":
        return NORMAL if not character.isupper() else 0.72
    if unicodedata.combining(character):
        return 0.0
    return FULL if unicodedata.east_asian_width(character) in "WF" or ord(character) > 0x1F000 else 0.72


def fitted(text: str, width: float, size: float = SIZE) -> str:
    """A text that takes at most so many pixels, cut with an ellipsis; "" when not even that fits."""
    if width_of(text, size) <= width:
        return text
    room = width - width_of(ELLIPSIS, size)
    kept = 0
    for character in text:
        room -= _width_of_character(character) * size
        if room < 0:
            break
        kept += 1
    return text[:kept].rstrip() + ELLIPSIS if kept else ""


def label(
    text: str,
    x: float,
    y: float,
    *,
    fill: str,
    anchor: str | None = None,
    size: float | None = None,
    weight: str | None = None,
) -> Node:
    """A line of text; ``anchor`` is "middle" or "end" where it is not the start that lies at x."""
    return node("text", text, x=x, y=y, fill=fill, text_anchor=anchor, font_size=size, font_weight=weight)


def root(*children: Node | None, width: int, height: int, title: str, description: str, theme: Theme) -> Node:
    """The element that a picture is, with its name and its description for who cannot see it.

    ``title`` comes first, which makes it the accessible name without an id that another picture of the page might have
    too.
    """
    about: dict[str, str | float] = {
        "xmlns": SVG_NAMESPACE,
        "width": width,
        "height": height,
        "viewBox": f"0 0 {width} {height}",
        "role": "img",
        "font-family": FONT,
        "font-size": SIZE,
        # Digits of one width, so that a number that changes does not jump.
        "font-variant": "tabular-nums",
    }
    style = node("style", AUTO_STYLE) if theme is Theme.AUTO else None
    named = node("title", title), node("desc", description), style
    return Node("svg", about, tuple(child for child in (*named, *children) if child is not None))

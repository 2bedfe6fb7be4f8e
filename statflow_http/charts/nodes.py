"""Elements of a picture or a page as values, and how they are written as XML. Pure.

Nobody writes markup by hand: text only ever gets into a document through `xml`, which escapes it, or through a script
that makes text nodes of it. So no name of a stat can become an element.
"""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

SVG_NAMESPACE = "http://www.w3.org/2000/svg"

# What XML 1.0 cannot hold at all, not even escaped; lone surrogates cannot be encoded either.
FORBIDDEN = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
REPLACEMENT = "�"

TEXT_ESCAPES = {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;"}
# Line breaks would be turned into spaces where an attribute is read.
ATTRIBUTE_ESCAPES = TEXT_ESCAPES | {ord('"'): "&quot;", ord("\n"): "&#10;", ord("\r"): "&#13;", ord("\t"): "&#9;"}


@dataclass(frozen=True, slots=True)
class Node:
    """One element.

    Attributes:
        tag: its name.
        attributes: in the order in which they are written; a float is written with at most two decimals.
        children: elements and text.
    """

    tag: str
    attributes: dict[str, str | float] = field(default_factory=dict)
    children: tuple["Node | str", ...] = ()


def node(tag: str, *children: "Node | str | None", **attributes: str | float | None) -> Node:
    """An element; ``stroke_width=1`` is the attribute stroke-width, and what is None is left out."""
    named = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items() if value is not None}
    return Node(tag, named, tuple(child for child in children if child is not None))


def group(children: Iterable[Node], **attributes: str | float | None) -> Node | None:
    """A ``g`` around some elements; None when there are none."""
    found = tuple(children)
    return node("g", *found, **attributes) if found else None


def xml(root: Node | str) -> str:
    """An element as XML, everything escaped, without a line break that is not in a text."""
    if isinstance(root, str):
        return clean(root).translate(TEXT_ESCAPES)
    written = "".join(f' {name}="{attribute(value)}"' for name, value in root.attributes.items())
    if not root.children:
        return f"<{root.tag}{written}/>"
    return f"<{root.tag}{written}>{''.join(map(xml, root.children))}</{root.tag}>"


def attribute(value: str | float) -> str:
    """The value of an attribute as XML."""
    text = clean(value) if isinstance(value, str) else number(value)
    return text.translate(ATTRIBUTE_ESCAPES)


def clean(text: str) -> str:
    """Text that XML can hold: what it cannot is replaced."""
    return FORBIDDEN.sub(REPLACEMENT, text)


def number(value: float) -> str:
    """A coordinate: at most two decimals, none that are zero, never an exponent."""
    assert math.isfinite(value), value
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text

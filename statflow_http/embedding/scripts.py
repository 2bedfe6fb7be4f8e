"""An answer as JavaScript: a tree of elements, and the code that fills and shows a box with it. Pure.

The tree arrives as JSON and is built with `createElement` and `createTextNode`. There is no markup to be parsed, no
code to be evaluated, no attribute that is code; style comes by attributes of SVG and by `style.cssText`. So it runs
where a page's policy allows our host in ``script-src`` and nothing else.
"""

import json
import re
from importlib import resources

from statflow_http.charts.nodes import Node
from statflow_http.charts.themes import DARK, LIGHT, Theme
from statflow_http.embedding.looks import LOOKS

STATIC = resources.files("statflow_http.embedding") / "static"
# What a page includes, and what each answer ends with.
LOADER = (STATIC / "embed.js").read_bytes()
FILLER = (STATIC / "fill.js").read_text(encoding="utf-8")

# A script is no HTML, but people save and paste them: "</script" and "<!--" never occur.
ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}


def script(figure: Node, theme: Theme) -> bytes:
    """JavaScript in ASCII that shows a figure in the box of the script that runs.

    Args:
        figure: a picture or a table whose colours are properties (`Theme.PAGE`).
        theme: AUTO follows the page: where its text is light, the colours are the dark ones.
    """
    names = {name for node in nodes(figure) for name in str(node.attributes.get("class", "")).split()}
    looks = {name: LOOKS[name] for name in sorted(names)}
    colours = LIGHT if theme is Theme.LIGHT else DARK
    told = json_text([tree(figure), looks, dict(colours), theme is not Theme.AUTO])
    return f"({FILLER.strip()})({told[1:-1]});\n".encode("ascii")


def nodes(root: Node | str) -> list[Node]:
    """An element and all in it."""
    if isinstance(root, str):
        return []
    return [root, *(found for child in root.children for found in nodes(child))]


def tree(root: Node | str) -> object:
    """An element as [tag, [name, value, ...], child, ...], a text as text."""
    if isinstance(root, str):
        return root
    attributes: list[str | float] = []
    for name, value in root.attributes.items():
        # The namespace is given where the element is made.
        attributes += [] if name == "xmlns" else [name, value if isinstance(value, str) else round(value, 2)]
    return [root.tag, attributes, *map(tree, root.children)]


def json_text(document: object) -> str:
    """JSON in ASCII that is nowhere anything but data: no ``<``, no line separator of Unicode."""
    text = json.dumps(document, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return re.sub("[<>&]", lambda found: ESCAPES[found[0]], text)

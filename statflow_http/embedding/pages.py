"""An answer as a page for a frame: no script, one style element that the page's policy names by its hash. Pure.

The server does not know how wide a frame is. So where nobody says, the picture is drawn in several widths, and the
frame shows the one that fits: letters stay as large as they should be on a phone.
"""

import base64
import hashlib
from collections.abc import Sequence

from statflow_http.charts.nodes import Node, node, xml
from statflow_http.charts.themes import AUTO_STYLE, DARK, FONT, LIGHT, Theme, properties
from statflow_http.embedding.looks import sheet

MARGIN = 12
# Widths at which a picture is drawn; each is shown in frames from the half way to the narrower one on.
WIDTHS = {360: "statflow-narrow", 540: "statflow-middle", 800: "statflow-broad", 1_180: "statflow-wide"}
# Letters are a fifth larger or smaller at most. A frame that is too low shows the picture smaller, but whole.
FITTING = (
    f"{','.join(f'.{name}' for name in WIDTHS.values())}"
    f"{{display:none;width:100%;height:auto;max-height:calc(100vh - {2 * MARGIN}px)}}"
    "@media(max-width:459px){.statflow-narrow{display:block}}"
    "@media(min-width:460px) and (max-width:679px){.statflow-middle{display:block}}"
    "@media(min-width:680px) and (max-width:989px){.statflow-broad{display:block}}"
    "@media(min-width:990px){.statflow-wide{display:block}}"
)
BODY = (
    f"body{{margin:0;padding:{MARGIN}px;box-sizing:border-box;overflow:auto;font:14px/1.4 {FONT};"
    f"background:var(--statflow-paper);color:var(--statflow-ink)}}"
)
COLOURS = {
    Theme.AUTO: f":root{{color-scheme:light dark}}{AUTO_STYLE}",
    Theme.LIGHT: f":root{{color-scheme:light;{properties(LIGHT)}}}",
    Theme.DARK: f":root{{color-scheme:dark;{properties(DARK)}}}",
}
STYLES = {theme: colours + BODY + FITTING + sheet() for theme, colours in COLOURS.items()}


def hash_source(text: str) -> str:
    """How a policy names a style element by what is in it."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def policy(*styles: str) -> str:
    """A Content-Security-Policy under which nothing is loaded or run, in a frame of any page."""
    sources = " ".join(map(hash_source, styles)) or "'none'"
    return f"default-src 'none'; style-src {sources}; base-uri 'none'; form-action 'none'; frame-ancestors *"


POLICIES = {theme: policy(style) for theme, style in STYLES.items()}
PICTURE_POLICY = policy(AUTO_STYLE)


def page(figures: Sequence[Node], title: str, theme: Theme, refresh_s: int) -> bytes:
    """A page with some figures.

    Args:
        figures: what is in it; several are one picture in the widths of `WIDTHS`.
        title: of the page.
        theme: AUTO, LIGHT or DARK.
        refresh_s: after so many seconds the page is asked for again; 0 for never.
    """
    again = node("meta", http_equiv="refresh", content=str(refresh_s)) if refresh_s else None
    head = node(
        "head",
        node("meta", charset="utf-8"),
        node("meta", name="viewport", content="width=device-width,initial-scale=1"),
        again,
        node("title", title),
    )
    # The style is ours, constant and without "<": it is not escaped, since HTML would not read escapes in it.
    style = f"<style>{STYLES[theme]}</style>"
    body = xml(node("body", *figures))
    written = xml(head).removesuffix("</head>") + style + "</head>" + body
    return f'<!DOCTYPE html><html lang="en">{written}</html>'.encode()

"""The look of what is no picture, as one table: a class name and its declarations. Pure.

A page of ours has them as a style sheet. A script sets them on each element by way of `style.cssText`, which no policy
of a page forbids, where it would forbid style elements and style attributes.
"""

from collections.abc import Mapping

from statflow_http.charts.themes import LIGHT

GRID = f"var(--statflow-grid,{LIGHT['grid']})"
MUTED = f"var(--statflow-muted,{LIGHT['muted']})"

CELL = "padding:4px 0 4px 16px;text-align:right;font-weight:400;white-space:nowrap;"
HEADING = "padding:4px 0;text-align:left;font-weight:400;white-space:nowrap;"

LOOKS: Mapping[str, str] = {
    "statflow-picture": "display:block;max-width:100%;height:auto",
    "statflow-word": "display:inline-block;max-width:100%;height:auto;vertical-align:middle",
    # A page is never wider for a table: the table scrolls.
    "statflow-scroll": "max-width:100%;overflow-x:auto",
    "statflow-table": "border-collapse:collapse;font-size:14px;line-height:1.4;font-variant-numeric:tabular-nums",
    "statflow-caption": "padding:0 0 4px;font-size:14px;line-height:1.4;font-weight:600",
    "statflow-range": f"font-weight:400;font-size:12px;color:{MUTED}",
    "statflow-row": f"border-top:1px solid {GRID}",
    # Names of stats may be long, and there may be three of them beside each other.
    "statflow-column": f"{CELL}color:{MUTED};max-width:120px;overflow:hidden;text-overflow:ellipsis",
    "statflow-corner": f"{HEADING}color:{MUTED}",
    "statflow-heading": f"{HEADING}color:{MUTED}",
    "statflow-cell": CELL,
    # What is written from right to left in it stays in it.
    "statflow-text": "unicode-bidi:isolate;font-variant-numeric:tabular-nums",
    "statflow-number": "font-weight:600",
    "statflow-box": f"padding:8px 12px;border:1px solid {GRID};border-radius:4px;font-size:13px;color:{MUTED};"
    "display:inline-block",
}


def sheet() -> str:
    """The table as a style sheet."""
    return "".join(f".{name}{{{declarations}}}" for name, declarations in LOOKS.items())

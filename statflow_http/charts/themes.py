"""Colours and type of pictures, light and dark. Pure.

Every colour has a role. A picture inside a page takes it from a custom property (``--statflow-accent``), which the page
may set; a picture that stands alone brings the properties along, or has its colours written out, since mail programs
and most programs beside browsers know no custom properties.
"""

import enum
from collections.abc import Mapping

# On their paper, ink, muted and the lines have a contrast of at least 4.5, because numbers are written in them too.
LIGHT: Mapping[str, str] = {
    "paper": "#ffffff",
    "ink": "#1c2430",
    "muted": "#66707f",
    "grid": "#e6e9ee",
    "accent": "#2460d8",
    "second": "#b3500c",
    "third": "#0c776d",
    "alarm": "#c62839",
}
DARK: Mapping[str, str] = {
    "paper": "#14181f",
    "ink": "#e8ebf0",
    "muted": "#98a2b1",
    "grid": "#2a313c",
    "accent": "#7ba6ff",
    "second": "#f0a35e",
    "third": "#4cc2b4",
    "alarm": "#ff7b86",
}
assert LIGHT.keys() == DARK.keys()

# The colours of the first, second and third series.
LINES = ("accent", "second", "third")

FONT = "system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif"


class Theme(enum.Enum):
    """Where the colours of a picture come from.

    LIGHT and DARK: written out. AUTO: properties that the picture brings along, dark where the reader prefers that.
    PAGE: properties of the page that the picture is a part of, light where it has none.
    """

    LIGHT = "light"
    DARK = "dark"
    AUTO = "auto"
    PAGE = "page"

    def paint(self, role: str) -> str:
        """The colour of a role, as an attribute has it."""
        if self is Theme.LIGHT or self is Theme.DARK:
            return (LIGHT if self is Theme.LIGHT else DARK)[role]
        return f"var(--statflow-{role},{LIGHT[role]})"


def properties(colours: Mapping[str, str]) -> str:
    """Declarations that give every role its custom property."""
    return ";".join(f"--statflow-{role}:{colour}" for role, colour in colours.items())


# What a picture or page with AUTO brings along. Constant, so that a policy can name its hash.
AUTO_STYLE = f":root{{{properties(LIGHT)}}}@media(prefers-color-scheme:dark){{:root{{{properties(DARK)}}}}}"

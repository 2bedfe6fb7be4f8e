"""What is written above a plot: the title or the names of the series, and a few words about the range. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from statflow_http.charts.lettering import BOLD, SIZE, SMALL_SIZE, fitted, label, width_of
from statflow_http.charts.nodes import Node, group, node
from statflow_http.charts.themes import LINES, Theme

TITLE_SIZE = 13
LINE_HEIGHT = 18
SWATCH = 10
SWATCH_GAP = 6
GAP = 14
# Between the lowest line and the plot.
FOOT = 6.0
# Pictures lower than this have no head, ones narrower no caption.
HEIGHT_MIN = 48
CAPTION_WIDTH_MIN = 320


@dataclass(frozen=True, slots=True)
class Head:
    """What there is to say above a plot.

    Attributes:
        title: "" for the names alone.
        names: of the series, in the order of their colours.
        caption: a few words, the first to go where there is no room.
        number: the last number of the only series, in place of the caption; "" for none.
        width, height: of the picture.
        theme: of the picture.
    """

    title: str
    names: Sequence[str]
    caption: str
    number: str
    width: int
    height: int
    theme: Theme

    @property
    def has_legend(self) -> bool:
        """Whether series must be told apart."""
        return len(self.names) > 1

    @property
    def has_title(self) -> bool:
        """Whether there is a line of bold text: the title, or the name of the only series."""
        return bool(self.title) or len(self.names) == 1


def head(said: Head) -> tuple[Node | None, float]:
    """What is above a plot, and how high it is: nothing in a low picture."""
    if said.height < HEIGHT_MIN or not (said.has_title or said.has_legend):
        return None, 0.0
    right, taken = _right(said)
    if said.has_legend and not said.has_title and _legend_width(said) > said.width - taken:
        right, taken = None, 0.0  # names matter more
    rows = [] if right is None else [right]
    if said.has_title:
        rows.append(_title(said, said.width - taken))
        taken = 0.0
    row_count = said.has_title + said.has_legend
    if said.has_legend:
        rows += _legend(said, said.width - taken, LINE_HEIGHT * (row_count - 1))
    return group(rows), LINE_HEIGHT * row_count + FOOT


def _title(said: Head, room: float) -> Node:
    text = fitted(said.title or said.names[0], room, TITLE_SIZE * BOLD)
    return label(text, 0, TITLE_SIZE, fill=said.theme.paint("ink"), size=TITLE_SIZE, weight="600")


def _right(said: Head) -> tuple[Node | None, float]:
    """The number or the caption at the right, and the room that it takes."""
    if said.number:
        text, role, size, weight = said.number, "accent", TITLE_SIZE, "600"
    else:
        text, role, size, weight = said.caption, "muted", SMALL_SIZE, None
    width = width_of(text, size) * (BOLD if weight else 1)
    is_narrow = not said.number and said.width < CAPTION_WIDTH_MIN
    if not text or is_narrow or width > said.width * 0.6:
        return None, 0.0
    paint = said.theme.paint(role)
    found = label(text, said.width, TITLE_SIZE, fill=paint, anchor="end", size=size, weight=weight)
    return found, width + GAP


def _legend_width(said: Head) -> float:
    """The room that the names would take, uncut."""
    return sum(width_of(name) + SWATCH + SWATCH_GAP + GAP for name in said.names)


def _legend(said: Head, room: float, top: float) -> list[Node]:
    """The names of several series, each after a swatch of its colour, as long as there is room for."""
    x, found = 0.0, []
    rooms = shares([width_of(name) for name in said.names], room - len(said.names) * (SWATCH + SWATCH_GAP + GAP))
    for name, own_room, role in zip(said.names, rooms, LINES, strict=False):
        text = fitted(name, own_room, SIZE)
        stroke = said.theme.paint(role)
        found.append(node("path", d=f"M{x:.1f} {top + 9:.1f}h{SWATCH}", stroke=stroke, stroke_width=3))
        found.append(label(text, x + SWATCH + SWATCH_GAP, top + TITLE_SIZE, fill=said.theme.paint("ink")))
        x += SWATCH + SWATCH_GAP + width_of(text) + GAP
    return found


def shares(wanted: Sequence[float], room: float) -> list[float]:
    """What each of several texts gets of a room: all it wants, or else an equal part of what the shorter ones leave."""
    found = [0.0] * len(wanted)
    order = sorted(range(len(wanted)), key=lambda index: wanted[index])
    for position, index in enumerate(order):
        # A tenth of a pixel more, lest rounding cut off what just fits.
        found[index] = min(wanted[index] + 0.1, max(room, 0.0) / (len(order) - position))
        room -= found[index]
    return found

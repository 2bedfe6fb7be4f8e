"""The smallest picture: a line as high as a line of text, without words. Pure."""

from statflow_http.charts.drawings import Drawing, Line
from statflow_http.charts.lines import chart
from statflow_http.charts.nodes import Node
from statflow_http.charts.themes import Theme

WIDTH, HEIGHT = 120, 24


def sparkline(
    line: Line,
    start_s: int,
    end_s: int,
    *,
    width: int = WIDTH,
    height: int = HEIGHT,
    theme: Theme = Theme.PAGE,
    is_filled: bool = False,
) -> Node:
    """A line over a range of time; its name and numbers are said only to who cannot see it."""
    return chart(
        Drawing(
            [line],
            start_s,
            end_s,
            width=width,
            height=height,
            theme=theme,
            is_mini=True,
            has_head=False,
            is_filled=is_filled,
        )
    )

"""Pictures on a ground of their own, for where nobody knows what lies behind them. Pure."""

from statflow_http.charts.nodes import Node, node
from statflow_http.charts.themes import Theme


def on_paper(picture: Node, theme: Theme, margin: int) -> Node:
    """A picture with a painted ground and a margin around it, both added to its size.

    Args:
        picture: an ``svg`` as `lettering.root` makes it: name and description come first.
        theme: that of the picture.
        margin: in pixels, on each side.
    """
    width, height = (float(picture.attributes[name]) + 2 * margin for name in ("width", "height"))
    view = f"{-margin} {-margin} {width:g} {height:g}"
    box: dict[str, str | float] = {"width": width, "height": height, "viewBox": view}
    ground = node("rect", x=-margin, y=-margin, width=width, height=height, fill=theme.paint("paper"))
    return Node(picture.tag, picture.attributes | box, (*picture.children[:2], ground, *picture.children[2:]))

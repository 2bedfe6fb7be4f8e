"""What a page asks to be shown: from path and query string to checked values. Pure."""

import enum
import re
from dataclasses import dataclass

from statflow_http.charts import drawings
from statflow_http.charts.themes import Theme
from statflow_http.embedding.ranges import RANGES, Range
from statflow_http.errors import NotFoundError, RequestError
from statflow_http.wire.reads import Params

KINDS = ("graph", "histogram", "data", "table", "text")
STYLES = ("fill", "mini", "spark")
# Why week: StatHat's own default is not known; its export API's was a week, too.
RANGE_DEFAULT = "week"
THEMES = {"auto": Theme.AUTO, "light": Theme.LIGHT, "dark": Theme.DARK}

# Pixels of a picture when nobody says: the size in StatHat's example; a tile; a word in a text.
SIZES = {"": (760, 235), "fill": (760, 235), "mini": (240, 72), "spark": (120, 24)}
TITLE_MAX = 255
# Below 10 s a page would ask for the same numbers again; a day is as good as never.
REFRESH_MIN_S, REFRESH_MAX_S = 10, 86_400

STATS_MAX = drawings.SERIES_MAX
# Embed keys have 28 characters; nothing that is longer is looked up.
STAT_TEXT = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


class Form(enum.Enum):
    """What the answer is, by the end of the path."""

    SCRIPT = ""
    PICTURE = ".svg"
    PAGE = ".html"


@dataclass(frozen=True, slots=True)
class Target:
    """What a path names.

    Attributes:
        kind: one of `KINDS`.
        stats: one to three stat ids or embed keys, as they came.
        form: of the answer.
    """

    kind: str
    stats: tuple[str, ...]
    form: Form


@dataclass(frozen=True, slots=True)
class Wish:
    """How a figure shall look.

    Attributes:
        width, height: of a picture, in pixels; of tables they are not asked.
        is_wide: nobody gave a width: the figure may be as wide as the page has room for.
        range: how much of the past is shown.
        style: one of `STYLES`, "" for none.
        title: in place of the names; "" for those.
        theme: of the colours; AUTO means as the page that shows it, or as the reader prefers.
        tz: the name of a time zone, or "" for that of the stats' account.
        refresh_s: after how many seconds it is to be shown anew; 0 for never.
    """

    width: int
    height: int
    is_wide: bool
    range: Range
    style: str
    title: str
    theme: Theme
    tz: str
    refresh_s: int


def target(path: str) -> Target:
    """What is named by the path after ``/embed/``.

    Raises:
        NotFoundError: it is none of an embed.
    """
    kind, *stats = path.split("/")
    form = Form.SCRIPT
    for ending in (Form.PICTURE, Form.PAGE):
        if stats and stats[-1].endswith(ending.value):
            form = ending
            stats[-1] = stats[-1].removesuffix(ending.value)
    # StatHat's addresses may end in a slash elsewhere; here too it costs nothing.
    if len(stats) > 1 and not stats[-1]:
        stats.pop()
    if kind not in KINDS or not 1 <= len(stats) <= STATS_MAX or not all(stats):
        raise NotFoundError("no such path")
    return Target(kind, tuple(stats), form)


def wish(params: Params) -> Wish:
    """What a query string asks for.

    Raises:
        RequestError: a parameter is not one of its words or outside its bounds; says which, and what is wanted.
    """
    style = params.choice("style", STYLES, "")
    width, height = SIZES[style]
    title = params.text("title")
    if len(title) > TITLE_MAX:
        raise RequestError(f"title is longer than {TITLE_MAX} characters")
    return Wish(
        width=params.number("w", width, least=drawings.WIDTH_MIN, most=drawings.WIDTH_MAX),
        height=params.number("h", height, least=drawings.HEIGHT_MIN, most=drawings.HEIGHT_MAX),
        is_wide=not params.text("w"),
        range=RANGES[params.choice("tf", tuple(RANGES), RANGE_DEFAULT)],
        style=style,
        title=title,
        theme=THEMES[params.choice("theme", tuple(THEMES), "auto")],
        tz=params.tz("UTC") if params.text("tz") else "",
        refresh_s=params.number("refresh", 0, least=REFRESH_MIN_S, most=REFRESH_MAX_S),
    )

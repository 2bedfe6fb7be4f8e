"""The answer to a request for an embed, in each of its three forms; refusals are boxes that people can read.

A script is answered with 200 whatever is wrong, for a script of any other status does not run, and the page's reader
would see nothing. Pictures and pages are shown whatever their status, which is therefore honest.
"""

from collections.abc import Sequence
from dataclasses import replace

from statflow_engine import QueryError
from statflow_http.charts.drawings import HEIGHT_MIN, WIDTH_MIN
from statflow_http.charts.nodes import Node, xml
from statflow_http.charts.papers import on_paper
from statflow_http.charts.themes import Theme
from statflow_http.embedding import figures, pages, scripts
from statflow_http.embedding.access import shown_series
from statflow_http.embedding.asked import Form, Target, Wish, wish
from statflow_http.embedding.reading import Seen, seen
from statflow_http.errors import NotFoundError, RequestError
from statflow_http.front.answers import Answer
from statflow_http.front.protocols import V1
from statflow_http.services import Services
from statflow_http.wire.reads import Params

JAVASCRIPT = "text/javascript; charset=utf-8"
SVG = "image/svg+xml"
HTML = "text/html; charset=utf-8"

# For how long browsers and proxies may show the same again.
AGE_S = 60
NO_STAT = "no such stat"
NO_PICTURE = "only graph, histogram and text are pictures: take .html for tables"
PICTURE_MARGIN = 10
# A picture lower than this is a line within a text.
LOW, LOW_MARGIN = 40, 2


def answer(services: Services, target: Target, query_string: str) -> Answer:
    """The answer to a request that names an embed; WSGI's query string says how it shall look."""
    theme, age_s = Theme.AUTO, AGE_S
    try:
        wanted = wish(Params(query_string))
        theme, age_s = wanted.theme, age_of(wanted)
        stats = _read(services, target, wanted)
        found = answered(target, wanted, stats)
    except (RequestError, QueryError) as error:
        status, words = V1.told(error) or (400, str(error))
        found = refused(target.form, status, words, theme)
    return replace(found, headers=(*found.headers, ("Cache-Control", f"public, max-age={age_s}")))


def age_of(wanted: Wish) -> int:
    """For how many seconds an answer may be shown again.

    Half of ``refresh``, since what was kept for as long as that would be a moment too young to be asked for anew.
    """
    return min(AGE_S, wanted.refresh_s // 2) if wanted.refresh_s else AGE_S


def _read(services: Services, target: Target, wanted: Wish) -> list[Seen]:
    """What is shown.

    Raises:
        NotFoundError: a stat is unknown, or not for everybody: nobody is told which.
        RequestError: the kind has no such form.
    """
    if target.form is Form.PICTURE and target.kind in ("data", "table"):
        raise RequestError(NO_PICTURE)
    shown = [shown_series(services, text) for text in target.stats]
    found = [stat for stat in shown if stat is not None]
    if len(found) < len(shown):
        raise NotFoundError(NO_STAT)
    step = wanted.range.data_step if target.kind == "data" else wanted.range.step
    return seen(services.engine, found, wanted.range, step, wanted.tz or found[0].tz)


def answered(target: Target, wanted: Wish, stats: Sequence[Seen]) -> Answer:
    """A figure in the form that was asked for."""
    if target.form is Form.SCRIPT:
        figure = dressed(drawn(target.kind, wanted, stats, Theme.PAGE), wanted)
        return Answer(200, scripts.script(figure, wanted.theme), content_type=JAVASCRIPT)
    if target.form is Form.PICTURE:
        return picture(target.kind, wanted, stats)
    title = wanted.title or ", ".join(stat.line.label for stat in stats)
    if wanted.is_wide and wanted.style in ("", "fill") and target.kind in ("graph", "histogram"):
        sizes = [(replace(wanted, width=width), name) for width, name in pages.WIDTHS.items()]
        found = [classed(drawn(target.kind, sized, stats, Theme.PAGE), name) for sized, name in sizes]
    else:
        found = [dressed(drawn(target.kind, wanted, stats, Theme.PAGE), wanted)]
    return page(200, found, title, wanted.theme, wanted.refresh_s)


def drawn(kind: str, wanted: Wish, stats: Sequence[Seen], theme: Theme) -> Node:
    """A figure of one of the five kinds."""
    if kind == "graph":
        return figures.graph(stats, wanted, theme)
    if kind == "histogram":
        return figures.histogram_figure(stats, wanted, theme)
    return {"data": figures.data, "table": figures.table, "text": figures.text}[kind](stats, wanted)


def dressed(figure: Node, wanted: Wish) -> Node:
    """A picture with the class that fits it into a page; tables have theirs."""
    if figure.tag != "svg":
        return figure
    return classed(figure, "statflow-word" if wanted.style == "spark" else "statflow-picture")


def classed(figure: Node, name: str) -> Node:
    """An element with a class."""
    return Node(figure.tag, figure.attributes | {"class": name}, figure.children)


def picture(kind: str, wanted: Wish, stats: Sequence[Seen]) -> Answer:
    """A picture as large as it was asked for, its paper included."""
    if kind == "text":
        return picture_answer(200, figures.badge(stats, wanted, wanted.theme))
    is_low = min(wanted.width, wanted.height) < LOW
    margin = LOW_MARGIN if is_low else PICTURE_MARGIN
    sized = replace(
        wanted, width=max(wanted.width - 2 * margin, WIDTH_MIN), height=max(wanted.height - 2 * margin, HEIGHT_MIN)
    )
    return picture_answer(200, on_paper(drawn(kind, sized, stats, wanted.theme), wanted.theme, margin))


def picture_answer(status: int, figure: Node) -> Answer:
    """An SVG document with a policy of its own, since it can be opened as a page too."""
    headers = (("Content-Security-Policy", pages.PICTURE_POLICY),)
    return Answer(status, xml(figure).encode(), headers, SVG)


def page(status: int, found: Sequence[Node], title: str, theme: Theme, refresh_s: int) -> Answer:
    """A page for a frame."""
    headers = (("Content-Security-Policy", pages.POLICIES[theme]),)
    return Answer(status, pages.page(found, title, theme, refresh_s), headers, HTML)


def refused(form: Form, status: int, words: str, theme: Theme) -> Answer:
    """A box that says why there is nothing to see."""
    if form is Form.SCRIPT:
        return Answer(200, scripts.script(figures.box(words), theme), content_type=JAVASCRIPT)
    if form is Form.PICTURE:
        return picture_answer(status, figures.box_picture(words, theme))
    return page(status, [figures.box(words)], words, theme, 0)

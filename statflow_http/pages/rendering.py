"""From plain data to HTML: the templates, and the words in which they tell numbers and moments.

Everything is escaped that a template does not mark as markup, and the only markup that is made outside of templates is
what `charts.nodes` writes, which escapes as well. A name that a template uses and nobody gave is an error, not a gap.
"""

import gzip
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import falcon

from statflow_http.charts import times
from statflow_http.charts.nodes import Node, xml
from statflow_http.charts.scales import MINUS, grouped, short, with_unit
from statflow_http.pages import static_files
from statflow_http.pages.visitors import Visitor

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

TEMPLATES = Path(__file__).parent / "templates"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    # See `visitors`: what checks a form needs its origin.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
GZIP_FROM = 1_000
# Of nine: twice as fast as 6, and 5 % larger.
GZIP_LEVEL = 4
# The parts of the head of every page: what they are called, and where they lie.
SECTIONS = (
    ("Stats", "/stats"),
    ("Dashboards", "/dashboards"),
    ("Alerts", "/alerts"),
    ("Import", "/import"),
    ("Docs", "/docs"),
    ("Settings", "/settings"),
)
# From here on a change is told as a factor.
FACTOR_FROM = 10.0
# Where a long name may be broken.
BREAKS = re.compile(r"(?<=[./_:~@-])(?=[^./_:~@\s-])")


@cache
def environment() -> "Environment":
    """Jinja's environment. Imported on first use: what the command line does needs no pages."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "number": number,
        "short": short_number,
        "change": change,
        "svg": svg,
        "plural": plural,
        "breakable": breakable,
    }
    # ``band``: what a server has to say on every page, such as that it is a demo.
    made.globals |= {"sections": SECTIONS, "has_static": static_files.has, "band": ""}
    return made


def html(name: str, visitor: Visitor, context: Mapping[str, Any], now_s: int) -> str:
    """A template filled in.

    Args:
        name: of the template.
        visitor: who sees it.
        context: what it shows.
        now_s: Unix seconds, for moments that are told without their day.
    """
    about = {"visitor": visitor, "flash": visitor.flash, **helpers(visitor, now_s)}
    return environment().get_template(name).render(about | dict(context))


def helpers(visitor: Visitor, now_s: int) -> dict[str, Any]:
    """What every template may call.

    ``url(path)``: the address of a page. ``static(name)``: that of a file. ``csrf()``: the token of a form, and
    ``csrf_field()`` the hidden field with it. ``when(time_s)``, ``day(time_s)`` and the short ``clock(time_s)``: a
    moment in the visitor's time zone.
    """
    from markupsafe import Markup

    def url(path: str) -> str:
        return visitor.root + path

    def csrf_field() -> Markup:
        return Markup('<input type="hidden" name="csrf" value="{}">').format(visitor.new_csrf())

    return {
        "url": url,
        "static": lambda name: url(static_files.address(name)),
        "csrf": visitor.new_csrf,
        "csrf_field": csrf_field,
        "when": _teller(visitor, times.moment),
        "day": _teller(visitor, times.day),
        "clock": _teller(visitor, lambda time_s, tz: clock(time_s, now_s, tz)),
    }


def _teller(visitor: Visitor, told: Callable[[int, ZoneInfo], str]) -> Callable[[int | None], "Markup"]:
    """Tells moments as an element that programs can read too; a dash where there is none."""
    from markupsafe import Markup

    tz = ZoneInfo(visitor.tz)

    def tell(time_s: int | None) -> Markup:
        if time_s is None:
            return Markup("–")
        full = times.moment(time_s, tz)
        return Markup('<time datetime="{}" title="{}">{}</time>').format(iso(time_s), full, told(time_s, tz))

    return tell


def clock(time_s: int, now_s: int, tz: ZoneInfo) -> str:
    """A moment without what everybody knows: 14:05 of today, 24 Nov of this year, 24 Nov 2025."""
    wall, now = datetime.fromtimestamp(time_s, tz), datetime.fromtimestamp(now_s, tz)
    if wall.date() == now.date():
        return f"{wall:%H:%M}"
    told = f"{wall.day} {times.MONTHS[wall.month - 1]}"
    return told if wall.year == now.year else f"{told} {wall.year}"


def iso(time_s: int) -> str:
    """A moment as programs write it: 2026-11-24T14:05:00Z."""
    return f"{datetime.fromtimestamp(time_s, UTC):%Y-%m-%dT%H:%M:%SZ}"


def number(value: float | None, unit: str = "") -> str:
    """A number in full: 1,234,567; "–" for None and NaN."""
    return "–" if value is None else with_unit(grouped(value), unit)


def short_number(value: float | None, unit: str = "") -> str:
    """A number in about four digits: 1.23M."""
    return "–" if value is None else with_unit(short(value), unit)


def change(ratio: float | None) -> str:
    """How much a number changed, as a part of what it was: +12 %, −5 %, ×14; "" for None and NaN."""
    if ratio is None or not math.isfinite(ratio):
        return ""
    if ratio + 1 >= FACTOR_FROM:
        return f"×{short(ratio + 1)}"
    percent = ratio * 100
    text = f"{abs(percent):.0f}" if abs(percent) >= 9.95 else f"{abs(percent):.1f}"
    if float(text) == 0:
        return "±0%"
    return f"{MINUS if percent < 0 else '+'}{text}%"


def plural(count: int, one: str, many: str = "") -> str:
    """A count with its word: "1 stat", "2 stats"."""
    return f"{grouped(count)} {one if count == 1 else many or one + 's'}"


def breakable(text: str) -> "Markup":
    """A name that may be broken after its dots, slashes and the like, before it is broken within a word."""
    from markupsafe import Markup

    return Markup("<wbr>").join(BREAKS.split(text))


def svg(picture: Node) -> "Markup":
    """A picture as a part of the page; `xml` has escaped all text in it."""
    from markupsafe import Markup

    return Markup(xml(picture))  # noqa: S704


def respond_html(req: falcon.Request, resp: falcon.Response, status: int, text: str) -> None:
    """Make a page the response, compressed where the browser reads that."""
    body = text.encode()
    resp.status = status
    resp.content_type = falcon.MEDIA_HTML
    resp.set_headers(HEADERS)
    if len(body) >= GZIP_FROM and static_files.accepts_gzip(req):
        body = gzip.compress(body, GZIP_LEVEL)
        resp.set_header("Content-Encoding", "gzip")
    resp.set_header("Vary", "Accept-Encoding, Cookie")
    resp.stream = None
    resp.text = None
    resp.data = body

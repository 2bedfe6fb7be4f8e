"""``/stats``: every stat of the account, searched, sorted, with what it did lately; and again, when that changed.

A page that is looked at asks every two seconds whether anything changed. Nearly always the answer is 204, from one
number that the store keeps anyway (see `Revision`). Why not one long connection: each would hold one of the few threads
that slow requests have.
"""

import hashlib
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import falcon
import numpy as np

from statflow_http import ids
from statflow_http.charts.drawings import Drawing, Line
from statflow_http.charts.lines import chart
from statflow_http.charts.nodes import Node
from statflow_http.charts.sparklines import sparkline
from statflow_http.charts.themes import Theme
from statflow_http.pages.listing import PAGE, SORTS, Listed, Wish
from statflow_http.pages.listing_rows import SPANS, Row, rows
from statflow_http.pages.site import Page, Site
from statflow_http.pages.totals import finite
from statflow_http.pages.visitors import Member
from statflow_http.services import Services
from statflow_http.wire.names import NAME_MAX
from statflow_http.wire.reads import Params

# The header by which a page's script says what it shows, and is told what it is shown.
REVISION = "X-Revision"
KINDS = ("counter", "value")
QUARTER_S = 900
SPARK_WIDTH, SPARK_HEIGHT = 140, 28
# The order in which people want to see what they sort by, when they have not said.
DESCENDING_FIRST = ("received", "total", "change")
COLUMNS = (("name", "Name"), ("total", "Total or mean"), ("change", "Change"), ("received", "Received"))


@dataclass(frozen=True, slots=True)
class Revision:
    """What a page shows, as far as it matters whether to show it anew.

    Attributes:
        store: the numbers of the last changes of points and of documents, such as notes and the states of alerts,
            whosever they were, and of the quarter of an hour: what lies in a period changes also when nothing arrives.
        count: how many stats the namespace has.
        digest: of the numbers that the page shows; "" while nobody has looked.
    """

    store: str
    count: int
    digest: str = ""

    def __str__(self) -> str:
        return f"{self.store}.{self.count}.{self.digest}"

    @classmethod
    def now(cls, services: Services, namespace: str) -> "Revision":
        """That of this moment. The store's numbers are read first: what changes meanwhile is seen the next time."""
        # Not `Documents.epoch`, which may run ahead of what can be read already.
        with services.documents.snapshot() as snapshot:
            epoch = snapshot.epoch
        store = f"{services.engine.revision()}-{epoch}-{services.now_s() // QUARTER_S}"
        return cls(store, services.engine.series_count(namespace))

    def is_shown(self, told: str) -> bool:
        """Whether a page that tells this has nothing to ask for: the store has not changed."""
        return told.startswith(f"{self.store}.{self.count}.")


class Stats(Page):
    """``GET /stats``."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """The page; to its own script only the list in it, and only when it is another one than the script has."""
        me = self.site.member(req)
        told = req.get_header(REVISION)
        revision = Revision.now(self.services, me.namespace)
        if told is not None and revision.is_shown(told):
            resp.status = falcon.HTTP_204
            return
        found = Found.of(self.site, me, wish_of(Params(req.query_string)), revision)
        shown = f"{revision}{found.digest()}"
        if told is None:
            self.site.page(req, resp, me, "stats.html", **viewed(self.site, me, found, req.prefix), new_key="")
            return
        resp.set_header(REVISION, shown)
        if told.partition(".")[2] == shown.partition(".")[2]:
            # Something changed, but none of what is shown.
            resp.status = falcon.HTTP_204
        else:
            self.site.page(req, resp, me, "_stats_results.html", **viewed(self.site, me, found, req.prefix))

    on_head = on_get


def wish_of(params: Params) -> Wish:
    """What an address asks for; what it asks for wrongly is not asked for, since people edit addresses."""
    sort = params.text("sort", "name")
    descending = sort.startswith("-")
    sort = sort.removeprefix("-")
    kind, span = params.text("kind"), params.text("period", "week")
    page = params.text("page", "1")
    return Wish(
        words=params.text("q")[:NAME_MAX],
        kind=kind if kind in KINDS else "",
        sort=sort if sort in SORTS else "name",
        descending=descending if sort in SORTS else False,
        span=span if span in SPANS else "week",
        page=int(page) if page.isascii() and page.isdigit() and 1 <= len(page) <= 5 and int(page) else 1,
    )


def query(wish: Wish, **changes: str | int) -> str:
    """The address of a list, with some of it changed; what is usual is left out."""
    fields = {
        "q": wish.words,
        "kind": wish.kind,
        "sort": ("-" if wish.descending else "") + wish.sort,
        "period": wish.span,
        "page": wish.page,
    } | changes
    usual = {"q": "", "kind": "", "sort": "name", "period": "week", "page": 1}
    told = {name: value for name, value in fields.items() if value != usual[name]}
    return "/stats" + (f"?{urlencode(told)}" if told else "")


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What a page of the list shows, before any of it is drawn."""

    wish: Wish
    revision: Revision
    listed: Listed
    rows: list[Row]

    @classmethod
    def of(cls, site: Site, me: Member, wish: Wish, revision: Revision) -> "Found":
        """Look it up."""
        services = site.services
        listed = site.lists.page(me.namespace, wish)
        known = services.properties.of(me.namespace, [series.id for series in listed.series])
        series = [each.told(one) for each, one in zip(known, listed.series, strict=True)]
        found = rows(services.engine, me.namespace, series, SPANS[wish.span], [each.unit for each in known])
        return cls(wish, revision, listed, found)

    def digest(self) -> str:
        """All of it in short: when that is the same, nothing needs to be drawn again."""
        hash_ = hashlib.sha256(f"{self.listed.count} {self.listed.page}".encode())
        for row in self.rows:
            about = row.series.id, row.series.received_s, row.line.unit, row.last, row.totals, row.start_s
            hash_.update(repr(about).encode() + row.line.values.tobytes())
        return hash_.hexdigest()[:16]


def viewed(site: Site, me: Member, found: Found, origin: str) -> dict[str, Any]:
    """Everything that the templates of the list show; ``origin`` is where this server is, as its visitor sees it."""
    wish, listed = found.wish, found.listed
    is_first = found.revision.count == 1 and len(found.rows) == 1
    return {
        "wish": wish,
        "span": SPANS[wish.span],
        "spans": [(name, query(wish, period=name, page=1)) for name in SPANS],
        "columns": [column(wish, name, label) for name, label in COLUMNS],
        "rows": [shown(row) for row in found.rows],
        "listed": listed,
        "first": first_chart(site, me, found.rows[0]) if is_first else None,
        "turning": turning(wish, listed),
        "is_empty": found.revision.count == 0,
        "address": query(wish),
        "origin": origin,
        "revision": f"{found.revision}{found.digest()}",
    }


def column(wish: Wish, name: str, label: str) -> dict[str, str]:
    """The head of a column by which the list can be sorted; the one it is sorted by turns round."""
    is_sorted = wish.sort == name
    descends = not wish.descending if is_sorted else name in DESCENDING_FIRST
    sort = ("-" if descends else "") + name
    order = ("descending" if wish.descending else "ascending") if is_sorted else ""
    return {"name": name, "label": label, "path": query(wish, sort=sort, page=1), "order": order}


def turning(wish: Wish, listed: Listed) -> dict[str, Any]:
    """Where the pages before and after lie; "" where there is none."""
    page = listed.page
    return {
        "before": query(wish, page=page - 1) if page > 1 else "",
        "after": query(wish, page=page + 1) if page < listed.pages else "",
        "first": (page - 1) * PAGE + 1,
        "last": min(page * PAGE, listed.count),
    }


def shown(row: Row) -> dict[str, Any]:
    """A row as a template has it."""
    return {
        "id": ids.stat_id(row.series.id),
        "name": row.series.name,
        "kind": str(row.series.kind),
        "unit": row.line.unit,
        "last": row.last,
        "total": finite(row.totals.total),
        "change": row.totals.change,
        "received_s": row.series.received_s,
        "spark": sparkline(row.line, row.start_s, row.end_s, width=SPARK_WIDTH, height=SPARK_HEIGHT, is_filled=True),
    }


def first_chart(site: Site, me: Member, row: Row) -> Node:
    """The first stat's last hour, by the minute; it ends with what somebody has just sent."""
    engine = site.services.engine
    end_s = engine.now_s() + 1
    window = engine.query(row.series.name, end_s - 3_600, end_s, step="1m", namespace=me.namespace)
    values = window.sums if str(window.kind) == "counter" else window.means
    arrived = np.flatnonzero(window.counts)
    # Not the minutes since then: what is told at the end of a line is its last number.
    values = np.where(np.arange(len(values)) > (arrived[-1] if len(arrived) else -1), np.nan, values)
    line = Line(row.series.name, window.times_s, values, unit=row.line.unit)
    drawing = Drawing(
        [line], window.start_s, window.end_s, caption="last 60 minutes", theme=Theme.PAGE, tz=me.tz, is_filled=True
    )
    return chart(drawing)

"""``/stats/ID``: one stat, with all that is known of it; for everybody, to look at, where its owner says so.

A guest, or a member of another account, sees a public stat and can change nothing. What changes something takes the
stat from the visitor's own account, and is 404 for any other.
"""

import hashlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

import falcon
import msgspec

from statflow_engine import Kind, Series, UnknownSeriesError
from statflow_http import ids
from statflow_http.annotations import Annotation, Annotations
from statflow_http.answers import Answer
from statflow_http.charts.drawings import Drawing, Mark
from statflow_http.charts.lines import chart
from statflow_http.charts.themes import Theme
from statflow_http.errors import NotFoundError, RequestError
from statflow_http.headers import respond
from statflow_http.pages import periods
from statflow_http.pages.login import sentence
from statflow_http.pages.periods import FREE, PERIODS, STEPS, Range, range_of
from statflow_http.pages.reading import Seen, compared, seen
from statflow_http.pages.site import Page, Site
from statflow_http.pages.stats import REVISION, Revision
from statflow_http.pages.visitors import Member, Visitor
from statflow_http.series_rows import CSV_HEADER, csv_rows, default_aggregate, rows
from statflow_http.wire.reads import Params

CHART_WIDTH, CHART_HEIGHT = 960, 320
# Rows of the table under the chart, and notes: the rest is in the CSV, and in the chart.
TABLE_MAX, NOTES_MAX = 200, 100
NO_STAT = "no such stat"


def found_stat(site: Site, visitor: Visitor, stat_id: str) -> tuple[Series, bool]:
    """A stat that a visitor may see, and whether it is theirs; live or test, whichever is looked at.

    Raises:
        NotFoundError: there is none, or it is somebody else's and not public: nobody is told which.
    """
    series_id = ids.series_id(stat_id)
    if series_id is None:
        raise NotFoundError(NO_STAT)
    if isinstance(visitor, Member):
        own = _own(site, visitor, series_id)
        if own is not None:
            return own, True
    services = site.services
    public = services.properties.public_series(services.engine, series_id)
    if public is None:
        raise NotFoundError(NO_STAT)
    return public, False


def own_stat(site: Site, me: Member, stat_id: str) -> Series:
    """A stat of the visitor's own.

    Raises:
        NotFoundError: they have none of this id.
    """
    series_id = ids.series_id(stat_id)
    found = None if series_id is None else _own(site, me, series_id)
    if found is None:
        raise NotFoundError(NO_STAT)
    return found


def _own(site: Site, me: Member, series_id: int) -> Series | None:
    try:
        return site.services.engine.find_by_id(series_id, namespace=me.namespace)
    except UnknownSeriesError:
        return None


def zone(site: Site, series: Series) -> str:
    """The time zone of a stat's account, in which its page is, whoever looks."""
    account = site.services.accounts.get(series.namespace.partition(":")[0])
    return "UTC" if account is None else account.tz


def asked_range(site: Site, req: falcon.Request, tz: str) -> Range:
    """The range that an address asks for.

    Raises:
        RequestError: a moment in it is none.
    """
    params = Params(req.query_string)
    period, start, end, step = (params.text(name) for name in ("period", "from", "to", "step"))
    return range_of(period, start, end, step, site.services.now_s(), tz)


def query(wanted: Range, **changes: str) -> str:
    """The query string of a range, with some of it changed; "" for the usual."""
    fields = {"period": wanted.name, "step": wanted.step}
    if wanted.name == FREE:
        fields = {"from": str(wanted.start_s), "to": str(wanted.end_s), "step": wanted.step}
    elif wanted.step == PERIODS[wanted.name].step:
        del fields["step"]
    told = {name: value for name, value in (fields | changes).items() if value and (name, value) != ("period", "week")}
    return f"?{urlencode(told)}" if told else ""


class OneStat(Page):
    """``GET /stats/ID``."""

    def on_get(self, req: falcon.Request, resp: falcon.Response, stat_id: str) -> None:
        """The page; to its own script only what may have changed of it."""
        visitor = self.site.visitor(req)
        series, is_own = found_stat(self.site, visitor, stat_id)
        told = req.get_header(REVISION)
        revision = Revision.now(self.services, series.namespace)
        if told is not None and revision.is_shown(told):
            resp.status = falcon.HTTP_204
            return
        try:
            view = viewed(self.site, req, visitor, series, is_own=is_own)
        except RequestError as error:
            self.site.redirect(resp, visitor, f"/stats/{stat_id}", say=sentence(error))
            return
        shown = f"{revision}{digest(view)}"
        if told is None:
            about = about_stat(self.site, req, series) if is_own else {}
            self.site.page(req, resp, visitor, "one_stat.html", **view, about=about, revision=shown)
            return
        resp.set_header(REVISION, shown)
        if told.partition(".")[2] == shown.partition(".")[2]:
            resp.status = falcon.HTTP_204
        else:
            self.site.page(req, resp, visitor, "_one_stat_view.html", **view, about={}, revision=shown)

    on_head = on_get


def digest(view: Mapping[str, Any]) -> str:
    """What a page shows of a stat, in short."""
    shown = [view["chart_data"], view["table"], view["series"].received_s, [note.id for note in view["notes"]]]
    return hashlib.sha256(repr(shown).encode()).hexdigest()[:16]


def viewed(site: Site, req: falcon.Request, visitor: Visitor, series: Series, *, is_own: bool) -> dict[str, Any]:
    """What the templates of a stat show that changes as points arrive.

    Raises:
        RequestError: the address asks for a range that is none.
    """
    tz = zone(site, series)
    wanted = asked_range(site, req, tz)
    unit = site.services.properties.get(series.namespace, series.id).unit
    found = seen(site.services.engine, series, wanted, tz, unit)
    notes = Annotations(site.services.documents).between(
        series.namespace, found.window.start_s, found.window.end_s, series_id=series.id
    )
    shown = rows(found.window, default_aggregate(found.window.kind), "null")
    path = f"/stats/{ids.stat_id(series.id)}"
    # Of days in the future there is nothing to read.
    shown = [row for row in shown if row.time <= found.window.now_s][::-1]
    return {
        "series": series,
        "stat_id": ids.stat_id(series.id),
        "kind": str(series.kind),
        "unit": unit,
        "tz": tz,
        "is_own": is_own,
        "range": wanted,
        "step_label": STEPS.get(found.window.step, (0, found.window.step))[1],
        "periods": [(name, path + query(wanted, period=name, step="", **{"from": "", "to": ""})) for name in PERIODS],
        "steps": [(step, label) for step, (_, label) in STEPS.items() if step in periods.offered(wanted.length_s)],
        "from_text": periods.wall_text(wanted.start_s, tz),
        "to_text": periods.wall_text(wanted.end_s, tz),
        "path": path,
        "address": path + query(wanted),
        "data_address": f"{path}/data" + query(wanted),
        "picture": picture(found, wanted, tz, notes),
        "chart_data": chart_data(found, wanted, tz, notes),
        "table": compared(found),
        "has_before": found.before is not None,
        "rows": shown[:TABLE_MAX],
        "row_count": len(shown),
        "notes": notes[-NOTES_MAX:][::-1],
        "last": found.line.last,
    }


def picture(found: Seen, wanted: Range, tz: str, notes: list[Annotation]) -> Any:
    """The chart as it is where no script runs."""
    drawing = Drawing(
        [found.line],
        found.window.start_s,
        found.window.end_s,
        width=CHART_WIDTH,
        height=CHART_HEIGHT,
        caption=wanted.caption,
        previous_label=wanted.previous,
        theme=Theme.PAGE,
        tz=tz,
        is_filled=found.window.kind is Kind.COUNTER,
        marks=[Mark(note.t_s, note.text) for note in notes],
    )
    return chart(drawing)


def chart_data(found: Seen, wanted: Range, tz: str, notes: list[Annotation]) -> str:
    """The same as JSON, for the script that draws it; numbers that are none are null."""
    previous = found.line.previous
    document = {
        "times": found.window.times_s.tolist(),
        "lines": [{"label": "", "unit": found.unit, "values": found.line.values.tolist()}],
        "previous": None if previous is None else previous.tolist(),
        "previousLabel": wanted.previous,
        "runs": found.line.runs and len(found.line.values) > 1,
        "filled": found.window.kind is Kind.COUNTER,
        "end": found.window.end_s,
        "tz": tz,
        "notes": [[note.t_s, note.text] for note in notes],
    }
    return msgspec.json.encode(document).decode()


def about_stat(site: Site, req: falcon.Request, series: Series) -> dict[str, Any]:
    """What only its owner is told: keys, and how it is shown elsewhere."""
    services = site.services
    known = services.properties.get(series.namespace, series.id)
    stat_id = ids.stat_id(series.id)
    embed_key = ids.embed_key(services.secret, series.id)
    named = stat_id if known.public else embed_key
    base = req.prefix
    return {
        "public": known.public,
        "address": f"{base}/stats/{stat_id}",
        "csv": f"{base}/stats/{stat_id}/csv/day",
        "classic_key": ids.classic_key(services.secret, series.id),
        "imported_key": known.imported_key,
        "script": f'<script src="{base}/javascripts/embed.js"></script>\n'
        f'<script>StatHatEmbed.render({{s1: "{named}"}});</script>',
        "frame": f'<iframe src="{base}/embed/graph/{named}.html" width="760" height="260" title="Chart"></iframe>',
        "image": f'<img src="{base}/embed/graph/{named}.svg" alt="Chart">',
        "link_file": f"{base}/embed/graph/{named}.svg",
    }


class Data(Page):
    """``GET /stats/ID/data``: the rows of the page as a file, ``format=csv`` or ``json``."""

    def on_get(self, req: falcon.Request, resp: falcon.Response, stat_id: str) -> None:
        """The same range, step and time zone as the page has."""
        visitor = self.site.visitor(req)
        series, _ = found_stat(self.site, visitor, stat_id)
        form = Params(req.query_string).choice("format", ("csv", "json"), "csv")
        tz = zone(self.site, series)
        found = seen(self.services.engine, series, asked_range(self.site, req, tz), tz, "", compares=False)
        agg = default_aggregate(found.window.kind)
        points = rows(found.window, agg, "null")
        if form == "csv":
            body, kind = CSV_HEADER.encode() + b"".join(csv_rows(series.name, points)), "text/csv; charset=utf-8"
        else:
            about = {"stat": series.name, "kind": str(series.kind), "step": found.window.step, "agg": agg, "tz": tz}
            body, kind = msgspec.json.encode(about | {"points": points}), "application/json"
        # A name never gets into a header but percent-encoded.
        disposition = (
            f"attachment; filename=\"{stat_id}.{form}\"; filename*=UTF-8''{quote(series.name, safe='')}.{form}"
        )
        respond(resp, Answer(200, body, (("Content-Disposition", disposition),), kind))

    on_head = on_get


class Settings(Page):
    """``POST /stats/ID/settings``: its unit, and whether everybody may see it."""

    def on_post(self, req: falcon.Request, resp: falcon.Response, stat_id: str) -> None:
        """Set what the form has."""
        me = self.site.member(req)
        form = self.site.form(req, me)
        series = own_stat(self.site, me, stat_id)
        public = {"on": True, "off": False}.get(form.text("public"))
        unit = form.text("unit") if form.has("unit") else None
        try:
            self.services.properties.change(me.namespace, series.id, public=public, unit=unit)
        except RequestError as error:
            self.site.redirect(resp, me, f"/stats/{stat_id}", say=sentence(error))
            return
        told = {True: "Everybody who has the link may see this stat now.", False: "Only you see this stat now."}
        self.site.redirect(resp, me, f"/stats/{stat_id}", say="Saved." if public is None else told[public])


class Notes(Page):
    """``POST /stats/ID/notes``: a note on a moment."""

    def on_post(self, req: falcon.Request, resp: falcon.Response, stat_id: str) -> None:
        """Write it down, of this stat or of all."""
        me = self.site.member(req)
        form = self.site.form(req, me)
        series = own_stat(self.site, me, stat_id)
        notes = Annotations(self.services.documents)
        now_s = self.services.now_s()
        # A note on all stats names none.
        series_id, name = (None, None) if form.has("everywhere") else (series.id, series.name)
        try:
            t_s = periods.moment_s(form.text("t"), me.tz) if form.text("t") else now_s
            notes.create(me.namespace, form.text("text"), t_s, now_s, series_id=series_id, stat_name=name)
            say = "Noted."
        except RequestError as error:
            say = sentence(error)
        self.site.redirect(resp, me, back(form.text("next"), stat_id), say=say)


class DeleteNote(Page):
    """``POST /stats/ID/notes/ID/delete``."""

    def on_post(self, req: falcon.Request, resp: falcon.Response, stat_id: str, note_id: str) -> None:
        """Remove a note."""
        me = self.site.member(req)
        form = self.site.form(req, me)
        own_stat(self.site, me, stat_id)
        Annotations(self.services.documents).delete(me.namespace, note_id)
        self.site.redirect(resp, me, back(form.text("next"), stat_id), say="The note is gone.")


def back(text: str, stat_id: str) -> str:
    """The page of a stat, with the range that was looked at."""
    path = f"/stats/{stat_id}"
    return path + (text if text.startswith("?") and text.isascii() and text.isprintable() else "")


class Delete(Page):
    """``POST /stats/ID/delete``."""

    def on_post(self, req: falcon.Request, resp: falcon.Response, stat_id: str) -> None:
        """Move the stat to the trash. Nobody is asked twice, since it can be undone for two days."""
        me = self.site.member(req)
        self.site.form(req, me)
        series = own_stat(self.site, me, stat_id)
        self.services.engine.delete(series.name, namespace=me.namespace)
        self.site.redirect(resp, me, "/trash", say=f"{series.name} is in the trash, for 48 hours.")

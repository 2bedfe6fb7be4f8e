"""``/stats/ID``: one stat, with all that is known of it; for everybody, to look at, where its owner says so."""

from urllib.parse import quote

import falcon
import msgspec

from statflow_http.errors import RequestError
from statflow_http.front.answers import Answer
from statflow_http.front.headers import respond
from statflow_http.pages.form_pages import sentence
from statflow_http.pages.one_stat_asked import asked_range, found_stat, usual_period, zone
from statflow_http.pages.one_stat_view import about_stat, digest, viewed
from statflow_http.pages.reading import seen
from statflow_http.pages.site import Page
from statflow_http.pages.stats import REVISION, Revision
from statflow_http.stats.series_rows import CSV_HEADER, csv_rows, default_aggregate, rows
from statflow_http.wire.reads import Params


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


class Data(Page):
    """``GET /stats/ID/data``: the rows of the page as a file, ``format=csv`` or ``json``."""

    def on_get(self, req: falcon.Request, resp: falcon.Response, stat_id: str) -> None:
        """The same range, step and time zone as the page has."""
        visitor = self.site.visitor(req)
        series, _ = found_stat(self.site, visitor, stat_id)
        form = Params(req.query_string).choice("format", ("csv", "json"), "csv")
        tz = zone(self.site, series)
        engine = self.services.engine
        wanted = asked_range(self.site, req, tz, usual_period(engine, series))
        found = seen(engine, series, wanted, tz, "", compares=False)
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

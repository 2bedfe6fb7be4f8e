"""``/compare?s=ID&s=ID&s=ID``: up to three stats over one range.

Stats that are measured alike (of one kind, with one unit) share a chart, since their heights can be compared. Others
get one each, one under another over the same time: what can be compared of them is when something happened.
"""

import hashlib
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

import falcon

from statflow_engine import Kind, Series, UnknownSeriesError
from statflow_http import ids
from statflow_http.charts.drawings import SERIES_MAX
from statflow_http.errors import RequestError
from statflow_http.pages import periods
from statflow_http.pages.form_pages import sentence
from statflow_http.pages.line_charts import chart_data, picture
from statflow_http.pages.one_stat_asked import asked_range, own_stat, query
from statflow_http.pages.periods import PERIODS, STEPS, Range
from statflow_http.pages.reading import Seen, figures, seen
from statflow_http.pages.site import Page
from statflow_http.pages.stats import REVISION, Revision
from statflow_http.pages.visitors import Member
from statflow_http.stats.annotations import Annotation, Annotations
from statflow_http.wire.reads import Params

# What is offered to be added: the rest is found by its name.
OFFERED_MAX = 500


class Compare(Page):
    """``GET /compare``."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """The page; to its own script only the charts and figures."""
        me = self.site.member(req)
        chosen = self._chosen(me, Params(req.query_string))
        told = req.get_header(REVISION)
        revision = Revision.now(self.services, me.namespace)
        if told is not None and revision.is_shown(told):
            resp.status = falcon.HTTP_204
            return
        try:
            view = self._viewed(req, me, chosen)
        except RequestError as error:
            self.site.redirect(resp, me, address_of(chosen, ""), say=sentence(error))
            return
        shown = f"{revision}{digest(view)}"
        if told is None:
            offered = self._offered(me, chosen)
            self.site.page(req, resp, me, "compare.html", **view, offered=offered, revision=shown)
            return
        resp.set_header(REVISION, shown)
        if told.partition(".")[2] == shown.partition(".")[2]:
            resp.status = falcon.HTTP_204
        else:
            self.site.page(req, resp, me, "_compare_view.html", **view, revision=shown)

    on_head = on_get

    def _chosen(self, me: Member, params: Params) -> list[Series]:
        """The stats that an address names by id or, from the form that adds one, by name; each once, at most three.

        Raises:
            NotFoundError: one is not the visitor's.
        """
        found = {stat_id: own_stat(self.site, me, stat_id) for stat_id in params.many("s")[:SERIES_MAX]}
        name = params.text("add")
        if name and len(found) < SERIES_MAX:
            try:
                added = self.services.engine.find(name, namespace=me.namespace)
                found[ids.stat_id(added.id)] = added
            except (UnknownSeriesError, ValueError):
                # Not the whole name of a stat: the list below helps to write it.
                pass
        return list(found.values())

    def _offered(self, me: Member, chosen: Sequence[Series]) -> list[str]:
        """Names to choose from."""
        taken = {series.id for series in chosen}
        found = self.services.engine.series(me.namespace, limit=OFFERED_MAX)
        return sorted((series.name for series in found if series.id not in taken), key=str.casefold)

    def _viewed(self, req: falcon.Request, me: Member, chosen: Sequence[Series]) -> dict[str, Any]:
        """What the templates show.

        Raises:
            RequestError: the address asks for a range that is none.
        """
        wanted = asked_range(self.site, req, me.tz)
        units = [each.unit for each in self.services.properties.of(me.namespace, [series.id for series in chosen])]
        found = [
            seen(self.services.engine, series, wanted, me.tz, unit, compares=len(chosen) == 1)
            for series, unit in zip(chosen, units, strict=True)
        ]
        notes = Annotations(self.services.documents).between(me.namespace, wanted.start_s, wanted.end_s)
        shared = [note for note in notes if note.series_id is None or note.series_id in {one.id for one in chosen}]
        stat_ids = [ids.stat_id(series.id) for series in chosen]
        return {
            "range": wanted,
            "step_label": STEPS[wanted.step][1],
            "steps": [(step, label) for step, (_, label) in STEPS.items() if step in periods.offered(wanted.length_s)],
            "from_text": periods.wall_text(wanted.start_s, me.tz),
            "to_text": periods.wall_text(wanted.end_s, me.tz),
            "path": "/compare",
            "kept": [("s", stat_id) for stat_id in stat_ids],
            "periods": [
                (name, address_of(chosen, query(wanted, period=name, step="", **{"from": "", "to": ""})))
                for name in PERIODS
            ],
            "address": address_of(chosen, query(wanted)),
            "charts": [charted(group, wanted, me.tz, shared) for group in alike(found)],
            "stats": [told(one, chosen, query(wanted)) for one in found],
            "may_add": len(chosen) < SERIES_MAX,
            "name": " and ".join(series.name for series in chosen)[:100],
        }


def address_of(chosen: Sequence[Series], query_string: str) -> str:
    """The address of a comparison over a range."""
    fields = urlencode([("s", ids.stat_id(series.id)) for series in chosen])
    told = "&".join(part for part in (fields, query_string.removeprefix("?")) if part)
    return f"/compare?{told}" if told else "/compare"


def alike(found: Sequence[Seen]) -> list[list[Seen]]:
    """Stats that can share a chart, together."""
    groups: dict[tuple[Kind, str, str], list[Seen]] = {}
    for one in found:
        groups.setdefault((one.window.kind, one.unit, one.window.step), []).append(one)
    return list(groups.values())


def charted(group: Sequence[Seen], wanted: Range, tz: str, notes: Sequence[Annotation]) -> dict[str, Any]:
    """A chart of stats that are alike, as a picture and as data for a script."""
    return {
        "picture": picture(group, wanted, tz, notes),
        "data": chart_data(group, wanted, tz, notes, has_names=True),
        "names": ", ".join(one.series.name for one in group),
    }


def told(found: Seen, chosen: Sequence[Series], query_string: str) -> dict[str, Any]:
    """A stat in the table."""
    now, _ = figures(found)
    others = [series for series in chosen if series.id != found.series.id]
    return {
        "id": ids.stat_id(found.series.id),
        "name": found.series.name,
        "kind": str(found.series.kind),
        "unit": found.unit,
        "figures": now,
        "without": address_of(others, query_string),
    }


def digest(view: dict[str, Any]) -> str:
    """What is shown, in short."""
    shown = [[one["data"] for one in view["charts"]], view["stats"]]
    return hashlib.sha256(repr(shown).encode()).hexdigest()[:16]

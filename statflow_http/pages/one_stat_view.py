"""What the page of one stat shows, as plain data for its templates."""

import hashlib
from collections.abc import Mapping
from typing import Any

import falcon

from statflow_engine import Series
from statflow_http import ids
from statflow_http.alerts.automatic import AutomaticSettings
from statflow_http.alerts.rules import Rules
from statflow_http.insight.overlays import Overlay
from statflow_http.pages import periods
from statflow_http.pages.alerts import Watched, watched
from statflow_http.pages.line_charts import chart_data, picture
from statflow_http.pages.one_stat_asked import asked_range, query, usual_period, zone
from statflow_http.pages.one_stat_chart import laid_over, may_look_ahead
from statflow_http.pages.periods import PERIODS, STEPS, Range
from statflow_http.pages.reading import Seen, compared, seen
from statflow_http.pages.site import Site
from statflow_http.pages.visitors import Member, Visitor
from statflow_http.services import Services
from statflow_http.stats.annotations import Annotation, Annotations
from statflow_http.stats.series_rows import default_aggregate, rows
from statflow_http.wire.reads import Params

# Rows of the table under the chart, and notes: the rest is in the CSV, and in the chart.
TABLE_MAX, NOTES_MAX = 200, 100
# Rules that are shown; the page of alerts has all.
RULES_SHOWN = 10
# What an address has in which the forecast is hidden.
HIDDEN = {"forecast": "off"}


def digest(view: Mapping[str, Any]) -> str:
    """What a page shows of a stat, in short."""
    states = [(one.rule.id, one.text, one.state, one.is_silenced) for one in view["watched"]]
    notes = [note.id for note in view["notes"]]
    shown = [view["chart_data"], view["table"], view["series"].received_s, notes, states, view["episodes"]]
    return hashlib.sha256(repr(shown).encode()).hexdigest()[:16]


def viewed(site: Site, req: falcon.Request, visitor: Visitor, series: Series, *, is_own: bool) -> dict[str, Any]:
    """What the templates of a stat show that changes as points arrive.

    Raises:
        RequestError: the address asks for a range that is none.
    """
    services, tz = site.services, zone(site, series)
    wanted = asked_range(site, req, tz, usual_period(services.engine, series))
    kept = HIDDEN if Params(req.query_string).text("forecast") == HIDDEN["forecast"] else {}
    known = services.properties.get(series.namespace, series.id)
    series, unit = known.told(series), known.unit
    found = seen(services.engine, series, wanted, tz, unit)
    over = laid_over(services, found, wanted, tz, looks_ahead=not kept)
    return {
        "series": series,
        "stat_id": ids.stat_id(series.id),
        "kind": str(series.kind),
        "unit": unit,
        "tz": tz,
        "is_own": is_own,
        **_ranges(series, wanted, tz, kept),
        **_charted(services, found, wanted, tz, over),
        **_numbers(found),
        "switch": _switch(series, found, wanted, over, kept),
        "watched": _watched(site, visitor, series) if is_own and isinstance(visitor, Member) else [],
    }


def _ranges(series: Series, wanted: Range, tz: str, kept: Mapping[str, str]) -> dict[str, Any]:
    """What is asked for, and what else may be; all of it with or without the forecast, as it is."""
    path = f"/stats/{ids.stat_id(series.id)}"
    no_range = {"step": "", "from": "", "to": ""}
    return {
        "range": wanted,
        "periods": [(name, path + query(wanted, **no_range, **kept, period=name)) for name in PERIODS],
        "steps": [(step, label) for step, (_, label) in STEPS.items() if step in periods.offered(wanted.length_s)],
        "from_text": periods.wall_text(wanted.start_s, tz),
        "to_text": periods.wall_text(wanted.end_s, tz),
        "path": path,
        "kept": list(kept.items()),
        "address": path + query(wanted, **kept),
        "data_address": f"{path}/data" + query(wanted),
    }


def _charted(services: Services, found: Seen, wanted: Range, tz: str, over: Overlay) -> dict[str, Any]:
    """The chart and what is laid over it."""
    series, window = found.series, found.window
    notes = Annotations(services.documents).between(series.namespace, window.start_s, window.end_s, series_id=series.id)
    return {
        "step_label": STEPS.get(window.step, (0, window.step))[1],
        "picture": picture([found], wanted, tz, notes, over),
        "chart_data": chart_data([found], wanted, tz, notes, over, has_names=False),
        "has_before": found.before is not None,
        "has_forecast": over.band is not None,
        "episodes": over.episodes,
        "left_out": over.left_out,
        "sensitivity": AutomaticSettings(services.documents).get(series.namespace, series.id).sensitivity.value,
        "notes": _newest(notes),
    }


def _newest(notes: list[Annotation]) -> list[Annotation]:
    return notes[-NOTES_MAX:][::-1]


def _numbers(found: Seen) -> dict[str, Any]:
    """The tables."""
    window = found.window
    # Of days in the future there is nothing to read.
    shown = [row for row in rows(window, default_aggregate(window.kind), "null") if row.time <= window.now_s][::-1]
    return {"table": compared(found), "rows": shown[:TABLE_MAX], "row_count": len(shown), "last": found.line.last}


def _switch(
    series: Series, found: Seen, wanted: Range, over: Overlay, kept: Mapping[str, str]
) -> tuple[str, str] | None:
    """What hides or shows the forecast, and where it leads; None where there is none to show."""
    path = f"/stats/{ids.stat_id(series.id)}"
    if over.band is not None:
        return "Hide the forecast", path + query(wanted, **HIDDEN)
    return ("Show the forecast", path + query(wanted)) if kept and may_look_ahead(found, wanted) else None


def _watched(site: Site, me: Member, series: Series) -> list[Watched]:
    """The rules on this stat, those that are open first."""
    rules = [rule for rule in Rules(site.services.documents).all(me.namespace) if rule.series_id == series.id]
    found = watched(site, me, rules)
    return sorted(found, key=lambda one: (not one.is_firing, one.rule.id))[:RULES_SHOWN]


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

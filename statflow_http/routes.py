"""The table of contents of what is served: every path with what answers it, by parts of the app."""

from collections.abc import Callable, Iterator
from typing import Any

from statflow_http.api import (
    command_line_api,
    embed,
    export_api,
    health,
    pixel,
    prometheus,
    public,
    stathat,
    v1_account,
    v1_alerts,
    v1_annotations,
    v1_dashboards,
    v1_export,
    v1_imports,
    v1_keys,
    v1_outlook,
    v1_query,
    v1_read,
    v1_receivers,
    v1_write,
)
from statflow_http.front.answers import Answer
from statflow_http.pages import site as pages
from statflow_http.services import Services
from statflow_http.wire.numbers import Form

PARTS = ("write", "read", "manage", "pages")

# What answers a write, from its environ.
Write = Callable[[dict[str, Any]], Answer]


def routes(services: Services, parts: frozenset[str]) -> Iterator[tuple[str, object]]:
    """Every path of the API with what answers it."""
    yield "/", stathat.Root()
    yield "/healthz", health.Health()
    yield "/readyz", health.Ready(services)
    if services.options.metrics != "off":
        yield "/metrics", prometheus.MetricsText(services)
    if "write" in parts:
        yield "/ez", stathat.Write(services, Form.ANY)
        yield "/c", pixel.Count(services)
        yield "/v", stathat.Write(services, Form.VALUE)
        yield "/v1/stat", v1_write.Point(services)
    if "read" in parts:
        yield "/v1/query", v1_query.Query(services)
        yield "/javascripts/embed.js", embed.Loader()
        yield "/embed/{path:path}", embed.Embed(services)
        yield "/v1/stats/{stat_id}/forecast", v1_outlook.ForecastOfStat(services)
        yield "/v1/stats/{stat_id}/anomalies", v1_outlook.AnomaliesOfStat(services)
        yield "/v1/trash", v1_read.TrashList(services)
        yield "/v1/trash/{stat_id}/restore", v1_read.Restore(services)
        yield from stathat_read_routes(services)
    if "manage" in parts:
        yield from account_routes(services)
        yield from note_routes(services)
        yield from dashboard_routes(services)
        yield "/v1/imports", v1_imports.ImportList(services)
        yield "/v1/imports/{import_id}", v1_imports.OneImport(services)
        yield "/v1/export", v1_export.Export(services)
    if "pages" in parts:
        yield from pages.routes(services)
    shared = parts & BOTH
    if shared:
        yield "/v1/stats", STATS[shared](services)
        yield "/v1/stat/{name:path}", STAT[shared](services)


def account_routes(services: Services) -> Iterator[tuple[str, object]]:
    """Accounts, who belongs to them, and their keys."""
    yield "/v1/account", v1_account.AccountResource(services)
    yield "/v1/account/members", v1_account.MemberList(services)
    yield "/v1/account/members/{person_id}", v1_account.Member(services)
    yield "/v1/keys", v1_keys.KeyList(services)
    yield "/v1/keys/{key_id}", v1_keys.OneKey(services)
    yield "/v1/keys/{key_id}/rotate", v1_keys.Rotate(services)


def stathat_read_routes(services: Services) -> Iterator[tuple[str, object]]:
    """What StatHat's own readers ask: the export API, its command line's, and what is public."""
    yield "/x/{token}/statlist", export_api.StatList(services)
    yield "/x/{token}/stat", export_api.Stat(services)
    yield "/x/{token}/stats/{stat_id}", export_api.StatOfId(services)
    yield "/x/{token}/data/{stat_ids:path}", export_api.Data(services)
    yield "/x/{token}/alerts", export_api.Alerts(services)
    yield "/x/{token}/alerts/{alert_id}", export_api.Alert(services)
    yield "/a1/stats", command_line_api.Stats(services)
    yield "/a1/stats/{stat_id}/dataset", command_line_api.OneDataset(services)
    yield "/a1/stats/{stat_id}/dataset_full", command_line_api.FullDataset(services)
    yield "/a1/alerts", command_line_api.Alerts(services)
    yield "/a1/comments", command_line_api.Comments(services)
    yield "/stats/{stat_id}/csv/{period}", public.PublicCsv(services)


def note_routes(services: Services) -> Iterator[tuple[str, object]]:
    """Alerts and annotations."""
    yield "/v1/alerts", v1_alerts.AlertList(services)
    yield "/v1/alerts/automatic", v1_alerts.AutomaticAlerts(services)
    yield "/v1/alerts/preview", v1_alerts.Preview(services)
    yield "/v1/alerts/settings", v1_alerts.AlertSettings(services)
    yield "/v1/alerts/{alert_id}", v1_alerts.Alert(services)
    yield "/v1/alerts/{alert_id}/why", v1_alerts.Why(services)
    yield "/v1/alerts/{alert_id}/history", v1_alerts.History(services)
    yield "/v1/alerts/{alert_id}/silence", v1_alerts.Silence(services)
    yield "/v1/receivers", v1_receivers.ReceiverList(services)
    yield "/v1/receivers/{receiver_id}", v1_receivers.OneReceiver(services)
    yield "/v1/receivers/{receiver_id}/test", v1_receivers.Test(services)
    yield "/v1/receivers/{receiver_id}/deliveries", v1_receivers.Deliveries(services)
    yield "/v1/receivers/{receiver_id}/rotate", v1_receivers.Rotate(services)
    yield "/v1/mail", v1_receivers.Mail(services)
    yield "/v1/mail/test", v1_receivers.MailTest(services)
    yield "/act/{token}", v1_receivers.Act(services)
    yield "/v1/annotations", v1_annotations.AnnotationList(services)
    yield "/v1/annotations/{annotation_id}", v1_annotations.OneAnnotation(services)


def dashboard_routes(services: Services) -> Iterator[tuple[str, object]]:
    """Dashboards, and links to them."""
    yield "/v1/dashboards", v1_dashboards.DashboardList(services)
    yield "/v1/dashboards/deleted", v1_dashboards.DeletedList(services)
    yield "/v1/dashboards/deleted/{deleted_id}/restore", v1_dashboards.RestoreDashboard(services)
    yield "/v1/dashboards/{dashboard_id}", v1_dashboards.OneDashboard(services)
    yield "/v1/dashboards/{dashboard_id}/duplicate", v1_dashboards.Duplicate(services)
    yield "/v1/dashboards/{dashboard_id}/shares", v1_dashboards.ShareList(services)
    yield "/v1/dashboards/{dashboard_id}/shares/{share_id}", v1_dashboards.OneShare(services)


def write_routes(services: Services) -> Iterator[tuple[tuple[str, str], Write]]:
    """The same for what stores points, by method and path."""
    for path, resource in (
        ("/ez", stathat.Write(services, Form.ANY)),
        ("/c", pixel.Count(services)),
        ("/v", stathat.Write(services, Form.VALUE)),
    ):
        yield ("GET", path), resource.get
        yield ("POST", path), resource.post
    yield ("POST", "/v1/stat"), v1_write.Point(services).post
    yield ("POST", "/v1/stats"), v1_write.Batch(services).post
    yield ("POST", "/v1/stat/count"), v1_write.NamedPoint(services).post_count
    yield ("POST", "/v1/stat/value"), v1_write.NamedPoint(services).post_value


class StatsBoth(v1_write.Batch, v1_read.StatList):
    """``/v1/stats``: POST writes a batch, GET lists."""


class StatBoth(v1_write.NamedPoint, v1_read.Stat):
    """``/v1/stat/NAME``: POST writes under two of the names, GET and DELETE are of any."""


# Two paths are shared by both parts.
WRITE, READ, BOTH = frozenset({"write"}), frozenset({"read"}), frozenset({"write", "read"})
STATS: dict[frozenset[str], Any] = {WRITE: v1_write.Batch, READ: v1_read.StatList, BOTH: StatsBoth}
STAT: dict[frozenset[str], Any] = {WRITE: v1_write.NamedPoint, READ: v1_read.Stat, BOTH: StatBoth}

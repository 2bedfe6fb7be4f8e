"""StatHat's export API, ``/x/TOKEN/...``: the access token in the path, JSON as StatHat's clients read it.

A token is a key that may read; what changes something needs one of scope full. A key that may only write is no token,
and is answered like one that does not exist.

Where StatHat is silent: without ``t`` and ``summary`` the last week comes by three hours; with both, ``summary``
counts. A stat that was imported shows the classic key it came with, so that it still has it after moving on.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import falcon
import msgspec

from statflow_engine import Kind, Series
from statflow_http import ids
from statflow_http.accounts.keys import Scope
from statflow_http.accounts.senders import Sender
from statflow_http.alerts.rules import Rule, RuleKind, Rules
from statflow_http.alerts.telling import whole
from statflow_http.api.v1_alerts import create_rule, rule_of, rule_wish
from statflow_http.api.v1_read import json_answer, stat_of_id, stat_of_name
from statflow_http.errors import BadKeyError, NotFoundError, RequestError, ScopeError
from statflow_http.front import auth
from statflow_http.front.headers import respond
from statflow_http.services import Services
from statflow_http.stats.bucket_sums import bucket_sums
from statflow_http.stats.properties import StatProperties
from statflow_http.wire.reads import Params
from statflow_http.wire.timeframes import BUCKETS_MAX, WEEK_BY_3_HOURS, Buckets, Timeframe

# StatHat's page of the list, and its number of stats in one request for data.
STATS_PER_PAGE = 10_000
DATASETS_MAX = 5
OFFSET_MAX = 10**15


class Point(msgspec.Struct, frozen=True, gc=False):
    """What a bucket shows."""

    time: int
    value: float


class Dataset(msgspec.Struct, frozen=True):
    """The points of a stat, oldest first."""

    name: str
    timeframe: str
    points: list[Point]


class Export:
    """What the resources of this API share."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def sender(self, token: str, scope: Scope = Scope.READ) -> Sender:
        """Whose token a path has; an Authorization header means nothing here.

        Raises:
            BadKeyError: it is no token.
            ScopeError: it may read, and the request would change something.
        """
        return token_sender(self._services, token, scope)


class StatList(Export):
    """``GET /x/TOKEN/statlist``."""

    def on_get(self, req: falcon.Request, resp: falcon.Response, token: str) -> None:
        """At most 10,000 stats, from an offset on; past the end none."""
        params = Params(req.query_string)
        sender = self.sender(token)
        offset = params.number("offset", 0, least=0, most=OFFSET_MAX)
        respond(resp, json_answer(stathat_stats(self._services, sender, self._page(sender, offset))))

    on_head = on_get

    def _page(self, sender: Sender, offset: int) -> list[Series]:
        """Up to a page of series after the first ``offset``."""
        found = list(self._pages(sender, offset))
        return [series for page in found for series in page][:STATS_PER_PAGE]

    def _pages(self, sender: Sender, offset: int) -> Iterator[list[Series]]:
        """The one or two pages of the engine that hold them: it knows pages by their last id and by no offset."""
        after: int | None = None
        wanted = STATS_PER_PAGE
        while wanted > 0:
            page = self._services.engine.series(sender.namespace, limit=STATS_PER_PAGE, after=after)
            if not page:
                return
            after = page[-1].id
            shown, offset = page[offset:], max(0, offset - len(page))
            wanted -= len(shown)
            if shown:
                yield shown


class Stat(Export):
    """``GET /x/TOKEN/stat?name=NAME``."""

    def on_get(self, req: falcon.Request, resp: falcon.Response, token: str) -> None:
        """One stat."""
        params = Params(req.query_string)
        sender = self.sender(token)
        series = stat_of_name(self._services, sender, params.text("name"))
        respond(resp, json_answer(stathat_stats(self._services, sender, [series])[0]))

    on_head = on_get


class StatOfId(Export):
    """``DELETE /x/TOKEN/stats/ID``."""

    def on_delete(self, req: falcon.Request, resp: falcon.Response, token: str, stat_id: str) -> None:
        """Move a stat to the trash."""
        sender = self.sender(token, Scope.FULL)
        series = stat_of_id(self._services, sender, stat_id)
        self._services.engine.delete(series.name, namespace=sender.namespace)
        respond(resp, json_answer({"msg": "stat deleted."}))


class Data(Export):
    """``GET /x/TOKEN/data/ID[/ID...][/]``."""

    def on_get(self, req: falcon.Request, resp: falcon.Response, token: str, stat_ids: str) -> None:
        """The datasets of up to 5 stats, in the order asked."""
        params = Params(req.query_string)
        sender = self.sender(token)
        series = [stat_of_id(self._services, sender, each) for each in ids_of_path(stat_ids)]
        timeframe = timeframe_of(params)
        buckets = timeframe.buckets(self._services.now_s(), params.time_s("start"))
        if len(series) * buckets.count > BUCKETS_MAX:
            raise RequestError(
                f"{len(series)} stats of {buckets.count} points: an answer has at most {BUCKETS_MAX}, "
                "ask for fewer stats or a longer interval"
            )
        respond(resp, json_answer(datasets(self._services, series, buckets, str(timeframe))))

    on_head = on_get


class Alerts(Export):
    """``/x/TOKEN/alerts``."""

    def on_get(self, req: falcon.Request, resp: falcon.Response, token: str) -> None:
        """All alerts, oldest first: an account has at most a thousand."""
        sender = self.sender(token)
        respond(resp, json_answer(stathat_alerts(self._services, sender)))

    on_head = on_get

    def on_post(self, req: falcon.Request, resp: falcon.Response, token: str) -> None:
        """Make an alert, of a form or JSON."""
        sender = self.sender(token, Scope.FULL)
        rule = create_rule(self._services, sender, rule_wish(req.env))
        respond(resp, json_answer(stathat_alert(rule) | {"msg": "alert created."}))


class Alert(Export):
    """``/x/TOKEN/alerts/ID``."""

    def on_get(self, req: falcon.Request, resp: falcon.Response, token: str, alert_id: str) -> None:
        """One alert."""
        sender = self.sender(token)
        respond(resp, json_answer(stathat_alert(rule_of(self._services, sender, alert_id))))

    on_head = on_get

    def on_delete(self, req: falcon.Request, resp: falcon.Response, token: str, alert_id: str) -> None:
        """Remove an alert."""
        sender = self.sender(token, Scope.FULL)
        rule = rule_of(self._services, sender, alert_id)
        Rules(self._services.documents).delete(sender.namespace, rule.id)
        respond(resp, json_answer({"msg": "alert deleted."}))


def token_sender(services: Services, token: str, scope: Scope = Scope.READ) -> Sender:
    """Whose access token this is.

    Raises:
        BadKeyError: it is unknown, revoked, or a key that may only write.
        ScopeError: it may read, and more is needed.
    """
    try:
        sender = auth.sender(services.keys, {}, [token], Scope.READ)
    except ScopeError:
        raise BadKeyError("invalid API key") from None
    if not sender.scope.allows(scope):
        raise ScopeError(auth.FORBIDDEN[scope])
    return sender


def ids_of_path(path: str) -> list[str]:
    """The stat ids of ``ID/ID/``.

    Raises:
        NotFoundError: there is none.
        RequestError: there are more than 5.
    """
    found = path.removesuffix("/").split("/")
    if found == [""]:
        raise NotFoundError("no such stat")
    if len(found) > DATASETS_MAX:
        raise RequestError(f"at most {DATASETS_MAX} stats in one request, met {len(found)}")
    return found


def timeframe_of(params: Params) -> Timeframe:
    """What ``t`` or ``summary`` ask for; a week by three hours when there is neither.

    Raises:
        RequestError: it is no timeframe.
    """
    summary = params.text("summary")
    if summary:
        return Timeframe.daily(summary)
    t = params.text("t")
    return Timeframe.parse(t) if t else WEEK_BY_3_HOURS


def datasets(services: Services, series: Sequence[Series], buckets: Buckets, timeframe: str) -> list[Dataset]:
    """What StatHat's clients get of several stats of one account, in their order."""
    times_s = buckets.times_s.tolist()
    found = bucket_sums(services.engine, series, buckets)
    return [
        Dataset(each.name, timeframe, list(map(Point, times_s, sums.numbers.tolist())))
        for each, sums in zip(series, found, strict=True)
    ]


def stathat_stats(services: Services, sender: Sender, series: Sequence[Series]) -> list[dict[str, Any]]:
    """Stats as StatHat told of them."""
    known = services.properties.of(sender.namespace, [each.id for each in series])
    return [stathat_stat(each, properties, services.secret) for each, properties in zip(series, known, strict=True)]


def stathat_stat(series: Series, properties: StatProperties, secret: bytes) -> dict[str, Any]:
    """One of them. Nothing in it is ever null: clients with typed fields fail over that."""
    series = properties.told(series)
    return {
        "id": ids.stat_id(series.id),
        "name": series.name,
        "public": properties.public,
        "counter": series.kind is Kind.COUNTER,
        "unit": properties.unit,
        "classic_key": properties.imported_key or ids.classic_key(secret, series.id),
        "embed_key": ids.embed_key(secret, series.id),
        "data_received_at": series.received_s or series.created_s,
        "created_at": series.created_s,
    }


def stathat_alerts(services: Services, sender: Sender) -> list[dict[str, Any]]:
    """All alerts of the sender as StatHat told of them."""
    return [stathat_alert(rule) for rule in Rules(services.documents).all(sender.namespace)]


def stathat_alert(rule: Rule) -> dict[str, Any]:
    """One of them; which fields it has depends on its kind."""
    told: dict[str, Any] = {
        "id": rule.id,
        "stat_id": ids.stat_id(rule.series_id),
        "stat_name": rule.stat_name,
        "kind": rule.kind,
        "time_window": rule.time_window,
    }
    if rule.kind is RuleKind.VALUE:
        told |= {"operator": rule.operator, "threshold": whole(rule.threshold)}
    if rule.kind is RuleKind.DELTA:
        told |= {
            "percentage": whole(rule.percentage),
            "operator": rule.operator,
            "time_delta": rule.time_delta,
        }
    return told

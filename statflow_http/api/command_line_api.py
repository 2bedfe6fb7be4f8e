"""``/a1/...``, which StatHat's own command line speaks: Basic auth with the access token as user name.

The password is not looked at. Where StatHat is silent: the whole history of a stat begins with the day of its oldest
point, and comes by the minute, the hour or the day, whichever is the finest that gives at most 10,000 points.
"""

import base64
import binascii

import falcon
import msgspec
import numpy as np

from statflow_engine import Engine, Kind, Series
from statflow_http.accounts.keys import Scope
from statflow_http.accounts.senders import Sender
from statflow_http.api.export_api import stathat_alert, stathat_alerts, stathat_stats, timeframe_of, token_sender
from statflow_http.api.v1_alerts import create_rule, rule_wish
from statflow_http.api.v1_read import json_answer, stat_of_id
from statflow_http.errors import BadKeyError, MissingKeyError, RequestError
from statflow_http.front.headers import respond
from statflow_http.services import Services
from statflow_http.stats.annotations import Annotations
from statflow_http.stats.bucket_sums import bucket_sums
from statflow_http.wire import bodies, forms
from statflow_http.wire.reads import Params
from statflow_http.wire.timeframes import BUCKETS_MAX, DAY_S, Buckets, Span, Timeframe

# The list has no pages. Its stats are 250 bytes each.
STATS_MAX = 100_000
HISTORY_POINTS_MAX = 10_000
HISTORY_INTERVALS = (Span(1, "m"), Span(1, "h"), Span(1, "d"))
KINDS = {Kind.COUNTER: "count", Kind.VALUE: "value"}


class CountedPoint(msgspec.Struct, frozen=True, gc=False):
    """What a bucket shows, and how many points arrived in it."""

    time: int
    value: float
    rcount: int


class KindDataset(msgspec.Struct, frozen=True):
    """The points of a stat, oldest first."""

    name: str
    timeframe: str
    kind: str
    points: list[CountedPoint]


class CommandLine:
    """What the resources of this API share."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def sender(self, req: falcon.Request, scope: Scope = Scope.READ) -> Sender:
        """Whose token the user name of a request is.

        Raises:
            MissingKeyError: there is none.
            BadKeyError: it is no token.
            ScopeError: it may read, and the request would change something.
        """
        return token_sender(self._services, user_name(req.env.get("HTTP_AUTHORIZATION", "")), scope)


class Stats(CommandLine):
    """``GET /a1/stats``."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """All stats at once."""
        sender = self.sender(req)
        found = self._services.engine.series(sender.namespace, limit=STATS_MAX + 1)
        if len(found) > STATS_MAX:
            raise RequestError(f"more than {STATS_MAX} stats do not fit one answer: /v1/stats has pages")
        respond(resp, json_answer(stathat_stats(self._services, sender, found)))

    on_head = on_get


class OneDataset(CommandLine):
    """``GET /a1/stats/ID/dataset?t=1w3h``."""

    def on_get(self, req: falcon.Request, resp: falcon.Response, stat_id: str) -> None:
        """The points of a stat."""
        params = Params(req.query_string)
        sender = self.sender(req)
        series = stat_of_id(self._services, sender, stat_id)
        timeframe = timeframe_of(params)
        buckets = timeframe.buckets(self._services.now_s(), params.time_s("start"))
        respond(resp, json_answer(dataset(self._services.engine, series, buckets, timeframe)))

    on_head = on_get


class FullDataset(CommandLine):
    """``GET /a1/stats/ID/dataset_full``."""

    def on_get(self, req: falcon.Request, resp: falcon.Response, stat_id: str) -> None:
        """The points of a stat from its oldest on."""
        sender = self.sender(req)
        series = stat_of_id(self._services, sender, stat_id)
        buckets, timeframe = history(self._services.engine, series, self._services.now_s())
        respond(resp, json_answer(dataset(self._services.engine, series, buckets, timeframe)))

    on_head = on_get


class Alerts(CommandLine):
    """``/a1/alerts``."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """All alerts, oldest first."""
        sender = self.sender(req)
        respond(resp, json_answer(stathat_alerts(self._services, sender)))

    on_head = on_get

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Make an alert, of a form or JSON."""
        sender = self.sender(req, Scope.FULL)
        rule = create_rule(self._services, sender, rule_wish(req.env))
        respond(resp, json_answer(stathat_alert(rule) | {"message": "alert created."}))


class Comments(CommandLine):
    """``POST /a1/comments``: annotations, as StatHat called them here."""

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Note a text at this moment, on the stat of an id or on all of them."""
        sender = self.sender(req, Scope.FULL)
        bodies.refuse_multipart(req.env)
        fields = forms.parse(bodies.read_body(req.env, bodies.SINGLE_BYTES_MAX))
        text, stat_id = forms.singles(fields, ("text", "id"))
        series = stat_of_id(self._services, sender, stat_id) if stat_id else None
        about = {} if series is None else {"series_id": series.id, "stat_name": series.name}
        now_s = self._services.now_s()
        Annotations(self._services.documents).create(sender.namespace, text or "", now_s, now_s, **about)  # type: ignore[arg-type]
        respond(resp, json_answer({"message": "comment created."}))


def user_name(authorization: str) -> str:
    """The user name of a Basic Authorization header.

    Raises:
        MissingKeyError: there is no such header.
        BadKeyError: it is no base64 of UTF-8.
    """
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        raise MissingKeyError("missing API key")
    try:
        user = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")[0]
    except (binascii.Error, ValueError):
        raise BadKeyError("invalid API key") from None
    if not user:
        raise MissingKeyError("missing API key")
    return user


def dataset(engine: Engine, series: Series, buckets: Buckets, timeframe: Timeframe) -> KindDataset:
    """The points of a stat in buckets."""
    (sums,) = bucket_sums(engine, [series], buckets)
    points = map(CountedPoint, buckets.times_s.tolist(), sums.numbers.tolist(), sums.counts.tolist())
    return KindDataset(series.name, str(timeframe), KINDS[series.kind], list(points))


def history(engine: Engine, series: Series, now_s: int) -> tuple[Buckets, Timeframe]:
    """The buckets of a whole history: from the day of the oldest point on, in UTC; today's when there is none."""
    last_day = now_s // DAY_S
    first_day = max(engine.schema.coarsest.reach_s(now_s) // DAY_S, last_day - BUCKETS_MAX + 1)
    days = Buckets(first_day * DAY_S, DAY_S, last_day - first_day + 1)
    (sums,) = bucket_sums(engine, [series], days)
    filled = np.flatnonzero(sums.counts)
    first_s = int(days.times_s[filled[0] if len(filled) else -1])
    counts = [(now_s - first_s) // interval.seconds + 1 for interval in HISTORY_INTERVALS]
    fitting = [place for place, count in enumerate(counts) if count <= HISTORY_POINTS_MAX]
    chosen = fitting[0] if fitting else -1
    interval = HISTORY_INTERVALS[chosen]
    period = Span((now_s - first_s) // DAY_S + 1, "d")
    return Buckets(first_s, interval.seconds, counts[chosen]), Timeframe(period, interval)

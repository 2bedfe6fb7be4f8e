"""Reading under ``/v1``: the list of stats, one stat, what is known of it, its deletion, the trash."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import falcon
import msgspec

from statflow_engine import Kind, Series, TrashedSeries
from statflow_http import ids
from statflow_http.accounts.keys import Scope
from statflow_http.accounts.senders import Sender
from statflow_http.errors import MediaTypeError, NotFoundError, RequestError
from statflow_http.front import auth
from statflow_http.front.answers import Answer
from statflow_http.front.headers import respond
from statflow_http.services import Services
from statflow_http.stats.properties import StatProperties
from statflow_http.stats.series_rows import AGGREGATES, FILLS, default_aggregate, rows
from statflow_http.wire import bodies, messages
from statflow_http.wire.names import clean
from statflow_http.wire.reads import Params, name_in_path

T = TypeVar("T")

STAT_PREFIX = "/v1/stat/"
# Deleted stats wait this long in the trash; the engine's default.
TRASH_S = 172_800


class PropertiesMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What PATCH may set of a stat; what is None stays."""

    public: bool | None = None
    unit: str | None = None


properties_of_json = messages.decoder(PropertiesMessage)


def reader(services: Services, req: falcon.Request, params: Params, scope: Scope = Scope.READ) -> Sender:
    """Who asks: by Authorization, or a key in the query string."""
    return auth.sender(services.keys, req.env, [params.text(name) for name in auth.KEY_FIELDS], scope)


def json_answer(document: Any) -> Answer:
    """A document as JSON; NaN becomes null."""
    return Answer(200, msgspec.json.encode(document))


def json_body(environ: dict[str, Any], decode: Callable[[bytes], T]) -> T:
    """The body of a request that is JSON, also where it says nothing of its type.

    Raises:
        MediaTypeError: it says that it is something else.
        RequestError: it is empty, or not what ``decode`` takes.
    """
    media_type = bodies.media_type(environ)
    if media_type and media_type not in bodies.JSON_TYPES and not media_type.endswith("+json"):
        raise MediaTypeError("the body must be application/json")
    body = bodies.read_body(environ, bodies.SINGLE_BYTES_MAX)
    if not body:
        raise RequestError("request body is empty")
    return decode(body)


def stat_of_id(services: Services, sender: Sender, stat_id: str) -> Series:
    """The sender's stat of an id.

    Raises:
        NotFoundError: it is no stat id.
        UnknownSeriesError: the sender has no such stat.
    """
    series_id = ids.series_id(stat_id)
    if series_id is None:
        raise NotFoundError("no such stat")
    return services.engine.find_by_id(series_id, namespace=sender.namespace)


def stat_of_name(services: Services, sender: Sender, name: str) -> Series:
    """The sender's stat of a name.

    Raises:
        RequestError: no stat can have such a name.
        UnknownSeriesError: the sender has no such stat.
    """
    return services.engine.find(clean(name), namespace=sender.namespace)


def series_document(series: Series, properties: StatProperties, secret: bytes) -> dict[str, Any]:
    """What is told about a stat; times are Unix seconds, ``key`` is its classic key."""
    series = properties.told(series)
    return {
        "id": ids.stat_id(series.id),
        "name": series.name,
        "kind": str(series.kind),
        "created_at": series.created_s,
        "received_at": series.received_s,
        "public": properties.public,
        "unit": properties.unit,
        "key": ids.classic_key(secret, series.id),
        "imported_key": properties.imported_key or None,
        "embed_key": ids.embed_key(secret, series.id),
    }


def described(services: Services, sender: Sender, series: Sequence[Series]) -> list[dict[str, Any]]:
    """`series_document` of several stats of the sender."""
    known = services.properties.of(sender.namespace, [each.id for each in series])
    return [series_document(each, properties, services.secret) for each, properties in zip(series, known, strict=True)]


def trashed_document(trashed: TrashedSeries) -> dict[str, Any]:
    """What is told about a stat in the trash."""
    return {
        "id": ids.stat_id(trashed.id),
        "name": trashed.name,
        "kind": str(Kind(trashed.kind)),
        "created_at": trashed.created_s,
        "deleted_at": trashed.deleted_s,
        "expires_at": trashed.deleted_s + TRASH_S,
    }


class StatList:
    """``GET /v1/stats``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """A page of stats in the order in which they were made, with the cursor of the next page."""
        params = Params(req.query_string)
        sender = reader(self._services, req, params)
        limit, after = params.limit(), params.cursor()
        # One more than asked for: its presence says that there is a next page.
        found = self._services.engine.series(sender.namespace, pattern=params.text("q"), limit=limit + 1, after=after)
        page = described(self._services, sender, found[:limit])
        respond(resp, json_answer({"stats": page, "cursor": page[-1]["id"] if len(found) > limit else None}))

    on_head = on_get


class Stat:
    """``GET``, ``PATCH`` and ``DELETE /v1/stat/NAME``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def on_get(self, req: falcon.Request, resp: falcon.Response, name: str) -> None:
        """A stat, with its points in a range: the last 24 hours, when none is given."""
        params = Params(req.query_string)
        sender = reader(self._services, req, params)
        # The router's name is decoded leniently and cannot be trusted to be what was asked.
        name = name_in_path(req.env, STAT_PREFIX)
        engine = self._services.engine
        series = engine.find(name, namespace=sender.namespace)
        agg = params.choice("agg", tuple(AGGREGATES), default_aggregate(series.kind))
        fill = params.choice("fill", FILLS, "null")
        window = engine.query(
            name,
            params.time_s("from"),
            params.time_s("to"),
            step=params.text("step") or None,
            namespace=sender.namespace,
            tz=params.tz(sender.account.tz),
        )
        about = {"from": window.start_s, "to": window.end_s, "step": window.step, "agg": agg}
        points = {"points": rows(window, agg, fill)}
        (stat,) = described(self._services, sender, [series])
        respond(resp, json_answer(stat | about | points))

    on_head = on_get

    def on_patch(self, req: falcon.Request, resp: falcon.Response, name: str) -> None:
        """Set whether a stat is public, and its unit."""
        sender = reader(self._services, req, Params(req.query_string), Scope.FULL)
        series = stat_of_name(self._services, sender, name_in_path(req.env, STAT_PREFIX))
        wanted = json_body(req.env, properties_of_json)
        self._services.properties.change(sender.namespace, series.id, public=wanted.public, unit=wanted.unit)
        respond(resp, json_answer({"msg": "ok"} | described(self._services, sender, [series])[0]))

    def on_delete(self, req: falcon.Request, resp: falcon.Response, name: str) -> None:
        """Move a stat to the trash, where it waits 48 hours."""
        sender = reader(self._services, req, Params(req.query_string), Scope.FULL)
        name = name_in_path(req.env, STAT_PREFIX)
        trashed = self._services.engine.delete(name, namespace=sender.namespace)
        respond(resp, json_answer({"msg": "ok"} | trashed_document(trashed)))


class TrashList:
    """``GET /v1/trash``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """A page of deleted stats, by id, with the cursor of the next page."""
        params = Params(req.query_string)
        sender = reader(self._services, req, params)
        limit, after = params.limit(), params.cursor()
        trash = sorted(self._services.engine.trash(sender.namespace), key=lambda trashed: trashed.id)
        found = [trashed for trashed in trash if after is None or trashed.id > after]
        page = [trashed_document(trashed) for trashed in found[:limit]]
        respond(resp, json_answer({"trash": page, "cursor": page[-1]["id"] if len(found) > limit else None}))

    on_head = on_get


class Restore:
    """``POST /v1/trash/ID/restore``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def on_post(self, req: falcon.Request, resp: falcon.Response, stat_id: str) -> None:
        """Take a stat out of the trash, with all its points."""
        sender = reader(self._services, req, Params(req.query_string), Scope.FULL)
        series_id = ids.series_id(stat_id)
        if series_id is None:
            raise NotFoundError("no such stat")
        if sender.is_limited:
            self._services.quotas.refuse_restore(sender.account, sender.plan)
        series = self._services.engine.restore(series_id, namespace=sender.namespace)
        respond(resp, json_answer({"msg": "ok"} | described(self._services, sender, [series])[0]))

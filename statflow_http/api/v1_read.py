"""Reading under ``/v1``: the list of stats, one stat, its deletion, the trash."""

from typing import Any

import falcon
import msgspec

from statflow_engine import Kind, Series, TrashedSeries
from statflow_http import auth, ids
from statflow_http.accounts.keys import Scope, Sender
from statflow_http.answers import Answer
from statflow_http.errors import NotFoundError
from statflow_http.headers import respond
from statflow_http.series_rows import AGGREGATES, FILLS, default_aggregate, rows
from statflow_http.services import Services
from statflow_http.wire.reads import Params, name_in_path

STAT_PREFIX = "/v1/stat/"
# Deleted stats wait this long in the trash; the engine's default.
TRASH_S = 172_800


def reader(services: Services, req: falcon.Request, params: Params, scope: Scope = Scope.READ) -> Sender:
    """Who asks: by Authorization, or a key in the query string."""
    return auth.sender(services.keys, req.env, [params.text(name) for name in auth.KEY_FIELDS], scope)


def json_answer(document: Any) -> Answer:
    """A document as JSON; NaN becomes null."""
    return Answer(200, msgspec.json.encode(document))


def series_document(series: Series, secret: bytes) -> dict[str, Any]:
    """What is told about a stat; times are Unix seconds, ``key`` is its classic key."""
    return {
        "id": ids.stat_id(series.id),
        "name": series.name,
        "kind": str(series.kind),
        "created_at": series.created_s,
        "received_at": series.received_s,
        "key": ids.classic_key(secret, series.id),
    }


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
        secret = self._services.secret
        page = [series_document(series, secret) for series in found[:limit]]
        respond(resp, json_answer({"stats": page, "cursor": page[-1]["id"] if len(found) > limit else None}))

    on_head = on_get


class Stat:
    """``GET`` and ``DELETE /v1/stat/NAME``."""

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
        respond(resp, json_answer(series_document(series, self._services.secret) | about | points))

    on_head = on_get

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
        series = self._services.engine.restore(series_id, namespace=sender.namespace)
        respond(resp, json_answer({"msg": "ok"} | series_document(series, self._services.secret)))

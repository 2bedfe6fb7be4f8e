"""``/v1/dashboards``: dashboards, what was deleted of them, and the links by which others see them."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import falcon
import msgspec

from statflow_http import ids
from statflow_http.accounts.keys import Scope
from statflow_http.accounts.senders import Sender
from statflow_http.api.v1_read import json_answer, json_body, reader
from statflow_http.dashboards.drafts import STATS_MAX, TILES_MAX, new_tile, refuse_unknown
from statflow_http.dashboards.shares import NO_SHARE, DashboardShares, Share
from statflow_http.dashboards.store import KEPT_S, NO_DASHBOARD, Dashboards
from statflow_http.dashboards.tiles import KINDS, PERIOD_DEFAULT, PERIODS, SIZES, Dashboard, Tile
from statflow_http.errors import NotFoundError, RequestError
from statflow_http.front.headers import respond
from statflow_http.services import Services
from statflow_http.wire import messages
from statflow_http.wire.reads import Params
from statflow_http.wire.wording import choice


class TileMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A tile as somebody writes it.

    Attributes:
        stats: names of stats.
        id: of a tile that is there, so that it stays the same one; None: it gets one.
    """

    kind: Annotated[str, choice(*KINDS)]
    stats: Annotated[tuple[str, ...], msgspec.Meta(description=f"a list of one to {STATS_MAX} names of stats")]
    title: str = ""
    size: Annotated[str, choice(*SIZES)] = "small"
    period: Annotated[str, choice(*PERIODS)] = PERIOD_DEFAULT
    id: str | None = None


class DashboardMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A dashboard as somebody writes it; None is absent."""

    name: str | None = None
    tiles: tuple[TileMessage, ...] | None = None


class CopyMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a copy shall be called; None: as the original, with "(copy)"."""

    name: str | None = None


class ShareMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A link as somebody writes it; a password "" is none."""

    label: str | None = None
    password: str | None = None


dashboard_of_json = messages.decoder(DashboardMessage)
copy_of_json = messages.decoder(CopyMessage)
share_of_json = messages.decoder(ShareMessage)


class DashboardList:
    """``/v1/dashboards``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """A page of dashboards, oldest first, with the cursor of the next page."""
        params = Params(req.query_string)
        sender = reader(self._services, req, params)
        limit, after = params.limit(), params.document_cursor()
        found = [each for each in Dashboards(self._services.documents).all(sender.namespace) if each.id > after]
        page = [dashboard_document(each) for each in found[:limit]]
        respond(resp, json_answer({"dashboards": page, "cursor": page[-1]["id"] if len(found) > limit else None}))

    on_head = on_get

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Make a dashboard."""
        sender = reader(self._services, req, Params(req.query_string), Scope.FULL)
        message = json_body(req.env, dashboard_of_json)
        tiles = checked_tiles(self._services, sender, message.tiles or ())
        made = Dashboards(self._services.documents).create(
            sender.namespace, message.name or "", tiles, self._services.now_s()
        )
        respond(resp, json_answer({"msg": "ok"} | dashboard_document(made)))


class OneDashboard:
    """``/v1/dashboards/ID``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def on_get(self, req: falcon.Request, resp: falcon.Response, dashboard_id: str) -> None:
        """One dashboard."""
        sender = reader(self._services, req, Params(req.query_string))
        respond(resp, json_answer(dashboard_document(dashboard_of(self._services, sender, dashboard_id))))

    on_head = on_get

    def on_patch(self, req: falcon.Request, resp: falcon.Response, dashboard_id: str) -> None:
        """Change the name, the tiles, or both."""
        sender = reader(self._services, req, Params(req.query_string), Scope.FULL)
        before = dashboard_of(self._services, sender, dashboard_id)
        self._change(resp, sender, before, json_body(req.env, dashboard_of_json))

    def on_put(self, req: falcon.Request, resp: falcon.Response, dashboard_id: str) -> None:
        """Write the whole dashboard anew: without tiles it is empty."""
        sender = reader(self._services, req, Params(req.query_string), Scope.FULL)
        before = dashboard_of(self._services, sender, dashboard_id)
        message = json_body(req.env, dashboard_of_json)
        self._change(resp, sender, before, DashboardMessage(message.name or "", message.tiles or ()))

    def on_delete(self, req: falcon.Request, resp: falcon.Response, dashboard_id: str) -> None:
        """Delete a dashboard, which can be restored for 48 hours."""
        sender = reader(self._services, req, Params(req.query_string), Scope.FULL)
        gone = Dashboards(self._services.documents).delete(
            sender.namespace, checked_id(dashboard_id), self._services.now_s()
        )
        respond(resp, json_answer({"msg": "ok"} | deleted_document(gone)))

    def _change(self, resp: falcon.Response, sender: Sender, before: Dashboard, message: DashboardMessage) -> None:
        tiles = None
        if message.tiles is not None:
            tiles = checked_tiles(self._services, sender, message.tiles, before.stats)
        changed = Dashboards(self._services.documents).change(
            sender.namespace, before.id, self._services.now_s(), name=message.name, tiles=tiles
        )
        respond(resp, json_answer({"msg": "ok"} | dashboard_document(changed)))


class Duplicate:
    """``POST /v1/dashboards/ID/duplicate``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def on_post(self, req: falcon.Request, resp: falcon.Response, dashboard_id: str) -> None:
        """Make a dashboard with the same tiles, without the links of the first. The body may be empty."""
        sender = reader(self._services, req, Params(req.query_string), Scope.FULL)
        original = dashboard_of(self._services, sender, dashboard_id)
        # A body in chunks has no length, and is refused where it is read.
        has_body = (req.env.get("CONTENT_LENGTH") or "0") != "0" or "HTTP_TRANSFER_ENCODING" in req.env
        wanted = json_body(req.env, copy_of_json) if has_body else CopyMessage()
        made = Dashboards(self._services.documents).duplicate(
            sender.namespace, original.id, self._services.now_s(), name=wanted.name or ""
        )
        respond(resp, json_answer({"msg": "ok"} | dashboard_document(made)))


class DeletedList:
    """``/v1/dashboards/deleted``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """A page of what can be restored, by id, with the cursor of the next page."""
        params = Params(req.query_string)
        sender = reader(self._services, req, params)
        limit, after = params.limit(), params.document_cursor()
        waiting = Dashboards(self._services.documents).deleted(sender.namespace, self._services.now_s())
        found = sorted((each for each in waiting if each.id > after), key=lambda each: each.id)
        page = [deleted_document(each) for each in found[:limit]]
        respond(resp, json_answer({"dashboards": page, "cursor": page[-1]["id"] if len(found) > limit else None}))

    on_head = on_get


class RestoreDashboard:
    """``POST /v1/dashboards/deleted/ID/restore``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def on_post(self, req: falcon.Request, resp: falcon.Response, deleted_id: str) -> None:
        """Undo a deletion; links to the dashboard work again."""
        sender = reader(self._services, req, Params(req.query_string), Scope.FULL)
        back = Dashboards(self._services.documents).restore(
            sender.namespace, checked_id(deleted_id), self._services.now_s()
        )
        respond(resp, json_answer({"msg": "ok"} | dashboard_document(back)))


class ShareList:
    """``/v1/dashboards/ID/shares``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def on_get(self, req: falcon.Request, resp: falcon.Response, dashboard_id: str) -> None:
        """A page of the links to a dashboard, oldest first, with the cursor of the next page."""
        params = Params(req.query_string)
        sender = reader(self._services, req, params, Scope.FULL)
        limit, after = params.limit(), params.document_cursor()
        shares = DashboardShares(self._services.documents).all(sender.namespace, checked_id(dashboard_id))
        found = [share for share in shares if share.id > after]
        page = [share_document(share) for share in found[:limit]]
        respond(resp, json_answer({"shares": page, "cursor": page[-1]["id"] if len(found) > limit else None}))

    on_head = on_get

    def on_post(self, req: falcon.Request, resp: falcon.Response, dashboard_id: str) -> None:
        """Make a link. Its token is told this once."""
        sender = reader(self._services, req, Params(req.query_string), Scope.FULL)
        dashboard = dashboard_of(self._services, sender, dashboard_id)
        message = json_body(req.env, share_of_json)
        share, token = DashboardShares(self._services.documents).create(
            sender.namespace,
            dashboard.id,
            self._services.now_s(),
            label=message.label or "",
            password=message.password or "",
        )
        respond(resp, json_answer({"msg": "ok"} | share_document(share) | share_paths(token)))


class OneShare:
    """``/v1/dashboards/ID/shares/ID``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def on_get(self, req: falcon.Request, resp: falcon.Response, dashboard_id: str, share_id: str) -> None:
        """One link."""
        sender = reader(self._services, req, Params(req.query_string), Scope.FULL)
        found = DashboardShares(self._services.documents).get(
            sender.namespace, checked_id(dashboard_id), checked_id(share_id, NO_SHARE)
        )
        respond(resp, json_answer(share_document(found)))

    on_head = on_get

    def on_patch(self, req: falcon.Request, resp: falcon.Response, dashboard_id: str, share_id: str) -> None:
        """Change the label or the password of a link."""
        sender = reader(self._services, req, Params(req.query_string), Scope.FULL)
        message = json_body(req.env, share_of_json)
        changed = DashboardShares(self._services.documents).change(
            sender.namespace,
            checked_id(dashboard_id),
            checked_id(share_id, NO_SHARE),
            label=message.label,
            password=message.password,
        )
        respond(resp, json_answer({"msg": "ok"} | share_document(changed)))

    def on_delete(self, req: falcon.Request, resp: falcon.Response, dashboard_id: str, share_id: str) -> None:
        """Revoke a link."""
        sender = reader(self._services, req, Params(req.query_string), Scope.FULL)
        DashboardShares(self._services.documents).revoke(
            sender.namespace, checked_id(dashboard_id), checked_id(share_id, NO_SHARE)
        )
        respond(resp, json_answer({"msg": "ok"}))


def dashboard_of(services: Services, sender: Sender, dashboard_id: str) -> Dashboard:
    """The sender's dashboard of an id.

    Raises:
        NotFoundError: there is none.
    """
    return Dashboards(services.documents).get(sender.namespace, checked_id(dashboard_id))


def checked_tiles(
    services: Services, sender: Sender, tiles: Sequence[TileMessage], before: Iterable[str] = ()
) -> list[Tile]:
    """The tiles of a message, all of stats that the sender has, or that the dashboard had ``before``.

    Raises:
        RequestError: there are too many, or one is none; says which, and what is wanted.
        NotFoundError: there is no such stat.
    """
    if len(tiles) > TILES_MAX:
        raise RequestError(f"a dashboard has at most {TILES_MAX} tiles")
    found = [_checked_tile(index, tile) for index, tile in enumerate(tiles)]
    names = (name for tile in found for name in tile.stats)
    refuse_unknown(services.engine, sender.namespace, names, frozenset(before))
    return found


def _checked_tile(index: int, tile: TileMessage) -> Tile:
    try:
        return new_tile(
            tile.kind, tile.stats, title=tile.title, size=tile.size, period=tile.period, tile_id=tile.id or ""
        )
    except RequestError as error:
        raise RequestError(f"tiles[{index}]: {error}") from None


def checked_id(text: str, refusal: str = NO_DASHBOARD) -> str:
    """The id of a dashboard, or of a link where ``refusal`` says so.

    Raises:
        NotFoundError: none can have it.
    """
    if not ids.is_document_id(text):
        raise NotFoundError(refusal)
    return text


def dashboard_document(dashboard: Dashboard) -> dict[str, Any]:
    """What is told about a dashboard."""
    return {
        "id": dashboard.id,
        "name": dashboard.name,
        "tiles": [msgspec.structs.asdict(tile) for tile in dashboard.tiles],
        "created_at": dashboard.created_s,
        "changed_at": dashboard.changed_s,
    }


def deleted_document(dashboard: Dashboard) -> dict[str, Any]:
    """What is told about a deleted dashboard."""
    deleted_s = dashboard.deleted_s or 0
    return {"id": dashboard.id, "name": dashboard.name, "deleted_at": deleted_s, "expires_at": deleted_s + KEPT_S}


def share_document(share: Share) -> dict[str, Any]:
    """What is told about a link: nothing by which it could be opened."""
    return {
        "id": share.id,
        "label": share.label,
        "has_password": bool(share.password_hash),
        "created_at": share.created_s,
        "seen_at": share.seen_s,
    }


def share_paths(token: str) -> dict[str, str]:
    """The token of a link, and the paths that hold it: for people, for a frame, and for a script tag."""
    return {
        "token": token,
        "path": f"/shared/{token}",
        "frame_path": f"/shared/{token}/embed",
        "script_path": f"/embed/dashboard/{token}",
    }

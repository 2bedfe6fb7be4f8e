"""``/dashboards``: making, looking at, arranging and sharing dashboards."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import falcon

from statflow_engine import UnknownSeriesError
from statflow_http import ids
from statflow_http.dashboards.drafts import STATS_MAX, new_tile, refuse_unknown
from statflow_http.dashboards.shares import DashboardShares
from statflow_http.dashboards.store import NO_DASHBOARD, Dashboards
from statflow_http.dashboards.tiles import KINDS, PERIOD_DEFAULT, SIZES, Dashboard, Tile
from statflow_http.errors import NotFoundError, RequestError
from statflow_http.pages.addresses import base_url
from statflow_http.pages.board_views import PERIOD_NAMES, Look, Views, period_of, periods
from statflow_http.pages.form_pages import Asked, Context, FormPage, Go
from statflow_http.pages.site import Page, Site, accepts_html
from statflow_http.pages.visitors import Form, Member

# Names that the form of a tile suggests while one types.
SUGGESTED_MAX = 500
# Stats of a dashboard that the list draws.
PREVIEWED_MAX = 3
PREVIEW_PERIOD = "week"
KIND_NAMES = {"line": "Line", "bar": "Bars", "number": "Number", "table": "Table", "hours": "Hours of the week"}
SIZE_NAMES = {"small": "Small", "wide": "Wide: two columns", "tall": "Tall: two rows"}
assert tuple(KIND_NAMES) == KINDS
assert tuple(SIZE_NAMES) == SIZES


class BoardPage(Page):
    """What the pages of dashboards share.

    Args:
        site: of the app.
        views: the dashboards that were drawn lately.
    """

    def __init__(self, site: Site, views: Views) -> None:
        super().__init__(site)
        self.views = views

    @property
    def boards(self) -> Dashboards:
        """The dashboards of the store."""
        return Dashboards(self.services.documents)

    def board(self, me: Member, dashboard_id: str) -> Dashboard:
        """A dashboard of the account.

        Raises:
            NotFoundError: it has none of this id.
        """
        return self.boards.get(me.namespace, checked_id(dashboard_id))


class BoardList(BoardPage, FormPage):
    """``/dashboards``."""

    template = "boards.html"
    blank = MappingProxyType({"name": ""})

    def about(self, asked: Asked) -> Context:
        """Every dashboard of the account, a few lines of each, and what can be restored."""
        me = asked.me
        found = self.boards.all(me.namespace)
        deleted = self.boards.deleted(me.namespace, self.services.now_s())
        gone = asked.req.get_param("deleted") or ""
        return {
            "boards": list(zip(found, self._previews(me, found), strict=True)),
            "deleted": deleted,
            "just_deleted": next((each for each in deleted if each.id == gone), None),
            "has_stats": bool(self.services.engine.series_count(me.namespace)),
        }

    def act(self, asked: Asked, form: Form) -> Go:
        """Make a dashboard; of the stats of ``stats``, which are ids, where a comparison is kept."""
        tiles = compared_tiles(self._names(asked.me, form.many("stats")))
        made = self.boards.create(asked.me.namespace, form.text("name"), tiles, self.services.now_s())
        return Go(f"/dashboards/{made.id}" if made.tiles else edit_path(made))

    def kept(self, form: Form) -> Context:
        """The name."""
        return {"name": form.text("name")}

    def _names(self, me: Member, stat_ids: Sequence[str]) -> list[str]:
        """The names of stats.

        Raises:
            RequestError: the account has no such stat.
        """
        found = []
        for stat_id in stat_ids:
            series_id = ids.series_id(stat_id)
            if series_id is None:
                raise RequestError("no such stat")
            try:
                found.append(self.services.engine.find_by_id(series_id, namespace=me.namespace).name)
            except UnknownSeriesError:
                raise RequestError("no such stat") from None
        return found

    def _previews(self, me: Member, found: Sequence[Dashboard]) -> list[list[dict[str, Any]]]:
        """The first stats of each dashboard as small lines, all of one query."""
        names = {name for board in found for name in board.stats[:PREVIEWED_MAX]}
        tiles = [Tile("", "number", (name,), period=PREVIEW_PERIOD) for name in sorted(names)]
        drawn = {tile["name"]: tile for tile in self.views.drawn(me.namespace, tiles, "", me.tz)}
        return [
            [figure for name in board.stats[:PREVIEWED_MAX] for figure in drawn[name]["figures"]] for board in found
        ]


def compared_tiles(names: Sequence[str]) -> list[Tile]:
    """Tiles for stats that were compared: together in a wide picture, three at a time, and each as a number."""
    if not names:
        return []
    together = [
        new_tile("line", names[first : first + STATS_MAX], size="wide") for first in range(0, len(names), STATS_MAX)
    ]
    return [*together, *(new_tile("number", [name]) for name in dict.fromkeys(names))]


class Board(BoardPage):
    """``/dashboards/ID``."""

    def on_get(self, req: falcon.Request, resp: falcon.Response, dashboard_id: str) -> None:
        """The dashboard; to its own script the tiles alone, when they have changed."""
        me = self.site.member(req)
        board = self.board(me, dashboard_id)
        period = period_of(req.get_param("period") or "")
        path = f"/dashboards/{board.id}"
        look = Look(me.namespace, board, period, me.tz)

        def page(**about: Any) -> None:
            self.site.page(
                req,
                resp,
                me,
                "board.html",
                board=board,
                periods=periods(path, period),
                address=path + (f"?period={period}" if period else ""),
                **about,
            )

        self.views.answer(req, resp, me, look, page)

    on_head = on_get


class EditBoard(BoardPage, FormPage):
    """``/dashboards/ID/edit``: the tiles with what changes them."""

    template = "board_edit.html"
    blank = MappingProxyType({"draft": None, "name": None})

    def about(self, asked: Asked) -> Context:
        """The tiles, and what they may be."""
        me = asked.me
        board = self.board(me, asked.id)
        drawn = self.views.tiles(Look(me.namespace, board, "", me.tz))
        return {
            "board": board,
            "tiles": list(zip(board.tiles, drawn, strict=True)),
            "names": [series.name for series in self.services.engine.series(me.namespace, limit=SUGGESTED_MAX)],
            "kinds": KIND_NAMES,
            "sizes": SIZE_NAMES,
            "period_names": PERIOD_NAMES,
            "period_default": PERIOD_DEFAULT,
            "stats_max": STATS_MAX,
            "has_links": False,
        }

    def act(self, asked: Asked, form: Form) -> Go:
        """Do what the form says in ``do``."""
        board = self.board(asked.me, asked.id)
        act = self._acts.get(form.text("do"))
        if act is None:
            raise RequestError(f"do must be one of {', '.join(self._acts)}")
        try:
            return act(asked.me, board, form)
        except NotFoundError as error:
            # What the form names, a stat or a tile. If the dashboard itself is gone meanwhile, `about` misses it.
            raise RequestError(str(error)) from error

    def kept(self, form: Form) -> Context:
        """A tile, or a name."""
        if form.text("do") == "rename":
            return {"name": form.text("name")}
        if form.text("do") != "put":
            return {}
        draft: Context = {name: form.text(name) for name in ("tile", "kind", "title", "size", "period")}
        return {"draft": draft | {"stats": form.many("stat")}}

    def go(self, resp: falcon.Response, asked: Asked, after: Go) -> None:
        """Go on; a script stays where it is."""
        if accepts_html(asked.req):
            super().go(resp, asked, after)
        else:
            resp.status = falcon.HTTP_204

    @property
    def _acts(self) -> Mapping[str, Callable[[Member, Dashboard, Form], Go]]:
        """What a form can do."""
        return {
            "rename": self._rename,
            "put": self._put,
            "remove": self._remove,
            "earlier": self._earlier,
            "later": self._later,
            "arrange": self._arrange,
            "duplicate": self._duplicate,
            "delete": self._delete,
        }

    def _rename(self, me: Member, board: Dashboard, form: Form) -> Go:
        self.boards.change(me.namespace, board.id, self.services.now_s(), name=form.text("name"))
        return Go(edit_path(board), "Renamed.")

    def _put(self, me: Member, board: Dashboard, form: Form) -> Go:
        tile_id = form.text("tile")
        before = board.tile(tile_id) if tile_id else None
        tile = new_tile(
            form.text("kind", KINDS[0]),
            form.many("stat"),
            title=form.text("title"),
            size=form.text("size", SIZES[0]),
            period=form.text("period", PERIOD_DEFAULT),
            tile_id=tile_id,
        )
        refuse_unknown(self.services.engine, me.namespace, tile.stats, before.stats if before else ())
        self.boards.put_tile(me.namespace, board.id, tile, self.services.now_s())
        return Go(f"{edit_path(board)}#tile-{tile.id}", "Changed." if before else "Added.")

    def _remove(self, me: Member, board: Dashboard, form: Form) -> Go:
        self.boards.remove_tile(me.namespace, board.id, form.text("tile"), self.services.now_s())
        return Go(edit_path(board), "Removed.")

    def _earlier(self, me: Member, board: Dashboard, form: Form) -> Go:
        return self._moved(me, board, form, -1)

    def _later(self, me: Member, board: Dashboard, form: Form) -> Go:
        return self._moved(me, board, form, 1)

    def _moved(self, me: Member, board: Dashboard, form: Form, by: int) -> Go:
        tile_id = form.text("tile")
        self.boards.move_tile(me.namespace, board.id, tile_id, by, self.services.now_s())
        return Go(f"{edit_path(board)}#tile-{tile_id}")

    def _arrange(self, me: Member, board: Dashboard, form: Form) -> Go:
        self.boards.arrange(me.namespace, board.id, form.many("tile"), self.services.now_s())
        return Go(edit_path(board))

    def _duplicate(self, me: Member, board: Dashboard, form: Form) -> Go:
        made = self.boards.duplicate(me.namespace, board.id, self.services.now_s())
        return Go(edit_path(made), "This is the copy.")

    def _delete(self, me: Member, board: Dashboard, form: Form) -> Go:
        self.boards.delete(me.namespace, board.id, self.services.now_s())
        return Go(f"/dashboards?deleted={board.id}")


class ShareBoard(BoardPage, FormPage):
    """``/dashboards/ID/share``: the links to a dashboard, and the form of another one."""

    template = "board_share.html"
    blank = MappingProxyType({"label": "", "token": ""})

    def about(self, asked: Asked) -> Context:
        """The links."""
        board = self.board(asked.me, asked.id)
        shares = DashboardShares(self.services.documents).all(asked.me.namespace, board.id)
        return {"board": board, "shares": shares, "base": base_url(asked.req)}

    def act(self, asked: Asked, form: Form) -> Go | Context:
        """Make a link, which is shown this once, or revoke one."""
        namespace, board = asked.me.namespace, self.board(asked.me, asked.id)
        shares = DashboardShares(self.services.documents)
        if form.has("revoke"):
            shares.revoke(namespace, board.id, form.text("revoke"))
            return Go(f"/dashboards/{board.id}/share", "Revoked. The link leads nowhere now.")
        label, password = form.text("label"), form.raw("password")
        _, token = shares.create(namespace, board.id, self.services.now_s(), label=label, password=password)
        return {"token": token}

    def kept(self, form: Form) -> Context:
        """What it is for, and never the password."""
        return {"label": form.text("label")}


class RestoreBoard(BoardPage):
    """``POST /dashboards/ID/restore``."""

    def on_post(self, req: falcon.Request, resp: falcon.Response, dashboard_id: str) -> None:
        """Undo a deletion."""
        me = self.site.member(req)
        self.site.form(req, me)
        back = self.boards.restore(me.namespace, checked_id(dashboard_id), self.services.now_s())
        self.site.redirect(resp, me, f"/dashboards/{back.id}", say="It is back, and links to it work again.")


def checked_id(text: str) -> str:
    """The id of a dashboard.

    Raises:
        NotFoundError: none can have it.
    """
    if not ids.is_document_id(text):
        raise NotFoundError(NO_DASHBOARD)
    return text


def edit_path(board: Dashboard) -> str:
    """Where a dashboard is changed."""
    return f"/dashboards/{board.id}/edit"

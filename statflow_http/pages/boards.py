"""``/dashboards``: making, looking at, arranging and sharing dashboards."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import falcon

from statflow_engine import UnknownSeriesError
from statflow_http import ids
from statflow_http.dashboard_shares import DashboardShares
from statflow_http.dashboards import (
    KINDS,
    NO_DASHBOARD,
    PERIOD_DEFAULT,
    SIZES,
    STATS_MAX,
    Dashboard,
    Dashboards,
    Tile,
    new_tile,
    refuse_unknown,
)
from statflow_http.errors import NotFoundError, RequestError, RetryLaterError
from statflow_http.pages.addresses import base_url
from statflow_http.pages.board_views import PERIOD_NAMES, Look, Views, period_of, periods
from statflow_http.pages.login import sentence
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


class BoardList(BoardPage):
    """``/dashboards``."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Every dashboard of the account, a few lines of each, and what can be restored."""
        self._show(req, resp, self.site.member(req))

    on_head = on_get

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Make a dashboard; of the stats of ``stats``, which are ids, where a comparison is kept."""
        me = self.site.member(req)
        form = self.site.form(req, me)
        try:
            tiles = compared_tiles(self._names(me, form.many("stats")))
            made = self.boards.create(me.namespace, form.text("name"), tiles, self.services.now_s())
        except (RequestError, RetryLaterError) as error:
            self._show(req, resp, me, status=400, problem=sentence(error), name=form.text("name"))
            return
        self.site.redirect(resp, me, f"/dashboards/{made.id}" + ("" if made.tiles else "/edit"))

    def _names(self, me: Member, stat_ids: Sequence[str]) -> list[str]:
        """The names of stats.

        Raises:
            NotFoundError: the account has no such stat.
        """
        found = []
        for stat_id in stat_ids:
            series_id = ids.series_id(stat_id)
            if series_id is None:
                raise NotFoundError("no such stat")
            try:
                found.append(self.services.engine.find_by_id(series_id, namespace=me.namespace).name)
            except UnknownSeriesError:
                raise NotFoundError("no such stat") from None
        return found

    def _show(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        me: Member,
        *,
        status: int = 200,
        problem: str = "",
        name: str = "",
    ) -> None:
        found, now_s = self.boards.all(me.namespace), self.services.now_s()
        deleted = self.boards.deleted(me.namespace, now_s)
        gone = req.get_param("deleted") or ""
        self.site.page(
            req,
            resp,
            me,
            "boards.html",
            status=status,
            boards=list(zip(found, self._previews(me, found), strict=True)),
            deleted=deleted,
            just_deleted=next((each for each in deleted if each.id == gone), None),
            has_stats=bool(self.services.engine.series_count(me.namespace)),
            problem=problem,
            name=name,
        )

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


class EditBoard(BoardPage):
    """``/dashboards/ID/edit``."""

    def on_get(self, req: falcon.Request, resp: falcon.Response, dashboard_id: str) -> None:
        """The tiles with what changes them."""
        me = self.site.member(req)
        self._show(req, resp, me, self.board(me, dashboard_id))

    on_head = on_get

    def on_post(self, req: falcon.Request, resp: falcon.Response, dashboard_id: str) -> None:
        """Do what a form says in ``do``."""
        me = self.site.member(req)
        form = self.site.form(req, me)
        board = self.board(me, dashboard_id)
        act = self._acts.get(form.text("do"))
        if act is None:
            raise RequestError(f"do must be one of {', '.join(self._acts)}")
        try:
            path, said = act(me, board, form)
        except NotFoundError as error:
            if str(error) == NO_DASHBOARD:
                raise
            self._refuse(req, resp, me, board, form, error)
        except RequestError as error:
            self._refuse(req, resp, me, board, form, error)
        else:
            if accepts_html(req):
                self.site.redirect(resp, me, path, say=said)
            else:
                resp.status = falcon.HTTP_204

    @property
    def _acts(self) -> Mapping[str, Callable[[Member, Dashboard, Form], tuple[str, str]]]:
        """What a form can do, each giving where to go on and what to say there."""
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

    def _rename(self, me: Member, board: Dashboard, form: Form) -> tuple[str, str]:
        self.boards.change(me.namespace, board.id, self.services.now_s(), name=form.text("name"))
        return edit_path(board), "Renamed."

    def _put(self, me: Member, board: Dashboard, form: Form) -> tuple[str, str]:
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
        return f"{edit_path(board)}#tile-{tile.id}", "Changed." if before else "Added."

    def _remove(self, me: Member, board: Dashboard, form: Form) -> tuple[str, str]:
        self.boards.remove_tile(me.namespace, board.id, form.text("tile"), self.services.now_s())
        return edit_path(board), "Removed."

    def _earlier(self, me: Member, board: Dashboard, form: Form) -> tuple[str, str]:
        return self._moved(me, board, form, -1)

    def _later(self, me: Member, board: Dashboard, form: Form) -> tuple[str, str]:
        return self._moved(me, board, form, 1)

    def _moved(self, me: Member, board: Dashboard, form: Form, by: int) -> tuple[str, str]:
        tile_id = form.text("tile")
        self.boards.move_tile(me.namespace, board.id, tile_id, by, self.services.now_s())
        return f"{edit_path(board)}#tile-{tile_id}", ""

    def _arrange(self, me: Member, board: Dashboard, form: Form) -> tuple[str, str]:
        self.boards.arrange(me.namespace, board.id, form.many("tile"), self.services.now_s())
        return edit_path(board), ""

    def _duplicate(self, me: Member, board: Dashboard, form: Form) -> tuple[str, str]:
        made = self.boards.duplicate(me.namespace, board.id, self.services.now_s())
        return edit_path(made), "This is the copy."

    def _delete(self, me: Member, board: Dashboard, form: Form) -> tuple[str, str]:
        self.boards.delete(me.namespace, board.id, self.services.now_s())
        return f"/dashboards?deleted={board.id}", ""

    def _refuse(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        me: Member,
        board: Dashboard,
        form: Form,
        error: RequestError,
    ) -> None:
        draft: dict[str, Any] | None = None
        if form.text("do") == "put":
            draft = {name: form.text(name) for name in ("tile", "kind", "title", "size", "period")}
            draft["stats"] = form.many("stat")
        self._show(req, resp, me, board, status=400, problem=sentence(error), draft=draft)

    def _show(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        me: Member,
        board: Dashboard,
        *,
        status: int = 200,
        problem: str = "",
        draft: dict[str, Any] | None = None,
    ) -> None:
        drawn = self.views.tiles(Look(me.namespace, board, "", me.tz))
        self.site.page(
            req,
            resp,
            me,
            "board_edit.html",
            status=status,
            board=board,
            tiles=list(zip(board.tiles, drawn, strict=True)),
            names=[series.name for series in self.services.engine.series(me.namespace, limit=SUGGESTED_MAX)],
            kinds=KIND_NAMES,
            sizes=SIZE_NAMES,
            period_names=PERIOD_NAMES,
            period_default=PERIOD_DEFAULT,
            stats_max=STATS_MAX,
            problem=problem,
            draft=draft,
            has_links=False,
        )


class ShareBoard(BoardPage):
    """``/dashboards/ID/share``."""

    def on_get(self, req: falcon.Request, resp: falcon.Response, dashboard_id: str) -> None:
        """The links to a dashboard, and the form of another one."""
        me = self.site.member(req)
        self._show(req, resp, me, self.board(me, dashboard_id))

    on_head = on_get

    def on_post(self, req: falcon.Request, resp: falcon.Response, dashboard_id: str) -> None:
        """Make a link, which is shown this once, or revoke one."""
        me = self.site.member(req)
        form = self.site.form(req, me)
        board = self.board(me, dashboard_id)
        shares = DashboardShares(self.services.documents)
        if form.has("revoke"):
            shares.revoke(me.namespace, board.id, form.text("revoke"))
            self.site.redirect(resp, me, f"/dashboards/{board.id}/share", say="Revoked. The link leads nowhere now.")
            return
        label, password = form.text("label"), form.raw("password")
        try:
            _, token = shares.create(me.namespace, board.id, self.services.now_s(), label=label, password=password)
        except RequestError as error:
            self._show(req, resp, me, board, status=400, problem=sentence(error), label=label)
            return
        self._show(req, resp, me, board, token=token)

    def _show(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        me: Member,
        board: Dashboard,
        *,
        status: int = 200,
        problem: str = "",
        label: str = "",
        token: str = "",
    ) -> None:
        self.site.page(
            req,
            resp,
            me,
            "board_share.html",
            status=status,
            board=board,
            shares=DashboardShares(self.services.documents).all(me.namespace, board.id),
            base=base_url(req),
            problem=problem,
            label=label,
            token=token,
        )


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

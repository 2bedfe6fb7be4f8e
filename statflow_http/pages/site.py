"""The table of contents of the pages, and what each of them is handed: `Site`."""

import time
from collections.abc import Iterator
from typing import Any, NoReturn

import falcon
import msgspec

from statflow_engine import StatFlowError
from statflow_http.errors import ForbiddenError
from statflow_http.front.protocols import STATHAT_PATHS
from statflow_http.pages import rendering, visitors
from statflow_http.pages.listing import Lists
from statflow_http.pages.visitors import Form, Member, Visitor
from statflow_http.services import Services

# Paths of programs: there an error is JSON, whatever the client says that it reads.
API_PREFIXES = ("/v1/", "/x/", "/a1/", "/embed/", "/javascripts/", "/static/")
API_PATHS = STATHAT_PATHS | {"/healthz", "/readyz", "/metrics", "/openapi.json"}
NOBODY = Visitor("", b"")
TITLES = {
    400: "That did not work",
    403: "Not allowed",
    404: "Nothing here",
    405: "That does not work here",
    409: "That did not work",
    413: "Too large",
    429: "Too often",
    503: "Not just now",
}


class Site:
    """What every page needs.

    Args:
        services: the engine, the accounts and all else.
    """

    def __init__(self, services: Services) -> None:
        self.services = services
        self.lists = Lists(lambda: services.engine)

    def visitor(self, req: falcon.Request) -> Visitor:
        """Who asks, signed in or not."""
        return visitors.visitor_of(self.services, req)

    def member(self, req: falcon.Request) -> Member:
        """Who asks; somebody who is not signed in is sent to do that, and then back here."""
        found = self.visitor(req)
        if not isinstance(found, Member):
            go(found, visitors.login_path(found) if req.method in ("GET", "HEAD") else "/login")
        return found

    def owner(self, req: falcon.Request) -> Member:
        """The same, of who owns the account.

        Raises:
            ForbiddenError: it is another member of it.
        """
        found = self.member(req)
        if not found.is_owner:
            raise ForbiddenError("only the owner of the account may do this")
        return found

    def form(self, req: falcon.Request, visitor: Visitor) -> Form:
        """What was sent by a form of ours.

        Raises:
            ForbiddenError: it was sent by none of ours.
        """
        return visitors.checked_form(req, visitor)

    def page(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        visitor: Visitor,
        template: str,
        *,
        status: int = 200,
        **context: Any,
    ) -> None:
        """Answer with a page.

        Args:
            req, resp: of the request.
            visitor: who sees it.
            template: the file's name.
            status: of the answer.
            context: what the template shows.
        """
        text = rendering.html(template, visitor, context, self._now_s())
        rendering.respond_html(req, resp, status, text)
        if visitor.flash:
            visitors.drop_cookie(resp, visitor, visitors.FLASH)
        if visitor.is_new and visitor.token:
            visitors.set_cookie(resp, visitor, visitors.GUEST, visitor.token, None)

    def _now_s(self) -> int:
        """The engine's clock; this machine's where the store does not open, since a page must say so."""
        try:
            return self.services.now_s()
        except (StatFlowError, OSError):
            return int(time.time())

    def redirect(self, resp: falcon.Response, visitor: Visitor, path: str, *, say: str = "", token: str = "") -> None:
        """Go on to another page, as one does after a form.

        Args:
            resp: of the request.
            visitor: who goes there.
            path: where, as `rendering` knows paths: without where the app is mounted.
            say: what that page shall say, once.
            token: of the session in which it says so, where that has just begun.
        """
        resp.status = falcon.HTTP_303
        resp.set_header("Location", visitor.root + path)
        if say:
            visitors.set_flash(resp, visitor, say, token)

    def tell_error(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Make a refusal, which is the response already, a page where a person asked for one."""
        if not is_page_wanted(req):
            return
        text = _told_in(resp)
        try:
            visitor = self.visitor(req)
        except (StatFlowError, OSError):
            # The store is what does not work.
            visitor = NOBODY
        status = resp.status_code
        title = TITLES.get(status, "Something went wrong")
        self.page(req, resp, visitor, "error.html", status=status, title=title, text=text)


def _told_in(resp: falcon.Response) -> str:
    """The text of a refusal that is JSON."""
    text: str = msgspec.json.decode(resp.data or b"{}").get("msg", "")
    return f"{text[:1].upper()}{text[1:]}." if text else ""


class Page:
    """What answers the requests of one path. Cookies say who asks, so that no other origin may read the answer."""

    cross_origin = False

    def __init__(self, site: Site) -> None:
        self.site = site
        self.services = site.services


def go(visitor: Visitor, path: str) -> NoReturn:
    """Leave a request, and send who made it elsewhere."""
    raise falcon.HTTPSeeOther(visitor.root + path)


def is_page_wanted(req: falcon.Request) -> bool:
    """Whether a browser asks for a page, and not a program, or a script of a page, for data."""
    path = req.path
    is_api = path in API_PATHS or path.startswith(API_PREFIXES)
    return not is_api and accepts_html(req)


def accepts_html(req: falcon.Request) -> bool:
    """Whether a client says that it reads HTML; one that reads anything says nothing."""
    return "text/html" in (req.get_header("Accept") or "").lower()


def accepts_upload(services: Services, environ: dict[str, Any]) -> bool:
    """Whether a request may send files by a form of ours: asked before any of them is read."""
    from statflow_http.pages.uploads import accepts

    return accepts(services, environ)


def routes(services: Services) -> Iterator[tuple[str, object]]:
    """Every page with what answers it."""
    from statflow_http.pages import compare, first_run, login, one_stat, one_stat_actions, stats, trash
    from statflow_http.pages.static_files import StaticFiles

    site = Site(services)
    yield "/", login.Home(site)
    yield "/static/{name:path}", StaticFiles()
    yield "/view", login.View(site)
    yield "/login", login.Login(site)
    yield "/login/{token}", login.Link(site)
    yield "/logout", login.Logout(site)
    yield "/signup", login.SignUp(site)
    yield "/stats", stats.Stats(site)
    yield "/stats/first-key", first_run.FirstKey(site)
    yield "/stats/{stat_id}", one_stat.OneStat(site)
    yield "/stats/{stat_id}/data", one_stat.Data(site)
    yield "/stats/{stat_id}/settings", one_stat_actions.Settings(site)
    yield "/stats/{stat_id}/notes", one_stat_actions.Notes(site)
    yield "/stats/{stat_id}/notes/{note_id}/delete", one_stat_actions.DeleteNote(site)
    yield "/stats/{stat_id}/delete", one_stat_actions.Delete(site)
    yield "/compare", compare.Compare(site)
    yield "/trash", trash.Trash(site)
    yield "/trash/{stat_id}/restore", trash.Restore(site)
    yield from setting_routes(site)
    yield from board_routes(site)


def board_routes(site: Site) -> Iterator[tuple[str, object]]:
    """Dashboards, and the same for everybody who has a link."""
    from statflow_http.pages import boards, shared
    from statflow_http.pages.board_views import Views

    views = Views(site.services)
    yield "/dashboards", boards.BoardList(site, views)
    yield "/dashboards/{dashboard_id}", boards.Board(site, views)
    yield "/dashboards/{dashboard_id}/edit", boards.EditBoard(site, views)
    yield "/dashboards/{dashboard_id}/share", boards.ShareBoard(site, views)
    yield "/dashboards/{dashboard_id}/restore", boards.RestoreBoard(site, views)
    yield "/shared/{token}", shared.OpenShared(site, views)
    yield "/shared/{token}/embed", shared.Framed(site, views)
    yield "/embed/dashboard/{token}", shared.Script()


def setting_routes(site: Site) -> Iterator[tuple[str, object]]:
    """The settings of an account, and what comes in and goes out."""
    from statflow_http.pages import alerts, docs, imports, keys, people, plan, receivers, settings

    yield "/settings", settings.Settings(site)
    yield "/settings/keys", keys.Keys(site)
    yield "/settings/keys/old", keys.OldKeys(site)
    yield "/settings/keys/{key_id}", keys.OneKey(site)
    yield "/settings/people", people.People(site)
    yield "/settings/people/{person_id}", people.OnePerson(site)
    yield "/settings/own", people.Own(site)
    yield "/settings/plan", plan.PlanPage(site)
    yield "/settings/export", settings.Export(site)
    yield "/settings/export/file", settings.ExportFile(site)
    yield "/access", keys.Access(site)
    yield "/import", imports.Imports(site)
    yield "/import/check", imports.CheckPage(site)
    yield "/import/{import_id}", imports.OneImport(site)
    yield "/alerts", alerts.Alerts(site)
    yield "/alerts/automatic", alerts.Automatic(site)
    yield "/alerts/receivers", receivers.ReceiverList(site)
    yield "/alerts/receivers/{receiver_id}", receivers.OneReceiver(site)
    yield "/alerts/mail", receivers.Mail(site)
    yield "/alerts/{alert_id}", alerts.OneAlert(site)
    yield "/docs", docs.Docs(site)

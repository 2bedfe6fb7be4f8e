"""``/shared/TOKEN``: a dashboard for everybody who has a link, and the same in frames of other pages.

Nothing here says whose it is: neither keys nor ids, no way into the account, and no cookie of a session is looked at.
A link that is unknown, revoked, or of a deleted dashboard is the same page, letter by letter.
"""

from functools import cache
from typing import Any

import falcon

from statflow_http.dashboards.shares import OPENED_S, DashboardShares, Opened, accepts_pass, pass_for
from statflow_http.errors import RequestError, RetryLaterError
from statflow_http.front.answers import Answer
from statflow_http.front.headers import respond
from statflow_http.pages import rendering, static_files
from statflow_http.pages.board_views import Look, Views, period_of, periods
from statflow_http.pages.form_pages import sentence
from statflow_http.pages.site import Page, Site
from statflow_http.pages.visitors import THEMES, Visitor

# As the policy of all pages, but for who may show it in a frame.
POLICY = rendering.POLICY
FRAME_POLICY = POLICY.replace("frame-ancestors 'none'", "frame-ancestors *").replace(
    "form-action 'self'", "form-action 'none'"
)
ROBOTS = ("X-Robots-Tag", "noindex, nofollow")
# Shown by pages of any origin, also those that are isolated.
CROSS_ORIGIN = ("Cross-Origin-Resource-Policy", "cross-origin")
SCRIPT_AGE_S = 3_600
PASS = "statflow_shared_"  # noqa: S105  # the name of a cookie begins so
PASS_LENGTH = 12


class Shared(Page):
    """``/shared/TOKEN``.

    Args:
        site: of the app.
        views: the dashboards that were drawn lately.
    """

    is_framed = False

    def __init__(self, site: Site, views: Views) -> None:
        super().__init__(site)
        self.views = views

    def on_get(self, req: falcon.Request, resp: falcon.Response, token: str) -> None:
        """The dashboard, or the question for its password."""
        visitor = self.site.visitor(req)
        opened = self.opened(token)
        if opened is None:
            self.page(req, resp, visitor, "shared_gone.html", status=404)
        elif self._is_closed(req, opened):
            self._ask(req, resp, visitor, token)
        else:
            self._show(req, resp, visitor, token, opened)

    on_head = on_get

    def opened(self, token: str) -> Opened | None:
        """What a token leads to."""
        return DashboardShares(self.services.documents).open(token, self.services.now_s())

    def _is_closed(self, req: falcon.Request, opened: Opened) -> bool:
        """Whether a password is wanted that this browser has not given."""
        sent = req.cookies.get(pass_name(opened), "")
        is_open = accepts_pass(self.services.secret, opened.share, sent, self.services.now_s())
        return bool(opened.share.password_hash) and not is_open

    def _ask(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        visitor: Visitor,
        token: str,
        *,
        status: int = 200,
        problem: str = "",
    ) -> None:
        self.page(req, resp, visitor, "shared_password.html", status=status, path=f"/shared/{token}", problem=problem)

    def _show(self, req: falcon.Request, resp: falcon.Response, visitor: Visitor, token: str, opened: Opened) -> None:
        period, rest = period_of(req.get_param("period") or ""), theme_query(req)
        path = f"/shared/{token}" + ("/embed" if self.is_framed else "")
        account = self.services.accounts.get(opened.account_id)
        tz = "UTC" if account is None else account.tz
        look = Look(opened.namespace, opened.dashboard, period, tz, has_links=False)
        choice = periods(path, period, rest)

        def page(**about: Any) -> None:
            self.page(
                req,
                resp,
                visitor,
                "shared.html",
                name=opened.dashboard.name,
                periods=choice,
                address=next(address for _, address, is_chosen in choice if is_chosen),
                tz=tz,
                **about,
            )

        self.views.answer(req, resp, visitor, look, page)
        self._say_headers(resp)

    def page(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        visitor: Visitor,
        template: str,
        *,
        status: int = 200,
        **about: Any,
    ) -> None:
        """Answer with a page of a link. No cookie is set but where a form needs one: others show it in frames."""
        about |= {"theme": theme_of(req), "is_framed": self.is_framed}
        if template == "shared_password.html" and not self.is_framed:
            self.site.page(req, resp, visitor, template, status=status, **about)
        else:
            html = rendering.html(template, visitor, about, self.services.now_s())
            rendering.respond_html(req, resp, status, html)
        self._say_headers(resp)

    def _say_headers(self, resp: falcon.Response) -> None:
        resp.set_header(*ROBOTS)
        resp.set_header("Content-Security-Policy", FRAME_POLICY if self.is_framed else POLICY)
        if self.is_framed:
            resp.set_header(*CROSS_ORIGIN)


class OpenShared(Shared):
    """``/shared/TOKEN``, where the password is given as well."""

    def on_post(self, req: falcon.Request, resp: falcon.Response, token: str) -> None:
        """Check a password, and remember in this browser that it was right."""
        visitor = self.site.visitor(req)
        form = self.site.form(req, visitor)
        opened = self.opened(token)
        if opened is None:
            self.page(req, resp, visitor, "shared_gone.html", status=404)
            return
        address, now_s = self.services.client_address(req.env), self.services.now_s()
        if opened.share.password_hash:
            try:
                DashboardShares(self.services.documents).check_password(
                    opened.share, form.raw("password"), address, now_s
                )
            except RequestError as error:
                status = 429 if isinstance(error, RetryLaterError) else 403
                self._ask(req, resp, visitor, token, status=status, problem=sentence(error))
                return
        resp.set_cookie(
            pass_name(opened),
            pass_for(self.services.secret, opened.share, now_s),
            max_age=OPENED_S,
            path=f"{visitor.root}/shared/{token}",
            secure=visitor.is_secure,
            http_only=True,
            same_site="Lax",
        )
        self.site.redirect(resp, visitor, f"/shared/{token}")


class Framed(Shared):
    """``/shared/TOKEN/embed``: for frames of any page. One with a password leads to where that can be given."""

    is_framed = True


class Script:
    """``/embed/dashboard/TOKEN``: a script that puts a frame where it stands. The same for every token."""

    def on_get(self, req: falcon.Request, resp: falcon.Response, token: str) -> None:
        """The script."""
        age = ("Cache-Control", f"public, max-age={SCRIPT_AGE_S}")
        respond(resp, Answer(200, script(), (age, CROSS_ORIGIN), "text/javascript; charset=utf-8"))

    on_head = on_get


@cache
def script() -> bytes:
    """What `Script` answers."""
    return static_files.file("board-embed.js").content


def pass_name(opened: Opened) -> str:
    """The cookie in which a browser keeps that it knew the password of a link."""
    return PASS + opened.share.digest[:PASS_LENGTH]


def theme_of(req: falcon.Request) -> str:
    """The colours that an address asks for."""
    text = req.get_param("theme") or ""
    return text if text in THEMES else "auto"


def theme_query(req: falcon.Request) -> str:
    """The same as a query string, for links that keep them."""
    theme = theme_of(req)
    return "" if theme == "auto" else f"theme={theme}"

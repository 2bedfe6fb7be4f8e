"""Coming and going: the start, signing in and out, one-time links, making an account, and how pages are shown."""

import falcon

from statflow_http.accounts import passwords
from statflow_http.accounts.opening import sign_up
from statflow_http.accounts.people import Person, normal_email
from statflow_http.accounts.sessions import BadLoginError
from statflow_http.api.stathat import Root
from statflow_http.errors import ForbiddenError, NotFoundError, RequestError, RetryLaterError, TakenError
from statflow_http.pages import visitors
from statflow_http.pages.form_pages import sentence
from statflow_http.pages.site import Page, accepts_html
from statflow_http.pages.visitors import Form, Visitor, safe_next

LINK_OVER = "This link was used already, or is over. Links work once, and for a day."


class Home(Page):
    """``/``: the start for people; programs that probe are told what this is."""

    # Of what programs are told. A page is for no other origin, see `headers`.
    cross_origin = True

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Send members to their stats, and tell others what this is."""
        if not accepts_html(req):
            Root().on_get(req, resp)
            resp.set_header("Vary", "Accept")
            return
        visitor = self.site.visitor(req)
        if visitor.is_signed_in:
            self.site.redirect(resp, visitor, "/stats")
        else:
            self.site.page(req, resp, visitor, "landing.html", may_sign_up=self.services.options.signup)

    on_head = on_get


class View(Page):
    """``POST /view``: live or test data, light or dark."""

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Remember what was chosen in this browser, and go back."""
        visitor = self.site.visitor(req)
        form = self.site.form(req, visitor)
        data, theme = form.text("data"), form.text("theme")
        if data in ("live", "test"):
            visitors.set_cookie(resp, visitor, visitors.DATA, data, visitors.YEAR_S)
        if theme in visitors.THEMES:
            visitors.set_cookie(resp, visitor, visitors.THEME, theme, visitors.YEAR_S)
        self.site.redirect(resp, visitor, safe_next(form.text("next"), "/"))


class Login(Page):
    """``/login``."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """The form; who is signed in already goes on."""
        visitor = self.site.visitor(req)
        after = safe_next(req.get_param("next") or "")
        if visitor.is_signed_in:
            self.site.redirect(resp, visitor, after)
        else:
            self._show(req, resp, visitor, after)

    on_head = on_get

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Sign in, or say why not."""
        visitor = self.site.visitor(req)
        form = self.site.form(req, visitor)
        email, after = form.text("email"), safe_next(form.text("next"))
        address, now_s = self.services.client_address(req.env), self.services.now_s()
        try:
            signed_in = self.services.sessions.sign_in(email, form.raw("password"), address, now_s)
        except (BadLoginError, RetryLaterError) as error:
            status = 429 if isinstance(error, RetryLaterError) else 403
            self._show(req, resp, visitor, after, status=status, problem=sentence(error), email=email)
            return
        visitors.begin_session(resp, visitor, signed_in.token)
        self.site.redirect(resp, visitor, after)

    def _show(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        visitor: Visitor,
        after: str,
        *,
        status: int = 200,
        problem: str = "",
        email: str = "",
    ) -> None:
        may = self.services.options.signup
        about = {"after": after, "problem": problem, "email": email, "may_sign_up": may}
        self.site.page(req, resp, visitor, "login.html", status=status, **about)


class Link(Page):
    """``/login/TOKEN``: a link that signs in once. The owner of a new server sets address and password by it."""

    def on_get(self, req: falcon.Request, resp: falcon.Response, token: str) -> None:
        """Ask before the link is used up: mail programs follow links too."""
        visitor = self.site.visitor(req)
        person = self._person(token)
        if person is None:
            self.site.page(req, resp, visitor, "link.html", status=404, person=None, problem=LINK_OVER, email="")
        else:
            self._show(req, resp, visitor, person)

    on_head = on_get

    def on_post(self, req: falcon.Request, resp: falcon.Response, token: str) -> None:
        """Set what is missing, and sign in."""
        visitor = self.site.visitor(req)
        form = self.site.form(req, visitor)
        person = self._person(token)
        if person is None:
            raise NotFoundError(LINK_OVER)
        try:
            email, hash_ = _wanted(person, form)
            now_s = self.services.now_s()
            signed_in = self.services.sessions.use_link(token, now_s, email=email, password_hash=hash_)
        except NotFoundError:
            # Somebody used it meanwhile; nothing was set.
            raise
        except (RequestError, TakenError) as error:
            self._show(req, resp, visitor, person, status=400, problem=sentence(error), email=form.text("email"))
            return
        visitors.begin_session(resp, visitor, signed_in.token)
        self.site.redirect(resp, visitor, "/stats")

    def _person(self, token: str) -> Person | None:
        """Whom a link would sign in."""
        return self.services.sessions.person_of_link(token, self.services.now_s())

    def _show(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        visitor: Visitor,
        person: Person,
        *,
        status: int = 200,
        problem: str = "",
        email: str = "",
    ) -> None:
        about = {"person": person, "problem": problem, "email": email or person.email}
        self.site.page(req, resp, visitor, "link.html", status=status, **about)


def _wanted(person: Person, form: Form) -> tuple[str, str]:
    """The address and the hash of the password that somebody without a password chose; "" for what is there already.

    Raises:
        RequestError: no address, or no password.
    """
    if person.password_hash:
        return "", ""
    hash_ = passwords.hashed(form.raw("password"))
    return "" if person.email else normal_email(form.text("email")), hash_


class Logout(Page):
    """``POST /logout``."""

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """End the session."""
        visitor = self.site.visitor(req)
        self.site.form(req, visitor)
        self.services.sessions.end(visitor.token)
        visitors.drop_cookie(resp, visitor, visitors.SESSION)
        self.site.redirect(resp, visitor, "/")


class SignUp(Page):
    """``/signup``, where the server lets everybody in."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """The form; who is signed in already goes on."""
        visitor = self.site.visitor(req)
        if visitor.is_signed_in:
            self.site.redirect(resp, visitor, "/stats")
            return
        self._refuse_closed()
        self.site.page(req, resp, visitor, "signup.html", problem="", email="")

    on_head = on_get

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Make an account, and sign its owner in."""
        visitor = self.site.visitor(req)
        form = self.site.form(req, visitor)
        self._refuse_closed()
        services, now_s = self.services, self.services.now_s()
        address = self.services.client_address(req.env)
        try:
            owner = sign_up(services.documents, form.text("email"), form.raw("password"), address, now_s)
        except (RequestError, TakenError, RetryLaterError) as error:
            status = 429 if isinstance(error, RetryLaterError) else 400
            about = {"problem": sentence(error), "email": form.text("email")}
            self.site.page(req, resp, visitor, "signup.html", status=status, **about)
            return
        visitors.begin_session(resp, visitor, services.sessions.begin(owner, now_s).token)
        self.site.redirect(resp, visitor, "/stats")

    def _refuse_closed(self) -> None:
        if not self.services.options.signup:
            raise ForbiddenError("sign-up is off on this server: ask its owner for an account")

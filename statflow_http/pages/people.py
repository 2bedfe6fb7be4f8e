"""``/settings/people``: who belongs to the account, and how one signs in oneself."""

import falcon

from statflow_http.accounts import passwords
from statflow_http.accounts.attempts import Limiter
from statflow_http.accounts.people import Person
from statflow_http.errors import ForbiddenError, RequestError
from statflow_http.pages import visitors
from statflow_http.pages.addresses import base_url
from statflow_http.pages.keys import SURE, status_of
from statflow_http.pages.login import sentence
from statflow_http.pages.site import Page
from statflow_http.pages.visitors import Form, Member


class People(Page):
    """``/settings/people``."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """The list, and the forms."""
        self.show(req, resp, self.site.member(req))

    on_head = on_get

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Add somebody. Without a password by a link, which is in this answer and nowhere to be read again."""
        me = self.site.owner(req)
        form = self.site.form(req, me)
        now_s = self.services.now_s()
        try:
            hash_ = passwords.hashed(form.raw("password")) if form.raw("password") else ""
            person = self.services.people.create(me.account.id, form.text("email"), hash_, now_s)
        except RequestError as error:
            self.show(req, resp, me, status=status_of(error), problem=sentence(error), email=form.text("email"))
            return
        if hash_:
            self.site.redirect(resp, me, "/settings/people", say=f"{person.email} may sign in now.")
            return
        link = base_url(req) + self.services.sessions.new_link(person, now_s)
        self.show(req, resp, me, added=person, link=link)

    def show(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        me: Member,
        *,
        status: int = 200,
        problem: str = "",
        own_problem: str = "",
        email: str = "",
        added: Person | None = None,
        link: str = "",
    ) -> None:
        """The page; ``own_problem`` is about one's own address or password."""
        about = {"people": self.services.people.list(me.account.id), "me": me.person, "added": added, "link": link}
        words = {"problem": problem, "own_problem": own_problem, "email": email}
        self.site.page(req, resp, me, "people.html", status=status, **about, **words)


class OnePerson(Page):
    """``/settings/people/ID``: remove somebody, or make a link for who cannot sign in."""

    def on_get(self, req: falcon.Request, resp: falcon.Response, person_id: str) -> None:
        """Ask first."""
        me = self.site.owner(req)
        self._show(req, resp, me, self.services.people.get(me.account.id, person_id))

    on_head = on_get

    def on_post(self, req: falcon.Request, resp: falcon.Response, person_id: str) -> None:
        """Do it."""
        me = self.site.owner(req)
        form = self.site.form(req, me)
        person = self.services.people.get(me.account.id, person_id)
        if form.has("link"):
            link = base_url(req) + self.services.sessions.new_link(person, self.services.now_s())
            self._show(req, resp, me, person, link=link)
            return
        try:
            if not form.has(SURE):
                raise RequestError("tick the box first: whoever it is will be signed out at once")
            self.services.people.remove(me.account.id, person_id)
        except RequestError as error:
            self._show(req, resp, me, person, status=400, problem=sentence(error))
            return
        self.site.redirect(resp, me, "/settings/people", say=f"{person.email} is removed.")

    def _show(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        me: Member,
        person: Person,
        *,
        status: int = 200,
        problem: str = "",
        link: str = "",
    ) -> None:
        self.site.page(req, resp, me, "person.html", status=status, person=person, problem=problem, link=link)


class Own(Page):
    """``POST /settings/own``: one's own e-mail address, and one's own password."""

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Change what is given; everywhere else one is signed out by another password."""
        me = self.site.member(req)
        form = self.site.form(req, me)
        try:
            self._refuse_stranger(me, form)
            said = self._changed(resp, me, form)
        except RequestError as error:
            status = 403 if isinstance(error, ForbiddenError) else status_of(error)
            People(self.site).show(req, resp, me, status=status, own_problem=sentence(error))
            return
        self.site.redirect(resp, me, "/settings/people", say=said[0], token=said[1])

    def _refuse_stranger(self, me: Member, form: Form) -> None:
        """Refuse who sits at a browser that somebody else left signed in.

        Raises:
            RetryLaterError: tried too often.
            ForbiddenError: it is not the password.
        """
        if not me.person.password_hash:
            return
        Limiter(self.services.documents).take(self.services.now_s(), f"own password of {me.person.key}")
        if not passwords.is_right(form.raw("current"), me.person.password_hash):
            raise ForbiddenError("this is not your password of now")

    def _changed(self, resp: falcon.Response, me: Member, form: Form) -> tuple[str, str]:
        """What to say, and the token of the session that goes on."""
        if form.raw("password"):
            signed_in = self.services.sessions.change_password(me.person, form.raw("password"), self.services.now_s())
            visitors.begin_session(resp, me, signed_in.token)
            return "Your password is changed. Other browsers are signed out.", signed_in.token
        changed = self.services.people.set_email(me.person, form.text("email"))
        return f"Your e-mail address is {changed.email} now.", ""

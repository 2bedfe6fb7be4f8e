"""``/settings/people``: who belongs to the account, and how one signs in oneself."""

from types import MappingProxyType

import falcon

from statflow_http.accounts import passwords
from statflow_http.accounts.attempts import Limiter
from statflow_http.accounts.people import Person
from statflow_http.errors import ForbiddenError, RequestError
from statflow_http.pages import visitors
from statflow_http.pages.addresses import base_url
from statflow_http.pages.form_pages import (
    Asked,
    Context,
    FormPage,
    Go,
    refuse_unsure,
    sentence,
    status_of,
)
from statflow_http.pages.site import Page
from statflow_http.pages.visitors import Form, Member


class People(FormPage):
    """``/settings/people``: the list for everybody, and the forms; only the owner adds somebody."""

    template = "people.html"
    # `own_problem` is about one's own address or password.
    blank = MappingProxyType({"own_problem": "", "email": "", "added": None, "link": ""})

    def who(self, req: falcon.Request) -> Member:
        """Everybody may look."""
        return self.site.owner(req) if req.method == "POST" else self.site.member(req)

    def about(self, asked: Asked) -> Context:
        """Who there is."""
        return {"people": self.services.people.list(asked.me.account.id), "me": asked.me.person}

    def act(self, asked: Asked, form: Form) -> Go | Context:
        """Add somebody. Without a password by a link, which is in this answer and nowhere to be read again."""
        now_s = self.services.now_s()
        hash_ = passwords.hashed(form.raw("password")) if form.raw("password") else ""
        person = self.services.people.create(asked.me.account.id, form.text("email"), hash_, now_s)
        if hash_:
            return Go("/settings/people", f"{person.email} may sign in now.")
        return {"added": person, "link": base_url(asked.req) + self.services.sessions.new_link(person, now_s)}

    def kept(self, form: Form) -> Context:
        """The address."""
        return {"email": form.text("email")}


class OnePerson(FormPage):
    """``/settings/people/ID``: remove somebody, or make a link for who cannot sign in."""

    template = "person.html"
    blank = MappingProxyType({"link": ""})

    def who(self, req: falcon.Request) -> Member:
        """The owner."""
        return self.site.owner(req)

    def about(self, asked: Asked) -> Context:
        """Who it is."""
        return {"person": self._person(asked)}

    def act(self, asked: Asked, form: Form) -> Go | Context:
        """What the button that was pressed says."""
        person = self._person(asked)
        if form.has("link"):
            return {"link": base_url(asked.req) + self.services.sessions.new_link(person, self.services.now_s())}
        refuse_unsure(form, "tick the box first: whoever it is will be signed out at once")
        self.services.people.remove(asked.me.account.id, asked.id)
        return Go("/settings/people", f"{person.email} is removed.")

    def _person(self, asked: Asked) -> Person:
        return self.services.people.get(asked.me.account.id, asked.id)


class Own(Page):
    """``POST /settings/own``: one's own e-mail address, and one's own password."""

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Change what is given; everywhere else one is signed out by another password."""
        me = self.site.member(req)
        form = self.site.form(req, me)
        try:
            self._refuse_stranger(me, form)
            said, token = self._changed(resp, me, form)
        except RequestError as error:
            status = 403 if isinstance(error, ForbiddenError) else status_of(error)
            People(self.site).show(resp, Asked(req, me), status=status, own_problem=sentence(error))
            return
        self.site.redirect(resp, me, "/settings/people", say=said, token=token)

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
            raise ForbiddenError("this is not your current password")

    def _changed(self, resp: falcon.Response, me: Member, form: Form) -> tuple[str, str]:
        """What to say, and the token of the session that goes on."""
        if form.raw("password"):
            signed_in = self.services.sessions.change_password(me.person, form.raw("password"), self.services.now_s())
            visitors.begin_session(resp, me, signed_in.token)
            return "Your password is changed. Other browsers are signed out.", signed_in.token
        changed = self.services.people.set_email(me.person, form.text("email"))
        return f"Your e-mail address is {changed.email} now.", ""

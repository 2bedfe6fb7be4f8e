"""``/alerts/receivers``: who is told of alerts, whether they got it; ``/alerts/mail``: by which server mails go."""

import falcon

from statflow_http import ids
from statflow_http.accounts.accounts import OWNER_ID
from statflow_http.accounts.people import normal_email
from statflow_http.alerts.mail_settings import MailStore, MailWish
from statflow_http.alerts.notices import Outbox
from statflow_http.alerts.receivers import Receiver, Receivers, ReceiverWish
from statflow_http.alerts.telling import headline
from statflow_http.api.v1_receivers import create_receiver, send_test_mail
from statflow_http.errors import ForbiddenError, NotFoundError, RequestError
from statflow_http.pages.alerts import told
from statflow_http.pages.keys import SURE, status_of
from statflow_http.pages.login import sentence
from statflow_http.pages.site import Page
from statflow_http.pages.visitors import Form, Member

DELIVERIES_SHOWN = 30
TLS = (("starttls", "STARTTLS"), ("tls", "TLS from the first byte"), ("none", "none"))
MAIL_TEXTS = ("host", "user", "sender", "tls", "public_url")


class ReceiverList(Page):
    """``/alerts/receivers``."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """The list, and the forms."""
        self._show(req, resp, self.site.member(req))

    on_head = on_get

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Add a mailbox or a webhook, whose secret is in this answer and nowhere to be read again."""
        me = self.site.member(req)
        form = self.site.form(req, me)
        try:
            receiver = create_receiver(self.services, me.account.id, wish_of(form))
        except RequestError as error:
            self._show(req, resp, me, status=status_of(error), problem=sentence(error))
            return
        if receiver.secret:
            self._show(req, resp, me, made=receiver)
        else:
            self.site.redirect(resp, me, f"/alerts/receivers/{receiver.id}", say="Added. Send a test to be sure.")

    def _show(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        me: Member,
        *,
        status: int = 200,
        problem: str = "",
        made: Receiver | None = None,
    ) -> None:
        about = {
            "receivers": Receivers(self.services.documents).all(me.account.id),
            "told": told(self.site, me),
            "can_mail": mail_store(self).get().can_send,
            "is_operator": is_operator(me),
            "me": me.person,
        }
        self.site.page(req, resp, me, "receivers.html", status=status, problem=problem, made=made, **about)


class OneReceiver(Page):
    """``/alerts/receivers/ID``."""

    def on_get(self, req: falcon.Request, resp: falcon.Response, receiver_id: str) -> None:
        """What it was sent, and what became of it."""
        me = self.site.member(req)
        self._show(req, resp, me, self._receiver(me, receiver_id))

    on_head = on_get

    def on_post(self, req: falcon.Request, resp: falcon.Response, receiver_id: str) -> None:
        """What the button that was pressed says."""
        me = self.site.member(req)
        form = self.site.form(req, me)
        receiver = self._receiver(me, receiver_id)
        try:
            if form.has("rotate"):
                rotated = self._receivers().rotate(me.account.id, receiver.id, self.services.now_s())
                self._show(req, resp, me, rotated, secret=rotated.secret)
                return
            said, path = self._done(me, receiver, form)
        except RequestError as error:
            self._show(req, resp, me, receiver, status=status_of(error), problem=sentence(error))
            return
        self.site.redirect(resp, me, path, say=said)

    def _receivers(self) -> Receivers:
        return Receivers(self.services.documents)

    def _receiver(self, me: Member, receiver_id: str) -> Receiver:
        if not ids.is_document_id(receiver_id):
            raise NotFoundError("no such receiver")
        return self._receivers().get(me.account.id, receiver_id)

    def _done(self, me: Member, receiver: Receiver, form: Form) -> tuple[str, str]:
        """What to say, and where."""
        path = f"/alerts/receivers/{receiver.id}"
        if form.has("test"):
            Outbox(self.services.documents).put_test(receiver, self.services.now_s())
            return "A test is on its way: look again in a moment.", path
        if form.has("delete"):
            if not form.has(SURE):
                raise RequestError("tick the box first")
            self._receivers().delete(me.account.id, receiver.id)
            return f"{receiver.label} is told no more.", "/alerts/receivers"
        wish = ReceiverWish(name=form.text("name"), on=form.has("on"))
        self._receivers().change(me.account.id, receiver.id, wish)
        return "Saved.", path

    def _show(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        me: Member,
        receiver: Receiver,
        *,
        status: int = 200,
        problem: str = "",
        secret: str = "",
    ) -> None:
        notices = Outbox(self.services.documents).of_receiver(me.account.id, receiver.id)[:DELIVERIES_SHOWN]
        about = {"receiver": receiver, "deliveries": [(notice, headline(notice)) for notice in notices]}
        self.site.page(req, resp, me, "receiver.html", status=status, problem=problem, secret=secret, **about)


class Mail(Page):
    """``/alerts/mail``: for the owner of the server."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """The form."""
        self._show(req, resp, self._operator(req))

    on_head = on_get

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Save it, or send a test and tell what the mail server says."""
        me = self._operator(req)
        form = self.site.form(req, me)
        try:
            if form.has("test"):
                sent = send_test_mail(self.services, mail_store(self).get(), normal_email(form.text("to")))
                self._show(req, resp, me, tested=sent.text, is_delivered=sent.is_delivered)
                return
            mail_store(self).change(mail_wish(form, mail_store(self).fixed()))
        except RequestError as error:
            self._show(req, resp, me, status=status_of(error), problem=sentence(error))
            return
        self.site.redirect(resp, me, "/alerts/mail", say="Saved. Send a test to be sure.")

    def _operator(self, req: falcon.Request) -> Member:
        me = self.site.owner(req)
        if not is_operator(me):
            raise ForbiddenError("only the owner of this server sets its mail")
        return me

    def _show(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        me: Member,
        *,
        status: int = 200,
        problem: str = "",
        tested: str = "",
        is_delivered: bool = False,
    ) -> None:
        store = mail_store(self)
        about = {"mail": store.get(), "fixed": store.fixed(), "tls_modes": TLS, "me": me.person}
        said = {"problem": problem, "tested": tested, "is_delivered": is_delivered}
        self.site.page(req, resp, me, "mail.html", status=status, **about, **said)


def mail_store(page: Page) -> MailStore:
    """The mail settings of the data folder."""
    return MailStore(page.services.documents, page.services.options.alerts)


def is_operator(me: Member) -> bool:
    """Whether the visitor owns the server."""
    return me.is_owner and me.account.id == OWNER_ID


def wish_of(form: Form) -> ReceiverWish:
    """What the form of a receiver says; fields that are empty are not there."""
    return ReceiverWish(
        email=form.text("email") or None,
        url=form.text("url") or None,
        kind=form.text("kind") or None,
        name=form.text("name") or None,
    )


def mail_wish(form: Form, fixed: list[str]) -> MailWish:
    """What the form says, but for what options of the server set; an empty password is the one that is stored.

    Raises:
        RequestError: the port is no number.
    """
    port = form.text("port", "0")
    if not (port.isascii() and port.isdigit() and len(port) <= 5):
        raise RequestError("the port must be a number")
    fields = {name: form.text(name) for name in MAIL_TEXTS if name not in fixed}
    return MailWish(
        **fields,
        port=None if "port" in fixed else int(port),
        password=(form.raw("password") or None) if "password" not in fixed else None,
    )

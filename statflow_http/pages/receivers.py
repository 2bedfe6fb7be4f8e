"""``/alerts/receivers``: who is told of alerts, whether they got it; ``/alerts/mail``: by which server mails go."""

from types import MappingProxyType

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
from statflow_http.pages.form_pages import Asked, Context, FormPage, Go, refuse_unsure
from statflow_http.pages.site import Page
from statflow_http.pages.visitors import Form, Member

DELIVERIES_SHOWN = 30
TLS = (("starttls", "STARTTLS"), ("tls", "TLS from the first byte"), ("none", "none"))
MAIL_TEXTS = ("host", "user", "sender", "tls", "public_url")


class ReceiverList(FormPage):
    """``/alerts/receivers``: the list, and the forms."""

    template = "receivers.html"
    blank = MappingProxyType({"made": None, "wished": ReceiverWish()})

    def about(self, asked: Asked) -> Context:
        """The receivers, and who is told without any."""
        return {
            "receivers": Receivers(self.services.documents).all(asked.me.account.id),
            "told": told(self.site, asked.me),
            "can_mail": mail_store(self).get().can_send,
            "is_operator": is_operator(asked.me),
            "me": asked.me.person,
        }

    def act(self, asked: Asked, form: Form) -> Go | Context:
        """Add a mailbox or a webhook, whose secret is in this answer and nowhere to be read again."""
        receiver = create_receiver(self.services, asked.me.account.id, wish_of(form))
        if receiver.secret:
            return {"made": receiver}
        return Go(f"/alerts/receivers/{receiver.id}", "Added. Send a test to be sure.")

    def kept(self, form: Form) -> Context:
        """All of it."""
        return {"wished": wish_of(form)}


class OneReceiver(FormPage):
    """``/alerts/receivers/ID``."""

    template = "receiver.html"
    blank = MappingProxyType({"secret": ""})

    def about(self, asked: Asked) -> Context:
        """What it was sent, and what became of it."""
        receiver = self._receiver(asked)
        notices = Outbox(self.services.documents).of_receiver(asked.me.account.id, receiver.id)[:DELIVERIES_SHOWN]
        return {"receiver": receiver, "deliveries": [(notice, headline(notice)) for notice in notices]}

    def act(self, asked: Asked, form: Form) -> Go | Context:
        """What the button that was pressed says."""
        receiver, account_id, now_s = self._receiver(asked), asked.me.account.id, self.services.now_s()
        path = f"/alerts/receivers/{receiver.id}"
        if form.has("rotate"):
            return {"secret": self._receivers.rotate(account_id, receiver.id, now_s).secret}
        if form.has("test"):
            Outbox(self.services.documents).put_test(receiver, now_s)
            return Go(path, "A test is on its way: look again in a moment.")
        if form.has("delete"):
            refuse_unsure(form, "tick the box first")
            self._receivers.delete(account_id, receiver.id)
            return Go("/alerts/receivers", f"{receiver.label} is told no more.")
        self._receivers.change(account_id, receiver.id, ReceiverWish(name=form.text("name"), on=form.has("on")))
        return Go(path, "Saved.")

    @property
    def _receivers(self) -> Receivers:
        return Receivers(self.services.documents)

    def _receiver(self, asked: Asked) -> Receiver:
        if not ids.is_document_id(asked.id):
            raise NotFoundError("no such receiver")
        return self._receivers.get(asked.me.account.id, asked.id)


class Mail(FormPage):
    """``/alerts/mail``: for the owner of the server."""

    template = "mail.html"
    blank = MappingProxyType({"tested": "", "is_delivered": False})

    def who(self, req: falcon.Request) -> Member:
        """The owner of the server."""
        me = self.site.owner(req)
        if not is_operator(me):
            raise ForbiddenError("only the owner of this server sets its mail")
        return me

    def about(self, asked: Asked) -> Context:
        """What is set, and what options of the server fix."""
        store = mail_store(self)
        return {"mail": store.get(), "fixed": store.fixed(), "tls_modes": TLS, "me": asked.me.person}

    def act(self, asked: Asked, form: Form) -> Go | Context:
        """Save it, or send a test and tell what the mail server says."""
        store = mail_store(self)
        if form.has("test"):
            sent = send_test_mail(self.services, store.get(), normal_email(form.text("to")))
            return {"tested": sent.text, "is_delivered": sent.is_delivered}
        store.change(mail_wish(form, store.fixed()))
        return Go("/alerts/mail", "Saved. Send a test to be sure.")


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

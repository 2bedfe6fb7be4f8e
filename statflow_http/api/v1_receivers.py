"""``/v1/receivers``: who is told of alerts; ``/v1/mail``: by which server mails go; ``/act/TOKEN``: links in mails."""

import base64
import hashlib
from typing import Any

import falcon
import msgspec

from statflow_http import ids
from statflow_http.accounts.accounts import OWNER_ID
from statflow_http.accounts.keys import Scope
from statflow_http.accounts.people import normal_email
from statflow_http.accounts.senders import Sender
from statflow_http.alerts.acting import Actor
from statflow_http.alerts.links import link_of
from statflow_http.alerts.mail_settings import MailSettings, MailStore, MailWish
from statflow_http.alerts.mails import Letter, mail
from statflow_http.alerts.notices import TEST, Notice, Outbox, Try
from statflow_http.alerts.receivers import Receiver, ReceiverKind, Receivers, ReceiverWish, wanted
from statflow_http.alerts.sending import refuse_bad_apprise, send_mail
from statflow_http.alerts.telling import headline
from statflow_http.api.v1_read import json_answer, json_body, reader
from statflow_http.charts.nodes import node, xml
from statflow_http.charts.themes import AUTO_STYLE, FONT
from statflow_http.errors import ForbiddenError, NotFoundError, RequestError, ScopeError, TakenError
from statflow_http.front.answers import Answer
from statflow_http.front.headers import respond
from statflow_http.outbound import Guard, OutboundError, target
from statflow_http.services import Services
from statflow_http.wire import bodies, messages
from statflow_http.wire.reads import Params


class SecretRotation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a secret is replaced."""

    grace_hours: int | None = None


class MailTestMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whom to write to."""

    to: str | None = None


wish_of_json = messages.decoder(ReceiverWish)
rotation_of_json = messages.decoder(SecretRotation)
mail_of_json = messages.decoder(MailWish)
mail_test_of_json = messages.decoder(MailTestMessage)

STYLE = (
    f":root{{color-scheme:light dark}}{AUTO_STYLE}"
    f"body{{margin:0;padding:12vh 20px;font:17px/1.5 {FONT}}}"
    "body{background:var(--statflow-paper);color:var(--statflow-ink)}"
    "main{max-width:34em;margin:auto}button{font:inherit;padding:.5em 1.2em;border:0;border-radius:6px;cursor:pointer;"
    "background:var(--statflow-accent);color:var(--statflow-paper)}"
)
STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; style-src 'sha256-{STYLE_HASH}'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


class ReceiversResource:
    """What the resources of receivers share. All of them need a key of scope full: a URL may be a secret."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def receivers(self) -> Receivers:
        """The receivers of the data folder."""
        return Receivers(self._services.documents)

    def sender(self, req: falcon.Request) -> Sender:
        """Who asks."""
        return reader(self._services, req, Params(req.query_string), Scope.FULL)

    def receiver(self, sender: Sender, receiver_id: str) -> Receiver:
        """The sender's receiver of an id.

        Raises:
            NotFoundError: there is none.
        """
        if not ids.is_document_id(receiver_id):
            raise NotFoundError("no such receiver")
        return self.receivers().get(sender.account.id, receiver_id)


class ReceiverList(ReceiversResource):
    """``/v1/receivers``."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """All receivers of the account, oldest first, on one page: there are at most a hundred."""
        sender = self.sender(req)
        found = [receiver_document(receiver) for receiver in self.receivers().all(sender.account.id)]
        respond(resp, json_answer({"receivers": found, "cursor": None}))

    on_head = on_get

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Make a receiver; the secret of a webhook is in this answer and never again."""
        sender = self.sender(req)
        receiver = create_receiver(self._services, sender.account.id, json_body(req.env, wish_of_json))
        respond(resp, json_answer({"msg": "ok"} | receiver_document(receiver) | {"secret": receiver.secret or None}))


def create_receiver(services: Services, account_id: str, wish: ReceiverWish) -> Receiver:
    """Make a receiver, if this server may talk to it.

    Raises:
        RequestError: it is none, or its address is not allowed.
        ForbiddenError: only the server's owner may have one of this kind.
    """
    checked = wanted(wish)
    if checked.kind is ReceiverKind.WEBHOOK:
        refuse_private(services, checked.target)
    if checked.kind is ReceiverKind.APPRISE:
        # Apprise opens its own connections, which no guard looks at.
        if account_id != OWNER_ID and not services.options.allow_private:
            raise ForbiddenError("receivers of kind apprise are for the account of the server's owner")
        refuse_bad_apprise(checked.target)
    return Receivers(services.documents).create(account_id, checked, services.now_s())


def refuse_private(services: Services, url: str) -> None:
    """Raise for a URL that this server does not talk to; it is looked at again at each delivery.

    Raises:
        RequestError: its address is not allowed, or it has none.
    """
    found = target(url)
    try:
        Guard(allow_private=services.options.allow_private).addresses(found.host, found.port)
    except OutboundError as error:
        raise RequestError(str(error)) from error


class OneReceiver(ReceiversResource):
    """``/v1/receivers/ID``."""

    def on_get(self, req: falcon.Request, resp: falcon.Response, receiver_id: str) -> None:
        """One receiver, without its secret."""
        respond(resp, json_answer(receiver_document(self.receiver(self.sender(req), receiver_id))))

    on_head = on_get

    def on_patch(self, req: falcon.Request, resp: falcon.Response, receiver_id: str) -> None:
        """Name it, or turn it on or off."""
        sender = self.sender(req)
        receiver = self.receiver(sender, receiver_id)
        changed = self.receivers().change(sender.account.id, receiver.id, json_body(req.env, wish_of_json))
        respond(resp, json_answer({"msg": "ok"} | receiver_document(changed)))

    def on_delete(self, req: falcon.Request, resp: falcon.Response, receiver_id: str) -> None:
        """Remove it, with what waits for it; not while an alert names it."""
        sender = self.sender(req)
        self.receivers().delete(sender.account.id, self.receiver(sender, receiver_id).id)
        respond(resp, json_answer({"msg": "ok"}))


class Test(ReceiversResource):
    """``/v1/receivers/ID/test``."""

    def on_post(self, req: falcon.Request, resp: falcon.Response, receiver_id: str) -> None:
        """Send it a notice that says that it is a test; what came of it is among its deliveries."""
        receiver = self.receiver(self.sender(req), receiver_id)
        notice = Outbox(self._services.documents).put_test(receiver, self._services.now_s())
        answer = json_answer({"msg": "ok"} | delivery_document(notice))
        respond(resp, Answer(202, answer.body, (("Location", f"/v1/receivers/{receiver.id}/deliveries"),)))


class Deliveries(ReceiversResource):
    """``/v1/receivers/ID/deliveries``."""

    def on_get(self, req: falcon.Request, resp: falcon.Response, receiver_id: str) -> None:
        """What it was sent, or is to be, newest first, with every try: what waits, and the last hundred."""
        receiver = self.receiver(sender := self.sender(req), receiver_id)
        limit = Params(req.query_string).limit()
        found = Outbox(self._services.documents).of_receiver(sender.account.id, receiver.id)[:limit]
        respond(resp, json_answer({"deliveries": [delivery_document(each) for each in found], "cursor": None}))

    on_head = on_get


class Rotate(ReceiversResource):
    """``/v1/receivers/ID/rotate``."""

    def on_post(self, req: falcon.Request, resp: falcon.Response, receiver_id: str) -> None:
        """Give a webhook a new secret; the old one signs beside it for some hours more."""
        sender = self.sender(req)
        receiver = self.receiver(sender, receiver_id)
        has_body = bodies.declared_length(req.env) > 0
        grace_hours = json_body(req.env, rotation_of_json).grace_hours if has_body else None
        now_s = self._services.now_s()
        rotated = self.receivers().rotate(sender.account.id, receiver.id, now_s, grace_hours)
        respond(resp, json_answer({"msg": "ok"} | receiver_document(rotated) | {"secret": rotated.secret}))


class OwnersResource:
    """What is for the account of the server's owner."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def mail_store(self) -> MailStore:
        """The mail settings of the data folder."""
        return MailStore(self._services.documents, self._services.options.alerts)

    def sender(self, req: falcon.Request) -> Sender:
        """Who asks.

        Raises:
            ScopeError: not the owner of this server, with a live key.
        """
        sender = reader(self._services, req, Params(req.query_string), Scope.FULL)
        if sender.account.id != OWNER_ID or not sender.live:
            raise ScopeError("the mail settings are for live keys of the server's owner")
        return sender


class Mail(OwnersResource):
    """``/v1/mail``."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """By which server mails go; the password is never told."""
        self.sender(req)
        respond(resp, json_answer(mail_document(self.mail_store())))

    on_head = on_get

    def on_patch(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Set it, as far as no option of the server did."""
        self.sender(req)
        store = self.mail_store()
        wish = json_body(req.env, mail_of_json)
        given = {name for name, value in msgspec.structs.asdict(wish).items() if value is not None}
        fixed = sorted(given & set(store.fixed()))
        if fixed:
            raise TakenError(f"set at the start of the server, and not to be changed here: {', '.join(fixed)}")
        store.change(wish)
        respond(resp, json_answer({"msg": "ok"} | mail_document(store)))


class MailTest(OwnersResource):
    """``/v1/mail/test``."""

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Send a mail now, and tell what the mail server says."""
        self.sender(req)
        to = normal_email(json_body(req.env, mail_test_of_json).to or "")
        sent = send_test_mail(self._services, self.mail_store().get(), to)
        respond(resp, json_answer({"msg": "ok", "delivered": sent.is_delivered, "text": sent.text}))


def send_test_mail(services: Services, settings: MailSettings, to: str) -> Any:
    """Send a test mail at once; a `Sent` says what came of it."""
    now_s = services.now_s()
    notice = Notice(f"msg_test{now_s}", OWNER_ID, "test", TEST, now_s)
    return send_mail(settings, mail(Letter(notice, to, settings.sender or "statflow@localhost", "UTC")), to)


class Act:
    """``/act/TOKEN``: what a link in a mail does, asked for by a button."""

    cross_origin = False

    def __init__(self, services: Services) -> None:
        self._services = services

    def on_get(self, req: falcon.Request, resp: falcon.Response, token: str) -> None:
        """A page with a button: programs that look into mails follow links, and press no buttons."""
        services = self._services
        link = link_of(services.secret, token, services.now_s())
        question = Actor(services.engine, services.documents).question(link)
        button = node("form", node("button", question.button, type="submit"), method="post")
        respond(resp, page(question.text, node("p", question.text), button))

    on_head = on_get

    def on_post(self, req: falcon.Request, resp: falcon.Response, token: str) -> None:
        """Do it; the body says nothing that matters."""
        services = self._services
        link = link_of(services.secret, token, services.now_s())
        actor = Actor(services.engine, services.documents)
        question = actor.question(link)
        actor.act(link, services.now_s())
        respond(resp, page("Done", node("p", question.done)))


def page(title: str, *parts: Any) -> Answer:
    """A small page of no script."""
    viewport = node("meta", name="viewport", content="width=device-width,initial-scale=1")
    head = xml(node("head", node("meta", charset="utf-8"), viewport, node("title", title))).removesuffix("</head>")
    body = xml(node("body", node("main", *parts)))
    # The style is ours, constant and without "<": it is not escaped, since HTML would not read escapes in it.
    written = f'<!DOCTYPE html><html lang="en">{head}<style>{STYLE}</style></head>{body}</html>'
    headers = (("content-security-policy", POLICY), ("x-robots-tag", "noindex"))
    return Answer(200, written.encode(), headers, "text/html; charset=utf-8")


def receiver_document(receiver: Receiver) -> dict[str, Any]:
    """What is told about a receiver: never its secret."""
    is_email = receiver.kind is ReceiverKind.EMAIL
    return {
        "id": receiver.id,
        "kind": receiver.kind,
        "email": receiver.target if is_email else None,
        "url": None if is_email else receiver.target,
        "name": receiver.name,
        "on": receiver.is_on,
        "off_reason": receiver.off_reason or None,
        "old_secret_until": receiver.old_until_s or None,
        "created_at": receiver.created_s,
    }


def delivery_document(notice: Notice) -> dict[str, Any]:
    """What is told about a notice, and how it goes."""
    is_waiting = not notice.finished_s
    return {
        "id": notice.id,
        "type": notice.type,
        "text": headline(notice),
        "state": notice.outcome,
        "created_at": notice.created_s,
        "finished_at": notice.finished_s or None,
        "next_at": int(notice.due_s) if is_waiting else None,
        "try_count": notice.try_count,
        "tries": [try_document(each) for each in notice.tries],
    }


def try_document(tried: Try) -> dict[str, Any]:
    """One try."""
    return {"at": tried.time_s, "milliseconds": tried.milliseconds, "status": tried.status, "text": tried.text}


def mail_document(store: MailStore) -> dict[str, Any]:
    """What is told about the mail settings: whether there is a password, and never which."""
    settings = store.get()
    return {
        "host": settings.host,
        "port": settings.port,
        "user": settings.user,
        "has_password": bool(settings.password),
        "sender": settings.sender,
        "tls": settings.tls,
        "public_url": settings.public_url,
        "fixed": store.fixed(),
    }

"""Receivers: who is told. A mailbox, a webhook, or a service that Apprise speaks to (Slack, Discord, ntfy and others).

Table ``receivers``: under ``ACCOUNT/ID``; live and test data of an account share them. The secrets of webhooks lie in
it as they are, because each delivery is signed with them: what protects them is that only the server's own user may
read the folder. They are told once, when they are made, and logged never.

While an account has none, its owner is told by mail, if they have an address and the server can send mail. That
receiver has the id ``owner`` and no document.
"""

import base64
import enum
import re
import secrets
from urllib.parse import urlsplit

import msgspec

from statflow_http.accounts.accounts import OWNER_ID
from statflow_http.accounts.people import Person, normal_email
from statflow_http.alerts.rules import Rule
from statflow_http.documents.made import free_id
from statflow_http.documents.store import Change, Documents, Snapshot
from statflow_http.errors import NotFoundError, RequestError, RetryLaterError, TakenError
from statflow_http.outbound import target

RECEIVERS_MAX = 100
NAME_MAX = 100
URL_MAX = 2_000
SECRET_SIZE = 24
SECRET_PREFIX = "whsec_"  # noqa: S105 - how every secret begins, no secret
# How long both secrets sign after a new one was made.
GRACE_HOURS_DEFAULT, GRACE_HOURS_MAX = 24, 720
IMPLICIT_ID = "owner"
APPRISE_URL = re.compile(r"[a-z][a-z0-9+.-]{1,30}://\S+", re.IGNORECASE)


class ReceiverKind(enum.StrEnum):
    """By which way somebody is told."""

    EMAIL = "email"
    WEBHOOK = "webhook"
    APPRISE = "apprise"


class Receiver(msgspec.Struct, frozen=True):
    """A receiver as it is stored.

    Attributes:
        id: 12 letters and digits; in their order receivers were made.
        target: the address, or the URL.
        name: for people; "" for none.
        is_on: told of alerts.
        off_reason: why the server turned it off; "" when a person did, or it is on.
        secret: of a webhook, ``whsec_`` and base64.
        old_secret, old_until_s: the one before, which signs as well until then.
    """

    id: str
    account_id: str
    kind: ReceiverKind
    target: str
    created_s: int
    name: str = ""
    is_on: bool = True
    off_reason: str = ""
    secret: str = ""
    old_secret: str = ""
    old_until_s: int = 0

    @property
    def key(self) -> str:
        """Where it lies."""
        return f"{self.account_id}/{self.id}"

    @property
    def label(self) -> str:
        """Its name, or what may be shown of its target: the path of a URL may be a secret."""
        if self.name or self.kind is ReceiverKind.EMAIL:
            return self.name or self.target
        parts = urlsplit(self.target)
        return f"{parts.scheme}://{parts.hostname or '…'}" if self.kind is ReceiverKind.WEBHOOK else parts.scheme

    def secrets(self, now_s: int) -> tuple[str, ...]:
        """The secrets that sign now, the newest first."""
        both = (self.secret, self.old_secret if now_s < self.old_until_s else "")
        return tuple(secret for secret in both if secret)


class ReceiverWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A receiver as somebody writes it; what is None stays.

    Attributes:
        email, url: one of them, and neither is changed later.
        kind: needed where a URL is one of Apprise's.
    """

    email: str | None = None
    url: str | None = None
    kind: str | None = None
    name: str | None = None
    on: bool | None = None


class Wanted(msgspec.Struct, frozen=True):
    """The checked part of a new receiver."""

    kind: ReceiverKind
    target: str
    name: str


def wanted(wish: ReceiverWish) -> Wanted:
    """The receiver that somebody wrote.

    Raises:
        RequestError: it is none; says what is wanted.
    """
    kind = _kind(wish)
    name = _name(wish.name or "")
    if kind is ReceiverKind.EMAIL:
        if wish.url:
            raise RequestError("send email or url, not both")
        return Wanted(kind, normal_email(wish.email or ""), name)
    if wish.email:
        raise RequestError("send email or url, not both")
    url = (wish.url or "").strip()
    if not url:
        raise RequestError("url is missing: where to send to")
    if len(url) > URL_MAX or not url.isprintable():
        raise RequestError(f"url must be printable and have at most {URL_MAX} characters")
    if kind is ReceiverKind.WEBHOOK:
        target(url)
    elif not APPRISE_URL.fullmatch(url):
        raise RequestError("url must be one of Apprise's, such as ntfy://topic or discord://id/token")
    return Wanted(kind, url, name)


def _kind(wish: ReceiverWish) -> ReceiverKind:
    if not wish.kind:
        if not wish.email and not wish.url:
            raise RequestError("email or url is missing: whom to tell")
        return ReceiverKind.EMAIL if wish.email else ReceiverKind.WEBHOOK
    try:
        return ReceiverKind(wish.kind)
    except ValueError:
        raise RequestError(f"kind must be one of {', '.join(ReceiverKind)}") from None


def _name(text: str) -> str:
    name = text.strip()
    if len(name) > NAME_MAX or not name.isprintable():
        raise RequestError(f"name must be printable and have at most {NAME_MAX} characters")
    return name


def new_secret() -> str:
    """A secret of 24 random bytes, as Standard Webhooks writes them."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_SIZE)).decode()


class Receivers:
    """The receivers of one data folder."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    def create(self, account_id: str, wish: Wanted, now_s: int, *, receivers_max: int = RECEIVERS_MAX) -> Receiver:
        """Store a receiver. Whoever is told by mail belongs to the account, but for the server owner's receivers.

        Raises:
            RequestError: a mailbox of a stranger.
            RetryLaterError: the account has as many as it may.
        """
        with self._documents.change() as change:
            if sum(1 for _ in change.under("receivers", f"{account_id}/", Receiver)) >= receivers_max:
                raise RetryLaterError(f"an account has at most {receivers_max} receivers: delete some first", None)
            if wish.kind is ReceiverKind.EMAIL and account_id != OWNER_ID:
                _refuse_stranger(change, account_id, wish.target)
            receiver_id = free_id(change, "receivers", account_id, now_s)
            secret = new_secret() if wish.kind is ReceiverKind.WEBHOOK else ""
            receiver = Receiver(receiver_id, account_id, wish.kind, wish.target, now_s, name=wish.name, secret=secret)
            change.put("receivers", receiver.key, receiver)
        return receiver

    def get(self, account_id: str, receiver_id: str) -> Receiver:
        """A receiver by its id.

        Raises:
            NotFoundError: the account has none.
        """
        with self._documents.snapshot() as snapshot:
            return _known(snapshot.get("receivers", f"{account_id}/{receiver_id}", Receiver))

    def all(self, account_id: str) -> list[Receiver]:
        """The receivers of an account, oldest first: at most `RECEIVERS_MAX`."""
        with self._documents.snapshot() as snapshot:
            return list(snapshot.under("receivers", f"{account_id}/", Receiver))

    def change(self, account_id: str, receiver_id: str, wish: ReceiverWish) -> Receiver:
        """Set the name, or whether it is on; the receiver as it is then.

        Raises:
            NotFoundError: the account has none.
            RequestError: the wish is about something else.
        """
        if wish.email is not None or wish.url is not None or wish.kind is not None:
            raise RequestError("the target of a receiver cannot be changed: make another receiver")
        fields: dict[str, object] = {} if wish.name is None else {"name": _name(wish.name)}
        if wish.on is not None:
            fields |= {"is_on": wish.on, "off_reason": ""}
        return self._replace(account_id, receiver_id, fields)

    def turn_off(self, account_id: str, receiver_id: str, reason: str) -> None:
        """Tell a receiver nothing more; one that is gone needs nothing."""
        try:
            self._replace(account_id, receiver_id, {"is_on": False, "off_reason": reason})
        except NotFoundError:
            pass

    def rotate(self, account_id: str, receiver_id: str, now_s: int, grace_hours: int | None = None) -> Receiver:
        """Give a webhook a new secret; the old one signs beside it for a while.

        Raises:
            NotFoundError: the account has no such receiver.
            TakenError: it is no webhook.
            RequestError: no such grace.
        """
        hours = GRACE_HOURS_DEFAULT if grace_hours is None else grace_hours
        if not 0 <= hours <= GRACE_HOURS_MAX:
            raise RequestError(f"grace_hours must be from 0 to {GRACE_HOURS_MAX}")
        before = self.get(account_id, receiver_id)
        if before.kind is not ReceiverKind.WEBHOOK:
            raise TakenError("only a webhook has a secret")
        old = {"old_secret": before.secret, "old_until_s": now_s + hours * 3_600}
        return self._replace(account_id, receiver_id, {"secret": new_secret()} | old)

    def delete(self, account_id: str, receiver_id: str) -> None:
        """Remove a receiver, with what waits for it.

        Raises:
            NotFoundError: the account has none.
            TakenError: rules name it.
        """
        with self._documents.change() as change:
            _known(change.get("receivers", f"{account_id}/{receiver_id}", Receiver))
            naming = sum(receiver_id in rule.receivers for rule in change.under("alert_rules", f"{account_id}:", Rule))
            if naming:
                raise TakenError(f"{naming} alerts name this receiver: change them first")
            change.delete("receivers", f"{account_id}/{receiver_id}")
            for table in ("notice_queue", "notice_log"):
                change.delete_under(table, f"{account_id}/{receiver_id}/")

    def _replace(self, account_id: str, receiver_id: str, fields: dict[str, object]) -> Receiver:
        with self._documents.change() as change:
            before = _known(change.get("receivers", f"{account_id}/{receiver_id}", Receiver))
            after = msgspec.structs.replace(before, **fields)
            change.put("receivers", after.key, after)
        return after


def _known(receiver: Receiver | None) -> Receiver:
    if receiver is None:
        raise NotFoundError("no such receiver")
    return receiver


def _refuse_stranger(change: Change, account_id: str, email: str) -> None:
    """Why: whoever may have an account here could else have this server write to anybody."""
    if not any(person.email == email for person in change.under("people", f"{account_id}/", Person)):
        raise RequestError("email must be the address of a member of the account: let them join first")


def implicit(snapshot: Snapshot, account_id: str) -> Receiver | None:
    """The owner's mailbox; None when they have no address."""
    people = snapshot.under("people", f"{account_id}/", Person)
    owner = next((person for person in people if person.is_owner and person.email), None)
    return None if owner is None else Receiver(IMPLICIT_ID, account_id, ReceiverKind.EMAIL, owner.email, 0)

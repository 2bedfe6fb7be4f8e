"""``/v1/keys``: the keys of an account, old StatHat secrets among them. All of it needs a key of scope full.

A key of test data sees and makes keys of test data only: it could else make itself one of live data.
"""

from typing import Any

import falcon
import msgspec

from statflow_http.accounts.keys import Key, KeyKind, KeySettings, Scope
from statflow_http.accounts.senders import Sender
from statflow_http.api.v1_read import json_answer, json_body, reader
from statflow_http.errors import ForbiddenError, NotFoundError, RequestError
from statflow_http.front.headers import respond
from statflow_http.services import Services
from statflow_http.wire import messages
from statflow_http.wire.reads import Params

GRACE_DAYS_DEFAULT = 1


class NewKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ``POST /v1/keys`` takes; with ``secret`` it is an old StatHat key that is added, else one is made.

    Attributes:
        secret: letter by letter as clients send it.
        kind: which of StatHat's sorts that is: "ezkey", "ukey" or "token".
        scope: None: full for a key that is made, what it could do at StatHat for an old one.
        live: for live data, or for test data; None: as the sender's.
    """

    secret: str | None = None
    kind: str | None = None
    scope: str | None = None
    label: str = ""
    live: bool | None = None
    expires_at: int | None = None


class KeyChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ``PATCH`` may change; null lets a key work for ever."""

    label: str | msgspec.UnsetType = msgspec.UNSET
    scope: str | msgspec.UnsetType = msgspec.UNSET
    expires_at: int | msgspec.UnsetType | None = msgspec.UNSET


class Rotation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many days the old key works beside the new one."""

    grace_days: int = GRACE_DAYS_DEFAULT


new_key_of_json = messages.decoder(NewKey)
change_of_json = messages.decoder(KeyChange)
rotation_of_json = messages.decoder(Rotation)


class KeyResource:
    """What the resources of keys share."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def manager(self, req: falcon.Request) -> Sender:
        """Who asks, with a key of scope full."""
        return reader(self._services, req, Params(req.query_string), Scope.FULL)

    def key(self, sender: Sender, key_id: str) -> Key:
        """A key that the sender may see.

        Raises:
            NotFoundError: there is none of this id.
        """
        key = self._services.keys.get(sender.account.id, key_id)
        # The id, and no other name: a path with a whole key in it would be a key in a log.
        if key.id != key_id or not sees(sender, key):
            raise NotFoundError("no such key")
        return key

    def answer(self, resp: falcon.Response, key: Key, **more: str) -> None:
        """Tell of a key that was changed."""
        used = self._services.keys.last_used([key])
        respond(resp, json_answer({"msg": "ok"} | more | key_document(key, used.get(key.id))))


class KeyList(KeyResource):
    """``/v1/keys``."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """A page of keys, revoked ones too, oldest first, with the cursor of the next page."""
        params = Params(req.query_string)
        sender = self.manager(req)
        limit, cursor = params.limit(), params.text("cursor")
        seen = [key for key in self._services.keys.list(sender.account.id) if sees(sender, key)]
        found = after(seen, cursor)
        used = self._services.keys.last_used(found[:limit])
        page = [key_document(key, used.get(key.id)) for key in found[:limit]]
        respond(resp, json_answer({"keys": page, "cursor": page[-1]["id"] if len(found) > limit else None}))

    on_head = on_get

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Make a key, which is in this answer and never again; or add an old secret."""
        sender = self.manager(req)
        wanted = json_body(req.env, new_key_of_json)
        live = sender.live if wanted.live is None else wanted.live
        if live and not sender.live:
            raise ForbiddenError("a key of test data makes keys of test data only")
        if wanted.secret is not None:
            self.answer(resp, self._added(sender, wanted, wanted.secret, live=live))
            return
        if wanted.kind is not None:
            raise RequestError("secret is missing: the old key, as clients send it")
        text, key = self._services.keys.create_shown(
            sender.account.id,
            self._services.now_s(),
            live=live,
            scope=scope_of(wanted.scope) or Scope.FULL,
            label=wanted.label,
            expires_s=wanted.expires_at,
        )
        self.answer(resp, key, secret=text)

    def _added(self, sender: Sender, wanted: NewKey, secret: str, *, live: bool) -> Key:
        if wanted.expires_at is not None:
            raise RequestError("expires_at is for keys of ours: an old key is revoked")
        return self._services.keys.add_secret(
            sender.account.id,
            secret,
            kind_of(wanted.kind),
            self._services.now_s(),
            live=live,
            scope=scope_of(wanted.scope),
            label=wanted.label,
        )


class OneKey(KeyResource):
    """``/v1/keys/ID``."""

    def on_patch(self, req: falcon.Request, resp: falcon.Response, key_id: str) -> None:
        """Change label, scope or expiry."""
        sender = self.manager(req)
        key = self.key(sender, key_id)
        wanted = json_body(req.env, change_of_json)
        scope = wanted.scope if isinstance(wanted.scope, msgspec.UnsetType) else scope_of(wanted.scope)
        assert scope is not None
        settings = KeySettings(wanted.label, scope, wanted.expires_at)
        keys = self._services.keys
        self.answer(resp, keys.update(sender.account.id, key.id, settings, self._services.now_s()))

    def on_delete(self, req: falcon.Request, resp: falcon.Response, key_id: str) -> None:
        """Revoke a key: from the next request on it is unknown. Revoking it again changes nothing."""
        sender = self.manager(req)
        key = self.key(sender, key_id)
        self.answer(resp, self._services.keys.revoke(sender.account.id, key.id, self._services.now_s()))


class Rotate(KeyResource):
    """``/v1/keys/ID/rotate``."""

    def on_post(self, req: falcon.Request, resp: falcon.Response, key_id: str) -> None:
        """Make a key that may do the same; the old one works for some days more. The body may be empty."""
        sender = self.manager(req)
        key = self.key(sender, key_id)
        # A body in chunks has no length, and is refused where it is read.
        has_body = (req.env.get("CONTENT_LENGTH") or "0") != "0" or "HTTP_TRANSFER_ENCODING" in req.env
        rotation = json_body(req.env, rotation_of_json) if has_body else Rotation()
        text, rotated = self._services.keys.rotate(
            sender.account.id, key.id, self._services.now_s(), grace_days=rotation.grace_days
        )
        self.answer(resp, rotated, secret=text)


def key_document(key: Key, used_s: int | None) -> dict[str, Any]:
    """What is told about a key; times are Unix seconds, ``last_used_at`` to the minute."""
    return {
        "id": key.id,
        "key": key.display,
        "kind": key.kind.value,
        "label": key.label,
        "scope": key.scope.value,
        "live": key.live,
        "created_at": key.created_s,
        "expires_at": key.expires_s,
        "revoked_at": key.revoked_s,
        "last_used_at": used_s,
    }


def sees(sender: Sender, key: Key) -> bool:
    """Whether a sender may know of a key of its account."""
    return sender.live or not key.live


def after(keys: list[Key], cursor: str) -> list[Key]:
    """The keys after the one that a page ended with; all for an empty cursor.

    Raises:
        RequestError: there is no such key.
    """
    if not cursor:
        return keys
    places = [place for place, key in enumerate(keys) if key.id == cursor]
    if not places:
        raise RequestError("cursor must be one that an earlier page gave")
    return keys[places[0] + 1 :]


def scope_of(text: str | None) -> Scope | None:
    """The scope of a word; None for None.

    Raises:
        RequestError: it is none.
    """
    if text is None:
        return None
    try:
        return Scope(text)
    except ValueError:
        raise RequestError("scope must be write, read or full") from None


def kind_of(text: str | None) -> KeyKind:
    """The sort of an old secret.

    Raises:
        RequestError: it is none of StatHat's.
    """
    if text not in (KeyKind.EZKEY, KeyKind.UKEY, KeyKind.TOKEN):
        raise RequestError("kind must be ezkey, ukey or token")
    return KeyKind(text)

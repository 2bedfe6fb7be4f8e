"""``/settings/keys``: the keys of an account; ``/settings/keys/ID``: one of them; ``/access``: the export token."""

from dataclasses import dataclass
from types import MappingProxyType

from statflow_http.accounts.keys import DAY_S, Key, KeyKind, KeySettings, Scope
from statflow_http.api.v1_keys import kind_of, scope_of
from statflow_http.errors import NotFoundError, RequestError
from statflow_http.pages.addresses import base_url
from statflow_http.pages.form_pages import Asked, Context, FormPage, Go, refuse_unsure
from statflow_http.pages.visitors import Form, Member

# Days from which a new key may choose; "" is for ever.
EXPIRIES = (("", "Never"), ("30", "In 30 days"), ("90", "In 90 days"), ("365", "In a year"))
GRACES = (("0", "Not at all: it stops at once"), ("1", "1 day"), ("7", "7 days"), ("30", "30 days"))
SCOPES = (
    (Scope.FULL, "Everything", "Send, read, and change settings. For your own servers and scripts."),
    (Scope.WRITE, "Send only", "The one to put in a web page, a pixel or an app that others can look into."),
    (Scope.READ, "Read only", "For dashboards elsewhere, for exports, and as an access token."),
)
OLD_KINDS = (
    (KeyKind.EZKEY, "EZ key", "Often your e-mail address. It may send."),
    (KeyKind.UKEY, "User key", "The ukey of the classic API. It may send."),
    (KeyKind.TOKEN, "Access token", "From stathat.com/access. It may read."),
)


@dataclass(frozen=True, slots=True)
class Made:
    """A key that was just made: shown now and never again."""

    text: str
    key: Key


class Keys(FormPage):
    """``/settings/keys``: the list, and the form for a new key."""

    template = "keys.html"
    blank = MappingProxyType({"label": "", "made": None})

    def about(self, asked: Asked) -> Context:
        """The keys that work, those that are over, and what the form offers."""
        now_s = self.services.now_s()
        keys = self.services.keys.list(asked.me.account.id)[::-1]
        return {
            "working": [key for key in keys if key.works(now_s)],
            "over": [key for key in keys if not key.works(now_s)],
            "used": self.services.keys.last_used(keys),
            "base": base_url(asked.req),
            "scopes": SCOPES,
            "expiries": EXPIRIES,
        }

    def act(self, asked: Asked, form: Form) -> Context:
        """Make a key. It is in this answer, and nowhere to be read again."""
        now_s = self.services.now_s()
        text, key = self.services.keys.create_shown(
            asked.me.account.id,
            now_s,
            live=live_of(form, asked.me),
            scope=scope_of(form.text("scope", "full")) or Scope.FULL,
            label=form.text("label"),
            expires_s=expiry_of(form, now_s),
        )
        return {"made": Made(text, key)}

    def kept(self, form: Form) -> Context:
        """The label."""
        return {"label": form.text("label")}


class OldKeys(FormPage):
    """``/settings/keys/old``: what clients had at StatHat, let in letter by letter."""

    template = "old_keys.html"

    def about(self, asked: Asked) -> Context:
        """The three kinds."""
        return {"kind": "ezkey", "kinds": OLD_KINDS, "base": base_url(asked.req)}

    def act(self, asked: Asked, form: Form) -> Go:
        """Add one."""
        key = self.services.keys.add_secret(
            asked.me.account.id,
            form.text("secret"),
            kind_of(form.text("kind")),
            self.services.now_s(),
            live=live_of(form, asked.me),
            label=form.text("label"),
        )
        return Go("/settings/keys", f"Added: {key.display}. Clients may send it from now on.")

    def kept(self, form: Form) -> Context:
        """The kind, and never the secret."""
        return {"kind": form.text("kind", "ezkey")}


class OneKey(FormPage):
    """``/settings/keys/ID``: change, rotate, revoke."""

    template = "key.html"
    blank = MappingProxyType({"made": None, "sent": ""})

    def about(self, asked: Asked) -> Context:
        """All about one key."""
        key = self._key(asked)
        return {
            "key": key,
            "works": key.works(self.services.now_s()),
            "used_s": self.services.keys.last_used([key]).get(key.id),
            "is_ours": key.kind is KeyKind.KEY,
            "base": base_url(asked.req),
            "scopes": SCOPES,
            "graces": GRACES,
        }

    def act(self, asked: Asked, form: Form) -> Go | Context:
        """What the button that was pressed says."""
        key = self._key(asked)
        if form.has("revoke"):
            return self._revoked(key, form)
        if form.has("rotate"):
            return {"made": self._rotated(key, form)}
        return self._changed(key, form)

    def kept(self, form: Form) -> Context:
        """Which of the forms it was."""
        return {"sent": next((name for name in ("revoke", "rotate") if form.has(name)), "change")}

    def _key(self, asked: Asked) -> Key:
        key = self.services.keys.get(asked.me.account.id, asked.id)
        # The id, and no other name: a path with a whole key in it would be a key in a log.
        if key.id != asked.id:
            raise NotFoundError("no such key")
        return key

    def _revoked(self, key: Key, form: Form) -> Go:
        refuse_unsure(form, "tick the box first: whatever uses this key stops working")
        self.services.keys.revoke(key.account_id, key.id, self.services.now_s())
        return Go("/settings/keys", f"{key.display} is revoked.")

    def _rotated(self, key: Key, form: Form) -> Made:
        days = form.text("grace_days", "1")
        if days not in dict(GRACES):
            raise RequestError("choose how long the old key goes on working")
        text, made = self.services.keys.rotate(key.account_id, key.id, self.services.now_s(), grace_days=int(days))
        return Made(text, made)

    def _changed(self, key: Key, form: Form) -> Go:
        scope = scope_of(form.text("scope", key.scope.value)) or key.scope
        self.services.keys.update(key.account_id, key.id, KeySettings(form.text("label"), scope), self.services.now_s())
        return Go(f"/settings/keys/{key.id}", "Saved.")


class Access(FormPage):
    """``/access``: the access token of StatHat's export API, which here is any key that may read."""

    template = "access.html"
    blank = MappingProxyType({"made": None})

    def about(self, asked: Asked) -> Context:
        """What it is, and which there are."""
        now_s, me = self.services.now_s(), asked.me
        keys = [key for key in self.services.keys.list(me.account.id) if key.works(now_s) and key.live is me.live]
        tokens = [key for key in keys[::-1] if key.scope is Scope.READ]
        return {"tokens": tokens, "used": self.services.keys.last_used(tokens), "base": base_url(asked.req)}

    def act(self, asked: Asked, form: Form) -> Context:
        """Make one, of the data that is shown."""
        text, key = self.services.keys.create_shown(
            asked.me.account.id,
            self.services.now_s(),
            live=asked.me.live,
            scope=Scope.READ,
            label=form.text("label", "access token"),
            expires_s=None,
        )
        return {"made": Made(text, key)}


def live_of(form: Form, me: Member) -> bool:
    """For which data a key is to be; what is shown, where nothing was chosen."""
    return form.text("data", "live" if me.live else "test") != "test"


def expiry_of(form: Form, now_s: int) -> int | None:
    """When a new key ends; None for never.

    Raises:
        RequestError: it is none of those to choose from.
    """
    days = form.text("days")
    if days not in dict(EXPIRIES):
        raise RequestError("choose when the key ends from the list")
    return now_s + int(days) * DAY_S if days else None

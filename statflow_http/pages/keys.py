"""``/settings/keys``: the keys of an account; ``/settings/keys/ID``: one of them; ``/access``: the export token."""

from dataclasses import dataclass

import falcon

from statflow_http.accounts.keys import DAY_S, Key, KeyKind, KeySettings, Scope
from statflow_http.api.v1_keys import kind_of, scope_of
from statflow_http.errors import NotFoundError, RequestError, RetryLaterError
from statflow_http.pages.addresses import base_url
from statflow_http.pages.login import sentence
from statflow_http.pages.site import Page
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
SURE = "sure"


@dataclass(frozen=True, slots=True)
class Made:
    """A key that was just made: shown now and never again."""

    text: str
    key: Key


class Keys(Page):
    """``/settings/keys``."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """The list, and the form for a new key."""
        self._show(req, resp, self.site.member(req))

    on_head = on_get

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Make a key. It is in this answer, and nowhere to be read again."""
        me = self.site.member(req)
        form = self.site.form(req, me)
        try:
            made = self._made(me, form)
        except RequestError as error:
            self._show(req, resp, me, status=status_of(error), problem=sentence(error), label=form.text("label"))
            return
        self._show(req, resp, me, made=made)

    def _made(self, me: Member, form: Form) -> Made:
        now_s = self.services.now_s()
        text, key = self.services.keys.create_shown(
            me.account.id,
            now_s,
            live=live_of(form, me),
            scope=scope_of(form.text("scope", "full")) or Scope.FULL,
            label=form.text("label"),
            expires_s=expiry_of(form, now_s),
        )
        return Made(text, key)

    def _show(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        me: Member,
        *,
        status: int = 200,
        problem: str = "",
        label: str = "",
        made: Made | None = None,
    ) -> None:
        now_s = self.services.now_s()
        keys = self.services.keys.list(me.account.id)[::-1]
        about = {
            "working": [key for key in keys if key.works(now_s)],
            "over": [key for key in keys if not key.works(now_s)],
            "used": self.services.keys.last_used(keys),
            "base": base_url(req),
            "scopes": SCOPES,
            "expiries": EXPIRIES,
        }
        self.site.page(req, resp, me, "keys.html", status=status, problem=problem, label=label, made=made, **about)


class OldKeys(Page):
    """``/settings/keys/old``: what clients had at StatHat, let in letter by letter."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """The form."""
        self._show(req, resp, self.site.member(req))

    on_head = on_get

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Add one."""
        me = self.site.member(req)
        form = self.site.form(req, me)
        try:
            key = self.services.keys.add_secret(
                me.account.id,
                form.text("secret"),
                kind_of(form.text("kind")),
                self.services.now_s(),
                live=live_of(form, me),
                label=form.text("label"),
            )
        except RequestError as error:
            self._show(req, resp, me, status=status_of(error), problem=sentence(error), kind=form.text("kind"))
            return
        self.site.redirect(resp, me, "/settings/keys", say=f"Added: {key.display}. Clients may send it from now on.")

    def _show(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        me: Member,
        *,
        status: int = 200,
        problem: str = "",
        kind: str = "",
    ) -> None:
        about = {"problem": problem, "kind": kind or "ezkey", "kinds": OLD_KINDS, "base": base_url(req)}
        self.site.page(req, resp, me, "old_keys.html", status=status, **about)


class OneKey(Page):
    """``/settings/keys/ID``: change, rotate, revoke."""

    def on_get(self, req: falcon.Request, resp: falcon.Response, key_id: str) -> None:
        """All about one key."""
        me = self.site.member(req)
        self._show(req, resp, me, self._key(me, key_id))

    on_head = on_get

    def on_post(self, req: falcon.Request, resp: falcon.Response, key_id: str) -> None:
        """What the button that was pressed says."""
        me = self.site.member(req)
        form = self.site.form(req, me)
        key = self._key(me, key_id)
        try:
            if form.has("revoke"):
                self._revoke(resp, me, key, form)
            elif form.has("rotate"):
                self._show(req, resp, me, key, made=self._rotated(me, key, form))
            else:
                self._change(resp, me, key, form)
        except RequestError as error:
            self._show(req, resp, me, key, status=status_of(error), problem=sentence(error))

    def _key(self, me: Member, key_id: str) -> Key:
        key = self.services.keys.get(me.account.id, key_id)
        # The id, and no other name: a path with a whole key in it would be a key in a log.
        if key.id != key_id:
            raise NotFoundError("no such key")
        return key

    def _revoke(self, resp: falcon.Response, me: Member, key: Key, form: Form) -> None:
        if not form.has(SURE):
            raise RequestError("tick the box first: whatever uses this key stops working")
        self.services.keys.revoke(me.account.id, key.id, self.services.now_s())
        self.site.redirect(resp, me, "/settings/keys", say=f"{key.display} is revoked.")

    def _rotated(self, me: Member, key: Key, form: Form) -> Made:
        days = form.text("grace_days", "1")
        if days not in dict(GRACES):
            raise RequestError("choose how long the old key goes on working")
        text, made = self.services.keys.rotate(me.account.id, key.id, self.services.now_s(), grace_days=int(days))
        return Made(text, made)

    def _change(self, resp: falcon.Response, me: Member, key: Key, form: Form) -> None:
        scope = scope_of(form.text("scope", key.scope.value)) or key.scope
        self.services.keys.update(me.account.id, key.id, KeySettings(form.text("label"), scope), self.services.now_s())
        self.site.redirect(resp, me, f"/settings/keys/{key.id}", say="Saved.")

    def _show(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        me: Member,
        key: Key,
        *,
        status: int = 200,
        problem: str = "",
        made: Made | None = None,
    ) -> None:
        key = self.services.keys.get(me.account.id, key.id)
        about = {
            "key": key,
            "works": key.works(self.services.now_s()),
            "used_s": self.services.keys.last_used([key]).get(key.id),
            "is_ours": key.kind is KeyKind.KEY,
            "base": base_url(req),
            "scopes": SCOPES,
            "graces": GRACES,
        }
        self.site.page(req, resp, me, "key.html", status=status, problem=problem, made=made, **about)


class Access(Page):
    """``/access``: the access token of StatHat's export API, which here is any key that may read."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """What it is, and which there are."""
        self._show(req, resp, self.site.member(req))

    on_head = on_get

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Make one, of the data that is shown."""
        me = self.site.member(req)
        form = self.site.form(req, me)
        try:
            text, key = self.services.keys.create_shown(
                me.account.id,
                self.services.now_s(),
                live=me.live,
                scope=Scope.READ,
                label=form.text("label", "access token"),
                expires_s=None,
            )
        except RequestError as error:
            self._show(req, resp, me, status=status_of(error), problem=sentence(error))
            return
        self._show(req, resp, me, made=Made(text, key))

    def _show(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        me: Member,
        *,
        status: int = 200,
        problem: str = "",
        made: Made | None = None,
    ) -> None:
        now_s = self.services.now_s()
        keys = [key for key in self.services.keys.list(me.account.id) if key.works(now_s) and key.live is me.live]
        tokens = [key for key in keys[::-1] if key.scope is Scope.READ]
        about = {"tokens": tokens, "used": self.services.keys.last_used(tokens), "base": base_url(req)}
        self.site.page(req, resp, me, "access.html", status=status, problem=problem, made=made, **about)


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


def status_of(error: RequestError) -> int:
    """Of the page that tells of a refusal; anything else that is wrong with a form is 400."""
    return 429 if isinstance(error, RetryLaterError) else 400

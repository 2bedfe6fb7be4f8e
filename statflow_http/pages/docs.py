"""``/docs``: the documentation, for everybody, with this server's address in it, and for members with a key of theirs.

The key is one that its reader hands in by a form, or has made there: it is in that one answer, and kept nowhere.
"""

import falcon

from statflow_http.accounts.keys import Scope
from statflow_http.accounts.plans import FREE
from statflow_http.errors import RequestError
from statflow_http.pages.addresses import base_url
from statflow_http.pages.form_pages import sentence
from statflow_http.pages.samples import KEY, KEY_TEXT, samples
from statflow_http.pages.site import Page
from statflow_http.pages.visitors import Member, Visitor
from statflow_http.wire import bodies, limits

LABEL = "made in the docs"
NOT_YOURS = "That is no key of yours that works: the samples have a placeholder instead."


class Docs(Page):
    """``/docs``."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """The documentation with a placeholder for the key."""
        self._show(req, resp, self.site.visitor(req))

    on_head = on_get

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """The same with a key of the reader's, or with one that is made now."""
        me = self.site.member(req)
        form = self.site.form(req, me)
        if form.has("make"):
            try:
                key = self._made(me)
            except RequestError as error:
                self._show(req, resp, me, status=400, problem=sentence(error))
                return
            self._show(req, resp, me, key=key, is_new=True)
            return
        key = form.text("key")
        if self._is_own(me, key):
            self._show(req, resp, me, key=key)
        else:
            self._show(req, resp, me, status=400, problem=NOT_YOURS)

    def _made(self, me: Member) -> str:
        keys, now_s = self.services.keys, self.services.now_s()
        return keys.create(me.account.id, now_s, live=me.live, scope=Scope.FULL, label=LABEL)

    def _is_own(self, me: Member, key: str) -> bool:
        if not KEY_TEXT.fullmatch(key):
            return False
        sender = self.services.keys.sender(key.encode())
        return sender is not None and sender.account.id == me.account.id

    def _show(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        visitor: Visitor,
        *,
        status: int = 200,
        problem: str = "",
        key: str = "",
        is_new: bool = False,
    ) -> None:
        about = {
            "base": base_url(req),
            "samples": samples(),
            "key": key or KEY,
            "has_key": bool(key),
            "is_new": is_new,
            "problem": problem,
            "free": FREE,
            "may_sign_up": self.services.options.signup,
            "limits": limits,
            "bodies": bodies,
        }
        self.site.page(req, resp, visitor, "docs.html", status=status, **about)

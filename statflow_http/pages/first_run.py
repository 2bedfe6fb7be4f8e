"""The first run: a key to send with, made where it is needed, and shown once."""

import falcon

from statflow_http.pages.listing import Wish
from statflow_http.pages.site import Page
from statflow_http.pages.stats import Found, Revision, viewed

LABEL = "first key"


class FirstKey(Page):
    """``POST /stats/first-key``: a key for the first point."""

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Make a key of the data that is shown, and answer with the page that has it in its line to copy.

        No redirect: the key would have to be kept for the page after it, and keys are kept nowhere.
        """
        me = self.site.member(req)
        self.site.form(req, me)
        revision = Revision.now(self.services, me.namespace)
        if revision.count:
            self.site.redirect(resp, me, "/settings/keys", say="There are stats already: keys are made here.")
            return
        key = self.services.keys.create(me.account.id, self.services.now_s(), live=me.live, label=LABEL)
        view = viewed(self.site, me, Found.of(self.site, me, Wish(), revision), req.prefix)
        self.site.page(req, resp, me, "stats.html", **view, new_key=key)

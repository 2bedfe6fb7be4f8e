"""``/trash``: deleted stats, which wait for 48 hours in case they are missed."""

import falcon

from statflow_engine import NameTakenError, UnknownSeriesError
from statflow_http import ids
from statflow_http.api.v1_read import TRASH_S
from statflow_http.errors import NotFoundError, RetryLaterError
from statflow_http.pages.form_pages import sentence
from statflow_http.pages.site import Page

# More than anybody reads; the API has pages.
SHOWN_MAX = 500


class Trash(Page):
    """``GET /trash``."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """What was deleted, the latest first."""
        me = self.site.member(req)
        trash = sorted(self.services.engine.trash(me.namespace), key=lambda each: (-each.deleted_s, each.name))
        rows = [
            {
                "id": ids.stat_id(each.id),
                "name": each.name,
                "kind": str(each.kind),
                "deleted_s": each.deleted_s,
                "ends_s": each.deleted_s + TRASH_S,
            }
            for each in trash[:SHOWN_MAX]
        ]
        self.site.page(req, resp, me, "trash.html", rows=rows, count=len(trash))

    on_head = on_get


class Restore(Page):
    """``POST /trash/ID/restore``."""

    def on_post(self, req: falcon.Request, resp: falcon.Response, stat_id: str) -> None:
        """Take a stat out of the trash, with all its points."""
        me = self.site.member(req)
        self.site.form(req, me)
        series_id = ids.series_id(stat_id)
        if series_id is None:
            raise NotFoundError("no such stat")
        services = self.services
        try:
            if me.live:
                services.quotas.refuse_restore(me.account, services.plans.get(me.account.plan))
            series = services.engine.restore(series_id, namespace=me.namespace)
        except (NameTakenError, RetryLaterError) as error:
            self.site.redirect(resp, me, "/trash", say=sentence(error))
            return
        except UnknownSeriesError:
            raise NotFoundError("no such stat in the trash") from None
        self.site.redirect(resp, me, f"/stats/{stat_id}", say=f"{series.name} is back.")

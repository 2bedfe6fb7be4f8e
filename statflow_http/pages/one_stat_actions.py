"""What the owner of a stat changes on its page: unit, who may see it, notes, and whether it is there."""

import falcon

from statflow_http.errors import RequestError
from statflow_http.pages import periods
from statflow_http.pages.form_pages import sentence
from statflow_http.pages.one_stat_asked import own_stat
from statflow_http.pages.site import Page
from statflow_http.stats.annotations import Annotations


class Settings(Page):
    """``POST /stats/ID/settings``: its unit, and whether everybody may see it."""

    def on_post(self, req: falcon.Request, resp: falcon.Response, stat_id: str) -> None:
        """Set what the form has."""
        me = self.site.member(req)
        form = self.site.form(req, me)
        series = own_stat(self.site, me, stat_id)
        public = {"on": True, "off": False}.get(form.text("public"))
        unit = form.text("unit") if form.has("unit") else None
        try:
            self.services.properties.change(me.namespace, series.id, public=public, unit=unit)
        except RequestError as error:
            self.site.redirect(resp, me, f"/stats/{stat_id}", say=sentence(error))
            return
        told = {True: "Everybody who has the link may see this stat now.", False: "Only you see this stat now."}
        self.site.redirect(resp, me, f"/stats/{stat_id}", say="Saved." if public is None else told[public])


class Notes(Page):
    """``POST /stats/ID/notes``: a note on a moment."""

    def on_post(self, req: falcon.Request, resp: falcon.Response, stat_id: str) -> None:
        """Write it down, of this stat or of all."""
        me = self.site.member(req)
        form = self.site.form(req, me)
        series = own_stat(self.site, me, stat_id)
        notes = Annotations(self.services.documents)
        now_s = self.services.now_s()
        # A note on all stats names none.
        series_id, name = (None, None) if form.has("everywhere") else (series.id, series.name)
        try:
            t_s = periods.moment_s(form.text("t"), me.tz) if form.text("t") else now_s
            notes.create(me.namespace, form.text("text"), t_s, now_s, series_id=series_id, stat_name=name)
            say = "Noted."
        except RequestError as error:
            say = sentence(error)
        self.site.redirect(resp, me, back(form.text("next"), stat_id), say=say)


class DeleteNote(Page):
    """``POST /stats/ID/notes/ID/delete``."""

    def on_post(self, req: falcon.Request, resp: falcon.Response, stat_id: str, note_id: str) -> None:
        """Remove a note."""
        me = self.site.member(req)
        form = self.site.form(req, me)
        own_stat(self.site, me, stat_id)
        Annotations(self.services.documents).delete(me.namespace, note_id)
        self.site.redirect(resp, me, back(form.text("next"), stat_id), say="The note is gone.")


def back(text: str, stat_id: str) -> str:
    """The page of a stat, with the range that was looked at."""
    path = f"/stats/{stat_id}"
    return path + (text if text.startswith("?") and text.isascii() and text.isprintable() else "")


class Delete(Page):
    """``POST /stats/ID/delete``."""

    def on_post(self, req: falcon.Request, resp: falcon.Response, stat_id: str) -> None:
        """Move the stat to the trash. Nobody is asked twice, since it can be undone for two days."""
        me = self.site.member(req)
        self.site.form(req, me)
        series = own_stat(self.site, me, stat_id)
        self.services.engine.delete(series.name, namespace=me.namespace)
        self.site.redirect(resp, me, "/trash", say=f"{series.name} is in the trash, for 48 hours.")

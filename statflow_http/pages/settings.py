"""``/settings``: what an account has set for itself; and ``/settings/export``: all of it to take along."""

from functools import cache
from itertools import chain
from zoneinfo import available_timezones

import falcon

from statflow_http.accounts.accounts import AccountSettings
from statflow_http.api.v1_export import MEDIA_TYPES
from statflow_http.front.answers import Answer
from statflow_http.front.headers import respond
from statflow_http.moving.exports import STREAMED, Exporter, Wanted, stream
from statflow_http.pages.addresses import base_url
from statflow_http.pages.form_pages import Asked, Context, FormPage, Go
from statflow_http.pages.site import Page
from statflow_http.pages.visitors import Form, Member
from statflow_http.wire.reads import Params

# Names that are there for old programs.
ODD_ZONES = ("Etc/", "SystemV/", "US/", "Brazil/", "Canada/", "Chile/", "Mexico/")


class Settings(FormPage):
    """``/settings``: time zone, how lists of stats are joined, notices."""

    template = "settings.html"

    def about(self, asked: Asked) -> Context:
        """What is set, and what it may be set to."""
        return {"account": asked.me.account, "zones": zones(asked.me.account.tz)}

    def act(self, asked: Asked, form: Form) -> Go:
        """Save it."""
        self.services.accounts.change(asked.me.account.id, settings_of(form))
        return Go("/settings", "Saved.")


class Export(Page):
    """``/settings/export``: how to take everything along."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """What there is to download."""
        me = self.site.member(req)
        count = self.services.engine.series_count(me.namespace)
        self.site.page(req, resp, me, "export.html", count=count, base=base_url(req))

    on_head = on_get


class ExportFile(Page):
    """``/settings/export/file``: the download."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """The live or the test data, whichever is shown, as a stream."""
        me = self.site.member(req)
        form = Params(req.query_string).choice("format", STREAMED, "ndjson")
        exporter = Exporter(self.services.engine, self.services.documents, Wanted(me.account, me.live))
        lines = stream(exporter, form, is_whole=True)
        # The first piece now: what cannot be read is told before anything is sent.
        beginning = [piece for _, piece in zip(range(1), lines, strict=False)]
        self._answer(resp, me, form)
        resp.data = None
        resp.stream = chain(beginning, lines)

    def on_head(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Whether one would be answered; nothing is read for it."""
        self._answer(resp, self.site.member(req), Params(req.query_string).choice("format", STREAMED, "ndjson"))

    @staticmethod
    def _answer(resp: falcon.Response, me: Member, form: str) -> None:
        name = f"statflow-{'live' if me.live else 'test'}.{form}"
        headers = (("Content-Disposition", f'attachment; filename="{name}"'), ("Cache-Control", "no-store"))
        respond(resp, Answer(200, b"", headers, content_type=MEDIA_TYPES[form]))


def settings_of(form: Form) -> AccountSettings:
    """What the form says; a box that is not ticked is not sent."""
    return AccountSettings(
        tz=form.text("tz") or None,
        # One of the two is a space, which `text` would trim.
        tilde_join={"tilde": "~", "space": " "}.get(form.text("tilde_join")),
        new_stat_notices=form.has("new_stat_notices"),
    )


def zones(current: str) -> dict[str, list[str]]:
    """The time zones to choose from by continent, with the one that is set whatever it is."""
    known = _zones()
    region = current.partition("/")[0] if "/" in current else "Universal"
    if current in known.get(region, ()):
        return known
    return known | {region: sorted([*known.get(region, ()), current])}


@cache
def _zones() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {"Universal": ["UTC"]}
    for name in sorted(available_timezones()):
        if "/" in name and not name.startswith(ODD_ZONES):
            found.setdefault(name.partition("/")[0], []).append(name)
    return found

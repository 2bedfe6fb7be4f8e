"""``/import``: files, or another server's stats, brought in; how far that is, how it went, and what was before."""

import re
from pathlib import Path

import falcon

from statflow_http.api.v1_imports import UrlMessage, checked_id, of_server
from statflow_http.errors import ForbiddenError, RequestError, RetryLaterError, TooLargeError
from statflow_http.moving.jobs import ACTIVE, ImportJob, Jobs
from statflow_http.moving.live_source import GONE_HOSTS
from statflow_http.moving.options import ImportOptions, options_of
from statflow_http.pages import uploads
from statflow_http.pages.checks import CHECKED_BYTES_MAX, Checks
from statflow_http.pages.form_pages import sentence
from statflow_http.pages.site import Page
from statflow_http.pages.visitors import Form, Member
from statflow_http.wire import bodies

# Where a token without an address is of: the docs ask for nothing but a token.
STATHAT = f"https://{max(GONE_HOSTS, key=len)}"


# The command line's words for what the form calls otherwise.
OPTION = re.compile(r"name it by --(time|value)-column")
FIELDS = {"time": "say it under “Column of times”", "value": "say it under “Column of numbers”"}


class ImportPage(Page):
    """What the pages of imports share."""

    def jobs(self) -> Jobs:
        """The jobs of the data folder."""
        return Jobs(self.services.documents, Path(self.services.engine.path))

    def checks(self, me: Member) -> Checks:
        """The file that waits to be brought."""
        return Checks(self.services, self.jobs().folder, me.account, live=me.live)

    def queue(self, me: Member, upload: Path, source: str, options: ImportOptions) -> ImportJob:
        """Have a file imported."""
        now_s = self.services.now_s()
        return self.jobs().create(me.account, live=me.live, source=source, options=options, now_s=now_s, upload=upload)

    def follow(self, resp: falcon.Response, me: Member, job: ImportJob) -> None:
        """Go to the page of an import that was asked for."""
        self.services.imports.start()
        self.site.redirect(resp, me, f"/import/{job.id}")


class Imports(ImportPage):
    """``/import``."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """The forms, and what was imported before."""
        self._show(req, resp, self.site.member(req))

    on_head = on_get

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Bring files, look at them first, or ask another server."""
        me = self.site.member(req)
        has_files = bodies.media_type(req.env) == bodies.MULTIPART_TYPE
        try:
            if has_files:
                self._take_files(req, resp, me)
            else:
                self._ask_server(resp, me, self.site.form(req, me))
        except (ForbiddenError, TooLargeError):
            # Not about what was filled in: a page of its own.
            raise
        except RequestError as error:
            status = 429 if isinstance(error, RetryLaterError) else 400
            problem = {"file_problem" if has_files else "server_problem": sentence(error)}
            self._show(req, resp, me, status=status, **problem)

    def _take_files(self, req: falcon.Request, resp: falcon.Response, me: Member) -> None:
        jobs = self.jobs()
        upload = jobs.new_upload()
        try:
            received = uploads.receive(req, me, upload)
            if received.path is None:
                raise RequestError("choose a file first")
            options = options_of(lambda name: received.fields.get(name, ""))
            if "check" in received.fields:
                self._look(upload, received.name, options, me)
                self.site.redirect(resp, me, "/import/check")
            else:
                self.follow(resp, me, self.queue(me, upload, received.name, options))
        finally:
            upload.unlink(missing_ok=True)

    def _look(self, upload: Path, source: str, options: ImportOptions, me: Member) -> None:
        if upload.stat().st_size > CHECKED_BYTES_MAX:
            limit = f"{CHECKED_BYTES_MAX >> 20} MiB"
            raise RequestError(f"to look first at more than {limit} takes too long: bring it, nothing comes twice")
        self.checks(me).look(upload, source, options)

    def _ask_server(self, resp: falcon.Response, me: Member, form: Form) -> None:
        if not form.text("token"):
            raise RequestError("paste the access token first")
        message = UrlMessage(form.text("url", STATHAT), form.text("token"))
        self.follow(resp, me, of_server(self.services, me.account, message, ImportOptions(), live=me.live))

    def _show(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        me: Member,
        *,
        status: int = 200,
        file_problem: str = "",
        server_problem: str = "",
    ) -> None:
        jobs = self.jobs().all(me.namespace)
        about = {"jobs": jobs, "waiting": self.checks(me).waiting(), "tz": me.tz}
        problems = {"file_problem": file_problem, "server_problem": server_problem}
        self.site.page(req, resp, me, "import.html", status=status, **about, **problems)


class CheckPage(ImportPage):
    """``/import/check``: what a file would bring, before anything is stored."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """What was found."""
        me = self.site.member(req)
        check = self.checks(me).waiting()
        if check is None:
            self.site.redirect(resp, me, "/import")
        else:
            lines, failure = [worded(line) for line in check.lines], worded(check.failure)
            self.site.page(req, resp, me, "import_check.html", check=check, lines=lines, failure=failure)

    on_head = on_get

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Bring it, or let it go."""
        me = self.site.member(req)
        form = self.site.form(req, me)
        checks = self.checks(me)
        check = checks.waiting()
        if check is None:
            self.site.redirect(resp, me, "/import", say="That file waits no more: choose it again.")
        elif form.has("bring") and not check.is_empty:
            job = self.queue(me, checks.path, check.source, check.options)
            checks.forget()
            self.follow(resp, me, job)
        else:
            checks.forget()
            self.site.redirect(resp, me, "/import", say="Nothing was brought.")


class OneImport(ImportPage):
    """``/import/ID``: how far an import is, and when it is over how it went."""

    def on_get(self, req: falcon.Request, resp: falcon.Response, import_id: str) -> None:
        """Its page, which asks for itself again while it runs."""
        me = self.site.member(req)
        job = self.jobs().get(me.namespace, checked_id(import_id))
        self.site.page(req, resp, me, "import_job.html", job=job, is_active=job.state in ACTIVE, worded=worded)

    on_head = on_get

    def on_post(self, req: falcon.Request, resp: falcon.Response, import_id: str) -> None:
        """Cancel it."""
        me = self.site.member(req)
        self.site.form(req, me)
        job = self.jobs().cancel(me.namespace, checked_id(import_id))
        self.site.redirect(resp, me, f"/import/{job.id}")


def worded(text: str) -> str:
    """What an import says, in the words of the form."""
    return OPTION.sub(lambda found: FIELDS[found[1]], text)

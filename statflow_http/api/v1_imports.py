"""``/v1/imports``: a file, or another server's address, becomes stats; how far it is; how it went."""

import os
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import falcon
import msgspec

from statflow_engine import StatFlowError, StoreError
from statflow_http import ids
from statflow_http.accounts.accounts import Account
from statflow_http.accounts.keys import Scope
from statflow_http.accounts.senders import Sender
from statflow_http.api.v1_read import json_answer, json_body, reader
from statflow_http.errors import NotFoundError, RequestError, TooLargeError
from statflow_http.front import auth
from statflow_http.front.answers import Answer
from statflow_http.front.headers import respond
from statflow_http.moving.jobs import ImportJob, Jobs, disk_has_room
from statflow_http.moving.live_source import Live
from statflow_http.moving.options import ImportOptions, options_of
from statflow_http.outbound import Guard, OutboundError, target
from statflow_http.services import Services
from statflow_http.wire import bodies, messages
from statflow_http.wire.reads import Params

CHUNK_SIZE = 1 << 20
FILENAME_MAX = 255


class UrlMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Another server that is to be read, by its address and an access token, or a key that may read."""

    url: Annotated[str, msgspec.Meta(description="the address of the server, with http:// or https://")]
    token: str = ""


url_of_json = messages.decoder(UrlMessage)


class Imports:
    """What the resources of this surface share."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def jobs(self) -> Jobs:
        """The jobs of the data folder."""
        return Jobs(self._services.documents, Path(self._services.engine.path))


class ImportList(Imports):
    """``/v1/imports``."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """A page of imports, newest first, with the cursor of the next page."""
        params = Params(req.query_string)
        sender = reader(self._services, req, params)
        limit, cursor = params.limit(), params.text("cursor")
        if cursor and not ids.is_document_id(cursor):
            raise RequestError("cursor must be one that an earlier page gave")
        found = [job for job in self.jobs().all(sender.namespace) if not cursor or job.id < cursor]
        page = [job_document(job, is_short=True) for job in found[:limit]]
        respond(resp, json_answer({"imports": page, "cursor": page[-1]["id"] if len(found) > limit else None}))

    on_head = on_get

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Ask for an import: of the file that is the body, or of the server that a JSON body names."""
        params = Params(req.query_string)
        sender = reader(self._services, req, params, Scope.FULL)
        options = options_of(params.text)
        if bodies.media_type(req.env) in bodies.JSON_TYPES:
            job = self._of_server(req.env, sender, options)
        else:
            job = self._of_upload(req.env, sender, options, params.text("filename", "upload"))
        self._services.imports.start()
        answer = json_answer({"msg": "ok"} | job_document(job))
        respond(resp, Answer(202, answer.body, (("Location", f"/v1/imports/{job.id}"),)))

    def _of_server(self, environ: dict[str, Any], sender: Sender, options: ImportOptions) -> ImportJob:
        message = json_body(environ, url_of_json)
        return of_server(self._services, sender.account, message, options, live=sender.live)

    def _of_upload(self, environ: dict[str, Any], sender: Sender, options: ImportOptions, filename: str) -> ImportJob:
        jobs = self.jobs()
        upload = jobs.new_upload()
        try:
            receive(environ, upload)
            name = os.path.basename(filename)[:FILENAME_MAX] or "upload"
            return jobs.create(
                sender.account,
                live=sender.live,
                source=name,
                options=options,
                now_s=self._services.now_s(),
                upload=upload,
            )
        finally:
            upload.unlink(missing_ok=True)


class OneImport(Imports):
    """``/v1/imports/ID``."""

    def on_get(self, req: falcon.Request, resp: falcon.Response, import_id: str) -> None:
        """How far an import is, and when it is over how it went."""
        sender = reader(self._services, req, Params(req.query_string))
        respond(resp, json_answer(job_document(self.jobs().get(sender.namespace, checked_id(import_id)))))

    on_head = on_get

    def on_delete(self, req: falcon.Request, resp: falcon.Response, import_id: str) -> None:
        """Stop an import; what it has brought stays, and asking for it again goes on from there."""
        sender = reader(self._services, req, Params(req.query_string), Scope.FULL)
        job = self.jobs().cancel(sender.namespace, checked_id(import_id))
        respond(resp, json_answer({"msg": "ok"} | job_document(job)))


def of_server(
    services: Services, account: Account, message: UrlMessage, options: ImportOptions, *, live: bool
) -> ImportJob:
    """Queue the import of another server's stats.

    Raises:
        RequestError: it is no server that may be asked, or there is no token.
        RetryLaterError: too many imports wait.
    """
    asked = Live.of(message.url, message.token)
    found = target(asked.base)
    try:
        Guard(allow_private=services.options.allow_private).addresses(found.host, found.port)
    except OutboundError as error:
        raise RequestError(str(error)) from error
    return Jobs(services.documents, Path(services.engine.path)).create(
        account,
        live=live,
        source=found.origin,
        options=options,
        now_s=services.now_s(),
        url=asked.base,
        token=asked.token,
    )


def accepts(services: Services, environ: dict[str, Any]) -> bool:
    """Whether a request may send a file, as far as can be told before it does."""
    try:
        params = Params(environ.get("QUERY_STRING", ""))
        auth.sender(services.keys, environ, [params.text(name) for name in auth.KEY_FIELDS], Scope.FULL)
        return disk_has_room(Path(services.engine.path), bodies.declared_length(environ))
    except StatFlowError:
        return False


def receive(environ: dict[str, Any], path: Path) -> None:
    """Write the body of a request to a file, a piece at a time.

    Raises:
        LengthRequiredError, MediaTypeError, RequestError: as `bodies.read_body`.
        TooLargeError: it is larger than an import may be.
        StoreError: the disk has no room for it.
    """
    length = bodies.declared_length(environ)
    if length > bodies.IMPORT_BYTES_MAX:
        raise TooLargeError(f"request body too large (limit {bodies.IMPORT_BYTES_MAX} bytes)")
    if not length:
        raise RequestError("request body is empty")
    if not disk_has_room(path.parent, length):
        raise StoreError("the disk has no room for this upload")
    try:
        with path.open("xb") as file:
            _copy(environ["wsgi.input"], file, length)
    except OSError as error:
        raise StoreError(f"the upload cannot be stored: {error.strerror}") from error


def _copy(source: Any, file: BinaryIO, left: int) -> None:
    while left:
        piece = source.read(min(CHUNK_SIZE, left))
        if not piece:
            raise RequestError("request body is shorter than its Content-Length")
        left -= len(piece)
        file.write(piece)


def checked_id(text: str) -> str:
    """The id that a path has.

    Raises:
        NotFoundError: it is none.
    """
    if not ids.is_document_id(text):
        raise NotFoundError("no such import")
    return text


def job_document(job: ImportJob, *, is_short: bool = False) -> dict[str, Any]:
    """What is told of an import; ``is_short``: without what may be long."""
    told: dict[str, Any] = {
        "id": job.id,
        "state": job.state,
        "source": job.source,
        "created_at": job.created_s,
        "started_at": job.started_s,
        "finished_at": job.finished_s,
        "progress": {"rows_read": job.rows_read, "rows_total": job.rows_total, "rows_done": job.rows_done},
        "summary": job.summary,
        "error": job.error or None,
    }
    if is_short:
        return told
    return told | {"skipped": job.skipped, "lines": job.lines, "problems": job.problems}

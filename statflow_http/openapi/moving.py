"""Imports, and the export."""

from statflow_http.accounts.keys import Scope
from statflow_http.api.v1_imports import UrlMessage
from statflow_http.moving.exports import STREAMED
from statflow_http.moving.jobs import CANCELLED, DONE, FAILED, QUEUED, RUNNING
from statflow_http.moving.sources import FORMATS
from statflow_http.openapi.operations import JSON, TEXT, Operation, Schema, query
from statflow_http.openapi.schemas import COUNT, CURSOR, LIMIT, TIME, document, done, maybe, page

COUNTS: Schema = {"type": "object", "additionalProperties": COUNT}
SHORT_FIELDS = {
    "id": TEXT,
    "state": {"enum": [QUEUED, RUNNING, DONE, FAILED, CANCELLED]},
    "source": TEXT,
    "created_at": TIME,
    "started_at": maybe(TIME),
    "finished_at": maybe(TIME),
    "progress": document({"rows_read": COUNT, "rows_total": maybe(COUNT), "rows_done": COUNT}),
    "summary": maybe(COUNTS),
    "error": maybe(TEXT),
}
JOB_FIELDS = SHORT_FIELDS | {
    "skipped": COUNTS,
    "lines": {"type": "array", "items": TEXT},
    "problems": {"type": "array", "items": {"type": "object"}},
}
FILE: Schema = {"type": "string", "description": "The file, as it is."}

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "get",
        "/v1/imports",
        "listImports",
        "A page of imports, newest first.",
        Scope.READ,
        page("imports", document(SHORT_FIELDS)),
        parameters=(LIMIT, CURSOR),
    ),
    Operation(
        "post",
        "/v1/imports",
        "startImport",
        "Import the file that is the body, or from the server that a JSON body names.",
        Scope.FULL,
        done(JOB_FIELDS),
        parameters=(
            query("filename", "What the file is called."),
            query("format", "What it is; default: what it looks like.", {"enum": list(FORMATS)}),
        ),
        bodies={"text/csv": FILE, "application/octet-stream": FILE, JSON: UrlMessage},
        success=202,
        headers={"Location": "Where the import is told of."},
    ),
    Operation(
        "get",
        "/v1/imports/{import_id}",
        "import",
        "How far an import is, and when it is over how it went.",
        Scope.READ,
        document(JOB_FIELDS),
        refusals=(404,),
    ),
    Operation(
        "delete",
        "/v1/imports/{import_id}",
        "cancelImport",
        "Stop an import; what it has brought stays.",
        Scope.FULL,
        done(JOB_FIELDS),
        refusals=(404,),
    ),
    Operation(
        "get",
        "/v1/export",
        "export",
        "Everything, or some stats, as a stream that another StatFlow takes in.",
        Scope.READ,
        {},
        parameters=(
            query("stat", "A name or a glob; several times if you like.", {"type": "array", "items": TEXT}),
            query("format", "What it is written as.", {"enum": list(STREAMED), "default": STREAMED[0]}),
        ),
        media={"application/x-ndjson": TEXT, "text/csv": TEXT},
        refusals=(404,),
    ),
)

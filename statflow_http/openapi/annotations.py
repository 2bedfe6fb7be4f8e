"""Notes on moments."""

from statflow_http.accounts.keys import Scope
from statflow_http.api.v1_annotations import AnnotationMessage
from statflow_http.openapi.operations import JSON, TEXT, Operation, query
from statflow_http.openapi.schemas import CURSOR, FROM, LIMIT, TIME, TO, document, done, maybe, page

NOTE_FIELDS = {
    "id": TEXT,
    "text": TEXT,
    "t": TIME,
    "stat": maybe(TEXT),
    "stat_id": maybe(TEXT),
    "created_at": TIME,
}

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "get",
        "/v1/annotations",
        "listAnnotations",
        "A page of the notes of a range, by their moments.",
        Scope.READ,
        page("annotations", document(NOTE_FIELDS)),
        parameters=(query("stat", "Those of this stat, and those of all stats."), FROM, TO, LIMIT, CURSOR),
        refusals=(404,),
    ),
    Operation(
        "post",
        "/v1/annotations",
        "makeAnnotation",
        "Write a note down.",
        Scope.FULL,
        done(NOTE_FIELDS),
        bodies={JSON: AnnotationMessage},
        example={"text": "version 2 is out", "stat": "page views"},
        refusals=(404,),
    ),
    Operation(
        "get",
        "/v1/annotations/{annotation_id}",
        "annotation",
        "One note.",
        Scope.READ,
        document(NOTE_FIELDS),
        refusals=(404,),
    ),
    Operation(
        "patch",
        "/v1/annotations/{annotation_id}",
        "changeAnnotation",
        "Change the text or the moment of a note.",
        Scope.FULL,
        done(NOTE_FIELDS),
        bodies={JSON: AnnotationMessage},
        example={"text": "version 2.0.1 is out"},
        refusals=(404,),
    ),
    Operation(
        "delete",
        "/v1/annotations/{annotation_id}",
        "deleteAnnotation",
        "Remove a note.",
        Scope.FULL,
        done({}),
        refusals=(404,),
    ),
)

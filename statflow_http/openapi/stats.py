"""Reading: the list of stats, one stat, several at once; a stat's properties; the trash."""

from statflow_http.accounts.keys import Scope
from statflow_http.api.v1_query import FORMATS
from statflow_http.api.v1_read import PropertiesMessage
from statflow_http.openapi.operations import JSON, TEXT, Operation, query
from statflow_http.openapi.schemas import (
    AGG,
    AGGREGATE,
    CURSOR,
    FILL,
    FROM,
    KIND,
    LIMIT,
    STAT_FIELDS,
    STEP,
    TIME,
    TO,
    TZ,
    document,
    done,
    page,
    ref,
)
from statflow_http.wire.limits import PATTERNS_MAX

POINTS = {"type": "array", "items": ref("Row")}
SERIES = document({"name": TEXT, "kind": KIND, "agg": AGG, "points": POINTS})
ANSWER = document({"series": {"type": "array", "items": SERIES}}, {"from": TIME, "to": TIME, "step": TEXT})
TRASHED_FIELDS = {
    "id": TEXT,
    "name": TEXT,
    "kind": KIND,
    "created_at": TIME,
    "deleted_at": TIME,
    "expires_at": TIME,
}

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "get",
        "/v1/stats",
        "listStats",
        "A page of the stats, in the order in which they were made.",
        Scope.READ,
        page("stats", ref("Stat")),
        parameters=(query("q", "Words that the name must hold, or a glob."), LIMIT, CURSOR),
    ),
    Operation(
        "get",
        "/v1/stat/{name}",
        "stat",
        "A stat with its points in a range.",
        Scope.READ,
        document(STAT_FIELDS | {"from": TIME, "to": TIME, "step": TEXT, "agg": AGG, "points": POINTS}),
        parameters=(FROM, TO, STEP, AGGREGATE, FILL, TZ),
        refusals=(404,),
    ),
    Operation(
        "patch",
        "/v1/stat/{name}",
        "changeStat",
        "Set whether everybody may see a stat, and its unit.",
        Scope.FULL,
        done(STAT_FIELDS),
        bodies={JSON: PropertiesMessage},
        example={"public": True, "unit": "ms"},
        refusals=(404,),
    ),
    Operation(
        "delete",
        "/v1/stat/{name}",
        "deleteStat",
        "Move a stat to the trash, where it waits 48 hours.",
        Scope.FULL,
        done(TRASHED_FIELDS),
        refusals=(404,),
    ),
    Operation(
        "get",
        "/v1/query",
        "query",
        "Several stats over one range with one step.",
        Scope.READ,
        ANSWER,
        parameters=(
            query(
                "stat",
                "A name or a glob; several times if you like.",
                {"type": "array", "items": TEXT, "minItems": 1, "maxItems": PATTERNS_MAX},
                required=True,
            ),
            FROM,
            TO,
            STEP,
            AGGREGATE,
            FILL,
            TZ,
            query("combine", "Add all of them up.", {"enum": ["sum"]}),
            query("shift", "Show an earlier period, moved to this one: such as 1d or 1w."),
            query("format", "CSV also by Accept.", {"enum": list(FORMATS), "default": FORMATS[0]}),
        ),
        media={JSON: ANSWER, "text/csv": TEXT},
        refusals=(404,),
    ),
    Operation(
        "get",
        "/v1/trash",
        "listTrash",
        "A page of deleted stats.",
        Scope.READ,
        page("trash", document(TRASHED_FIELDS)),
        parameters=(LIMIT, CURSOR),
    ),
    Operation(
        "post",
        "/v1/trash/{stat_id}/restore",
        "restoreStat",
        "Take a stat out of the trash, with all its points.",
        Scope.FULL,
        done(STAT_FIELDS),
        refusals=(404, 409),
    ),
)

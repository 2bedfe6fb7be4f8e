"""What is expected of a stat, and what was unusual."""

from statflow_http.accounts.keys import Scope
from statflow_http.alerts.automatic import Sensitivity
from statflow_http.api.v1_outlook import HORIZON_DEFAULT, HORIZON_MAX, STEP_DEFAULT
from statflow_http.insight.outlooks import FORECAST, WATCHED
from statflow_http.openapi.operations import TEXT, Operation, query
from statflow_http.openapi.schemas import KIND, NUMBER, TIME, TO, TZ, document, maybe

STAT = {"id": TEXT, "name": TEXT, "kind": KIND}
BAND = {"mean": NUMBER, "low": NUMBER, "high": NUMBER}
NOTE = {"note": maybe({"type": "string", "description": "Why nothing, or not everything, can be said."})}
SENSITIVITY = {"enum": [each.value for each in Sensitivity]}
POINT = document({"time": TIME} | BAND)
UNUSUAL = document({"time": TIME, "end": TIME, "value": NUMBER} | BAND | {"score": NUMBER, "text": TEXT})

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "get",
        "/v1/stats/{stat_id}/forecast",
        "forecast",
        "The rows to come, with a band that nine of ten should lie in; the first is the row that runs.",
        Scope.READ,
        document(
            STAT
            | {"step": {"enum": list(FORECAST)}, "tz": TEXT, "coverage": NUMBER}
            | NOTE
            | {"points": {"type": "array", "items": POINT}}
        ),
        parameters=(
            query("step", "How long a row is.", {"enum": list(FORECAST), "default": STEP_DEFAULT}),
            query(
                "horizon",
                "How many rows.",
                {"type": "integer", "minimum": 1, "maximum": HORIZON_MAX, "default": HORIZON_DEFAULT},
            ),
            TZ,
        ),
        refusals=(404,),
    ),
    Operation(
        "get",
        "/v1/stats/{stat_id}/anomalies",
        "anomalies",
        "The rows of a range that are unlike those before, each with a sentence.",
        Scope.READ,
        document(
            STAT
            | {"step": {"enum": list(WATCHED)}, "from": TIME, "to": TIME, "tz": TEXT}
            | {"sensitivity": SENSITIVITY, "threshold": NUMBER}
            | NOTE
            | {"anomalies": {"type": "array", "items": UNUSUAL}}
        ),
        parameters=(
            query("step", "How long a row is.", {"enum": list(WATCHED), "default": STEP_DEFAULT}),
            query("from", "First moment, Unix seconds or RFC 3339; default: seven days before `to`."),
            TO,
            query("sensitivity", "How unusual a row must be; default: as automatic alerts are set.", SENSITIVITY),
            TZ,
        ),
        refusals=(404,),
    ),
)

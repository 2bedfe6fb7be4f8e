"""Alert rules, and automatic alerts."""

from statflow_http.accounts.keys import Scope
from statflow_http.alerts.automatic import AutomaticWish, Sensitivity
from statflow_http.alerts.rules import Operator, RuleKind, RuleWish
from statflow_http.openapi.operations import JSON, TEXT, Operation, query
from statflow_http.openapi.schemas import CURSOR, FLAG, LIMIT, NUMBER, TIME, document, done, maybe, page

FORM = "application/x-www-form-urlencoded"
RULE_FIELDS = {
    "id": TEXT,
    "stat": TEXT,
    "stat_id": TEXT,
    "kind": {"enum": list(RuleKind)},
    "time_window": TEXT,
    "operator": maybe({"enum": list(Operator)}),
    "threshold": maybe(NUMBER),
    "percentage": maybe(NUMBER),
    "time_delta": maybe(TEXT),
    "created_at": TIME,
}
AUTOMATIC_FIELDS = {"on": FLAG, "sensitivity": {"enum": list(Sensitivity)}}
STAT = query("stat", "The name of the stat; default: all that have no setting of their own.")

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "get",
        "/v1/alerts",
        "listAlerts",
        "A page of alerts, oldest first.",
        Scope.READ,
        page("alerts", document(RULE_FIELDS)),
        parameters=(LIMIT, CURSOR),
    ),
    Operation(
        "post",
        "/v1/alerts",
        "makeAlert",
        "Make an alert.",
        Scope.FULL,
        done(RULE_FIELDS),
        bodies={JSON: RuleWish, FORM: RuleWish},
        example={
            "stat": "page views",
            "kind": "value",
            "time_window": "1h",
            "operator": "greater than",
            "threshold": 500,
        },
        refusals=(404,),
    ),
    Operation(
        "get", "/v1/alerts/{alert_id}", "alert", "One alert.", Scope.READ, document(RULE_FIELDS), refusals=(404,)
    ),
    Operation(
        "patch",
        "/v1/alerts/{alert_id}",
        "changeAlert",
        "Change an alert: anything but its stat.",
        Scope.FULL,
        done(RULE_FIELDS),
        bodies={JSON: RuleWish},
        example={"threshold": 600},
        refusals=(404,),
    ),
    Operation(
        "delete", "/v1/alerts/{alert_id}", "deleteAlert", "Remove an alert.", Scope.FULL, done({}), refusals=(404,)
    ),
    Operation(
        "get",
        "/v1/alerts/automatic",
        "automaticAlerts",
        "Whether anomalies are told of, of one stat or of all.",
        Scope.READ,
        document(AUTOMATIC_FIELDS),
        parameters=(STAT,),
        refusals=(404,),
    ),
    Operation(
        "patch",
        "/v1/alerts/automatic",
        "changeAutomaticAlerts",
        "Turn that on or off, or choose how easily.",
        Scope.FULL,
        done(AUTOMATIC_FIELDS),
        parameters=(STAT,),
        bodies={JSON: AutomaticWish},
        example={"on": True, "sensitivity": "high"},
        refusals=(404,),
    ),
)

"""Alert rules, how they are and why, what they would have found; automatic alerts."""

from statflow_http.accounts.keys import Scope
from statflow_http.alerts.accounts import AlertWish
from statflow_http.alerts.automatic import Sensitivity
from statflow_http.alerts.rules import HOLDS_S, REPEATS_S, Operator, RuleKind
from statflow_http.alerts.silencing import SilenceWish
from statflow_http.alerts.states import Status
from statflow_http.api.v1_alerts import AutomaticMessage, RuleMessage
from statflow_http.openapi.operations import JSON, TEXT, Operation, query
from statflow_http.openapi.schemas import COUNT, CURSOR, FLAG, LIMIT, NUMBER, TIME, document, done, maybe, page

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
    "receivers": {"type": "array", "items": TEXT, "description": "Who is told; none: all of the account."},
    "hold": {"enum": list(HOLDS_S), "description": "How long the condition must hold before the alert opens."},
    "repeat": {"enum": list(REPEATS_S), "description": "After how long an open alert is told of again."},
    "created_at": TIME,
    "state": {"enum": list(Status)},
    "since": maybe(TIME),
    "opened_at": maybe(TIME),
    "silenced_until": maybe(TIME),
}
FIGURE_FIELDS = {
    "number": maybe(NUMBER),
    "before": maybe(NUMBER),
    "percent": maybe(NUMBER),
    "from": maybe(TIME),
    "to": maybe(TIME),
    "met": maybe(FLAG),
    "lack": maybe(TEXT),
}
OPENED_FIELDS = FIGURE_FIELDS | {"text": TEXT}
ENTRY_FIELDS = {"at": TIME, "state": {"enum": list(Status)}, "told": maybe(TEXT), "silenced": FLAG} | OPENED_FIELDS
OPENING = document({"from": TIME, "to": maybe(TIME), "extreme": maybe(NUMBER)})
PREVIEW_FIELDS = {
    "text": TEXT,
    "now": document(FIGURE_FIELDS),
    "from": TIME,
    "step": COUNT,
    "count": COUNT,
    "openings": {"type": "array", "items": OPENING},
}
SETTINGS_FIELDS = {"weekly_report": FLAG, "owner_mails": FLAG}
EXAMPLE = {"stat": "page views", "kind": "value", "time_window": "1h", "operator": "greater than", "threshold": 500}
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
        bodies={JSON: RuleMessage, FORM: RuleMessage},
        example=EXAMPLE,
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
        bodies={JSON: RuleMessage},
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
        bodies={JSON: AutomaticMessage},
        example={"on": True, "sensitivity": "high"},
        refusals=(404,),
    ),
    Operation(
        "post",
        "/v1/alerts/preview",
        "previewAlert",
        "What an alert finds now, and when it would have been open in the last 30 days.",
        Scope.READ,
        document(PREVIEW_FIELDS),
        bodies={JSON: RuleMessage, FORM: RuleMessage},
        example=EXAMPLE,
        refusals=(404,),
    ),
    Operation(
        "get",
        "/v1/alerts/{alert_id}/why",
        "whyAlert",
        "The numbers that an alert compares now, and those at which it opened.",
        Scope.READ,
        document(
            RULE_FIELDS | {"text": TEXT, "now": document(FIGURE_FIELDS), "opened": maybe(document(OPENED_FIELDS))}
        ),
        refusals=(404,),
    ),
    Operation(
        "get",
        "/v1/alerts/{alert_id}/history",
        "alertHistory",
        "What became of an alert, newest first: its last hundred changes.",
        Scope.READ,
        page("history", document(ENTRY_FIELDS)),
        refusals=(404,),
    ),
    Operation(
        "post",
        "/v1/alerts/{alert_id}/silence",
        "silenceAlert",
        "Tell nobody of an alert for some hours; 24 when none are given.",
        Scope.FULL,
        done(RULE_FIELDS),
        bodies={JSON: SilenceWish},
        example={"hours": 24},
        refusals=(404,),
    ),
    Operation(
        "delete",
        "/v1/alerts/{alert_id}/silence",
        "unsilenceAlert",
        "Tell of it again.",
        Scope.FULL,
        done(RULE_FIELDS),
        refusals=(404,),
    ),
    Operation(
        "get",
        "/v1/alerts/settings",
        "alertSettings",
        "What the account is told by mail besides its alerts.",
        Scope.READ,
        document(SETTINGS_FIELDS),
    ),
    Operation(
        "patch",
        "/v1/alerts/settings",
        "changeAlertSettings",
        "Choose it: a weekly report; alerts to the owner while there are no receivers.",
        Scope.FULL,
        done(SETTINGS_FIELDS),
        bodies={JSON: AlertWish},
        example={"weekly_report": True},
    ),
)

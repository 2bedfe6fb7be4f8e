"""Dashboards, and links to them."""

from statflow_http.accounts.keys import Scope
from statflow_http.api.v1_dashboards import CopyMessage, DashboardMessage, ShareMessage
from statflow_http.dashboards.tiles import KINDS, PERIODS, SIZES
from statflow_http.openapi.operations import JSON, TEXT, Operation, Schema
from statflow_http.openapi.schemas import CURSOR, FLAG, LIMIT, TIME, document, done, maybe, page

TILE = document(
    {
        "id": TEXT,
        "kind": {"enum": list(KINDS)},
        "stats": {"type": "array", "items": TEXT, "minItems": 1, "maxItems": 3},
        "title": TEXT,
        "size": {"enum": list(SIZES)},
        "period": {"enum": list(PERIODS)},
    }
)
DASHBOARD_FIELDS: dict[str, Schema] = {
    "id": TEXT,
    "name": TEXT,
    "tiles": {"type": "array", "items": TILE},
    "created_at": TIME,
    "changed_at": TIME,
}
DELETED_FIELDS: dict[str, Schema] = {"id": TEXT, "name": TEXT, "deleted_at": TIME, "expires_at": TIME}
SHARE_FIELDS: dict[str, Schema] = {
    "id": TEXT,
    "label": TEXT,
    "has_password": FLAG,
    "created_at": TIME,
    "seen_at": maybe(TIME),
}
TOKEN_FIELDS: dict[str, Schema] = {
    "token": {"type": "string", "description": "Told this once."},
    "path": {"type": "string", "description": "Where people see the dashboard."},
    "frame_path": {"type": "string", "description": "The same for an iframe of any page."},
    "script_path": {"type": "string", "description": "A script that puts such an iframe where it stands."},
}
EXAMPLE: Schema = {
    "name": "The shop",
    "tiles": [{"kind": "line", "stats": ["page views"], "size": "wide", "period": "week"}],
}

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "get",
        "/v1/dashboards",
        "listDashboards",
        "A page of dashboards, oldest first.",
        Scope.READ,
        page("dashboards", document(DASHBOARD_FIELDS)),
        parameters=(LIMIT, CURSOR),
    ),
    Operation(
        "post",
        "/v1/dashboards",
        "makeDashboard",
        "Make a dashboard.",
        Scope.FULL,
        done(DASHBOARD_FIELDS),
        bodies={JSON: DashboardMessage},
        example=EXAMPLE,
        refusals=(404,),
    ),
    Operation(
        "get",
        "/v1/dashboards/{dashboard_id}",
        "dashboard",
        "One dashboard.",
        Scope.READ,
        document(DASHBOARD_FIELDS),
        refusals=(404,),
    ),
    Operation(
        "patch",
        "/v1/dashboards/{dashboard_id}",
        "changeDashboard",
        "Change the name of a dashboard, its tiles, or both.",
        Scope.FULL,
        done(DASHBOARD_FIELDS),
        bodies={JSON: DashboardMessage},
        example={"name": "The new shop"},
        refusals=(404,),
    ),
    Operation(
        "put",
        "/v1/dashboards/{dashboard_id}",
        "writeDashboard",
        "Write a whole dashboard anew.",
        Scope.FULL,
        done(DASHBOARD_FIELDS),
        bodies={JSON: DashboardMessage},
        example=EXAMPLE,
        refusals=(404,),
    ),
    Operation(
        "delete",
        "/v1/dashboards/{dashboard_id}",
        "deleteDashboard",
        "Delete a dashboard; it can be restored for 48 hours.",
        Scope.FULL,
        done(DELETED_FIELDS),
        refusals=(404,),
    ),
    Operation(
        "post",
        "/v1/dashboards/{dashboard_id}/duplicate",
        "duplicateDashboard",
        "Make a dashboard with the same tiles.",
        Scope.FULL,
        done(DASHBOARD_FIELDS),
        bodies={JSON: CopyMessage},
        is_body_required=False,
        example={"name": "Another shop"},
        refusals=(404,),
    ),
    Operation(
        "get",
        "/v1/dashboards/deleted",
        "listDeletedDashboards",
        "A page of deleted dashboards that can be restored.",
        Scope.READ,
        page("dashboards", document(DELETED_FIELDS)),
        parameters=(LIMIT, CURSOR),
    ),
    Operation(
        "post",
        "/v1/dashboards/deleted/{deleted_id}/restore",
        "restoreDashboard",
        "Undo the deletion of a dashboard.",
        Scope.FULL,
        done(DASHBOARD_FIELDS),
        refusals=(404,),
    ),
    Operation(
        "get",
        "/v1/dashboards/{dashboard_id}/shares",
        "listShares",
        "A page of the links by which others see a dashboard, oldest first.",
        Scope.FULL,
        page("shares", document(SHARE_FIELDS)),
        parameters=(LIMIT, CURSOR),
        refusals=(404,),
    ),
    Operation(
        "post",
        "/v1/dashboards/{dashboard_id}/shares",
        "makeShare",
        "Make such a link, with a password or without.",
        Scope.FULL,
        done(SHARE_FIELDS | TOKEN_FIELDS),
        bodies={JSON: ShareMessage},
        example={"label": "for the board", "password": "correct horse"},
        refusals=(404,),
    ),
    Operation(
        "get",
        "/v1/dashboards/{dashboard_id}/shares/{share_id}",
        "share",
        "One link.",
        Scope.FULL,
        document(SHARE_FIELDS),
        refusals=(404,),
    ),
    Operation(
        "patch",
        "/v1/dashboards/{dashboard_id}/shares/{share_id}",
        "changeShare",
        'Change the label or the password of a link; a password "" takes it away.',
        Scope.FULL,
        done(SHARE_FIELDS),
        bodies={JSON: ShareMessage},
        example={"label": "for the office"},
        refusals=(404,),
    ),
    Operation(
        "delete",
        "/v1/dashboards/{dashboard_id}/shares/{share_id}",
        "revokeShare",
        "Revoke a link.",
        Scope.FULL,
        done({}),
        refusals=(404,),
    ),
)

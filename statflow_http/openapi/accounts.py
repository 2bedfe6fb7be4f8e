"""The account, its plan and its members."""

from statflow_http.accounts.accounts import AccountSettings
from statflow_http.accounts.keys import Scope
from statflow_http.api.v1_account import Applicant, NewMember
from statflow_http.openapi.keys import SECRET
from statflow_http.openapi.operations import JSON, TEXT, Operation
from statflow_http.openapi.schemas import COUNT, FLAG, TIME, document, done, maybe, page

ACCOUNT_FIELDS = {
    "id": TEXT,
    "created_at": TIME,
    "tz": TEXT,
    "tilde_join": {"enum": ["~", " "]},
    "new_stat_notices": FLAG,
}
LIMITS = ("stats", "points_a_month", "new_stats_a_minute", "requests_a_second")
PLAN = document({"name": TEXT} | {name: maybe(COUNT) for name in LIMITS})
USAGE = document({"month": TEXT, "points": COUNT, "refused": COUNT, "stats": COUNT, "resets_at": TIME})
MEMBER_FIELDS = {
    "id": TEXT,
    "email": TEXT,
    "role": {"enum": ["owner", "member"]},
    "created_at": TIME,
    "has_password": FLAG,
}
LOGIN_PATH = {"login_path": {"type": "string", "description": "The path of a page that signs them in, once."}}

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "get",
        "/v1/account",
        "account",
        "The account, its plan (null is no limit), and what it used of that this month.",
        Scope.READ,
        document(ACCOUNT_FIELDS | {"plan": PLAN, "usage": USAGE}),
    ),
    Operation(
        "patch",
        "/v1/account",
        "changeAccount",
        "Set time zone, how `~` joins names, and whether new stats are told of.",
        Scope.FULL,
        done(ACCOUNT_FIELDS),
        bodies={JSON: AccountSettings},
        example={"tz": "Europe/Berlin"},
    ),
    Operation(
        "post",
        "/v1/account",
        "signUp",
        "Make an account, where the server lets everybody in.",
        None,
        done({"id": TEXT, "email": TEXT} | SECRET),
        bodies={JSON: Applicant},
        example={"email": "ada@example.com", "password": "a long sentence is a good one"},
        refusals=(409,),
    ),
    Operation(
        "get",
        "/v1/account/members",
        "listMembers",
        "Who belongs to the account.",
        Scope.FULL,
        page("members", document(MEMBER_FIELDS)),
    ),
    Operation(
        "post",
        "/v1/account/members",
        "addMember",
        "Add somebody; without a password by a link.",
        Scope.FULL,
        done(MEMBER_FIELDS, LOGIN_PATH),
        bodies={JSON: NewMember},
        example={"email": "grace@example.com"},
        refusals=(409,),
    ),
    Operation(
        "delete",
        "/v1/account/members/{person_id}",
        "removeMember",
        "Remove somebody, who is signed out at once.",
        Scope.FULL,
        done(MEMBER_FIELDS),
        refusals=(404, 409),
    ),
)

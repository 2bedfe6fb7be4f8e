"""The keys of an account."""

from statflow_http.accounts.keys import KeyKind, Scope
from statflow_http.api.v1_keys import KeyChange, NewKey, Rotation
from statflow_http.openapi.operations import JSON, TEXT, Operation
from statflow_http.openapi.schemas import CURSOR, FLAG, LIMIT, TIME, document, done, maybe, page

KEY_FIELDS = {
    "id": TEXT,
    "key": {"type": "string", "description": "How the key is shown: its beginning."},
    "kind": {"enum": list(KeyKind)},
    "label": TEXT,
    "scope": {"enum": list(Scope)},
    "live": FLAG,
    "created_at": TIME,
    "expires_at": maybe(TIME),
    "revoked_at": maybe(TIME),
    "last_used_at": maybe(TIME),
}
SECRET = {"secret": {"type": "string", "description": "The key itself, in this answer and never again."}}

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "get",
        "/v1/keys",
        "listKeys",
        "A page of keys, revoked ones too, oldest first.",
        Scope.FULL,
        page("keys", document(KEY_FIELDS)),
        parameters=(LIMIT, CURSOR),
    ),
    Operation(
        "post",
        "/v1/keys",
        "makeKey",
        "Make a key; or add an old key of StatHat's, as `secret`.",
        Scope.FULL,
        done(KEY_FIELDS, SECRET),
        bodies={JSON: NewKey},
        example={"label": "shop", "scope": "write"},
        refusals=(409,),
    ),
    Operation(
        "patch",
        "/v1/keys/{key_id}",
        "changeKey",
        "Change label, scope or expiry of a key.",
        Scope.FULL,
        done(KEY_FIELDS),
        bodies={JSON: KeyChange},
        example={"label": "old shop"},
        refusals=(404, 409),
    ),
    Operation(
        "delete",
        "/v1/keys/{key_id}",
        "revokeKey",
        "Revoke a key.",
        Scope.FULL,
        done(KEY_FIELDS),
        refusals=(404,),
    ),
    Operation(
        "post",
        "/v1/keys/{key_id}/rotate",
        "rotateKey",
        "Make a key that may do the same; the old one works for some days more.",
        Scope.FULL,
        done(KEY_FIELDS | SECRET),
        bodies={JSON: Rotation},
        example={"grace_days": 7},
        is_body_required=False,
        refusals=(404, 409),
    ),
)

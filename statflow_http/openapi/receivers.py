"""Who is told of alerts, and by which server mails go."""

from statflow_http.accounts.keys import Scope
from statflow_http.alerts.mail_settings import TLS_MODES, MailWish
from statflow_http.alerts.notices import Outcome
from statflow_http.alerts.receivers import ReceiverKind, ReceiverWish
from statflow_http.api.v1_receivers import MailTestMessage, SecretRotation
from statflow_http.openapi.operations import JSON, TEXT, Operation
from statflow_http.openapi.schemas import COUNT, FLAG, LIMIT, TIME, document, done, maybe, page

RECEIVER_FIELDS = {
    "id": TEXT,
    "kind": {"enum": list(ReceiverKind)},
    "email": maybe(TEXT),
    "url": maybe(TEXT),
    "name": TEXT,
    "on": FLAG,
    "off_reason": maybe(TEXT),
    "old_secret_until": maybe(TIME),
    "created_at": TIME,
}
SECRET = {"secret": maybe({"type": "string", "description": "Of a webhook, in this answer and never again."})}
TRY = document({"at": TIME, "milliseconds": COUNT, "status": maybe(COUNT), "text": TEXT})
DELIVERY_FIELDS = {
    "id": {"type": "string", "description": "The `webhook-id`, the same on every try."},
    "type": TEXT,
    "text": TEXT,
    "state": {"enum": list(Outcome)},
    "created_at": TIME,
    "finished_at": maybe(TIME),
    "next_at": maybe(TIME),
    "try_count": COUNT,
    "tries": {"type": "array", "items": TRY},
}
MAIL_FIELDS = {
    "host": TEXT,
    "port": COUNT,
    "user": TEXT,
    "has_password": FLAG,
    "sender": TEXT,
    "tls": {"enum": list(TLS_MODES)},
    "public_url": TEXT,
    "fixed": {"type": "array", "items": TEXT, "description": "What was set at the start of the server."},
}
PATH = "/v1/receivers/{receiver_id}"

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "get",
        "/v1/receivers",
        "listReceivers",
        "All receivers of the account, oldest first.",
        Scope.FULL,
        page("receivers", document(RECEIVER_FIELDS)),
    ),
    Operation(
        "post",
        "/v1/receivers",
        "makeReceiver",
        "Make a receiver: a mailbox by `email`, a webhook by `url`, or a service by one of Apprise's URLs.",
        Scope.FULL,
        done(RECEIVER_FIELDS | SECRET),
        bodies={JSON: ReceiverWish},
        example={"email": "ada@example.com"},
    ),
    Operation(
        "get",
        PATH,
        "receiver",
        "One receiver, without its secret.",
        Scope.FULL,
        document(RECEIVER_FIELDS),
        refusals=(404,),
    ),
    Operation(
        "patch",
        PATH,
        "changeReceiver",
        "Name a receiver, or turn it on or off.",
        Scope.FULL,
        done(RECEIVER_FIELDS),
        bodies={JSON: ReceiverWish},
        example={"name": "on call"},
        refusals=(404,),
    ),
    Operation(
        "delete",
        PATH,
        "deleteReceiver",
        "Remove a receiver that no alert names, with what waits for it.",
        Scope.FULL,
        done({}),
        refusals=(404, 409),
    ),
    Operation(
        "post",
        f"{PATH}/test",
        "testReceiver",
        "Send a receiver a notice that says that it is a test.",
        Scope.FULL,
        done(DELIVERY_FIELDS),
        success=202,
        refusals=(404,),
    ),
    Operation(
        "get",
        f"{PATH}/deliveries",
        "listDeliveries",
        "What a receiver was sent, or is to be, newest first, with every try.",
        Scope.FULL,
        page("deliveries", document(DELIVERY_FIELDS)),
        parameters=(LIMIT,),
        refusals=(404,),
    ),
    Operation(
        "post",
        f"{PATH}/rotate",
        "rotateReceiverSecret",
        "Give a webhook a new secret; the old one signs beside it for some hours more.",
        Scope.FULL,
        done(RECEIVER_FIELDS | SECRET),
        bodies={JSON: SecretRotation},
        is_body_required=False,
        refusals=(404, 409),
    ),
    Operation(
        "get",
        "/v1/mail",
        "mailSettings",
        "By which server mails go; for the server's owner.",
        Scope.FULL,
        document(MAIL_FIELDS),
    ),
    Operation(
        "patch",
        "/v1/mail",
        "changeMailSettings",
        "Set it.",
        Scope.FULL,
        done(MAIL_FIELDS),
        bodies={JSON: MailWish},
        example={"tls": "starttls"},
        refusals=(409,),
    ),
    Operation(
        "post",
        "/v1/mail/test",
        "testMail",
        "Send a mail now, and tell what the mail server says.",
        Scope.FULL,
        done({"delivered": FLAG, "text": TEXT}),
        bodies={JSON: MailTestMessage},
        example={"to": "ada@example.com"},
    ),
)

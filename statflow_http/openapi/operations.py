"""What is told of one operation, and how that reads in OpenAPI. Pure."""

from dataclasses import dataclass, field
from typing import Any

import msgspec

from statflow_http.accounts.keys import Scope

Schema = dict[str, Any]

REF = "#/components/schemas/{name}"
JSON = "application/json"
MSGPACK = "application/msgpack"

# Answers that any operation with a key may give.
OF_A_KEY = (400, 401, 403, 429, 503)
# And those of one with a body.
OF_A_BODY = (411, 413, 415)

REFUSALS = {
    400: "The request is not understood; ``msg`` says what was met and what is wanted.",
    401: "No API key, or one that is unknown or revoked.",
    403: "The key may not do this.",
    404: "Nothing of this name or id belongs to the sender.",
    409: "It is taken, or of the other kind.",
    411: "The body has no Content-Length.",
    413: "The body is too large, or has too many points.",
    415: "The body is of another type, or compressed.",
    422: "The idempotency key was used for another request.",
    429: "Over a limit: of the plan, of requests a second, or of how many of these an account may have.",
    503: "The store cannot serve now: try again later.",
}
RETRIES = frozenset({429, 503})


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path.

    Attributes:
        scope: of the key that it needs; None: it needs none.
        parameters: those of the path are made from the path.
        bodies: by media type, what the body may be: a struct that decodes it, or a schema.
        is_body_required: whether there must be one.
        example: of a body.
        answer: schema of the JSON body when all is well.
        media: by media type, what that may be in its place.
        success: the status when all is well.
        refusals: statuses beyond `OF_A_KEY` and `OF_A_BODY`.
        headers: of a 200, by name.
    """

    method: str
    path: str
    id: str
    summary: str
    scope: Scope | None
    answer: Schema
    parameters: tuple[Schema, ...] = ()
    bodies: dict[str, Any] = field(default_factory=dict)
    is_body_required: bool = True
    example: Schema | None = None
    media: dict[str, Schema] = field(default_factory=dict)
    success: int = 200
    refusals: tuple[int, ...] = ()
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def structs(self) -> list[type[msgspec.Struct]]:
        """The structs of its bodies."""
        return [body for body in self.bodies.values() if isinstance(body, type)]

    @property
    def statuses(self) -> list[int]:
        """Every status that it may answer."""
        of_a_key = OF_A_KEY if self.scope is not None else (400, 403, 429, 503)
        return sorted({self.success, *of_a_key, *(OF_A_BODY if self.bodies else ()), *self.refusals})

    def told(self) -> Schema:
        """The operation object."""
        told: Schema = {
            "operationId": self.id,
            "summary": self.summary,
            "tags": [self.path.split("/")[2]],
            "parameters": [*path_parameters(self.path), *self.parameters],
            "responses": {str(status): self._response(status) for status in self.statuses},
            "security": [] if self.scope is None else [{"bearer": []}],
        }
        if self.scope is not None:
            told["description"] = f"Needs a key of scope `{self.scope.value}`" + (
                "." if self.scope is Scope.FULL else " or `full`."
            )
        if self.bodies:
            shown = {} if self.example is None else {"example": self.example}
            content = {media_type: {"schema": schema_of(body)} | shown for media_type, body in self.bodies.items()}
            told["requestBody"] = {"required": self.is_body_required, "content": content}
        return told

    def _response(self, status: int) -> Schema:
        return self._success() if status == self.success else {"$ref": f"#/components/responses/{status}"}

    def _success(self) -> Schema:
        schemas = self.media or {JSON: self.answer}
        told: Schema = {
            "description": "Done.",
            "content": {media_type: {"schema": schema} for media_type, schema in schemas.items()},
        }
        if self.headers:
            told["headers"] = {
                name: {"description": text, "schema": {"type": "string"}} for name, text in self.headers.items()
            }
        return told


def schema_of(body: Any) -> Schema:
    """The schema of a body; that of a struct lies in the components."""
    return {"$ref": REF.format(name=body.__name__)} if isinstance(body, type) else body


PATH_PARAMETERS = {
    "name": "The name of a stat, percent-encoded; it may hold slashes.",
    "stat_id": "The id of a stat.",
}


def path_parameters(path: str) -> list[Schema]:
    """The parameters in the braces of a path."""
    names = [part.partition("}")[0] for part in path.split("{")[1:]]
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": PATH_PARAMETERS.get(name, "An id, as the list gives it."),
            "schema": {"type": "string", "minLength": 1, "maxLength": 255},
        }
        for name in names
    ]


def query(name: str, description: str, schema: Schema | None = None, *, required: bool = False) -> Schema:
    """A parameter of the query string."""
    wanted = {"type": "string"} if schema is None else schema
    return {"name": name, "in": "query", "description": description, "required": required, "schema": wanted}


def refusal(status: int) -> Schema:
    """The response object of an error."""
    headers: Schema = {"X-Request-Id": {"description": "By which the server's logs name it.", "schema": TEXT}}
    if status == 401:
        headers["WWW-Authenticate"] = {"schema": TEXT}
    if status in RETRIES:
        headers["Retry-After"] = {"description": "Seconds, where waiting helps.", "schema": TEXT}
    return {
        "description": REFUSALS[status],
        "headers": headers,
        "content": {JSON: {"schema": {"$ref": REF.format(name="Error")}}},
    }


TEXT: Schema = {"type": "string"}

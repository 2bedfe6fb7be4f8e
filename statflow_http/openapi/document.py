"""The whole description, and the resource that gives it out."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import falcon
import msgspec

from statflow_http.front.answers import Answer
from statflow_http.front.headers import respond
from statflow_http.openapi import (
    accounts,
    alerts,
    annotations,
    dashboards,
    keys,
    moving,
    outlook,
    receivers,
    stats,
    writing,
)
from statflow_http.openapi.operations import REF, REFUSALS, Operation, Schema, refusal
from statflow_http.openapi.schemas import NAMED

OPERATIONS: tuple[Operation, ...] = (
    *writing.OPERATIONS,
    *stats.OPERATIONS,
    *outlook.OPERATIONS,
    *alerts.OPERATIONS,
    *receivers.OPERATIONS,
    *annotations.OPERATIONS,
    *dashboards.OPERATIONS,
    *keys.OPERATIONS,
    *accounts.OPERATIONS,
    *moving.OPERATIONS,
)

# These two are also names that a stat can have, so that their route is that of any name.
NAMED_PATHS = {"/v1/stat/count": "/v1/stat/{name}", "/v1/stat/value": "/v1/stat/{name}"}

ABOUT = """Send a number under a name, and it is kept, rolled up and charted.

An API key goes into `Authorization: Bearer`. Times are Unix seconds, ranges half-open. Every list has pages. HEAD works
where GET does."""


def description(operations: Iterable[Operation], base: str = "/") -> Schema:
    """The OpenAPI document of some operations; ``base`` is where the API is mounted."""
    paths: dict[str, Schema] = {}
    structs: list[type[msgspec.Struct]] = []
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method] = operation.told()
        structs += operation.structs
    _, schemas = msgspec.json.schema_components(structs, ref_template=REF)
    return {
        "openapi": "3.1.0",
        "info": {"title": "StatFlow", "version": "1", "description": ABOUT},
        "servers": [{"url": base}],
        "paths": paths,
        "components": {
            "schemas": NAMED | schemas,
            "responses": {str(status): refusal(status) for status in REFUSALS},
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "description": "An API key."}},
        },
    }


def served(routes: Mapping[str, object]) -> Iterator[Operation]:
    """The operations that an app with these routes has."""
    plain = {path.replace(":path}", "}"): resource for path, resource in routes.items()}
    for operation in OPERATIONS:
        resource = plain.get(NAMED_PATHS.get(operation.path, operation.path))
        if resource is not None and hasattr(resource, f"on_{operation.method}"):
            yield operation


class Description:
    """``GET /openapi.json``.

    Args:
        routes: what the app serves, by path.
    """

    def __init__(self, routes: Mapping[str, object]) -> None:
        self._told: dict[str, Any] = description(served(routes))

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """The description, with the path under which this app is mounted."""
        told = self._told | {"servers": [{"url": req.root_path or "/"}]}
        respond(resp, Answer(200, msgspec.json.encode(told)))

    on_head = on_get

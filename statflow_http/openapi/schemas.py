"""Schemas and parameters that several surfaces share. Pure."""

from typing import Any

from statflow_http.openapi.operations import REF, TEXT, Schema, query
from statflow_http.stats.series_rows import AGGREGATES, FILLS
from statflow_http.wire.limits import PAGE_DEFAULT, PAGE_MAX

NUMBER: Schema = {"type": "number"}
COUNT: Schema = {"type": "integer", "minimum": 0}
FLAG: Schema = {"type": "boolean"}
TIME: Schema = {"type": "integer", "description": "Unix seconds."}
KIND: Schema = {"enum": ["counter", "value"]}
OK: Schema = {"const": "ok"}


def maybe(schema: Schema) -> Schema:
    """The schema, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


def document(required: dict[str, Schema], optional: dict[str, Schema] | None = None) -> Schema:
    """An object with these fields and no others."""
    return {
        "type": "object",
        "properties": required | (optional or {}),
        "required": list(required),
        "additionalProperties": False,
    }


def done(fields: dict[str, Schema], optional: dict[str, Schema] | None = None) -> Schema:
    """The answer to a change: ``"msg": "ok"``, and what is there now."""
    return document({"msg": OK} | fields, optional)


def page(name: str, item: Schema) -> Schema:
    """A page of a list, and the cursor of the next one."""
    return document({name: {"type": "array", "items": item}, "cursor": maybe(TEXT)})


def ref(name: str) -> Schema:
    """One of the schemas that have a name."""
    return {"$ref": REF.format(name=name)}


STAT_FIELDS: dict[str, Schema] = {
    "id": TEXT,
    "name": TEXT,
    "kind": KIND,
    "created_at": TIME,
    "received_at": maybe(TIME),
    "key": {"type": "string", "description": "Its classic key, as StatHat's clients send it."},
    "public": FLAG,
    "unit": TEXT,
    "imported_key": maybe(TEXT),
    "embed_key": TEXT,
}
ROW = document({"time": TIME, "value": maybe(NUMBER), "count": COUNT})
AGG: Schema = {"enum": list(AGGREGATES)}
ERROR = document({"msg": TEXT})
NAMED: dict[str, Any] = {"Stat": document(STAT_FIELDS), "Row": ROW, "Error": ERROR}

LIMIT = query(
    "limit",
    "How many entries a page has.",
    {"type": "integer", "minimum": 1, "maximum": PAGE_MAX, "default": PAGE_DEFAULT},
)
CURSOR = query("cursor", "The `cursor` of the page before.")
FROM = query("from", "First moment, Unix seconds or RFC 3339; default: a day before `to`.")
TO = query("to", "The moment after the last, Unix seconds or RFC 3339; default: now.")
STEP = query("step", "Seconds, or such as 5m, 1h, 1d, 1w, 1M.")
TZ = query("tz", "The time zone of days, weeks, months and years; default: the account's.")
AGGREGATE = query("agg", "Which number a row shows; default: the sum of a counter, the mean of a value.", AGG)
FILL = query("fill", "What a row without points shows.", {"enum": list(FILLS), "default": FILLS[0]})
IDEMPOTENCY_KEY: Schema = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "Makes a retry within 24 hours safe.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
}
REPLAYED = {"Idempotent-Replayed": "`true` where the same request was stored before."}

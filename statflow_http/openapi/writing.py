"""``POST /v1/stat``, ``/v1/stat/count``, ``/v1/stat/value`` and ``/v1/stats``."""

from typing import Any

from statflow_http.accounts.keys import Scope
from statflow_http.openapi.operations import JSON, MSGPACK, Operation, Schema
from statflow_http.openapi.schemas import COUNT, IDEMPOTENCY_KEY, REPLAYED, done
from statflow_http.wire.messages import BatchMessage, PackedBatchMessage, PointMessage


def _write(path: str, id_: str, summary: str, bodies: dict[str, Any], answer: Schema, example: Schema) -> Operation:
    return Operation(
        "post",
        path,
        id_,
        summary,
        Scope.WRITE,
        answer,
        parameters=(IDEMPOTENCY_KEY,),
        bodies=bodies,
        example=example,
        refusals=(409, 422),
        headers=REPLAYED,
    )


POINT = {JSON: PointMessage, MSGPACK: PointMessage}
BATCH = {JSON: BatchMessage, MSGPACK: PackedBatchMessage}
EXAMPLE: Schema = {"stats": [{"stat": "page views", "count": 1}, {"stat": "time", "value": 42.5, "t": 1_800_000_000}]}

OPERATIONS: tuple[Operation, ...] = (
    _write(
        "/v1/stat", "send", "Store a point: a count, or a value.", POINT, done({}), {"stat": "page views", "count": 1}
    ),
    _write("/v1/stat/count", "count", "Store a count.", POINT, done({}), {"stat": "page views", "count": 3}),
    _write("/v1/stat/value", "value", "Store a measured value.", POINT, done({}), {"stat": "time", "value": 42.5}),
    _write("/v1/stats", "sendBatch", "Store many points, all or none.", BATCH, done({"multiple": COUNT}), EXAMPLE),
)

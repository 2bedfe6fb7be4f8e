"""``/healthz`` says that the process answers; ``/readyz`` that it can store and show points."""

import falcon

from statflow_engine import StatFlowError, Status
from statflow_http.front.headers import respond
from statflow_http.front.protocols import V1
from statflow_http.services import Services

FOLD_OVERDUE_MAX_S = 60


class Health:
    """``GET /healthz``."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Always well, or there would be no answer."""
        resp.data = b'{"msg":"ok"}'

    on_head = on_get


class Ready:
    """``GET /readyz``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """503 while the store does not open, has no room, its journal is full, or its fold is a minute overdue."""
        try:
            why = why_not_ready(self._services.engine.status())
        except StatFlowError as error:
            why = f"the store does not open: {error}"
        if why is None:
            resp.data = b'{"msg":"ok"}'
        else:
            respond(resp, V1.refusal(503, why))

    on_head = on_get


def why_not_ready(status: Status) -> str | None:
    """What keeps a store from serving; None when nothing does."""
    if status.refusal is not None:
        return status.refusal
    # Points of a quiet server wait for each other for an hour, which is no lag.
    if status.fold_overdue_s > FOLD_OVERDUE_MAX_S:
        return f"the fold is {status.fold_overdue_s} s behind"
    return None

"""``GET /metrics``: what this server counts about itself, for Prometheus.

There are no names, keys or accounts in it, only how much there is of what. Even so it is not for everybody: by default
for programs on this machine that ask directly, and for others with a key of the owner's that may read.
"""

import ipaddress
from typing import Any

import falcon

from statflow_engine import StatFlowError, Status
from statflow_http.accounts.accounts import OWNER_ID
from statflow_http.accounts.keys import Scope
from statflow_http.errors import ScopeError
from statflow_http.front import auth
from statflow_http.metrics.slots import CONNECTIONS
from statflow_http.metrics.text import CONTENT_TYPE, text
from statflow_http.services import Services

# A request with one of these was handed on by a proxy, whose own address says nothing about who asks.
PROXY_HEADERS = ("HTTP_FORWARDED", "HTTP_X_FORWARDED_FOR", "HTTP_X_REAL_IP", "HTTP_VIA", "HTTP_X_FORWARDED_PROTO")


class MetricsText:
    """``GET /metrics``."""

    cross_origin = False

    def __init__(self, services: Services) -> None:
        self._services = services

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """The figures of all workers, whichever answers; also while the store does not open."""
        self._refuse_strangers(req.env)
        metrics = self._services.metrics
        connections = metrics.board.living(CONNECTIONS)
        resp.content_type = CONTENT_TYPE
        resp.data = text(metrics.board.totals().tolist(), connections, self._status(), metrics.alert_seen()).encode()

    on_head = on_get

    def _status(self) -> Status | None:
        try:
            return self._services.engine.status()
        except StatFlowError:
            return None

    def _refuse_strangers(self, environ: dict[str, Any]) -> None:
        """Raise for who may not see this."""
        access = self._services.options.metrics
        if access == "open" or (access == "local" and is_local(environ)):
            return
        sender = auth.sender(self._services.keys, environ, (), Scope.READ)
        if sender.account.id != OWNER_ID:
            raise ScopeError("metrics are for keys of the server's owner")


def is_local(environ: dict[str, Any]) -> bool:
    """Whether a program on this machine asks, and no proxy for somebody else."""
    if any(name in environ for name in PROXY_HEADERS):
        return False
    try:
        return ipaddress.ip_address(environ.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:  # a Unix socket, behind which is a proxy
        return False

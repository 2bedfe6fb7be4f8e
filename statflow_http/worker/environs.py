"""What WSGI environs have in common: of all requests of a worker, and of those of one connection."""

import ipaddress
import sys
from asyncio import BaseTransport
from typing import Any
from wsgiref.util import FileWrapper

from statflow_http.worker.requests import Environ
from statflow_http.writes import COMMITS_LATER


def environ_of_worker(cfg: Any) -> Environ:
    """The part of the environ that never changes; ``cfg`` are gunicorn's settings."""
    return {
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": cfg.workers > 1,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
        "wsgi.file_wrapper": FileWrapper,
        "SERVER_SOFTWARE": "statflow",
        "SCRIPT_NAME": "",
        COMMITS_LATER: True,
    }


def environ_of_peer(transport: BaseTransport) -> Environ:
    """Who speaks with whom; nobody has an address on a Unix socket."""
    peer = transport.get_extra_info("peername")
    here = transport.get_extra_info("sockname")
    if not isinstance(peer, tuple) or not isinstance(here, tuple):
        return {"REMOTE_ADDR": "", "REMOTE_PORT": "", "SERVER_NAME": str(here or ""), "SERVER_PORT": ""}
    return {
        "REMOTE_ADDR": peer[0],
        "REMOTE_PORT": str(peer[1]),
        "SERVER_NAME": here[0],
        "SERVER_PORT": str(here[1]),
    }


class Proxies:
    """Which peers are believed when they say that their client came by TLS.

    Args:
        cfg: gunicorn's settings: ``forwarded_allow_ips``, ``secure_scheme_headers``.
    """

    def __init__(self, cfg: Any) -> None:
        self._headers = tuple(
            ("HTTP_" + name.upper().replace("-", "_"), value) for name, value in cfg.secure_scheme_headers.items()
        )
        self._is_anyone = "*" in cfg.forwarded_allow_ips
        self._networks = [ipaddress.ip_network(one, strict=False) for one in cfg.forwarded_allow_ips if one != "*"]

    def schemes(self, environ: Environ) -> tuple[tuple[str, str], ...]:
        """(environ key, value that means https) of the headers in which this peer is believed; perhaps none."""
        return self._headers if self._believes(environ["REMOTE_ADDR"]) else ()

    def _believes(self, address: str) -> bool:
        if self._is_anyone or not address:  # on a Unix socket there is only who may open it
            return True
        try:
            peer = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(peer in network for network in self._networks)

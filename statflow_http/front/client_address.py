"""Where a request really comes from, when a proxy stands in front. Pure.

A proxy adds the address of its client at the end of ``X-Forwarded-For``; what stands before that, anybody may have
written. So the header is read from its end, past the proxies that are believed, and only when one of them sent it.
"""

import ipaddress
import os
from collections.abc import Mapping, Sequence
from typing import Any

Networks = Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network]

# As gunicorn has it, which believes the same proxies about https.
VARIABLE = "FORWARDED_ALLOW_IPS"
BELIEVED_DEFAULT = "127.0.0.1,::1"


def believed_networks(environ: Mapping[str, str] = os.environ) -> Networks:
    """The proxies that are believed: ``FORWARDED_ALLOW_IPS``, addresses or networks between commas, "*" for all.

    Raises:
        ValueError: one of them is no address.
    """
    texts = [text.strip() for text in environ.get(VARIABLE, BELIEVED_DEFAULT).split(",") if text.strip()]
    if "*" in texts:
        texts = ["0.0.0.0/0", "::/0"]
    return [ipaddress.ip_network(text, strict=False) for text in texts]


def client_address(environ: Mapping[str, Any], believed: Networks) -> str:
    """The address of who sent a request; "" where nobody knows, as on a Unix socket without a proxy's word."""
    address = str(environ.get("REMOTE_ADDR", ""))
    forwarded = str(environ.get("HTTP_X_FORWARDED_FOR", "")).split(",")
    while _is_believed(address, believed) and forwarded:
        before = _address(forwarded.pop())
        if before is None:
            return address
        address = before
    return address


def _is_believed(address: str, believed: Networks) -> bool:
    if not address:  # a Unix socket: there is only who may open it
        return True
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(found in network for network in believed)


def _address(text: str) -> str | None:
    """An entry of the header as an address; None when it is none. Some proxies add a port."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None

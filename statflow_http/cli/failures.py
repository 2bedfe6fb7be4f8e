"""Why a server does not answer, in a few words for who typed its address. Pure."""

import ssl

from urllib3 import exceptions

# The first that fits decides: some of them are of others, too.
REASONS: tuple[tuple[type[BaseException], str], ...] = (
    (exceptions.NameResolutionError, "no host has this name"),
    (ConnectionRefusedError, "nothing listens there"),
    (exceptions.ConnectTimeoutError, "no connection came about in time"),
    (exceptions.ReadTimeoutError, "it took the request, and no answer came in time"),
    (ssl.SSLCertVerificationError, "its certificate is not trusted"),
    (ssl.SSLError, "it does not speak TLS; try http://"),
    (exceptions.SSLError, "no TLS connection came about"),
    (exceptions.LocationValueError, "this is no address"),
    (ConnectionResetError, "it closed the connection"),
    (exceptions.ProtocolError, "what it says is no HTTP, or breaks off"),
    (TimeoutError, "no connection came about in time"),
    (exceptions.NewConnectionError, "there is no way to it"),
)


def reason(error: BaseException) -> str:
    """Why a request failed. What was refused is deep inside of what urllib3 raises."""
    chain = _chain(error)
    for cls, text in REASONS:
        if any(isinstance(one, cls) for one in chain):
            return text
    return type(error).__name__


def _chain(error: BaseException) -> list[BaseException]:
    """The error, and those that it is about, that it came from and that it was made of."""
    found: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        one = waiting.pop()
        if isinstance(one, BaseException) and one not in found:
            found.append(one)
            waiting += [getattr(one, "reason", None), one.__cause__, one.__context__, *one.args]
    return found

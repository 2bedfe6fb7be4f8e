"""gunicorn's logs without secrets: no query string, no Referer, no key, no line that a client wrote.

gunicorn's own access log writes the request line, so that every pixel with a key in its address would leave that key in
a file; and its error log quotes requests that it could not parse.
"""

import logging
import re
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from gunicorn.glogging import Logger as GunicornLogger

ACCESS_FORMAT = '%(h)s %(t)s "%(m)s %(U)s %(H)s" %(s)s %(B)s %(D)s'

# A key of ours anywhere, and anything at all under a name that keys travel by.
SECRETS = re.compile(r"\bsk_(?:live|test)_\w+|(?<=key=)[^&\s'\"]+|(?<=email=)[^&\s'\"]+|(?i:(?<=bearer ))\S+")


def masked(text: str) -> str:
    """The text with "..." for every key in it."""
    return SECRETS.sub("...", text)


class MaskingFormatter(logging.Formatter):
    """A formatter whose output, tracebacks included, holds no keys."""

    def format(self, record: logging.LogRecord) -> str:
        return masked(super().format(record))


class Logger(GunicornLogger):  # type: ignore[misc]  # gunicorn ships no types
    """gunicorn's logger, masked; it also takes what `statflow_http` logs."""

    def setup(self, cfg: Any) -> None:
        """Called at the start and on reload."""
        super().setup(cfg)
        for handler in (*self.error_log.handlers, *self.access_log.handlers):
            known = handler.formatter or logging.Formatter()
            handler.setFormatter(MaskingFormatter(known._fmt, known.datefmt))
        ours = logging.getLogger("statflow_http")
        ours.handlers = list(self.error_log.handlers)
        ours.setLevel(self.error_log.level)
        ours.propagate = False

    def atoms(self, resp: Any, req: Any, environ: dict[str, Any], request_time: timedelta) -> dict[str, Any]:
        """What `ACCESS_FORMAT` names, and no more: what is not here cannot be logged by mistake."""
        status = resp.status.split(None, 1)[0] if isinstance(resp.status, str) else resp.status
        return {
            "h": environ.get("REMOTE_ADDR", "-"),
            "t": self.now(),
            "m": environ.get("REQUEST_METHOD", "-"),
            # Percent-encoded again, so that a path with a line break in it stays one line.
            "U": quote(environ.get("PATH_INFO", "-").encode("latin-1"), safe="/~@:!$&'()*+,;="),
            "H": environ.get("SERVER_PROTOCOL", "-"),
            "s": status,
            "B": getattr(resp, "sent", 0),
            "D": request_time // timedelta(microseconds=1),
        }

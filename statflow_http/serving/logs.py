"""Logs without secrets, as text or as JSON: no query string, no Referer, no key, no line that a client wrote.

gunicorn's own access log writes the request line, so that every pixel with a key in its address would leave that key in
a file; and its error log quotes requests that it could not parse.
"""

import json
import logging
from datetime import UTC, datetime, timedelta
from typing import Any

from gunicorn.glogging import Logger as GunicornLogger

from statflow_http.front.masking import masked
from statflow_http.front.request_ids import context
from statflow_http.metrics.metrics import POINTS

__all__ = ["ACCESS_FORMAT", "JsonFormatter", "JsonLogger", "Logger", "MaskingFormatter", "masked"]

ACCESS_FORMAT = '%(h)s %(t)s "%(m)s %(U)s %(H)s" %(s)s %(B)s %(D)s %(p)s %(i)s'

# What a record may say of a request, and in this order a line of JSON does.
FIELDS = ("request_id", "method", "path", "status", "duration_ms", "points", "bytes", "client")


class MaskingFormatter(logging.Formatter):
    """A formatter whose output, tracebacks included, holds no keys."""

    def format(self, record: logging.LogRecord) -> str:
        return masked(super().format(record))


class JsonFormatter(logging.Formatter):
    """A line of JSON a record: time, level, logger, message, what is known of the request, and the traceback."""

    def format(self, record: logging.LogRecord) -> str:
        told = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": masked(record.getMessage()),
        }
        told |= {name: record.__dict__[name] for name in FIELDS if name in record.__dict__}
        if record.exc_info:
            told["exception"] = masked(self.formatException(record.exc_info))
        return json.dumps(told)


class Logger(GunicornLogger):  # type: ignore[misc]  # gunicorn ships no types
    """gunicorn's logger, masked; it also takes what `statflow_http` and `statflow_engine` log."""

    def setup(self, cfg: Any) -> None:
        """Called at the start and on reload."""
        super().setup(cfg)
        for handler in (*self.error_log.handlers, *self.access_log.handlers):
            handler.setFormatter(self.formatter(handler.formatter or logging.Formatter()))
        for name in ("statflow_http", "statflow_engine"):
            ours = logging.getLogger(name)
            ours.handlers = list(self.error_log.handlers)
            ours.setLevel(self.error_log.level)
            ours.propagate = False

    @staticmethod
    def formatter(known: logging.Formatter) -> logging.Formatter:
        """What words the lines, in place of gunicorn's own."""
        return MaskingFormatter(known._fmt, known.datefmt)

    def atoms(self, resp: Any, req: Any, environ: dict[str, Any], request_time: timedelta) -> dict[str, Any]:
        """What `ACCESS_FORMAT` names, and no more: what is not here cannot be logged by mistake."""
        told = context(environ)
        return {
            "h": environ.get("REMOTE_ADDR", "-"),
            "t": self.now(),
            "m": told["method"],
            "U": told["path"],
            "H": environ.get("SERVER_PROTOCOL", "-"),
            "s": status_of(resp),
            "B": getattr(resp, "sent", 0),
            "D": request_time // timedelta(microseconds=1),
            "p": environ.get(POINTS, 0),
            "i": told["request_id"],
        }


class JsonLogger(Logger):
    """The same, a line of JSON each."""

    @staticmethod
    def formatter(known: logging.Formatter) -> logging.Formatter:
        return JsonFormatter()

    def access(self, resp: Any, req: Any, environ: dict[str, Any], request_time: timedelta) -> None:
        """A line about an answer."""
        if not self.access_log_enabled:
            return
        told = {
            **context(environ),
            "status": int(status_of(resp)),
            "duration_ms": request_time / timedelta(milliseconds=1),
            "points": environ.get(POINTS, 0),
            "bytes": getattr(resp, "sent", 0),
            "client": environ.get("REMOTE_ADDR", ""),
        }
        self.access_log.info("%s %s %s", told["method"], told["path"], told["status"], extra=told)


def status_of(resp: Any) -> str:
    """The number of an answer's status."""
    return str(resp.status).split(None, 1)[0]

"""``GET /v1/export``: an account, or some of its stats, as a stream that another StatFlow takes in."""

from itertools import chain

import falcon

from statflow_http.api.v1_read import reader
from statflow_http.errors import RequestError
from statflow_http.front.answers import Answer
from statflow_http.front.headers import respond
from statflow_http.moving.exports import STREAMED, Exporter, Wanted, patterns_of, stream
from statflow_http.services import Services
from statflow_http.wire.limits import PATTERNS_MAX
from statflow_http.wire.reads import Params

MEDIA_TYPES = {"ndjson": "application/x-ndjson", "csv": "text/csv; charset=utf-8"}


class Export:
    """``GET /v1/export``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Everything, or the stats that ``stat`` names, by name or glob, several times if you like."""
        params = Params(req.query_string)
        sender = reader(self._services, req, params)
        form = params.choice("format", STREAMED, "ndjson")
        patterns = patterns_of(params.many("stat"))
        if len(patterns) > PATTERNS_MAX:
            raise RequestError(f"at most {PATTERNS_MAX} stats or globs in one export")
        wanted = Wanted(sender.account, sender.live, patterns)
        exporter = Exporter(self._services.engine, self._services.documents, wanted)
        lines = stream(exporter, form, is_whole=not patterns)
        # The first two pieces now: a name that is unknown is told before anything is sent.
        beginning = [piece for _, piece in zip(range(2), lines, strict=False)]
        respond(resp, Answer(200, b"", content_type=MEDIA_TYPES[form]))
        resp.data = None
        resp.set_header("Content-Disposition", f'attachment; filename="statflow-export.{form}"')
        resp.stream = chain(beginning, lines)

    def on_head(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Whether one would be answered; nothing is read for it."""
        params = Params(req.query_string)
        reader(self._services, req, params)
        resp.content_type = MEDIA_TYPES[params.choice("format", STREAMED, "ndjson")]

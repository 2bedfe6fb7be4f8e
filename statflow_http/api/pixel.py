"""``GET /c`` where a picture is asked for: the 1x1 transparent GIF of mails and static pages.

Whatever is wrong with the request, whoever reads the mail sees no broken image: the answer is 200 and the GIF, and what
was not counted is counted as rejected.
"""

from statflow_engine import StatFlowError
from statflow_http.api.stathat import Write, received
from statflow_http.errors import RequestError
from statflow_http.front import auth
from statflow_http.front.answers import Answer
from statflow_http.front.protocols import STATHAT, Protocol
from statflow_http.metrics import Metrics
from statflow_http.services import Services
from statflow_http.wire import forms
from statflow_http.wire.bodies import Environ
from statflow_http.wire.numbers import Form

# A GIF89a of one transparent pixel: screen 1x1 with two colours, colour 0 transparent, one image of one pixel.
GIF = bytes.fromhex(
    "474946383961 0100 0100 80 00 00 000000 ffffff 21f904 01 0000 00 00 2c 0000 0000 0100 0100 00 02 02 4401 00 3b"
)
assert len(GIF) == 43, len(GIF)

PIXEL = Answer(
    200,
    GIF,
    # Shown on any site, and asked for again each time it is shown.
    (("Cache-Control", "no-store"), ("Cross-Origin-Resource-Policy", "cross-origin")),
    "image/gif",
)


class PixelProtocol(Protocol):
    """Errors that nobody sees; they are counted by the status that tells of them elsewhere."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def failure(self, error: Exception) -> Answer | None:
        told = STATHAT.told(error)
        if told is None:
            return None
        self._metrics.pixel_rejected(told[0])
        return PIXEL


class Count(Write):
    """``/c``: `Write`, and the picture."""

    def __init__(self, services: Services) -> None:
        super().__init__(services, Form.COUNT)
        self._pixel = PixelProtocol(services.metrics)

    def get(self, environ: Environ) -> Answer:
        """A point in a query string; answered by a picture or by JSON."""
        refusal: RequestError | None = None
        fields: forms.Fields = {}
        try:
            fields = forms.parse_query(environ.get("QUERY_STRING", ""))
        except RequestError as error:
            refusal = error
        if not wants_picture(environ.get("HTTP_ACCEPT", ""), fields):
            if refusal:
                raise refusal
            return self.write(environ, received(fields))
        try:
            if refusal:
                raise refusal
            return self.write(environ, received(fields), success=PIXEL, protocol=self._pixel)
        except StatFlowError as error:
            picture = self._pixel.failure(error)
            if picture is None:
                raise
            return picture


def wants_picture(accept: str, fields: forms.Fields) -> bool:
    """Whether the sender shows the answer as a picture.

    By what it accepts where it says so; else by the look of the key, for StatHat's own Ruby client counts by GET, reads
    JSON, and has an old key, while pixels were pasted from our pages, with a key of ours.
    """
    accept = accept.lower()
    if "image/" in accept:
        return True
    if "json" in accept or fields.get("vb") in ("1", "true"):
        return False
    return any(str(fields.get(name, "")).startswith("sk_") for name in auth.KEY_FIELDS)

"""Writing under ``/v1``: a point, or a batch in rows or columns, in JSON or msgpack."""

from collections.abc import Callable

import falcon

from statflow_http.accounts.keys import Scope
from statflow_http.accounts.senders import Sender
from statflow_http.errors import MediaTypeError, RequestError
from statflow_http.front import auth
from statflow_http.front.answers import Answer
from statflow_http.front.headers import respond
from statflow_http.front.protocols import V1
from statflow_http.services import Services
from statflow_http.wire import bodies, columns, drafts, forms, messages, rows
from statflow_http.wire.bodies import Environ
from statflow_http.wire.limits import JSON_POINTS_MAX, MSGPACK_POINTS_MAX
from statflow_http.wire.numbers import Form, number
from statflow_http.writes import Outcome, submit

OK = Answer(200, b'{"msg":"ok"}')
FORMS = {"count": Form.COUNT, "value": Form.VALUE}
# Where the other kind goes, of the paths that decide it.
OTHER_PATHS = {Form.ANY: "", Form.COUNT: "/v1/stat/value", Form.VALUE: "/v1/stat/count"}

point_of_json = messages.decoder(messages.PointMessage)
point_of_msgpack = messages.pack_decoder(messages.PointMessage)
batch_of_json = messages.decoder(messages.BatchMessage)
batch_of_msgpack = messages.pack_decoder(messages.PackedBatchMessage)


class PointWriter:
    """What the three paths of single points share."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def write(self, environ: Environ, form: Form) -> Answer:
        """Store the point of a request."""
        is_packed = is_msgpack(environ)
        body = read(environ, bodies.SINGLE_BYTES_MAX)
        message = point_of_msgpack(body) if is_packed else point_of_json(body)
        sender = writer(self._services, environ, message.ezkey)
        if form is not Form.ANY:
            refuse_misplaced(message, form)
        draft = drafts.single(
            message.stat,
            message.count,
            message.value,
            message.t,
            form=form,
            join=sender.account.tilde_join,
            other_path=OTHER_PATHS[form],
        )
        return submit(self._services, environ, sender, body, Outcome(draft, OK, V1))


def refuse_misplaced(message: messages.PointMessage, form: Form) -> None:
    """Refuse the number of one kind on the path of the other; a 0 beside a number says nothing.

    StatHat's own paths take either, because its clients send either.

    Raises:
        RequestError: it is one; or there is what is no number.
    """
    own_name, other_name = ("count", "value") if form is Form.COUNT else ("value", "count")
    other = number(getattr(message, other_name), other_name)
    if other is None:
        return
    own = number(getattr(message, own_name), own_name)
    if own is None or (other and not own):
        raise RequestError(f"/v1/stat/{own_name} takes {own_name}: send {other_name} to {OTHER_PATHS[form]}")


class Point(PointWriter):
    """``POST /v1/stat``."""

    def post(self, environ: Environ) -> Answer:
        """Store a point of either kind."""
        return self.write(environ, Form.ANY)

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """`post` by way of Falcon."""
        respond(resp, self.post(req.env))


class NamedPoint(PointWriter):
    """``POST /v1/stat/count`` and ``/v1/stat/value``: the path decides the kind.

    These two are also names that a stat can have, so the route is that of any name.
    """

    def post_count(self, environ: Environ) -> Answer:
        """Store a point of a counter."""
        return self.write(environ, Form.COUNT)

    def post_value(self, environ: Environ) -> Answer:
        """Store a measured value."""
        return self.write(environ, Form.VALUE)

    def on_post(self, req: falcon.Request, resp: falcon.Response, name: str) -> None:
        """Either of them by way of Falcon."""
        form = FORMS.get(name)
        if form is None:
            raise falcon.HTTPMethodNotAllowed(["DELETE", "GET", "HEAD", "OPTIONS", "PATCH"])
        respond(resp, self.write(req.env, form))


class Batch:
    """``POST /v1/stats``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """`post` by way of Falcon."""
        respond(resp, self.post(req.env))

    def post(self, environ: Environ) -> Answer:
        """Store a batch: all of it or nothing."""
        is_packed = is_msgpack(environ)
        body = read(environ, bodies.MSGPACK_BYTES_MAX if is_packed else bodies.JSON_BATCH_BYTES_MAX)
        message = batch_of_msgpack(body) if is_packed else batch_of_json(body)
        sender = writer(self._services, environ, message.ezkey)
        points_max = MSGPACK_POINTS_MAX if is_packed else JSON_POINTS_MAX
        draft = batch_draft(message, sender.account.tilde_join, self._services.now_s, points_max)
        success = Answer(200, b'{"msg":"ok","multiple":%d}' % draft.item_count)
        return submit(self._services, environ, sender, body, Outcome(draft, success, V1))


def is_msgpack(environ: Environ) -> bool:
    """Whether a body is msgpack and not JSON, which it is when it says nothing.

    Raises:
        MediaTypeError: it says that it is something else.
    """
    media_type = bodies.media_type(environ)
    if not media_type or media_type in bodies.JSON_TYPES or media_type.endswith("+json"):
        return False
    if media_type in bodies.MSGPACK_TYPES:
        return True
    raise MediaTypeError("the body must be application/json or application/msgpack")


def read(environ: Environ, bytes_max: int) -> bytes:
    """A body that must be there.

    Raises:
        RequestError: it is not.
    """
    body = bodies.read_body(environ, bytes_max)
    if not body:
        raise RequestError("request body is empty")
    return body


def writer(services: Services, environ: Environ, key: str | None) -> Sender:
    """Who sends points: by Authorization, or a key in the body or the query string."""
    query = forms.parse_query(environ.get("QUERY_STRING", ""))
    keys = (key, *(forms.single(query, name) for name in auth.KEY_FIELDS)) if query else (key,)
    return auth.sender(services.keys, environ, keys, Scope.WRITE)


def batch_draft(
    message: messages.BatchMessage | messages.PackedBatchMessage, join: str, now_s: Callable[[], int], points_max: int
) -> drafts.Draft:
    """The draft of a batch, whether its ``stats`` are points or names.

    Raises:
        RequestError: there are no ``stats``, they are of both sorts, or do not make points.
    """
    stats = message.stats
    if stats is None:
        raise RequestError("stats is missing: a list of points")
    if message.v is not None or message.stat is not None or (stats and isinstance(stats[0], str)):
        names = [stat for stat in stats if isinstance(stat, str)]
        if len(names) < len(stats):
            raise RequestError("stats must be names when there are columns")
        return columns.columns(message, names, join=join, points_max=points_max)
    items = [stat for stat in stats if stat.__class__ is messages.Item]
    if len(items) < len(stats):
        raise RequestError("stats must be points, or names with columns beside them")
    return rows.batch(items, "stats", join=join, now_s=now_s, points_max=points_max)

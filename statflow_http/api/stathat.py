"""StatHat's own paths: ``/ez``, ``/c`` and ``/v`` by GET and POST, and ``/``, as its clients speak them.

Any of the three takes any of the forms, because real clients mix them: classic keys posted to ``/ez``, ``/c`` with
``value=``. A path only decides the kind of a number and which name comes first, ``stat`` or ``key``.
"""

from collections.abc import Iterable

import falcon
import msgspec

from statflow_engine import UnknownSeriesError
from statflow_http import ids
from statflow_http.accounts.keys import Scope
from statflow_http.accounts.senders import Sender
from statflow_http.errors import MissingStatError
from statflow_http.front import auth
from statflow_http.front.answers import Answer
from statflow_http.front.headers import respond
from statflow_http.front.protocols import STATHAT, Protocol
from statflow_http.services import Services
from statflow_http.wire import bodies, drafts, forms, messages, rows
from statflow_http.wire.bodies import Environ
from statflow_http.wire.limits import JSON_POINTS_MAX
from statflow_http.wire.numbers import Form
from statflow_http.writes import Outcome, submit

OK = Answer(200, b'{"status":200,"msg":"ok"}')
FIELDS = ("stat", "key", "count", "value", "t", "vb")
# Where the other kind goes, of the paths that decide it.
OTHER_PATHS = {Form.ANY: "", Form.COUNT: "/v", Form.VALUE: "/c"}
NO_CONTENT = Answer(204, b"", content_type="")

decode_message = messages.decoder(messages.StatHatMessage, mend_commas=True)


class Received(msgspec.Struct, frozen=True):
    """A request on one of these paths, whatever form it came in.

    Attributes:
        message: its fields; those of the body win over those of the query string.
        keys: every API key it carries outside the Authorization header, perhaps None or empty.
        body: the bytes of its body.
    """

    message: messages.StatHatMessage
    keys: Iterable[str | None]
    body: bytes = b""

    @property
    def is_verbose(self) -> bool:
        """Whether the sender asked for an answer with a body."""
        return self.message.vb in (1, "1", "true")


class Write:
    """``/ez``, ``/c`` or ``/v``."""

    def __init__(self, services: Services, form: Form) -> None:
        self._services = services
        self._form = form

    def get(self, environ: Environ) -> Answer:
        """A point in a query string."""
        return self.write(environ, received(forms.parse_query(environ.get("QUERY_STRING", ""))))

    def post(self, environ: Environ) -> Answer:
        """A point in a form, or in a query string with an empty body; a point or a batch in JSON."""
        content_type = environ.get("CONTENT_TYPE")
        if content_type and "json" in content_type.lower():
            arrived = self._json(environ)
        else:
            if content_type and "multipart" in content_type.lower():
                bodies.refuse_multipart(environ)
            body = bodies.read_body(environ, bodies.SINGLE_BYTES_MAX)
            arrived = received(forms.parse(body), forms.parse_query(environ.get("QUERY_STRING", "")), body)
        return self.write(environ, arrived)

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """`get` by way of Falcon."""
        respond(resp, self.get(req.env))

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """`post` by way of Falcon."""
        respond(resp, self.post(req.env))

    def on_head(self, req: falcon.Request, resp: falcon.Response) -> None:
        """What link checkers do: it must not fail, and must not count."""
        respond(resp, OK)

    def write(
        self, environ: Environ, arrived: Received, *, success: Answer | None = None, protocol: Protocol = STATHAT
    ) -> Answer:
        """Store what arrived, and answer.

        Args:
            environ: of the request.
            arrived: the request, read.
            success: the answer for a point, where it is not the usual one.
            protocol: how errors are told that only the commit brings to light.
        """
        sender = auth.sender(self._services.keys, environ, arrived.keys, Scope.WRITE)
        draft = self._draft(arrived.message, sender)
        if draft.label:
            success = batch_ok(draft.item_count)
        elif success is None:
            success = NO_CONTENT if self._services.options.no_content and not arrived.is_verbose else OK
        outcome = Outcome(draft, success, protocol)
        return submit(self._services, environ, sender, arrived.body, outcome)

    def _json(self, environ: Environ) -> Received:
        is_ez = self._form is Form.ANY
        body = bodies.read_body(environ, bodies.JSON_BATCH_BYTES_MAX if is_ez else bodies.SINGLE_BYTES_MAX)
        query = forms.parse_query(environ.get("QUERY_STRING", ""))
        if not body:
            return received(query)
        message = decode_message(body)
        keys = (message.ezkey, message.email, message.ukey, *(forms.single(query, name) for name in auth.KEY_FIELDS))
        if message.vb is None:
            message.vb = forms.single(query, "vb")
        return Received(message, keys, body)

    def _draft(self, message: messages.StatHatMessage, sender: Sender) -> drafts.Draft:
        services, join = self._services, sender.account.tilde_join
        form, other_path = self._form, OTHER_PATHS[self._form]
        if message.data is not None:
            return rows.batch(message.data, "data", join=join, now_s=services.now_s, points_max=JSON_POINTS_MAX)
        count, value, t = message.count, message.value, message.t
        is_classic = message.key and (self._form is not Form.ANY or not message.stat)
        if is_classic:
            assert message.key is not None
            name = stat_of_key(services, sender.namespace, message.key)
            return drafts.single_named(name, count, value, t, form=form, other_path=other_path)
        return drafts.single(message.stat, count, value, t, form=form, join=join, other_path=other_path)


def received(fields: forms.Fields, query: forms.Fields | None = None, body: bytes = b"") -> Received:
    """The request in a form's fields.

    Args:
        fields: of the body, or of the query string of a GET.
        query: of the query string beside a body; its fields count where the body has none.
        body: the bytes of the body.

    Raises:
        RequestError: a field that matters was given twice.
    """
    keys = forms.singles(fields, auth.KEY_FIELDS)
    if query:
        keys += forms.singles(query, auth.KEY_FIELDS)
        fields = {**query, **{name: value for name, value in fields.items() if value}}
    stat, key, count, value, t, vb = forms.singles(fields, FIELDS)
    message = messages.StatHatMessage(stat=stat, key=key, count=count, value=value, t=t, vb=vb)
    return Received(message, keys, body)


def stat_of_key(services: Services, namespace: str, key: str) -> str:
    """The stat that a classic ``key`` means: the one whose own key it is, else whose imported key, else of that name.

    A key of this store may be an imported one too: where a stat has moved from one account to another.

    Raises:
        MissingStatError: it is a key of a stat that the sender does not have, or that was deleted. To make a new stat
            with the key for a name would hide that.
    """
    own = ids.series_id_of_classic_key(services.secret, key)
    name = None if own is None else _name_of(services, namespace, own)
    if name is None:
        imported = services.properties.series_id_of_imported_key(namespace, key)
        if own is None and imported is None:
            return key
        name = None if imported is None else _name_of(services, namespace, imported)
    if name is None:
        raise MissingStatError("no stat")
    return name


def _name_of(services: Services, namespace: str, series_id: int) -> str | None:
    try:
        return services.engine.find_by_id(series_id, namespace=namespace).name
    except UnknownSeriesError:
        return None


def batch_ok(item_count: int) -> Answer:
    """The answer to a batch."""
    return Answer(200, b'{"status":200,"msg":"ok","multiple":%d}' % item_count)


class Root:
    """``/``: some clients look whether it is there before they send."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """That this is StatFlow."""
        resp.content_type = falcon.MEDIA_TEXT
        resp.data = b"StatFlow\n"

    on_head = on_get

"""The seam between a resource that has points and whoever commits them.

A resource hands its draft over with the answer it wants to give, and gets the one to give. Under an ordinary WSGI
server the points are committed at once, shared with whatever other threads have staged. A server that commits once for
many requests says so by putting `COMMITS_LATER` into the environ; then nothing is committed here: the response goes out
as if all had gone well, and the server, after it has committed the engine of the `Deferred` that it finds in the
environ, asks that whether the answer stands.
"""

import hashlib
from time import monotonic
from typing import Any

import msgspec

from statflow_engine import Engine, LimitError, Pending, Receipt, StatFlowError
from statflow_http.accounts.quotas import Grant
from statflow_http.accounts.senders import Sender
from statflow_http.errors import RequestError
from statflow_http.front.answers import Answer
from statflow_http.front.protocols import Protocol
from statflow_http.metrics.metrics import POINTS
from statflow_http.services import Services
from statflow_http.wire.drafts import Draft, Idempotency

# Set to True by a server that commits for its requests, and where it finds what they wait for.
COMMITS_LATER = "statflow.commits_later"
DEFERRED = "statflow.deferred"

IDEMPOTENCY_KEY_MAX = 255
REPLAYED = ("Idempotent-Replayed", "true")


class Outcome(msgspec.Struct, frozen=True):
    """A request's points on their way, and what is answered when they are there, and when they are not."""

    draft: Draft
    success: Answer
    protocol: Protocol

    def stored(self, receipt: Receipt) -> Answer:
        """The answer when all went well, now or when the same request came before."""
        if not receipt.replayed:
            return self.success
        success = self.success
        return Answer(success.status, success.body, (*success.headers, REPLAYED), success.content_type)

    def refused(self, error: StatFlowError, sender: Sender | None = None, grant: Grant | None = None) -> Answer:
        """The answer to an error.

        Args:
            error: why nothing is stored.
            sender, grant: where limits were asked: whose they are. What they keep out is counted.

        Raises:
            StatFlowError: it is not for the client: damage, or a mistake of ours.
        """
        if grant is not None and isinstance(error, LimitError):
            if sender is not None and sender.tally is not None:
                sender.tally.refuse(len(self.draft.values), grant.now_s)
            error = grant.worded(error)
        failure = self.protocol.failure(self.draft.located(error))
        if failure is None:
            raise error
        return failure


class Deferred(msgspec.Struct, frozen=True):
    """A response that holds if the commit of its engine does."""

    engine: Engine
    pending: Pending
    outcome: Outcome
    environ: dict[str, Any]
    sender: Sender
    grant: Grant | None

    def settle(self) -> Answer | None:
        """Once the commit is over: None when the answer stands, else the one to send in its place.

        Raises:
            StatFlowError: what is not for the client; it gets a bare 500.
        """
        try:
            receipt = self.pending.result()
            answer = self.outcome.stored(receipt)
        except StatFlowError as error:
            return self.outcome.refused(error, self.sender, self.grant)
        note(self.environ, receipt)
        tally(self.engine, self.sender, self.grant, receipt)
        return None if answer is self.outcome.success else answer


def submit(services: Services, environ: dict[str, Any], sender: Sender, body: bytes, outcome: Outcome) -> Answer:
    """Store the points of a request, now or with the server's next commit.

    Args:
        services: of the app.
        environ: of the request; its Idempotency-Key is honoured.
        sender: whose points these are.
        body: the bytes of the request's body, by which a repeated request is recognised.
        outcome: the points, and what to say.

    Returns:
        What to say now.

    Raises:
        StatFlowError: what is not for the client.
    """
    engine = services.engine
    grant: Grant | None = None
    if sender.is_limited:
        grant = services.quotas.grant(sender.account, sender.plan)
        draft = outcome.draft
        batch = draft.batch(sender.namespace, idempotency(environ, body), grant.meters, grant.series_limit)
    else:
        batch = outcome.draft.batch(sender.namespace, idempotency(environ, body))
    try:
        if not environ.get(COMMITS_LATER):
            started = monotonic()
            receipt = engine.write_batch(batch)
            services.metrics.committed(monotonic() - started, 1)
            note(environ, receipt)
            tally(engine, sender, grant, receipt)
            return outcome.stored(receipt)
        pending = engine.stage(batch)
    except StatFlowError as error:
        return outcome.refused(error, sender, grant)
    environ[DEFERRED] = Deferred(engine, pending, outcome, environ, sender, grant)
    return outcome.success


def note(environ: dict[str, Any], receipt: Receipt) -> None:
    """Say in the environ how many points its request has stored: for the metrics, and for the access log."""
    environ[POINTS] = 0 if receipt.replayed else receipt.points


def tally(engine: Engine, sender: Sender, grant: Grant | None, receipt: Receipt) -> None:
    """Count an account's live points, where no meter did that in the transaction which stored them."""
    if sender.tally is not None and not receipt.replayed and (grant is None or not grant.meters):
        sender.tally.add(receipt.points, engine.now_s())


def idempotency(environ: dict[str, Any], body: bytes) -> Idempotency | None:
    """The request's idempotency key with a digest of method, path and body; None when it has no key.

    Raises:
        RequestError: the key is empty, too long, or not printable ASCII.
    """
    key: str | None = environ.get("HTTP_IDEMPOTENCY_KEY")
    if key is None:
        return None
    if not 1 <= len(key) <= IDEMPOTENCY_KEY_MAX or not key.isascii() or not key.isprintable():
        raise RequestError(f"Idempotency-Key must be 1 to {IDEMPOTENCY_KEY_MAX} ASCII characters")
    digest = hashlib.blake2b(digest_size=16)
    for part in ("REQUEST_METHOD", "PATH_INFO"):
        digest.update(environ[part].encode("latin-1") + b"\0")
    # What a client asks without a body, it asks in its query string; beside a body that holds cache busters.
    digest.update(body or environ.get("QUERY_STRING", "").encode("latin-1"))
    return Idempotency(key, digest.digest())

"""What each error becomes on the wire: one table for each protocol.

An error says *what* is wrong; a `Protocol` says how its clients are told. Nothing here knows Falcon.
"""

import abc
from collections.abc import Mapping
from dataclasses import dataclass, replace

import msgspec

from statflow_engine import (
    FormatVersionError,
    IdempotencyError,
    KindError,
    LimitError,
    NameTakenError,
    PointError,
    QueryError,
    SchemaError,
    StoreError,
    StoreFullError,
    UnknownSeriesError,
)
from statflow_http.errors import (
    BadKeyError,
    ForbiddenError,
    LengthRequiredError,
    MediaTypeError,
    MissingKeyError,
    MissingStatError,
    NotFoundError,
    RequestError,
    RetryLaterError,
    ScopeError,
    TakenError,
    TooLargeError,
)
from statflow_http.front.answers import Answer

INTERNAL = "internal error"

# Where errors are told as StatHat told them.
STATHAT_PATHS = frozenset({"/ez", "/c", "/v"})

# What is told: the status, and the text; None is the error's own text.
Table = Mapping[type[Exception], tuple[int, str | None]]

V1_TABLE: Table = {
    RequestError: (400, None),
    MissingStatError: (400, "stat is missing"),
    MissingKeyError: (401, "missing API key"),
    BadKeyError: (401, "invalid API key"),
    ScopeError: (403, None),
    NotFoundError: (404, None),
    ForbiddenError: (403, None),
    TakenError: (409, None),
    RetryLaterError: (429, None),
    LengthRequiredError: (411, "Content-Length required"),
    TooLargeError: (413, None),
    MediaTypeError: (415, None),
    SchemaError: (400, None),
    PointError: (400, None),
    QueryError: (400, None),
    UnknownSeriesError: (404, "no such stat"),
    KindError: (409, None),
    NameTakenError: (409, None),
    IdempotencyError: (422, "idempotency key reused with a different body"),
    LimitError: (429, None),
    StoreFullError: (503, None),
    StoreError: (503, "the store cannot serve now, try again later"),
    # Damage is for the log, not for clients.
    FormatVersionError: (500, INTERNAL),
}

# The texts that StatHat's own clients have seen.
STATHAT_TABLE: Table = {
    **V1_TABLE,
    MissingStatError: (400, "no stat"),
    MissingKeyError: (401, "no ezkey specified"),
    BadKeyError: (401, "invalid keys"),
    ScopeError: (401, "invalid keys"),
}

# Why 30: a fold that falls behind or a disk that somebody clears needs about that long, and StatHat's clients give up
# after 2 s anyway.
HEADERS: Mapping[int, tuple[tuple[str, str], ...]] = {
    401: (("WWW-Authenticate", "Bearer"),),
    503: (("Retry-After", "30"),),
}


class Protocol(abc.ABC):
    """How the clients of one surface are told about errors."""

    @abc.abstractmethod
    def failure(self, error: Exception) -> Answer | None:
        """The answer that tells of an error; None when it is not one to be told, but damage or our own mistake."""


@dataclass(frozen=True, slots=True)
class JsonProtocol(Protocol):
    """Errors as JSON with an honest status.

    Attributes:
        table: error class to status and text; the nearest class of an error decides.
        has_status: whether the body has StatHat's ``"status":500`` in front of ``"msg"``.
    """

    table: Table
    has_status: bool

    def told(self, error: Exception) -> tuple[int, str] | None:
        """Status and text of an error; None when the table does not list it."""
        for cls in type(error).__mro__:
            if cls in self.table:
                status, text = self.table[cls]
                return status, own_text(error) if text is None else text
        return None

    def failure(self, error: Exception) -> Answer | None:
        told = self.told(error)
        if told is None:
            return None
        answer = self.refusal(*told)
        if not isinstance(error, RetryLaterError) or error.retry_after_s is None:
            return answer
        return replace(answer, headers=(*answer.headers, ("Retry-After", str(error.retry_after_s))))

    def refusal(self, status: int, text: str) -> Answer:
        """The answer with this status and text."""
        body = {"status": 500, "msg": text} if self.has_status else {"msg": text}
        return Answer(status, msgspec.json.encode(body), HEADERS.get(status, ()))


class ExportProtocol(JsonProtocol):
    """Errors of StatHat's export API: those of ``/v1``, but for who asks too often."""

    def failure(self, error: Exception) -> Answer | None:
        answer = super().failure(error)
        if answer is None or not isinstance(error, RetryLaterError) or error.retry_after_s is None:
            return answer
        return replace(answer, body=b'{"Error":"Rate limit exceeded."}')


class CommandLineProtocol(JsonProtocol):
    """Errors of the API of StatHat's command line, which authenticates by user name."""

    def refusal(self, status: int, text: str) -> Answer:
        answer = super().refusal(status, text)
        return replace(answer, headers=(BASIC,)) if status == 401 else answer


BASIC = ("WWW-Authenticate", 'Basic realm="StatFlow"')


def own_text(error: Exception) -> str:
    """What an error says, as far as it is for everybody: how full a disk is, after the colon, is for its operator."""
    return str(error).partition(":")[0] if isinstance(error, StoreFullError) else str(error)


V1 = JsonProtocol(V1_TABLE, has_status=False)
STATHAT = JsonProtocol(STATHAT_TABLE, has_status=True)
EXPORT = ExportProtocol(V1_TABLE, has_status=False)
COMMAND_LINE = CommandLineProtocol(V1_TABLE, has_status=False)
# How errors are told under the paths that begin so; elsewhere as V1, but for `STATHAT_PATHS`.
PROTOCOLS = (("/x/", EXPORT), ("/a1/", COMMAND_LINE))

"""An answer as a value: status, bytes, headers. Pure; no framework."""

from dataclasses import dataclass

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back, apart from the headers that every answer has.

    Attributes:
        status: of HTTP.
        body: empty where the status allows none.
        headers: beyond Content-Type and Content-Length.
        content_type: of the body; "" where there is none.
    """

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = JSON

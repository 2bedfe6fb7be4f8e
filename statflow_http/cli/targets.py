"""What the command line works on: a data folder (`local`) or a server (`remote`). Both answer in the same words.

Nothing heavy is imported here: who talks to a server needs no engine.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlencode


class CommandError(Exception):
    """A command could not do what it was told; the text is the one line that says why."""


@dataclass(frozen=True, slots=True)
class Question:
    """What `statflow query` asks, with the parameters of ``GET /v1/query``."""

    patterns: tuple[str, ...]
    params: Mapping[str, str]

    @property
    def query_string(self) -> str:
        """The same as in an address."""
        pairs = [("stat", pattern) for pattern in self.patterns]
        return urlencode([*pairs, *self.params.items()])


class Target(Protocol):
    """Where points go and answers come from."""

    def send(self, message: Mapping[str, Any]) -> None:
        """Store one point, given in the fields of ``POST /v1/stat``."""

    def query(self, question: Question) -> dict[str, Any]:
        """The document of ``GET /v1/query``."""

    def stats(self, pattern: str) -> Iterator[dict[str, Any]]:
        """Every stat that matches, as ``GET /v1/stats`` tells of them, without its key."""

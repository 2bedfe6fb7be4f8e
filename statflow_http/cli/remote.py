"""The command line on a server, by its address and a key."""

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import urllib3

from statflow_http.cli.failures import reason
from statflow_http.cli.targets import CommandError, Question

CONNECT_S, READ_S = 5.0, 60.0
# As many as a page may have.
PAGE = 1_000


class Server:
    """A server's address and a key."""

    def __init__(self, url: str, key: str) -> None:
        self._url = url.rstrip("/")
        # A write may be repeated only with an idempotency key, which `send` gives it.
        self._pool = urllib3.PoolManager(
            headers={"Authorization": f"Bearer {key}", "User-Agent": "statflow-cli"},
            timeout=urllib3.Timeout(connect=CONNECT_S, read=READ_S),
            retries=urllib3.Retry(connect=2, read=2, other=0, redirect=0, allowed_methods=None, backoff_factor=0.2),
        )

    def send(self, message: Mapping[str, Any]) -> None:
        """With an idempotency key, so that a retry after a lost answer counts once."""
        body = json.dumps({name: value for name, value in message.items() if value is not None})
        self.request("POST", "/v1/stat", body, {"Idempotency-Key": os.urandom(16).hex()})

    def query(self, question: Question) -> dict[str, Any]:
        """``GET /v1/query``."""
        return self.request("GET", f"/v1/query?{question.query_string}")

    def stats(self, pattern: str) -> Iterator[dict[str, Any]]:
        """``GET /v1/stats``, page after page."""
        cursor: str | None = ""
        while cursor is not None:
            page = self.request("GET", f"/v1/stats?limit={PAGE}&q={quote(pattern)}&cursor={cursor}")
            yield from page["stats"]
            cursor = page["cursor"]

    def request(
        self, method: str, path: str, body: str | None = None, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """The answer's document.

        Raises:
            CommandError: the server does not answer, or refuses.
        """
        merged = {**self._pool.headers, **(headers or {})}
        if body is not None:
            merged["Content-Type"] = "application/json"
        try:
            response = self._pool.request(method, self._url + path, body=body, headers=merged)
        except urllib3.exceptions.HTTPError as error:
            raise CommandError(f"{self._url} does not answer: {reason(error)}") from error
        try:
            document = json.loads(response.data)
        except ValueError:
            raise CommandError(f"{self._url} is no StatFlow server: status {response.status}, not JSON") from None
        if not isinstance(document, dict):
            raise CommandError(f"{self._url} is no StatFlow server")
        if response.status != 200:
            raise CommandError(f"{document.get('msg')} (status {response.status})")
        return document

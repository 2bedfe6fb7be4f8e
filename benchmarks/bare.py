"""The least that a server could do for a point: ``python -m benchmarks.bare``, with the options of ``statflow serve``.

A WSGI function that reads no request and stages and commits one point of a fixed series, under the very worker that
``statflow serve`` uses.
"""

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import statflow_engine
from statflow_engine import Engine, Kind
from statflow_http.accounts.accounts import Account
from statflow_http.accounts.keys import Scope
from statflow_http.accounts.plans import UNLIMITED
from statflow_http.accounts.senders import Sender
from statflow_http.front.answers import Answer
from statflow_http.front.protocols import STATHAT
from statflow_http.serving.serve import Server, Settings, address_of
from statflow_http.wire.drafts import Draft
from statflow_http.writes import COMMITS_LATER, DEFERRED, Deferred, Outcome

OK = b'{"status":200,"msg":"ok"}'
HEADERS = [("Content-Type", "application/json"), ("Content-Length", str(len(OK)))]
POINT = Draft(["bare"], Kind.COUNTER, None, [1.0])
BATCH = POINT.batch("", None)
OUTCOME = Outcome(POINT, Answer(200, OK), STATHAT)

NOBODY = Sender(Account("bare", 0), "", True, Scope.WRITE, "", UNLIMITED)

StartResponse = Callable[[str, list[tuple[str, str]]], object]


class BareApp:
    """One point a request, whatever the request says."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        if environ.get(COMMITS_LATER):
            environ[DEFERRED] = Deferred(self._engine, self._engine.stage(BATCH), OUTCOME, environ, NOBODY, None)
        else:
            self._engine.write_batch(BATCH)
        start_response("200 OK", HEADERS)
        return [OK]


class BareServer(Server):
    """Our server with the bare function in the app's place."""

    def load(self) -> Any:
        return BareApp(statflow_engine.open(self._settings.data, background=True))

    def _worker_started(self, worker: Any) -> None:
        if worker.age == 1:
            print(f"Listening on {address_of(worker)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bare")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--workers", type=int, required=True)
    options = parser.parse_args()
    settings = Settings(options.data, "127.0.0.1", options.port, options.workers, "fsync")
    BareServer(settings, lambda address, services: None).run()


if __name__ == "__main__":
    main()

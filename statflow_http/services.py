"""What the resources of the API are handed: the engine, the accounts, the keys, the options.

The engine is either one that the host program opened, or one that is opened here on first use: after the fork, since
neither a server's master nor an import may touch the store.
"""

import atexit
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import statflow_engine
from statflow_engine import Engine
from statflow_http import process
from statflow_http.accounts.accounts import Accounts
from statflow_http.accounts.key_store import Keys
from statflow_http.accounts.people import People
from statflow_http.accounts.plans import Plans
from statflow_http.accounts.quotas import Quotas
from statflow_http.accounts.sessions import Sessions
from statflow_http.accounts.usage import Flusher, Usage
from statflow_http.alerts.options import AlertOptions
from statflow_http.alerts.watch import Watch
from statflow_http.documents.store import ACCOUNTS_FOLDER, Documents
from statflow_http.front.client_address import Networks, believed_networks, client_address
from statflow_http.insight.outlooks import Outlooks
from statflow_http.metrics import Metrics
from statflow_http.moving.runner import Runner
from statflow_http.stats.properties import Properties

METRICS_FOR = ("local", "key", "open", "off")


@dataclass(frozen=True, slots=True)
class Options:
    """What the operator of a server may choose about its answers.

    Attributes:
        no_content: answer a single write on StatHat's paths with 204 unless ``vb=1``, as StatHat did after 2017.
        metrics: who may see ``/metrics``: "local" (programs on this machine that ask directly, and keys of the owner),
            "key" (those keys), "open" (everybody) or "off" (nobody).
        signup: anybody may make an account for themselves, of the plan ``free``.
        workers: how many processes serve, each its share of an account's requests a second.
        allow_private: people may have this server ask addresses of its operator's own network.
        proxies: who is believed about where a request comes from.
        alerts: how often they are looked at, and how mails are sent.
    """

    no_content: bool = False
    metrics: str = "local"
    signup: bool = False
    workers: int = 1
    allow_private: bool = False
    proxies: Networks = field(default_factory=believed_networks)
    alerts: AlertOptions = field(default_factory=AlertOptions)


class Services:
    """The parts of a running server that its resources share.

    Args:
        open_engine: called at most once a process, on first use.
        options: the operator's choices.
        owns_engine: close the engine in `close`.
        metrics: where it is counted what happens; None: in memory of this process and its forks.
    """

    def __init__(
        self,
        open_engine: Callable[[], Engine],
        options: Options,
        *,
        owns_engine: bool,
        metrics: Metrics | None = None,
    ) -> None:
        self.options = options
        self.metrics = metrics or Metrics()
        self._open_engine = open_engine
        self._owns_engine = owns_engine
        self._lock = threading.Lock()
        self._opened: _Opened | None = None
        self.outlooks = Outlooks()
        # Does nothing until it is started, by a server or by the first import that is asked for.
        self.imports = Runner(self)
        # The same; only a server starts it.
        self.alerts = Watch(self)

    @property
    def engine(self) -> Engine:
        """The engine; raises `StoreError` when the store does not open."""
        return self._open().engine

    @property
    def accounts(self) -> Accounts:
        """The accounts beside the engine's store."""
        return self._open().accounts

    @property
    def keys(self) -> Keys:
        """The keys of those accounts."""
        return self._open().keys

    @property
    def plans(self) -> Plans:
        """What accounts may have and send."""
        return self._open().plans

    @property
    def quotas(self) -> Quotas:
        """What is left of that."""
        return self._open().quotas

    @property
    def people(self) -> People:
        """Who belongs to which account."""
        return self._open().people

    @property
    def sessions(self) -> Sessions:
        """Who is signed in."""
        return self._open().sessions

    @property
    def documents(self) -> Documents:
        """The documents in which everything beside the points is kept."""
        return self._open().documents

    @property
    def properties(self) -> Properties:
        """What is known of stats beside their points."""
        return self._open().properties

    @property
    def secret(self) -> bytes:
        """The store's secret, of which classic and embed keys are made."""
        return self._open().documents.secret

    def client_address(self, environ: Mapping[str, Any]) -> str:
        """Where a request comes from, also through a proxy of the operator's."""
        return client_address(environ, self.options.proxies)

    def now_s(self) -> int:
        """The engine's clock."""
        return self._open().engine.now_s()

    def close(self) -> None:
        """Close what was opened here; another process's is left alone."""
        self.imports.stop()
        self.alerts.stop()
        with self._lock:
            opened, self._opened = self._opened, None
            if opened is None or opened.pid != process.id:
                return
            opened.flusher.stop()
            opened.documents.close()
            if self._owns_engine:
                opened.engine.close()
        atexit.unregister(self.close)

    def _open(self) -> "_Opened":
        opened = self._opened
        if opened is not None and opened.pid == process.id:
            return opened
        with self._lock:
            if self._opened is None or self._opened.pid != process.id:
                self._opened = self._open_both()
            return self._opened

    def _open_both(self) -> "_Opened":
        engine = self._open_engine()
        try:
            documents = Documents(Path(engine.path) / ACCOUNTS_FOLDER)
        except statflow_engine.StoreError:
            if self._owns_engine:
                engine.close()
            raise
        # With durability "interval" the last points are committed by close(), also where no server calls it.
        atexit.register(self.close)
        usage = Usage(documents)
        return _Opened(
            process.id,
            engine,
            documents,
            Accounts(documents),
            Keys(documents, usage, engine.now_s, workers=self.options.workers),
            Properties(documents),
            Plans(documents),
            Quotas(engine, documents, usage),
            People(documents),
            Sessions(documents),
            Flusher(usage, engine.now_s),
        )


@dataclass(frozen=True, slots=True)
class _Opened:
    """What was opened, and by which process."""

    pid: int
    engine: Engine
    documents: Documents
    accounts: Accounts
    keys: Keys
    properties: Properties
    plans: Plans
    quotas: Quotas
    people: People
    sessions: Sessions
    flusher: Flusher

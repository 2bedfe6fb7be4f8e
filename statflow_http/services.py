"""What the resources of the API are handed: the engine, the accounts, the keys, the options.

The engine is either one that the host program opened, or one that is opened here on first use: after the fork, since
neither a server's master nor an import may touch the store.
"""

import atexit
import collections
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import statflow_engine
from statflow_engine import Engine
from statflow_http import process
from statflow_http.accounts.accounts import Accounts
from statflow_http.accounts.keys import Keys
from statflow_http.documents import Documents

ACCOUNTS_FOLDER = "accounts"


@dataclass(frozen=True, slots=True)
class Options:
    """What the operator of a server may choose about its answers.

    Attributes:
        no_content: answer a single write on StatHat's paths with 204 unless ``vb=1``, as StatHat did after 2017.
    """

    no_content: bool = False


class Services:
    """The parts of a running server that its resources share.

    Args:
        open_engine: called at most once a process, on first use.
        options: the operator's choices.
        owns_engine: close the engine in `close`.
    """

    def __init__(self, open_engine: Callable[[], Engine], options: Options, *, owns_engine: bool) -> None:
        self.options = options
        # What pixels with a bad key or a bad number did not count, by the class of the error.
        self.rejections: collections.Counter[str] = collections.Counter()
        self._open_engine = open_engine
        self._owns_engine = owns_engine
        self._lock = threading.Lock()
        self._opened: _Opened | None = None

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
    def documents(self) -> Documents:
        """The documents in which everything beside the points is kept."""
        return self._open().documents

    @property
    def secret(self) -> bytes:
        """The store's secret, of which classic and embed keys are made."""
        return self._open().documents.secret

    def now_s(self) -> int:
        """The engine's clock."""
        return self._open().engine.now_s()

    def close(self) -> None:
        """Close what was opened here; another process's is left alone."""
        with self._lock:
            opened, self._opened = self._opened, None
            if opened is None or opened.pid != process.id:
                return
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
        return _Opened(process.id, engine, documents, Accounts(documents), Keys(documents))


@dataclass(frozen=True, slots=True)
class _Opened:
    """What was opened, and by which process."""

    pid: int
    engine: Engine
    documents: Documents
    accounts: Accounts
    keys: Keys

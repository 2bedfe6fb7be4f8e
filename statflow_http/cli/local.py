"""The command line on a data folder: an engine of this process's own, beside whatever server has it open."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

import statflow_engine
from statflow_engine import Engine
from statflow_http.accounts.accounts import OWNER_ID, Account, Accounts
from statflow_http.api import v1_query
from statflow_http.cli.targets import CommandError, Question
from statflow_http.documents import Documents
from statflow_http.series_rows import AGGREGATES, FILLS
from statflow_http.services import ACCOUNTS_FOLDER
from statflow_http.wire import drafts
from statflow_http.wire.numbers import Form
from statflow_http.wire.reads import Params

PAGE = 1_000


class Folder:
    """A data folder, opened by this process; a server may have it open as well."""

    def __init__(self, engine: Engine, account: Account, *, live: bool) -> None:
        self._engine = engine
        self._account = account
        self._namespace = account.namespace(live=live)

    def send(self, message: Mapping[str, Any]) -> None:
        """By the rules of the wire, so that a name means the same everywhere."""
        draft = drafts.single(
            message.get("stat"),
            message.get("count"),
            message.get("value"),
            message.get("t"),
            form=Form.ANY,
            join=self._account.tilde_join,
        )
        pending = self._engine.stage(draft.batch(self._namespace, None))
        self._engine.commit()
        pending.result()

    def query(self, question: Question) -> dict[str, Any]:
        """As the server would answer."""
        params = Params(question.query_string)
        shown = v1_query.Shown(
            params.choice("agg", tuple(AGGREGATES), ""), params.choice("fill", FILLS, "null"), params.shift_s()
        )
        windows = v1_query.asked(self._engine, self._namespace, self._account.tz, params)
        shown.check(windows)
        document: dict[str, Any] = msgspec.json.decode(b"".join(v1_query.json_stream(windows, shown)))
        return document

    def stats(self, pattern: str) -> Iterator[dict[str, Any]]:
        """Straight from the catalog, a page at a time."""
        after: int | None = None
        while True:
            page = self._engine.series(self._namespace, pattern=pattern, limit=PAGE, after=after)
            for series in page:
                yield {"name": series.name, "kind": str(series.kind), "received_at": series.received_s}
            if len(page) < PAGE:
                return
            after = page[-1].id


@contextmanager
def folder(data: Path, *, live: bool) -> Iterator[Folder]:
    """A data folder that is there already, opened for the owner's live or test stats.

    Raises:
        CommandError: there is none.
        StoreError: it does not open.
    """
    with existing_engine(data) as engine:
        documents = Documents(data / ACCOUNTS_FOLDER)
        try:
            account = Accounts(documents).get(OWNER_ID) or Account(OWNER_ID, int(time.time()))
        finally:
            documents.close()
        yield Folder(engine, account, live=live)


@contextmanager
def existing_engine(data: Path) -> Iterator[Engine]:
    """The engine of a data folder that is there already.

    Raises:
        CommandError: there is none.
        StoreError: it does not open.
    """
    if not data.is_dir():
        raise CommandError(f"there is no data folder {data}")
    with statflow_engine.open(data) as engine:
        yield engine

"""The command line on a data folder: an engine of this process's own, beside whatever server has it open."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

import statflow_engine
from statflow_engine import Engine, StatFlowError, UnknownSeriesError
from statflow_http.accounts.accounts import Account
from statflow_http.api import v1_query
from statflow_http.cli.office import account_named
from statflow_http.cli.targets import CommandError, Question
from statflow_http.documents.store import ACCOUNTS_FOLDER, Documents
from statflow_http.serving import folders
from statflow_http.stats.properties import Properties
from statflow_http.stats.series_rows import AGGREGATES, FILLS
from statflow_http.wire import drafts
from statflow_http.wire.numbers import Form
from statflow_http.wire.reads import Params

PAGE = 1_000


class Folder:
    """A data folder, opened by this process; a server may have it open as well."""

    def __init__(self, engine: Engine, documents: Documents, account: Account, *, live: bool) -> None:
        self._engine = engine
        self._properties = Properties(documents)
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
        try:
            pending = self._engine.stage(draft.batch(self._namespace, None))
            self._engine.commit()
            pending.result()
        except StatFlowError as error:
            raise draft.located(error) from error

    def query(self, question: Question) -> dict[str, Any]:
        """As the server would answer."""
        params = Params(question.query_string)
        shown = v1_query.Shown(
            params.choice("agg", tuple(AGGREGATES), ""), params.choice("fill", FILLS, "null"), params.shift_s()
        )
        with users_words():
            windows = v1_query.asked(self._engine, self._namespace, self._account.tz, params)
        shown.check(windows)
        document: dict[str, Any] = msgspec.json.decode(b"".join(v1_query.json_stream(windows, shown)))
        return document

    def stats(self, pattern: str) -> Iterator[dict[str, Any]]:
        """Straight from the catalog, a page at a time."""
        after: int | None = None
        while True:
            page = self._engine.series(self._namespace, pattern=pattern, limit=PAGE, after=after)
            known = self._properties.of(self._namespace, [series.id for series in page])
            for series in (each.told(one) for each, one in zip(known, page, strict=True)):
                yield {"name": series.name, "kind": str(series.kind), "received_at": series.received_s}
            if len(page) < PAGE:
                return
            after = page[-1].id


@contextmanager
def users_words() -> Iterator[None]:
    """Tell of a stat what the engine tells of a series."""
    try:
        yield
    except UnknownSeriesError as error:
        raise CommandError(str(error).replace("no series is", "no stat is", 1)) from error


@contextmanager
def folder(data: Path, account: str | None, *, live: bool) -> Iterator[Folder]:
    """A data folder that is there already, opened for the live or test stats of the account that ``--account`` names.

    Raises:
        CommandError: there is no such account.
        StoreError: there is no store, or it does not open.
    """
    with existing_engine(data) as engine:
        documents = Documents(data / ACCOUNTS_FOLDER)
        try:
            yield Folder(engine, documents, account_named(documents, account), live=live)
        finally:
            documents.close()


@contextmanager
def existing_engine(data: Path) -> Iterator[Engine]:
    """The engine of a data folder that is there already.

    Raises:
        StoreError: there is no store, or it does not open.
    """
    folders.refuse_no_store(data)
    with statflow_engine.open(data) as engine:
        yield engine

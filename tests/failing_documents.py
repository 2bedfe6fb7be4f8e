"""Ten changes of documents on a disk whose calls fail, and what their caller is told; see `failing_life`."""

import sys
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import msgspec

from statflow_http.documents.store import Documents
from tests import failing_life
from tests.failing_life import Caller, Life

CHANGES = 10
READERS = 2
# Written by each change, all or none.
TABLES = ("accounts", "keys", "people")


class Note(msgspec.Struct, frozen=True):
    """A document of this test; long enough that a change takes pages of its own."""

    text: str


class Changer(Caller):
    """Changes documents, whatever comes, and notes what it is told."""

    def live(self, folder: Path) -> None:
        """Open documents, change and read them, and close them."""
        opened: list[Documents] = []
        if not self.tried("open", lambda: opened.append(Documents(folder))):
            return
        with self._others_reading(opened[0]):
            for number in range(CHANGES):
                if self.tried(f"change {number}", partial(put, opened[0], number)):
                    self.outcome.acknowledged.append(number)
                    self._tell(number)
                self._read(opened[0])
        self.tried("close", opened[0].close)

    def _read(self, documents: Documents) -> None:
        """Everything is to be there, as the documents are."""
        found: list[str] = []
        if self.tried("read", lambda: found.extend(missing(documents, self.outcome.acknowledged))):
            self.outcome.reads += 1
            self.outcome.reads_behind_failure += bool(self.outcome.refusals)
        self.outcome.wrong += found
        self.tried("epoch", documents.epoch)

    @contextmanager
    def _others_reading(self, documents: Documents) -> Iterator[None]:
        """Threads that read all the while, and whom no failure concerns."""
        is_over = threading.Event()

        def read() -> None:
            while not is_over.is_set():
                documents.epoch()
                self.outcome.wrong += missing(documents, self.outcome.acknowledged.copy())

        with ThreadPoolExecutor(READERS) as pool:
            readings = [pool.submit(read) for _ in range(READERS)]
            yield
            is_over.set()
        self.outcome.wrong += [f"a reader: {reading.exception()!r}" for reading in readings if reading.exception()]


def put(documents: Documents, number: int) -> None:
    """One change of every table."""
    with documents.change() as change:
        for table in TABLES:
            change.put(table, f"note/{number}", Note(str(number) * 1_000))


def missing(documents: Documents, acknowledged: Iterable[int]) -> list[str]:
    """Sentences about changes that were acknowledged and are not there, or are there in part."""
    with documents.snapshot() as snapshot:
        found = [snapshot.keys_under(table, "note/") for table in TABLES]
        for table in TABLES:
            list(snapshot.under(table, "note/", Note))
    sentences = [] if found[0] == found[1] == found[2] else [f"changes are there in part: {found}"]
    return sentences + [f"{number} is not there" for number in acknowledged if f"note/{number}" not in found[0]]


def complaint(folder: Path, acknowledged: Iterable[int]) -> str:
    """What is wrong with the documents once the disk is well again; empty: nothing."""
    documents = Documents(folder)
    found = missing(documents, acknowledged)
    put(documents, CHANGES)
    found += missing(documents, [*acknowledged, CHANGES])
    documents.close()
    return "; ".join(found)


if __name__ == "__main__":
    failing_life.main(Life(Changer, complaint), *sys.argv[1:])

"""Small documents in an LMDB environment of their own: accounts, keys, and all else that people set.

A document is a frozen msgspec struct, stored as msgpack under a text key in a named table. The *epoch* is the number of
the last transaction that changed something, by any process: who caches what was read compares epochs. The engine knows
nothing of this file, and this file nothing of the engine but its errors.

Invariants:
    * no transaction outlives the call that began it, except inside ``with snapshot()`` and ``with change()``.
"""

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import lmdb
import msgspec

from statflow_engine import FormatVersionError
from statflow_http.documents.environment import Environment

T = TypeVar("T", bound=msgspec.Struct)

# Where the documents lie in a data folder.
ACCOUNTS_FOLDER = "accounts"
KEY_BYTES_MAX = 511

FORMAT_VERSION = 1
SECRET_SIZE = 32
VERSION = struct.Struct("<Q")
# What lies under which text key is told where the documents of a table are made.
TABLES = (
    "accounts",
    "keys",
    "key_ids",
    "key_uses",
    "people",
    "emails",
    "sessions",
    "login_links",
    "attempts",
    "plans",
    "usage",
    "stat_minutes",
    "properties",
    "imported_keys",
    "public_stats",
    "alert_rules",
    "automatic_alerts",
    "alert_states",
    "alert_history",
    "alert_accounts",
    "alert_server",
    "anomalies_told",
    "receivers",
    "notice_queue",
    "notice_log",
    "annotations",
    "import_stats",
    "imports",
    "import_lease",
    "dashboards",
    "deleted_dashboards",
    "dashboard_shares",
    "share_links",
    "serving",
)
# What is known of the file itself.
META = "meta"


class Snapshot:
    """The documents as they were at one moment.

    Attributes:
        epoch: of that moment.
    """

    def __init__(self, txn: "lmdb.Transaction[bytes]", tables: dict[str, "lmdb._Database"]) -> None:
        self._txn = txn
        self._tables = tables
        self.epoch = txn.id()

    def get(self, table: str, key: str, cls: type[T]) -> T | None:
        """The document under a key, or None."""
        encoded = key.encode()
        # LMDB has keys of 1 to 511 bytes, and raises for others even where it only looks.
        if not 1 <= len(encoded) <= KEY_BYTES_MAX:
            return None
        found = self._txn.get(encoded, db=self._tables[table])
        return None if found is None else msgspec.msgpack.decode(found, type=cls)

    def all(self, table: str, cls: type[T]) -> list[T]:
        """Every document of a table, in order of the keys."""
        return list(self.under(table, "", cls))

    def under(self, table: str, prefix: str, cls: type[T], *, after: str = "") -> Iterator[T]:
        """The documents whose keys begin with a prefix, in order of the keys (of their UTF-8 bytes).

        Args:
            table: where they lie.
            prefix: "" for every document.
            cls: what they are.
            after: only those whose whole key comes after this one, which begins with the prefix; "" for all.
        """
        cursor = self._txn.cursor(db=self._tables[table])
        encoded, last = prefix.encode(), after.encode()
        assert last.startswith(encoded) or not last, (prefix, after)
        found = cursor.set_range(last or encoded) if last or encoded else cursor.first()
        if found and last and cursor.key() == last:
            found = cursor.next()
        while found and cursor.key().startswith(encoded):
            yield msgspec.msgpack.decode(cursor.value(), type=cls)
            found = cursor.next()

    def keys_under(self, table: str, prefix: str) -> list[str]:
        """The keys that begin with a prefix, in order."""
        cursor = self._txn.cursor(db=self._tables[table])
        encoded, found = prefix.encode(), []
        there = cursor.set_range(encoded) if encoded else cursor.first()
        while there and cursor.key().startswith(encoded):
            found.append(cursor.key().decode())
            there = cursor.next()
        return found

    def next_key(self, table: str, after: str) -> str | None:
        """The first key of a table that comes after a text; None when there is none."""
        cursor = self._txn.cursor(db=self._tables[table])
        found = cursor.set_range(after.encode()) if after else cursor.first()
        return cursor.key().decode() if found else None


class Change(Snapshot):
    """One write transaction over the documents; what it read and wrote belongs together."""

    def put(self, table: str, key: str, document: msgspec.Struct) -> None:
        """Store a document, in place of the one that is there."""
        self._txn.put(key.encode(), msgspec.msgpack.encode(document), db=self._tables[table])

    def delete(self, table: str, key: str) -> bool:
        """Remove a document; False when there was none."""
        return self._txn.delete(key.encode(), db=self._tables[table])

    def delete_under(self, table: str, prefix: str) -> None:
        """Remove every document whose key begins with a prefix, which is not empty."""
        assert prefix
        encoded = prefix.encode()
        cursor = self._txn.cursor(db=self._tables[table])
        found = cursor.set_range(encoded)
        while found and cursor.key().startswith(encoded):
            # The cursor is then on the next one.
            found = cursor.delete() and bool(cursor.key())


class Documents:
    """The documents of one data folder.

    Args:
        path: the folder of the environment; made, readable by its owner only, when it is missing.

    Raises:
        StoreError: the folder cannot be made or opened, or is open in this process already.
        FormatVersionError: a newer version wrote it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._environment = Environment(path, (*TABLES, META))
        try:
            self.secret = self._prepare()
        except BaseException:
            self.close()
            raise

    def _prepare(self) -> bytes:
        """Write version and secret into a new environment; the store's secret, 32 random bytes."""
        with self._environment.begin(write=True) as txn:
            meta = self._environment.tables[META]
            version = txn.get(b"version", db=meta)
            if version is None:
                txn.put(b"version", VERSION.pack(FORMAT_VERSION), db=meta)
                txn.put(b"secret", os.urandom(SECRET_SIZE), db=meta)
            elif VERSION.unpack(version)[0] > FORMAT_VERSION:
                raise FormatVersionError(
                    f"{self.path} is of format {VERSION.unpack(version)[0]}, this version reads up to {FORMAT_VERSION}"
                )
            secret = txn.get(b"secret", db=meta)
        assert secret is not None
        assert len(secret) == SECRET_SIZE, len(secret)
        return secret

    def close(self) -> None:
        """Close the environment; in another process than the opener's this does nothing."""
        self._environment.close()

    def epoch(self) -> int:
        """The number of the last change by any process; costs a microsecond and no transaction.

        It may run ahead of what a transaction that is begun now sees, by the moment in which another process's commit
        becomes visible: what is cached belongs to the epoch of the `Snapshot` that it was read from.
        """
        return self._environment.last_change()

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """The documents at one moment; keep it short."""
        with self._environment.begin(write=False) as txn:
            yield Snapshot(txn, self._environment.tables)

    @contextmanager
    def change(self) -> Iterator[Change]:
        """One transaction: all of its writes, or nothing when the block raises."""
        with self._environment.begin(write=True) as txn:
            yield Change(txn, self._environment.tables)

"""A file that was looked at, and waits for somebody to say that it is to be brought: one an account.

Beside the uploads of imports lie the file itself and what was found in it. The next one that is looked at takes its
place; after a day anybody's is removed by whoever looks at a file next.
"""

import time
from pathlib import Path

import msgspec

from statflow_http.accounts.accounts import Account
from statflow_http.moving import imports, sources
from statflow_http.moving.csv_files import KINDS
from statflow_http.moving.imports import Store
from statflow_http.moving.options import ImportOptions
from statflow_http.services import Services

# What is read while somebody waits for the page.
CHECKED_BYTES_MAX = 64 << 20
KEPT_S = 86_400
LINES_MAX = 500
FILE, ABOUT = ".checked", ".checked.json"


class Check(msgspec.Struct, frozen=True):
    """What was found in a file.

    Attributes:
        source: its name.
        options: by which it was read.
        lines: what it would bring, in words.
        checked_s: Unix seconds.
        failure: why there is nothing to bring, or not all of it; "": it is as it should be.
        is_empty: nothing would come.
    """

    source: str
    options: ImportOptions
    lines: list[str]
    checked_s: int
    failure: str = ""
    is_empty: bool = False


class Checks:
    """The file of one account, live or test, that waits.

    Args:
        services: of the server.
        folder: where uploads lie.
        account, live: whose.
    """

    def __init__(self, services: Services, folder: Path, account: Account, *, live: bool) -> None:
        self._services = services
        self._folder = folder
        self._account = account
        self._live = live
        name = f"{account.id}-{'live' if live else 'test'}"
        self.path = folder / (name + FILE)
        self._about = folder / (name + ABOUT)

    def look(self, upload: Path, source: str, options: ImportOptions) -> Check:
        """Look at an upload, and keep it: it has another path then.

        Raises:
            RequestError: it cannot be read at all.
        """
        services = self._services
        store = Store(services.engine, services.documents, self._account, self._live, self._folder)
        items = sources.read(upload, options.format, options.csv(), label=source)
        kind = KINDS[options.kind] if options.kind else None
        found = imports.dry_run(store, items, kind, self._folder)
        check = Check(source, options, found.lines[:LINES_MAX], services.now_s(), found.failure, found.is_empty)
        self._forget_old()
        upload.replace(self.path)
        self._about.write_bytes(msgspec.json.encode(check))
        return check

    def waiting(self) -> Check | None:
        """What waits; None for nothing."""
        try:
            found = msgspec.json.decode(self._about.read_bytes(), type=Check)
        except (OSError, msgspec.DecodeError):
            return None
        return found if self.path.is_file() else None

    def forget(self) -> None:
        """Let nothing wait."""
        self._about.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)

    def _forget_old(self) -> None:
        for path in self._folder.glob(f"*{FILE}*"):
            try:
                if path.stat().st_mtime < time.time() - KEPT_S:
                    path.unlink()
            except OSError:
                pass  # somebody else's request removed it just now

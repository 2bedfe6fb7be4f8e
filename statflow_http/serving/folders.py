"""What a data folder is, and which folder may become one.

A folder that holds anything else is never made a data folder: who mistypes a path would find a store in ``/etc``.
"""

from pathlib import Path

from statflow_engine import StoreError
from statflow_http.documents.store import ACCOUNTS_FOLDER

DATA_FILE = "data.mdb"
# What may lie in a folder that becomes a data folder: what an attempt that failed has left, and what a file system has
# at its root. Of a store that was half made there are folders of this prefix.
HARMLESS = frozenset({"lock.mdb", "ballast", "alerts.lock", "imports", ACCOUNTS_FOLDER, "lost+found"})
HARMLESS_PREFIX = ".new-"


def has_store(data: Path) -> bool:
    """Whether there are stats in a folder, or at least the file for them."""
    return (data / DATA_FILE).is_file()


def has_accounts(data: Path) -> bool:
    """Whether a folder has accounts. They may be there before any server was."""
    return (data / ACCOUNTS_FOLDER / DATA_FILE).is_file()


def refuse_no_store(data: Path) -> None:
    """Refuse a folder without a store, for whoever only wants to read it.

    Raises:
        StoreError: says what makes one.
    """
    if not has_store(data):
        raise StoreError(_no_store(data))


def refuse_no_accounts(data: Path) -> None:
    """The same for who wants to see or change accounts.

    Raises:
        StoreError: says what makes them.
    """
    if not (has_store(data) or has_accounts(data)):
        raise StoreError(_no_store(data))


def made(data: Path) -> bool:
    """Make a data folder where there is none yet, for its owner alone; whether there was none.

    Raises:
        StoreError: it holds something else, or cannot be made.
    """
    if has_store(data) or has_accounts(data):
        return False
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        foreign = sorted(path.name for path in data.iterdir() if not _is_harmless(path.name))
    except OSError as error:
        raise StoreError(f"cannot make the data folder {data}: {error.strerror}") from error
    if foreign:
        raise StoreError(
            f"{data} is no data folder, and holds other files, such as {foreign[0]}: name one that is empty or missing"
        )
    return True


def _is_harmless(name: str) -> bool:
    return name in HARMLESS or name.startswith(HARMLESS_PREFIX)


def _no_store(data: Path) -> str:
    return f'there is no StatFlow store in {data}: "statflow serve --data {data}" makes one'

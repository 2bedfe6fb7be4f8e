"""What a server's owner is handed when it serves for the first time, and where a server is reached.

Whoever made the data folder, the first server on it welcomes its owner, once it really listens: a start that
fails uses nothing up.
"""

from dataclasses import dataclass

import msgspec

from statflow_http.accounts.accounts import OWNER_ID, Accounts
from statflow_http.accounts.key_store import Keys
from statflow_http.accounts.people import People, Person
from statflow_http.accounts.sessions import Sessions
from statflow_http.alerts.mail_settings import MailStore
from statflow_http.alerts.options import AlertOptions
from statflow_http.documents.store import Documents, Snapshot

TABLE = "serving"
WELCOME, PLACE = "welcome", "place"
# Where a server listens that listens on every address, as this machine sees it.
EVERYWHERE = {"//0.0.0.0:": "//127.0.0.1:", "//[::]:": "//[::1]:"}


class Welcomed(msgspec.Struct, frozen=True):
    """The owner was handed a key and a link.

    Attributes:
        at_s: Unix seconds.
    """

    at_s: int


class Place(msgspec.Struct, frozen=True):
    """Where a server listened last.

    Attributes:
        address: such as "http://127.0.0.1:8088".
        public_url: how people reach it; "": nobody said.
    """

    address: str
    public_url: str = ""

    @property
    def url(self) -> str:
        """What a browser is sent to."""
        return self.public_url or self.address


@dataclass(frozen=True, slots=True)
class FirstStart:
    """An API key for the owner, and the path of a page that signs in, once."""

    key: str
    login_path: str


def ensure_owner(documents: Documents, now_s: int) -> Person:
    """The owner of the server, made with the account where there is none yet."""
    Accounts(documents).ensure_owner(now_s)
    return People(documents).ensure_owner(now_s)


def handed(documents: Documents, now_s: int) -> FirstStart | None:
    """What the owner is handed; None for one who was welcomed before, or has been here.

    It is made anew by every call until `welcomed` is called.
    """
    owner = ensure_owner(documents, now_s)
    with documents.snapshot() as snapshot:
        if snapshot.get(TABLE, WELCOME, Welcomed) is not None or _has_been_here(snapshot, owner):
            return None
    key = Keys(documents).create(OWNER_ID, now_s, label="first key")
    return FirstStart(key, Sessions(documents).new_link(owner, now_s))


def welcomed(documents: Documents, now_s: int) -> None:
    """The owner has been told: never again."""
    with documents.change() as change:
        change.put(TABLE, WELCOME, Welcomed(now_s))


def has_been_here(documents: Documents, now_s: int) -> bool:
    """Whether the owner can sign in, or is signed in."""
    owner = ensure_owner(documents, now_s)
    with documents.snapshot() as snapshot:
        return _has_been_here(snapshot, owner)


def _has_been_here(snapshot: Snapshot, owner: Person) -> bool:
    return bool(owner.email or owner.password_hash or snapshot.keys_under("sessions", f"{owner.key}/"))


def reachable(address: str) -> str:
    """An address to which one can go, of one on which a server listens."""
    for everywhere, here in EVERYWHERE.items():
        address = address.replace(everywhere, here)
    return address


def note_place(documents: Documents, place: Place) -> None:
    """Keep where the server is, for commands that print links; nothing is written when it is where it was."""
    with documents.snapshot() as snapshot:
        if snapshot.get(TABLE, PLACE, Place) == place:
            return
    with documents.change() as change:
        change.put(TABLE, PLACE, place)


def known_url(documents: Documents) -> str:
    """How people reach this server, without a slash at the end: as is set for mails, else as the last one was started.

    "" when no server has ever been started by ``statflow serve``.
    """
    stored = MailStore(documents, AlertOptions()).get().public_url
    with documents.snapshot() as snapshot:
        place = snapshot.get(TABLE, PLACE, Place)
    return stored or ("" if place is None else place.url)

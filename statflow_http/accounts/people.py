"""People: who signs in, by e-mail address and password; each is a member of one account, and one of them owns it.

A person is stored under account and id; the table of e-mail addresses says where. The owner of the server is there from
the first start, without an address: a one-time link signs in, and the address is set then.
"""

import re
import secrets
import unicodedata

import msgspec

from statflow_http.accounts.accounts import OWNER_ID
from statflow_http.documents.store import Change, Documents, Snapshot
from statflow_http.errors import NotFoundError, RequestError, TakenError

# RFC 5321: what fits into an envelope.
EMAIL_MAX = 254
# One @ with something on both sides. What else is allowed in an address only its server knows.
EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
ID_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
ID_LENGTH = 10
MEMBERS_MAX = 100


class Person(msgspec.Struct, frozen=True):
    """Somebody who may sign in.

    Attributes:
        id: told outside.
        account_id: of whose account.
        email: normalised; "" for a server's owner who has not set one yet.
        password_hash: "" while there is no password: then only a link signs in.
        is_owner: owns the account; others are members.
        created_s: Unix seconds.
        generation: of what was signed in; a new password begins the next one, and sessions of older ones are over.
    """

    id: str
    account_id: str
    email: str
    password_hash: str
    is_owner: bool
    created_s: int
    generation: int = 0

    @property
    def key(self) -> str:
        """Where the document lies."""
        return f"{self.account_id}/{self.id}"


class EmailPlace(msgspec.Struct, frozen=True):
    """Whose an e-mail address is: the key of the person's document."""

    person_key: str


def new_id() -> str:
    """An id of 50 random bits, of small letters and digits: no part of any other key can be mistaken for it."""
    return "".join(secrets.choice(ID_ALPHABET) for _ in range(ID_LENGTH))


def normal_email(text: str) -> str:
    """An e-mail address as it is stored and looked up: trimmed, NFC, in lower case.

    Raises:
        RequestError: it is none.
    """
    email = unicodedata.normalize("NFC", text.strip()).lower()
    if len(email.encode("utf-8", "replace")) > EMAIL_MAX:
        raise RequestError(f"an e-mail address has at most {EMAIL_MAX} bytes")
    if not EMAIL.fullmatch(email) or not email.isprintable():
        raise RequestError("email must be an address, such as ada@example.com")
    return email


class People:
    """The people of one data folder."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    def ensure_owner(self, now_s: int) -> Person:
        """The owner of the server, made without address and password where there is none yet."""
        with self._documents.change() as change:
            found = _owner(change, OWNER_ID)
            if found is None:
                found = Person(new_id(), OWNER_ID, "", "", is_owner=True, created_s=now_s)
                change.put("people", found.key, found)
        return found

    def create(self, account_id: str, email: str, password_hash: str, now_s: int, *, is_owner: bool = False) -> Person:
        """Add somebody to an account.

        Args:
            account_id: which must be there.
            email: as it was written.
            password_hash: "" for none yet.
            now_s: Unix seconds.
            is_owner: of the account.

        Raises:
            RequestError: the address is none.
            TakenError: somebody has it already, or the account has 100 members.
        """
        with self._documents.change() as change:
            return create_in(change, account_id, email, password_hash, now_s, is_owner=is_owner)

    def get(self, account_id: str, person_id: str) -> Person:
        """A member of an account.

        Raises:
            NotFoundError: the account has nobody of this id.
        """
        with self._documents.snapshot() as snapshot:
            found = snapshot.get("people", f"{account_id}/{person_id}", Person)
        if found is None:
            raise NotFoundError("no such member")
        return found

    def by_email(self, email: str) -> Person | None:
        """Who has an address, as it was written; None when nobody has, or it is none."""
        try:
            normal = normal_email(email)
        except RequestError:
            return None
        with self._documents.snapshot() as snapshot:
            place = snapshot.get("emails", normal, EmailPlace)
            return None if place is None else snapshot.get("people", place.person_key, Person)

    def owner(self, account_id: str) -> Person | None:
        """Who owns an account."""
        with self._documents.snapshot() as snapshot:
            return _owner(snapshot, account_id)

    def list(self, account_id: str) -> list[Person]:
        """The people of an account: its owner, then the others in the order in which they came."""
        with self._documents.snapshot() as snapshot:
            found = list(snapshot.under("people", f"{account_id}/", Person))
        return sorted(found, key=lambda person: (not person.is_owner, person.created_s, person.id))

    def set_email(self, person: Person, email: str) -> Person:
        """Give somebody another address.

        Raises:
            RequestError: it is none.
            TakenError: somebody else has it.
            NotFoundError: the person is gone.
        """
        with self._documents.change() as change:
            return set_email_in(change, person, email)

    def set_password(self, person: Person, password_hash: str) -> Person:
        """Give somebody another password; whatever was signed in with the old one is signed out.

        Raises:
            NotFoundError: the person is gone.
        """
        with self._documents.change() as change:
            return set_password_in(change, person, password_hash)

    def rehash(self, person: Person, password_hash: str) -> None:
        """Keep the same password in a better hash, unless it was changed meanwhile; nobody is signed out."""
        with self._documents.change() as change:
            known = change.get("people", person.key, Person)
            if known is not None and known.password_hash == person.password_hash:
                change.put("people", person.key, msgspec.structs.replace(known, password_hash=password_hash))

    def remove(self, account_id: str, person_id: str) -> Person:
        """Remove a member; what was signed in is signed out, and the address is free again.

        Raises:
            NotFoundError: the account has nobody of this id.
            TakenError: it is the account's owner.
        """
        with self._documents.change() as change:
            known = change.get("people", f"{account_id}/{person_id}", Person)
            if known is None:
                raise NotFoundError("no such member")
            if known.is_owner:
                raise TakenError("the owner of an account cannot be removed from it")
            change.delete("people", known.key)
            if known.email:
                change.delete("emails", known.email)
        return known


def create_in(
    change: Change, account_id: str, email: str, password_hash: str, now_s: int, *, is_owner: bool = False
) -> Person:
    """`People.create` as part of a larger change."""
    normal = normal_email(email)
    if change.get("emails", normal, EmailPlace) is not None:
        raise TakenError("somebody has this e-mail address already")
    if sum(1 for _ in change.under("people", f"{account_id}/", Person)) >= MEMBERS_MAX:
        raise TakenError(f"an account has at most {MEMBERS_MAX} members")
    person = Person(new_id(), account_id, normal, password_hash, is_owner, now_s)
    change.put("emails", normal, EmailPlace(person.key))
    change.put("people", person.key, person)
    return person


def set_email_in(change: Change, person: Person, email: str) -> Person:
    """`People.set_email` as part of a larger change."""
    normal = normal_email(email)
    known = _known(change, person)
    place = change.get("emails", normal, EmailPlace)
    if place is not None and place.person_key != person.key:
        raise TakenError("somebody has this e-mail address already")
    if known.email:
        change.delete("emails", known.email)
    changed = msgspec.structs.replace(known, email=normal)
    change.put("emails", normal, EmailPlace(person.key))
    change.put("people", person.key, changed)
    return changed


def set_password_in(change: Change, person: Person, password_hash: str) -> Person:
    """`People.set_password` as part of a larger change."""
    known = _known(change, person)
    changed = msgspec.structs.replace(known, password_hash=password_hash, generation=known.generation + 1)
    change.put("people", person.key, changed)
    return changed


def _owner(snapshot: Snapshot, account_id: str) -> Person | None:
    return next((person for person in snapshot.under("people", f"{account_id}/", Person) if person.is_owner), None)


def _known(change: Change, person: Person) -> Person:
    known = change.get("people", person.key, Person)
    if known is None:
        raise NotFoundError("no such member")
    return known

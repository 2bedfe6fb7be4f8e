"""Who is signed in: sessions, one-time links, and the check of a password.

A session is known by a random token that only its browser has; stored is the token's SHA-256, which is enough for 256
random bits. Its first half names the person, so that all of somebody's sessions lie side by side. A session is over
when its time is, when the person signs out, is removed, or gets another password.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass

import msgspec

from statflow_http.accounts import passwords
from statflow_http.accounts.attempts import Limiter, network
from statflow_http.accounts.people import People, Person, normal_email, set_email_in, set_password_in
from statflow_http.documents.store import Change, Documents
from statflow_http.errors import NotFoundError, RequestError

DAY_S = 86_400
SESSION_S = 30 * DAY_S
# More than anybody's browsers; the oldest is signed out.
SESSIONS_MAX = 50
LINK_S = DAY_S
# Where the page lies that uses a link.
LINK_PATH = "/login/"
TOKEN_BYTES = 32
# Two ids, and 43 characters of base64.
TOKEN_LENGTH_MAX = 100

WRONG = "wrong e-mail address or password"


class Session(msgspec.Struct, frozen=True):
    """Somebody's browser that is signed in.

    Attributes:
        digest: hex of the token's SHA-256.
        person_key: whose it is.
        generation: the person's, when this began.
        created_s, expires_s: Unix seconds.
    """

    digest: str
    person_key: str
    generation: int
    created_s: int
    expires_s: int

    @property
    def key(self) -> str:
        """Where the document lies: under the account, as everything of it, and within that under the person."""
        return f"{self.person_key}/{self.digest}"


class LoginLink(msgspec.Struct, frozen=True):
    """A link that signs somebody in, once."""

    digest: str
    person_key: str
    generation: int
    expires_s: int


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session that has begun; ``token`` is for the cookie, and stored nowhere."""

    token: str
    person: Person


class BadLoginError(RequestError):
    """No such person, or another password: nobody is told which."""


class Sessions:
    """The sessions and links of one data folder."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._limiter = Limiter(documents)
        self._people = People(documents)

    def sign_in(self, email: str, password: str, address: str, now_s: int) -> SignedIn:
        """Check a password and begin a session.

        It takes as long for an address that nobody has as for one with another password.

        Args:
            email, password: as they were written.
            address: the sender's IP address.
            now_s: Unix seconds.

        Raises:
            RetryLaterError: tried too often from this address or for this person.
            BadLoginError: no such person, or another password.
        """
        self._limiter.take(now_s, f"sign-in from {network(address)}", f"sign-in of {_account_name(email)}")
        person = self._people.by_email(email)
        if not passwords.is_right(password, "" if person is None else person.password_hash):
            raise BadLoginError(WRONG)
        assert person is not None
        if passwords.is_outdated(person.password_hash):
            self._people.rehash(person, passwords.hashed(password))
        return self.begin(person, now_s)

    def begin(self, person: Person, now_s: int) -> SignedIn:
        """A new session of somebody who has just proved to be that person.

        Raises:
            NotFoundError: the person is gone.
            BadLoginError: the password was changed since it was checked.
        """
        with self._documents.change() as change:
            return _begin(change, person, now_s)

    def find(self, token: str, now_s: int) -> Person | None:
        """Who is signed in by a token; None when nobody is."""
        key = _session_key(token)
        if key is None:
            return None
        with self._documents.snapshot() as snapshot:
            session = snapshot.get("sessions", key, Session)
            person = None if session is None else snapshot.get("people", session.person_key, Person)
        if session is None or person is None:
            return None
        is_over = now_s >= session.expires_s or session.generation != person.generation
        return None if is_over else person

    def end(self, token: str) -> None:
        """Sign out; a token of no session is no error."""
        key = _session_key(token)
        if key is not None:
            with self._documents.change() as change:
                change.delete("sessions", key)

    def change_password(self, person: Person, password: str, now_s: int) -> SignedIn:
        """Give somebody another password: every session ends, and the one returned begins.

        Raises:
            RequestError: the password is too short or too long.
            NotFoundError: the person is gone.
        """
        hash_ = passwords.hashed(password)
        with self._documents.change() as change:
            return _begin(change, set_password_in(change, person, hash_), now_s)

    def new_link(self, person: Person, now_s: int) -> str:
        """The path of a page that signs somebody in, once and within a day."""
        token = secrets.token_urlsafe(TOKEN_BYTES)
        link = LoginLink(_digest(token), person.key, person.generation, now_s + LINK_S)
        with self._documents.change() as change:
            for old in change.all("login_links", LoginLink):
                if old.expires_s <= now_s:
                    change.delete("login_links", old.digest)
            change.put("login_links", link.digest, link)
        return LINK_PATH + token

    def person_of_link(self, token: str, now_s: int) -> Person | None:
        """Whom a link would sign in. Who follows links to preview them does not use them up."""
        with self._documents.snapshot() as snapshot:
            link = snapshot.get("login_links", _digest(token), LoginLink)
            person = None if link is None else snapshot.get("people", link.person_key, Person)
        return person if link is not None and person is not None and _is_good(link, person, now_s) else None

    def use_link(self, token: str, now_s: int, *, email: str = "", password_hash: str = "") -> SignedIn:
        """Sign somebody in by a link, which is used up.

        Args:
            token: of the link.
            now_s: Unix seconds.
            email, password_hash: to set in the same change, or nothing of it; "" for none.

        Raises:
            NotFoundError: there is no such link, or it was used, or is over.
            RequestError, TakenError: the address cannot be set. The link goes on working.
        """
        with self._documents.change() as change:
            digest = _digest(token)
            link = change.get("login_links", digest, LoginLink)
            person = None if link is None else change.get("people", link.person_key, Person)
            change.delete("login_links", digest)
            signed_in = None
            if link is not None and person is not None and _is_good(link, person, now_s):
                person = set_email_in(change, person, email) if email else person
                person = set_password_in(change, person, password_hash) if password_hash else person
                signed_in = _begin(change, person, now_s)
        if signed_in is None:
            raise NotFoundError("this link was used already, or is over")
        return signed_in


def csrf_token(secret: bytes, token: str) -> str:
    """What a form of a signed-in page carries, so that it can be told from one of another site.

    Args:
        secret: the store's.
        token: the session's; where nobody is signed in, that of a cookie of the sign-in page.
    """
    return hmac.new(secret, b"csrf:" + token.encode("utf-8", "replace"), hashlib.sha256).hexdigest()


def csrf_matches(secret: bytes, token: str, sent: str) -> bool:
    """Whether a form carries what it must; takes as long for any text."""
    return hmac.compare_digest(csrf_token(secret, token).encode(), sent.encode("utf-8", "replace"))


def _begin(change: Change, person: Person, now_s: int) -> SignedIn:
    known = change.get("people", person.key, Person)
    if known is None:
        raise NotFoundError("no such member")
    if known.generation != person.generation:
        raise BadLoginError(WRONG)
    sessions = sorted(change.under("sessions", f"{person.key}/", Session), key=lambda session: session.created_s)
    current = [one for one in sessions if one.generation == known.generation and one.expires_s > now_s]
    # Those that are over, and room for one more.
    kept = {one.key for one in current[max(0, len(current) - SESSIONS_MAX + 1) :]}
    for session in sessions:
        if session.key not in kept:
            change.delete("sessions", session.key)
    token = f"{person.account_id}.{person.id}.{secrets.token_urlsafe(TOKEN_BYTES)}"
    session = Session(_digest(token), person.key, known.generation, now_s, now_s + SESSION_S)
    change.put("sessions", session.key, session)
    return SignedIn(token, known)


def _is_good(link: LoginLink, person: Person, now_s: int) -> bool:
    return now_s < link.expires_s and link.generation == person.generation


def _session_key(token: str) -> str | None:
    """Where the session of a token lies; None for what is no token."""
    if len(token) > TOKEN_LENGTH_MAX or not token.isascii():
        return None
    account_id, _, rest = token.partition(".")
    person_id, _, random = rest.partition(".")
    return f"{account_id}/{person_id}/{_digest(token)}" if account_id and person_id and random else None


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _account_name(email: str) -> str:
    """By what attempts are counted: the address as it is looked up, so that writing it otherwise gives no more."""
    try:
        return normal_email(email)
    except RequestError:
        # Nobody can have it: all of these share one name.
        return ""

"""API keys: made once, shown once, stored as a hash, found by the hash of what a client sends.

Why plain SHA-256 and no slow hash: a key of ours has 190 random bits, which nobody guesses; and it is looked up for
every request.
"""

import enum
import hashlib
import secrets
import string
from dataclasses import dataclass

import msgspec

from statflow_http.accounts.accounts import Account
from statflow_http.documents import Documents
from statflow_http.errors import NotFoundError, RequestError

ALPHABET = string.ascii_letters + string.digits
RANDOM_COUNT = 32  # of 62 letters: 190 bits, of which the 8 in the display prefix are no secret
PREFIX_COUNT = 8
LIVE_PREFIX = "sk_live_"
TEST_PREFIX = "sk_test_"
LABEL_MAX = 100
# Why this many: a cached sender takes about 500 bytes, and who has more active keys pays 3 us for some of them.
CACHE_MAX = 10_000


class Scope(enum.StrEnum):
    """What a key may do. A key that may only write is the one for pixels and web pages."""

    WRITE = "write"
    READ = "read"
    FULL = "full"

    def allows(self, wanted: "Scope") -> bool:
        """Whether a key of this scope may do what needs the other."""
        return self is wanted or self is Scope.FULL


class Key(msgspec.Struct, frozen=True):
    """A key as it is stored: enough to find it and to show it, not enough to use it.

    Attributes:
        id: the first 8 characters of the random part, by which people name the key.
        digest: SHA-256 of the whole key.
        revoked_s: Unix seconds, or None while it may be used.
    """

    id: str
    digest: bytes
    account_id: str
    live: bool
    scope: Scope
    label: str
    created_s: int
    revoked_s: int | None = None

    @property
    def display(self) -> str:
        """How the key is shown in lists."""
        return f"{LIVE_PREFIX if self.live else TEST_PREFIX}{self.id}…"


class KeyPlace(msgspec.Struct, frozen=True):
    """Where the key of an id is stored."""

    digest: bytes


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sent a request, as far as the rest of a request needs to know."""

    account: Account
    key_id: str
    live: bool
    scope: Scope
    namespace: str


class Keys:
    """The keys of one data folder.

    Looking one up costs a hash and a look at the epoch: what this process remembers is forgotten as soon as any process
    changed an account or a key.
    """

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._known = Known(-1, {})

    def create(
        self, account_id: str, now_s: int, *, live: bool = True, scope: Scope = Scope.FULL, label: str = ""
    ) -> str:
        """Make a key and return it; this is the only moment at which anybody sees it.

        Raises:
            RequestError: the label is longer than 100 characters.
        """
        if len(label) > LABEL_MAX:
            raise RequestError(f"the label of a key has at most {LABEL_MAX} characters")
        with self._documents.change() as change:
            while True:
                random = "".join(secrets.choice(ALPHABET) for _ in range(RANDOM_COUNT))
                key_id = random[:PREFIX_COUNT]
                if change.get("key_ids", key_id, KeyPlace) is None:
                    break
            text = (LIVE_PREFIX if live else TEST_PREFIX) + random
            digest = hashlib.sha256(text.encode()).digest()
            key = Key(key_id, digest, account_id, live, scope, label, now_s)
            change.put("keys", digest.hex(), key)
            change.put("key_ids", key_id, KeyPlace(digest))
        return text

    def list(self, account_id: str) -> list[Key]:
        """The keys of an account, revoked ones too, oldest first."""
        with self._documents.snapshot() as snapshot:
            found = snapshot.all("keys", Key)
        return sorted((key for key in found if key.account_id == account_id), key=lambda key: (key.created_s, key.id))

    def revoke(self, account_id: str, name: str, now_s: int) -> Key:
        """Make a key useless from the next request on, in every process.

        Args:
            account_id: whose key it must be.
            name: the key's id, how it is shown, or the key itself.

        Returns:
            The key as it is stored now; one that was revoked before keeps its time.

        Raises:
            NotFoundError: the account has no such key.
        """
        key_id = name.removeprefix(LIVE_PREFIX).removeprefix(TEST_PREFIX)[:PREFIX_COUNT]
        with self._documents.change() as change:
            place = change.get("key_ids", key_id, KeyPlace)
            key = None if place is None else change.get("keys", place.digest.hex(), Key)
            if key is None or key.account_id != account_id:
                raise NotFoundError("no such key")
            if key.revoked_s is None:
                key = msgspec.structs.replace(key, revoked_s=now_s)
                change.put("keys", key.digest.hex(), key)
        return key

    def sender(self, key: bytes) -> Sender | None:
        """Whose key this is; None when it is unknown or revoked."""
        digest = hashlib.sha256(key).digest()
        epoch = self._documents.epoch()
        known = self._known
        if epoch != known.epoch or len(known.senders) > CACHE_MAX:
            # A new value, not a cleared one: another thread may be about to store in the old one what it read before.
            known = self._known = Known(epoch, {})
        sender = known.senders.get(digest)
        return self._find(digest, known) if sender is None else sender

    def _find(self, digest: bytes, known: "Known") -> Sender | None:
        """Look a key up in the store, and remember it if it was read at the epoch of what is remembered."""
        with self._documents.snapshot() as snapshot:
            key = snapshot.get("keys", digest.hex(), Key)
            if key is None or key.revoked_s is not None:
                return None
            account = snapshot.get("accounts", key.account_id, Account)
        if account is None:
            return None
        sender = Sender(account, key.id, key.live, key.scope, account.namespace(live=key.live))
        if snapshot.epoch == known.epoch:
            known.senders[digest] = sender
        return sender


@dataclass(frozen=True, slots=True)
class Known:
    """The senders that a process has looked up since the documents last changed, by the digest of their key."""

    epoch: int
    senders: dict[bytes, Sender]

"""API keys: made once, shown once, stored as a hash, found by the hash of what a client sends.

Why plain SHA-256 and no slow hash: a key of ours has 190 random bits, which nobody guesses; and it is looked up for
every request. Old StatHat secrets lie beside them in the same way, letter by letter as clients send them. Some of those
can be guessed, an e-mail address above all: it may only be added by who has that address here, so that nobody finds
out by trying whose is in use, or takes another's.
"""

import enum
import hashlib
import secrets
import string
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import msgspec

from statflow_http.accounts.accounts import OWNER_ID, Account
from statflow_http.accounts.attempts import Limiter
from statflow_http.accounts.people import EmailPlace, normal_email
from statflow_http.accounts.plans import UNLIMITED, Plan, plan_named
from statflow_http.accounts.usage import KeyUse, Tally, Usage
from statflow_http.documents import Change, Documents, Snapshot
from statflow_http.errors import ForbiddenError, NotFoundError, RequestError, RetryLaterError, TakenError

ALPHABET = string.ascii_letters + string.digits
RANDOM_COUNT = 32  # of 62 letters: 190 bits, of which the 8 in the display prefix are no secret
PREFIX_COUNT = 8
LIVE_PREFIX = "sk_live_"
TEST_PREFIX = "sk_test_"
LABEL_MAX = 100
# Of an account, revoked ones too, of which the oldest make room.
KEYS_MAX = 1_000
DAY_S = 86_400
GRACE_DAYS_MAX = 30
# As far as Python's calendar reaches.
EXPIRY_MAX_S = 2**37
# What StatHat let people choose as their EZ key is not known; a shorter one would be found by trying.
SECRET_MIN = 4
SECRET_MAX = 255
# A secret so long keeps being one when its first four characters are shown.
SECRET_SHOWN_FROM = 16
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


class KeyKind(enum.StrEnum):
    """Where a key comes from: ours, or one of the three sorts that StatHat had."""

    KEY = "key"
    EZKEY = "ezkey"
    UKEY = "ukey"
    TOKEN = "token"  # noqa: S105  # a sort of key, and no key

    @property
    def usual_scope(self) -> Scope:
        """What such a key could do at StatHat."""
        return Scope.READ if self is KeyKind.TOKEN else Scope.WRITE


class Key(msgspec.Struct, frozen=True):
    """A key as it is stored: enough to find it and to show it, not enough to use it.

    Attributes:
        id: the first 8 characters of the random part, by which people name the key; of an old secret 8 random ones.
        digest: SHA-256 of the whole key.
        revoked_s: Unix seconds, or None while it may be used.
        expires_s: from then on it may not be used; None: never.
        kind: a `KeyKind`.
        shown: of an old secret, what may be seen of it.
    """

    id: str
    digest: bytes
    account_id: str
    live: bool
    scope: Scope
    label: str
    created_s: int
    revoked_s: int | None = None
    expires_s: int | None = None
    kind: KeyKind = KeyKind.KEY
    shown: str = ""

    @property
    def display(self) -> str:
        """How the key is shown in lists."""
        if self.kind is not KeyKind.KEY:
            return self.shown
        return f"{LIVE_PREFIX if self.live else TEST_PREFIX}{self.id}…"

    def works(self, now_s: int) -> bool:
        """Whether it may be used."""
        return self.revoked_s is None and (self.expires_s is None or now_s < self.expires_s)


class KeyPlace(msgspec.Struct, frozen=True):
    """Where the key of an account and an id is stored."""

    digest: bytes


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sent a request, as far as the rest of a request needs to know.

    Attributes:
        plan: of the account.
        tally: where the account's live points are counted; None for test data.
        is_limited: a write may be refused for its points or its stats.
        requests_a_second: this process's share; None: as many as come.
        expires_s: of the key.
    """

    account: Account
    key_id: str
    live: bool
    scope: Scope
    namespace: str
    plan: Plan = UNLIMITED
    tally: Tally | None = None
    is_limited: bool = False
    requests_a_second: float | None = None
    expires_s: int | None = None


class KeySettings(msgspec.Struct, frozen=True):
    """What may be changed about a key; what is not given stays."""

    label: str | msgspec.UnsetType = msgspec.UNSET
    scope: Scope | msgspec.UnsetType = msgspec.UNSET
    expires_s: int | msgspec.UnsetType | None = msgspec.UNSET


class Keys:
    """The keys of one data folder.

    Looking one up costs a hash and a look at the epoch: what this process remembers is forgotten as soon as any process
    changed an account or a key.

    Args:
        documents: where they lie.
        usage: where it is noted that they are used.
        clock: gives Unix seconds; keys expire by it.
        workers: how many processes share an account's requests a second.
    """

    def __init__(
        self,
        documents: Documents,
        usage: Usage | None = None,
        clock: Callable[[], float] = time.time,
        *,
        workers: int = 1,
    ) -> None:
        self._documents = documents
        self._usage = usage or Usage(documents)
        self._clock = clock
        self._workers = workers
        self._limiter = Limiter(documents)
        self._known = Known(-1, {})

    def create(
        self,
        account_id: str,
        now_s: int,
        *,
        live: bool = True,
        scope: Scope = Scope.FULL,
        label: str = "",
        expires_s: int | None = None,
    ) -> str:
        """Make a key and return it; this is the only moment at which anybody sees it.

        Raises:
            RequestError: the label is longer than 100 characters, or the expiry is no time to come.
            TakenError: the account has 1,000 keys that work.
        """
        return self.create_shown(account_id, now_s, live=live, scope=scope, label=label, expires_s=expires_s)[0]

    def create_shown(
        self,
        account_id: str,
        now_s: int,
        *,
        live: bool,
        scope: Scope,
        label: str,
        expires_s: int | None,
    ) -> tuple[str, Key]:
        """The same, with the key as it is stored."""
        _refuse_settings(KeySettings(label=label, expires_s=expires_s), now_s)
        with self._documents.change() as change:
            return _created(change, Key("", b"", account_id, live, scope, label, now_s, expires_s=expires_s))

    def add_secret(
        self,
        account_id: str,
        secret: str,
        kind: KeyKind,
        now_s: int,
        *,
        live: bool = True,
        scope: Scope | None = None,
        label: str = "",
        by_operator: bool = False,
    ) -> Key:
        """Let an old StatHat secret in; clients send it as they always did.

        Args:
            account_id: whose it becomes.
            secret: letter by letter as clients send it.
            kind: which of StatHat's sorts.
            now_s: Unix seconds.
            live: whether for live or test data.
            scope: None: what it could do at StatHat.
            label: a note.
            by_operator: who asks has the data folder, and may give any account any secret that is free.

        Raises:
            RequestError: it can be no such secret.
            ForbiddenError: an e-mail address, of which nobody can say that it is the sender's.
            TakenError: it is in use, whoever uses it.
            RetryLaterError: the account tried too often.
        """
        _refuse_settings(KeySettings(label=label), now_s)
        _refuse_secret(secret)
        if not by_operator:
            self._limiter.take(now_s, f"secret for {account_id}")
        with self._documents.change() as change:
            if not by_operator:
                _refuse_foreign_email(change, account_id, secret)
            digest = hashlib.sha256(secret.encode()).digest()
            known = change.get("keys", digest.hex(), Key)
            if known is not None and known.account_id == account_id and known.works(now_s):
                raise TakenError("this key was added already")
            if known is not None:
                if known.works(now_s):
                    raise TakenError("this key cannot be added: it is in use")
                _forget(change, known)
            key = Key(
                _free_id(change, account_id),
                digest,
                account_id,
                live,
                scope or kind.usual_scope,
                label,
                now_s,
                kind=kind,
                shown=shown(secret, kind),
            )
            _put_new(change, key)
        return key

    def list(self, account_id: str) -> list[Key]:
        """The keys of an account, revoked ones too, oldest first."""
        with self._documents.snapshot() as snapshot:
            return _keys_of(snapshot, account_id)

    def last_used(self, keys: Iterable[Key]) -> dict[str, int]:
        """When keys were last used, by id: Unix seconds, to the minute. Those that never were are left out."""
        now_s, seen, keys = int(self._clock()), self._usage.seen, tuple(keys)
        with self._documents.snapshot() as snapshot:
            stored = {key.id: snapshot.get("key_uses", key.digest.hex(), KeyUse) for key in keys}
        found = {key_id: use.used_s for key_id, use in stored.items() if use is not None}
        return found | {key.id: now_s for key in keys if key.digest in seen}

    def get(self, account_id: str, name: str) -> Key:
        """A key of an account.

        Args:
            account_id: whose key it must be.
            name: the key's id, how it is shown, or the key itself.

        Raises:
            NotFoundError: the account has no such key.
        """
        with self._documents.snapshot() as snapshot:
            return _named(snapshot, account_id, name)

    def update(self, account_id: str, name: str, settings: KeySettings, now_s: int) -> Key:
        """Change what may be changed about a key.

        Raises:
            NotFoundError: the account has no such key.
            RequestError: the label is too long, or the expiry is no time to come.
            TakenError: it was revoked.
        """
        _refuse_settings(settings, now_s)
        given = {
            field: value for field, value in msgspec.structs.asdict(settings).items() if value is not msgspec.UNSET
        }
        with self._documents.change() as change:
            key = _named(change, account_id, name)
            if key.revoked_s is not None:
                raise TakenError("this key was revoked")
            key = msgspec.structs.replace(key, **given)
            change.put("keys", key.digest.hex(), key)
        return key

    def rotate(self, account_id: str, name: str, now_s: int, *, grace_days: int) -> tuple[str, Key]:
        """Make a key that may do what another may, which works for some days more.

        Args:
            account_id, name: as in `get`.
            now_s: Unix seconds.
            grace_days: 0 revokes the old key at once.

        Returns:
            The new key, which nobody sees again, and as it is stored.

        Raises:
            NotFoundError: the account has no such key.
            TakenError: the key works no more, or is an old StatHat secret, of which there can be no new one.
            RequestError: the days are not 0 to 30.
        """
        if not 0 <= grace_days <= GRACE_DAYS_MAX:
            raise RequestError(f"grace_days must be a whole number from 0 to {GRACE_DAYS_MAX}")
        with self._documents.change() as change:
            old = _named(change, account_id, name)
            if not old.works(now_s):
                raise TakenError("this key was revoked or has expired: make a new one")
            if old.kind is not KeyKind.KEY:
                raise TakenError("an old StatHat key cannot be rotated: make a new key, then revoke this one")
            text, key = _created(change, msgspec.structs.replace(old, created_s=now_s))
            change.put("keys", old.digest.hex(), _ending(old, now_s, grace_days))
        return text, key

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
        with self._documents.change() as change:
            key = _named(change, account_id, name)
            if key.revoked_s is None:
                key = msgspec.structs.replace(key, revoked_s=now_s)
                change.put("keys", key.digest.hex(), key)
        return key

    def sender(self, key: bytes) -> Sender | None:
        """Whose key this is; None when it is unknown, revoked, or has expired."""
        digest = hashlib.sha256(key).digest()
        epoch = self._documents.epoch()
        known = self._known
        if epoch != known.epoch or len(known.senders) > CACHE_MAX:
            # A new value, not a cleared one: another thread may be about to store in the old one what it read before.
            known = self._known = Known(epoch, {})
        sender = known.senders.get(digest) or self._find(digest, known)
        if sender is None or (sender.expires_s is not None and self._clock() >= sender.expires_s):
            return None
        # Written down once a minute by who flushes usage: a request writes nothing.
        self._usage.seen.add(digest)
        return sender

    def take_request(self, sender: Sender) -> None:
        """Count a request of an account that may send only so many a second.

        Raises:
            RetryLaterError: these were more.
        """
        assert sender.requests_a_second is not None
        wait_s = self._usage.wait_s(sender.account.id, sender.requests_a_second)
        if wait_s:
            limit = f"the plan {sender.plan.name} allows {sender.plan.requests_a_second} requests a second"
            raise RetryLaterError(f"rate limit exceeded: {limit}", int(wait_s) + 1)

    def _find(self, digest: bytes, known: "Known") -> Sender | None:
        """Look a key up in the store, and remember it if it was read at the epoch of what is remembered."""
        with self._documents.snapshot() as snapshot:
            key = snapshot.get("keys", digest.hex(), Key)
            if key is None or key.revoked_s is not None:
                return None
            account = snapshot.get("accounts", key.account_id, Account)
            plan = None if account is None else plan_named(snapshot, account.plan)
        if account is None:
            return None
        # A plan that is gone would be the fault of who removed it: nobody's points are lost for that.
        sender = self._sender(key, account, plan or UNLIMITED)
        if snapshot.epoch == known.epoch:
            known.senders[digest] = sender
        return sender

    def _sender(self, key: Key, account: Account, plan: Plan) -> Sender:
        a_second = plan.requests_a_second
        return Sender(
            account,
            key.id,
            key.live,
            key.scope,
            account.namespace(live=key.live),
            plan,
            self._usage.tally(account.id) if key.live else None,
            key.live and plan.decides_points,
            None if a_second is None else a_second / self._workers,
            key.expires_s,
        )


@dataclass(frozen=True, slots=True)
class Known:
    """The senders that a process has looked up since the documents last changed, by the digest of their key."""

    epoch: int
    senders: dict[bytes, Sender]


def shown(secret: str, kind: KeyKind) -> str:
    """What may be seen of an old secret: enough for its owner to know which it is, not enough to guess it."""
    name, at, domain = secret.partition("@")
    if at and name and domain:
        return f"{kind} {name[0]}…@{domain}"
    return f"{kind} {secret[:4]}…" if len(secret) >= SECRET_SHOWN_FROM else f"{kind} …"


def keys_under(snapshot: Snapshot, account_id: str) -> "list[Key]":
    """The keys of an account, in no order that means something."""
    places = snapshot.under("key_ids", f"{account_id}/", KeyPlace)
    found = [snapshot.get("keys", place.digest.hex(), Key) for place in places]
    return [key for key in found if key is not None]


def forget_all(change: Change, account_id: str) -> None:
    """Remove every key of an account that goes."""
    for key in keys_under(change, account_id):
        _forget(change, key)


def _keys_of(snapshot: Snapshot, account_id: str) -> "list[Key]":
    return sorted(keys_under(snapshot, account_id), key=lambda key: (key.created_s, key.id))


def _created(change: Change, draft: Key) -> tuple[str, Key]:
    """A new key of ours that may do what the draft says; and its text."""
    key_id = _free_id(change, draft.account_id)
    text = (LIVE_PREFIX if draft.live else TEST_PREFIX) + key_id + _random(RANDOM_COUNT - PREFIX_COUNT)
    key = msgspec.structs.replace(draft, id=key_id, digest=hashlib.sha256(text.encode()).digest())
    _put_new(change, key)
    return text, key


def _put_new(change: Change, key: Key) -> None:
    keys = _keys_of(change, key.account_id)
    if len(keys) >= KEYS_MAX:
        useless = next((one for one in keys if not one.works(key.created_s)), None)
        if useless is None:
            raise TakenError(f"an account has at most {KEYS_MAX} keys: revoke one")
        _forget(change, useless)
    change.put("keys", key.digest.hex(), key)
    change.put("key_ids", f"{key.account_id}/{key.id}", KeyPlace(key.digest))


def _forget(change: Change, key: Key) -> None:
    change.delete("keys", key.digest.hex())
    change.delete("key_uses", key.digest.hex())
    change.delete("key_ids", f"{key.account_id}/{key.id}")


def _random(count: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(count))


def _free_id(change: Change, account_id: str) -> str:
    while True:
        key_id = _random(PREFIX_COUNT)
        if change.get("key_ids", f"{account_id}/{key_id}", KeyPlace) is None:
            return key_id


def _named(snapshot: Snapshot, account_id: str, name: str) -> Key:
    """The key of an account that goes by an id, by how it is shown, or by itself."""
    key_id = name.removeprefix(LIVE_PREFIX).removeprefix(TEST_PREFIX)[:PREFIX_COUNT]
    place = snapshot.get("key_ids", f"{account_id}/{key_id}", KeyPlace)
    digest = hashlib.sha256(name.encode("utf-8", "replace")).digest() if place is None else place.digest
    key = snapshot.get("keys", digest.hex(), Key)
    if key is None or key.account_id != account_id:
        raise NotFoundError("no such key")
    return key


def _ending(key: Key, now_s: int, grace_days: int) -> Key:
    """A key that works some days more, unless it would have ended before."""
    if grace_days == 0:
        return msgspec.structs.replace(key, revoked_s=now_s)
    ends_s = now_s + grace_days * DAY_S
    return msgspec.structs.replace(key, expires_s=ends_s if key.expires_s is None else min(ends_s, key.expires_s))


def _refuse_settings(settings: KeySettings, now_s: int) -> None:
    if isinstance(settings.label, str) and len(settings.label) > LABEL_MAX:
        raise RequestError(f"the label of a key has at most {LABEL_MAX} characters")
    if isinstance(settings.expires_s, int) and not now_s < settings.expires_s <= EXPIRY_MAX_S:
        raise RequestError("expires_at must be a time to come, in Unix seconds")


def _refuse_secret(secret: str) -> None:
    if secret.startswith((LIVE_PREFIX, TEST_PREFIX)):
        raise RequestError("a key of StatFlow's cannot be added: make one")
    if not SECRET_MIN <= len(secret) <= SECRET_MAX:
        raise RequestError(f"secret must have {SECRET_MIN} to {SECRET_MAX} characters")
    if not secret.isprintable() or secret != secret.strip():
        raise RequestError("secret must have no control characters, and no space at its ends")


def _refuse_foreign_email(change: Change, account_id: str, secret: str) -> None:
    """Refuse an e-mail address that is not of the account's people, in the same words whether it is in use or not.

    Whoever owns the server may add one that nobody has signed up with.
    """
    try:
        email = normal_email(secret)
    except RequestError:
        return
    place = change.get("emails", email, EmailPlace)
    is_allowed = account_id == OWNER_ID if place is None else place.person_key.startswith(f"{account_id}/")
    if not is_allowed:
        raise ForbiddenError("an e-mail address can be added only to the account of the person who has it here")

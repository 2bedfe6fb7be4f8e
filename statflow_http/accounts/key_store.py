"""The keys of a data folder: made once, shown once, stored as a hash; changed, rotated, revoked.

Of StatHat's old secrets some can be guessed, an e-mail address above all: it may only be added by who has that address
here, so that nobody finds out by trying whose is in use, or takes another's.
"""

import hashlib
import secrets
import string
from collections.abc import Iterable

import msgspec

from statflow_http.accounts.accounts import OWNER_ID
from statflow_http.accounts.attempts import Limiter
from statflow_http.accounts.keys import (
    DAY_S,
    LIVE_PREFIX,
    TEST_PREFIX,
    Key,
    KeyKind,
    KeyPlace,
    KeySettings,
    Scope,
    refuse_secret,
    refuse_settings,
    shown,
)
from statflow_http.accounts.people import EmailPlace, normal_email
from statflow_http.accounts.senders import Senders
from statflow_http.accounts.usage import KeyUse
from statflow_http.documents.store import Change, Snapshot
from statflow_http.errors import ForbiddenError, NotFoundError, RequestError, TakenError

ALPHABET = string.ascii_letters + string.digits
RANDOM_COUNT = 32  # of 62 letters: 190 bits, of which the 8 in the display prefix are no secret
PREFIX_COUNT = 8
# Of an account, revoked ones too, of which the oldest make room.
KEYS_MAX = 1_000
GRACE_DAYS_MAX = 30


class Keys(Senders):
    """The keys of one data folder, and who sends with them: see `Senders` for the arguments."""

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
        refuse_settings(KeySettings(label=label, expires_s=expires_s), now_s)
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
        refuse_settings(KeySettings(label=label), now_s)
        refuse_secret(secret)
        if not by_operator:
            Limiter(self._documents).take(now_s, f"secret for {account_id}")
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
        refuse_settings(settings, now_s)
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

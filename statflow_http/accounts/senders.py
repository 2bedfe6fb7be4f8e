"""Who sent a request: found by the hash of the key that it carries, and remembered until anything changes."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass

from statflow_http.accounts.accounts import Account
from statflow_http.accounts.keys import Key, Scope
from statflow_http.accounts.plans import UNLIMITED, Plan, plan_named
from statflow_http.accounts.usage import Tally, Usage
from statflow_http.documents.store import Documents
from statflow_http.errors import RetryLaterError

# Why this many: a cached sender takes about 500 bytes, and who has more active keys pays 3 us for some of them.
CACHE_MAX = 10_000


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


@dataclass(frozen=True, slots=True)
class Known:
    """The senders that a process has looked up since the documents last changed, by the digest of their key."""

    epoch: int
    senders: dict[bytes, Sender]


class Senders:
    """Who may send, of one data folder.

    Looking one up costs a hash and a look at the epoch: what this process remembers is forgotten as soon as any process
    changed an account or a key.

    Args:
        documents: where keys and accounts lie.
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
        self._known = Known(-1, {})

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

    def _find(self, digest: bytes, known: Known) -> Sender | None:
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

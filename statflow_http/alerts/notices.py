"""The outbox: what waits to be sent, and what became of it.

Something worth telling is put here in the transaction that notes it, one *notice* for each receiver, with an id that
stays the same on every try: a process that is killed at any moment loses none and makes none anew. What many have to
tell at once, and what an account has too much of in an hour, becomes a digest.

Tables ``notice_queue`` and ``notice_log``: under ``ACCOUNT/RECEIVER/ID``. A notice is in the queue until it is
delivered or given up, then in the log, of which each receiver has the last hundred.
"""

import enum
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from statflow_http.alerts.accounts import NOTICES_PER_HOUR, alert_account
from statflow_http.alerts.numbers import Figure
from statflow_http.alerts.receivers import Receiver, implicit
from statflow_http.alerts.rules import Rule
from statflow_http.documents.made import free_id
from statflow_http.documents.store import Change, Documents, Snapshot
from statflow_http.errors import RetryLaterError

ID_PREFIX = "msg_"
LOGGED_MAX = 100
# Of one receiver; when one more comes the oldest goes to the log, dropped.
WAITING_MAX = 1_000
# More at one look, for one receiver, are one digest.
SINGLE_MAX = 5
# Events that a digest names; of more it says how many there are.
DIGEST_MAX = 200
# Tries that are remembered of a notice.
TRIES_MAX = 20
HOUR_S = 3_600

DIGEST = "alert.digest"
ANOMALY = "alert.anomaly"
NEW_STATS = "stats.new"
WEEKLY = "report.weekly"
TEST = "test"


class Outcome(enum.StrEnum):
    """How a notice is, or how it ended."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"
    DROPPED = "dropped"


class Event(msgspec.Struct, frozen=True):
    """Something about one stat that somebody is told, with all that is needed to say it.

    Attributes:
        type: a word of `Told`, or `ANOMALY`.
        namespace: whose stat it is.
        rule: as it was; None of an anomaly.
        series_id, stat_name: of the stat.
        figure: what was found.
        time_s: when.
        opened_s: when the alert opened, which is part of what its notices have in common.
        words: of an anomaly: what was found, in a sentence; else "".
    """

    type: str
    namespace: str
    rule: Rule | None
    series_id: int
    stat_name: str
    figure: Figure
    time_s: int
    opened_s: int
    words: str = ""


class Try(msgspec.Struct, frozen=True):
    """One try to deliver: when, how long it took, and what came of it."""

    time_s: int
    milliseconds: int
    status: int | None
    text: str


class Notice(msgspec.Struct, frozen=True):
    """A notice for one receiver.

    Attributes:
        id: the same on every try; in the order of text notices are in that of their making, to the second.
        type: of its one event, `DIGEST`, or one of the words above.
        events: none of what is not about alerts.
        more: events that a digest does not name.
        facts: of what is not about alerts, what it says.
        due_s: when it may be tried next; later than now also where it waits for the next hour.
        is_held: it waits for the next hour, to be part of a digest.
        tries: the last of them, oldest first; ``try_count`` counts all.
    """

    id: str
    account_id: str
    receiver_id: str
    type: str
    created_s: int
    events: tuple[Event, ...] = ()
    more: int = 0
    facts: dict[str, Any] = {}
    due_s: float = 0.0
    is_held: bool = False
    try_count: int = 0
    tries: tuple[Try, ...] = ()
    outcome: Outcome = Outcome.WAITING
    finished_s: int = 0

    @property
    def receiver_key(self) -> str:
        """Where its receiver lies."""
        return f"{self.account_id}/{self.receiver_id}"

    @property
    def key(self) -> str:
        """Where it lies, in queue and log."""
        return f"{self.receiver_key}/{self.id}"


def receivers_of(snapshot: Snapshot, account_id: str) -> list[Receiver]:
    """Who is told of an account's alerts when nobody is named.

    The receivers that are on; while the account has none at all, its owner by mail.
    """
    there = list(snapshot.under("receivers", f"{account_id}/", Receiver))
    if there:
        return [each for each in there if each.is_on]
    owner = implicit(snapshot, account_id)
    return [owner] if owner is not None and alert_account(snapshot, account_id).owner_mails else []


def put_events(change: Change, account_id: str, events: Sequence[Event], now_s: int, *, can_mail: bool) -> int:
    """Put what is told of alerts into the outbox; how many notices that are.

    Args:
        change: the transaction that notes the events.
        account_id: whose they are.
        events: of one look, in the order in which they are to be told.
        now_s: Unix seconds.
        can_mail: whether the server can send mail; without, nobody is told by mail who was not set as a receiver.
    """
    usual = [each for each in receivers_of(change, account_id) if each.created_s or can_mail]
    known = {each.id: each for each in change.under("receivers", f"{account_id}/", Receiver)}
    by_receiver: dict[str, list[Event]] = {}
    for event in events:
        named = event.rule.receivers if event.rule is not None else ()
        chosen = [known[name] for name in named if name in known and known[name].is_on] if named else usual
        for receiver in chosen:
            by_receiver.setdefault(receiver.id, []).append(event)
    return sum(_put_for(change, account_id, name, told, now_s) for name, told in by_receiver.items())


def _put_for(change: Change, account_id: str, receiver_id: str, events: list[Event], now_s: int) -> int:
    if len(events) > SINGLE_MAX:
        put_notice(change, account_id, receiver_id, DIGEST, now_s, events=events)
        return 1
    for event in events:
        put_notice(change, account_id, receiver_id, event.type, now_s, events=[event])
    return len(events)


def put_notice(
    change: Change,
    account_id: str,
    receiver_id: str,
    type_: str,
    now_s: int,
    *,
    events: Sequence[Event] = (),
    facts: dict[str, Any] | None = None,
    is_capped: bool = True,
) -> Notice:
    """Put one notice into the queue; it waits for the next hour where the account was told enough in this one."""
    account = alert_account(change, account_id)
    is_held = is_capped and account.is_full(now_s)
    notice = Notice(
        ID_PREFIX + free_id(change, "notice_queue", f"{account_id}/{receiver_id}", now_s),
        account_id,
        receiver_id,
        type_,
        now_s,
        events=tuple(events[:DIGEST_MAX]),
        more=max(len(events) - DIGEST_MAX, 0),
        facts=facts or {},
        due_s=(now_s // HOUR_S + 1) * HOUR_S if is_held else now_s,
        is_held=is_held,
    )
    if is_capped and not is_held:
        change.put("alert_accounts", account_id, account.counted(now_s))
    change.put("notice_queue", notice.key, notice)
    _drop_oldest(change, notice.receiver_key, now_s)
    return notice


def _drop_oldest(change: Change, receiver_key: str, now_s: int) -> None:
    for key in change.keys_under("notice_queue", f"{receiver_key}/")[:-WAITING_MAX]:
        notice = change.get("notice_queue", key, Notice)
        assert notice is not None, key
        put_finished(change, notice, Outcome.DROPPED, now_s)


def put_finished(change: Change, notice: Notice, outcome: Outcome, now_s: int) -> None:
    """Move a notice from the queue to the log."""
    change.delete("notice_queue", notice.key)
    finished = msgspec.structs.replace(notice, outcome=outcome, finished_s=now_s, is_held=False)
    change.put("notice_log", notice.key, finished)
    for old in change.keys_under("notice_log", f"{notice.receiver_key}/")[:-LOGGED_MAX]:
        change.delete("notice_log", old)


class Outbox:
    """The outbox of one data folder."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    def waiting(self) -> list[Notice]:
        """Everything that is not sent yet, in the order of accounts, receivers, and time."""
        with self._documents.snapshot() as snapshot:
            return snapshot.all("notice_queue", Notice)

    def of_receiver(self, account_id: str, receiver_id: str) -> list[Notice]:
        """What waits for a receiver and what became of the last hundred, newest first."""
        prefix = f"{account_id}/{receiver_id}/"
        with self._documents.snapshot() as snapshot:
            found = [*snapshot.under("notice_queue", prefix, Notice), *snapshot.under("notice_log", prefix, Notice)]
        return sorted(found, key=lambda notice: notice.id, reverse=True)

    def put_test(self, receiver: Receiver, now_s: int) -> Notice:
        """A notice that says that it is a test; it is sent before long.

        Raises:
            RetryLaterError: the account was told enough in this hour. Else a server could be made to knock somewhere
                without end.
        """
        with self._documents.change() as change:
            if alert_account(change, receiver.account_id).is_full(now_s):
                text = f"an account is told {NOTICES_PER_HOUR} times an hour at most: test later"
                raise RetryLaterError(text, HOUR_S - now_s % HOUR_S)
            return put_notice(change, receiver.account_id, receiver.id, TEST, now_s)

    def finish(self, notice: Notice, outcome: Outcome, now_s: int) -> None:
        """Note how a notice ended, unless it was deleted meanwhile."""
        self._if_there(notice, lambda change: put_finished(change, notice, outcome, now_s))

    def postpone(self, notice: Notice) -> None:
        """Note that it is tried again later, unless it was deleted meanwhile."""
        self._if_there(notice, lambda change: change.put("notice_queue", notice.key, notice))

    def _if_there(self, notice: Notice, act: Callable[[Change], None]) -> None:
        with self._documents.change() as change:
            if change.get("notice_queue", notice.key, Notice) is not None:
                act(change)

    def release(self, now_s: int) -> int:
        """Make one digest of what a receiver was not told last hour, for each receiver; how many digests."""
        held = [notice for notice in self.waiting() if notice.is_held and notice.due_s <= now_s]
        by_receiver: dict[tuple[str, str], list[Notice]] = {}
        for notice in held:
            by_receiver.setdefault((notice.account_id, notice.receiver_id), []).append(notice)
        for (account_id, receiver_id), notices in by_receiver.items():
            with self._documents.change() as change:
                _merge(change, account_id, receiver_id, notices, now_s)
        return len(by_receiver)


def _merge(change: Change, account_id: str, receiver_id: str, held: Iterable[Notice], now_s: int) -> None:
    """Held notices were never sent under an id: what they say is sent under that of the digest."""
    there = [notice for notice in held if change.delete("notice_queue", notice.key)]
    events = [event for notice in there for event in notice.events]
    if events:
        put_notice(change, account_id, receiver_id, DIGEST, now_s, events=events, is_capped=False)
    for notice in there:
        if not notice.events:
            freed = msgspec.structs.replace(notice, is_held=False)
            change.put("notice_queue", freed.key, freed)

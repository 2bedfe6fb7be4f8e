"""What is kept of an account beside its rules: what it wants to be told of by itself, and how much it was told.

Table ``alert_accounts``: under the account's id.
"""

import msgspec

from statflow_http.documents.store import Change, Documents, Snapshot

HOUR_S = 3_600
# Notices of an account in an hour. Why 60: one a minute is more than anybody reads; the rest comes as one digest.
NOTICES_PER_HOUR = 60


class AlertAccount(msgspec.Struct, frozen=True):
    """What is kept of one account.

    Attributes:
        weekly_report: its people are told every Monday how the week was.
        owner_mails: its owner is told by mail while it has no receivers.
        hour, notice_count: of the notices that were made in an hour of Unix time, how many.
        stats_seen_s: stats that were made later have not been told of; 0: nobody has looked yet.
        stats_count: how many stats there were then.
        week_told: the Monday that the last weekly report was of, as a day of Unix time.
    """

    weekly_report: bool = False
    owner_mails: bool = True
    hour: int = 0
    notice_count: int = 0
    stats_seen_s: int = 0
    stats_count: int = 0
    week_told: int = 0

    def counted(self, now_s: int) -> "AlertAccount":
        """With one more notice in the hour of a moment."""
        hour = now_s // HOUR_S
        count = self.notice_count if hour == self.hour else 0
        return msgspec.structs.replace(self, hour=hour, notice_count=count + 1)

    def is_full(self, now_s: int, notices_max: int = NOTICES_PER_HOUR) -> bool:
        """Whether it was told as much in this hour as it may be."""
        return self.hour == now_s // HOUR_S and self.notice_count >= notices_max


class AlertWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an account may set; what is None stays."""

    weekly_report: bool | None = None
    owner_mails: bool | None = None


def alert_account(snapshot: Snapshot, account_id: str) -> AlertAccount:
    """What is kept of an account."""
    return snapshot.get("alert_accounts", account_id, AlertAccount) or AlertAccount()


def put_account(change: Change, account_id: str, **fields: object) -> AlertAccount:
    """Change some of it; as it is then."""
    after = msgspec.structs.replace(alert_account(change, account_id), **fields)
    change.put("alert_accounts", account_id, after)
    return after


class AlertAccounts:
    """The accounts of one data folder."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    def get(self, account_id: str) -> AlertAccount:
        """What is kept of an account."""
        with self._documents.snapshot() as snapshot:
            return alert_account(snapshot, account_id)

    def change(self, account_id: str, wish: AlertWish) -> AlertAccount:
        """Set what a wish says; as it is then."""
        fields = {name: value for name, value in msgspec.structs.asdict(wish).items() if value is not None}
        with self._documents.change() as change:
            return put_account(change, account_id, **fields)

"""What accounts are told beside alerts, by mail only: new stats, and every Monday how the week was.

New stats of an account are told of once in ten minutes at most, all in one mail, to its owner, while the account's
setting says so. The weekly report goes to whoever is told of alerts by mail, at eight in the morning of the account's
own Monday.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from statflow_engine import Engine, Kind, Series, Window
from statflow_http import ids
from statflow_http.accounts.accounts import Account
from statflow_http.alerts.accounts import AlertAccount, alert_account, put_account
from statflow_http.alerts.anomalies import told_since
from statflow_http.alerts.evaluation import PAGE, refuse_lost
from statflow_http.alerts.letters import Letters
from statflow_http.alerts.links import VALID_S, Action, Link
from statflow_http.alerts.mail_settings import MailSettings, MailStore
from statflow_http.alerts.notices import NEW_STATS, WEEKLY, put_notice, receivers_of
from statflow_http.alerts.receivers import IMPLICIT_ID, ReceiverKind, implicit
from statflow_http.charts.scales import grouped
from statflow_http.documents.store import Documents

LOOK_S = 600
# Even where there are as many stats as before: one may have come for another that went.
LOOK_ANYWAY_S = 3_600
SHOWN_MAX = 50
MOVERS_MAX = 10
DAY_S, WEEK_S = 86_400, 7 * 86_400
REPORT_HOUR = 8
# An account that was made so long before anybody looked is not told of all the stats that it had.
NEW_ACCOUNT_S = DAY_S
# A mover has had at least so much in the busier of two weeks: from 1 to 3 is no news.
SUM_MIN, COUNT_MIN = 50, 20
CHUNK = 2_000


class News:
    """Puts what there is to tell into the outbox.

    Args:
        engine, documents: of the server.
        mail_store: whether mails can be sent, and how this server is reached.
        owner: of the lease of who calls this.
    """

    def __init__(self, engine: Engine, documents: Documents, mail_store: MailStore, *, owner: str = "") -> None:
        self._engine = engine
        self._documents = documents
        self._mail_store = mail_store
        self._owner = owner
        self._next_s = 0
        self._looked_s: dict[str, int] = {}

    def run(self, now_s: int) -> None:
        """Look at all accounts, once in ten minutes.

        Raises:
            LostLeaseError: another process looks by now.
        """
        if now_s < self._next_s:
            return
        self._next_s = now_s + LOOK_S
        settings = self._mail_store.get()
        with self._documents.snapshot() as snapshot:
            accounts = [(each, alert_account(snapshot, each.id)) for each in snapshot.all("accounts", Account)]
        for account, known in accounts:
            self._new_stats(account, known, settings, now_s)
            if known.weekly_report and settings.can_send:
                self._weekly(account, known, settings, now_s)

    # -- new stats --

    def _new_stats(self, account: Account, known: AlertAccount, settings: MailSettings, now_s: int) -> None:
        namespace = account.namespace(live=True)
        count = self._engine.series_count(namespace)
        was_looked_at = now_s - self._looked_s.get(account.id, 0) < LOOK_ANYWAY_S
        if known.stats_seen_s and count == known.stats_count and was_looked_at:
            return
        is_new = now_s - account.created_s < NEW_ACCOUNT_S
        seen_s = known.stats_seen_s or (account.created_s if is_new else now_s)
        made = [series for series in every(self._engine, namespace) if series.created_s > seen_s]
        self._looked_s[account.id] = now_s
        newest_s = max((series.created_s for series in made), default=seen_s)
        if (newest_s, count) == (known.stats_seen_s, known.stats_count):
            return
        with self._documents.change() as change:
            refuse_lost(change, self._owner)
            put_account(change, account.id, stats_seen_s=newest_s, stats_count=count)
            owner = implicit(change, account.id)
            if made and account.new_stat_notices and known.owner_mails and settings.can_send and owner is not None:
                facts = self._new_facts(namespace, made, settings, now_s)
                put_notice(change, account.id, IMPLICIT_ID, NEW_STATS, now_s, facts=facts, is_capped=False)

    def _new_facts(self, namespace: str, made: Sequence[Series], settings: MailSettings, now_s: int) -> dict[str, Any]:
        letters = Letters(self._engine, self._documents)
        rows, said = [], []
        for series in made[:SHOWN_MAX]:
            link = Link(Action.DELETE_STAT, namespace, ids.stat_id(series.id), now_s + VALID_S)
            url = letters.link(settings.public_url, link)
            rows.append((series.name, str(series.kind), "delete" if url else "", url))
            said.append(f"{series.name} ({series.kind})" + (f"\n    delete it: {url}" if url else ""))
        if len(made) > SHOWN_MAX:
            said.append(f"and {len(made) - SHOWN_MAX} more")
            rows.append((f"and {len(made) - SHOWN_MAX} more", "", "", ""))
        return {"count": len(made), "lines": said, "tables": [("New since the last mail", rows)]}

    # -- the week --

    def _weekly(self, account: Account, known: AlertAccount, settings: MailSettings, now_s: int) -> None:
        monday_s, week = last_monday(now_s, account.tz)
        if known.week_told == monday_s // DAY_S:
            return
        facts = self._week_facts(account, monday_s, week, settings) if known.week_told else None
        with self._documents.change() as change:
            refuse_lost(change, self._owner)
            put_account(change, account.id, week_told=monday_s // DAY_S)
            for receiver in receivers_of(change, account.id):
                if facts is not None and receiver.kind is ReceiverKind.EMAIL:
                    put_notice(change, account.id, receiver.id, WEEKLY, now_s, facts=facts, is_capped=False)

    def _week_facts(self, account: Account, monday_s: int, week: str, settings: MailSettings) -> dict[str, Any]:
        namespace = account.namespace(live=True)
        series = list(every(self._engine, namespace))
        risen, fallen = movers(self._weeks(namespace, series, monday_s))
        made = [each for each in series if each.created_s >= monday_s - WEEK_S]

        def rows(found: Sequence["Mover"]) -> list[tuple[str, str, str, str]]:
            return [(each.name, each.number, f"{each.percent:+.0f} %", _stat_url(settings, each)) for each in found]

        new_rows = [(each.name, str(each.kind), "", "") for each in made[:SHOWN_MAX]]
        unusual = told_since(self._documents, namespace, monday_s - WEEK_S)[:MOVERS_MAX]
        odd_rows = [(each.words, "", "", "") for each in unusual]
        tables = [
            ("Rose most", rows(risen)),
            ("Fell most", rows(fallen)),
            ("Unusual hours", odd_rows),
            (f"New stats: {len(made)}", new_rows),
        ]
        said = [f"{len(series)} stats, {len(made)} of them new."]
        for title, table in tables:
            said += [f"\n{title}"] if table else []
            said += [f"  {name}: {number} {note}".rstrip(" :") for name, number, note, _ in table]
        return {"week": week, "lines": said, "tables": tables}

    def _weeks(self, namespace: str, series: Sequence[Series], monday_s: int) -> Iterator[tuple[Series, Window]]:
        """Each stat with its last two whole weeks."""
        for first in range(0, len(series), CHUNK):
            chunk = series[first : first + CHUNK]
            names = [each.name for each in chunk]
            windows = self._engine.query_many(names, monday_s - 2 * WEEK_S, monday_s, step=3_600, namespace=namespace)
            yield from zip(chunk, windows, strict=True)


class Mover:
    """A stat that had more, or less, than the week before."""

    def __init__(self, series: Series, before: float, after: float) -> None:
        self.series_id, self.name = series.id, series.name
        self.percent = (after - before) / abs(before) * 100
        self.number = f"{grouped(before)} → {grouped(after)}"


def movers(weeks: Iterator[tuple[Series, Window]]) -> tuple[list[Mover], list[Mover]]:
    """Those that rose most and those that fell most, of two whole weeks of hours each."""
    found: list[Mover] = []
    for series, window in weeks:
        half = len(window) // 2
        sums, counts = window.sums.reshape(2, half).sum(axis=1), window.counts.reshape(2, half).sum(axis=1)
        is_counter = series.kind is Kind.COUNTER
        enough = np.abs(sums).max() >= SUM_MIN if is_counter else counts.min() >= COUNT_MIN
        before, after = (sums if is_counter else sums / np.maximum(counts, 1)).tolist()
        if enough and before != 0:
            found.append(Mover(series, before, after))
    found.sort(key=lambda mover: mover.percent)
    risen = [mover for mover in reversed(found[-MOVERS_MAX:]) if mover.percent >= 1]
    return risen, [mover for mover in found[:MOVERS_MAX] if mover.percent <= -1]


def _stat_url(settings: MailSettings, mover: Mover) -> str:
    return f"{settings.public_url}/stats/{ids.stat_id(mover.series_id)}" if settings.public_url else ""


def last_monday(now_s: int, tz: str) -> tuple[int, str]:
    """The latest Monday at eight of a zone that has come; its midnight in Unix time, in whole hours, and as text."""
    wall = datetime.fromtimestamp(now_s, UTC if tz == "UTC" else ZoneInfo(tz))
    day = (wall - timedelta(hours=REPORT_HOUR)).date()
    monday = day - timedelta(days=day.weekday())
    midnight = datetime(monday.year, monday.month, monday.day, tzinfo=wall.tzinfo)
    week = monday - timedelta(days=7)
    return int(midnight.timestamp()) // 3_600 * 3_600, week.isoformat()


def every(engine: Engine, namespace: str) -> Iterator[Series]:
    """All stats of a namespace."""
    after: int | None = None
    while page := engine.series(namespace, limit=PAGE, after=after):
        yield from page
        after = page[-1].id

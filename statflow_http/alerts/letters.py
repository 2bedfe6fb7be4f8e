"""From a notice to its mail: reads the stats for the charts, and signs the links."""

from email.message import EmailMessage

import numpy as np

from statflow_engine import Engine, Kind, Series, StatFlowError
from statflow_http import ids
from statflow_http.accounts.accounts import Account
from statflow_http.alerts.links import VALID_S, Action, Link, token
from statflow_http.alerts.mail_settings import MailSettings
from statflow_http.alerts.mails import PICTURES_MAX, Chart, EventLinks, Letter, mail
from statflow_http.alerts.notices import Event, Notice
from statflow_http.alerts.pictures import picture
from statflow_http.alerts.previews import shown_from_s, thinned, track
from statflow_http.alerts.receivers import Receiver
from statflow_http.alerts.rules import RuleKind
from statflow_http.documents.store import Documents

WEEK_S = 7 * 86_400


class Letters:
    """Makes mails of notices.

    Args:
        engine: has the stats.
        documents: have the accounts, and the secret by which links are signed.
    """

    def __init__(self, engine: Engine, documents: Documents) -> None:
        self._engine = engine
        self._documents = documents

    def mail(self, notice: Notice, receiver: Receiver, settings: MailSettings, now_s: int) -> EmailMessage:
        """The mail of a notice for a receiver."""
        with self._documents.snapshot() as snapshot:
            account = snapshot.get("accounts", notice.account_id, Account)
        charts = [self._chart(event) for event in notice.events[:PICTURES_MAX]]
        links = [self._event_links(event, settings.public_url, now_s) for event in notice.events]
        unsubscribe = self.link(
            settings.public_url, Link(Action.UNSUBSCRIBE, notice.account_id, receiver.id, now_s + VALID_S)
        )
        tz = "UTC" if account is None else account.tz
        return mail(Letter(notice, receiver.target, settings.sender, tz, charts, links, unsubscribe))

    def link(self, public_url: str, link: Link) -> str:
        """The address of a signed link; "" where the server does not know how it is reached."""
        return f"{public_url}/act/{token(self._documents.secret, link)}" if public_url else ""

    def _event_links(self, event: Event, public_url: str, now_s: int) -> EventLinks:
        if not public_url:
            return EventLinks()
        stat = f"{public_url}/stats/{ids.stat_id(event.series_id)}"
        if event.rule is None:
            return EventLinks(stat)
        silence = Link(Action.SILENCE, event.namespace, event.rule.id, now_s + VALID_S)
        return EventLinks(stat, self.link(public_url, silence))

    def _chart(self, event: Event) -> Chart | None:
        """What the stat did before an event; None where it is gone, or there is nothing to see."""
        try:
            series = self._engine.find_by_id(event.series_id, namespace=event.namespace)
            return self._of_rule(event, series) if event.rule is not None else self._of_week(event, series)
        except StatFlowError:
            return None

    def _of_rule(self, event: Event, series: Series) -> Chart | None:
        rule = event.rule
        assert rule is not None
        from_s = shown_from_s(rule, event.time_s)
        found = track(self._engine, event.namespace, series, rule, from_s, event.time_s)
        if found is None or not np.isfinite(found.numbers).any():
            return None
        times_s, numbers = thinned(found)
        drawn = picture(
            times_s,
            numbers,
            from_s,
            event.time_s,
            threshold=rule.threshold,
            from_zero=rule.kind is RuleKind.DATA or series.kind is Kind.COUNTER,
        )
        return Chart(drawn, from_s, event.time_s)

    def _of_week(self, event: Event, series: Series) -> Chart | None:
        from_s = event.time_s - WEEK_S
        window = self._engine.query(series.name, from_s, event.time_s, step=3_600, namespace=event.namespace)
        is_counter = series.kind is Kind.COUNTER
        numbers = window.sums if is_counter else window.means
        return Chart(picture(window.times_s, numbers, from_s, event.time_s, from_zero=is_counter), from_s, event.time_s)

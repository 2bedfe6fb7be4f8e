"""``/alerts``: what is watched, how it is, and why; made, silenced and removed here; and what is watched by itself."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import falcon
import msgspec

from statflow_engine import Series, UnknownSeriesError
from statflow_http import ids
from statflow_http.alerts.accounts import AlertAccounts, AlertWish
from statflow_http.alerts.automatic import AutomaticSettings, AutomaticWish, Sensitivity
from statflow_http.alerts.evaluation import figure_of
from statflow_http.alerts.history import history
from statflow_http.alerts.mail_settings import MailStore
from statflow_http.alerts.previewing import previewed
from statflow_http.alerts.receivers import Receiver, Receivers
from statflow_http.alerts.rules import HOLDS_S, REPEATS_S, WINDOWS_S, Rule, Rules, RuleWish, condition
from statflow_http.alerts.silencing import silence, state_of, states_of
from statflow_http.alerts.states import State, Status
from statflow_http.alerts.telling import WINDOW_WORDS, condition_text, sentence, whole
from statflow_http.errors import NotFoundError, RequestError
from statflow_http.pages.form_pages import Asked, Context, FormPage, Go, refuse_unsure
from statflow_http.pages.site import Page, Site
from statflow_http.pages.visitors import Form, Member

# Names that the field of a stat proposes; others may be written all the same.
PROPOSED_MAX = 500
OPENINGS_SHOWN = 10
SILENCES = (("1", "1 hour"), ("8", "8 hours"), ("24", "1 day"), ("168", "1 week"))
KINDS = (
    ("value", "A limit", "The sum of a count, or the mean of a value, is above or below a number."),
    ("delta", "A change", "It is so many percent more or less than so long ago."),
    ("data", "Silence", "Nothing was received."),
)
OPERATORS = (("greater than", "greater than"), ("less than", "less than"), ("different than", "different than"))
HOLD_WORDS = {"none": "at once", "5m": "5 minutes", "15m": "15 minutes", "30m": "30 minutes"} | {
    "1h": "1 hour",
    "3h": "3 hours",
}
REPEAT_WORDS = {"never": "never", "1h": "every hour", "3h": "every 3 hours", "1d": "every day", "1w": "every week"}
SENSITIVITIES = {
    Sensitivity.LOW: "low: only what is very odd",
    Sensitivity.MEDIUM: "medium",
    Sensitivity.HIGH: "high: small oddities too",
}
assert HOLD_WORDS.keys() == HOLDS_S.keys()
assert REPEAT_WORDS.keys() == REPEATS_S.keys()
assert WINDOW_WORDS.keys() == WINDOWS_S.keys()

# What the form begins with.
USUAL = RuleWish(kind="value", time_window="1h", operator="greater than", time_delta="1d", hold="none", repeat="never")
WISHED = ("stat", "kind", "time_window", "operator", "threshold", "percentage", "time_delta", "hold", "repeat")


@dataclass(frozen=True, slots=True)
class Watched:
    """A rule as it is shown.

    Attributes:
        text: what is watched.
        is_silenced: nobody is told.
    """

    rule: Rule
    state: State
    text: str
    is_silenced: bool

    @property
    def stat_id(self) -> str:
        """Of its stat, outside."""
        return ids.stat_id(self.rule.series_id)

    @property
    def is_firing(self) -> bool:
        """Whether it is open."""
        return self.state.status is Status.FIRING


class Alerts(FormPage):
    """``/alerts``: those that are open first; of one stat where ``stat`` names one by its id."""

    template = "alerts.html"
    blank = MappingProxyType({"found": None, "openings": ()})

    def about(self, asked: Asked) -> Context:
        """The alerts, and what the form of another one offers."""
        me, services = asked.me, self.services
        series = series_of_id(self.site, me, asked.req.get_param("stat") or "")
        rules = [
            rule
            for rule in Rules(services.documents).all(me.namespace)
            if series is None or rule.series_id == series.id
        ]
        return {
            "watched": sorted(watched(self.site, me, rules), key=lambda each: (not each.is_firing, each.rule.id)),
            "series": series,
            "stat_id": "" if series is None else ids.stat_id(series.id),
            "wish": msgspec.structs.replace(USUAL, stat="" if series is None else series.name),
            "names": names(self.site, me),
            "automatic": AutomaticSettings(services.documents).get(me.namespace),
            "told": told(self.site, me),
            **choices(self.site, me),
        }

    def act(self, asked: Asked, form: Form) -> Go | Context:
        """Watch something, or try what it would have found."""
        me, wish = asked.me, wish_of(form)
        series = series_of_name(self.site, me, wish.stat)
        wanted = condition(wish)
        if form.has("try"):
            found = previewed(self.services.engine, me.namespace, series, wanted)
            return {"found": found, "openings": list(found.openings)[::-1][:OPENINGS_SHOWN], "wish": wish}
        rules = Rules(self.services.documents)
        rule = rules.create(me.namespace, series.id, series.name, wanted, self.services.now_s())
        return Go(f"/alerts/{rule.id}", "It is watched from now on.")

    def kept(self, form: Form) -> Context:
        """All of it."""
        return {"wish": wish_of(form)}


class OneAlert(FormPage):
    """``/alerts/ID``."""

    template = "alert.html"

    def about(self, asked: Asked) -> Context:
        """How it is, why, and how it was."""
        services, me = self.services, asked.me
        rule = rule_of(self.site, me, asked.id)
        now = figure_of(services.engine, me.namespace, rule, services.now_s())
        opening = state_of(services.documents, me.namespace, rule.id).opening
        return {
            "one": watched(self.site, me, [rule])[0],
            "now": sentence(rule, rule.stat_name, now),
            "opened": "" if opening is None else sentence(rule, rule.stat_name, opening, is_past=True),
            "moments": [
                (entry, sentence(rule, rule.stat_name, entry.figure, is_past=True))
                for entry in history(services.documents, me.namespace, rule.id)
            ],
            "wish": wish_of_rule(rule),
            "silences": SILENCES,
            **choices(self.site, me),
        }

    def act(self, asked: Asked, form: Form) -> Go:
        """What the button that was pressed says."""
        services, namespace = self.services, asked.me.namespace
        rule = rule_of(self.site, asked.me, asked.id)
        path = f"/alerts/{rule.id}"
        if form.has("delete"):
            refuse_unsure(form, "tick the box first: its history goes with it")
            Rules(services.documents).delete(namespace, rule.id)
            return Go("/alerts", "It is watched no more.")
        if form.has("silence"):
            silence(services.documents, namespace, rule.id, services.now_s(), hours_of(form))
            return Go(path, "Nobody is told for a while.")
        if form.has("speak"):
            silence(services.documents, namespace, rule.id, services.now_s(), None)
            return Go(path, "You are told of it again.")
        Rules(services.documents).change(namespace, rule.id, msgspec.structs.replace(wish_of(form), stat=None))
        return Go(path, "Saved.")


class Automatic(Page):
    """``POST /alerts/automatic``: what is watched without a rule; for all stats, or for one."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """The form of one stat, by its id."""
        me = self.site.member(req)
        series = series_of_id(self.site, me, req.get_param("stat") or "")
        if series is None:
            self.site.redirect(resp, me, "/alerts")
        else:
            self._show(req, resp, me, series)

    on_head = on_get

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Save it."""
        me = self.site.member(req)
        form = self.site.form(req, me)
        series = series_of_id(self.site, me, form.text("stat_id"))
        wish = AutomaticWish(form.has("on"), form.text("sensitivity") or None)
        AutomaticSettings(self.services.documents).change(me.namespace, None if series is None else series.id, wish)
        if series is None:
            account = AlertWish(form.has("weekly_report"), None)
            AlertAccounts(self.services.documents).change(me.account.id, account)
        self.site.redirect(
            resp, me, "/alerts" if series is None else f"/alerts?stat={form.text('stat_id')}", say="Saved."
        )

    def _show(self, req: falcon.Request, resp: falcon.Response, me: Member, series: Series) -> None:
        setting = AutomaticSettings(self.services.documents).get(me.namespace, series.id)
        stat_id = ids.stat_id(series.id)
        about: dict[str, Any] = {
            "series": series,
            "stat_id": stat_id,
            "automatic": setting,
            "sensitivities": SENSITIVITIES,
        }
        self.site.page(req, resp, me, "automatic.html", **about)


def series_of_id(site: Site, me: Member, stat_id: str) -> Series | None:
    """The stat of an id; None for no id.

    Raises:
        NotFoundError: the visitor has none of this id.
    """
    if not stat_id:
        return None
    series_id = ids.series_id(stat_id)
    try:
        if series_id is not None:
            return site.services.engine.find_by_id(series_id, namespace=me.namespace)
    except UnknownSeriesError:
        pass
    raise NotFoundError("no such stat")


def series_of_name(site: Site, me: Member, name: str | None) -> Series:
    """The stat of a name.

    Raises:
        RequestError: the visitor has none of this name.
    """
    if not name:
        raise RequestError("choose a stat")
    try:
        return site.services.engine.find(name, namespace=me.namespace)
    except UnknownSeriesError:
        raise RequestError("there is no such stat yet: send it a number first") from None


def rule_of(site: Site, me: Member, rule_id: str) -> Rule:
    """The visitor's rule of an id.

    Raises:
        NotFoundError: there is none.
    """
    if not ids.is_document_id(rule_id):
        raise NotFoundError("no such alert")
    return Rules(site.services.documents).get(me.namespace, rule_id)


def names(site: Site, me: Member) -> list[str]:
    """The first names of stats."""
    return sorted(series.name for series in site.services.engine.series(me.namespace, limit=PROPOSED_MAX))


def watched(site: Site, me: Member, rules: list[Rule]) -> list[Watched]:
    """Rules as they are shown."""
    services = site.services
    states, now_s = states_of(services.documents, me.namespace, [rule.id for rule in rules]), services.now_s()
    return [
        Watched(rule, state, condition_text(rule), state.is_silenced(now_s))
        for rule, state in zip(rules, states, strict=True)
    ]


def choices(site: Site, me: Member) -> dict[str, object]:
    """What the forms of rules offer."""
    receivers: list[Receiver] = Receivers(site.services.documents).all(me.account.id)
    return {
        "kinds": KINDS,
        "operators": OPERATORS,
        "windows": WINDOW_WORDS,
        "holds": HOLD_WORDS,
        "repeats": REPEAT_WORDS,
        "sensitivities": SENSITIVITIES,
        "receivers": receivers,
        "weekly_report": AlertAccounts(site.services.documents).get(me.account.id).weekly_report,
    }


def told(site: Site, me: Member) -> str:
    """Who is told of alerts: "receivers", "owner" by mail, or "" for nobody."""
    documents = site.services.documents
    if any(receiver.is_on for receiver in Receivers(documents).all(me.account.id)):
        return "receivers"
    can_send = MailStore(documents, site.services.options.alerts).get().can_send
    owner = site.services.people.owner(me.account.id)
    is_told = AlertAccounts(documents).get(me.account.id).owner_mails and owner is not None and bool(owner.email)
    return "owner" if can_send and is_told else ""


def wish_of(form: Form) -> RuleWish:
    """What the form of a rule says."""
    fields = {name: form.text(name) or None for name in WISHED}
    return RuleWish(receivers=form.many("receivers"), **fields)


def wish_of_rule(rule: Rule) -> RuleWish:
    """A rule as the form shows it."""
    numbers = {name: whole(getattr(rule, name)) for name in ("threshold", "percentage")}
    texts = {name: str(value) if value is not None else None for name, value in numbers.items()}
    return RuleWish(
        stat=rule.stat_name,
        kind=rule.kind.value,
        time_window=rule.time_window,
        operator=rule.operator.value if rule.operator else None,
        time_delta=rule.time_delta,
        receivers=list(rule.receivers),
        hold=rule.hold,
        repeat=rule.repeat,
        **texts,
    )


def hours_of(form: Form) -> float:
    """For how long to be silent.

    Raises:
        RequestError: it is none of those to choose from.
    """
    hours = form.text("hours", "24")
    if hours not in dict(SILENCES):
        raise RequestError("choose for how long from the list")
    return float(hours)

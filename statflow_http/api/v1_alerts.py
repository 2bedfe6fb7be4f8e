"""``/v1/alerts``: alert rules, how they are and why, and whether anomalies are told of without one.

The two other surfaces that have alerts, ``/x`` and ``/a1``, take them from a request by the functions here.
"""

from typing import Annotated, Any

import falcon
import msgspec

from statflow_engine import Series
from statflow_http import ids
from statflow_http.accounts.keys import Scope
from statflow_http.accounts.senders import Sender
from statflow_http.alerts.accounts import AlertAccount, AlertAccounts, AlertWish
from statflow_http.alerts.automatic import Automatic, AutomaticSettings, AutomaticWish
from statflow_http.alerts.evaluation import figure_of
from statflow_http.alerts.history import Entry, history
from statflow_http.alerts.numbers import Figure
from statflow_http.alerts.previewing import Previewed, previewed
from statflow_http.alerts.previews import OPENINGS_MAX
from statflow_http.alerts.rules import Rule, RuleKind, Rules, RuleWish, condition
from statflow_http.alerts.silencing import SilenceWish, silence, state_of, states_of
from statflow_http.alerts.telling import figure_document, rule_document, sentence, state_document, whole
from statflow_http.api.v1_read import json_answer, json_body, reader, stat_of_id, stat_of_name
from statflow_http.errors import NotFoundError, RequestError
from statflow_http.front import auth
from statflow_http.front.headers import respond
from statflow_http.services import Services
from statflow_http.wire import bodies, forms, messages
from statflow_http.wire.bodies import Environ
from statflow_http.wire.reads import Params
from statflow_http.wire.wording import unknown_field


class RuleMessage(RuleWish, frozen=True, forbid_unknown_fields=True):
    """A rule as ``/v1`` takes it. StatHat's own paths pass over fields that they do not know."""

    kind: Annotated[str | float | None, msgspec.Meta(description=f"one of {', '.join(RuleKind)}")] = None


class AutomaticMessage(AutomaticWish, frozen=True, forbid_unknown_fields=True):
    """The same of automatic alerts."""


wish_of_json = messages.decoder(RuleWish)
message_of_json = messages.decoder(RuleMessage)
automatic_of_json = messages.decoder(AutomaticMessage)
silence_of_json = messages.decoder(SilenceWish)
settings_of_json = messages.decoder(AlertWish)

SILENCE_HOURS_DEFAULT = 24.0


class AlertList:
    """``/v1/alerts``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """A page of alerts, oldest first, with the cursor of the next page."""
        params = Params(req.query_string)
        sender = reader(self._services, req, params)
        limit, after = params.limit(), params.document_cursor()
        found = Rules(self._services.documents).page(sender.namespace, after=after, limit=limit + 1)
        page = alert_documents(self._services, sender.namespace, found[:limit])
        respond(resp, json_answer({"alerts": page, "cursor": page[-1]["id"] if len(found) > limit else None}))

    on_head = on_get

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Make an alert."""
        sender = reader(self._services, req, Params(req.query_string), Scope.FULL)
        rule = create_rule(self._services, sender, rule_message(req.env))
        respond(resp, json_answer({"msg": "ok"} | alert_document(self._services, sender.namespace, rule)))


class Alert:
    """``/v1/alerts/ID``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def on_get(self, req: falcon.Request, resp: falcon.Response, alert_id: str) -> None:
        """One alert."""
        sender = reader(self._services, req, Params(req.query_string))
        rule = rule_of(self._services, sender, alert_id)
        respond(resp, json_answer(alert_document(self._services, sender.namespace, rule)))

    on_head = on_get

    def on_patch(self, req: falcon.Request, resp: falcon.Response, alert_id: str) -> None:
        """Change a part of an alert: anything but its stat."""
        sender = reader(self._services, req, Params(req.query_string), Scope.FULL)
        rule = rule_of(self._services, sender, alert_id)
        wish = json_body(req.env, message_of_json)
        if wish.stat or wish.stat_id:
            raise RequestError("the stat of an alert cannot be changed: make another alert")
        changed = Rules(self._services.documents).change(sender.namespace, rule.id, wish)
        respond(resp, json_answer({"msg": "ok"} | alert_document(self._services, sender.namespace, changed)))

    def on_delete(self, req: falcon.Request, resp: falcon.Response, alert_id: str) -> None:
        """Remove an alert."""
        sender = reader(self._services, req, Params(req.query_string), Scope.FULL)
        rule = rule_of(self._services, sender, alert_id)
        Rules(self._services.documents).delete(sender.namespace, rule.id)
        respond(resp, json_answer({"msg": "ok"}))


class AutomaticAlerts:
    """``/v1/alerts/automatic[?stat=NAME]``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """What holds for a stat; without one: for every stat that has no setting of its own."""
        params = Params(req.query_string)
        sender = reader(self._services, req, params)
        series_id = self._series_id(sender, params.text("stat") or None)
        setting = AutomaticSettings(self._services.documents).get(sender.namespace, series_id)
        respond(resp, json_answer(automatic_document(setting)))

    on_head = on_get

    def on_patch(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Turn it on or off, or choose how sensitive it is, for a stat or for all without a setting of their own."""
        params = Params(req.query_string)
        sender = reader(self._services, req, params, Scope.FULL)
        wish = json_body(req.env, automatic_of_json)
        series_id = self._series_id(sender, wish.stat or params.text("stat") or None)
        setting = AutomaticSettings(self._services.documents).change(sender.namespace, series_id, wish)
        respond(resp, json_answer({"msg": "ok"} | automatic_document(setting)))

    def _series_id(self, sender: Sender, name: str | None) -> int | None:
        return None if name is None else stat_of_name(self._services, sender, name).id


class Preview:
    """``/v1/alerts/preview``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """What an alert finds now, and when it would have been open in the last 30 days; nothing is stored."""
        services = self._services
        sender = reader(services, req, Params(req.query_string))
        wish = rule_message(req.env)
        wanted, series = condition(wish), wished_stat(services, sender, wish)
        respond(resp, json_answer(preview_document(previewed(services.engine, sender.namespace, series, wanted))))


class Why:
    """``/v1/alerts/ID/why``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def on_get(self, req: falcon.Request, resp: falcon.Response, alert_id: str) -> None:
        """The numbers that an alert compares now, and those at which it opened, with a sentence of each."""
        services = self._services
        sender = reader(services, req, Params(req.query_string))
        rule = rule_of(services, sender, alert_id)
        state = state_of(services.documents, sender.namespace, rule.id)
        now = figure_of(services.engine, sender.namespace, rule, services.now_s())
        answer = alert_document(services, sender.namespace, rule) | {
            "text": sentence(rule, rule.stat_name, now),
            "now": figure_document(now),
            "opened": None if state.opening is None else opening_document(rule, state.opening),
        }
        respond(resp, json_answer(answer))

    on_head = on_get


class History:
    """``/v1/alerts/ID/history``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def on_get(self, req: falcon.Request, resp: falcon.Response, alert_id: str) -> None:
        """What became of an alert, newest first: its last hundred changes, on one page."""
        sender = reader(self._services, req, Params(req.query_string))
        rule = rule_of(self._services, sender, alert_id)
        found = history(self._services.documents, sender.namespace, rule.id)
        respond(resp, json_answer({"history": [entry_document(rule, entry) for entry in found], "cursor": None}))

    on_head = on_get


class Silence:
    """``/v1/alerts/ID/silence``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def on_post(self, req: falcon.Request, resp: falcon.Response, alert_id: str) -> None:
        """Tell nobody of an alert for some hours."""
        sender = reader(self._services, req, Params(req.query_string), Scope.FULL)
        rule = rule_of(self._services, sender, alert_id)
        hours = json_body(req.env, silence_of_json).hours
        self._silence(resp, sender, rule, SILENCE_HOURS_DEFAULT if hours is None else hours)

    def on_delete(self, req: falcon.Request, resp: falcon.Response, alert_id: str) -> None:
        """Tell of it again."""
        sender = reader(self._services, req, Params(req.query_string), Scope.FULL)
        self._silence(resp, sender, rule_of(self._services, sender, alert_id), None)

    def _silence(self, resp: falcon.Response, sender: Sender, rule: Rule, hours: float | None) -> None:
        services = self._services
        silence(services.documents, sender.namespace, rule.id, services.now_s(), hours)
        respond(resp, json_answer({"msg": "ok"} | alert_document(services, sender.namespace, rule)))


class AlertSettings:
    """``/v1/alerts/settings``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """What the account is told by mail besides its alerts."""
        sender = reader(self._services, req, Params(req.query_string))
        found = AlertAccounts(self._services.documents).get(sender.account.id)
        respond(resp, json_answer(settings_document(found)))

    on_head = on_get

    def on_patch(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Choose it."""
        sender = reader(self._services, req, Params(req.query_string), Scope.FULL)
        wish = json_body(req.env, settings_of_json)
        found = AlertAccounts(self._services.documents).change(sender.account.id, wish)
        respond(resp, json_answer({"msg": "ok"} | settings_document(found)))


def opening_document(rule: Rule, figure: Figure) -> dict[str, Any]:
    """The numbers at which an alert opened, and a sentence."""
    return figure_document(figure) | {"text": sentence(rule, rule.stat_name, figure, is_past=True)}


def entry_document(rule: Rule, entry: Entry) -> dict[str, Any]:
    """One moment of an alert."""
    about = {"at": entry.time_s, "state": entry.status, "told": entry.told or None, "silenced": entry.is_silenced}
    return about | opening_document(rule, entry.figure)


def preview_document(found: Previewed) -> dict[str, Any]:
    """What an alert finds now, and would have found."""
    return {
        "text": found.text,
        "now": figure_document(found.now),
        "from": found.from_s,
        "step": found.step_s,
        "count": len(found.openings),
        "openings": [
            {"from": each.from_s, "to": each.to_s, "extreme": whole(each.extreme)}
            for each in found.openings[-OPENINGS_MAX:]
        ],
    }


def settings_document(account: AlertAccount) -> dict[str, Any]:
    """What an account is told by mail besides its alerts."""
    return {"weekly_report": account.weekly_report, "owner_mails": account.owner_mails}


def create_rule(services: Services, sender: Sender, wish: RuleWish) -> Rule:
    """Make the rule that somebody wrote.

    Raises:
        RequestError: it describes none.
        NotFoundError, UnknownSeriesError: the sender has no such stat.
    """
    series = wished_stat(services, sender, wish)
    return Rules(services.documents).create(sender.namespace, series.id, series.name, condition(wish), services.now_s())


def wished_stat(services: Services, sender: Sender, wish: RuleWish) -> Series:
    """The stat that a rule is to watch.

    Raises:
        RequestError: the wish names none.
        NotFoundError, UnknownSeriesError: the sender has no such stat.
    """
    if not (wish.stat_id or wish.stat):
        raise RequestError("stat_id is missing: the id of a stat; or stat, its name")
    by_id = stat_of_id(services, sender, wish.stat_id) if wish.stat_id else None
    return by_id or stat_of_name(services, sender, wish.stat or "")


def rule_wish(environ: Environ) -> RuleWish:
    """What a body says of a rule; a body that does not say that it is JSON is a form.

    Raises:
        RequestError: a field is given twice, or is not what it may be.
    """
    return json_body(environ, wish_of_json) if says_json(environ) else wish_of_form(form_fields(environ))


def rule_message(environ: Environ) -> RuleWish:
    """The same for ``/v1``: also a field that is none is refused, but for a key.

    Raises:
        RequestError: as `rule_wish`; or there is such a field.
    """
    if says_json(environ):
        return json_body(environ, message_of_json)
    fields = form_fields(environ)
    for name in fields:
        if name not in RuleMessage.__struct_fields__ and name not in auth.KEY_FIELDS:
            raise RequestError(unknown_field(name, RuleMessage.__struct_fields__))
    return wish_of_form(fields)


def says_json(environ: Environ) -> bool:
    """Whether a body says that it is JSON; any other is a form."""
    return "json" in (environ.get("CONTENT_TYPE") or "").lower()


def form_fields(environ: Environ) -> forms.Fields:
    """The fields of a body that is a form.

    Raises:
        MediaTypeError: it is one of another sort.
    """
    bodies.refuse_multipart(environ)
    return forms.parse(bodies.read_body(environ, bodies.SINGLE_BYTES_MAX))


def wish_of_form(fields: forms.Fields) -> RuleWish:
    """The rule in the fields of a form.

    Raises:
        RequestError: one that matters is given twice.
    """
    return RuleWish(**{name: forms.single(fields, name) for name in RuleWish.__struct_fields__})


def rule_of(services: Services, sender: Sender, rule_id: str) -> Rule:
    """The sender's rule of an id.

    Raises:
        NotFoundError: there is none.
    """
    if not ids.is_document_id(rule_id):
        raise NotFoundError("no such alert")
    return Rules(services.documents).get(sender.namespace, rule_id)


def alert_documents(services: Services, namespace: str, rules: list[Rule]) -> list[dict[str, Any]]:
    """What is told about alerts: the rules, and how they are."""
    states = states_of(services.documents, namespace, [rule.id for rule in rules])
    now_s = services.now_s()
    return [rule_document(rule) | state_document(state, now_s) for rule, state in zip(rules, states, strict=True)]


def alert_document(services: Services, namespace: str, rule: Rule) -> dict[str, Any]:
    """The same of one."""
    return alert_documents(services, namespace, [rule])[0]


def automatic_document(setting: Automatic) -> dict[str, Any]:
    """What is told about the setting of automatic alerts."""
    return {"on": setting.on, "sensitivity": setting.sensitivity}

"""``/v1/alerts``: alert rules, and whether anomalies are told of without one.

The two other surfaces that have alerts, ``/x`` and ``/a1``, take them from a request by the functions here.
"""

from typing import Any

import falcon

from statflow_http import ids
from statflow_http.accounts.keys import Scope, Sender
from statflow_http.alerts.automatic import Automatic, AutomaticSettings, AutomaticWish
from statflow_http.alerts.rules import Rule, Rules, RuleWish, condition
from statflow_http.api.v1_read import json_answer, json_body, reader, stat_of_id, stat_of_name
from statflow_http.errors import NotFoundError, RequestError
from statflow_http.headers import respond
from statflow_http.services import Services
from statflow_http.wire import bodies, forms, messages
from statflow_http.wire.bodies import Environ
from statflow_http.wire.reads import Params

wish_of_json = messages.decoder(RuleWish)
automatic_of_json = messages.decoder(AutomaticWish)

# Whole numbers up to here are written without a point, as StatHat wrote them.
WHOLE_MAX = 2**53


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
        page = [rule_document(rule) for rule in found[:limit]]
        respond(resp, json_answer({"alerts": page, "cursor": page[-1]["id"] if len(found) > limit else None}))

    on_head = on_get

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Make an alert."""
        sender = reader(self._services, req, Params(req.query_string), Scope.FULL)
        rule = create_rule(self._services, sender, req.env)
        respond(resp, json_answer({"msg": "ok"} | rule_document(rule)))


class Alert:
    """``/v1/alerts/ID``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def on_get(self, req: falcon.Request, resp: falcon.Response, alert_id: str) -> None:
        """One alert."""
        sender = reader(self._services, req, Params(req.query_string))
        respond(resp, json_answer(rule_document(rule_of(self._services, sender, alert_id))))

    on_head = on_get

    def on_patch(self, req: falcon.Request, resp: falcon.Response, alert_id: str) -> None:
        """Change a part of an alert: anything but its stat."""
        sender = reader(self._services, req, Params(req.query_string), Scope.FULL)
        rule = rule_of(self._services, sender, alert_id)
        wish = json_body(req.env, wish_of_json)
        if wish.stat or wish.stat_id:
            raise RequestError("the stat of an alert cannot be changed: make another alert")
        changed = Rules(self._services.documents).change(sender.namespace, rule.id, wish)
        respond(resp, json_answer({"msg": "ok"} | rule_document(changed)))

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


def create_rule(services: Services, sender: Sender, environ: Environ) -> Rule:
    """Make the rule that a request describes, in a form or in JSON.

    Raises:
        RequestError: it describes none.
        NotFoundError, UnknownSeriesError: the sender has no such stat.
    """
    wish = rule_wish(environ)
    if not (wish.stat_id or wish.stat):
        raise RequestError("stat_id is missing: the id of a stat; or stat, its name")
    by_id = stat_of_id(services, sender, wish.stat_id) if wish.stat_id else None
    series = by_id or stat_of_name(services, sender, wish.stat or "")
    return Rules(services.documents).create(sender.namespace, series.id, series.name, condition(wish), services.now_s())


def rule_wish(environ: Environ) -> RuleWish:
    """What a body says of a rule; a body that does not say that it is JSON is a form.

    Raises:
        RequestError: a field is given twice, or is not what it may be.
    """
    if "json" in (environ.get("CONTENT_TYPE") or "").lower():
        return json_body(environ, wish_of_json)
    fields = forms.parse(bodies.read_body(environ, bodies.SINGLE_BYTES_MAX))
    return RuleWish(**{name: forms.single(fields, name) for name in RuleWish.__struct_fields__})


def rule_of(services: Services, sender: Sender, rule_id: str) -> Rule:
    """The sender's rule of an id.

    Raises:
        NotFoundError: there is none.
    """
    if not ids.is_document_id(rule_id):
        raise NotFoundError("no such alert")
    return Rules(services.documents).get(sender.namespace, rule_id)


def rule_document(rule: Rule) -> dict[str, Any]:
    """What is told about a rule; what its kind has no use for is null."""
    return {
        "id": rule.id,
        "stat": rule.stat_name,
        "stat_id": ids.stat_id(rule.series_id),
        "kind": rule.kind,
        "time_window": rule.time_window,
        "operator": rule.operator,
        "threshold": whole(rule.threshold),
        "percentage": whole(rule.percentage),
        "time_delta": rule.time_delta,
        "created_at": rule.created_s,
    }


def automatic_document(setting: Automatic) -> dict[str, Any]:
    """What is told about the setting of automatic alerts."""
    return {"on": setting.on, "sensitivity": setting.sensitivity}


def whole(number: float | None) -> float | int | None:
    """The number, without a point when it has no fraction."""
    if number is None or not number.is_integer() or abs(number) > WHOLE_MAX:
        return number
    return int(number)

"""Alerts in words, and as the documents that webhooks get. Pure."""

from datetime import UTC, datetime
from typing import Any

from statflow_http import ids
from statflow_http.alerts.notices import ANOMALY, DIGEST, NEW_STATS, TEST, WEEKLY, Event, Notice
from statflow_http.alerts.numbers import Figure
from statflow_http.alerts.rules import Condition, Operator, Rule, RuleKind
from statflow_http.alerts.states import State, Status, Told
from statflow_http.charts.scales import grouped

WINDOW_WORDS = {
    "5m": "5 minutes",
    "1h": "1 hour",
    "3h": "3 hours",
    "1d": "1 day",
    "1w": "1 week",
    "1M": "30 days",
    "1y": "1 year",
}
# Whole numbers up to here are written without a point, as StatHat wrote them.
WHOLE_MAX = 2**53
# Of a list in a text that is read on a phone.
LINES_MAX = 20


def whole(number: float | None) -> float | int | None:
    """The number, without a point when it has no fraction."""
    if number is None or not number.is_integer() or abs(number) > WHOLE_MAX:
        return number
    return int(number)


def told_number(number: float | None) -> str:
    """A number for people."""
    return "no number" if number is None else grouped(number)


def condition_text(condition: Condition | Rule) -> str:
    """What is watched: "greater than 500 over 1 hour"."""
    window = WINDOW_WORDS[condition.time_window]
    if condition.kind is RuleKind.DATA:
        return f"nothing received in {window}"
    if condition.kind is RuleKind.VALUE:
        return f"{condition.operator} {told_number(condition.threshold)} over {window}"
    before = WINDOW_WORDS[condition.time_delta or condition.time_window]
    change = {Operator.GREATER: "rises by more than", Operator.LESS: "falls by more than"}.get(
        condition.operator or Operator.DIFFERENT, "changes by more than"
    )
    return f"{change} {told_number(condition.percentage)} % over {window} against {before} before"


def sentence(condition: Condition | Rule, stat_name: str, figure: Figure, *, is_past: bool = False) -> str:
    """What was found, with the numbers.

    Args:
        condition: what is watched.
        stat_name: of which stat.
        figure: what was found.
        is_past: it is told of a moment that is over.
    """
    window, verb = WINDOW_WORDS[condition.time_window], "was" if is_past else "is"
    if figure.is_met is None:
        return f'"{stat_name}": no data over {window}: {figure.lack}'
    if condition.kind is RuleKind.DATA:
        return (
            f'"{stat_name}": nothing received in {window}'
            if figure.is_met
            else f'"{stat_name}": {told_number(figure.number)} points received in {window}'
        )
    said = f'"{stat_name}" {verb} {told_number(figure.number)} over {window}'
    if condition.kind is RuleKind.VALUE:
        return f"{said}: {'' if figure.is_met else 'not '}{condition.operator} {told_number(condition.threshold)}"
    before = WINDOW_WORDS[condition.time_delta or condition.time_window]
    more = "more" if (figure.percent or 0) >= 0 else "less"
    percent = told_number(round(abs(figure.percent or 0), 1))
    limit = "" if figure.is_met else f": within the {told_number(condition.percentage)} % that are let pass"
    return f"{said}, {percent} % {more} than the {told_number(figure.before)} of {before} before{limit}"


HEADS = {
    Told.OPENED.value: "Alert",
    Told.RESOLVED.value: "Over",
    Told.REPEATED.value: "Still",
    ANOMALY: "Unusual",
}


def event_text(event: Event) -> str:
    """One event in a sentence."""
    if event.rule is None:
        return event.words
    return sentence(event.rule, event.stat_name, event.figure, is_past=True)


def headline(notice: Notice) -> str:
    """What a notice is about, in a line: the subject of its mail."""
    if notice.type == TEST:
        return "StatFlow: this is a test"
    if notice.type == NEW_STATS:
        count = notice.facts.get("count", 0)
        return f"StatFlow: {count} new stat{'s' if count != 1 else ''}"
    if notice.type == WEEKLY:
        return f"StatFlow: the week of {notice.facts.get('week', '')}"
    if notice.type == DIGEST:
        return f"StatFlow: {len(notice.events) + notice.more} alerts"
    return f"{HEADS.get(notice.type, 'StatFlow')}: {event_text(notice.events[0])}"


def lines(notice: Notice) -> list[str]:
    """A notice in a few lines of text, as a chat shows it."""
    if notice.type == TEST:
        return ["This is a test: alerts of StatFlow reach you here."]
    if notice.events:
        found = [f"{HEADS.get(event.type, '')}: {event_text(event)}" for event in notice.events[:LINES_MAX]]
        left_out = len(notice.events) + notice.more - len(found)
        return [*found, f"and {left_out} more"] if left_out else found
    return [str(line) for line in notice.facts.get("lines", [])]


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
        "receivers": list(rule.receivers),
        "hold": rule.hold,
        "repeat": rule.repeat,
        "created_at": rule.created_s,
    }


def state_document(state: State, now_s: int) -> dict[str, Any]:
    """What is told of how an alert is."""
    silenced_s = state.silenced_until_s if state.is_silenced(now_s) else None
    return {
        "state": state.shown(now_s),
        "since": state.since_s or None,
        "opened_at": state.opened_s or None,
        "silenced_until": silenced_s,
    }


def figure_document(figure: Figure) -> dict[str, Any]:
    """The numbers that a look has found."""
    return {
        "number": whole(figure.number),
        "before": whole(figure.before),
        "percent": None if figure.percent is None else round(figure.percent, 3),
        "from": figure.from_s or None,
        "to": figure.to_s or None,
        "met": figure.is_met,
        "lack": figure.lack or None,
    }


def event_document(event: Event) -> dict[str, Any]:
    """One event as webhooks get it."""
    status = Status.OK if event.type == Told.RESOLVED else Status.FIRING
    return {
        "type": event.type,
        "alert": None if event.rule is None else rule_document(event.rule),
        "stat": event.stat_name,
        "stat_id": ids.stat_id(event.series_id),
        "live": event.namespace.endswith(":live"),
        "state": status,
        "at": event.time_s,
        "opened_at": event.opened_s,
        "text": event_text(event),
        **figure_document(event.figure),
    }


def payload(notice: Notice) -> dict[str, Any]:
    """The body of a webhook: the same on every try."""
    moment = datetime.fromtimestamp(notice.created_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if notice.type == DIGEST:
        data: dict[str, Any] = {"alerts": [event_document(event) for event in notice.events], "more": notice.more}
    elif notice.events:
        data = event_document(notice.events[0])
    else:
        data = {"text": "\n".join(lines(notice))} | {
            key: value for key, value in notice.facts.items() if key != "lines"
        }
    return {"type": notice.type, "timestamp": moment, "data": data}

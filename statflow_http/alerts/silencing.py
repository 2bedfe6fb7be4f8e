"""Silencing an alert: it goes on being looked at, and nobody is told."""

import msgspec

from statflow_http.alerts.rules import Rule
from statflow_http.alerts.states import State
from statflow_http.documents.store import Documents
from statflow_http.errors import NotFoundError, RequestError

HOURS_MAX = 24 * 365
HOUR_S = 3_600


class SilenceWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """For how long somebody wants an alert to be silent."""

    hours: float | None = None


def silence(documents: Documents, namespace: str, rule_id: str, now_s: int, hours: float | None) -> State:
    """Silence an alert from now on, also one that is silenced already; the state as it is then.

    Args:
        documents: where it lies.
        namespace, rule_id: which alert.
        now_s: Unix seconds.
        hours: above 0; None: it is silenced no more.

    Raises:
        NotFoundError: there is no such alert.
        RequestError: no such time.
    """
    if hours is not None and not 0 < hours <= HOURS_MAX:
        raise RequestError(f"hours must be above 0 and at most {HOURS_MAX}")
    key = f"{namespace}/{rule_id}"
    with documents.change() as change:
        if change.get("alert_rules", key, Rule) is None:
            raise NotFoundError("no such alert")
        before = change.get("alert_states", key, State) or State()
        until_s = 0 if hours is None else now_s + int(hours * HOUR_S)
        after = msgspec.structs.replace(before, silenced_until_s=until_s)
        change.put("alert_states", key, after)
    return after


def state_of(documents: Documents, namespace: str, rule_id: str) -> State:
    """How an alert is; `State()` before the first look."""
    return states_of(documents, namespace, [rule_id])[0]


def states_of(documents: Documents, namespace: str, rule_ids: list[str]) -> list[State]:
    """How several alerts are, in their order."""
    with documents.snapshot() as snapshot:
        return [snapshot.get("alert_states", f"{namespace}/{rule_id}", State) or State() for rule_id in rule_ids]

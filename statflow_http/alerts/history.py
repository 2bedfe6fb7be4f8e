"""What became of an alert over time: each change of its state, and what was told.

Table ``alert_history``: under ``NAMESPACE/RULE/ID``, the last hundred of each rule.
"""

import msgspec

from statflow_http.alerts.numbers import Figure
from statflow_http.alerts.rules import Rule
from statflow_http.alerts.states import State, Status, Step
from statflow_http.documents.made import free_id
from statflow_http.documents.store import Change, Documents

KEPT = 100


class Entry(msgspec.Struct, frozen=True):
    """One moment of an alert.

    Attributes:
        id: in the order of text, entries are in that of time.
        status: from then on.
        told: the type of the notice, "" when nobody was told.
        is_silenced: it was silenced.
        figure: what was found.
    """

    id: str
    time_s: int
    status: Status
    told: str
    is_silenced: bool
    figure: Figure


def put_entry(
    change: Change, namespace: str, rule: Rule, before: State, after: Step, figure: Figure, now_s: int
) -> None:
    """Note what became of an alert, if it is worth it."""
    if after.told is None and after.state.status is before.status and before.since_s:
        return
    place = f"{namespace}/{rule.id}"
    entry_id = free_id(change, "alert_history", place, now_s)
    told = "" if after.told is None else after.told.value
    entry = Entry(entry_id, now_s, after.state.status, told, after.state.is_silenced(now_s), figure)
    change.put("alert_history", f"{place}/{entry_id}", entry)
    for old in change.keys_under("alert_history", f"{place}/")[:-KEPT]:
        change.delete("alert_history", old)


def history(documents: Documents, namespace: str, rule_id: str) -> list[Entry]:
    """The last hundred moments of an alert, newest first."""
    with documents.snapshot() as snapshot:
        return list(snapshot.under("alert_history", f"{namespace}/{rule_id}/", Entry))[::-1]

"""Automatic alerts, as a setting: whether somebody wants to be told of what looks wrong without having made a rule.

There is one setting for all stats of a namespace, and one for each stat that is to differ. How wrong a stat must look
for each sensitivity is decided where anomalies are looked for.

Table ``automatic_alerts``: under ``NAMESPACE/`` for all stats, under ``NAMESPACE/STAT_ID`` for one.
"""

import enum

import msgspec

from statflow_http import ids
from statflow_http.documents.made import refuse_full
from statflow_http.documents.store import Documents
from statflow_http.errors import RequestError

# Settings of single stats, of an account.
SETTINGS_MAX = 10_000


class Sensitivity(enum.StrEnum):
    """How easily an anomaly is told of."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Automatic(msgspec.Struct, frozen=True):
    """Whether, and how easily. StatHat watched every stat with no set-up, so both have defaults that do."""

    on: bool = True
    sensitivity: Sensitivity = Sensitivity.MEDIUM


class AutomaticWish(msgspec.Struct, frozen=True):
    """A change as somebody writes it; what is None stays.

    Attributes:
        stat: the name of the stat that it is for; None: all that have no setting of their own.
    """

    on: bool | None = None
    sensitivity: str | None = None
    stat: str | None = None


class AutomaticSettings:
    """The settings of one data folder."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    def get(self, namespace: str, series_id: int | None = None) -> Automatic:
        """What holds for a stat; for None: for stats without a setting of their own."""
        return self.of(namespace, [series_id])[0]

    def of(self, namespace: str, series_ids: list[int | None]) -> list[Automatic]:
        """The same for several stats, in their order."""
        with self._documents.snapshot() as snapshot:
            usual = snapshot.get("automatic_alerts", f"{namespace}/", Automatic) or Automatic()
            return [
                usual if each is None else snapshot.get("automatic_alerts", _place(namespace, each), Automatic) or usual
                for each in series_ids
            ]

    def change(self, namespace: str, series_id: int | None, wish: AutomaticWish) -> Automatic:
        """Set what a wish says; what holds afterwards. The caller has looked whether there is such a series.

        Raises:
            RequestError: there is no such sensitivity.
            RetryLaterError: too many stats have settings of their own.
        """
        sensitivity = None if wish.sensitivity is None else _sensitivity(wish.sensitivity)
        wanted = {"on": wish.on, "sensitivity": sensitivity}
        place = _place(namespace, series_id)
        with self._documents.change() as change:
            before = change.get("automatic_alerts", place, Automatic)
            if before is None:
                refuse_full(change, "automatic_alerts", namespace, SETTINGS_MAX, "automatic alerts of their own")
                before = change.get("automatic_alerts", f"{namespace}/", Automatic) or Automatic()
            after = msgspec.structs.replace(before, **{name: to for name, to in wanted.items() if to is not None})
            change.put("automatic_alerts", place, after)
        return after


def _place(namespace: str, series_id: int | None) -> str:
    return f"{namespace}/" if series_id is None else f"{namespace}/{ids.stat_id(series_id)}"


def _sensitivity(text: str) -> Sensitivity:
    try:
        return Sensitivity(text)
    except ValueError:
        raise RequestError(f"sensitivity must be one of {', '.join(Sensitivity)}") from None

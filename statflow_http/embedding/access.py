"""Which stats a page may show: public ones by their id, any by its embed key."""

from dataclasses import dataclass

from statflow_engine import Series
from statflow_http.embedding.asked import STAT_TEXT
from statflow_http.services import Services


@dataclass(frozen=True, slots=True)
class Shown:
    """A stat that may be shown.

    Attributes:
        series: of the engine.
        unit: of its numbers, "" for none.
        tz: the time zone of its account.
    """

    series: Series
    unit: str
    tz: str


def shown_series(services: Services, text: str) -> Shown | None:
    """The stat that a page may show by what its address has; None alike for unknown, private and deleted ones."""
    if not STAT_TEXT.fullmatch(text):
        return None
    properties = services.properties
    series = properties.embedded_series(services.engine, services.secret, text)
    if series is None:
        return None
    account = services.accounts.get(series.namespace.partition(":")[0])
    unit = properties.get(series.namespace, series.id).unit
    return Shown(series, unit, "UTC" if account is None else account.tz)

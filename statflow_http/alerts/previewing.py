"""Asking what a rule finds and would have found, before there is one."""

from collections.abc import Sequence
from dataclasses import dataclass

from statflow_engine import Engine, Series
from statflow_http.alerts.evaluation import figure_of
from statflow_http.alerts.numbers import OUT_OF_REACH, Figure, lacking
from statflow_http.alerts.previews import MONTH_S, Opening, openings, track
from statflow_http.alerts.rules import Condition, Rule
from statflow_http.alerts.telling import sentence


@dataclass(frozen=True, slots=True)
class Previewed:
    """What a rule finds and would have found.

    Attributes:
        now: what it finds now.
        text: the same in a sentence.
        from_s: from when on it was looked.
        step_s: how often.
        openings: when an alert would have been open, oldest first.
    """

    now: Figure
    text: str
    from_s: int
    step_s: int
    openings: Sequence[Opening]


def previewed(engine: Engine, namespace: str, series: Series, wanted: Condition) -> Previewed:
    """What a condition finds of a stat now, and would have found in the last 30 days.

    Raises:
        UnknownSeriesError: the stat was deleted meanwhile.
    """
    now_s = engine.now_s()
    fields = {name: getattr(wanted, name) for name in Condition.__struct_fields__}
    rule = Rule("", series.id, series.name, created_s=now_s, **fields)
    found = track(engine, namespace, series, wanted, now_s - MONTH_S, now_s)
    now = lacking(OUT_OF_REACH) if found is None else figure_of(engine, namespace, rule, now_s)
    text = sentence(wanted, series.name, now)
    if found is None:
        return Previewed(now, text, now_s, 0, [])
    return Previewed(now, text, int(found.times_s[0]), found.step_s, openings(wanted, found))

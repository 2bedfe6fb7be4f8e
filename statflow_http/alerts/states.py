"""From what a look has found to the state of an alert, and to what is worth telling. Pure.

    pending     not decided: it was never looked at, or the condition holds, but not for as long as the rule wants
    ok          the condition does not hold
    firing      it does: the alert is open
    no data     there is no number to compare

An alert *opens* when its condition holds (for as long as the rule wants), and is then told of once, and again after
each ``repeat`` of the rule. It is over when the condition does not hold. Missing data ends nothing: an open alert whose
stat falls silent stays open, without a word, until a number says otherwise; else a stat that reports every ten minutes
would open and end an alert with a window of five each time. Only when its stat is deleted it ends, and nobody is told.

A *silenced* alert goes on being looked at, and is not told of. If it is open when the silence is over, and nobody was
told that it is, then that is told now.
"""

import enum
from dataclasses import dataclass

import msgspec

from statflow_http.alerts.numbers import GONE, Figure
from statflow_http.alerts.rules import HOLDS_S, REPEATS_S, Rule


class Status(enum.StrEnum):
    """How an alert is."""

    PENDING = "pending"
    OK = "ok"
    FIRING = "firing"
    SILENCED = "silenced"
    NO_DATA = "no data"


class Told(enum.StrEnum):
    """What receivers are told of an alert; the words are those of the webhook's types."""

    OPENED = "alert.opened"
    RESOLVED = "alert.resolved"
    REPEATED = "alert.repeated"


class State(msgspec.Struct, frozen=True):
    """What is known of a rule, as it is stored under the key of the rule; there is none before the first look.

    Attributes:
        status: never SILENCED, which is told by `shown`.
        since_s: when this status began.
        holds_since_s: when the condition began to hold; 0: it does not.
        opened_s: when the alert opened; 0: it is not open.
        told_s: when it was last told of since it opened; 0: not yet.
        silenced_until_s: nothing is told before; 0: it is not silenced.
        figure: what was found when the status began.
        opening: what was found when the alert opened.
    """

    status: Status = Status.PENDING
    since_s: int = 0
    holds_since_s: int = 0
    opened_s: int = 0
    told_s: int = 0
    silenced_until_s: int = 0
    figure: Figure = Figure()
    opening: Figure | None = None

    def shown(self, now_s: int) -> Status:
        """The status for people: what is silenced is shown as that."""
        return Status.SILENCED if self.is_silenced(now_s) else self.status

    def is_silenced(self, now_s: int) -> bool:
        """Whether nothing is told."""
        return now_s < self.silenced_until_s


@dataclass(frozen=True, slots=True)
class Step:
    """What becomes of an alert.

    Attributes:
        state: the next one; the very same object when nothing changes.
        told: what receivers are told; None: nothing.
    """

    state: State
    told: Told | None = None


def step(rule: Rule, state: State, figure: Figure, now_s: int) -> Step:
    """The next state of an alert.

    Args:
        rule: what is watched.
        state: the one before; `State()` at the first look.
        figure: what was found now.
        now_s: Unix seconds.
    """
    if figure.lack == GONE:
        return Step(_at(state, Status.NO_DATA, figure, now_s, holds_since_s=0, opened_s=0, told_s=0, opening=None))
    if figure.is_met is None:
        return Step(_at(state, Status.NO_DATA, figure, now_s, holds_since_s=0))
    if not figure.is_met:
        return _over(state, figure, now_s)
    if state.opened_s:
        return _told_again(rule, _at(state, Status.FIRING, figure, now_s), state, now_s)
    return _begun(rule, state, figure, now_s)


def _over(state: State, figure: Figure, now_s: int) -> Step:
    """The condition does not hold; that is told to those who were told that it did."""
    after = _at(state, Status.OK, figure, now_s, holds_since_s=0, opened_s=0, told_s=0, opening=None)
    return Step(after, Told.RESOLVED if state.told_s and not state.is_silenced(now_s) else None)


def _begun(rule: Rule, state: State, figure: Figure, now_s: int) -> Step:
    """The condition holds, and the alert is not open yet."""
    holds_since_s = state.holds_since_s or now_s
    if now_s - holds_since_s < HOLDS_S[rule.hold]:
        return Step(_at(state, Status.PENDING, figure, now_s, holds_since_s=holds_since_s))
    is_told = not state.is_silenced(now_s)
    told_s = now_s if is_told else 0
    opened = {"holds_since_s": holds_since_s, "opened_s": now_s, "told_s": told_s, "opening": figure}
    return Step(_at(state, Status.FIRING, figure, now_s, **opened), Told.OPENED if is_told else None)


def _told_again(rule: Rule, after: State, state: State, now_s: int) -> Step:
    """The alert is open still, or again after there was no data."""
    if state.is_silenced(now_s):
        return Step(after)
    if not state.told_s:
        return Step(msgspec.structs.replace(after, told_s=now_s), Told.OPENED)
    repeat_s = REPEATS_S[rule.repeat]
    if repeat_s and now_s - state.told_s >= repeat_s:
        return Step(msgspec.structs.replace(after, told_s=now_s), Told.REPEATED)
    return Step(after)


def _at(state: State, status: Status, figure: Figure, now_s: int, **fields: object) -> State:
    """The state with another status; the same object when nothing is different."""
    changes = {name: value for name, value in fields.items() if getattr(state, name) != value}
    # PENDING is also what nobody has looked at yet: the first look begins it.
    if state.status is not status or not state.since_s:
        changes |= {"status": status, "since_s": now_s, "figure": figure}
    return msgspec.structs.replace(state, **changes) if changes else state

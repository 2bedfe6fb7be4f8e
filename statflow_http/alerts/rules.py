"""Alert rules: what somebody wants to be told about one stat, checked and stored.

    value   the stat was above or below a threshold over a window
    delta   it changed by so many percent against the same window so long ago
    data    nothing was received in a window

A counter over a window is its sum, a value its mean. What exactly is compared is in `numbers`, when a rule is looked at
in `evaluation`, and who is told in `notices`.

Table ``alert_rules``: under ``NAMESPACE/ID``. A rule outlives its stat: in the trash the stat may come back. Of one
that was destroyed the rule stays, with the name it had, until somebody deletes it; it counts toward the limit as any.
"""

import enum
from collections.abc import Mapping
from itertools import islice
from typing import TypeVar

import msgspec

from statflow_http import ids
from statflow_http.documents.made import Anything, free_id, refuse_full
from statflow_http.documents.store import Change, Documents
from statflow_http.errors import NotFoundError, RequestError
from statflow_http.wire.numbers import RawNumber, number

T = TypeVar("T")

# Of an account, live and test together. Why: looking at a thousand rules a minute is work that nobody notices.
RULES_MAX = 1_000
# As the engine's: a sum of this size is still finite.
THRESHOLD_MAX = 1e200
PERCENTAGE_MAX = 1e6
# Receivers that one rule names.
RECEIVERS_NAMED_MAX = 20

# In seconds, as in `wire.timeframes`: a month is 30 days.
WINDOWS_S = {
    "5m": 300,
    "1h": 3_600,
    "3h": 10_800,
    "1d": 86_400,
    "1w": 604_800,
    "1M": 2_592_000,
    "1y": 31_536_000,
}

# How long a condition must hold before an alert opens, and after how long an open one is told of again; in seconds.
HOLDS_S = {"none": 0, "5m": 300, "15m": 900, "30m": 1_800, "1h": 3_600, "3h": 10_800}
REPEATS_S = {"never": 0, "1h": 3_600, "3h": 10_800, "1d": 86_400, "1w": 604_800}


class RuleKind(enum.StrEnum):
    """What a rule looks at."""

    VALUE = "value"
    DELTA = "delta"
    DATA = "data"


class Operator(enum.StrEnum):
    """How what was met is compared with what was set; the words are StatHat's."""

    GREATER = "greater than"
    LESS = "less than"
    DIFFERENT = "different than"


OPERATORS = {
    **{operator.value: operator for operator in Operator},
    "gt": Operator.GREATER,
    "lt": Operator.LESS,
    "dt": Operator.DIFFERENT,
}


class Rule(msgspec.Struct, frozen=True):
    """A rule as it is stored.

    Attributes:
        id: 12 letters and digits; in their order rules were made.
        series_id: of the stat.
        stat_name: what the stat is called; it is never renamed.
        time_window: over how long, a key of `WINDOWS_S`.
        operator: None for kind data.
        threshold: of kind value, finite.
        percentage: of kind delta, above 0.
        time_delta: of kind delta: how long before the window the other one lies, a key of `WINDOWS_S`.
        created_s: Unix seconds.
        receivers: the ids of those who are told; empty: all of the account.
        hold: how long the condition must hold before the alert opens, a key of `HOLDS_S`.
        repeat: after how long an open alert is told of again, a key of `REPEATS_S`.
    """

    id: str
    series_id: int
    stat_name: str
    kind: RuleKind
    time_window: str
    created_s: int
    operator: Operator | None = None
    threshold: float | None = None
    percentage: float | None = None
    time_delta: str | None = None
    receivers: tuple[str, ...] = ()
    hold: str = "none"
    repeat: str = "never"


class RuleWish(msgspec.Struct, frozen=True):
    """A rule as somebody writes it, in a form or in JSON; None and "" are absent.

    Attributes:
        stat_id: the id of the stat.
        stat: its name, where there is no id.
        kind: a number is refused in words of an alert, not in those that the batches of points have for theirs.
        receivers: ids; in a form with commas between. An empty list: all of the account.
    """

    stat_id: str | None = None
    stat: str | None = None
    kind: str | float | None = None
    time_window: str | None = None
    operator: str | None = None
    threshold: RawNumber = None
    percentage: RawNumber = None
    time_delta: str | None = None
    receivers: list[str] | str | None = None
    hold: str | None = None
    repeat: str | None = None


class Condition(msgspec.Struct, frozen=True):
    """The checked part of a rule: everything but whose it is. The attributes are those of `Rule`."""

    kind: RuleKind
    time_window: str
    operator: Operator | None = None
    threshold: float | None = None
    percentage: float | None = None
    time_delta: str | None = None
    receivers: tuple[str, ...] = ()
    hold: str = "none"
    repeat: str = "never"


def condition(wish: RuleWish) -> Condition:
    """The condition that somebody wrote; what its kind has no use for is passed over.

    Raises:
        RequestError: something is missing, or is not what it may be; says what is wanted.
    """
    kind = _one_of(wish.kind, "kind", {kind.value: kind for kind in RuleKind})
    found = Condition(
        kind,
        _window(wish.time_window, "time_window"),
        receivers=_receivers(wish.receivers),
        hold=_key_of(HOLDS_S, wish.hold, "hold", "none"),
        repeat=_key_of(REPEATS_S, wish.repeat, "repeat", "never"),
    )
    if kind is RuleKind.DATA:
        return found
    if kind is RuleKind.VALUE:
        chosen: dict[str, Operator] = {word: each for word, each in OPERATORS.items() if each is not Operator.DIFFERENT}
        operator = _one_of(wish.operator, "operator", chosen)
        return msgspec.structs.replace(found, operator=operator, threshold=_threshold(wish.threshold))
    operator = _one_of(wish.operator, "operator", OPERATORS)
    time_delta = _window(wish.time_delta, "time_delta")
    percentage = _percentage(wish.percentage)
    return msgspec.structs.replace(found, operator=operator, percentage=percentage, time_delta=time_delta)


def _one_of(raw: str | float | None, field: str, options: Mapping[str, T]) -> T:
    if not raw:
        raise RequestError(f"{field} is missing: {', '.join(options)}")
    found = options.get(raw.strip()) if isinstance(raw, str) else None
    if found is None:
        raise RequestError(f"{field} must be one of {', '.join(options)}")
    return found


def _window(raw: str | None, field: str) -> str:
    return _one_of(raw, field, {name: name for name in WINDOWS_S})


def _key_of(words: Mapping[str, int], raw: str | None, field: str, usual: str) -> str:
    return _one_of(raw, field, {name: name for name in words}) if raw else usual


def _receivers(raw: list[str] | tuple[str, ...] | str | None) -> tuple[str, ...]:
    named = raw.split(",") if isinstance(raw, str) else raw or ()
    found = tuple(dict.fromkeys(name for each in named if (name := each.strip())))
    if len(found) > RECEIVERS_NAMED_MAX:
        raise RequestError(f"an alert names at most {RECEIVERS_NAMED_MAX} receivers")
    return found


def _threshold(raw: RawNumber) -> float:
    found = number(raw, "threshold")
    if found is None:
        raise RequestError("threshold is missing: a number")
    if not abs(found) <= THRESHOLD_MAX:
        raise RequestError("threshold out of range")
    return found


def _percentage(raw: RawNumber) -> float:
    found = number(raw, "percentage")
    if found is None:
        raise RequestError("percentage is missing: a number above 0")
    if not 0 < found <= PERCENTAGE_MAX:
        raise RequestError(f"percentage must be above 0 and at most {PERCENTAGE_MAX:.0f}")
    return found


class Rules:
    """The rules of one data folder."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    def create(
        self,
        namespace: str,
        series_id: int,
        stat_name: str,
        wanted: Condition,
        now_s: int,
        *,
        rules_max: int = RULES_MAX,
    ) -> Rule:
        """Store a rule; the caller has looked whether the namespace has such a series.

        Raises:
            RequestError: the account has as many rules as it may.
        """
        with self._documents.change() as change:
            refuse_full(change, "alert_rules", namespace, rules_max, "alerts")
            _refuse_strangers(change, namespace, wanted)
            rule_id = free_id(change, "alert_rules", namespace, now_s)
            rule = Rule(rule_id, series_id, stat_name, created_s=now_s, **msgspec.structs.asdict(wanted))
            change.put("alert_rules", f"{namespace}/{rule_id}", rule)
        return rule

    def get(self, namespace: str, rule_id: str) -> Rule:
        """A rule by its id.

        Raises:
            NotFoundError: the namespace has none.
        """
        with self._documents.snapshot() as snapshot:
            return _known(snapshot.get("alert_rules", f"{namespace}/{rule_id}", Rule))

    def all(self, namespace: str) -> list[Rule]:
        """The rules of a namespace, oldest first: at most `RULES_MAX`."""
        return self.page(namespace)

    def page(self, namespace: str, *, after: str = "", limit: int = RULES_MAX) -> list[Rule]:
        """The first rules, oldest first, after the one of an id."""
        prefix = f"{namespace}/"
        with self._documents.snapshot() as snapshot:
            found = snapshot.under("alert_rules", prefix, Rule, after=prefix + after if after else "")
            return list(islice(found, limit))

    def change(self, namespace: str, rule_id: str, wish: RuleWish) -> Rule:
        """Replace what is written in a wish, keep the rest; the rule as it is then.

        Raises:
            NotFoundError: the namespace has no such rule.
            RequestError: what comes out is no condition.
        """
        with self._documents.change() as change:
            before = _known(change.get("alert_rules", f"{namespace}/{rule_id}", Rule))
            wanted = condition(_merged(before, wish))
            _refuse_strangers(change, namespace, wanted)
            after = msgspec.structs.replace(before, **msgspec.structs.asdict(wanted))
            change.put("alert_rules", f"{namespace}/{rule_id}", after)
        return after

    def delete(self, namespace: str, rule_id: str) -> None:
        """Remove a rule.

        Raises:
            NotFoundError: the namespace has no such rule.
        """
        with self._documents.change() as change:
            _known(change.get("alert_rules", f"{namespace}/{rule_id}", Rule))
            change.delete("alert_rules", f"{namespace}/{rule_id}")
            change.delete("alert_states", f"{namespace}/{rule_id}")
            change.delete_under("alert_history", f"{namespace}/{rule_id}/")


def _refuse_strangers(change: Change, namespace: str, wanted: Condition) -> None:
    """Refuse receivers that the account of a namespace does not have."""
    account = namespace.rpartition(":")[0]
    for name in wanted.receivers:
        if not ids.is_document_id(name) or change.get("receivers", f"{account}/{name}", Anything) is None:
            raise RequestError(f"receivers: no such receiver: {name}")


def _known(rule: Rule | None) -> Rule:
    if rule is None:
        raise NotFoundError("no such alert")
    return rule


def _merged(before: Rule, wish: RuleWish) -> RuleWish:
    """The wish, with what the rule has where it says nothing."""
    written = {name: getattr(wish, name) for name in Condition.__struct_fields__}
    kept = msgspec.structs.asdict(before)
    return RuleWish(**{name: kept[name] if wanted in (None, "") else wanted for name, wanted in written.items()})

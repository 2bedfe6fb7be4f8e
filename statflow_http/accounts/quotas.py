"""What a plan lets through: what a write carries to the engine, which decides, and how its refusal is worded.

Nothing here is asked for an account without limits.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from statflow_engine import Engine, LimitError, StatFlowError
from statflow_http.accounts.accounts import Account
from statflow_http.accounts.plans import Month, Plan, month_of
from statflow_http.accounts.usage import Usage
from statflow_http.documents.store import Documents
from statflow_http.errors import RetryLaterError

MINUTE_S = 60


@dataclass(frozen=True, slots=True)
class Grant:
    """What one write may do.

    Attributes:
        plan: whose limits these are.
        meters, series_limit: for the engine's batch.
        month: of the meter.
        now_s: when it was granted.
    """

    plan: Plan
    meters: Sequence[tuple[str, int | None]]
    series_limit: int | None
    month: Month
    now_s: int

    def worded(self, error: StatFlowError) -> StatFlowError:
        """The engine's refusal in the words of the plan; any other error as it is."""
        if not isinstance(error, LimitError):
            return error
        if error.limit_name != "series":
            return points_over(self.plan, self.month, self.now_s)
        if error.limit == self.plan.stats:
            return stats_over(self.plan)
        return RetryLaterError(
            f"the plan {self.plan.name} allows {self.plan.new_stats_a_minute} new stats a minute",
            MINUTE_S - self.now_s % MINUTE_S,
        )


def points_over(plan: Plan, month: Month, now_s: int) -> RetryLaterError:
    """That a month's points are used up."""
    text = f"the plan {plan.name} allows {plan.points_a_month} points a month; it resets {month.resets}"
    return RetryLaterError(text, max(1, month.end_s - now_s))


def stats_over(plan: Plan) -> RetryLaterError:
    """That there are as many stats as there may be; no time changes that."""
    return RetryLaterError(f"the plan {plan.name} allows {plan.stats} stats: delete one to make room", None)


def meter_name(account_id: str, month: Month) -> str:
    """The engine's meter of an account's points in a month."""
    return f"{account_id}:points:{month.name}"


class Minute(msgspec.Struct, frozen=True):
    """A minute in which an account writes, as all processes know it.

    Attributes:
        number: since 1970.
        stats: that were there at its first write.
    """

    number: int
    stats: int

    def covers(self, number: int) -> bool:
        """Whether it is this one, or the next: who was held up at the turn of a minute must not put it back."""
        return number <= self.number <= number + 1


@dataclass(frozen=True, slots=True)
class Used:
    """What an account used of its plan.

    Attributes:
        month: this one.
        points: stored in it.
        refused: points that a limit kept out in it.
        stats: there now.
    """

    month: Month
    points: int
    refused: int
    stats: int


class Quotas:
    """The limits of one server's accounts, as far as points and stats go."""

    def __init__(self, engine: Engine, documents: Documents, usage: Usage) -> None:
        self._engine = engine
        self._documents = documents
        self._usage = usage
        self._month = month_of(0)
        # Points counted while there was no limit, by account and month: read again when any document changed.
        self._uncounted: tuple[int, dict[tuple[str, str], int]] = (-1, {})
        self._minutes: dict[str, Minute] = {}

    def grant(self, account: Account, plan: Plan) -> Grant:
        """What a write of live points may do, by a plan that has limits."""
        now_s = self._engine.now_s()
        month = self._month_of(now_s)
        limit = plan.points_a_month
        meters: list[tuple[str, int | None]] = []
        if limit is not None:
            before = self._uncounted_points(account.id, month, now_s)
            meters.append((meter_name(account.id, month), max(0, limit - before)))
        return Grant(plan, meters, self.series_limit(account, plan), month, now_s)

    def series_limit(self, account: Account, plan: Plan) -> int | None:
        """How many stats an account may have at this moment; also for whoever imports some."""
        limits = [plan.stats, self._stats_of_minute(account, plan)]
        return min((limit for limit in limits if limit is not None), default=None)

    def refuse_restore(self, account: Account, plan: Plan) -> None:
        """Refuse to bring a stat back where there is no room for one.

        Raises:
            RetryLaterError: the account has as many live stats as it may.
        """
        if plan.stats is not None and self._stats(account) >= plan.stats:
            raise stats_over(plan)

    def used(self, account: Account) -> Used:
        """What an account used this month."""
        now_s = self._engine.now_s()
        month = self._month_of(now_s)
        noted = self._usage.of_month(account.id, now_s)
        points = self._engine.meter(meter_name(account.id, month)) + noted.points
        return Used(month, points, noted.refused, self._stats(account))

    def _stats(self, account: Account) -> int:
        return self._engine.series_count(account.namespace(live=True))

    def _month_of(self, now_s: int) -> Month:
        month = self._month
        if now_s not in month:
            month = self._month = month_of(now_s)
        return month

    def _uncounted_points(self, account_id: str, month: Month, now_s: int) -> int:
        """Points of this month that came while the account had no limit, and no meter."""
        epoch = self._usage.epoch()
        known_epoch, known = self._uncounted
        if epoch != known_epoch:
            known = {}
            self._uncounted = (epoch, known)
        key = (account_id, month.name)
        if key not in known:
            known[key] = self._usage.of_month(account_id, now_s).points
        return known[key]

    def _stats_of_minute(self, account: Account, plan: Plan) -> int | None:
        """What there was at the minute's first write to any process, and as many more as may come."""
        if plan.new_stats_a_minute is None:
            return None
        number = self._engine.now_s() // MINUTE_S
        minute = self._minutes.get(account.id)
        if minute is None or minute.number != number:
            minute = self._minutes[account.id] = self._agreed_minute(account, number)
        return minute.stats + plan.new_stats_a_minute

    def _agreed_minute(self, account: Account, number: int) -> Minute:
        """The minute of the process that came first, which is this one where there is none in the documents yet.

        That one writes it down before it makes a stat: one commit a minute and account of such a plan. The count is
        read in the transaction: read before, it could be of a moment behind another process's first stats.
        """
        with self._documents.snapshot() as snapshot:
            found = snapshot.get("stat_minutes", account.id, Minute)
        if found is not None and found.covers(number):
            return found
        with self._documents.change() as change:
            found = change.get("stat_minutes", account.id, Minute)
            if found is None or not found.covers(number):
                found = Minute(number, self._stats(account))
                change.put("stat_minutes", account.id, found)
        return found

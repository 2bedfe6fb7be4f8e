"""Plans: how much an account may have and send. Two are built in; a server's operator adds others, or another ``free``.

They are documents like all else that is set, and not a file beside them: a change is seen by every worker with the next
request, and a plan that cannot be read stops no server from starting.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from statflow_http.accounts.accounts import Account
from statflow_http.documents.store import Documents, Snapshot
from statflow_http.errors import NotFoundError, RequestError, TakenError

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
NUMBER_MAX = 2**53
# The months of the engine's whole range are within these.
EARLIEST_S, LATEST_S = 0, 253_402_300_799


class Plan(msgspec.Struct, frozen=True):
    """What an account of this plan may have; None is as much as it likes. Only live data counts.

    Attributes:
        name: small letters, digits and hyphens.
        stats: at a time; those in the trash do not count.
        points_a_month: stored in a calendar month of UTC.
        new_stats_a_minute: made by writing to them.
        requests_a_second: of any sort, by any of the account's keys, those of test data too.
    """

    name: str
    stats: int | None = None
    points_a_month: int | None = None
    new_stats_a_minute: int | None = None
    requests_a_second: int | None = None

    @property
    def decides_points(self) -> bool:
        """Whether a write can be refused for its points or its stats."""
        return not (self.stats is None and self.points_a_month is None and self.new_stats_a_minute is None)


UNLIMITED = Plan("unlimited")
FREE = Plan("free", stats=10, points_a_month=10_000)
BUILT_IN = {plan.name: plan for plan in (FREE, UNLIMITED)}


def checked(plan: Plan) -> Plan:
    """A plan that somebody made up.

    Raises:
        RequestError: its name or one of its numbers is none; ``unlimited`` cannot be another.
    """
    if not NAME.fullmatch(plan.name):
        raise RequestError("the name of a plan has 1 to 32 small letters, digits and hyphens")
    if plan.name == UNLIMITED.name:
        raise RequestError(f"the plan {UNLIMITED.name} has no limits")
    for field in ("stats", "points_a_month", "new_stats_a_minute", "requests_a_second"):
        number = getattr(plan, field)
        if number is not None and not 1 <= number <= NUMBER_MAX:
            raise RequestError(f"{field} must be a whole number from 1 to {NUMBER_MAX}, or left out")
    return plan


def plan_named(snapshot: Snapshot, name: str) -> Plan | None:
    """The plan of a name, as somebody set it or as it is built in; None when there is none."""
    return (None if name == UNLIMITED.name else snapshot.get("plans", name, Plan)) or BUILT_IN.get(name)


class Plans:
    """The plans of one data folder."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    def get(self, name: str) -> Plan:
        """The plan of a name.

        Raises:
            NotFoundError: there is none.
        """
        with self._documents.snapshot() as snapshot:
            found = plan_named(snapshot, name)
        if found is None:
            raise NotFoundError(f"no such plan: there are {', '.join(plan.name for plan in self.list())}")
        return found

    def list(self) -> list[Plan]:
        """Every plan, by name."""
        with self._documents.snapshot() as snapshot:
            own = {plan.name: plan for plan in snapshot.all("plans", Plan)}
        return [plan for _, plan in sorted((BUILT_IN | own).items())]

    def save(self, plan: Plan) -> None:
        """Add a plan, or set another of its name.

        Raises:
            RequestError: it is none.
        """
        with self._documents.change() as change:
            change.put("plans", checked(plan).name, plan)

    def remove(self, name: str) -> None:
        """Remove a plan that somebody added; a ``free`` of one's own becomes the one that is built in.

        Raises:
            NotFoundError: nobody added it.
            TakenError: an account has it.
        """
        with self._documents.change() as change:
            if change.get("plans", name, Plan) is None:
                raise NotFoundError("no such plan of your own")
            has_it = name not in BUILT_IN and any(account.plan == name for account in change.all("accounts", Account))
            if has_it:
                raise TakenError(f"an account has the plan {name}: give it another one first")
            change.delete("plans", name)


@dataclass(frozen=True, slots=True)
class Month:
    """A calendar month of UTC: its name such as "2026-11", and from when until when it is, half-open."""

    name: str
    start_s: int
    end_s: int

    def __contains__(self, time_s: int) -> bool:
        return self.start_s <= time_s < self.end_s

    @property
    def resets(self) -> str:
        """When what is counted by the month begins again, as text."""
        return f"{datetime.fromtimestamp(self.end_s, UTC):%Y-%m-%dT%H:%M:%SZ}"


def month_of(time_s: int) -> Month:
    """The month that a moment lies in."""
    moment = datetime.fromtimestamp(min(max(time_s, EARLIEST_S), LATEST_S), UTC)
    start = datetime(moment.year, moment.month, 1, tzinfo=UTC)
    year, month = divmod(moment.year * 12 + moment.month, 12)
    end_s = int(datetime(year, month + 1, 1, tzinfo=UTC).timestamp()) if year <= 9999 else LATEST_S + 1
    return Month(f"{moment:%Y-%m}", int(start.timestamp()), end_s)

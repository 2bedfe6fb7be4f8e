"""``/settings/plan``: what the account may have, what it used, what was refused, and when it begins again."""

from dataclasses import dataclass
from datetime import datetime

import falcon

from statflow_http.accounts.plans import Plan
from statflow_http.accounts.quotas import Used
from statflow_http.pages.site import Page

# From this part of a limit on it is told that there is not much left.
NEARLY = 0.8


@dataclass(frozen=True, slots=True)
class Bar:
    """How much of a limit is used; ``limit`` is None where there is none."""

    name: str
    used: int
    limit: int | None

    @property
    def left(self) -> int | None:
        """How much there is still."""
        return None if self.limit is None else max(0, self.limit - self.used)

    @property
    def state(self) -> str:
        """ "full", "nearly full" or ""."""
        if self.limit is None or self.used < self.limit * NEARLY:
            return ""
        return "full" if self.used >= self.limit else "nearly full"


class PlanPage(Page):
    """``/settings/plan``."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """The bars."""
        me = self.site.member(req)
        plan = self.services.plans.get(me.account.plan)
        used = self.services.quotas.used(me.account)
        self.site.page(
            req, resp, me, "plan.html", plan=plan, used=used, month=month_name(used.month.name), bars=bars(plan, used)
        )

    on_head = on_get


def month_name(text: str) -> str:
    """A month as people write it: November 2026, of 2026-11."""
    return f"{datetime.strptime(text, '%Y-%m'):%B %Y}"


def bars(plan: Plan, used: Used) -> list[Bar]:
    """What is limited by number."""
    return [Bar("Points this month", used.points, plan.points_a_month), Bar("Stats", used.stats, plan.stats)]

"""Which stat, and which of its past, an address asks for, and who may see it.

A guest, or a member of another account, sees a public stat and can change nothing. What changes something takes the
stat from the visitor's own account, and is 404 for any other.
"""

from urllib.parse import urlencode

import falcon

from statflow_engine import Engine, QueryError, Series, UnknownSeriesError
from statflow_http import ids
from statflow_http.errors import NotFoundError
from statflow_http.pages.periods import DAY_S, FREE, HOUR_S, PERIODS, USUAL, WEEK_S, Range, range_of
from statflow_http.pages.site import Site
from statflow_http.pages.visitors import Member, Visitor
from statflow_http.wire.reads import Params

NO_STAT = "no such stat"


def found_stat(site: Site, visitor: Visitor, stat_id: str) -> tuple[Series, bool]:
    """A stat that a visitor may see, and whether it is theirs; live or test, whichever is looked at.

    Raises:
        NotFoundError: there is none, or it is somebody else's and not public: nobody is told which.
    """
    series_id = ids.series_id(stat_id)
    if series_id is None:
        raise NotFoundError(NO_STAT)
    if isinstance(visitor, Member):
        own = _own(site, visitor, series_id)
        if own is not None:
            return own, True
    services = site.services
    public = services.properties.public_series(services.engine, series_id)
    if public is None:
        raise NotFoundError(NO_STAT)
    return public, False


def own_stat(site: Site, me: Member, stat_id: str) -> Series:
    """A stat of the visitor's own.

    Raises:
        NotFoundError: they have none of this id.
    """
    series_id = ids.series_id(stat_id)
    found = None if series_id is None else _own(site, me, series_id)
    if found is None:
        raise NotFoundError(NO_STAT)
    return found


def _own(site: Site, me: Member, series_id: int) -> Series | None:
    try:
        return site.services.engine.find_by_id(series_id, namespace=me.namespace)
    except UnknownSeriesError:
        return None


def zone(site: Site, series: Series) -> str:
    """The time zone of a stat's account, in which its page is, whoever looks."""
    account = site.services.accounts.get(series.namespace.partition(":")[0])
    return "UTC" if account is None else account.tz


def usual_period(engine: Engine, series: Series) -> str:
    """The period that a stat's page opens with: while a stat is young, one that it can fill.

    A stat that brought points from before it was made, as imports do, is not young.
    """
    now_s = engine.now_s()
    if now_s - series.created_s >= DAY_S:
        return USUAL
    start_s, end_s = max(now_s - WEEK_S, 0), series.created_s // HOUR_S * HOUR_S
    try:
        if start_s < end_s and engine.query(series.name, start_s, end_s, namespace=series.namespace).counts.any():
            return USUAL
    except QueryError:
        # No ring has rows that end there.
        return USUAL
    return "hour" if now_s - series.created_s < HOUR_S else "day"


def asked_range(site: Site, req: falcon.Request, tz: str, usual: str = USUAL) -> Range:
    """The range that an address asks for; the ``usual`` period where it asks for none.

    Raises:
        RequestError: a moment in it is none.
    """
    params = Params(req.query_string)
    start, end, step = (params.text(name) for name in ("from", "to", "step"))
    return range_of(params.text("period", usual), start, end, step, site.services.now_s(), tz)


def query(wanted: Range, **changes: str) -> str:
    """The query string of a range, with some of it changed."""
    fields = {"period": wanted.name, "step": wanted.step}
    if wanted.name == FREE:
        fields = {"from": str(wanted.start_s), "to": str(wanted.end_s), "step": wanted.step}
    elif wanted.step == PERIODS[wanted.name].step:
        del fields["step"]
    return f"?{urlencode({name: value for name, value in (fields | changes).items() if value})}"

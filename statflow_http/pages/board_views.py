"""Dashboards as they are looked at, by their owners and by who has a link: drawn once for all who look.

A page asks every two seconds whether anything changed (see `stats` and live.js). What it shows is named by a
*revision*, a mark and a digest. The mark is made of the store's number, of the minute, and of what the dashboard is:
while it is the same there is nothing to look at. The digest is of the tiles as they were sent. A mark is signed, since
guests see it: how often a server stores something is nobody's business.
"""

import hashlib
import hmac
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import falcon

from statflow_http.dashboards.tiles import PERIODS, Dashboard, Tile
from statflow_http.pages import rendering
from statflow_http.pages.board_reading import read
from statflow_http.pages.board_tiles import shown
from statflow_http.pages.stats import REVISION
from statflow_http.pages.visitors import Visitor
from statflow_http.services import Services

MINUTE_S = 60
# Drawn dashboards that are remembered: 100 KB each, 500 for a very full one.
KEPT_MAX = 20
MARK_LENGTH = 16
PERIOD_NAMES = {
    "hour": "Hour",
    "day": "Day",
    "week": "Week",
    "month": "Month",
    "quarter": "13 weeks",
    "year": "Year",
}
assert PERIOD_NAMES.keys() == PERIODS.keys()


@dataclass(frozen=True, slots=True)
class Look:
    """A dashboard that somebody looks at.

    Attributes:
        namespace: whose stats it shows.
        dashboard: it.
        period: that of all tiles; "" for each its own.
        tz: in which moments are told.
        has_links: tiles lead to the pages of their stats.
    """

    namespace: str
    dashboard: Dashboard
    period: str
    tz: str
    has_links: bool = True


class Views:
    """The dashboards that a process has drawn lately.

    Args:
        services: of the app.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._lock = threading.Lock()
        self._drawn: OrderedDict[tuple[str, tuple[Tile, ...], str, str], tuple[str, list[dict[str, Any]]]]
        self._drawn = OrderedDict()

    def mark(self, look: Look) -> str:
        """What stays the same while the look cannot have changed."""
        message = f"board:{self._moment()}:{look.namespace}:{look.dashboard!r}:{look.period}:{look.tz}"
        return hmac.new(self._services.secret, message.encode(), hashlib.sha256).hexdigest()[:MARK_LENGTH]

    def tiles(self, look: Look) -> list[dict[str, Any]]:
        """What the templates show of each tile; drawn once for everybody who looks at this moment."""
        key = look.namespace, look.dashboard.tiles, look.period, look.tz
        # Asked before anything is read: what changes meanwhile is drawn the next time.
        moment = self._moment()
        with self._lock:
            known = self._drawn.get(key)
        if known is not None and known[0] == moment:
            return known[1]
        made = self.drawn(look.namespace, look.dashboard.tiles, look.period, look.tz)
        with self._lock:
            self._drawn[key] = moment, made
            self._drawn.move_to_end(key)
            while len(self._drawn) > KEPT_MAX:
                self._drawn.popitem(last=False)
        return made

    def drawn(self, namespace: str, tiles: Sequence[Tile], period: str, tz: str) -> list[dict[str, Any]]:
        """The tiles, pictures included, of this moment."""
        pairs = [(tile, period or tile.period) for tile in tiles]
        board = read(self._services.engine, self._services.properties, namespace, pairs, tz)
        made = [shown(tile, board, wanted, tz) for tile, wanted in pairs]
        for tile in made:
            tile["pictures"] = [(picture.fits, rendering.svg(picture.node)) for picture in tile["pictures"]]
            for figure in tile["figures"]:
                figure["spark"] = rendering.svg(figure["spark"])
        return made

    def _moment(self) -> str:
        """What lies in a period changes with every minute, also when nothing arrives."""
        return f"{self._services.engine.revision()}-{self._services.now_s() // MINUTE_S}"

    def answer(
        self, req: falcon.Request, resp: falcon.Response, visitor: Visitor, look: Look, page: Callable[..., None]
    ) -> None:
        """Answer with a page, or its script with the tiles alone, and only when they are others than it has.

        Args:
            req, resp: of the request.
            visitor: who looks.
            look: at what.
            page: answers with the whole page, given ``tiles_html`` and ``revision``.
        """
        from markupsafe import Markup

        told, mark = req.get_header(REVISION), self.mark(look)
        if told is not None and told.startswith(f"{mark}."):
            resp.status = falcon.HTTP_204
            return
        about = {"tiles": self.tiles(look), "has_links": look.has_links}
        html = rendering.html("_board_tiles.html", visitor, about, self._services.now_s())
        digest = hashlib.sha256(html.encode()).hexdigest()[:MARK_LENGTH]
        if told is None:
            # A template made it, which has escaped everything in it.
            page(tiles_html=Markup(html), revision=f"{mark}.{digest}")  # noqa: S704
            return
        if told.partition(".")[2] == digest:
            resp.status = falcon.HTTP_204
        else:
            rendering.respond_html(req, resp, 200, html)
        resp.set_header(REVISION, f"{mark}.{digest}")


def period_of(text: str) -> str:
    """The period that an address asks for; "" where it asks for none that there is."""
    return text if text in PERIODS else ""


def periods(path: str, chosen: str, rest: str = "") -> list[tuple[str, str, bool]]:
    """The choice of a period: (label, address, whether it is the chosen one); ``rest`` of the query string is kept."""
    found = [("As set", path + (f"?{rest}" if rest else ""), chosen == "")]
    for name, label in PERIOD_NAMES.items():
        query = f"period={name}" + (f"&{rest}" if rest else "")
        found.append((label, f"{path}?{query}", chosen == name))
    return found

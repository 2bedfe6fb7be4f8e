"""Dashboards as data: a name, tiles in an order, and what each tile shows.

A tile names stats by their names, so that a stat that is deleted and sent anew is shown again. Whoever adds a name to a
dashboard has a stat of it at that moment; later it may be gone, which a tile then says.
"""

from dataclasses import dataclass

import msgspec

from statflow_http.errors import NotFoundError

KINDS = ("line", "bar", "number", "table", "hours")
SIZES = ("small", "wide", "tall")
NO_TILE = "no such tile"

HOUR_S, DAY_S = 3_600, 86_400


@dataclass(frozen=True, slots=True)
class Period:
    """How much of the past a tile shows: so far back from now.

    Attributes:
        length_s: a multiple of ``step``.
        step: of the rows of a line, a number and a table, as the engine has it.
        bar_step: of bars, which need more room each.
        caption: what it is called.
        previous: what the same time before it is called.
    """

    length_s: int
    step: str
    bar_step: str
    caption: str
    previous: str


PERIODS = {
    "hour": Period(HOUR_S, "1m", "5m", "last 60 minutes", "the hour before"),
    "day": Period(DAY_S, "15m", "1h", "last 24 hours", "the day before"),
    "week": Period(7 * DAY_S, "1h", "1d", "last 7 days", "the week before"),
    "month": Period(30 * DAY_S, "6h", "1d", "last 30 days", "the 30 days before"),
    "quarter": Period(91 * DAY_S, "6h", "1w", "last 13 weeks", "the 13 weeks before"),
    # Whole weeks, so that Mondays are compared with Mondays.
    "year": Period(364 * DAY_S, "1d", "1M", "last 52 weeks", "the 52 weeks before"),
}
PERIOD_DEFAULT = "week"


class Tile(msgspec.Struct, frozen=True):
    """One part of a dashboard.

    Attributes:
        id: told from the others of its dashboard by it; lower-case letters and digits.
        kind: one of `KINDS`; "hours" is a grid of the hours of a week.
        stats: one to three names, each once; one only where the kind is "hours".
        title: "" for the names.
        size: one of `SIZES`.
        period: one of `PERIODS`.
    """

    id: str
    kind: str
    stats: tuple[str, ...]
    title: str = ""
    size: str = "small"
    period: str = PERIOD_DEFAULT

    @property
    def name(self) -> str:
        """What it is called."""
        return self.title or ", ".join(self.stats)


class Dashboard(msgspec.Struct, frozen=True):
    """Tiles in an order.

    Attributes:
        id: 12 letters and digits.
        name: 1 to 100 characters.
        tiles: at most 60; no two with the same id.
        created_s, changed_s: Unix seconds.
        deleted_s: when it was deleted; None: it was not.
    """

    id: str
    name: str
    tiles: tuple[Tile, ...]
    created_s: int
    changed_s: int
    deleted_s: int | None = None

    @property
    def stats(self) -> tuple[str, ...]:
        """The names of all stats on it, each once."""
        return tuple(dict.fromkeys(name for tile in self.tiles for name in tile.stats))

    def tile(self, tile_id: str) -> Tile:
        """A tile by its id.

        Raises:
            NotFoundError: there is none.
        """
        found = next((tile for tile in self.tiles if tile.id == tile_id), None)
        if found is None:
            raise NotFoundError(NO_TILE)
        return found

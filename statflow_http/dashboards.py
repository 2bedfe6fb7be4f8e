"""Dashboards: several stats on one page, as tiles in an order that somebody chose.

Tables ``dashboards`` and ``deleted_dashboards``, both under ``NAMESPACE/ID``: a dashboard that is deleted waits 48
hours in the second one, and comes back whole, its links included.

A tile names stats by their names, so that a stat that is deleted and sent anew is shown again. Whoever adds a name to a
dashboard has a stat of it at that moment; later it may be gone, which a tile then says.
"""

import secrets
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from statflow_engine import Engine, UnknownSeriesError
from statflow_http.documents import Change, Documents, Snapshot
from statflow_http.errors import NotFoundError, RequestError, RetryLaterError
from statflow_http.made import free_id
from statflow_http.wire.names import clean

KINDS = ("line", "bar", "number", "table", "hours")
SIZES = ("small", "wide", "tall")
NAME_MAX = 100
STATS_MAX = 3
TILES_MAX = 60
# Of an account, live and test together.
DASHBOARDS_MAX = 100
# Deleted ones wait as long as stats do; the oldest give way to more than that many.
KEPT_S = 172_800
DELETED_MAX = 100
TILE_ID_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
TILE_ID_LENGTH = 6
TILE_ID_MAX = 20
NO_DASHBOARD = "no such dashboard"
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


class Dashboards:
    """The dashboards of one data folder."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    def create(
        self, namespace: str, name: str, tiles: Iterable[Tile], now_s: int, *, dashboards_max: int = DASHBOARDS_MAX
    ) -> Dashboard:
        """Make a dashboard; the caller has looked whether the namespace has its stats, see `refuse_unknown`.

        Raises:
            RequestError: the name is none, or there are too many tiles.
            RetryLaterError: the account has as many as it may.
        """
        name, checked = clean_name(name), clean_tiles(tiles)
        with self._documents.change() as change:
            _sweep(change, namespace, now_s)
            _refuse_full(change, namespace, dashboards_max)
            made = Dashboard(free_id(change, "dashboards", namespace, now_s), name, checked, now_s, now_s)
            change.put("dashboards", f"{namespace}/{made.id}", made)
        return made

    def get(self, namespace: str, dashboard_id: str) -> Dashboard:
        """A dashboard by its id.

        Raises:
            NotFoundError: the namespace has none.
        """
        with self._documents.snapshot() as snapshot:
            return known_dashboard(snapshot, namespace, dashboard_id)

    def all(self, namespace: str) -> list[Dashboard]:
        """Every dashboard of a namespace, in the order in which they were made."""
        with self._documents.snapshot() as snapshot:
            return list(snapshot.under("dashboards", f"{namespace}/", Dashboard))

    def deleted(self, namespace: str, now_s: int) -> list[Dashboard]:
        """Those that can be restored, the last deleted first."""
        with self._documents.snapshot() as snapshot:
            found = _waiting(snapshot, namespace, now_s)
        return sorted(found, key=lambda each: (-(each.deleted_s or 0), each.id))

    def change(
        self,
        namespace: str,
        dashboard_id: str,
        now_s: int,
        *,
        name: str | None = None,
        tiles: Iterable[Tile] | None = None,
    ) -> Dashboard:
        """Replace what is given; the dashboard as it is then.

        Raises:
            NotFoundError: the namespace has no such dashboard.
            RequestError: the name is none, or there are too many tiles.
        """
        name = None if name is None else clean_name(name)
        checked = None if tiles is None else clean_tiles(tiles)
        with self._documents.change() as change:
            before = known_dashboard(change, namespace, dashboard_id)
            if name is None and checked is None:
                return before
            return _store(change, namespace, before, now_s, name=name, tiles=checked)

    def put_tile(self, namespace: str, dashboard_id: str, tile: Tile, now_s: int) -> Dashboard:
        """Put a tile in the place of the one with its id, or behind all others where none has it.

        Raises:
            NotFoundError: the namespace has no such dashboard.
            RequestError: the dashboard is full.
        """
        with self._documents.change() as change:
            before = known_dashboard(change, namespace, dashboard_id)
            tiles = [tile if each.id == tile.id else each for each in before.tiles]
            tiles += [] if tile in tiles else [tile]
            return _store(change, namespace, before, now_s, tiles=clean_tiles(tiles))

    def remove_tile(self, namespace: str, dashboard_id: str, tile_id: str, now_s: int) -> Dashboard:
        """Take a tile away.

        Raises:
            NotFoundError: there is no such dashboard, or tile.
        """
        with self._documents.change() as change:
            before = known_dashboard(change, namespace, dashboard_id)
            gone = before.tile(tile_id)
            return _store(change, namespace, before, now_s, tiles=tuple(each for each in before.tiles if each != gone))

    def move_tile(self, namespace: str, dashboard_id: str, tile_id: str, by: int, now_s: int) -> Dashboard:
        """Move a tile by so many places, earlier where that is negative; not beyond the ends.

        Raises:
            NotFoundError: there is no such dashboard, or tile.
        """
        with self._documents.change() as change:
            before = known_dashboard(change, namespace, dashboard_id)
            tile = before.tile(tile_id)
            rest = [each for each in before.tiles if each != tile]
            place = min(max(before.tiles.index(tile) + by, 0), len(rest))
            return _store(change, namespace, before, now_s, tiles=(*rest[:place], tile, *rest[place:]))

    def arrange(self, namespace: str, dashboard_id: str, tile_ids: Sequence[str], now_s: int) -> Dashboard:
        """Bring the tiles into an order. Tiles that it does not name, made meanwhile, stay behind the others.

        Raises:
            NotFoundError: the namespace has no such dashboard.
        """
        with self._documents.change() as change:
            before = known_dashboard(change, namespace, dashboard_id)
            places = {tile_id: place for place, tile_id in enumerate(dict.fromkeys(tile_ids))}
            ordered = sorted(before.tiles, key=lambda tile: places.get(tile.id, len(places)))
            return _store(change, namespace, before, now_s, tiles=tuple(ordered))

    def duplicate(
        self, namespace: str, dashboard_id: str, now_s: int, *, name: str = "", dashboards_max: int = DASHBOARDS_MAX
    ) -> Dashboard:
        """Make a dashboard with the same tiles; called "... (copy)" unless a name is given. It has no links.

        Raises:
            NotFoundError: the namespace has no such dashboard.
            RequestError: the name is none.
            RetryLaterError: the account has as many as it may.
        """
        original = self.get(namespace, dashboard_id)
        return self.create(
            namespace, name or copy_name(original.name), original.tiles, now_s, dashboards_max=dashboards_max
        )

    def delete(self, namespace: str, dashboard_id: str, now_s: int) -> Dashboard:
        """Delete a dashboard, for 48 hours in a way that can be undone.

        Raises:
            NotFoundError: the namespace has no such dashboard.
        """
        with self._documents.change() as change:
            before = known_dashboard(change, namespace, dashboard_id)
            gone = msgspec.structs.replace(before, deleted_s=now_s)
            change.delete("dashboards", f"{namespace}/{gone.id}")
            change.put("deleted_dashboards", f"{namespace}/{gone.id}", gone)
            _sweep(change, namespace, now_s)
        return gone

    def restore(
        self, namespace: str, dashboard_id: str, now_s: int, *, dashboards_max: int = DASHBOARDS_MAX
    ) -> Dashboard:
        """Undo a deletion; links to it work again.

        Raises:
            NotFoundError: no such dashboard was deleted within the last 48 hours.
            RetryLaterError: the account has as many as it may.
        """
        with self._documents.change() as change:
            found = change.get("deleted_dashboards", f"{namespace}/{dashboard_id}", Dashboard)
            if found is None or _is_over(found, now_s):
                raise NotFoundError(NO_DASHBOARD)
            _refuse_full(change, namespace, dashboards_max)
            back = msgspec.structs.replace(found, deleted_s=None)
            change.delete("deleted_dashboards", f"{namespace}/{back.id}")
            change.put("dashboards", f"{namespace}/{back.id}", back)
        return back


def known_dashboard(snapshot: Snapshot, namespace: str, dashboard_id: str) -> Dashboard:
    """A dashboard by its id.

    Raises:
        NotFoundError: the namespace has none.
    """
    found = snapshot.get("dashboards", f"{namespace}/{dashboard_id}", Dashboard)
    if found is None:
        raise NotFoundError(NO_DASHBOARD)
    return found


def new_tile(
    kind: str,
    stats: Iterable[str],
    *,
    title: str = "",
    size: str = "small",
    period: str = PERIOD_DEFAULT,
    tile_id: str = "",
) -> Tile:
    """A tile of what somebody wrote; ``tile_id`` "" makes an id.

    Raises:
        RequestError: one of its fields is none; says which, and what is wanted.
    """
    checked = clean_stats(stats)
    _choice("kind", kind, KINDS)
    _choice("size", size, SIZES)
    _choice("period", period, tuple(PERIODS))
    if kind == "hours" and len(checked) > 1:
        raise RequestError("a tile of kind hours shows one stat")
    if tile_id and not (len(tile_id) <= TILE_ID_MAX and tile_id.isascii() and tile_id.isalnum()):
        raise RequestError(f"id must be 1 to {TILE_ID_MAX} letters and digits; leave it out, and one is made")
    return Tile(tile_id or new_tile_id(), kind, checked, clean_text(title, "title"), size, period)


def new_tile_id() -> str:
    """An id of chance: of 60 tiles two have the same once in a million dashboards, which `clean_tiles` notices."""
    return "".join(secrets.choice(TILE_ID_LETTERS) for _ in range(TILE_ID_LENGTH))


def clean_tiles(tiles: Iterable[Tile]) -> tuple[Tile, ...]:
    """Tiles as they are stored.

    Raises:
        RequestError: more than 60, or two with the same id.
    """
    checked = tuple(tiles)
    if len(checked) > TILES_MAX:
        raise RequestError(f"a dashboard has at most {TILES_MAX} tiles")
    seen: set[str] = set()
    for tile in checked:
        if tile.id in seen:
            raise RequestError(f'two tiles have the id "{tile.id}": leave ids out, and they are made')
        seen.add(tile.id)
    return checked


def clean_stats(names: Iterable[str]) -> tuple[str, ...]:
    """The stats of a tile: one to three names, each once.

    Raises:
        RequestError: none, more, or no name that a stat can have.
    """
    checked = tuple(dict.fromkeys(clean(name) for name in names))
    if not checked:
        raise RequestError("stats is empty: a tile shows at least one stat")
    if len(checked) > STATS_MAX:
        raise RequestError(f"a tile shows at most {STATS_MAX} stats")
    return checked


def clean_name(text: str) -> str:
    """The name of a dashboard as it is stored.

    Raises:
        RequestError: it is empty, too long, or has control characters.
    """
    cleaned = clean_text(text, "name")
    if not cleaned:
        raise RequestError("name is empty")
    return cleaned


def clean_text(text: str, field: str) -> str:
    """A name or a title: trimmed, NFC, at most 100 characters, perhaps none.

    Raises:
        RequestError: it is longer, or has control characters.
    """
    cleaned = unicodedata.normalize("NFC", text.strip())
    if len(cleaned) > NAME_MAX:
        raise RequestError(f"{field} is longer than {NAME_MAX} characters")
    if any(unicodedata.category(character) == "Cc" for character in cleaned):
        raise RequestError(f"{field} has control characters")
    return cleaned


def copy_name(name: str) -> str:
    """What a copy is called."""
    ending = " (copy)"
    return name[: NAME_MAX - len(ending)] + ending


def refuse_unknown(engine: Engine, namespace: str, names: Iterable[str], before: Iterable[str] = ()) -> None:
    """Refuse names of which there is no stat, unless they were there before.

    Raises:
        NotFoundError: there is none; says which.
    """
    for name in dict.fromkeys(names):
        if name in before:
            continue
        try:
            engine.find(name, namespace=namespace)
        except UnknownSeriesError:
            raise NotFoundError(f'no such stat: "{name}"') from None


def _choice(field: str, text: str, words: Sequence[str]) -> None:
    if text not in words:
        raise RequestError(f"{field} must be one of {', '.join(words)}")


def _store(
    change: Change,
    namespace: str,
    before: Dashboard,
    now_s: int,
    *,
    name: str | None = None,
    tiles: tuple[Tile, ...] | None = None,
) -> Dashboard:
    """Put a dashboard in the place of the one that was there."""
    after = msgspec.structs.replace(
        before,
        name=before.name if name is None else name,
        tiles=before.tiles if tiles is None else tiles,
        changed_s=now_s,
    )
    change.put("dashboards", f"{namespace}/{after.id}", after)
    return after


def _refuse_full(change: Change, namespace: str, dashboards_max: int) -> None:
    account = namespace.rpartition(":")[0] + ":"
    if sum(1 for _ in change.under("dashboards", account, Dashboard)) >= dashboards_max:
        raise RetryLaterError(f"an account has at most {dashboards_max} dashboards: delete some first", None)


def _waiting(snapshot: Snapshot, namespace: str, now_s: int) -> list[Dashboard]:
    found = snapshot.under("deleted_dashboards", f"{namespace}/", Dashboard)
    return [each for each in found if not _is_over(each, now_s)]


def _is_over(dashboard: Dashboard, now_s: int) -> bool:
    return dashboard.deleted_s is None or now_s >= dashboard.deleted_s + KEPT_S


def _sweep(change: Change, namespace: str, now_s: int) -> None:
    """Forget the deleted ones of a namespace that are over, and the oldest of too many, with all links to them."""
    found = sorted(change.under("deleted_dashboards", f"{namespace}/", Dashboard), key=lambda each: each.deleted_s or 0)
    for index, each in enumerate(found):
        if _is_over(each, now_s) or index < len(found) - DELETED_MAX:
            change.delete("deleted_dashboards", f"{namespace}/{each.id}")
            for share in list(change.under("dashboard_shares", f"{namespace}/{each.id}/", _Shared)):
                change.delete("share_links", share.digest)
            change.delete_under("dashboard_shares", f"{namespace}/{each.id}/")


class _Shared(msgspec.Struct, frozen=True):
    """Of a share, see `dashboard_shares`, what is needed to forget it."""

    digest: str

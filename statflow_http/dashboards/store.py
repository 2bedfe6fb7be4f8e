"""The dashboards of a data folder: made, changed, copied, deleted, restored.

Tables ``dashboards`` and ``deleted_dashboards``, both under ``NAMESPACE/ID``: a dashboard that is deleted waits 48
hours in the second one, and comes back whole, its links included.
"""

from collections.abc import Iterable, Sequence

import msgspec

from statflow_http.dashboards.drafts import clean_name, clean_tiles, copy_name
from statflow_http.dashboards.tiles import Dashboard, Tile
from statflow_http.documents.made import free_id
from statflow_http.documents.store import Change, Documents, Snapshot
from statflow_http.errors import NotFoundError, RetryLaterError

# Of an account, live and test together.
DASHBOARDS_MAX = 100
# Deleted ones wait as long as stats do; the oldest give way to more than that many.
KEPT_S = 172_800
DELETED_MAX = 100
NO_DASHBOARD = "no such dashboard"


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
    """Of a share, see `shares`, what is needed to forget it."""

    digest: str

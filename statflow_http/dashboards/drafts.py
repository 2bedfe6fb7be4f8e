"""From what somebody wrote to what is stored: names, tiles and their stats, checked.

Everything is pure but `refuse_unknown`, which asks the engine for names.
"""

import secrets
import unicodedata
from collections.abc import Iterable, Sequence

from statflow_engine import Engine, UnknownSeriesError
from statflow_http.dashboards.tiles import KINDS, PERIOD_DEFAULT, PERIODS, SIZES, Tile
from statflow_http.errors import NotFoundError, RequestError
from statflow_http.wire.names import clean

NAME_MAX = 100
STATS_MAX = 3
TILES_MAX = 60
TILE_ID_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
TILE_ID_LENGTH = 6
TILE_ID_MAX = 20


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

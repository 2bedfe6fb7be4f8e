"""Names of stats as clients write them: trimming, NFC, and the tilde that makes several names of one. Pure."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from operator import eq

import numpy as np
from numpy.typing import NDArray

from statflow_http.errors import MissingStatError, RequestError

NAME_MAX = 255
PARTS_MAX = 100


def clean(text: str) -> str:
    """A name as it is stored: trimmed, NFC, 1 to 255 characters, none of them a control character.

    Raises:
        RequestError: it has none, too many, or control characters.
    """
    name = text.strip()
    if not name.isascii():
        # Normalised before it is measured: NFC can make a name longer.
        name = unicodedata.normalize("NFC", name)
    if not name:
        raise RequestError("stat name is empty")
    if len(name) > NAME_MAX:
        raise RequestError(f"stat name is longer than {NAME_MAX} characters")
    if not name.isprintable() and any(unicodedata.category(character) == "Cc" for character in name):
        raise RequestError("stat name has control characters")
    return name


def expand(text: str, join: str) -> list[str]:
    """The names that one written ``stat`` means: ``prefix~a,b`` is two, anything without a tilde is one.

    Args:
        text: as it was sent.
        join: what stands between prefix and part, "~" or " ".

    Returns:
        At least one clean name, each once, in the order written.

    Raises:
        RequestError: no name, more than 100, a second tilde, or a name that cannot be stored.
    """
    if "~" not in text:
        return [clean(text)]
    prefix, _, rest = text.partition("~")
    if "~" in rest:
        raise RequestError("stat name has more than one ~")
    prefix = prefix.strip()
    # Made different before they are cleaned, so that a megabyte of "a,a,a" costs little.
    parts = dict.fromkeys(map(str.strip, rest.split(",")))
    names = list(dict.fromkeys(clean(f"{prefix}{join}{part}" if prefix else part) for part in parts if part))
    if not names:
        raise RequestError("stat name has no names after its ~")
    if len(names) > PARTS_MAX:
        raise RequestError(f"at most {PARTS_MAX} names in one ~ list")
    return names


@dataclass(frozen=True, slots=True)
class Expansion:
    """What a batch's written stats mean, as columns.

    Attributes:
        names: each name once.
        index: into ``names``, one a point; int64.
        items: which item of the batch each point came from; int64, or None when point i came from item i.
    """

    names: list[str]
    index: NDArray[np.int64]
    items: NDArray[np.int64] | None


def expand_all(texts: Sequence[str], index: NDArray[np.int64], join: str) -> Expansion:
    """The same for a batch: ``texts`` are the different stats as written, ``index`` says which of them each item has.

    Raises:
        BadNameError: one of the texts cannot be stored.
    """
    together = "".join(texts)
    if _are_clean(texts, together):
        return Expansion(list(texts), index, None)
    places: dict[str, int] = {}
    expanded: list[list[int]] = []
    for position, text in enumerate(texts):
        try:
            names = expand(text, join)
        except RequestError as error:
            raise BadNameError(str(error), position) from error
        expanded.append([places.setdefault(name, len(places)) for name in names])
    counts = np.fromiter(map(len, expanded), np.int64, len(expanded))
    flat = np.fromiter((place for places_of_one in expanded for place in places_of_one), np.int64, int(counts.sum()))
    if len(flat) == len(expanded):
        return Expansion(list(places), flat[index], None)
    # Point j of an item is the j-th name of its text: the first place of the text, plus j.
    firsts = np.cumsum(counts) - counts
    counts_of_items = counts[index]
    items = np.repeat(np.arange(len(index)), counts_of_items)
    nth = np.arange(len(items)) - np.repeat(np.cumsum(counts_of_items) - counts_of_items, counts_of_items)
    return Expansion(list(places), flat[firsts[index][items] + nth], items)


def _are_clean(texts: Sequence[str], together: str) -> bool:
    """Whether different texts, joined in ``together``, are names as they are: nearly always, and quickly seen."""
    if not together.isascii() or not together.isprintable() or "~" in together:
        return False
    lengths = list(map(len, texts))
    return not lengths or (
        min(lengths) >= 1 and max(lengths) <= NAME_MAX and all(map(eq, map(str.strip, texts), texts))
    )


class BadNameError(RequestError):
    """One of a batch's written stats cannot be stored; ``position`` is its index among the different ones."""

    def __init__(self, reason: str, position: int) -> None:
        super().__init__(reason)
        self.position = position


def written(stat: str | None) -> str:
    """A stat that must have been sent; empty counts as not sent.

    Raises:
        MissingStatError: it was not.
    """
    if not stat:
        raise MissingStatError("no stat")
    return stat

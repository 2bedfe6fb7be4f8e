"""What a series may be called. Pure."""

import unicodedata

from statflow_engine.errors import PointError

NAME_LENGTH_MAX = 255

# Control characters (Cc) and lone surrogates (Cs); the rest of Unicode may be in a name.
_FORBIDDEN = frozenset({"Cc", "Cs"})


def normal_name(name: str) -> str:
    """A name as it is stored: trimmed and in NFC, 1 to 255 characters.

    Raises:
        PointError: empty, longer, or with control characters; without an index.
    """
    if name.isascii():
        normal = name.strip()
        clean = normal.isprintable()
    else:
        # Normalise before measuring: NFC can lengthen.
        normal = unicodedata.normalize("NFC", name).strip()
        clean = not any(unicodedata.category(character) in _FORBIDDEN for character in normal)
    if not normal:
        raise PointError("stat name is empty")
    if len(normal) > NAME_LENGTH_MAX:
        raise PointError(f"stat name is longer than {NAME_LENGTH_MAX} characters")
    if not clean:
        raise PointError("stat name has control characters")
    return normal

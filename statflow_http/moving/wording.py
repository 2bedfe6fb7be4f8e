"""What imports tell people: numbers with their nouns, and texts of files, which may be of any bytes. Pure."""

import re

LONE_SURROGATE = re.compile("[\ud800-\udfff]")
# Of a cell that somebody's file has where a name is expected.
SHOWN_MAX = 60
COLUMNS_SHOWN = 20


def counted(count: int, one: str, many: str = "") -> str:
    """A number and its noun: "1 row", "2 rows"; ``many`` where that is not ``one`` with an s."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def well_formed(text: str) -> str:
    """A text that is UTF-8 when it is encoded: bytes that were none, which are lone surrogates, become U+FFFD."""
    return text if text.isascii() else LONE_SURROGATE.sub("\ufffd", text)


def shown(text: str) -> str:
    """A text of a file as it may stand in a sentence: well formed, on one line, and not long."""
    line = "".join(each if each.isprintable() else "\ufffd" for each in well_formed(text[: SHOWN_MAX + 1]))
    return line if len(line) <= SHOWN_MAX else line[: SHOWN_MAX - 1] + "…"


def listed(columns: tuple[str, ...]) -> str:
    """Columns of a file as they may stand in a sentence."""
    more = len(columns) - COLUMNS_SHOWN
    return ", ".join(map(shown, columns[:COLUMNS_SHOWN])) + (f" and {more} more" if more > 0 else "")

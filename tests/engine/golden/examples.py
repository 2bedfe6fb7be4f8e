"""The example bytes of FORMAT.md, as the code writes them. When the format changes, write them anew:

    python -m tests.engine.golden.examples

This replaces section 7 of the document. A line there is hexadecimal tokens, `x60` behind a token that is repeated,
then two blanks and a remark; the tests read the tokens back.
"""

import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

import statflow_engine
from statflow_engine.kinds import SERIES_PER_GROUP
from statflow_engine.pure.groups import GroupState
from statflow_engine.pure.records import encode_record
from statflow_engine.pure.schema import Schema
from statflow_engine.pure.strips import encode_book, encode_strip
from statflow_engine.pure.tiles import LATE, OPEN, BlockWriter, appended, encode_blocks, encode_closed
from statflow_engine.store.storage import book_key, home_of, late_key, tile_key
from tests.backdoor import Contents, contents
from tests.cells import cells_of
from tests.clocks import START_S, StoppedClock

DOCUMENT = Path(__file__).parents[3] / "statflow_engine" / "FORMAT.md"
SECTION = re.compile(r"(?<=\n## 7\. Example bytes\n).*?(?=\n## 8\. )", re.DOTALL)
LINE_TOKENS_MAX = 16

# Group 3 holds values. Its first series has id 192.
RING, GROUP, FIRST_ID = 0, 3, 192
SCHEMA = Schema.parse("1m:90d, 1h:5y, 1d:50y")
SPAN, CHAPTER = 468_750, 29_296
HOME = home_of(RING, GROUP)

OPEN_ROWS = [
    [(192, SPAN * 64, 1, 3.0, 3.0, 3.0), (255, SPAN * 64 + 63, 1, 300.0, 300.0, 300.0)],
    [(193, SPAN * 64 + 1, 2, 0.75, 0.25, 0.5)],
]
CLOSED_ROWS = [(192, SPAN * 64, 1, 3.0, 3.0, 3.0), (194, SPAN * 64 + 2, 3, 6.0, 1.0, 3.0)]
LATE_ROWS = [(193, CHAPTER * 1_024 + 1_000, 1, 2.5, 2.5, 2.5)]
STRIP_ROWS = [
    (193, CHAPTER * 1_024 + 5, 1, 2.5, 2.5, 2.5),
    (193, CHAPTER * 1_024 + 6, 1, 3.5, 3.5, 3.5),
    (193, CHAPTER * 1_024 + 8, 2, 9.0, 4.0, 5.0),
]
LONG_STRIP_ROWS = [(2, period * 16, 1, float(period), None, None) for period in range(64)]
STATE = GroupState((SPAN, 7_812, 325), ((SPAN, SPAN + 1), (), (325,)), np.array([START_S, *[0] * 63], np.int64))
POINTS = [(0, START_S - 60, 1.0), (64, START_S, 42.5)]


@dataclass(frozen=True, slots=True)
class Example:
    """Some bytes and how to cut them into lines.

    Attributes:
        cuts: (bytes of the line, bytes of a token, remark); what they leave over is a last line.
    """

    stored: bytes
    cuts: tuple[tuple[int, int, str], ...]

    def lines(self) -> list[str]:
        """The lines as they stand in the document."""
        found, at = [], 0
        rest = max(0, len(self.stored) - sum(size for size, _, _ in self.cuts))
        for size, token_size, remark in (*self.cuts, *([(rest, 8, "the rest")] if rest else [])):
            found += _wrapped(_tokens(self.stored[at : at + size], token_size), remark)
            at += size
        return found


def _tokens(stored: bytes, size: int) -> list[str]:
    tokens = [stored[at : at + size].hex() for at in range(0, len(stored), size)]
    runs = [(token, len(list(run))) for token, run in groupby(tokens)]
    return [piece for token, count in runs for piece in ([f"{token}x{count}"] if count > 2 else [token] * count)]


def _wrapped(tokens: list[str], remark: str) -> list[str]:
    per_line = max(1, min(LINE_TOKENS_MAX, 72 // (len(tokens[0]) + 1))) if tokens else 1
    lines = [" ".join(tokens[at : at + per_line]) for at in range(0, len(tokens), per_line)]
    return [f"{line:<34}  {remark if at == 0 else ''}".rstrip() for at, line in enumerate(lines)]


def parsed(document: str) -> dict[str, bytes]:
    """The example bytes that a document of this format has, by title."""
    (section,) = SECTION.findall(document)
    blocks = re.findall(r"\n### ([^\n]+)\n.*?\n```hex\n(.*?)```", section, re.DOTALL)
    return {title: b"".join(_line_bytes(line) for line in block.splitlines()) for title, block in blocks}


def _line_bytes(line: str) -> bytes:
    found = b""
    for token in line.split("  ")[0].split():
        unit, _, count = token.partition("x")
        found += bytes.fromhex(unit) * int(count or 1)
    return found


# -- what the code writes ----------------------------------------------------------------------------------------------


def _open_tile() -> bytes:
    stored = None
    for rows in OPEN_ROWS:
        stored = appended(stored, OPEN, SPAN, BlockWriter(cells_of(rows), 64).block(0, len(rows)), HOME)
    assert stored is not None
    return stored


def _record() -> bytes:
    ids, timestamps_s, values = (np.array(column) for column in zip(*POINTS, strict=True))
    return encode_record(ids, timestamps_s, values, received_s=START_S, rows_before=1_000)


def _book() -> bytes:
    strips = [b""] * SERIES_PER_GROUP
    strips[1] = encode_strip(cells_of(STRIP_ROWS), 1_024)
    return encode_book(CHAPTER, strips, HOME)


HEAD = (4, 1, "form, detail, zero"), (8, 8, "number"), (4, 4, "CRC-32 of the home and the 12 bytes before")
BLOCK = (4, 4, "CRC-32 of the rest of the block"), (4, 1, "layout, zero"), (4, 4, "rows")
KEY = (1, 1, "ring"), (4, 4, "group"), (4, 4, "place"), (1, 1, "item")


def _pure_examples() -> dict[str, tuple[str, Example]]:
    strip = (4, 4, "CRC-32 of the id and what follows"), (2, 2, "rows"), (2, 2, "rows of several points")
    return {
        "key of a tile": (
            f"Ring 0, group {GROUP}, span {SPAN}: chapter 29296, item 14; place 29296 % 129.",
            Example(tile_key(SCHEMA, RING, GROUP, SPAN), KEY),
        ),
        "key of a late tile": ("The same chapter.", Example(late_key(SCHEMA, RING, GROUP, CHAPTER), KEY)),
        "key of a book": ("The same chapter.", Example(book_key(SCHEMA, RING, GROUP, CHAPTER), KEY)),
        "open tile": (
            "Of ring 0 and group 3, as are the next three; the home of their heads is 5f2ba6a7.\n\n"
            "Two blocks: 3 and 300 measured once each; then two points of sum 0.75, min 0.25 and max 0.5.",
            Example(
                _open_tile(),
                (
                    *HEAD,
                    *BLOCK,
                    (4, 2, "cell numbers: column 0, period 0; column 63, period 63"),
                    (4, 2, "sums"),
                    *BLOCK,
                    (2, 2, "cell number: column 1, period 1"),
                    (8, 8, "sum 0.75"),
                    (1, 1, "count 2"),
                    (8, 8, "min 0.25"),
                    (8, 8, "max 0.5"),
                ),
            ),
        ),
        "closed tile": (
            "Two rows, of columns 0 and 2.",
            Example(
                encode_closed(SPAN, cells_of(CLOSED_ROWS), HOME),
                (
                    *HEAD,
                    (130, 2, "where each column's rows begin, and where the last ends"),
                    (256, 4, "CRC-32 of each column's rows, begun with the column"),
                    (4, 4, "CRC-32 of all rows"),
                    (4, 4, "CRC-32 of the table, which is all from the first column's begin"),
                    *((1, 1, "period 0"), (1, 1, "sum 3"), (1, 1, "count 1"), (16, 8, "min 3, max 3")),
                    *((1, 1, "period 2"), (1, 1, "sum 6"), (1, 1, "count 3"), (16, 8, "min 1, max 3")),
                ),
            ),
        ),
        "late tile": (
            "One point of column 1, period 1000 of chapter 29296.",
            Example(
                encode_blocks(LATE, CHAPTER, cells_of(LATE_ROWS), 1_024, HOME),
                (*HEAD, *BLOCK, (2, 2, "cell number 1 * 1024 + 1000"), (8, 8, "sum 2.5")),
            ),
        ),
        "book": (
            "One strip, of column 1: periods 5, 6 and 8 of the chapter; two points arrived in the last.",
            Example(
                _book(),
                (
                    *HEAD,
                    (260, 4, "where each column's strip begins, and where the last ends"),
                    (4, 4, "CRC-32 of these"),
                    *strip,
                    (3, 3, "positions: a bitmap from 5 on"),
                    (3, 3, "of 4 bits: 1101"),
                    (3, 3, "sums: 24 bytes, raw"),
                    (24, 8, "2.5, 3.5, 9"),
                    (3, 3, "positions of the rows of several points: a run from 2 on"),
                    (3, 3, "their counts: 4 bytes, raw"),
                    (4, 4, "2"),
                    *((3, 3, "their mins: 8 bytes, raw"), (8, 8, "4")),
                    *((3, 3, "their maxs: 8 bytes, raw"), (8, 8, "5")),
                ),
            ),
        ),
        "strip by pcodec": (
            "Series 2, a counter: 0 to 63 at every sixteenth period of chapter 0, a point each.",
            Example(
                encode_strip(cells_of(LONG_STRIP_ROWS), 1_024),
                (
                    *strip,
                    *((3, 3, "positions: a bitmap from 0 on"), (2, 2, "of 1009 bits"), (127, 2, "16 apart")),
                    (3, 3, "sums: by pcodec"),
                ),
            ),
        ),
        "state of a group": (
            "Three rings; only the first series of the group has received a point.",
            Example(
                STATE.encode(),
                (
                    *((4, 4, "CRC-32 of what follows"), (4, 1, "rings, zero")),
                    *((8, 8, f"ring 0: closed until {SPAN}"), (4, 4, "2 spans open"), (16, 8, "these")),
                    *((8, 8, "ring 1: closed until 7812"), (4, 4, "none open")),
                    *((8, 8, "ring 2: closed until 325"), (4, 4, "1 span open"), (8, 8, "this")),
                    (512, 8, "when each series received its last point"),
                ),
            ),
        ),
        "record": (
            "A counter's 1 a minute ago and a value of 42.5 now, behind 1,000 rows.",
            Example(
                _record(),
                (
                    *((4, 4, "CRC-32 of what follows"), (4, 4, "rows"), (8, 8, "received"), (8, 8, "rows before")),
                    *((8, 8, "base of the timestamps"), (4, 1, "bytes of an offset, zero")),
                    *((8, 4, "series ids"), (8, 4, "timestamps since the base"), (16, 8, "values")),
                ),
            ),
        ),
    }


def small_store() -> Contents:
    """What a small store holds whose every database has something."""
    clock = StoppedClock()
    with tempfile.TemporaryDirectory() as folder:
        with statflow_engine.open(folder, clock=clock) as engine:
            both = ["page views", "response time"]
            retry = {"idempotency": "request 17", "fingerprint": b"body"}
            meters = [("owner 2027-01", 1_000)]
            engine.write(both, [0, 1], None, [1.0, 42.5], namespace="owner:live", meters=meters, **retry)
            for name in ("old", "older"):
                engine.count(name, namespace="owner:live")
            engine.delete("older", namespace="owner:live")
            engine.purge(0)
            engine.delete("old", namespace="owner:live")
            engine.fold()
        return contents(Path(folder))


def _entry(store: Contents, database: str, wanted: Callable[[bytes, bytes], bool]) -> bytes:
    ((key, value),) = [(key, value) for key, value in store[database].items() if wanted(key, value)]
    return key + value


def _stored_examples() -> dict[str, tuple[str, Example]]:
    store = small_store()

    def entry(database: str, *cuts: tuple[int, int, str], key: bytes = b"", part: bytes = b"") -> Example:
        found = _entry(store, database, lambda k, v: k.startswith(key) and part in v)
        return Example(found, (*cuts, *([] if key == b"format" else [(4, 4, "CRC-32 of key and value")])))

    series = (4, 4, "key: namespace 0"), (4, 4, "series 0")
    return {
        "format": ("", entry("meta", (6, 6, 'key "format"'), (4, 4, "version 1"), key=b"format")),
        "schema": ("", entry("meta", (6, 6, 'key "schema"'), (21, 21, "the text of the default"), key=b"schema")),
        "epoch": ("After a delete and another.", entry("meta", (5, 5, 'key "epoch"'), (8, 8, "2"), key=b"epoch")),
        "ordinals": (
            "Three ids were given to counters and one to a value.",
            entry("meta", (8, 8, 'key "ordinals"'), (8, 8, "counters"), (8, 8, "values"), key=b"ordinals"),
        ),
        "fold cursor": (
            "Three records of four rows are folded, no window is in hand.",
            entry(
                "meta",
                *((4, 4, 'key "fold"'), (8, 8, "done"), (8, 8, "rows done"), (8, 8, "end of the window")),
                *((4, 4, "next group"), (8, 8, "step"), (8, 8, "swept span")),
                key=b"fold",
            ),
        ),
        "namespace": (
            "",
            entry(
                "namespaces",
                (16, 8, 'key: BLAKE2b-128 of "owner:live"'),
                (4, 4, "number 0"),
                (8, 8, "2 series"),
                (10, 10, "its text"),
            ),
        ),
        "name": (
            "",
            entry(
                "names",
                (16, 8, 'key: BLAKE2b-128 of 00000000 and "page views"'),
                (4, 4, "namespace 0"),
                (4, 4, "series 0"),
                part=bytes(8),
            ),
        ),
        "series": ("", entry("series", *series, (8, 8, "created"), (10, 10, "its name"), part=b"page views")),
        "trashed series": (
            "",
            entry(
                "trash",
                (4, 4, "key: namespace 0"),
                (4, 4, "series 1"),
                (8, 8, "created"),
                (8, 8, "deleted"),
                (3, 3, "its name"),
            ),
        ),
        "dead series": ("", entry("dead", (4, 4, "key: series 2"), (1, 1, "blanked"))),
        "meter": ("", entry("meters", (16, 8, 'key: BLAKE2b-128 of "owner 2027-01"'), (8, 8, "2 points"))),
        "remembered requests of a namespace": (
            "",
            Example(
                bytes(4) + store["idempotency"][bytes(4)],
                ((4, 4, "key: namespace 0"), (8, 8, "1 request"), (4, 4, "CRC-32 of both")),
            ),
        ),
        "remembered request": (
            "",
            Example(
                _entry(store, "idempotency", lambda key, _: len(key) == 20),
                (
                    (4, 4, "key: namespace 0"),
                    (16, 8, 'BLAKE2b-128 of "request 17"'),
                    (8, 8, "remembered since"),
                    (16, 8, 'BLAKE2b-128 of the fingerprint, "body"'),
                    (8, 8, "2 points"),
                    (4, 4, "CRC-32 of key and value"),
                ),
            ),
        ),
        "order of a remembered request": (
            "Its value is nothing but the checksum.",
            entry("idempotency_order", (4, 4, "key: namespace 0"), (8, 8, "remembered since"), (16, 8, "as above")),
        ),
    }


def examples() -> dict[str, tuple[str, Example]]:
    """(what it is, bytes) of every example, by title, in the document's order."""
    return {**_stored_examples(), **_pure_examples()}


def main() -> None:
    """Write section 7 of the document."""
    parts = ["\nTokens are hexadecimal; `x60` repeats a token. A test compares all of it with what the code writes.\n"]
    for title, (about, example) in examples().items():
        parts.append(
            f"\n### {title}\n\n{about}{chr(10) * 2 if about else ''}```hex\n" + "\n".join(example.lines()) + "\n```\n"
        )
    document = DOCUMENT.read_text(encoding="utf-8")
    assert SECTION.search(document), "there is no section 7"
    DOCUMENT.write_text(SECTION.sub(lambda _: "".join(parts), document), encoding="utf-8")


if __name__ == "__main__":
    main()

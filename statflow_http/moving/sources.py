"""Files, folders and archives as items, whatever form they have."""

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO, cast

from statflow_http.errors import RequestError
from statflow_http.moving import csv_files, statflow_files, stathat_files
from statflow_http.moving.csv_files import CsvOptions, Layout
from statflow_http.moving.rows import Item, Problem, ref_of_file
from statflow_http.moving.stathat_files import CutError

FORMATS = ("auto", "stathat", "csv", "statflow")
# Of one source: an account of StatHat's had a few thousand stats.
FILES_MAX = 100_000
# What an archive may unpack to; a year of minutes of a stat is 20 MB of CSV.
UNPACKED_BYTES_MAX = 16 << 30
HEAD_SIZE = 8_192
ZIP_HEAD = b"PK\x03\x04"
# The bytes that hardly a text has: all controls but those for white space. One of so many may be a slip in a name.
NO_TEXT = re.compile(rb"[\x00-\x08\x0e-\x1f]")
TEXT_PER_CONTROL = 20
UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")
UNREADABLE = {
    "no-text": "this is no CSV, JSON, zip file or export of a StatFlow: it has bytes that no text has",
    "utf-16": "the file is text in UTF-16: save it as UTF-8, and bring that",
}
OFFICE_PART = "[Content_Types].xml"
STATHAT_JSON = "JSON of StatHat's export API"
OWN_JSON = "JSON of a StatFlow's export API"
JUNK = ("__MACOSX/", ".DS_Store", "._")


@dataclass(frozen=True, slots=True)
class Understood:
    """What a file was taken for.

    Attributes:
        label: the file.
        form: in words.
        columns: role to column, of a CSV.
        remarks: what else was understood of it.
    """

    label: str
    form: str
    columns: dict[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


def read(path: Path, form: str, options: CsvOptions, *, label: str = "") -> Iterator[Item | Understood]:
    """Everything that a file, a folder or an archive holds; a file that cannot be read is a problem, not the end.

    Args:
        path: of it.
        form: one of `FORMATS`.
        options: about CSV.
        label: what a single file is called; "" for its own name.

    Raises:
        RequestError: there is no such path.
    """
    if path.is_dir():
        files = sorted(each for each in path.rglob("*") if each.is_file() and not _is_junk(str(each.relative_to(path))))
        if len(files) > FILES_MAX:
            raise RequestError(f"{path} holds more than {FILES_MAX} files")
        for each in files:
            yield from _read_path(each, str(each.relative_to(path)), form, options)
    elif path.is_file():
        yield from _read_path(path, label or path.name, form, options)
    else:
        raise RequestError(f"there is no file or folder {path}")


def _read_path(path: Path, label: str, form: str, options: CsvOptions) -> Iterator[Item | Understood]:
    try:
        with path.open("rb") as stream:
            is_archive = stream.read(len(ZIP_HEAD)) == ZIP_HEAD
            stream.seek(0)
            yield from (
                _read_archive(stream, label, form, options) if is_archive else _read(stream, label, form, options)
            )
    except OSError as error:
        yield Problem(f"cannot be read: {error.strerror}", label)


def _read_archive(stream: BinaryIO, label: str, form: str, options: CsvOptions) -> Iterator[Item | Understood]:
    """The members of a zip file; nothing is unpacked to a disk, so that their names cannot lead anywhere."""
    try:
        with zipfile.ZipFile(stream) as archive:
            members = [each for each in archive.infolist() if not each.is_dir() and not _is_junk(each.filename)]
            if len(members) > FILES_MAX:
                raise RequestError(f"{label} holds more than {FILES_MAX} files")
            if any(each.filename == OFFICE_PART for each in members):
                yield Problem("this is a document of an office program: save its table as CSV, and bring that", label)
                return
            left = _Allowance(UNPACKED_BYTES_MAX)
            for member in members:
                if member.flag_bits & 1:
                    yield Problem("the file is encrypted", f"{label}/{member.filename}")
                    continue
                with archive.open(member) as unpacked:
                    limited = io.BufferedReader(_Limited(unpacked, left))
                    yield from _read(limited, f"{label}/{member.filename}", form, options)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, UnicodeDecodeError) as error:
        yield Problem(f"not a whole zip file: {error}", label, is_cut=True)


def _is_junk(name: str) -> bool:
    return name.startswith(JUNK) or PurePosixPath(name).name.startswith(JUNK)


def _read(stream: BinaryIO, label: str, form: str, options: CsvOptions) -> Iterator[Item | Understood]:
    with peeked(stream) as (whole, head):
        try:
            yield from _items(whole, head, label, form, options)
        except RequestError as error:
            yield Problem(str(error), label, is_cut=isinstance(error, CutError))


def _items(stream: BinaryIO, head: bytes, label: str, form: str, options: CsvOptions) -> Iterator[Item | Understood]:
    found = form_of(head) if form == "auto" else _forced(form, form_of(head))
    stem = PurePosixPath(label).stem
    if found in UNREADABLE:
        yield Problem(UNREADABLE[found], label)
    elif found == "archive":
        yield Problem("an archive within an archive is not opened", label)
    elif found == "csv":
        for item in csv_files.items(stream, label, stem, options):
            yield (Understood(label, "CSV", item.described(), item.remarks()) if isinstance(item, Layout) else item)
    elif found == "stathat-csv":
        yield Understood(label, "CSV of a StatHat stat")
        yield from stathat_files.dataset_csv(stream, label, ref_of_file(stem))
    elif found == "stats-table":
        yield Understood(label, "StatHat's list of stats")
        yield from stathat_files.stats_table(stream, label)
    elif found == "statflow-csv":
        yield Understood(label, "CSV of a StatFlow export")
        yield from statflow_files.csv_items(stream, label)
    elif found == "statflow":
        yield Understood(label, "StatFlow export")
        yield from statflow_files.ndjson_items(stream, label)
    else:
        entries = stathat_files.json_entries(_whole(stream, label), label)
        yield Understood(label, OWN_JSON if stathat_files.is_statflows(entries) else STATHAT_JSON)
        yield from stathat_files.json_items(entries, label)


def form_of(head: bytes) -> str:
    """What a file is, by how it begins."""
    if head.startswith(ZIP_HEAD):
        return "archive"
    if head.startswith(UTF_16_MARKS):
        return "utf-16"
    if b"\0" in head or len(NO_TEXT.findall(head)) * TEXT_PER_CONTROL > len(head):
        return "no-text"
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(statflow_files.HEAD):
        return "statflow"
    if text.startswith((b"[", b"{")):
        return "stathat-json"
    lines = text.decode("utf-8", "replace").splitlines() or [""]
    if lines[0].startswith(statflow_files.CSV_HEADER):
        return "statflow-csv"
    if lines[0].startswith("#"):
        return "stathat-csv"
    if [cell.strip().strip('"').lower() for cell in lines[0].split(",")] == list(stathat_files.DATASET_COLUMNS):
        return "stathat-csv"
    return "stats-table" if stathat_files.is_stats_table(lines[0]) else "csv"


def _forced(form: str, found: str) -> str:
    """The form that was told, in the variety that a file has."""
    if found in UNREADABLE:
        return found
    if form == "csv" or found.startswith(form) or (form == "stathat" and found == "stats-table"):
        return "csv" if form == "csv" else found
    raise RequestError(f"this is no file of the format {form}: leave --format out")


def _whole(stream: BinaryIO, label: str) -> bytes:
    data = stream.read(stathat_files.JSON_BYTES_MAX + 1)
    if len(data) > stathat_files.JSON_BYTES_MAX:
        raise RequestError(f"{label} is larger than {stathat_files.JSON_BYTES_MAX} bytes of JSON: split it")
    return data


@contextmanager
def peeked(stream: BinaryIO) -> Iterator[tuple[BinaryIO, bytes]]:
    """A stream, and how it begins."""
    buffered = stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(cast("io.RawIOBase", stream))
    yield buffered, buffered.peek(HEAD_SIZE)[:HEAD_SIZE]


@dataclass(slots=True)
class _Allowance:
    """Bytes that an archive may still unpack to."""

    left: int


class _Limited(io.RawIOBase):
    """A member of an archive, which counts toward what the archive may unpack to."""

    def __init__(self, stream: IO[bytes], allowance: _Allowance) -> None:
        self._stream = stream
        self._allowance = allowance

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]
        data = self._stream.read(len(buffer))
        self._allowance.left -= len(data)
        if self._allowance.left < 0:
            raise RequestError(f"an archive may unpack to {UNPACKED_BYTES_MAX} bytes: bring its files one by one")
        buffer[: len(data)] = data
        return len(data)

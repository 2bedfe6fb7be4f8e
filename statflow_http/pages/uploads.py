"""A form with files: read piece by piece, so that a file of a gigabyte is never in memory.

The token of the form comes first, as our forms have it: without a good one no file is written.
"""

import os
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Protocol

import falcon
from falcon.media.multipart import BodyPart, MultipartForm, MultipartFormHandler

from statflow_engine import StatFlowError, StoreError
from statflow_http.errors import RequestError, TooLargeError
from statflow_http.moving.jobs import disk_has_room
from statflow_http.pages import visitors
from statflow_http.pages.visitors import CSRF_FIELD, Member
from statflow_http.services import Services
from statflow_http.wire import bodies

CHUNK_SIZE = 1 << 20
# A folder of StatHat's export has a file a stat.
FILES_MAX = 5_000
FIELD_BYTES_MAX = 4_096
FILENAME_MAX = 255


@dataclass(slots=True)
class Received:
    """What a form brought.

    Attributes:
        fields: those that are no files.
        name: of the file, or of several what they are.
        path: where they lie: the one file, or several as a zip archive. None: there was none.
    """

    fields: dict[str, str] = field(default_factory=dict)
    name: str = ""
    path: Path | None = None


class Readable(Protocol):
    """What a part of a form is read from."""

    def read(self, size: int) -> bytes:
        """The next bytes; none at the end."""
        ...


def accepts(services: Services, environ: dict[str, object]) -> bool:
    """Whether a request may send files by a form, as far as can be told before it does."""
    req = falcon.Request({"wsgi.errors": None, **environ, "wsgi.input": None})
    try:
        is_member = isinstance(visitors.visitor_of(services, req), Member) and visitors.is_from_here(req)
        return is_member and disk_has_room(Path(services.engine.path), bodies.declared_length(req.env))
    except StatFlowError:
        return False


def receive(req: falcon.Request, visitor: Member, path: Path) -> Received:
    """Read a form with files, and write these to a path.

    Args:
        req: whose body is the form.
        visitor: whose token must be its first field.
        path: of a file that is made; who calls removes it.

    Raises:
        ForbiddenError: the form is none of ours.
        RequestError: it is damaged.
        TooLargeError: it is larger than an import may be.
        StoreError: the disk has no room for it.
    """
    length = bodies.declared_length(req.env)
    if length > bodies.IMPORT_BYTES_MAX:
        raise TooLargeError(f"these files are too large: at most {bodies.IMPORT_BYTES_MAX >> 20} MiB at once")
    if not disk_has_room(path.parent, length):
        raise StoreError("the disk has no room for this upload")
    try:
        return _received(req, visitor, path, length)
    except (falcon.HTTPError, UnicodeError) as error:
        raise RequestError("what was sent is damaged: send it again") from error
    except OSError as error:
        raise StoreError(f"the upload cannot be stored: {error.strerror}") from error


def _received(req: falcon.Request, visitor: Member, path: Path, length: int) -> Received:
    handler = MultipartFormHandler()
    handler.parse_options.max_body_part_count = FILES_MAX + 20
    handler.parse_options.max_body_part_buffer_size = FIELD_BYTES_MAX
    form: MultipartForm = handler.deserialize(req.env["wsgi.input"], req.content_type, length)
    parts = iter(form)
    first = next(parts, None)
    sent = _text(first) if first is not None and first.name == CSRF_FIELD else ""
    visitors.refuse_foreign(req, visitor, sent)
    received = Received()
    _take(parts, received, path)
    return received


def _take(parts: Iterator[BodyPart], received: Received, path: Path) -> None:
    """Sort the parts of a form: fields are kept, files are written."""
    for part in parts:
        if part.filename is None:
            received.fields[part.name or ""] = _text(part)
        elif not part.filename:
            continue  # a choice of files in which nothing was chosen
        elif received.path is None:
            received.name, received.path = _base(part.filename), path
            with path.open("xb") as file:
                _copy(part.stream, file)
        else:
            _take_more(part, parts, received, path)


def _take_more(part: BodyPart, parts: Iterator[BodyPart], received: Received, path: Path) -> None:
    """Several files: they go into an archive, in which an import finds them all."""
    single = path.with_suffix(".single")
    path.rename(single)
    count = 2
    try:
        with zipfile.ZipFile(path, "x", zipfile.ZIP_STORED) as archive:
            archive.write(single, received.name)
            _add(archive, count, part)
            for more in parts:
                if more.filename is None:
                    received.fields[more.name or ""] = _text(more)
                elif more.filename:
                    count += 1
                    _add(archive, count, more)
    finally:
        single.unlink(missing_ok=True)
    received.name = f"{count} files"


def _add(archive: zipfile.ZipFile, number: int, part: BodyPart) -> None:
    """Two files of one name, from two folders, are two: only the first has it as it is."""
    name = _base(part.filename or "")
    if name in archive.NameToInfo:
        name = f"{number}/{name}"
    with archive.open(name, "w", force_zip64=True) as file:
        _copy(part.stream, file)


def _copy(source: Readable, file: IO[bytes]) -> None:
    while piece := source.read(CHUNK_SIZE):
        file.write(piece)


def _text(part: BodyPart) -> str:
    """A field's text, trimmed."""
    return part.get_data().decode("utf-8", "replace").strip()


def _base(name: str) -> str:
    """The last part of a file's name, whatever system it is of."""
    return os.path.basename(name.replace("\\", "/"))[:FILENAME_MAX] or "upload"

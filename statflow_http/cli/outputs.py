"""Where an export goes: a file that is whole or not there, or stdout."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from statflow_http.cli import progress
from statflow_http.cli.targets import CommandError

MB = 1_000_000


def write(output: Path, pieces: Iterator[bytes]) -> None:
    """To a file, or to stdout for "-".

    Raises:
        CommandError: the file cannot be written.
    """
    if str(output) == "-":
        for piece in pieces:
            sys.stdout.buffer.write(piece)
        return
    with unfinished(output) as path, path.open("wb") as file:
        for piece in pieces:
            file.write(piece)


@contextmanager
def unfinished(output: Path) -> Iterator[Path]:
    """A file beside the one that is wanted, which takes its name when the block has ended well.

    Raises:
        CommandError: it cannot be written.
    """
    path = output.with_name(output.name + ".unfinished")
    try:
        yield path
        path.replace(output)
    except OSError as error:
        raise CommandError(f"cannot write {output}: {error.strerror}") from error
    finally:
        path.unlink(missing_ok=True)


def counted(label: str, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same pieces, while a terminal shows how many bytes they had."""
    size = 0
    with progress.figures(label, lambda: f"{size / MB:.1f} MB"):
        for piece in pieces:
            size += len(piece)
            yield piece

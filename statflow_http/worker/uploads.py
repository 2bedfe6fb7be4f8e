"""Bodies that are too large for memory, on their way to a disk.

The loop takes what arrives and hands it to a thread, which writes: a disk that is slow holds up nobody but the client
that uploads, which is not read from while much of what it sent waits.
"""

import tempfile
from asyncio import AbstractEventLoop
from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import IO, Any

from statflow_http.worker.limits import UPLOAD_WAITING_MAX, UPLOAD_WRITE_SIZE


class Upload:
    """One body.

    Args:
        folder: where its file lies, which has no name and goes with it.
        executor: whose one thread writes, in the order in which it is told to.
        loop: of the connection.

    Attributes:
        waiting: bytes that are not written yet.
        on_written: called by the loop when some were.
        error: why the disk did not take it; None while it does.
        is_closed: nothing more is written, and nothing read.
    """

    def __init__(self, folder: Path, executor: Executor, loop: AbstractEventLoop) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile(dir=folder, prefix="upload-")  # noqa: SIM115  # `close` does
        self._executor = executor
        self._loop = loop
        self._pieces: list[bytes] = []
        self._pieces_size = 0
        self._is_writing = False
        self.is_closed = False
        self.waiting = 0
        self.on_written: Callable[[], None] = lambda: None
        self.error: OSError | None = None

    # -- what the loop calls --

    def write(self, piece: bytes) -> None:
        """Take some bytes."""
        self._pieces.append(piece)
        self._pieces_size += len(piece)
        self.waiting += len(piece)
        if self._pieces_size >= UPLOAD_WRITE_SIZE and not self._is_writing:
            self._hand_over()

    def finished(self) -> "UploadInput":
        """All has come; the body as a file, for a thread."""
        return UploadInput(self, self._file, self._hand_over())

    @property
    def is_crowded(self) -> bool:
        """Whether so much waits that no more should come."""
        return self.waiting >= UPLOAD_WAITING_MAX

    def close(self) -> None:
        """Forget it: the rest will not come. The thread closes the file, behind what it may be writing."""
        self.is_closed = True
        try:
            self._executor.submit(self._file.close)
        except RuntimeError:
            self._file.close()  # the worker stops, and so has its thread

    def _hand_over(self) -> "Future[None]":
        pieces, self._pieces, size = self._pieces, [], self._pieces_size
        self._pieces_size = 0
        self._is_writing = True
        job = self._executor.submit(self._write, pieces)
        job.add_done_callback(lambda _: self._tell(size))
        return job

    def _tell(self, size: int) -> None:
        try:
            self._loop.call_soon_threadsafe(self._wrote, size)
        except RuntimeError:
            pass  # the loop is closed, and with it all connections

    def _wrote(self, size: int) -> None:
        self.waiting -= size
        self._is_writing = False
        if self._pieces and not self.is_closed:
            self._hand_over()
        self.on_written()

    # -- what the thread does --

    def _write(self, pieces: list[bytes]) -> None:
        if self.is_closed or self.error is not None:
            return
        try:
            self._file.writelines(pieces)
        except OSError as error:
            self.error = error


class UploadInput:
    """``wsgi.input`` of a body on a disk, for the thread that runs the app: it waits for what is being written."""

    def __init__(self, upload: Upload, file: IO[bytes], last: "Future[None]") -> None:
        self._upload = upload
        self._file = file
        self._last: Future[None] | None = last

    def read(self, size: int = -1) -> bytes:
        """The next bytes.

        Raises:
            OSError: the disk did not take them.
        """
        if self._last is not None:
            self._last.result()
            self._last = None
            if self._upload.error is not None:
                raise self._upload.error
            self._file.seek(0)
        return self._file.read(size)

    def close(self) -> None:
        """The app has run, or never will: the file goes."""
        self._upload.is_closed = True
        self._file.close()

    def __del__(self) -> None:
        self.close()


def close_input(environ: dict[str, Any]) -> None:
    """Close the body of a request whose app has run, where it lies on a disk."""
    body = environ["wsgi.input"]
    if isinstance(body, UploadInput):
        body.close()

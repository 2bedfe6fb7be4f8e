"""A disk that notes what it is asked, fails when it is told to, and can be put back as a power cut would leave it.

The noting and failing is done by faulty_disk.c, which is compiled when first used and stands between lmdb and libc in
a child process. What comes of its log is decided here.

The model of a disk: a write is durable once an fdatasync behind it has succeeded, or at once when its file was opened
with O_DSYNC. Of the others any may be there after the cut and any may be missing, page by page, and the last may be
torn at any border of its 512-byte sectors.
"""

import atexit
import ctypes
import faulthandler
import os
import random
import secrets
import shutil
import struct
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_suffix(".c")
PAGE, SECTOR = 4_096, 512

# Kinds of calls, and flags, as in faulty_disk.c.
WRITE, SYNC, MARK, FAILED, DURABLE = 1, 2, 4, 8, 16
_ENTRY = struct.Struct("<IIQ")
SHORT = 0  # in place of an errno: half of the write is done
FOR_GOOD = 2**63 - 1


# -- in the test's process --


@lru_cache(maxsize=1)
def _library() -> Path:
    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    library = Path(folder) / "faulty_disk.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", library, SOURCE, "-ldl"], check=True)
    return library


def run_on_it(module: str, *arguments: object, given: str = "") -> str:
    """Run a module of the tests in a process on the faulty disk, with an input; what it prints."""
    if shutil.which("gcc") is None:
        pytest.skip("gcc is needed to put a faulty disk under lmdb")
    command = [sys.executable, "-m", module, *map(str, arguments)]
    environment = {**os.environ, "LD_PRELOAD": str(_library())}
    repository = SOURCE.parent.parent
    done = subprocess.run(command, cwd=repository, env=environment, input=given, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


# -- in the process on the faulty disk --


def _disk() -> ctypes.CDLL:
    return ctypes.CDLL(None)


def record(log: Path) -> None:
    """From now on note every write and sync of a store."""
    _disk().disk_record(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))


def mark(number: int) -> None:
    """Note that this was reached."""
    _disk().disk_mark(ctypes.c_uint64(number))


def fail(kinds: int, error: int, first: int, last: int) -> None:
    """Let the calls from the ``first`` from now to the ``last`` fail that are of these kinds (WRITE, SYNC)."""
    _disk().disk_fail(kinds, error, ctypes.c_long(first), ctypes.c_long(last))


def calls() -> int:
    """Writes and syncs of stores so far."""
    _disk().disk_calls.restype = ctypes.c_long
    return int(_disk().disk_calls())


# -- the log, and what a power cut would leave --


Piece = tuple[int, bytes]  # offset and bytes


def _cut(piece: Piece, size: int) -> list[Piece]:
    """A piece, cut at the multiples of a size."""
    start, data = piece
    end = start + len(data)
    borders = [start, *range(start // size * size + size, end, size), end]
    return [(left, data[left - start : right - start]) for left, right in pairwise(borders)]


@dataclass(frozen=True, slots=True)
class Op:
    """A call to the disk, or a mark.

    Attributes:
        kind: WRITE, SYNC or MARK, with FAILED and DURABLE.
        offset: of a write; the number of a mark.
    """

    kind: int
    offset: int
    data: bytes

    def pages(self) -> list[Piece]:
        """What a write puts into each page."""
        return _cut((self.offset, self.data), PAGE)


def read_log(log: Path) -> list[Op]:
    """What was noted, in order."""
    noted, at, ops = log.read_bytes(), 0, []
    while at < len(noted):
        kind, length, offset = _ENTRY.unpack_from(noted, at)
        at += _ENTRY.size
        ops.append(Op(kind, offset, noted[at : at + length]))
        at += length
    return ops


@dataclass
class Disk:
    """What is durable, and what is not yet.

    Attributes:
        durable: the file as it is after a cut, at least.
        pending: pieces that a sync to come will make durable.
        doomed: pieces whose sync failed. The kernel takes them for written then, and no later sync writes them.
        mark: the last one passed; -1 before the first.
    """

    durable: bytearray = field(default_factory=bytearray)
    pending: list[Piece] = field(default_factory=list)
    doomed: list[Piece] = field(default_factory=list)
    mark: int = -1

    def end(self, op: Op) -> None:
        """The call comes to its end."""
        if op.kind & MARK:
            self.mark = op.offset
        elif op.kind & SYNC:
            if op.kind & FAILED:
                self.doomed += self.pending
            else:
                self._keep(self.pending)
            self.pending = []
        elif op.kind & FAILED:
            self.doomed += op.pages() if op.kind & DURABLE else []
        elif op.kind & DURABLE:
            self._keep(op.pages())
        else:
            self.pending += op.pages()

    def _keep(self, pieces: Sequence[Piece]) -> None:
        kept = {offset // PAGE for offset, _ in pieces}
        self.doomed = [piece for piece in self.doomed if piece[0] // PAGE not in kept]
        for piece in pieces:
            _put(self.durable, piece)

    def unsure(self, op: Op) -> list[Piece]:
        """Pieces that may be on the disk or not while a call is on its way."""
        return [*self.doomed, *self.pending, *(op.pages() if op.kind & WRITE else [])]

    def image(self, pieces: Sequence[Piece]) -> bytes:
        """The file after a cut that these pieces outlived."""
        image = bytearray(self.durable)
        for piece in pieces:
            _put(image, piece)
        return bytes(image)


def _put(image: bytearray, piece: Piece) -> None:
    offset, data = piece
    image.extend(bytes(max(0, offset + len(data) - len(image))))
    image[offset : offset + len(data)] = data


@dataclass(frozen=True, slots=True)
class Image:
    """A file that a power cut may leave.

    Attributes:
        how: "prefix": all that was asked is there; "subset": some unsynced pages are missing; "torn": so are some
            sectors of the last.
        op: the number of the call that the power failed in.
        mark: the last mark before it.
    """

    how: str
    op: int
    mark: int
    data: bytes


def images(ops: Sequence[Op], count: int, rng: random.Random, first: int = 0) -> Iterator[Image]:
    """The prefix of every call, then random subsets and tears, ``count`` in all but at least one a call.

    Args:
        first: the number of the first call that the power may fail in.
    """
    unsure_at = [number for number, (disk, op) in enumerate(_before_each(ops)) if number >= first and disk.unsure(op)]
    rest = Counter(rng.choice(unsure_at) for _ in range(count - (len(ops) - first) if unsure_at else 0))
    for number, (disk, op) in enumerate(_before_each(ops)):
        if number < first:
            continue
        unsure = disk.unsure(op)
        yield Image("prefix", number, disk.mark, disk.image(unsure))
        for _ in range(rest[number]):
            share = rng.choice((0.1, 0.5, 0.9))
            pieces = [piece for piece in unsure if rng.random() < share]
            how = rng.choice(("subset", "torn"))
            if how == "torn":
                pieces += [sector for sector in _cut(unsure[-1], SECTOR) if rng.random() < 0.5]
            yield Image(how, number, disk.mark, disk.image(pieces))


def _before_each(ops: Sequence[Op]) -> Iterator[tuple[Disk, Op]]:
    """Each call, with the disk as it is when the call begins."""
    disk = Disk()
    for op in ops:
        yield disk, op
        disk.end(op)


# -- in any process --


@contextmanager
def shelf() -> Iterator[Path]:
    """A folder for stores and images: in memory where there is such a place, because those who open them sync."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        yield Path(folder)


def seeded(name: str = "STATFLOW_SEED") -> random.Random:
    """Chance that can be had again: the seed is printed, and taken from the environment."""
    seed = int(os.environ.get(name, secrets.randbits(32)))
    print(f"{name}={seed}")
    return random.Random(seed)


# -- forked children --


def verdict_of_child(judge: Callable[[], str]) -> str:
    """What a forked child says: empty when all is well; else its complaint, its traceback or the signal it died of."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        _judge_and_exit(judge, writing)
    os.close(writing)
    with os.fdopen(reading, "r") as pipe:
        complaint = pipe.read()
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return complaint or ("" if code == 0 else f"died: exit code {code}")


def _judge_and_exit(judge: Callable[[], str], writing: int) -> None:
    faulthandler.disable()  # a death by a signal is told by the exit code
    try:
        try:
            complaint = judge()
        except BaseException as error:
            complaint = f"{type(error).__name__}: {error}"
        os.write(writing, complaint.encode()[:4_000])
    finally:
        os._exit(0)

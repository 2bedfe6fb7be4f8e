"""``statflow bench`` on this machine: an engine on a store of its own, which is removed."""

import os
import platform
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import numpy as np

import statflow_engine
from statflow_engine import Engine, Kind
from statflow_engine.store.store_file import file_system_of
from statflow_http.cli.bench import BATCH_NAMES, BATCH_POINTS, SINGLE_STAT
from statflow_http.cli.targets import CommandError

FOLDER_PREFIX = "statflow-bench-"
STEP = "5m"
GIB = 1 << 30


class FolderBench:
    """The engine, as the server drives it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._points = (list(BATCH_NAMES), np.arange(BATCH_POINTS) % len(BATCH_NAMES))
        self._values = np.ones(BATCH_POINTS)

    def single(self) -> None:
        """Stored when this comes back, also for a loss of power."""
        self._engine.count(SINGLE_STAT)

    def batch(self) -> None:
        """The same of 1,000 points."""
        self._engine.write(self._points, Kind.COUNTER, None, self._values)

    def query(self) -> None:
        """288 rows."""
        self._engine.query(SINGLE_STAT, step=STEP)

    def conditions(self) -> Sequence[str]:
        """The machine, its load and its disk."""
        folder = self._engine.path
        free = self._engine.status().disk_free_bytes
        return (
            f"StatFlow {version('statflow')}, Python {platform.python_version()}, {platform.system()}",
            f"{_processor()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before",
            f"{folder.parent.resolve()} on {file_system_of(folder) or 'an unknown file system'}, "
            f"{free / GIB:.0f} GiB free; synced before each answer",
        )


def _processor() -> str:
    """What the kernel calls it; the architecture where it does not say."""
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


@contextmanager
def folder_bench(parent: Path) -> Iterator[FolderBench]:
    """An engine on a new store within a folder, until the block ends.

    Raises:
        CommandError: nothing can be made in the folder.
        StoreError: there can be no store.
    """
    try:
        temporary = tempfile.TemporaryDirectory(prefix=FOLDER_PREFIX, dir=parent)
    except OSError as error:
        raise CommandError(f"cannot make a folder in {parent}: {error.strerror}") from error
    # Folding in the background is what a server does.
    with temporary as folder, statflow_engine.open(folder, background=True) as engine:
        yield FolderBench(engine)

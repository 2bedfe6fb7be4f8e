"""``statflow bench``: how many points this machine, or a server, takes in a second."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import click

from statflow_http.cli import progress
from statflow_http.cli.options import DATA_DEFAULT, checked_server, data_option, one_line_errors
from statflow_http.cli.targets import CommandError

SECONDS_DEFAULT = 9
# Of a batch, and the stats that they are of.
BATCH_POINTS = 1_000
BATCH_STATS = 100
PREFIX = "statflow bench"
SINGLE_STAT = f"{PREFIX} single"
BATCH_NAMES = tuple(f"{PREFIX} {number:03}" for number in range(BATCH_STATS))


class Bench(Protocol):
    """What is measured: each call does one thing and comes back when it is done."""

    def single(self) -> None:
        """Store one point."""

    def batch(self) -> None:
        """Store a batch of 1,000 points of 100 stats."""

    def query(self) -> None:
        """Read the last day of one stat, in 288 rows."""

    def conditions(self) -> Sequence[str]:
        """Lines that say where this was measured."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What one sort of work took.

    Attributes:
        label: what was done.
        unit: what a call has so many of.
        size: how many of them.
        times_s: how long each call took, in seconds; at least one.
    """

    label: str
    unit: str
    size: int
    times_s: list[float]

    def row(self) -> list[str]:
        """A line of the table."""
        ordered = sorted(self.times_s)
        a_second = self.size * len(ordered) / sum(ordered)
        quantiles_ms = [ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1_000 for share in (0.5, 0.99)]
        return [self.label, f"{a_second:,.0f} {self.unit} a second", *(f"{each:.2f} ms" for each in quantiles_ms)]


@click.command()
@data_option
@click.option("--url", envvar="STATFLOW_URL", help="A server's address, to measure that.")
@click.option("--key", envvar="STATFLOW_KEY", help="An API key for --url, of scope full; best one for test data.")
@click.option(
    "--seconds",
    type=click.FloatRange(0.3, 600),
    default=SECONDS_DEFAULT,
    show_default=True,
    help="How long, a third for each of three sorts of work.",
)
@one_line_errors
def bench(data: Path | None, url: str | None, key: str | None, seconds: float) -> None:
    """Measure how many points a second are stored, one by one and in batches, and how many queries are answered.

    It makes a store of its own in a temporary folder within the data folder, or within this one where there is none,
    since disks differ; with --url it writes to stats whose names begin with "statflow bench", and deletes them
    afterwards. One client waits for every answer: many at once are stored together, and get more.

    \b
    Example:
      statflow bench --data /var/lib/statflow
      statflow bench --url https://stats.example --key sk_test_...
    """
    with _target(data, url, key) as target:
        click.echo("\n".join(target.conditions()))
        try:
            _show(measured(target, seconds))
        except KeyboardInterrupt:
            raise CommandError("interrupted; what was written for it is removed") from None


@contextmanager
def _target(data: Path | None, url: str | None, key: str | None) -> Iterator[Bench]:
    if url is not None:
        from statflow_http.cli.bench_server import server_bench

        with server_bench(*checked_server(url, key, None)) as server:
            yield server
        return
    from statflow_http.cli.bench_folder import folder_bench

    with folder_bench(data or (DATA_DEFAULT if DATA_DEFAULT.is_dir() else Path())) as folder:
        yield folder


def measured(target: Bench, seconds: float) -> list[Measured]:
    """Each sort of work for a third of the time, the reading last."""
    works: tuple[tuple[str, str, int, Callable[[], None]], ...] = (
        ("one by one", "points", 1, target.single),
        (f"in batches of {BATCH_POINTS:,}", "points", BATCH_POINTS, target.batch),
        ("a day of one stat", "queries", 1, target.query),
    )
    found = []
    with progress.bar("measuring", round(seconds * 1_000)) as update:
        for label, unit, size, work in works:
            found.append(Measured(label, unit, size, _times_s(work, seconds / len(works), update)))
    return found


def _times_s(work: Callable[[], None], seconds: float, update: Callable[[int], None]) -> list[float]:
    """How long each call took, until the time is over; the first one, which finds nothing ready, is not counted."""
    work()
    times_s: list[float] = []
    began = now = time.perf_counter()
    shown_ms = 0
    while now - began < seconds or not times_s:
        work()
        before, now = now, time.perf_counter()
        times_s.append(now - before)
        done_ms = min(round((now - began) * 1_000), round(seconds * 1_000))
        # Drawing takes time, too: not for every call.
        if done_ms - shown_ms >= 100:
            update(done_ms - shown_ms)
            shown_ms, now = done_ms, time.perf_counter()
    return times_s


def _show(found: Sequence[Measured]) -> None:
    from statflow_http.cli.tables import table

    rows = [each.row() for each in found]
    click.echo(table(["what", "how many", "half take less than", "99 of 100"], rows, right=(1, 2, 3)))

"""How far long work is: a bar or a line of figures on a terminal, nothing elsewhere; on stderr."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

import click

R = TypeVar("R")

# How often a line is drawn anew; also how soon work is seen to have ended.
DRAWN_S = 0.1
# Back to its beginning, and nothing in it.
CLEAR_LINE = "\r\x1b[K"


def is_terminal() -> bool:
    """Whether anybody sees a line that changes."""
    return sys.stderr.isatty()


@contextmanager
def bar(label: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar until the block ends; what it gives is called with how much more is done."""
    if not is_terminal() or total <= 0:
        yield lambda _: None
        return
    with click.progressbar(length=total, label=label, file=sys.stderr) as shown:
        yield shown.update


@contextmanager
def figures(label: str, told: Callable[[], str] = str) -> Iterator[None]:
    """A line with the seconds that have passed, and what ``told`` says, until the block ends."""
    if not is_terminal():
        yield
        return
    ended, began = threading.Event(), time.monotonic()

    def draw() -> None:
        while not ended.wait(DRAWN_S):
            click.echo(f"{CLEAR_LINE}{label}  {time.monotonic() - began:.0f} s  {told()}", nl=False, err=True)

    drawer = threading.Thread(target=draw, daemon=True)
    drawer.start()
    try:
        yield
    finally:
        ended.set()
        drawer.join()
        click.echo(CLEAR_LINE, nl=False, err=True)


def aside(label: str, work: Callable[[], R], total: int, done: Callable[[], int]) -> R:
    """Do work in a thread under a bar.

    For work that is one long call out of Python, during which Ctrl-C would not be heard: it ends the wait, and the
    thread is left to end with the process.

    Args:
        label: what it does.
        work: has a result or raises.
        total: how much there is to do, at least about.
        done: how much of it is done.
    """
    worker = _Worker(work)
    worker.start()
    with bar(label, total) as update:
        shown = 0
        while worker.is_alive():
            worker.join(DRAWN_S)
            now = min(done(), total) if worker.is_alive() else total
            update(max(0, now - shown))
            shown = max(shown, now)
    return worker.outcome()


class _Worker(threading.Thread, Generic[R]):
    """A thread whose result, or whose error, is its starter's."""

    def __init__(self, work: Callable[[], R]) -> None:
        super().__init__(daemon=True)
        self._work = work
        self._results: list[R] = []
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            self._results.append(self._work())
        except BaseException as error:
            self._error = error

    def outcome(self) -> R:
        if self._error is not None:
            raise self._error
        return self._results[0]

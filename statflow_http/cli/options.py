"""What commands share: the options that say on what they work, and how their errors are told."""

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ParamSpec, TypeVar

import click

from statflow_http.cli.targets import CommandError, Target

P = ParamSpec("P")
R = TypeVar("R")

DATA_DEFAULT = Path("./statflow-data")

data_option = click.option(
    "--data",
    type=click.Path(path_type=Path),
    envvar="STATFLOW_DATA",
    help="The data folder.  [default: ./statflow-data]",
)
test_option = click.option("--test", is_flag=True, help="Test data instead of live data.")


def target_options(command: Callable[P, R]) -> Callable[P, R]:
    """The options of a command that works on a data folder or on a server."""
    url = click.option("--url", envvar="STATFLOW_URL", help="A server's address, in place of --data.")
    key = click.option("--key", envvar="STATFLOW_KEY", help="An API key for --url.")
    return data_option(url(key(test_option(command))))


def one_line_errors(command: Callable[P, R]) -> Callable[P, R]:
    """Make every error that StatFlow raises on purpose a line of text and exit code 1."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except Exception as error:
            if not _is_on_purpose(error):
                raise
            raise click.ClickException(" ".join(str(error).split())) from error

    return run


def _is_on_purpose(error: Exception) -> bool:
    """Whether an error is for the user. The engine's are known only where it was imported, which takes a while."""
    engine = sys.modules.get("statflow_engine")
    return isinstance(error, CommandError) or (engine is not None and isinstance(error, engine.StatFlowError))


@contextmanager
def opened(data: Path | None, url: str | None, key: str | None, *, test: bool) -> Iterator[Target]:
    """The server or the folder that the options of a command name.

    Raises:
        click.UsageError: the options do not fit together.
    """
    if url is None:
        from statflow_http.cli.local import folder

        with folder(data or DATA_DEFAULT, live=not test) as target:
            yield target
        return
    if not key:
        raise click.UsageError("--url needs --key")
    if not url.startswith(("http://", "https://")):
        raise click.UsageError("--url must begin with http:// or https://")
    if test and not key.startswith("sk_test_"):
        raise click.UsageError("--test needs a key that begins with sk_test_")
    from statflow_http.cli.remote import Server

    yield Server(url, key)

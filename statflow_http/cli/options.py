"""What commands share: the options that say on what they work, and how their errors are told."""

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ParamSpec, TypeVar
from urllib.parse import urlsplit

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
account_option = click.option(
    "--account",
    metavar="EMAIL",
    help="The account of this person, or of this id, in a data folder.  [default: the server owner's]",
)


def target_options(command: Callable[P, R]) -> Callable[P, R]:
    """The options of a command that works on a data folder or on a server: data, url, key, test, account."""
    url = click.option("--url", envvar="STATFLOW_URL", help="A server's address, in place of --data.")
    key = click.option("--key", envvar="STATFLOW_KEY", help="An API key for --url.")
    return data_option(url(key(test_option(account_option(command)))))


def one_line_errors(command: Callable[P, R]) -> Callable[P, R]:
    """Make every error that StatFlow raises on purpose, and Ctrl-C, a line of text and exit code 1."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except Exception as error:
            if not _is_on_purpose(error):
                raise
            raise click.ClickException(" ".join(str(error).split())) from error
        except KeyboardInterrupt:
            raise click.ClickException("interrupted") from None

    return run


def when_interrupted(text: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let a command that is stopped by Ctrl-C say what is left, and how to go on.

    Args:
        text: what follows "interrupted"; ``{name}`` is what the command was given for that.
    """

    def decorated(command: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(command)
        def run(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return command(*args, **kwargs)
            except KeyboardInterrupt:
                raise CommandError(f"interrupted{text.format_map(kwargs)}") from None

        return run

    return decorated


def _is_on_purpose(error: Exception) -> bool:
    """Whether an error is for the user. The engine's are known only where it was imported, which takes a while."""
    engine = sys.modules.get("statflow_engine")
    return isinstance(error, CommandError) or (engine is not None and isinstance(error, engine.StatFlowError))


@contextmanager
def opened(data: Path | None, url: str | None, key: str | None, account: str | None, *, test: bool) -> Iterator[Target]:
    """The server or the folder that the options of a command name.

    Raises:
        click.UsageError: the options do not fit together.
    """
    if url is None:
        from statflow_http.cli.local import folder

        with folder(data or DATA_DEFAULT, account, live=not test) as target:
            yield target
        return
    url, key = checked_server(url, key, account)
    if test and not key.startswith("sk_test_"):
        raise click.UsageError("--test needs a key that begins with sk_test_")
    from statflow_http.cli.remote import Server

    yield Server(url, key)


def checked_server(url: str, key: str | None, account: str | None) -> tuple[str, str]:
    """Address and key of a server as they are used.

    Raises:
        click.UsageError: they are none, or an account is named, which the key does.
    """
    if not key:
        raise click.UsageError("--url needs --key")
    if account is not None:
        raise click.UsageError("--account is for a data folder: with --url the key says whose account it is")
    return http_url(url, "--url"), key


def http_url(text: str, option: str) -> str:
    """A server's address, without a slash at the end.

    Raises:
        click.UsageError: it is none.
    """
    if not text.startswith(("http://", "https://")):
        raise click.UsageError(f"{option} must begin with http:// or https://, such as https://stats.example.com")
    try:
        parts = urlsplit(text)
        is_address = bool(parts.hostname) and (parts.port is None or parts.port > 0) and text.isprintable()
    except ValueError:
        is_address = False
    if not is_address or " " in text or parts.query or parts.fragment or parts.username:
        raise click.UsageError(f"{option} must be the address of a server, such as https://stats.example.com")
    return text.rstrip("/")

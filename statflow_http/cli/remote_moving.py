"""Importing into a server and exporting from it, by its address and a key. Needs no engine."""

import json
import tempfile
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import click
import urllib3

from statflow_http.cli.failures import reason
from statflow_http.cli.moving import POLL_S, RESUMABLE, Progress
from statflow_http.cli.targets import CommandError

TIMEOUT = urllib3.Timeout(connect=5, read=600)
CHUNK_SIZE = 1 << 20


def import_to_server(server: tuple[str, str], sources: tuple[str, ...], token: str, told: Mapping[str, str]) -> None:
    """Bring sources one after the other, and follow each until it is over."""
    for source in sources:
        job = _asked(server, source, token, told)
        try:
            _follow(server, source, job["id"])
        except KeyboardInterrupt:
            _request(server, "DELETE", f"/v1/imports/{job['id']}")
            raise CommandError(RESUMABLE) from None


def _asked(server: tuple[str, str], source: str, token: str, told: Mapping[str, str]) -> dict[str, Any]:
    options = {name: text for name, text in told.items() if text and (name, text) != ("format", "auto")}
    if source.startswith(("http://", "https://")):
        body = json.dumps({"url": source, "token": token}).encode()
        headers = {"Content-Type": "application/json"}
        return _request(server, "POST", f"/v1/imports?{urlencode(options)}", body, headers)
    path = Path(source)
    if not path.exists():
        raise CommandError(f"there is no file or folder {path}")
    with _one_file(path) as file:
        query = urlencode(options | {"filename": path.name})
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(file.stat().st_size)}
        with file.open("rb") as opened:
            return _request(server, "POST", f"/v1/imports?{query}", opened, headers)


@contextmanager
def _one_file(path: Path) -> Iterator[Path]:
    """The file itself, or a zip file of a folder."""
    if path.is_file():
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        packed = Path(folder) / "folder.zip"
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for each in sorted(path.rglob("*")):
                if each.is_file():
                    archive.write(each, each.relative_to(path))
        yield packed


def _follow(server: tuple[str, str], source: str, job_id: str) -> None:
    with Progress(source) as progress:
        done, total = 0, None
        while True:
            job = _request(server, "GET", f"/v1/imports/{job_id}")
            told = job["progress"]
            if total is None and told["rows_total"] is not None:
                total = told["rows_total"]
                progress.sorted(total)
            progress.wrote(max(0, told["rows_done"] - done))
            done = max(done, told["rows_done"])
            if job["state"] not in ("queued", "running"):
                break
            time.sleep(POLL_S)
    for line in job["lines"]:
        click.echo(line)
    for problem in job["problems"]:
        click.echo(f"  {problem['place']}: {problem['reason']}", err=True)
    if job["state"] != "done":
        raise CommandError(f"the import {job['state']}: {job['error'] or 'somebody stopped it'}")


def export_of_server(server: tuple[str, str], stats: tuple[str, ...], form: str) -> Iterator[bytes]:
    """An export as it comes."""
    query = urlencode([("format", form), *(("stat", stat) for stat in stats)])
    with _opened(server, "GET", f"/v1/export?{query}") as response:
        if response.status != 200:
            raise _refusal(server, response.status, response.read())
        try:
            yield from response.stream(CHUNK_SIZE)
        except urllib3.exceptions.HTTPError as error:
            raise CommandError(f"the export of {server[0]} breaks off: {reason(error)}") from error


def _request(
    server: tuple[str, str], method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
) -> dict[str, Any]:
    with _opened(server, method, path, body, headers) as response:
        data = response.read()
        if response.status not in (200, 202):
            raise _refusal(server, response.status, data)
    try:
        document: dict[str, Any] = json.loads(data)
    except ValueError:
        raise CommandError(f"{server[0]} is no StatFlow server: not JSON") from None
    return document


def _refusal(server: tuple[str, str], status: int, data: bytes) -> CommandError:
    try:
        return CommandError(f"{json.loads(data)['msg']} (status {status})")
    except (ValueError, KeyError, TypeError):
        return CommandError(f"{server[0]} is no StatFlow server: status {status}")


@contextmanager
def _opened(
    server: tuple[str, str], method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
) -> Iterator[urllib3.BaseHTTPResponse]:
    url, key = server
    merged = {"Authorization": f"Bearer {key}", "User-Agent": "statflow-cli", **(headers or {})}
    with urllib3.PoolManager(timeout=TIMEOUT, retries=False) as pool:
        try:
            response = pool.request(method, url + path, body=body, headers=merged, preload_content=False)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise CommandError(f"{url} does not answer: {reason(error)}") from error
        try:
            yield response
        finally:
            response.release_conn()

"""Limits over real workers, and what a server that is asked all of this leaves in its logs and on its disk."""

import itertools
import json
import os
import subprocess
import sys
import threading

import pytest
import urllib3

from tests.http.live import serving

WRITERS = 16
LIMIT = 10_000
PASSWORD = "correct horse battery"
OLD_KEY = "anOldUserKey~~of/StatHat"


def statflow(data, *arguments, typed=None):
    """What the command prints; it must succeed."""
    command = [sys.executable, "-m", "statflow_http", *arguments, "--data", os.fspath(data)]
    done = subprocess.run(command, input=typed, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("limits") / "data", workers=2) as server:
        yield server


def free_key(server, email):
    """The key of a new account of the plan free."""
    statflow(server.data, "users", "create", email, "--password-stdin", typed=PASSWORD)
    return statflow(server.data, "keys", "create", "--account", email)


class Writer(threading.Thread):
    """Sends until it was refused some times; counts what was answered. Every third request comes twice."""

    def __init__(self, server, key, number, sizes):
        super().__init__()
        self._server, self._key, self._number = server, key, number
        self._sizes = sizes
        self.stored = 0
        self.refused = 0
        self.others = []

    def run(self):
        http = urllib3.PoolManager(retries=False)
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        refusals = 0
        for turn, size in enumerate(itertools.cycle(self._sizes)):
            if refusals >= 3 * len(self._sizes):
                return
            body = json.dumps({"stats": [{"stat": f"stat {self._number % 10}"}] * size})
            headers["Idempotency-Key"] = f"{self._number}-{turn}"
            for _ in range(2 if turn % 3 == 0 else 1):
                answer = http.request("POST", f"{self._server.url}/v1/stats", body=body, headers=headers)
                if answer.status == 429:
                    refusals += 1
                    self.refused += size
                elif answer.status != 200:
                    self.others.append((answer.status, answer.data))
                elif "idempotent-replayed" not in answer.headers:
                    self.stored += size


@pytest.mark.slow
@pytest.mark.parametrize("sizes", [(1, 7, 50), (1,)], ids=["batches", "single points"])
def test_exactly_as_many_points_as_allowed_are_stored_by_16_writers_and_two_workers(server, sizes):
    key = free_key(server, f"ada{len(sizes)}@example.com")
    writers = [Writer(server, key, number, sizes) for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    headers = {"Authorization": f"Bearer {key}"}
    with urllib3.PoolManager(retries=False) as http:
        account = http.request("GET", f"{server.url}/v1/account", headers=headers).json()
        query = http.request("GET", f"{server.url}/v1/query?stat=*&agg=count&step=1h&combine=sum", headers=headers)
        kinds = {point["value"] for point in query.json()["series"][0]["points"]}
    assert [other for writer in writers for other in writer.others] == []
    # A batch that does not fit is refused whole; one of 1 fits while there is room.
    assert sum(writer.stored for writer in writers) == LIMIT
    assert account["usage"]["points"] == LIMIT
    assert sum(kinds) == LIMIT
    assert account["usage"]["stats"] == 10
    assert sum(writer.refused for writer in writers) > 0


@pytest.mark.slow
def test_no_more_stats_than_allowed_are_made_by_16_writers(server):
    key = free_key(server, "eve@example.com")
    statuses = []

    def write(number):
        with urllib3.PoolManager(retries=False) as http:
            for turn in range(5):
                headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
                body = json.dumps({"stat": f"stat {number * 5 + turn}"})
                statuses.append(http.request("POST", f"{server.url}/v1/stat", body=body, headers=headers).status)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(statuses) == [200] * 10 + [429] * (WRITERS * 5 - 10)


@pytest.mark.slow
def test_no_secret_is_in_a_log_or_on_the_disk(tmp_path):
    """Everything that has a secret in it is done once, and then looked for in all that was written."""
    data, log = tmp_path / "data", tmp_path / "access.log"
    options = ("statflow_http", "serve", "--signup", "--access-log", os.fspath(log))
    with serving(data, workers=2, command=options) as server, urllib3.PoolManager(retries=False) as http:
        secrets = [server.key, *act(server, http)]
        printed = "".join(server.printed)

    first_key, *others = secrets
    written = log.read_bytes()
    assert b"/v1/account" in written
    for secret in others:
        assert secret not in printed, secret
    for secret in secrets:
        assert secret.encode() not in written, secret
    assert b"sk_" not in written
    stored = b"".join(file.read_bytes() for file in data.rglob("*.mdb"))
    for secret in secrets:
        # Of a key of ours the first 8 random characters are its id.
        assert secret.removeprefix("sk_live_")[8:].encode() not in stored, secret
    assert first_key[8:16].encode() in stored


def act(server, http):
    """Ask all that has a secret in it; the secrets."""

    def ask(method, path, document=None, key=server.key):
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        body = None if document is None else json.dumps(document)
        return http.request(method, server.url + path, body=body, headers=headers)

    signed_up = ask("POST", "/v1/account", {"email": "ada@example.com", "password": PASSWORD}).json()["secret"]
    made = ask("POST", "/v1/keys", {}).json()
    rotated = ask("POST", f"/v1/keys/{made['id']}/rotate", {}).json()["secret"]
    assert ask("POST", "/v1/keys", {"secret": OLD_KEY, "kind": "ukey"}).status == 200
    link = ask("POST", "/v1/account/members", {"email": "bob@example.com"}).json()["login_path"]
    # Where a page will be, which is asked with its token in the path.
    ask("GET", link)
    for path in (
        f"/ez?ezkey={OLD_KEY}&stat=a",
        f"/x/{rotated}/statlist",
        f"/v1/keys/{made['secret']}",
        f"/{signed_up}",
    ):
        ask("GET", path)
    ask("POST", "/v1/account", {"email": "ada@example.com", "password": PASSWORD + "x"})
    ask("POST", "/v1/account", {"email": PASSWORD, "password": PASSWORD})
    return [signed_up, made["secret"], rotated, OLD_KEY, link.rpartition("/")[2], PASSWORD]

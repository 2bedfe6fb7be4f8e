"""A server that really runs: ``python -m statflow_http serve``, spoken to over sockets."""

import concurrent.futures
import json
import os
import re
import signal
import socket
import subprocess
import sys

import pytest
import urllib3

import statflow_engine
from tests.http.live import LiveServer
from tests.http.loop_server import LIMIT_S, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

OK = b'{"status":200,"msg":"ok"}'


@pytest.fixture(scope="module", params=["loop", "gthread"])
def worker(request):
    """Our worker, and gunicorn's threads: the same promises."""
    return request.param


@pytest.fixture(scope="module")
def folder(tmp_path_factory, worker):
    return tmp_path_factory.mktemp(worker)


@pytest.fixture(scope="module")
def server(folder, worker):
    """One server of each kind for all tests here, with an access log."""
    command = ("statflow_http", "serve", "--worker", worker, "--access-log", str(folder / "access.log"))
    server = LiveServer(folder / "data", workers=2, command=command)
    yield server
    server.stop()
    server.kill()
    with statflow_engine.open(folder / "data") as engine:
        assert [] == list(engine.check())


@pytest.fixture
def connection(server):
    """A keep-alive connection of a test's own."""
    with urllib3.HTTPConnectionPool("127.0.0.1", server.port, maxsize=1, retries=False, timeout=LIMIT_S) as pool:
        yield pool


@pytest.fixture
def raw(server):
    """A bare socket."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=LIMIT_S) as raw:
        yield raw


def command(*arguments, data=None, check=True):
    """Run the command line in a process of its own."""
    options = [] if data is None else ["--data", str(data)]
    done = subprocess.run(
        [sys.executable, "-m", "statflow_http", *arguments, *options], capture_output=True, text=True, timeout=100
    )
    assert not check or done.returncode == 0, done.stderr
    return done


def total(server, name):
    """The sum of a stat over the last day."""
    address = f"{server.url}/v1/stat/{name}?step=1h&agg=sum"
    answer = urllib3.request("GET", address, headers=server.bearer)
    return sum(point["value"] for point in answer.json()["points"]) if answer.status == 200 else None


def logged(folder, text):
    """The access log, as soon as the text is in it: a line may be written after its answer was sent."""
    log = folder / "access.log"
    until(lambda: text in log.read_text())
    return log.read_text()


def read_answer(raw):
    """One HTTP answer from a socket: its status and its body."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += raw.recv(65_536) or pytest.fail(f"closed after {received!r}")
    head, _, body = received.partition(b"\r\n\r\n")
    length = int(re.search(rb"(?i)content-length: (\d+)", head)[1])
    while len(body) < length:
        body += raw.recv(65_536)
    return int(head.split()[1]), body


def test_the_first_start_prints_address_key_and_a_curl_line_that_works(server):
    printed = "".join(server.printed)

    assert re.search(r"^Listening on http://127\.0\.0\.1:\d+$", printed, re.MULTILINE)
    assert re.search(r"^API key: sk_live_\w{32}$", printed, re.MULTILINE)
    curl = printed[printed.index("curl") :].split("}'")[0] + "}'"
    assert json.loads(subprocess.run(["sh", "-c", f"{curl} -s"], capture_output=True, check=True).stdout) == {
        "msg": "ok"
    }
    assert total(server, "my_first_metric") == 1.0


def test_one_connection_serves_many_requests(server, connection):
    for _ in range(20):
        answer = connection.request("POST", "/ez", fields={"ezkey": server.key, "stat": "kept"}, encode_multipart=False)
        assert (answer.status, answer.data) == (200, OK)
    assert connection.request("HEAD", "/").status == 200
    assert connection.num_connections == 1
    assert total(server, "kept") == 20.0


def test_a_write_is_in_the_next_answer_of_either_worker(server):
    for number in range(1, 11):
        urllib3.request("POST", f"{server.url}/v1/stat", json={"stat": "seen", "count": 1}, headers=server.bearer)
        assert total(server, "seen") == number


def test_writers_at_once_lose_nothing(server):
    def write(_):
        answer = urllib3.request("POST", f"{server.url}/v1/stat", json={"stat": "crowd"}, headers=server.bearer)
        return answer.status

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        assert set(pool.map(write, range(200))) == {200}
    assert total(server, "crowd") == 200.0


def test_a_client_that_does_not_wait_for_the_answer_has_counted(server, raw):
    body = f"ezkey={server.key}&stat=impatient".encode()
    raw.sendall(b"POST /ez HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    raw.shutdown(socket.SHUT_RDWR)

    until(lambda: total(server, "impatient") == 1.0)


def test_raw_spaces_and_percent_signs_in_a_body_are_taken(server, raw):
    body = f"ezkey={server.key}&stat=100% of all&count=1".encode()
    raw.sendall(b"POST /ez HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    assert read_answer(raw) == (200, OK)
    assert total(server, "100%25%20of%20all") == 1.0


def test_bad_bytes_after_a_request_close_the_connection_and_spoil_no_other(server, raw):
    """StatHat's Node client counts characters: the last byte of a name with an accent comes after the body."""
    body = f"ezkey={server.key}&stat=stray&count=1".encode()
    request = b"POST /ez HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    raw.sendall(request + b"\xa9" + request)

    answers = b""
    while received := raw.recv(65_536):
        answers += received
    assert answers.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answers.count(b" 200 OK") == 1
    assert total(server, "stray") == 1.0


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (b"POST /ez HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na=b\r\n0\r\n\r\n", 411),
        (b"POST /ez HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST /ez HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcde", 400),
        (b"POST /ez HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\nabcde", 400),
        (b"GET /ez HTTP/3.0\r\nHost: x\r\n\r\n", 400),
        (b"GET /" + b"a" * 5_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 200 + b"\r\n", 431),
    ],
)
def test_what_may_be_smuggled_or_is_too_long_is_refused(raw, request_line, status):
    raw.sendall(request_line)

    assert read_answer(raw)[0] == status


def test_a_name_of_255_emoji_fits_a_request_line(server):
    name = "%F0%9F%8E%89" * 255
    address = f"{server.url}/c?ukey={server.key}&key={name}&count=1"

    assert urllib3.request("GET", address).data.startswith(b"GIF89a")
    assert total(server, name) == 1.0


def test_line_breaks_in_a_name_reach_no_header_and_no_log_line(server, folder):
    urllib3.request("POST", f"{server.url}/v1/stat", json={"stat": "a b"}, headers=server.bearer)

    answer = urllib3.request("GET", f"{server.url}/v1/stat/a%0d%0aSet-Cookie:%20x", headers=server.bearer)

    assert answer.status == 400
    assert "Set-Cookie" not in answer.headers
    logged(folder, "/v1/stat/a%0D%0ASet-Cookie:%20x")


def test_keys_are_made_and_revoked_beside_the_running_server(server):
    key = command("keys", "create", data=server.data).stdout.strip()
    headers = {"Authorization": f"Bearer {key}"}
    assert urllib3.request("GET", f"{server.url}/v1/stats", headers=headers).status == 200

    command("keys", "revoke", key, data=server.data)

    # Both workers, whichever answers.
    statuses = {urllib3.request("GET", f"{server.url}/v1/stats", headers=headers).status for _ in range(10)}
    assert statuses == {401}


def test_the_command_line_speaks_to_the_server(server):
    options = ["--url", server.url, "--key", server.key]
    command("send", "by command", "--value", "2.5", *options)

    assert "by command" in command("ls", "by*", *options).stdout
    (series,) = json.loads(command("query", "by*", "--step", "1h", "--format", "json", *options).stdout)
    assert series["points"][-1]["value"] == 2.5
    refused = command("send", "by command", "--count", "1", *options, check=False)
    assert (refused.returncode, refused.stderr) == (1, 'Error: "by command" is a value: send value (status 409)\n')
    refused = command("ls", "--url", server.url, "--key", "sk_live_wrong", check=False)
    assert (refused.returncode, refused.stderr) == (1, "Error: invalid API key (status 401)\n")


def test_the_bench_measures_a_server_and_leaves_no_stat(server):
    key = command("keys", "create", "--test", data=server.data).stdout.strip()
    options = ["--url", server.url, "--key", key]

    lines = command("bench", "--seconds", "0.3", *options).stdout.splitlines()

    assert lines[0].startswith(f"{server.url}, one connection, ")
    assert [line.split(" a second")[0].split()[-1] for line in lines[-3:]] == ["points", "points", "queries"]
    assert "bench" not in command("ls", *options).stdout


def test_the_access_log_has_no_key_no_query_and_no_referer(server, folder):
    secret = f"ukey={server.key}&key=logged"
    urllib3.request("GET", f"{server.url}/c?{secret}", headers={"Referer": f"http://shop.example/?{secret}"})
    urllib3.request("GET", f"{server.url}/v1/stat/{server.key}", headers=server.bearer)

    assert urllib3.request("GET", f"{server.url}/v1/stat/the%20end", headers=server.bearer).status == 404
    lines = logged(folder, "/v1/stat/the%20end")
    assert '"GET /c HTTP/1.1" 200 43 ' in lines
    for secret_text in ("sk_", "ukey", "key=logged", "shop.example"):
        assert secret_text not in lines


def test_no_process_writes_a_key_but_the_first_key_of_the_first_start(server, raw):
    raw.sendall(f"GET /ez?ezkey={server.key}&stat=a HTTP/9.9\r\n\r\n".encode())
    read_answer(raw)

    printed = "".join(server.printed)
    assert printed.count("sk_") == 2  # on its own line, and in the curl line
    assert not [name for name in os.listdir() if name.endswith(".ctl")]


def test_no_control_socket_is_made(server):
    """gunicorn has one by default, by which another program may steer the server."""
    sockets = subprocess.run(["cat", "/proc/net/unix"], capture_output=True, text=True, check=True).stdout
    assert "gunicorn.ctl" not in sockets


def test_sigterm_answers_what_was_asked_and_ends_with_0(tmp_path, worker):
    server = LiveServer(tmp_path / "data", command=("statflow_http", "serve", "--worker", worker))
    http = urllib3.HTTPConnectionPool("127.0.0.1", server.port, maxsize=8, retries=False, timeout=60, block=True)
    answered = []

    def write(number):
        try:
            answer = http.request("POST", "/v1/stat", json={"stat": "drained"}, headers=server.bearer)
        except urllib3.exceptions.HTTPError:
            return
        if answer.status == 200:
            answered.append(number)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        writes = [pool.submit(write, number) for number in range(400)]
        concurrent.futures.wait(writes[:100])
        os.kill(server.processes()[0], signal.SIGTERM)
    server.stop()

    assert server._process.returncode == 0
    assert len(answered) >= 100
    with statflow_engine.open(tmp_path / "data") as engine:
        assert engine.query("drained", step="1h", namespace="owner:live").counts.sum() == len(answered)
    server.kill()


def test_interval_durability_keeps_what_was_answered_across_a_stop(tmp_path, worker):
    server = LiveServer(
        tmp_path / "data",
        command=("statflow_http", "serve", "--worker", worker, "--durability", "interval", "--interval", "60"),
    )
    for _ in range(3):
        urllib3.request("POST", f"{server.url}/v1/stat", json={"stat": "kept"}, headers=server.bearer)
    assert total(server, "kept") == 3.0
    server.stop()
    server.kill()

    with statflow_engine.open(tmp_path / "data") as engine:
        assert engine.query("kept", step="1h", namespace="owner:live").counts.sum() == 3


def test_a_second_start_makes_no_key(server, tmp_path):
    first = LiveServer(tmp_path / "data")
    first.stop()
    first.kill()
    second = LiveServer(tmp_path / "data", key=first.key)

    printed = "".join(second.printed)
    assert "API key" not in printed
    assert f'Nobody has signed in yet: "statflow users login-link --owner --data {second.data}"' in printed
    assert urllib3.request("GET", f"{second.url}/v1/stats", headers=first.bearer).status == 200
    second.stop()
    second.kill()


@pytest.mark.parametrize("options", [[], ["-k", "statflow_http.worker.LoopWorker"]], ids=["sync", "loop"])
def test_any_wsgi_server_can_run_it_by_its_factory(tmp_path, options):
    """``gunicorn "statflow_http:create_app()"``, as its own users start it."""
    data = tmp_path / "data"
    key = command("keys", "create", data=data).stdout.strip()
    log = tmp_path / "errors"
    with log.open("w") as errors:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "gunicorn", "--no-control-socket", "-b", "127.0.0.1:0"),
                *options,
                "statflow_http:create_app()",
            ],
            env=os.environ | {"STATFLOW_DATA": str(data)},
            stderr=errors,
        )
    try:
        until(lambda: "Listening at: " in log.read_text())
        url = re.search(r"Listening at: (http://\S+)", log.read_text())[1]
        assert urllib3.request("POST", f"{url}/ez", body=f"ezkey={key}&stat=a").data == OK
        beside = command("keys", "create", data=data).stdout.strip()
        assert urllib3.request("POST", f"{url}/ez", body=f"ezkey={beside}&stat=b").data == OK
        link = command("users", "login-link", "--owner", "--public-url", url, data=data).stdout.strip()
        assert urllib3.request("GET", link).status == 200
    finally:
        process.terminate()
        process.wait(60)
    assert process.returncode == 0
    assert "Traceback" not in log.read_text()
    with statflow_engine.open(data) as engine:
        assert engine.query("a", step="1h", namespace="owner:live").counts.sum() == 1

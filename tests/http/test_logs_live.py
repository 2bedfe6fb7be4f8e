"""What servers that really run print and log, whoever sends what: JSON lines, one a request, and nothing secret."""

import json

import pytest
import urllib3

from tests.http.live import serving
from tests.http.loop_server import Client, until
from tests.http.silence import BANNER, secrets_in

pytestmark = [pytest.mark.slow, pytest.mark.timeout(90)]


@pytest.mark.parametrize("worker", ["loop", "gthread"])
def test_each_request_is_a_line_of_json(tmp_path, worker):
    log = tmp_path / "access.log"
    command = ("statflow_http", "serve", "--worker", worker, "--log-format", "json", "--access-log", str(log))
    with serving(tmp_path / "data", command=command) as server:
        headers = server.bearer | {"X-Request-Id": "from-the-proxy", "Referer": f"http://x/?ukey={server.key}"}
        urllib3.request("POST", f"{server.url}/v1/stat", json={"stat": "a~x,y"}, headers=headers)
        urllib3.request("GET", f"{server.url}/c?ukey={server.key}&key=mails")
        urllib3.request("GET", f"{server.url}/x/{server.key}/statlist")
        urllib3.request("GET", f"{server.url}/x/OLDTOKEN/data/nothing", headers=headers)
        until(lambda: "nothing" in log.read_text())

    lines = [json.loads(line) for line in log.read_text().splitlines()]
    written = next(line for line in lines if line["path"] == "/v1/stat")
    assert (written["method"], written["status"], written["points"]) == ("POST", 200, 2)
    assert written["request_id"] == "from-the-proxy"
    assert 0 < written["duration_ms"] < 10_000
    assert written["client"] == "127.0.0.1"
    assert next(line for line in lines if line["path"] == "/c")["points"] == 1
    assert secrets_in(log.read_text()) == []
    assert "OLDTOKEN" not in log.read_text()
    assert "ukey" not in log.read_text()


@pytest.mark.parametrize("worker", ["loop", "gthread"])
def test_what_clients_do_wrong_puts_no_key_into_the_logs(tmp_path, worker):
    """The server prints its banner and perhaps warnings; the check of `live` reads all of it."""
    command = ("statflow_http", "serve", "--worker", worker, "--access-log", "-")
    with serving(tmp_path / "data", command=command) as server:
        key = server.key
        for request in (
            f"GET /ez?ezkey={key}&stat=a HTTP/9.9\r\n\r\n",
            f"GET /c?ukey={key}&key=a HTTP/1.1\r\nHost: x\r\nHost: {key}\r\n\r\n",
            f"{key} / HTTP/1.1\r\n\r\n",
            f"GET /x/{key}/statlist HTTP/1.1\r\nHost: x\r\nX-Request-Id: {key}\r\n\r\n",
            f"GET /v1/stat/{key} HTTP/1.1\r\nHost: x\r\nUser-Agent: {key}\r\nCookie: a={key}\r\n\r\n",
            f"GET /v1/stats HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {key}\r\n\r\n",
        ):
            with Client(server.port) as client:
                client.send(request.encode())
                client.socket.shutdown(1)
                answer = client.rest().decode("latin-1")
            if worker == "loop":  # gunicorn itself repeats a bad method to who sent it
                assert secrets_in(answer) == []
        until(lambda: any("/v1/stats" in line for line in server.printed))

    assert sum(line.startswith("API key: ") for line in server.printed) == 1
    assert all(BANNER.search(line) for line in server.printed if key in line)

"""Files by the form of the page through the server that people run: its own worker lays them on a disk as they come."""

import re
import time

import pytest
import urllib3

from statflow_http.accounts.people import People
from statflow_http.accounts.sessions import Sessions
from statflow_http.documents.store import Documents
from statflow_http.pages import visitors
from tests.http.live import serving

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

BOUNDARY = "----statflow"
ROWS = 200_000


@pytest.fixture
def server(tmp_path):
    with serving(tmp_path / "data") as running:
        yield running


@pytest.fixture
def headers(server):
    """Those of a browser in which the owner is signed in."""
    documents = Documents(server.data / "accounts")
    now_s = int(time.time())
    token = Sessions(documents).begin(People(documents).ensure_owner(now_s), now_s).token
    documents.close()
    return {"Cookie": f"{visitors.SESSION}={token}", "Accept": "text/html", "Origin": server.url}


def form(csrf, data):
    """The body of the form."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="csrf"\r\n\r\n{csrf}\r\n'
    head += f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="visits.csv"\r\n\r\n'
    return head.encode() + data + f"\r\n--{BOUNDARY}--\r\n".encode()


def ask(server, method, path, headers, body=None):
    with urllib3.PoolManager(retries=False, timeout=60.0) as http:
        return http.request(method, server.url + path, headers=headers, body=body, redirect=False)


def sent(server, headers, csrf, data):
    about = headers | {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    return ask(server, "POST", "/import", about, form(csrf, data))


def csrf_of(server, headers):
    page = ask(server, "GET", "/import", headers).data.decode()
    return re.search(r'name="csrf" value="(\w+)"', page)[1]


def test_a_file_of_some_megabytes_is_brought(server, headers):
    start_s = int(time.time()) // 60 * 60 - 60 * ROWS
    data = b"name,time,count\n" + b"".join(b"views,%d,1\n" % (start_s + 60 * row) for row in range(ROWS))

    answer = sent(server, headers, csrf_of(server, headers), data)

    assert answer.status == 303
    path = answer.headers["Location"]
    for _ in range(600):
        page = ask(server, "GET", path, headers).data.decode()
        if "data-follows" not in page:
            break
        time.sleep(0.1)
    assert "200,000" in page
    assert not any(path.is_file() for path in (server.data / "imports").iterdir())


def test_a_large_file_of_somebody_who_is_not_signed_in_is_not_taken(server, headers):
    answer = sent(server, headers | {"Cookie": ""}, "", b"x" * 3_000_000)

    assert answer.status == 303
    assert answer.headers["Location"] == "/login"
    assert not any(path.is_file() for path in (server.data / "imports").glob("*"))


def test_a_file_of_another_site_is_not_taken(server, headers):
    answer = sent(server, headers | {"Origin": "https://evil.example"}, csrf_of(server, headers), b"x" * 3_000_000)

    assert answer.status in (400, 403, 413)
    assert not any(path.is_file() for path in (server.data / "imports").glob("*"))

"""How much a client may send, and what it may say with it: limits of our worker, keep-alive, HEAD, 1.0, pipelining."""

import pytest

import statflow_engine
from statflow_http import create_app
from statflow_http.accounts.accounts import OWNER_ID
from tests.http.loop_server import Client, get, looping, post, until

OK = b'{"status":200,"msg":"ok"}'
TOO_LONG = 1024 * 1024 + 1


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    with statflow_engine.open(tmp_path_factory.mktemp("limits")) as engine:
        yield engine
        assert list(engine.check()) == []


@pytest.fixture(scope="module")
def app(engine):
    app = create_app(engine)
    app.services.accounts.ensure_owner(engine.now_s())
    yield app
    app.close()


@pytest.fixture(scope="module")
def key(app, engine):
    return app.services.keys.create(OWNER_ID, engine.now_s())


@pytest.fixture(scope="module")
def server(app):
    with looping(app) as server:
        yield server


@pytest.fixture
def client(server):
    with Client(server.port) as client:
        yield client


def request_line(size):
    """A request whose line has so many bytes."""
    return get("/" + "a" * (size - len("GET / HTTP/1.1")))


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (request_line(4_094), 404),
        (request_line(4_095), 414),
        (get("/", *["X-A: b"] * 99), 200),
        (get("/", *["X-A: b"] * 100), 431),
        (get("/", "X-A: " + "b" * 8_187), 200),
        (get("/", "X-A: " + "b" * 8_188), 431),
        (get("/", *["X-A: " + "b" * 8_000] * 4), 200),
        (get("/", *["X-A: " + "b" * 8_000] * 5), 431),
    ],
    ids=["line", "line+1", "fields", "fields+1", "field", "field+1", "head", "head+1"],
)
def test_a_head_may_be_so_large(client, request_, status):
    assert client.send(request_).answer()[0] == status


@pytest.mark.parametrize("beginning", [b"GET /", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nX-A: "])
def test_a_head_that_never_ends_is_refused_before_it_fills_the_memory(client, beginning):
    client.send(beginning)
    try:
        for _ in range(100):
            client.send(b"a" * 10_000)
        status = client.answer()[0]
    except (ConnectionResetError, BrokenPipeError):
        pytest.skip("the answer was lost with the connection, as it may be for who goes on sending")

    assert status in (400, 414, 431)


@pytest.mark.parametrize(
    ("path", "content_type", "limit"),
    [
        ("/ez", "application/x-www-form-urlencoded", 2**20),
        ("/ez", "application/json", 8 * 2**20),
        ("/c", "application/json", 2**20),
        ("/v1/stat", "application/json", 2**20),
        ("/v1/stat", "application/msgpack", 2**20),
        ("/v1/stats", "application/json", 8 * 2**20),
        ("/v1/stats", "application/msgpack", 64 * 2**20),
    ],
)
def test_a_body_that_says_it_is_too_long_is_refused_before_it_is_sent(client, key, path, content_type, limit):
    head = f"POST {path} HTTP/1.1\r\nContent-Type: {content_type}\r\nAuthorization: Bearer {key}\r\n"
    status, headers, body = client.send(f"{head}Content-Length: {limit + 1}\r\n\r\n".encode()).answer()

    assert status == 413
    assert b"limit %d bytes" % limit in body
    assert headers["connection"] == "close"


def test_who_sends_the_long_body_all_the_same_still_reads_the_answer(client):
    client.send(post("/ez", b"a" * TOO_LONG))

    assert client.answer()[0] == 413


def test_a_client_that_expects_to_be_told_sends_its_body_then(client, key):
    body = f"ezkey={key}&stat=expected".encode()
    client.send(post("/ez", body, "Expect: 100-continue").removesuffix(body))
    assert client.answer()[0] == 100
    assert client.send(body).answer()[::2] == (200, OK)


def test_a_client_whose_body_would_be_refused_is_told_so_at_once(client):
    head = f"POST /ez HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: {TOO_LONG}\r\n\r\n"

    assert client.send(head.encode()).answer()[0] == 413


def test_a_client_that_does_not_wait_is_told_nothing_in_between(client, key):
    client.send(post("/ez", f"ezkey={key}&stat=a".encode(), "Expect: 100-continue"))

    assert client.answer()[::2] == (200, OK)


def test_an_old_client_that_expects_something_is_not_told(client, key):
    body = f"ezkey={key}&stat=a".encode()
    client.send(post("/ez", body, "Expect: 100-continue", version="1.0").removesuffix(body))

    assert client.send(body).answer()[::2] == (200, OK)


def test_many_requests_share_a_connection(client, key):
    for _ in range(5):
        status, headers, body = client.send(post("/ez", f"ezkey={key}&stat=kept".encode())).answer()
        assert (status, body) == (200, OK)
        assert "connection" not in headers


def test_who_says_close_is_closed(client):
    status, headers, _ = client.send(get("/", "Connection: close")).answer()

    assert (status, headers["connection"]) == (200, "close")
    assert client.rest() == b""


def test_an_old_connection_ends_with_its_answer(client):
    _, headers, _ = client.send(get("/", version="1.0")).answer()

    assert headers["connection"] == "close"
    assert client.rest() == b""


def test_an_old_connection_is_kept_for_who_asks(client):
    for _ in range(2):
        status, headers, _ = client.send(get("/", "Connection: keep-alive", version="1.0")).answer()
        assert (status, headers["connection"]) == (200, "keep-alive")


def test_head_has_the_length_and_no_body(client):
    status, headers, _ = client.send(get("/", method="HEAD")).answer(is_head=True)
    assert (status, headers["content-length"]) == (200, "9")
    assert client.send(get("/")).answer()[2] == b"StatFlow\n"


def test_answers_come_in_the_order_of_the_requests(client, key, engine):
    """Reads run in threads and writes wait for commits, but on one connection each waits for the one before."""
    write = post("/v1/stat", b'{"stat":"ordered"}', f"Authorization: Bearer {key}")
    read = get("/v1/query?stat=ordered&step=1h&combine=sum", f"Authorization: Bearer {key}")
    client.send((write + read + get("/")) * 10)

    for number in range(1, 11):
        assert client.answer()[2] == b'{"msg":"ok"}'
        assert b'"value":%d.0' % number in client.answer()[2]
        assert client.answer()[2] == b"StatFlow\n"


def test_a_thousand_requests_at_once_are_answered_one_by_one(client, key):
    request = post("/ez", f"ezkey={key}&stat=many".encode())
    client.send(request * 1_000)

    assert [client.answer()[0] for _ in range(1_000)] == [200] * 1_000


def test_stray_bytes_behind_an_answered_request_close_the_connection(client, key, engine):
    """StatHat's Node client counts characters: the last byte of a name with an accent comes after the body."""
    request = post("/ez", f"ezkey={key}&stat=accent".encode())
    assert client.send(request).answer()[0] == 200

    client.send(b"\xa9" + request)

    assert client.rest() == b""
    assert engine.query("accent", step="1h", namespace="owner:live").counts.sum() == 1


def test_stray_bytes_that_come_with_a_request_are_told_in_its_answer(client, key):
    status, headers, _ = client.send(post("/ez", f"ezkey={key}&stat=accents".encode()) + b"\xa9").answer()

    assert (status, headers["connection"]) == (200, "close")
    assert client.rest() == b""


def test_when_there_are_too_many_connections_one_that_waits_makes_room(app):
    with looping(app, connections_max=5) as server, Client(server.port) as oldest:
        until(lambda: server.connection_count == 1)
        others = [Client(server.port) for _ in range(5)]
        assert oldest.rest() == b""
        for other in others:
            assert other.send(get("/")).answer()[0] == 200
            other.socket.close()


class Answering:
    """An app that answers what it is told to."""

    def __init__(self, status="200 OK", headers=(), chunks=(b"abc",)):
        self.answer = (status, list(headers), chunks)
        self.is_closed = False

    def __call__(self, environ, start_response):
        status, headers, chunks = self.answer
        start_response(status, headers)
        return chunks

    def once(self, request=None, **options):
        """One answer of it."""
        with looping(self) as server, Client(server.port) as client:
            return client.send(request or get("/")).answer(**options)


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        ("200 OK", [("X-A", "a\r\nSet-Cookie: b")]),
        ("200 OK", [("X-A", "a\nb")]),
        ("200 OK", [("X-A", "a\0b")]),
        ("200 OK", [("X-A", "\u2028")]),
        ("200 OK", [("X-A: b\r\nX-C", "d")]),
        ("200 OK", [("", "b")]),
        ("200 OK\r\nSet-Cookie: b", []),
        ("OK", []),
        ("", []),
        ("200 OK", [("Content-Length", "4")]),
    ],
)
def test_an_answer_that_would_break_its_frame_becomes_a_500(status, headers):
    answered, headers, body = Answering(status, headers).once()

    assert (answered, body) == (500, b'{"msg":"internal error"}')
    assert "set-cookie" not in headers


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_an_answer_without_a_body_has_no_length(status):
    with looping(Answering(status, [], [b""])) as server, Client(server.port) as client:
        for _ in range(2):
            assert "content-length" not in client.send(get("/")).answer(is_head=True)[1]


def test_the_server_decides_about_the_connection_and_not_the_app():
    headers = [("Connection", "close"), ("Transfer-Encoding", "chunked"), ("X-A", "b")]

    assert Answering("200 OK", headers).once()[1].keys() == {"x-a", "date", "content-length"}


def test_an_app_may_write():
    def app(environ, start_response):
        write = start_response("200 OK", [])
        write(b"a")
        write(b"b")
        return [b"c"]

    with looping(app) as server, Client(server.port) as client:
        for path in ("/", "/slow"):
            assert client.send(get(path)).answer()[2] == b"abc"


@pytest.mark.parametrize("path", ["/", "/slow"])
def test_an_app_that_raises_is_answered_for_and_the_next_request_is_served(path):
    def app(environ, start_response):
        if environ["QUERY_STRING"]:
            raise ZeroDivisionError
        start_response("200 OK", [])
        return [b"fine"]

    with looping(app) as server, Client(server.port) as client:
        assert client.send(get(f"{path}?bad")).answer()[0] == 500
        assert client.send(get(path)).answer()[2] == b"fine"


def test_each_answer_is_a_line_of_the_access_log(app):
    with looping(app) as server, Client(server.port) as client:
        client.send(get("/") + get("/nowhere?secret") + b"bad\r\n\r\n")
        client.answer()
        client.answer()
        until(lambda: len(server.log.lines) >= 2)
        assert server.log.lines[0] == ("GET", "/", "200 OK", 9)
        assert server.log.lines[1][:3] == ("GET", "/nowhere", "404 Not Found")

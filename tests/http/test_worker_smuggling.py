"""Requests that two programs could read differently, over real sockets: refused, by our worker as by gunicorn's own."""

import pytest

import statflow_engine
from statflow_http import create_app
from tests.http.live import serving
from tests.http.loop_server import Client, looping

HOST = b"Host: x\r\n"
PING = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"

# Name: (request, status)
REFUSED = {
    "length_and_coding": (
        b"POST /ez HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    "coding_and_length": (
        b"POST /ez HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        400,
    ),
    "unknown_coding": (b"POST /ez HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501),
    "chunked_is_not_last": (
        b"POST /ez HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        400,
    ),
    "coding_twice": (
        b"POST /ez HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    "coding_in_http_1_0": (b"POST /ez HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "lengths_that_differ": (
        b"POST /ez HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcde",
        400,
    ),
    "the_same_length_twice": (
        b"POST /ez HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nabcde",
        400,
    ),
    "length_with_plus": (b"POST /ez HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\nabcde", 400),
    "negative_length": (b"POST /ez HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\nabcde", 400),
    "list_of_lengths": (b"POST /ez HTTP/1.1\r\nHost: x\r\nContent-Length: 5, 5\r\n\r\nabcde", 400),
    "length_in_hex": (b"POST /ez HTTP/1.1\r\nHost: x\r\nContent-Length: 0x5\r\n\r\nabcde", 400),
    "space_before_colon": (b"POST /ez HTTP/1.1\r\nHost: x\r\nContent-Length : 5\r\n\r\nabcde", 400),
    "folded_line": (b"POST /ez HTTP/1.1\r\nHost: x\r\nX-A: a\r\n b\r\nContent-Length: 5\r\n\r\nabcde", 400),
    "bare_line_feeds": (b"POST /ez HTTP/1.1\nHost: x\nContent-Length: 5\n\nabcde", 400),
    "one_bare_line_feed": (b"GET /ez HTTP/1.1\r\nHost: x\nX-A: b\r\n\r\n", 400),
    "bare_carriage_return": (b"GET /ez HTTP/1.1\r\nHost: x\rX-A: b\r\n\r\n", 400),
    "nul_in_a_header": (b"GET /ez HTTP/1.1\r\nHost: x\r\nX-A: a\0b\r\n\r\n", 400),
    "no_header_name": (b"GET /ez HTTP/1.1\r\nHost: x\r\n: b\r\n\r\n", 400),
    "bad_header_name": (b"GET /ez HTTP/1.1\r\nHost: x\r\nX(A: b\r\n\r\n", 400),
    "two_hosts": (b"GET /ez HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400),
    "version_3": (b"GET /ez HTTP/3.0\r\nHost: x\r\n\r\n", 400),
    "version_2": (b"GET /ez HTTP/2.0\r\nHost: x\r\n\r\n", 400),
    "preface_of_http_2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "no_version": (b"GET /ez\r\n\r\n", 400),
    "long_version": (b"GET /ez HTTP/1.10\r\nHost: x\r\n\r\n", 400),
    "method_in_lower_case": (b"get /ez HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "unknown_expectation": (b"POST /ez HTTP/1.1\r\nHost: x\r\nExpect: 200-ok\r\nContent-Length: 5\r\n\r\nabcde", 417),
}

# What only our worker does so; gunicorn waits for more of some of these, or passes them on.
REFUSED_BY_OURS = {
    "chunked": (b"POST /ez HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na=b\r\n0\r\n\r\n", 411),
    "chunked_with_a_bad_size": (
        b"POST /ez HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\na=b\r\n0\r\n\r\n",
        411,
    ),
    "not_http": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    "unknown_method": (b"FOO / HTTP/1.1\r\nHost: x\r\n\r\n", 405),
    "tunnel": (b"CONNECT example.com:80 HTTP/1.1\r\nHost: x\r\n\r\n", 405),
    "two_authorizations": (b"GET /ez HTTP/1.1\r\nAuthorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n", 400),
    "empty_length": (b"POST /ez HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n\r\n", 400),
    "length_beyond_64_bits": (b"POST /ez HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n", 400),
}

ACCEPTED = {
    "no_host": b"GET / HTTP/1.1\r\n\r\n",
    "http_1_0": b"GET / HTTP/1.0\r\n\r\n",
    "absolute_target": b"GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n",
    "header_with_underscores": b"GET / HTTP/1.1\r\nHost: x\r\nX_Forwarded_For: 1.2.3.4\r\n\r\n",
    "empty_header": b"GET / HTTP/1.1\r\nHost: x\r\nX-A:\r\n\r\n",
    "tab_in_a_header": b"GET / HTTP/1.1\r\nHost: x\r\nX-A: a\tb\r\n\r\n",
    "latin_1_in_a_header": b"GET / HTTP/1.1\r\nHost: x\r\nX-A: \xe9\r\n\r\n",
    "empty_line_before": b"\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "upgrade_that_is_ignored": b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
}


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    """The whole app under our worker, in this process."""
    with statflow_engine.open(tmp_path_factory.mktemp("ours")) as engine:
        app = create_app(engine)
        with looping(app) as server:
            yield server.port
        app.close()


@pytest.fixture(scope="module")
def gthread(tmp_path_factory):
    """The same under gunicorn's threads, in processes of their own."""
    command = ("statflow_http", "serve", "--worker", "gthread")
    with serving(tmp_path_factory.mktemp("gthread") / "data", command=command) as server:
        yield server.port


@pytest.fixture(params=["ours", pytest.param("gthread", marks=pytest.mark.slow)])
def port(request):
    """Either of them."""
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("name", REFUSED)
def test_what_may_be_smuggled_is_refused_and_ends_the_connection(port, name):
    request, status = REFUSED[name]
    with Client(port) as client:
        answered, headers, _ = client.send(request).answer()

        assert answered == status
        assert headers["connection"] == "close"
        assert client.rest() == b""


@pytest.mark.parametrize("name", REFUSED)
def test_nothing_behind_a_refused_request_is_read(port, name):
    request, status = REFUSED[name]
    with Client(port) as client:
        assert client.send(request + PING * 3).answer()[0] == status
        assert b"200 OK" not in client.rest()


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_is_only_unusual_is_served(port, name):
    with Client(port) as client:
        assert client.send(ACCEPTED[name]).answer()[0] == 200


@pytest.fixture(scope="module")
def echo():
    """Our worker before an app that tells what it got."""

    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        told = {name: value for name, value in environ.items() if name.isupper()}
        return [repr((told, environ["wsgi.url_scheme"], environ["wsgi.input"].read())).encode()]

    with looping(app) as server:
        yield server.port


def told(port, request):
    """(environ, scheme, body) as the app got them."""
    with Client(port) as client:
        return eval(client.send(request).answer()[2])  # of our own repr


@pytest.mark.parametrize("name", REFUSED_BY_OURS)
def test_our_worker_refuses_more(ours, name):
    request, status = REFUSED_BY_OURS[name]
    with Client(ours) as client:
        answered, headers, _ = client.send(request + PING).answer()
        assert (answered, headers["connection"]) == (status, "close")
        assert client.rest() == b""


def test_a_chunked_body_is_never_read(port):
    """That it is 411 says the app; gunicorn's threads then read on, ours close."""
    with Client(port) as client:
        request, status = REFUSED_BY_OURS["chunked"]
        assert client.send(request).answer()[0] == status


def test_a_header_with_underscores_is_dropped(echo):
    environ, _, _ = told(echo, b"GET / HTTP/1.1\r\nX_Forwarded_For: 6.6.6.6\r\nX-Forwarded-For: 1.1.1.1\r\n\r\n")

    assert environ["HTTP_X_FORWARDED_FOR"] == "1.1.1.1"


def test_the_environ_is_that_of_wsgi(echo):
    request = b"POST /a%2Fb/%C3%A9?x=1%20%&y=%C3%A9#z HTTP/1.1\r\nHost: h:1\r\nX-A: 1\r\nX-A: 2\r\nContent-Type: t\r\n"
    environ, scheme, body = told(echo, request + b"Cookie: a\r\nCookie: b\r\nContent-Length: 3\r\n\r\nabc")

    assert environ["REQUEST_METHOD"] == "POST"
    assert environ["PATH_INFO"] == "/a/b/Ã©"  # the bytes of UTF-8, as latin-1
    assert environ["QUERY_STRING"] == "x=1%20%&y=%C3%A9"
    assert environ["SCRIPT_NAME"] == ""
    assert environ["SERVER_PROTOCOL"] == "HTTP/1.1"
    assert environ["CONTENT_TYPE"] == "t"
    assert environ["CONTENT_LENGTH"] == "3"
    assert environ["HTTP_HOST"] == "h:1"
    assert environ["HTTP_X_A"] == "1,2"
    assert environ["HTTP_COOKIE"] == "a; b"
    assert environ["REMOTE_ADDR"] == "127.0.0.1"
    assert environ["SERVER_PORT"] == str(echo)
    assert "HTTP_CONTENT_LENGTH" not in environ
    assert (scheme, body) == ("http", b"abc")


@pytest.mark.parametrize(
    ("headers", "scheme"),
    [
        (b"X-Forwarded-Proto: https\r\n", "https"),
        (b"X-Forwarded-Ssl: on\r\n", "https"),
        (b"X-Forwarded-Proto: http\r\n", "http"),
        (b"X-Forwarded-Proto: gopher\r\n", "http"),
    ],
)
def test_a_proxy_on_this_machine_is_believed_about_tls(echo, headers, scheme):
    assert told(echo, b"GET / HTTP/1.1\r\n" + headers + b"\r\n")[1] == scheme


def test_a_proxy_that_contradicts_itself_is_refused(echo):
    with Client(echo) as client:
        request = b"GET / HTTP/1.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Ssl: off\r\n\r\n"
        assert client.send(request).answer()[0] == 400


def test_a_body_behind_an_upgrade_is_no_request(echo):
    """llhttp leaves it to us, since the protocol might have changed."""
    inner = b"GET /inner HTTP/1.1\r\n\r\n"
    head = b"POST /outer HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: %d\r\n\r\n" % len(inner)
    for parts in ([head + inner + PING], [head, inner, PING], [head + inner[:5], inner[5:] + PING]):
        with Client(echo) as client:
            for part in parts:
                client.send(part)
            environ, _, body = eval(client.answer()[2])
            assert (environ["PATH_INFO"], body) == ("/outer", inner)
            environ, _, body = eval(client.answer()[2])
            assert (environ["PATH_INFO"], body) == ("/", b"")


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50])
def test_how_the_bytes_are_cut_changes_nothing(echo, size):
    requests = b"POST /a?b HTTP/1.1\r\nX-A: b\r\nContent-Length: 3\r\n\r\nabc" + b"GET /c HTTP/1.1\r\n\r\n"
    with Client(echo) as client:
        for start in range(0, len(requests), size):
            client.send(requests[start : start + size])
        environ, _, body = eval(client.answer()[2])
        assert (environ["PATH_INFO"], environ["QUERY_STRING"], environ["HTTP_X_A"], body) == ("/a", "b", "b", b"abc")
        assert eval(client.answer()[2])[0]["PATH_INFO"] == "/c"

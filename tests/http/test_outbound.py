"""Requests to addresses that other people chose: which are refused, and what is done with answers."""

import contextlib
import http.server
import ipaddress
import socket
import ssl
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from statflow_http import outbound
from statflow_http.outbound import AddressError, Guard, Outbound, OutboundError, target

PRIVATE = [
    "http://127.0.0.1/",
    "http://127.1/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0177.0.0.1/",
    "http://localhost/",
    "http://0/",
    "http://10.1.2.3/",
    "http://172.16.0.1/",
    "http://192.168.1.1/",
    "http://100.64.0.1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://224.0.0.1/",
    "http://255.255.255.255/",
    "http://[::1]/",
    "http://[::]/",
    "http://[::ffff:169.254.169.254]/",
    "http://[::ffff:7f00:1]/",
    "http://[::7f00:1]/",
    "http://[64:ff9b::a9fe:a9fe]/",
    "http://[64:ff9b:1::7f00:1]/",
    "http://[2002:7f00:1::]/",
    "http://[fe80::1]/",
    "http://[fc00::1]/",
    "https://127.0.0.1/",
]
PUBLIC = ["93.184.216.34", "1.1.1.1", "2606:4700:4700::1111", "64:ff9b::101:101", "::ffff:1.1.1.1"]


def asked(url, guard=None, **options):
    client = Outbound(guard or Guard(), connect_s=2, read_s=2)
    try:
        return client.request("GET", url, **({"bytes_max": 1_000, "total_s": 5} | options))
    finally:
        client.close()


@pytest.fixture
def server():
    """A server of this machine; its answer is what ``server.answer`` writes."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.seen.append((self.path, self.headers.get("Host")))
            self.server.connections.add(self.client_address)
            self.server.answer(self)

        def log_message(self, *_):
            pass

    served = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.seen, served.connections = [], set()
    thread = threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield served
    served.shutdown()
    thread.join()
    served.server_close()


def whole(body, status=200, headers=()):
    def answer(handler):
        handler.send_response(status)
        for name, value in headers:
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


@pytest.mark.parametrize("url", PRIVATE)
def test_an_address_of_the_operators_own_network_is_not_allowed(url):
    with pytest.raises(AddressError, match="^address is not allowed: it is private; `--allow-private`"):
        asked(url)


@pytest.mark.parametrize("address", PUBLIC)
def test_the_public_internet_is_allowed(address):
    assert Guard().allows(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("ftp://example.com/", "http:// or https://"),
        ("file:///etc/passwd", "http:// or https://"),
        ("example.com", "http:// or https://"),
        ("http:///x", "no host"),
        ("http://name:word@example.com/", "name and a password"),
        ("http://exa mple/", "cannot be understood"),
        ("", "http:// or https://"),
    ],
)
def test_what_is_no_url_of_the_web_is_refused(url, text):
    with pytest.raises(outbound.RequestError, match=text):
        target(url)


def test_an_operator_may_allow_all_or_some_networks(server):
    server.answer = whole(b"hello")
    url = f"http://127.0.0.1:{server.server_port}/a?b=c"

    assert asked(url, Guard(allow_private=True)).body == b"hello"
    assert asked(url, Guard(networks=(ipaddress.ip_network("127.0.0.0/8"),))).body == b"hello"
    assert server.seen == [("/a?b=c", f"127.0.0.1:{server.server_port}")] * 2
    with pytest.raises(AddressError):
        asked(url, Guard(networks=(ipaddress.ip_network("10.0.0.0/8"),)))


def test_the_connection_goes_to_the_address_that_was_looked_at(server, monkeypatch):
    """DNS rebinding: the first answer is allowed, the second one is not. There must be no second question."""
    server.answer = whole(b"hello")
    questions, looked_at = [], []

    def resolver(host, port, **_):
        questions.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"127.0.0.{len(questions)}", server.server_port))]

    class FirstOnly(Guard):
        def allows(self, address):
            looked_at.append(str(address))
            return str(address) == "127.0.0.1"

    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    reply = asked("http://rebinding.example/", FirstOnly())

    assert reply.body == b"hello"
    assert questions == ["rebinding.example"]
    assert looked_at == ["127.0.0.1"]
    assert [host for _, host in server.seen] == ["rebinding.example"]


def test_one_private_address_among_public_ones_is_refused(monkeypatch):
    places = [("93.184.216.34", 80), ("10.0.0.1", 80)]
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", place) for place in places]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)

    with pytest.raises(AddressError):
        asked("http://both.example/")


def test_a_redirect_is_an_answer_and_not_followed(server):
    server.answer = whole(b"", 302, [("Location", f"http://127.0.0.1:{server.server_port}/elsewhere")])

    reply = asked(f"http://127.0.0.1:{server.server_port}/", Guard(allow_private=True))

    assert reply.status == 302
    assert [path for path, _ in server.seen] == ["/"]


def test_an_answer_is_read_up_to_its_limit(server):
    server.answer = whole(b"x" * 2_000)
    url = f"http://127.0.0.1:{server.server_port}/"

    assert len(asked(url, Guard(allow_private=True), bytes_max=2_000).body) == 2_000
    with pytest.raises(OutboundError, match="longer than 1999 bytes"):
        asked(url, Guard(allow_private=True), bytes_max=1_999)


class DrippingServer:
    """Answers every connection with a beginning at once, and then with a byte every 20 ms, for ever."""

    def __init__(self, beginning, *, drop=b"x"):
        self._beginning = beginning
        self._drop = drop
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    @property
    def place(self):
        return f"127.0.0.1:{self._listening.getsockname()[1]}"

    def _serve(self):
        try:
            connection, _ = self._listening.accept()
        except OSError:
            return
        with connection, contextlib.suppress(OSError):
            connection.recv(65_536)
            connection.sendall(self._beginning)
            while True:
                connection.sendall(self._drop)
                time.sleep(0.02)

    def close(self):
        self._listening.close()
        self._thread.join()


DRIPPING = {
    "a body of no told length": ("http", b"HTTP/1.1 200 OK\r\n\r\n", b"x"),
    "a body of a told length": ("http", b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b"x"),
    "a body in chunks": ("http", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    "a body in large pieces": ("http", b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 70_000),
    "a header": ("http", b"HTTP/1.1 200 OK\r\nX: ", b"x"),
    "short headers": ("http", b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
    "a status": ("http", b"", b"H"),
    # A handshake of TLS, whose first record never ends.
    "a handshake": ("https", b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc\x03\x03", b"\0"),
}


@pytest.mark.parametrize("dripping", DRIPPING)
def test_an_answer_that_drips_is_given_up(dripping):
    """However small the drops are, and whatever it is that drips."""
    scheme, beginning, drop = DRIPPING[dripping]
    server = DrippingServer(beginning, drop=drop)
    began = time.monotonic()

    with pytest.raises(OutboundError, match=f"^{outbound.TOO_LONG}$"):
        asked(f"{scheme}://{server.place}/", Guard(allow_private=True), bytes_max=100_000_000, total_s=0.3)
    assert time.monotonic() - began < 1.5
    server.close()


def test_the_time_limit_holds_on_a_kept_connection_too(server):
    """And is that of each request: the one before may have taken as long."""

    def dripping(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        with contextlib.suppress(OSError):
            for _ in range(1_000):
                handler.wfile.write(b"x")
                time.sleep(0.02)

    server.RequestHandlerClass.protocol_version = "HTTP/1.1"
    url = f"http://127.0.0.1:{server.server_port}/"
    client = Outbound(Guard(allow_private=True), connect_s=2, read_s=2)
    server.answer = whole(b"hello")
    for _ in range(3):
        time.sleep(0.2)
        assert client.request("GET", url, bytes_max=1_000, total_s=0.3).body == b"hello"
    server.answer = dripping
    began = time.monotonic()

    with pytest.raises(OutboundError, match=outbound.TOO_LONG):
        client.request("GET", url, bytes_max=1_000, total_s=0.3)
    assert time.monotonic() - began < 1.5
    assert len(server.connections) == 1
    client.close()


def test_several_threads_have_time_limits_of_their_own(server):
    server.answer = lambda handler: (time.sleep(0.5), whole(b"hello")(handler))
    url = f"http://127.0.0.1:{server.server_port}/"
    client = Outbound(Guard(allow_private=True), connect_s=2, read_s=2)

    def tried(total_s):
        try:
            return client.request("GET", url, bytes_max=1_000, total_s=total_s).body
        except OutboundError as error:
            return str(error)

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(tried, [0.1, 5, 0.1, 5])) == [outbound.TOO_LONG, b"hello"] * 2
    client.close()


def test_an_answer_that_breaks_off_is_an_error(server):
    def half(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.write(b"x")

    server.answer = half

    with pytest.raises(OutboundError, match="breaks off"):
        asked(f"http://127.0.0.1:{server.server_port}/", Guard(allow_private=True))


def test_who_does_not_listen_or_exist_is_told_without_a_traceback():
    with pytest.raises(OutboundError, match="does not answer"):
        asked("http://127.0.0.1:1/", Guard(allow_private=True))
    with pytest.raises(OutboundError, match="has no address"):
        asked("http://name.invalid/")


def test_tls_checks_the_name_although_the_connection_is_ours(tmp_path):
    """A certificate of nobody's: were the check off, the handshake would succeed."""
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        f"openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=x -keyout {key} -out {cert}".split(),
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    listening = socket.create_server(("127.0.0.1", 0))

    def accept():
        connection, _ = listening.accept()
        try:
            context.wrap_socket(connection, server_side=True)
        except OSError:
            pass  # the client refuses the certificate
        connection.close()

    thread = threading.Thread(target=accept)
    thread.start()
    with pytest.raises(OutboundError, match="SSLError"):
        asked(f"https://127.0.0.1:{listening.getsockname()[1]}/", Guard(allow_private=True))
    thread.join()
    listening.close()

"""Bodies that our worker writes to a disk: files to import, larger than memory should hold."""

import hashlib
import threading
import time

import pytest

from statflow_http.worker import hub, uploads
from statflow_http.worker.limits import BODIES_BYTES_MAX, UPLOAD_WAITING_MAX, UPLOADS_MAX
from tests.http.loop_server import Client, looping

MIB = 1 << 20
PIECE = bytes(range(256)) * 4_096
LIMIT_S = 30.0


class ImportingApp:
    """An app that takes uploads, and tells what came."""

    def __init__(self, folder):
        self.upload_folder = folder
        self.is_allowed = True
        self.asked = []
        self.goes_on = threading.Event()
        self.goes_on.set()

    def accepts_upload(self, environ):
        self.asked.append(environ["PATH_INFO"])
        return self.is_allowed

    def __call__(self, environ, start_response):
        body = environ["wsgi.input"]
        digest, size = hashlib.blake2b(), 0
        if environ["PATH_INFO"] == "/v1/imports":
            assert self.goes_on.wait(LIMIT_S)
            while piece := body.read(MIB):
                digest.update(piece)
                size += len(piece)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [f"{size} {digest.hexdigest()} {type(body).__name__}".encode()]


@pytest.fixture
def app(tmp_path):
    return ImportingApp(tmp_path)


def head(size, *, content_type="text/csv", extra=""):
    return (
        f"POST /v1/imports HTTP/1.1\r\nHost: x\r\nContent-Type: {content_type}\r\nContent-Length: {size}\r\n{extra}\r\n"
    ).encode()


def upload(client, count):
    """So many pieces; the answer."""
    client.send(head(count * len(PIECE)))
    for _ in range(count):
        client.send(PIECE)
    return client.answer()


def digest_of(count):
    return hashlib.blake2b(PIECE * count).hexdigest()


def until(condition):
    ends = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.01)


def test_an_upload_arrives_whole_and_by_way_of_a_disk(app):
    with looping(app) as server, Client(server.port) as client:
        status, _, body = upload(client, 20)

        assert (status, body.decode()) == (200, f"{20 * MIB} {digest_of(20)} UploadInput")


def test_more_than_all_bodies_together_may_hold_in_memory_can_be_uploaded(app):
    count = BODIES_BYTES_MAX // MIB + 20
    with looping(app) as server, Client(server.port, timeout_s=60) as client:
        status, _, body = upload(client, count)

        assert status == 200
        assert body.decode().startswith(f"{count * MIB} {digest_of(count)}")
        assert server.hub._bodies_size == 0


def test_a_connection_goes_on_behind_an_upload(app):
    with looping(app) as server, Client(server.port) as client:
        assert upload(client, 2)[2].decode().startswith(f"{2 * MIB} {digest_of(2)}")
        assert upload(client, 1)[2].decode().startswith(f"{MIB} {digest_of(1)}")
        client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.answer()[0] == 200


def test_a_small_file_and_json_stay_in_memory(app):
    with looping(app) as server, Client(server.port) as client:
        client.send(head(100) + b"x" * 100)
        assert client.answer()[2].decode().endswith("BytesIO")
        client.send(head(100_000, content_type="application/json") + b"x" * 100_000)
        assert client.answer()[2].decode().endswith("BytesIO")


def test_who_may_not_upload_is_answered_before_the_body_is_read(app):
    """The app says so in its own words; nothing is written anywhere."""
    app.is_allowed = False
    with looping(app) as server, Client(server.port) as client:
        client.send(head(500 * MIB))
        status, headers, body = client.answer()

        assert (status, headers["connection"]) == (200, "close")
        assert body.decode().startswith("0 ")


def test_an_app_that_takes_no_uploads_gets_none(app):
    del ImportingApp.accepts_upload
    try:
        with looping(app) as server, Client(server.port) as client:
            client.send(head(500 * MIB))
            assert client.answer()[2].decode().startswith("0 ")
    finally:
        ImportingApp.accepts_upload = lambda self, environ: self.is_allowed


def test_other_paths_have_their_own_limits_still(app):
    with looping(app) as server, Client(server.port) as client:
        client.send(head(2 * MIB).replace(b"/v1/imports", b"/v1/stat"))
        assert client.answer()[1]["connection"] == "close"


def test_100_continue_comes_before_an_upload(app):
    with looping(app) as server, Client(server.port) as client:
        client.send(head(len(PIECE), extra="Expect: 100-continue\r\n"))
        assert client.answer()[0] == 100
        client.send(PIECE)
        assert client.answer()[2].decode().startswith(f"{MIB} {digest_of(1)}")


def test_a_few_uploads_at_a_time_and_one_more_is_told_to_wait(app):
    app.goes_on.clear()
    with looping(app, threads=1) as server:
        clients = [Client(server.port) for _ in range(UPLOADS_MAX)]
        for client in clients:
            client.send(head(len(PIECE)) + PIECE)
        until(lambda: server.hub.upload_count == UPLOADS_MAX)
        with Client(server.port) as late:
            late.send(head(len(PIECE)))
            status, headers, body = late.answer()
            assert (status, headers["retry-after"]) == (503, "30")
            assert b"too many uploads at once" in body
        app.goes_on.set()
        for client in clients:
            assert client.answer()[0] == 200
            client.socket.close()
        until(lambda: server.hub.upload_count == 0)


def test_of_a_client_that_leaves_in_the_middle_nothing_is_left(app, tmp_path):
    with looping(app) as server:
        with Client(server.port) as client:
            client.send(head(10 * len(PIECE)) + PIECE * 3)
            until(lambda: server.hub.upload_count == 1)
        until(lambda: server.hub.upload_count == 0)
        assert server.hub._bodies_size == 0
    assert list(tmp_path.iterdir()) == []


def test_a_client_that_stalls_is_given_up(app):
    with looping(app, body_s=0.05) as server, Client(server.port) as client:
        client.send(head(10 * len(PIECE)) + PIECE[:10])
        assert client.answer()[0] == 408


class StoppedDisk(uploads.Upload):
    """A disk that does not come to an end of a write until it is let."""

    goes_on = threading.Event()

    def _write(self, pieces):
        assert self.goes_on.wait(LIMIT_S)
        super()._write(pieces)


def test_a_slow_disk_holds_up_the_one_who_uploads_and_nobody_else(app, monkeypatch):
    """While a write lasts, others are served, and each turn of the loop might have read more of the upload."""
    monkeypatch.setattr(hub, "Upload", StoppedDisk)
    monkeypatch.setattr(StoppedDisk, "goes_on", threading.Event())
    with looping(app) as server, Client(server.port, timeout_s=60) as client, Client(server.port) as other:
        answers = []
        thread = threading.Thread(target=lambda: answers.append(upload(client, 64)))
        thread.start()
        try:
            until(lambda: waiting(server) >= UPLOAD_WAITING_MAX)
            for _ in range(100):
                other.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                assert other.answer()[0] == 200
            most = waiting(server)
        finally:
            StoppedDisk.goes_on.set()
            thread.join()

        assert answers[0][2].decode().startswith(f"{64 * MIB} {digest_of(64)}")
        assert most < UPLOAD_WAITING_MAX + 2 * MIB


def waiting(server):
    """Bytes of uploads that are not on the disk yet."""
    return sum(each.waiting for each in list(server.hub._uploads))


class FullDisk(uploads.Upload):
    """A disk that has no room after a while."""

    def _write(self, pieces):
        try:
            raise OSError(28, "No space left on device")
        except OSError as error:
            self.error = error


def test_a_full_disk_is_the_apps_to_tell(app, monkeypatch):
    monkeypatch.setattr(hub, "Upload", FullDisk)
    with looping(app) as server, Client(server.port) as client:
        assert upload(client, 2)[0] == 500  # this app does not say what ours says

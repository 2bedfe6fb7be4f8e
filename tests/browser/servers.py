"""Servers in threads of the test: the app on a real socket, and pages of other origins."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server


class ThreadingServer(ThreadingMixIn, WSGIServer):
    """A browser keeps several connections open at once."""

    daemon_threads = True


class QuietHandler(WSGIRequestHandler):
    """No line on stderr for each request."""

    def log_message(self, format, *args):
        pass


@contextmanager
def serving_app(app: Callable) -> Iterator[str]:
    """The address of a server that answers with a WSGI app."""
    server = make_server("127.0.0.1", 0, app, server_class=ThreadingServer, handler_class=QuietHandler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class ForeignSite:
    """Pages of another origin.

    Attributes:
        files: what is at which path: (content type, text).
        headers: of every answer, such as a Content-Security-Policy.
        url: its address, by another name than StatFlow's, so that it is another site and not just another port.
    """

    def __init__(self):
        self.files: dict[str, tuple[str, str]] = {}
        self.headers: dict[str, str] = {}
        self.url = ""

    def page(self, path, body, *, head=""):
        """Put a page there; its address."""
        self.files[path] = ("text/html; charset=utf-8", f"<!DOCTYPE html><title>foreign</title>{head}<body>{body}")
        return self.url + path

    def script(self, path, text):
        """Put a script there; its path."""
        self.files[path] = ("text/javascript; charset=utf-8", text)
        return path

    def __call__(self, environ, start_response):
        found = self.files.get(environ["PATH_INFO"])
        if found is None:
            # Browsers ask for /favicon.ico by themselves, and call a 404 for it an error.
            start_response("204 No Content", [])
            return [b""]
        start_response("200 OK", [("Content-Type", found[0]), *self.headers.items()])
        return [found[1].encode()]

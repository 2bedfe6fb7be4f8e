"""Real receivers: a web server that takes webhooks, and a mail server."""

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from aiosmtpd.controller import Controller


class WebhookServer:
    """Takes webhooks on a real socket, and remembers them.

    Until `listen`, when it is made with ``is_up=False``, connections are refused, and nobody else gets the port.

    Attributes:
        status: what it answers.
        body: the same.
        got: (headers, body) of what was answered with 2xx.
        refused: the same of the rest.
    """

    def __init__(self, *, is_up=True, status=204, body=b""):
        self.status, self.body = status, body
        self.got, self.refused = [], []
        self.is_slow = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if outer.is_slow.is_set():
                    outer.released.wait(60)
                status = outer.status
                (outer.got if status < 300 else outer.refused).append((dict(self.headers), body))
                self.send_response(status)
                self.send_header("Content-Length", str(len(outer.body)))
                self.end_headers()
                self.wfile.write(outer.body)

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True
            request_queue_size = 50

            def handle_error(self, request, client_address):
                """Whoever hangs up early is no error of ours."""

        self.released = threading.Event()
        self._server = Server(("127.0.0.1", 0), Handler, bind_and_activate=False)
        self._server.server_bind()
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/hook"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        if is_up:
            self.listen()

    def listen(self):
        """Take what comes from now on."""
        self._server.server_activate()
        self._thread.start()

    def close(self):
        self.released.set()
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    @property
    def documents(self):
        return [json.loads(body) for _, body in self.got]

    @property
    def ids(self):
        return [headers["webhook-id"] for headers, _ in self.got]

    def events(self):
        """(id of the message, what it says of one alert) of everything that was taken, digests taken apart."""
        for headers, body in self.got:
            document = json.loads(body)
            for each in document["data"].get("alerts", [document["data"]]):
                yield headers["webhook-id"], each

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Mailbox:
    """aiosmtpd's handler: keeps what comes.

    Attributes:
        got: (sender, recipients, bytes).
        answer: to each mail.
        refused: recipients that are not known here.
    """

    def __init__(self):
        self.got = []
        self.answer = "250 OK"
        self.refused = set()

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address in self.refused:
            return "550 no such user here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if self.answer.startswith("250"):
            self.got.append((envelope.mail_from, envelope.rcpt_tos, envelope.content))
        return self.answer


class OwnPort(Controller):
    """aiosmtpd on whatever port is free: it can be told only a number, which may be taken until it binds it."""

    def __init__(self, handler, **options):
        self._socket = socket.create_server(("127.0.0.1", 0))
        super().__init__(
            handler, hostname="127.0.0.1", port=self._socket.getsockname()[1], ready_timeout=30.0, **options
        )

    def _create_server(self):
        return self.loop.create_server(self._factory_invoker, sock=self._socket, ssl=self.ssl_context)


class MailServer:
    """A real SMTP server on a port of its own."""

    def __init__(self, **options):
        self.box = Mailbox()
        self._controller = OwnPort(self.box, **options)
        self.port = self._controller.port

    def __enter__(self):
        self._controller.start()
        return self

    def __exit__(self, *_):
        self._controller.stop()

"""The watch: one of several, at once and then every interval, handed on when its process stops."""

import fcntl
import os
import signal
import threading

import pytest

import statflow_engine
from statflow_engine import StoreError
from statflow_http import create_app
from statflow_http.alerts import watch
from statflow_http.alerts.evaluation import Lease
from statflow_http.alerts.options import INTERVAL_S, AlertOptions, of_environment
from statflow_http.alerts.watch import LOCK_NAME
from statflow_http.cli.main import main
from tests.alerts.conftest import World
from tests.http.loop_server import until


class Server:
    """An app over a store of its own that has a watch, as a worker has."""

    def __init__(self, folder, interval_s=1.0):
        self.engine = statflow_engine.open(folder)
        self.app = create_app(self.engine, allow_private=True, alerts=AlertOptions(interval_s=interval_s))
        self.world = World(self.app, self.engine, None)
        self.watch = self.app.services.alerts

    def close(self):
        self.app.close()
        self.engine.close()


@pytest.fixture
def server(tmp_path):
    found = Server(tmp_path)
    yield found
    found.close()


@pytest.fixture
def server_every(tmp_path):
    """Makes the server, with an interval of its own."""
    made = []

    def make(interval_s):
        made.append(Server(tmp_path, interval_s))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_it_looks_at_once_and_delivers(server_every, hook):
    """The next look would be in an hour."""
    server = server_every(3_600.0)
    server.world.webhook(hook.url)
    server.world.count(100)
    rule = server.world.rule()
    server.watch.start()
    until(lambda: hook.got)

    assert server.world.state(rule) == "firing"


def test_it_looks_again_every_interval(server_every, hook):
    """A short one: the usual interval would be over after the test's patience."""
    server = server_every(0.05)
    server.world.webhook(hook.url)
    server.world.count(1)
    server.world.rule()
    server.watch.start()
    until(server.app.services.metrics.alert_seen)
    server.world.count(100)
    until(lambda: hook.got, limit_s=INTERVAL_S - 1)


class SeenLocks:
    """The system's locks; how often one was refused."""

    def __init__(self):
        self.refused = 0

    def __getattr__(self, name):
        return getattr(fcntl, name)

    def flock(self, *arguments):
        try:
            fcntl.flock(*arguments)
        except BlockingIOError:
            self.refused += 1
            raise


def test_only_one_process_watches_and_the_next_one_takes_over(server, monkeypatch):
    """The other process is a fork that holds the lock as a watch does."""
    locks = SeenLocks()
    monkeypatch.setattr(watch, "fcntl", locks)
    path = server.engine.path / LOCK_NAME
    pid = os.fork()
    if pid == 0:  # pragma: no cover
        file = path.open("ab")
        fcntl.flock(file, fcntl.LOCK_EX)
        signal.pause()
    until(lambda: locked(path))
    server.watch.start()
    until(lambda: locks.refused >= 2)
    before = server.watch.is_watching
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    until(lambda: server.watch.is_watching)

    assert not before


def locked(path):
    with path.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def test_whose_name_is_not_in_the_documents_any_more_notes_nothing_and_begins_anew(server, hook):
    server.world.webhook(hook.url)
    server.world.count(1)
    server.world.rule()
    server.watch.start()
    until(lambda: server.watch.is_watching)
    with server.world.documents.change() as change:
        change.put("alert_server", "lease", Lease("another", 1))
    server.world.count(100)

    until(lambda: hook.got)
    with server.world.documents.snapshot() as snapshot:
        assert snapshot.get("alert_server", "lease", Lease).owner != "another"


def test_starting_twice_is_one_thread_and_stopping_ends_it(server):
    server.watch.start()
    server.watch.start()
    until(lambda: server.watch.is_watching)
    assert [thread.name for thread in threading.enumerate()].count("statflow-alerts") == 1

    server.watch.stop()
    server.watch.stop()

    assert not server.watch.is_watching
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("statflow-alerts")]
    server.watch.start()
    until(lambda: server.watch.is_watching)


def test_a_store_that_cannot_serve_is_waited_for(server, hook):
    class ClosedForAWhile:
        """The engine, which cannot serve at first."""

        def __init__(self, engine):
            self._engine, self.failures = engine, 2

        def __getattr__(self, name):
            return getattr(self._engine, name)

        def query_many(self, *arguments, **options):
            self.failures -= 1
            if self.failures >= 0:
                raise StoreError("the store has no room")
            return self._engine.query_many(*arguments, **options)

    server.world.webhook(hook.url)
    server.world.count(100)
    server.world.rule()
    server.app.services._open_engine = lambda: ClosedForAWhile(server.engine)
    server.app.services._opened = None
    server.world.documents.close()
    server.watch.start()

    until(lambda: hook.got)


def test_options_come_from_the_environment():
    found = of_environment(
        {
            "STATFLOW_ALERT_INTERVAL": "30",
            "STATFLOW_PUBLIC_URL": "https://stats.example.com/",
            "STATFLOW_SMTP_HOST": "mail.example.com",
            "STATFLOW_SMTP_PORT": "2525",
            "STATFLOW_SMTP_PASSWORD": "hunter2",
        }
    )

    assert found == AlertOptions(30.0, "https://stats.example.com", "mail.example.com", 2525, smtp_password="hunter2")
    assert of_environment({}) == AlertOptions()


@pytest.mark.parametrize("text", ["0.5", "3601", "x"])
def test_no_other_interval(text):
    with pytest.raises(ValueError):
        of_environment({"STATFLOW_ALERT_INTERVAL": text})


def test_serve_has_options_for_all_of_it_but_the_password(monkeypatch, tmp_path):
    from click.testing import CliRunner

    seen = {}
    monkeypatch.setattr("statflow_http.serving.serve.serve", lambda settings: seen.update(alerts=settings.alerts))
    arguments = ["serve", "--data", str(tmp_path), "--alert-interval", "5", "--public-url", "https://s.example.com/"]
    arguments += ["--smtp-host", "mail.example.com", "--smtp-from", "a@example.com", "--smtp-tls", "tls"]
    result = CliRunner().invoke(main, arguments, env={"STATFLOW_SMTP_PASSWORD": "hunter2"})

    assert result.exit_code == 0, result.output
    assert seen["alerts"] == AlertOptions(
        5.0,
        "https://s.example.com",
        "mail.example.com",
        smtp_password="hunter2",
        smtp_from="a@example.com",
        smtp_tls="tls",
    )
    assert "--smtp-password" not in CliRunner().invoke(main, ["serve", "--help"]).output

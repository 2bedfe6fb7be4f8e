"""Fixtures of the alert tests: the app over a real engine, an evaluator on its clock, real receivers."""

import pytest

from statflow_http import create_app
from statflow_http.alerts.delivery import Deliverer
from statflow_http.alerts.evaluation import Evaluator
from statflow_http.alerts.mail_settings import MailStore
from statflow_http.alerts.notices import Outbox
from statflow_http.alerts.options import AlertOptions
from statflow_http.outbound import Guard
from tests.alerts.receiving import MailServer, WebhookServer
from tests.http.conftest import LIVE, Api, no_secret_is_logged

__all__ = ["no_secret_is_logged"]


class World(Api):
    """An api with what looks at its alerts, at the moments that the test chooses."""

    def __init__(self, app, engine, clock):
        super().__init__(app, engine)
        self.clock = clock
        self.documents = app.services.documents
        self.evaluator = Evaluator(engine, self.documents, can_mail=lambda: False)

    def look(self, seconds=0):
        """One look at all rules, after so many seconds."""
        self.clock.advance(seconds)
        return self.evaluator.run(self.engine.now_s())

    def rule(self, stat="hits", key=None, **fields):
        """A rule: by default, more than 10 in five minutes."""
        usual = {"kind": "value", "time_window": "5m", "operator": "greater than", "threshold": 10}
        response = self.json("/v1/alerts", {"stat": stat} | usual | fields, key=key)
        assert response.status_code == 200, response.text
        return response.json["id"]

    def count(self, value=1.0, *, ago_s=0, stat="hits"):
        self.engine.count(stat, value, self.engine.now_s() - ago_s, namespace=LIVE)

    def value(self, value, *, ago_s=0, stat="time"):
        self.engine.value(stat, value, self.engine.now_s() - ago_s, namespace=LIVE)

    def state(self, rule_id):
        return self.get(f"/v1/alerts/{rule_id}").json["state"]

    def webhook(self, url, **fields):
        """A webhook that was made by API; (id, secret)."""
        response = self.json("/v1/receivers", {"url": url} | fields)
        assert response.status_code == 200, response.text
        return response.json["id"], response.json["secret"]

    def waiting(self):
        """What is in the outbox: (receiver, type, names of stats)."""
        found = Outbox(self.documents).waiting()
        return [(each.receiver_id, each.type, [event.stat_name for event in each.events]) for each in found]

    def told(self):
        """The types of all that is in the outbox, in order."""
        return [each.type for each in sorted(Outbox(self.documents).waiting(), key=lambda notice: notice.id)]


@pytest.fixture
def app(engine):
    """The app, which may talk to this machine: the receivers of the tests are there."""
    app = create_app(engine, allow_private=True, alerts=AlertOptions(public_url="https://stats.example.com"))
    yield app
    app.close()


@pytest.fixture
def world(app, engine, clock):
    return World(app, engine, clock)


@pytest.fixture
def hook():
    with WebhookServer() as server:
        yield server


@pytest.fixture
def mail_server():
    with MailServer() as server:
        yield server


@pytest.fixture
def deliverer(world):
    """Delivers what is in the outbox, by the clock of the test, with little patience."""
    options = world.app.services.options.alerts
    found = Deliverer(
        world.engine,
        world.documents,
        MailStore(world.documents, options),
        Guard(allow_private=True),
        clock=world.clock,
        backoff_s=(5.0, 60.0, 600.0),
    )
    found.start()
    yield found
    found.stop()

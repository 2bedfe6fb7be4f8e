"""Fixtures of the HTTP tests: the app over a real engine, keys, and a client that speaks for one of them."""

import logging

import falcon.testing
import pytest

from statflow_http import create_app
from statflow_http.accounts.accounts import OWNER_ID, Account
from statflow_http.accounts.keys import Scope
from tests.http.silence import Ear, assert_silent

LIVE = f"{OWNER_ID}:live"
TEST = f"{OWNER_ID}:test"


class Api:
    """What a test says to the app, and what it finds in the engine afterwards."""

    def __init__(self, app, engine):
        self.app = app
        self.engine = engine
        self.client = falcon.testing.TestClient(app)
        self.keys = app.services.keys
        app.services.accounts.ensure_owner(engine.now_s())
        self.key = self.new_key()

    def new_key(self, *, account="owner", live=True, scope=Scope.FULL):
        return self.keys.create(account, self.engine.now_s(), live=live, scope=scope)

    def new_account(self, account_id, **settings):
        self.app.services.accounts.save(Account(account_id, self.engine.now_s(), **settings))
        return self.new_key(account=account_id)

    def post(self, path, body=b"", content_type="application/x-www-form-urlencoded", **options):
        headers = {"Content-Type": content_type} if content_type else {}
        headers |= options.pop("headers", {})
        return self.client.simulate_post(path, body=body, headers=headers, **options)

    def form(self, path, form, **options):
        """POST a form as it is written; "{key}" in it is the owner's key."""
        return self.post(path, form.replace("{key}", self.key), **options)

    def json(self, path, document, *, key=None, **options):
        """POST a document, or text as it is, with a Bearer key."""
        headers = {"Authorization": f"Bearer {key or self.key}"} | options.pop("headers", {})
        body = document if isinstance(document, str | bytes) else falcon.media.JSONHandler().serialize(document, "")
        return self.post(path, body, "application/json", headers=headers, **options)

    def get(self, path, *, key=None, headers=None, **options):
        """GET with a Bearer key."""
        headers = {"Authorization": f"Bearer {key or self.key}"} | (headers or {})
        return self.client.simulate_get(path, headers=headers, **options)

    def delete(self, path, *, key=None):
        return self.client.simulate_delete(path, headers={"Authorization": f"Bearer {key or self.key}"})

    def names(self, namespace=LIVE):
        return sorted(series.name for series in self.engine.series(namespace))

    def window(self, name, namespace=LIVE):
        """The last hour by the minute."""
        now_s = self.engine.now_s()
        return self.engine.query(name, now_s - 3_600, now_s + 60, step="1m", namespace=namespace)

    def points(self, name, namespace=LIVE):
        """How many points a stat has got, and their sum."""
        window = self.window(name, namespace)
        return int(window.counts.sum()), float(window.sums.sum())

    def kind(self, name, namespace=LIVE):
        return str(self.engine.find(name, namespace=namespace).kind)


@pytest.fixture(autouse=True)
def no_secret_is_logged():
    """Whatever a test does, no line of its logs holds a key, a token or a password's hash."""
    ear = Ear()
    logging.getLogger().addHandler(ear)
    yield ear
    logging.getLogger().removeHandler(ear)
    assert_silent(ear.lines)


@pytest.fixture
def app(engine):
    """The app over the engine of the test."""
    app = create_app(engine)
    yield app
    app.close()


@pytest.fixture
def api(app, engine):
    """A client with the owner's live key."""
    return Api(app, engine)

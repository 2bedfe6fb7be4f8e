"""Fixtures of the tests of pages: the app, somebody who is signed in, and somebody who is not."""

import pytest

from statflow_http import create_app
from tests.http.conftest import Api
from tests.pages.visits import Visit


@pytest.fixture
def app(engine):
    """The app over the engine of the test, where everybody may sign up."""
    app = create_app(engine, signup=True)
    yield app
    app.close()


@pytest.fixture
def api(app, engine):
    """The API, with the owner's live key."""
    return Api(app, engine)


@pytest.fixture
def owner(app):
    """The server's owner, signed in."""
    return Visit(app).sign_in()


@pytest.fixture
def guest(app):
    """Somebody who is not signed in."""
    return Visit(app)

"""Fixtures of the browser tests: Debian's Chromium, tabs in it, the app on a socket, and a page of somebody else.

Needed are the package ``playwright`` (which brings a driver, and here no browser) and a ``chromium`` on the path, or
where ``STATFLOW_CHROMIUM`` says. Where neither can be installed, say so with ``STATFLOW_OFFLINE=1``: these tests are
then skipped, and in no other case. ``STATFLOW_SCREENSHOTS`` names a folder in which pictures of the pages are kept.
"""

import os
import shutil
from pathlib import Path

import pytest

from statflow_http import create_app
from tests.browser.pages import sign_in
from tests.browser.servers import ForeignSite, serving_app
from tests.browser.tabs import Tab
from tests.http.conftest import Api

OFFLINE = os.environ.get("STATFLOW_OFFLINE") == "1"
# The sandbox needs what containers lack; the rest keeps the browser from calling home.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_collection_modifyitems(items):
    """Every test of this folder is slow; offline it is skipped."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.slow)
            if OFFLINE:
                item.add_marker(pytest.mark.skip(reason="STATFLOW_OFFLINE=1: no browser here"))


@pytest.fixture(scope="package")
def browser():
    """Chromium, started once for all tests of this folder.

    Not once a session: Playwright keeps an event loop running in this thread, which tests elsewhere may not expect.
    """
    from playwright.sync_api import sync_playwright

    chromium = os.environ.get("STATFLOW_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    assert chromium, "no chromium on the path: apt-get install chromium, or STATFLOW_CHROMIUM=/path/to/it"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture
def new_tab(browser):
    """Opens tabs: ``new_tab(width=390, is_dark=True)``."""
    opened = []

    def open_one(**options):
        opened.append(Tab(browser, **options))
        return opened[-1]

    yield open_one
    for tab in opened:
        tab.close()


@pytest.fixture
def tab(new_tab):
    """One tab as wide as a desktop."""
    return new_tab()


@pytest.fixture
def api(engine):
    """The app over the engine of the test, the owner's key, and the address at which it is served (`Api.url`)."""
    app = create_app(engine)
    with serving_app(app) as url:
        found = Api(app, engine)
        found.url = url
        yield found
    app.close()


@pytest.fixture
def member_tab(new_tab, api):
    """Opens tabs that the server's owner is signed in in: ``member_tab(width=390, theme="dark")``."""

    def open_one(*, live=True, theme=None, **options):
        return sign_in(new_tab(**options), api, live=live, theme=theme)

    return open_one


@pytest.fixture
def foreign():
    """A site of another origin."""
    site = ForeignSite()
    with serving_app(site) as url:
        site.url = url.replace("127.0.0.1", "localhost")
        yield site


@pytest.fixture(scope="session")
def shots(tmp_path_factory):
    """The folder for screenshots."""
    kept = os.environ.get("STATFLOW_SCREENSHOTS")
    folder = Path(kept) if kept else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder

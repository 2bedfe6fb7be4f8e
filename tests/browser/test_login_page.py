"""The first time in a real browser: the link, the password, the key, the first point, the first chart."""

import pytest
import urllib3

from tests.browser.pages import assert_accessible, assert_good
from tests.browser.tabs import DESKTOP, PHONE, shown

PASSWORD = "correct horse battery staple"


@pytest.fixture
def link(api):
    """The one-time link of the server's owner."""
    services = api.app.services
    return api.url + services.sessions.new_link(services.people.ensure_owner(services.now_s()), services.now_s())


@pytest.mark.parametrize("has_scripts", [True, False])
def test_from_the_first_link_to_the_first_chart(api, link, new_tab, has_scripts):
    tab = new_tab(java_script_enabled=has_scripts)
    page = tab.page
    page.goto(link)
    page.get_by_label("E-mail").fill("ada@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Make a key").click()
    line = page.locator("#first-line").inner_text()
    key = line.partition("Bearer ")[2].partition('"')[0]

    sent = urllib3.request(
        "POST",
        f"{api.url}/v1/stat",
        json={"stat": "my first stat", "count": 1},
        headers={"Authorization": f"Bearer {key}"},
    )
    assert sent.status == 200
    if not has_scripts:
        page.goto(f"{api.url}/stats")
    page.get_by_text("It arrived.").wait_for()

    page.get_by_role("link", name="my first stat").first.click()
    page.get_by_role("heading", name="my first stat").wait_for()
    if has_scripts:
        assert_good(tab, api)


def test_signing_out_and_in_again_by_keyboard_alone(api, new_tab, link):
    tab = new_tab()
    page = tab.open(link)
    page.get_by_label("E-mail").fill("ada@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Sign out").focus()
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Send a number. See it over time.").wait_for()

    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.get_by_label("E-mail").focus()
    page.keyboard.type("ada@example.com")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")

    page.get_by_text("Send your first number").wait_for()
    assert_good(tab, api)


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
@pytest.mark.parametrize("is_dark", [False, True])
def test_pictures_of_the_pages_before_the_first_stat_are_taken(api, link, new_tab, member_tab, shots, width, is_dark):
    look = f"{width} {'dark' if is_dark else 'light'}"
    for name, address in [("landing", "/"), ("login", "/login"), ("link", link.removeprefix(api.url))]:
        tab = new_tab(width=width, is_dark=is_dark)
        tab.open(api.url + address)
        tab.shoot(shots, f"{name} {look}")
        assert_good(tab, api)
        assert_accessible(tab)
    tab = member_tab(width=width, is_dark=is_dark)
    for name, address in [("first run", "/stats"), ("trash", "/trash"), ("compare empty", "/compare")]:
        tab.open(api.url + address)
        tab.shoot(shots, f"{name} {look}")
        assert_good(tab, api)
        assert_accessible(tab)


def test_live_and_test_are_switched_on_every_page(api, member_tab):
    tab = member_tab()
    page = tab.open(f"{api.url}/trash")

    page.get_by_role("button", name="Test").click()

    assert shown(page.get_by_text("You are looking at test data"))
    assert page.url.endswith("/trash")
    assert_good(tab, api)

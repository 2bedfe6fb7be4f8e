"""The documentation in Chromium: contents, tabs, a key that is pasted and stays in the page."""

import pytest

from tests.browser.pages import assert_accessible, assert_good, sign_in
from tests.browser.tabs import DESKTOP, PHONE, shown


def test_samples_are_tabs_and_all_of_them_follow_one_choice(tab, api):
    page = tab.open(f"{api.url}/docs")
    assert shown(page.locator("#s-send-curl"))
    assert not page.locator("#s-send-python").is_visible()

    page.locator("[data-samples=batch]").get_by_role("tab", name="Ruby").click()

    assert shown(page.locator("#s-send-ruby"))
    assert not page.locator("#s-batch-curl").is_visible()
    page.keyboard.press("ArrowRight")
    assert shown(page.locator("#s-read-php"))
    assert page.evaluate("document.activeElement.textContent") == "PHP"
    assert_good(tab, api)


def test_a_link_to_one_language_opens_it(tab, api):
    page = tab.open(f"{api.url}/docs")

    page.get_by_role("link", name="the program in Go").click()

    page.locator("#s-send-go").wait_for()  # visible


def test_the_contents_lead_to_the_sections(tab, api):
    page = tab.open(f"{api.url}/docs")

    page.get_by_role("navigation", name="Contents").get_by_role("link", name="Errors").click()

    page.wait_for_function("document.querySelector('#errors').getBoundingClientRect().top < 200")
    page.locator(".docs-contents a[aria-current]").get_by_text("Errors").wait_for()


def test_a_key_that_is_pasted_is_in_every_sample_and_leaves_the_page_nowhere(tab, api):
    sign_in(tab, api)
    page = tab.open(f"{api.url}/docs")
    asked = len(tab.requests)

    page.get_by_label("Or paste one").fill(api.key)

    assert api.key in page.locator("#s-first").inner_text()
    assert "YOUR_KEY" not in page.locator("#s-ez").inner_text()
    assert len(tab.requests) == asked
    page.get_by_label("Or paste one").fill("<b>no key</b>")
    assert "sk_live_YOUR_KEY" in page.locator("#s-first").inner_text()
    page.reload()
    assert api.key not in page.content()
    assert_good(tab, api)


def test_a_key_made_in_the_docs_is_in_every_sample(tab, api):
    sign_in(tab, api)
    page = tab.open(f"{api.url}/docs")

    page.get_by_role("button", name="Make a key").click()

    key = page.locator("#docs-key").inner_text()
    assert key in page.locator("#s-first").inner_text()
    assert api.json("/v1/stat", {"stat": "a"}, key=key).status_code == 200
    assert_good(tab, api)


def test_without_scripts_every_language_has_its_heading(new_tab, api):
    tab = new_tab(java_script_enabled=False)
    page = tab.page
    page.goto(f"{api.url}/docs")

    assert shown(page.get_by_role("heading", name="Ruby").first)
    assert shown(page.locator("#s-send-php"))


@pytest.mark.parametrize("is_dark", [False, True])
@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_pictures_are_taken_and_fit_for_everybody(api, new_tab, shots, width, is_dark):
    """For people to look at: set STATFLOW_SCREENSHOTS."""
    tab = new_tab(width=width, is_dark=is_dark)
    tab.open(f"{api.url}/docs")
    tab.shoot(shots, f"docs {width} {'dark' if is_dark else 'light'}")
    assert_accessible(tab)
    assert_good(tab, api)

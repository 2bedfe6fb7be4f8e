"""The list of stats in a real browser: searched while one types, live, and harmless whatever stats are called."""

import pytest

from statflow_engine import Kind
from tests.browser.pages import NASTY, assert_accessible, assert_good, history
from tests.browser.tabs import DESKTOP, PHONE
from tests.http.conftest import LIVE


@pytest.fixture
def stats(api):
    """Ids of some stats with two weeks of points."""
    return [
        history(api, "page views", size=200),
        history(api, "signups", size=3),
        history(api, "response time", Kind.VALUE, size=50, unit="ms"),
    ]


def names(page):
    return page.locator("td.name").all_inner_texts()


def test_searching_shows_what_fits_while_one_types(api, stats, member_tab):
    tab = member_tab()
    page = tab.open(f"{api.url}/stats")
    assert names(page) == ["page views", "response time", "signups"]

    page.get_by_label("Search by name").press_sequentially("view")
    page.get_by_role("link", name="signups").wait_for(state="detached")

    assert names(page) == ["page views"]
    assert page.url.endswith("/stats?q=view")
    assert page.evaluate("document.activeElement.id") == "q"
    assert_good(tab, api)


def test_a_new_point_shows_within_three_seconds_without_a_reload(api, stats, member_tab):
    tab = member_tab()
    tab.hold()
    page = tab.open(f"{api.url}/stats")
    page.evaluate("window.notReloaded = true")

    api.engine.count("signups", 123_456, namespace=LIVE)
    tab.let_run(3)
    page.get_by_role("cell", name="123k").first.wait_for()

    assert page.evaluate("window.notReloaded")
    assert_good(tab, api)


def test_a_new_stat_joins_the_list(api, stats, member_tab):
    tab = member_tab()
    page = tab.open(f"{api.url}/stats")

    api.engine.count("another", namespace=LIVE)
    page.get_by_role("link", name="another").wait_for()

    assert names(page)[0] == "another"


def test_a_hidden_tab_asks_nothing(api, stats, member_tab):
    tab = member_tab()
    tab.hold()
    page = tab.open(f"{api.url}/stats")
    page.evaluate(
        """() => {
            Object.defineProperty(document, "hidden", {get: () => window.isHidden});
            window.isHidden = true;
            document.dispatchEvent(new Event("visibilitychange"));
        }"""
    )
    asked = len(tab.requests)

    tab.let_run(60)
    page.wait_for_load_state("networkidle")
    assert len(tab.requests) == asked

    with page.expect_response("**/stats*"):
        page.evaluate("window.isHidden = false; document.dispatchEvent(new Event('visibilitychange'))")
    assert len(tab.requests) == asked + 1


def test_three_stats_at_most_are_ticked_and_compared_and_stay_ticked(api, stats, member_tab):
    history(api, "fourth")
    tab = member_tab()
    page = tab.open(f"{api.url}/stats")
    boxes = page.locator('input[name="s"]')
    for index in range(3):
        boxes.nth(index).check()
    assert boxes.nth(3).is_disabled()

    api.engine.count("fourth", 777_777, namespace=LIVE)
    page.get_by_role("cell", name="778k").first.wait_for()
    assert [boxes.nth(index).is_checked() for index in range(4)] == [True, True, True, False]

    page.get_by_role("button", name="Compare up to 3").click()
    page.wait_for_url("**/compare?s=*")
    assert page.locator("figure.chart").count() == 2
    assert_good(tab, api)


def test_on_a_phone_a_name_has_the_whole_row_and_no_short_word_is_broken(api, member_tab):
    history(api, "newsletter opened by subscribers of the weekly edition", size=10**6, unit="requests")
    history(api, "w" * 80)
    tab = member_tab(width=PHONE)
    page = tab.open(f"{api.url}/stats")

    lines = page.evaluate(
        """() => [...document.querySelectorAll("td.name a")].map(link => {
            const text = link.firstChild, lines = [];
            for (let at = 0, bottom = -1; at < text.length; at++) {
                const range = new Range();
                range.setStart(text, at);
                range.setEnd(text, at + 1);
                const box = range.getBoundingClientRect();
                // A space at the end of a line has no width.
                if (box.width && box.top >= bottom) lines.push("");
                if (box.width) bottom = box.bottom - 1;
                lines[lines.length - 1] += text.data[at];
            }
            return lines.map(line => line.trim());
        })"""
    )

    words = ["newsletter", "opened", "by", "subscribers", "of", "the", "weekly", "edition"]
    assert [word for line in lines[0] for word in line.split()] == words
    assert len(lines[0]) == 2
    assert len(lines[1]) > 1
    below = page.locator("tbody tr").first.locator("td.spark, td.last").all()
    name = page.locator("td.name").first.bounding_box()
    assert all(cell.bounding_box()["y"] >= name["y"] + name["height"] - 1 for cell in below)
    assert_good(tab, api)


def test_on_a_phone_stats_are_ticked_by_finger_and_compared_from_where_one_is(api, stats, member_tab):
    for index in range(20):
        history(api, f"stat {index}", days=1)
    tab = member_tab(width=PHONE, has_touch=True)
    page = tab.open(f"{api.url}/stats")
    boxes = page.locator("td.pick")
    for index in range(2):
        box = boxes.nth(index).locator("label").bounding_box()
        assert min(box["width"], box["height"]) >= 44
        # At the rim, where no box is drawn: still ticked, and no page is opened.
        page.touchscreen.tap(box["x"] + 3, box["y"] + box["height"] - 3)
        page.wait_for_function(
            "count => document.querySelectorAll('#results input:checked').length === count", arg=index + 1
        )
    compare = page.get_by_role("button", name="Compare up to 3")
    place = compare.bounding_box()
    assert place["height"] >= 44
    assert place["y"] + place["height"] <= page.viewport_size["height"]

    page.touchscreen.tap(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)

    page.wait_for_url("**/compare?s=*&s=*")
    assert_good(tab, api)


def test_on_a_phone_stats_are_ticked_and_compared_by_keyboard(api, stats, member_tab):
    tab = member_tab(width=PHONE)
    page = tab.open(f"{api.url}/stats")

    page.get_by_label("Compare page views").focus()
    page.keyboard.press("Space")
    # Its name, then the box of the next one.
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    assert page.get_by_label("Compare response time").is_checked()
    while page.evaluate("document.activeElement.id") != "compare":
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement !== document.body")
    page.keyboard.press("Enter")

    page.wait_for_url("**/compare?s=*&s=*")
    assert_good(tab, api)


def test_on_a_phone_the_list_is_still_a_table_to_who_listens(api, stats, member_tab):
    page = member_tab(width=PHONE).open(f"{api.url}/stats")

    row = page.get_by_role("table", name="Stats").get_by_role("row").nth(1)

    assert row.get_by_role("cell").count() >= 4
    # Said in so many words: not every browser knows a table by its tags when it is laid out as a grid.
    assert page.locator("tr:not([role=row]), td:not([role=cell]), th:not([role=columnheader])").count() == 0
    assert page.get_by_role("columnheader", name="Name").count() == 1


def test_without_scripts_it_searches_sorts_and_compares(api, stats, member_tab):
    tab = member_tab(java_script_enabled=False)
    page = tab.page
    page.goto(f"{api.url}/stats")

    page.get_by_label("Search by name").fill("s")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="Total or mean").click()

    assert page.url.endswith("/stats?q=s&sort=-total")
    assert names(page) == ["page views", "signups", "response time"]
    assert page.locator("td.spark svg").count() == 3


@pytest.mark.parametrize("path", ["/stats", "/stats?q=alert", "/trash", "/compare", "one", "compare"])
def test_names_that_mean_no_good_are_text(api, member_tab, path):
    found = [history(api, name, days=1) for name in NASTY]
    deleted = api.engine.delete(NASTY[0], namespace=LIVE)
    api.engine.restore(deleted.id, namespace=LIVE)
    if path == "/trash":
        for name in NASTY:
            api.engine.delete(name, namespace=LIVE)
    for address in {
        "one": [f"/stats/{stat_id}" for stat_id in found],
        "compare": ["/compare?" + "&".join(f"s={stat_id}" for stat_id in found[part : part + 3]) for part in (0, 3)],
    }.get(path, [path]):
        tab = member_tab()
        page = tab.open(api.url + address)
        assert page.evaluate("document.images.length + document.querySelectorAll('script:not([src])').length") == 1
        assert_good(tab, api)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_it_is_for_everybody_and_pictures_of_it_are_taken(api, stats, member_tab, shots, width, theme):
    for index, name in enumerate(["checkout errors", "queue length", "emails sent", NASTY[1]]):
        history(api, name, [Kind.COUNTER, Kind.VALUE][index % 2], size=10 ** (index + 1), days=4 * index + 1)
    tab = member_tab(width=width, theme=theme)

    tab.open(f"{api.url}/stats?sort=-total")

    tab.shoot(shots, f"stats {width} {theme}")
    assert_good(tab, api)
    assert_accessible(tab)

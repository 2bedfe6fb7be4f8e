"""What the chart of a stat says of days to come, odd hours and notes, in a real browser: seen, pointed at, and read."""

import pytest

from statflow_http.alerts.rules import Rules, RuleWish, condition
from statflow_http.stats.annotations import Annotations
from tests.browser.pages import assert_accessible, assert_good
from tests.browser.tabs import DESKTOP, PHONE, shown
from tests.http.conftest import LIVE
from tests.insight_story import DAY_S, HOUR_S, story

NOTE = "deployed <b>2.1</b>"
# Pixels of the chart that are tinted as the band is, and as nothing else, and those in the colour of alarm.
TINTED = """() => {
  const canvas = document.querySelector("figure.chart canvas");
  const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  let count = 0;
  for (let i = 3; i < data.length; i += 4) count += data[i] > 37 && data[i] < 45;
  return count;
}"""
REDS = """() => {
  const canvas = document.querySelector("figure.chart canvas");
  const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  let count = 0;
  for (let i = 0; i < data.length; i += 4)
    count += data[i] > 170 && data[i + 1] < 80 && data[i + 2] < 100 && data[i + 3] > 200;
  return count;
}"""


@pytest.fixture
def stat(api):
    """The id of a stat of two months with an odd hour, a note and a rule."""
    stat_id = story(api.engine, namespace=LIVE)
    now_s, documents = api.engine.now_s(), api.app.services.documents
    Annotations(documents).create(LIVE, NOTE, now_s - 4 * DAY_S, now_s)
    series = api.engine.find("orders", namespace=LIVE)
    wish = RuleWish(kind="value", operator="greater than", threshold="500", time_window="1h")
    Rules(documents).create(LIVE, series.id, series.name, condition(wish), now_s)
    return stat_id


@pytest.fixture
def sentence(api, stat):
    """What is said of the odd hour."""
    return api.get(f"/v1/stats/{stat}/anomalies").json["anomalies"][0]["text"]


def drawn(page):
    """Wait until uPlot has drawn, and the marks lie over it."""
    page.locator(".marks .spot").first.wait_for(state="attached")
    return page


def point_at(page, index):
    """Move the mouse to the row of a mark, somewhere else in height: the row is what counts."""
    box = drawn(page).locator(".spot").nth(index).bounding_box()
    over = page.locator(".u-over").bounding_box()
    page.mouse.move(over["x"] + over["width"] / 2, over["y"] + over["height"] / 2)
    page.mouse.move(box["x"] + box["width"] / 2 + 3, over["y"] + over["height"] - 20)


def test_the_forecast_is_drawn_beyond_the_last_row_and_hidden_by_its_switch(api, stat, member_tab):
    tab = member_tab()
    page = drawn(tab.open(f"{api.url}/stats/{stat}"))
    tinted = page.evaluate(TINTED)

    page.get_by_role("link", name="Hide the forecast").click()
    page.wait_for_url("**forecast=off*")
    drawn(page)

    # The edges of letters and lines have some of every tint.
    assert tinted > 1_000
    assert page.evaluate(TINTED) < tinted / 4
    assert "forecast" not in page.locator(".u-legend").inner_text()
    page.get_by_role("link", name="Show the forecast").click()
    assert shown(page.get_by_role("link", name="Hide the forecast"))
    assert_good(tab, api)


def test_the_legend_says_the_band_of_a_row_to_come(api, stat, member_tab):
    tab = member_tab()
    page = drawn(tab.open(f"{api.url}/stats/{stat}"))

    box = page.locator(".u-over").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.95, box["y"] + 100)

    told = page.locator(".u-legend").inner_text()
    low, high = [float(part) for part in told.rpartition("(")[2].rstrip(") \n").split(" to ")]
    assert 0 < low < high
    assert_good(tab, api)


def test_an_odd_hour_says_why_when_it_is_pointed_at_and_in_the_list(api, stat, sentence, member_tab):
    tab = member_tab()
    page = tab.open(f"{api.url}/stats/{stat}")

    point_at(page, 1)

    assert shown(page.locator(".tip").get_by_text(sentence))
    assert shown(page.get_by_role("list").get_by_text(sentence))
    assert page.evaluate(REDS) > 30
    assert_good(tab, api)


def test_a_note_says_what_it_says_when_it_is_pointed_at(api, stat, member_tab):
    tab = member_tab()
    page = tab.open(f"{api.url}/stats/{stat}")

    point_at(page, 0)

    assert shown(page.locator(".tip").get_by_text(NOTE))
    box = page.locator(".u-over").bounding_box()
    page.mouse.move(box["x"] + 5, box["y"] + 50)
    page.locator(".tip").wait_for(state="hidden")
    assert_good(tab, api)


def test_marks_are_reached_by_the_keyboard_one_after_the_other(api, stat, sentence, member_tab):
    tab = member_tab()
    page = drawn(tab.open(f"{api.url}/stats/{stat}"))

    page.locator(".spot[tabindex='0']").focus()
    assert shown(page.locator(".tip").get_by_text(sentence))
    page.keyboard.press("ArrowLeft")
    assert shown(page.locator(".tip").get_by_text(NOTE))
    page.keyboard.press("ArrowLeft")
    assert shown(page.locator(".tip").get_by_text(NOTE))
    page.keyboard.press("End")
    assert shown(page.locator(".tip").get_by_text(sentence))

    assert page.locator(".spot[tabindex='0']").count() == 1
    # A point arrives, all is drawn anew, and who reads a mark stays there.
    revision = page.locator("#view").get_attribute("data-revision")
    api.engine.count("orders", 5, namespace=LIVE)
    page.locator(f'#view:not([data-revision="{revision}"])').wait_for(state="attached")
    page.locator(".spot:focus").wait_for(state="attached")
    page.keyboard.press("Tab")
    page.locator(".tip").wait_for(state="hidden")
    assert_good(tab, api)


def test_a_phone_says_it_when_it_is_touched(api, stat, sentence, member_tab):
    tab = member_tab(width=PHONE, has_touch=True)
    page = drawn(tab.open(f"{api.url}/stats/{stat}"))

    box = page.locator(".spot").nth(1).bounding_box()
    page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)

    assert shown(page.locator(".tip").get_by_text(sentence))
    assert_good(tab, api)


def test_dragging_into_the_days_to_come_opens_what_there_is_up_to_now(api, stat, member_tab):
    tab = member_tab()
    page = drawn(tab.open(f"{api.url}/stats/{stat}"))
    box = page.locator(".u-over").bounding_box()

    page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.97, box["y"] + 120, steps=5)
    page.mouse.up()
    page.wait_for_url("**from=*")

    now_s = api.engine.now_s()
    assert f"to={now_s // HOUR_S * HOUR_S + HOUR_S}" in page.url
    assert_good(tab, api)


def test_without_scripts_the_picture_has_it_and_the_list_says_it(api, stat, sentence, member_tab):
    tab = member_tab(java_script_enabled=False)
    page = tab.page
    page.goto(f"{api.url}/stats/{stat}")

    assert page.locator("figure.chart svg circle title").text_content() == sentence
    assert shown(page.get_by_text(sentence).last)
    page.get_by_role("link", name="Hide the forecast").click()
    assert shown(page.get_by_role("link", name="Show the forecast"))


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, DESKTOP])
@pytest.mark.parametrize("which", ["scripts", "picture"])
def test_it_is_for_everybody_and_pictures_of_it_are_taken(api, stat, member_tab, shots, width, theme, which):
    has_scripts = which == "scripts"
    tab = member_tab(width=width, theme=theme, java_script_enabled=has_scripts)

    page = tab.page
    page.goto(f"{api.url}/stats/{stat}")
    if has_scripts:
        drawn(page)
        point_at(page, 1)
        page.locator(".tip").wait_for()

    tab.shoot(shots, f"outlook {which} {width} {theme}")
    if has_scripts:
        assert_good(tab, api)
        assert_accessible(tab)

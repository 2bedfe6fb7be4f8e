"""The page of a stat in a real browser: drawn by uPlot where scripts run, live, zoomed by dragging, light and dark."""

import gzip

import pytest

from statflow_engine import Kind
from statflow_http import ids
from statflow_http.stats.annotations import Annotations
from tests.browser.pages import assert_accessible, assert_good, history
from tests.browser.tabs import DESKTOP, PHONE, shown
from tests.http.conftest import LIVE

TRANSFER_MAX = 120_000
# Pixels of the colour of a line.
BLUES = """() => {
  const canvas = document.querySelector("figure.chart canvas");
  const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  let count = 0;
  for (let i = 0; i < data.length; i += 4) count += data[i] < 80 && data[i + 2] > 180 && data[i + 3] > 200;
  return count;
}"""


@pytest.fixture
def stat(api):
    """The id of a stat with two weeks of points and two notes."""
    stat_id = history(api, "page views", size=200)
    notes, now_s = Annotations(api.app.services.documents), api.engine.now_s()
    notes.create(LIVE, "deployed 2.1", now_s - 2 * 86_400, now_s)
    series = api.engine.find("page views", namespace=LIVE)
    notes.create(LIVE, "<b>newsletter</b>", now_s - 86_400, now_s, series_id=series.id, stat_name=series.name)
    return stat_id


def test_it_is_drawn_by_uplot_and_says_what_lies_under_the_cursor(api, stat, member_tab):
    tab = member_tab()
    page = tab.open(f"{api.url}/stats/{stat}")

    box = page.locator("canvas").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)

    told = page.locator(".u-legend").inner_text()
    assert "Jan 2027" in told
    assert told.count("–") == 2, "of the row that runs and of the forecast there is nothing in the middle"
    assert_good(tab, api)


def test_a_point_that_stands_alone_is_seen(api, member_tab):
    api.engine.write(["alone"], Kind.VALUE, [api.engine.now_s() - 1_800], [5.0], namespace=LIVE)
    stat_id = ids.stat_id(api.engine.find("alone", namespace=LIVE).id)
    tab = member_tab(theme="light")
    page = tab.open(f"{api.url}/stats/{stat_id}?period=hour")
    page.locator("canvas").wait_for()

    assert page.evaluate(BLUES) > 10
    assert_good(tab, api)


def test_the_names_of_lines_have_numbers_only_while_one_points_at_them(api, stat, member_tab):
    page = member_tab().open(f"{api.url}/stats/{stat}")
    legend = page.locator(".u-legend")
    legend.get_by_text("now", exact=True).wait_for()
    assert "–" not in legend.inner_text()

    box = page.locator(".u-over").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 3, box["y"] + box["height"] / 2)

    assert shown(legend.get_by_text("Jan 2027"))


def test_dragging_over_the_chart_opens_that_range(api, stat, member_tab):
    tab = member_tab()
    page = tab.open(f"{api.url}/stats/{stat}")
    box = page.locator("canvas").bounding_box()

    page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 120, steps=5)
    page.mouse.up()
    page.wait_for_url("**from=*")

    assert page.get_by_label("From", exact=True).input_value() != ""
    assert page.locator("canvas").count() == 1
    assert_good(tab, api)


def test_a_new_point_shows_within_three_seconds(api, stat, member_tab):
    tab = member_tab()
    tab.hold()
    page = tab.open(f"{api.url}/stats/{stat}?period=hour")
    page.get_by_text("All numbers").click()

    api.engine.count("page views", 1_234_567, namespace=LIVE)
    tab.let_run(3)
    page.get_by_role("cell", name="1,234,567").first.wait_for()

    assert page.locator("#numbers").get_attribute("open") is not None
    assert page.locator("canvas").count() == 1
    assert_good(tab, api)


def test_a_choice_of_step_is_shown_at_once(api, stat, member_tab):
    tab = member_tab()
    page = tab.open(f"{api.url}/stats/{stat}")

    page.get_by_label("Step").select_option("1d")
    page.wait_for_url("**step=1d*")

    assert shown(page.get_by_text("a row for every day"))


def test_without_scripts_it_has_the_chart_and_every_number(api, stat, member_tab):
    tab = member_tab(java_script_enabled=False)
    page = tab.page
    page.goto(f"{api.url}/stats/{stat}")

    assert shown(page.locator("figure.chart svg"))
    page.get_by_label("What happened").fill("a note without scripts")
    page.get_by_role("button", name="Add the note").click()
    assert page.get_by_text("a note without scripts").count() >= 1
    assert shown(page.get_by_text("Noted."))


def test_a_guest_sees_a_public_stat_and_nothing_to_change(api, stat, tab):
    series = api.engine.find("page views", namespace=LIVE)
    api.app.services.properties.change(LIVE, series.id, public=True)

    page = tab.open(f"{api.url}/stats/{stat}")

    assert shown(page.locator("canvas"))
    assert page.locator("main form[method=post]").count() == 0
    assert page.get_by_text("Classic key").count() == 0
    assert_good(tab, api)
    assert_accessible(tab)


def test_all_that_the_page_needs_is_small(api, stat, member_tab):
    """Counted compressed, as browsers ask for it; a year, which has the most rows."""
    tab = member_tab()
    sizes = []

    def add(response):
        body = response.body()
        is_zipped = response.headers.get("content-encoding") == "gzip"
        sizes.append(len(gzip.compress(body, 4)) if is_zipped else len(body))

    tab.page.on("response", add)
    tab.open(f"{api.url}/stats/{stat}?period=year")

    assert 30_000 < sum(sizes) < TRANSFER_MAX, sizes


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, DESKTOP])
@pytest.mark.parametrize("which", ["counter", "value", "empty"])
def test_it_is_for_everybody_and_pictures_of_it_are_taken(api, stat, member_tab, shots, width, theme, which):
    path = f"/stats/{stat}"
    if which == "value":
        path = "/stats/" + history(api, "response time", Kind.VALUE, size=50, unit="ms") + "?period=day"
    if which == "empty":
        path += "?from=2020-01-01&to=2020-01-05"
    tab = member_tab(width=width, theme=theme)

    tab.open(api.url + path)

    tab.shoot(shots, f"one stat {which} {width} {theme}")
    assert_good(tab, api)
    assert_accessible(tab)


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_several_beside_each_other(api, stat, member_tab, shots, width):
    others = [history(api, "signups", size=20), history(api, "response time", Kind.VALUE, size=50, unit="ms")]
    tab = member_tab(width=width)

    page = tab.open(f"{api.url}/compare?s={stat}&s={others[0]}&s={others[1]}")

    assert page.locator("canvas").count() == 2
    tab.shoot(shots, f"compare {width}")
    assert_good(tab, api)
    assert_accessible(tab)

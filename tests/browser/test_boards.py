"""Dashboards in a real browser: made, arranged by mouse, finger and keyboard, live, shared, embedded, harmless."""

import time

import pytest

from statflow_engine import Kind
from statflow_http.dashboards.drafts import new_tile
from statflow_http.dashboards.shares import DashboardShares
from statflow_http.dashboards.store import Dashboards
from statflow_http.dashboards.tiles import KINDS
from tests.browser.pages import NASTY, assert_accessible, assert_good, history
from tests.browser.tabs import DESKTOP, PHONE, shown
from tests.http.conftest import LIVE
from tests.http.loop_server import LIMIT_S

PASSWORD = "correct horse battery staple"


@pytest.fixture
def stats(api):
    """Three stats with two weeks of points."""
    history(api, "page views", size=200)
    history(api, "signups", size=3)
    history(api, "response time", Kind.VALUE, size=50, unit="ms")


@pytest.fixture
def boards(api):
    return Dashboards(api.app.services.documents)


@pytest.fixture
def shares(api):
    return DashboardShares(api.app.services.documents)


@pytest.fixture
def abcd(api, boards, stats):
    """A dashboard of four numbers, called A to D."""
    tiles = [new_tile("number", ["page views"], title=letter.upper(), tile_id=letter) for letter in "abcd"]
    return boards.create(LIVE, "Letters", tiles, api.engine.now_s())


@pytest.fixture
def full(api, boards, stats):
    """A dashboard with something of everything."""
    tiles = [
        new_tile("line", ["page views", "signups"], title="Visits and signups", size="wide"),
        new_tile("number", ["page views"]),
        new_tile("number", ["response time"], period="day"),
        new_tile("bar", ["signups"], title="Signups a day"),
        new_tile("hours", ["page views"], title="When people come"),
        new_tile("table", ["page views", "signups", "response time"]),
        new_tile("line", ["response time"], size="tall", period="day"),
        new_tile("hours", ["response time"], size="wide"),
        new_tile("table", ["page views", "signups", "response time"], size="wide", period="month"),
        new_tile("bar", ["page views", "signups"], size="wide", period="day"),
    ]
    return boards.create(LIVE, "The shop", tiles, api.engine.now_s())


def edit_page(tab, api, board):
    return tab.open(f"{api.url}/dashboards/{board.id}/edit")


def seen(page):
    """The order of the tiles as it is shown."""
    return "".join(page.locator("#arranging > .tile").evaluate_all("all => all.map(tile => tile.dataset.tile)"))


def kept(boards, board, wanted):
    """Wait until an order is stored; the one that is stored."""
    ends = time.monotonic() + LIMIT_S
    found = ""
    while found != wanted and time.monotonic() < ends:
        found = "".join(tile.id for tile in boards.get(LIVE, board.id).tiles)
        time.sleep(0.01)
    return found


def middle(locator):
    box = locator.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_a_dashboard_is_made_and_filled(api, stats, member_tab, boards):
    tab = member_tab()
    page = tab.open(f"{api.url}/dashboards")
    page.get_by_label("Name of your first dashboard").fill("The shop")
    page.get_by_role("button", name="Make it").click()

    page.get_by_label("Stat 1").fill("page views")
    page.get_by_label("Title").fill("Views")
    page.get_by_label("Shows").select_option("bar")
    page.get_by_role("button", name="Add the tile").click()
    page.get_by_role("heading", name="Views").wait_for()
    page.get_by_role("link", name="Done").click()

    assert shown(page.get_by_role("img", name="page views"))
    assert [tile.name for tile in boards.all(LIVE)[0].tiles] == ["Views"]
    assert_good(tab, api)


def wait_for_news(page, api, name):
    """Count something, and wait until the first number of the page is another one."""
    before = page.locator(".large").first.inner_text()
    api.engine.count(name, 7_123_456, namespace=LIVE)
    news = "before => document.querySelector('.large').textContent !== before"
    page.wait_for_function(news, arg=before)


def test_tiles_are_arranged_with_the_mouse(api, abcd, member_tab, boards):
    tab = member_tab()
    page = edit_page(tab, api, abcd)
    page.mouse.move(*middle(page.locator("#tile-d .handle")))
    page.mouse.down()
    page.mouse.move(*middle(page.locator("#tile-b")), steps=8)
    page.mouse.up()

    assert seen(page) == "adbc"
    assert kept(boards, abcd, "adbc") == "adbc"
    assert "D is now 2 of 4" in page.locator("#said").inner_text()
    page.mouse.move(*middle(page.locator("#tile-a .handle")))
    page.mouse.down()
    page.mouse.move(*middle(page.locator("#tile-c")), steps=8)
    page.mouse.up()
    assert kept(boards, abcd, "dbca") == "dbca"
    page.reload()
    assert seen(page) == "dbca"
    assert_good(tab, api)


def test_escape_puts_a_dragged_tile_back(api, abcd, member_tab, boards):
    tab = member_tab()
    page = edit_page(tab, api, abcd)
    page.mouse.move(*middle(page.locator("#tile-d .handle")))
    page.mouse.down()
    page.mouse.move(*middle(page.locator("#tile-a")), steps=8)
    assert seen(page) == "dabc"

    page.keyboard.press("Escape")
    page.mouse.up()

    assert seen(page) == "abcd"
    assert kept(boards, abcd, "abcd") == "abcd"
    assert page.locator(".dragged").count() == 0


def test_tiles_are_arranged_with_a_finger(api, abcd, member_tab, boards):
    tab = member_tab(width=PHONE, has_touch=True, is_mobile=True)
    page = edit_page(tab, api, abcd)
    page.locator("#tile-a").scroll_into_view_if_needed()
    hand = tab.context.new_cdp_session(page)
    start, end = middle(page.locator("#tile-b .handle")), middle(page.locator("#tile-a"))

    def touch(kind, *points):
        hand.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y} for x, y in points]})

    touch("touchStart", start)
    for part in range(1, 11):
        touch("touchMove", tuple(a + (b - a) * part / 10 for a, b in zip(start, end, strict=True)))
    touch("touchEnd")

    assert kept(boards, abcd, "bacd") == "bacd"
    assert seen(page) == "bacd"
    tab.assert_clean()


def test_tiles_are_arranged_by_the_keyboard_and_keep_the_focus(api, abcd, member_tab, boards):
    tab = member_tab()
    page = edit_page(tab, api, abcd)
    page.evaluate("window.notReloaded = true")
    page.get_by_role("button", name="Move D earlier").focus()

    page.keyboard.press("Enter")
    page.keyboard.press("Space")
    page.keyboard.press("Enter")

    assert kept(boards, abcd, "dabc") == "dabc"
    assert page.evaluate("window.notReloaded")
    # It is the first now, and has only the other arrow.
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Move D later"
    assert page.get_by_role("button", name="Move D earlier").is_disabled()
    assert page.locator("#said").inner_text() == "D is now 1 of 4."
    assert_good(tab, api)


def test_without_scripts_the_arrows_are_forms(api, abcd, member_tab, boards):
    tab = member_tab(java_script_enabled=False)
    page = edit_page(tab, api, abcd)
    assert page.locator(".handle").first.is_hidden()

    page.get_by_role("button", name="Move D earlier").click()

    assert kept(boards, abcd, "abdc") == "abdc"
    assert page.url.endswith("#tile-d")
    page.get_by_role("button", name="Remove A").click()
    assert kept(boards, abcd, "bdc") == "bdc"


def test_deleting_is_undone_with_one_press(api, abcd, member_tab):
    tab = member_tab()
    page = edit_page(tab, api, abcd)
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Undo").click()

    assert shown(page.get_by_role("heading", name="Letters"))
    assert_good(tab, api)


def test_a_new_point_shows_within_three_seconds_and_open_tables_stay_open(api, full, member_tab):
    tab = member_tab()
    tab.hold()
    page = tab.open(f"{api.url}/dashboards/{full.id}")
    tile = page.get_by_role("region", name="Signups a day")
    tile.get_by_text("Numbers", exact=True).click()
    page.evaluate("window.notReloaded = true")

    api.engine.count("signups", 7_123_456, namespace=LIVE)
    tab.let_run(3)
    tile.get_by_text("7.12M").first.wait_for()

    assert page.evaluate("window.notReloaded")
    assert page.evaluate("document.activeElement.textContent") == "Numbers"
    assert_good(tab, api)


def test_a_link_opens_in_a_clean_profile_until_it_is_revoked(api, full, member_tab, new_tab):
    mine = member_tab().open(f"{api.url}/dashboards/{full.id}/share")
    mine.get_by_label("Whom it is for").fill("the board")
    mine.get_by_role("button", name="Make a link").click()
    link = mine.locator("#link").inner_text()

    tab = new_tab()
    page = tab.open(link)
    assert shown(page.get_by_role("heading", name="The shop"))
    assert page.get_by_role("region", name="Visits and signups").get_by_role("img").locator("visible=true").count() == 1
    assert page.get_by_role("link", name="Edit").count() == 0
    page.get_by_role("link", name="Month").click()
    page.wait_for_load_state("networkidle")
    assert page.get_by_text("last 30 days").count() > 5
    wait_for_news(page, api, "page views")
    assert_good(tab, api)

    mine.get_by_role("button", name="Revoke the link for the board").click()
    page.goto(link)
    assert shown(page.get_by_text("This link leads nowhere"))
    assert page.get_by_text("shop").count() == 0


def test_a_password_opens_a_link_in_one_profile(api, full, shares, new_tab):
    _, token = shares.create(LIVE, full.id, api.engine.now_s(), password=PASSWORD)
    tab = new_tab()
    page = tab.open(f"{api.url}/shared/{token}")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Show the dashboard").click()

    assert shown(page.get_by_role("heading", name="The shop"))
    page.wait_for_load_state("networkidle")
    assert_good(tab, api)
    other = new_tab().open(f"{api.url}/shared/{token}")
    assert shown(other.get_by_role("heading", name="A password, please"))


def test_a_script_shows_it_on_a_foreign_page_as_high_as_it_is(api, foreign, full, shares, tab):
    _, token = shares.create(LIVE, full.id, api.engine.now_s())
    foreign.headers["Content-Security-Policy"] = f"default-src 'none'; script-src {api.url}; frame-src {api.url}"
    body = f'<p>before</p><script async src="{api.url}/embed/dashboard/{token}" data-theme="dark"></script>'

    page = tab.open(foreign.page("/", body))
    frame = page.frame_locator("iframe")
    frame.get_by_role("heading", name="The shop").wait_for()
    page.wait_for_function("document.querySelector('iframe').clientHeight > 600")

    inside = page.frames[1]
    assert inside.evaluate("document.documentElement.dataset.theme") == "dark"
    assert inside.evaluate("document.documentElement.scrollHeight <= innerHeight + 1")
    tab.assert_clean()
    frame.get_by_role("link", name="Day", exact=True).click()
    frame.get_by_text("last 24 hours").first.wait_for()
    tab.assert_clean()


def test_a_view_itself_cannot_be_framed(api, foreign, full, shares, tab):
    _, token = shares.create(LIVE, full.id, api.engine.now_s())

    page = tab.open(foreign.page("/", f'<iframe src="{api.url}/shared/{token}"></iframe>'))

    assert page.frames[1].get_by_text("The shop").count() == 0
    assert any("frame-ancestors" in text for text in tab.errors)


def test_nasty_names_are_only_text_everywhere(api, boards, shares, member_tab, new_tab):
    for name in NASTY:
        history(api, name, days=3)
    names = [series.name for series in api.engine.series(LIVE)]
    tiles = [new_tile(kind, [name], size="wide" if kind == "line" else "small") for kind in KINDS for name in names]
    board = boards.create(LIVE, NASTY[1][:100], [*tiles, new_tile("line", names[:3])], api.engine.now_s())
    _, token = shares.create(LIVE, board.id, api.engine.now_s(), label=NASTY[0])
    for width in (PHONE, DESKTOP):
        tab = member_tab(width=width)
        for path in ("", f"/{board.id}", f"/{board.id}/edit", f"/{board.id}/share"):
            page = tab.open(f"{api.url}/dashboards{path}")
            assert page.locator("main img, main script").count() == 0
            assert_good(tab, api)
        guest = new_tab(width=width)
        page = guest.open(f"{api.url}/shared/{token}")
        wait_for_news(page, api, NASTY[0])
        assert page.locator("main img, main script").count() == 0
        assert_good(guest, api)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_every_page_is_accessible_and_photographed(api, full, shares, member_tab, new_tab, shots, width, theme):
    """For people to look at, too: set STATFLOW_SCREENSHOTS."""
    now_s = api.engine.now_s()
    Dashboards(api.app.services.documents).create(LIVE, "Nothing yet", [], now_s)
    _, token = shares.create(LIVE, full.id, now_s, label="for the board")
    _, closed = shares.create(LIVE, full.id, now_s, password=PASSWORD)
    tab = member_tab(width=width, theme=theme)
    for name, path in [
        ("list", ""),
        ("view", f"/{full.id}"),
        ("edit", f"/{full.id}/edit"),
        ("share", f"/{full.id}/share"),
    ]:
        page = tab.open(f"{api.url}/dashboards{path}")
        look(tab, api, shots, f"boards {name} {width} {theme}")
    page.get_by_role("button", name="Make another link").or_(page.get_by_role("button", name="Make a link")).click()
    page.wait_for_load_state("networkidle")
    look(tab, api, shots, f"boards shared link {width} {theme}")
    guest = new_tab(width=width, is_dark=theme == "dark")
    for name, path in [("shared", token), ("embed", f"{token}/embed"), ("password", closed)]:
        guest.open(f"{api.url}/shared/{path}")
        look(guest, api, shots, f"boards {name} {width} {theme}")
    # What is not there is a failure to the tab, and looked at last.
    guest.open(f"{api.url}/shared/nothing")
    assert_accessible(guest)


def look(tab, api, shots, name):
    """Everything that is asked of a page."""
    assert_good(tab, api)
    assert tab.shoot(shots, name).stat().st_size > 5_000
    assert_accessible(tab)

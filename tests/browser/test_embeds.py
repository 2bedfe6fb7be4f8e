"""Embeds in a real browser, on a page of somebody else: shown, under any policy, with nothing gone wrong."""

import json

import pytest

from statflow_engine import Kind
from statflow_http import ids
from tests.browser.tabs import DESKTOP, PHONE, shown
from tests.http.conftest import LIVE

# Nothing but scripts of two hosts: no style, no picture, no string that is code.
STRICT = "default-src 'none'; script-src 'self' {api}; require-trusted-types-for 'script'"
NASTY = "</script><img src=x onerror=alert(1)>\"'\u2028javascript:alert(2)😀<svg onload=alert(3)>"
KINDS = ["graph", "histogram", "data", "table", "text"]
STYLES = ["", "fill", "mini", "spark"]
RANGES = ["day", "week", "half_compare", "week_compare"]


@pytest.fixture
def stats(api):
    """Ids of four public stats with two weeks of points."""
    rows = [("page views", Kind.COUNTER, 200, ""), ("signups", Kind.COUNTER, 60, "")]
    rows += [("response time", Kind.VALUE, 50, "ms"), (NASTY, Kind.COUNTER, 100, "<b>")]
    now_s = api.engine.now_s()
    times_s = list(range(now_s - 14 * 86_400, now_s, 600))
    found = []
    for name, kind, size, unit in rows:
        values = [size * (1.5 - abs(time_s % 86_400 / 43_200 - 1) + (time_s // 600 % 7) / 10) for time_s in times_s]
        api.engine.write([name] * len(times_s), kind, times_s, values, namespace=LIVE)
        series_id = api.engine.find(name, namespace=LIVE).id
        api.app.services.properties.change(LIVE, series_id, public=True, unit=unit)
        found.append(ids.stat_id(series_id))
    return found


def embedding(api, foreign, calls, *, path="/", style="", before=""):
    """A page with the calls, each in a section of its own; its scripts are files, as a strict page has them."""
    lines = [f"StatHatEmbed.render({json.dumps(call)});" for call in calls]
    sections = []
    for index, line in enumerate(lines):
        script = foreign.script(f"/call{index}.js", line)
        sections.append(f'<section id="s{index}"><script src="{script}"></script></section>')
    head = '<meta name="viewport" content="width=device-width">'
    head += f"<style>{style}</style>" if style else ""
    head += f'<script src="{api.url}/javascripts/embed.js"></script>'
    return foreign.page(path, before + "".join(sections), head=head)


def assert_shown(page, count):
    """Every section shows something, in a div."""
    for index in range(count):
        box = page.locator(f"#s{index} > div")
        assert box.count() == 1, page.locator(f"#s{index}").inner_html()
        assert box.is_visible(), index
        size = box.locator(":scope > *").bounding_box()
        assert size["width"] > 10, index
        assert size["height"] > 10, index


def calls_of(stats):
    """Every kind, style and range that StatHat's embedding had."""
    a, b, c, _ = stats
    calls = [{"s1": a, "kind": kind, "s2": b, "s3": c} for kind in KINDS]
    calls += [{"s1": a, "style": style} for style in STYLES]
    calls += [{"s1": a, "tf": tf, "kind": kind} for tf in RANGES for kind in ("graph", "table")]
    return [*calls, {"s1": a, "w": 760, "h": 235}, {"s1": a, "title": "A title"}]


@pytest.mark.parametrize("is_strict", [False, True])
def test_all_kinds_styles_and_ranges_are_shown_on_a_foreign_page(api, foreign, stats, tab, is_strict):
    if is_strict:
        foreign.headers["Content-Security-Policy"] = STRICT.format(api=api.url)
    calls = calls_of(stats)

    page = tab.open(embedding(api, foreign, calls))

    assert_shown(page, len(calls))
    tab.assert_clean()
    assert tab.hosts() == {foreign.url.removeprefix("http://"), api.url.removeprefix("http://")}
    assert shown(page.get_by_role("img", name="A title"))
    assert page.locator("#s4").inner_text().startswith("page views ")


def test_the_strict_policy_is_one(api, foreign, stats, tab):
    """Under it a style element, a style attribute and a picture are refused, as our embeds would be if they had any."""
    foreign.headers["Content-Security-Policy"] = STRICT.format(api=api.url)

    tab.open(foreign.page("/", '<style>a{}</style><p style="color:red">x</p><img src="/a.png">'))

    assert {text.partition(" ")[0] for text in tab.violations()} == {"style-src-elem", "style-src-attr", "img-src"}


@pytest.mark.parametrize("is_strict", [False, True])
def test_a_nasty_name_is_only_text(api, foreign, stats, tab, is_strict):
    if is_strict:
        foreign.headers["Content-Security-Policy"] = STRICT.format(api=api.url)
    calls = [{"s1": stats[3], "kind": kind, "title": NASTY if title else ""} for kind in KINDS for title in (0, 1)]

    page = tab.open(embedding(api, foreign, calls))

    assert_shown(page, len(calls))
    tab.assert_clean()
    assert page.locator("section img, section script:not([src])").count() == 0
    # A browser shows the line separator as some space; the rest is there, letter by letter.
    assert "onerror=alert(1)>" in page.locator("#s8").inner_text()


def test_pictures_and_frames_are_shown_and_harmless(api, foreign, stats, tab):
    a, _, _, nasty = stats
    pictures = [f"graph/{a}.svg?w=400&h=180", f"text/{a}/{nasty}.svg", f"graph/{nasty}.svg?style=spark&theme=dark"]
    frames = [f"{kind}/{stat}.html" for kind in KINDS for stat in (a, nasty)]
    body = "".join(f'<img src="{api.url}/embed/{path}">' for path in pictures)
    body += "".join(f'<iframe src="{api.url}/embed/{path}" width="400" height="200"></iframe>' for path in frames)

    page = tab.open(foreign.page("/", body))

    tab.assert_clean()
    assert page.evaluate("document.images[0].naturalWidth") == 400
    assert page.evaluate("Array.from(document.images).every(image => image.complete && image.naturalWidth > 50)")
    for frame in page.frames[1:]:
        assert frame.locator("svg:visible, div:visible, span:visible").count() >= 1
        assert frame.evaluate("document.scripts.length") == 0


@pytest.mark.parametrize("width", [300, PHONE, 700, DESKTOP])
def test_a_frame_shows_one_picture_whole(api, foreign, stats, new_tab, width):
    tab = new_tab(width=width)
    page = tab.open(
        foreign.page("/", f'<iframe src="{api.url}/embed/graph/{stats[0]}.html" width="100%" height="260">')
    )

    frame = page.frames[1]
    assert frame.locator("svg:visible").count() == 1
    assert frame.evaluate("document.documentElement.scrollHeight <= innerHeight")
    assert frame.evaluate("document.documentElement.scrollWidth <= innerWidth")
    size = frame.locator("svg:visible").bounding_box()
    assert size["width"] > width * 0.8


def test_a_page_that_isolates_itself_may_show_them(api, foreign, stats, tab):
    """Under COEP nothing of another origin is loaded unless it says that it may be."""
    foreign.headers["Cross-Origin-Embedder-Policy"] = "require-corp"
    picture = f'<img src="{api.url}/embed/graph/{stats[0]}.svg">'

    page = tab.open(embedding(api, foreign, [{"s1": stats[0]}], before=picture))

    assert_shown(page, 1)
    tab.assert_clean()
    assert page.evaluate("document.images[0].naturalWidth") == 760


def test_embeds_stand_where_they_were_called_and_in_that_order(api, foreign, stats, tab):
    line = "".join(f"StatHatEmbed.render({{s1: '{stat}', kind: 'text'}});" for stat in stats[:3])
    script = foreign.script("/calls.js", line)
    head = f'<script src="{api.url}/javascripts/embed.js"></script>'
    tab.open(foreign.page("/", f'<p>before</p><script src="{script}"></script><p>after</p>', head=head))

    words = tab.page.locator("body").inner_text()

    order = [words.index(word) for word in ("before", "page views", "signups", "response time", "after")]
    assert order == sorted(order)
    tab.assert_clean()


def test_it_may_be_called_from_the_head_and_later_and_for_an_element(api, foreign, stats, tab):
    a, b, c, _ = stats
    head = f'<script src="{api.url}/javascripts/embed.js"></script>'
    script = foreign.script("/head.js", f"StatHatEmbed.render({{s1: {a!r}, kind: 'text'}})")
    head += f'<script src="{script}"></script>'
    page = tab.open(foreign.page("/", '<p id="here"></p>', head=head))

    page.evaluate(f"StatHatEmbed.render({{s1: {b!r}, kind: 'text', el: 'here'}})")
    page.evaluate(f"StatHatEmbed.render({{s1: {c!r}, kind: 'text', el: document.getElementById('here')}})")
    page.wait_for_function("document.body.innerText.includes('response time')")

    assert "page views" in page.inner_text("body")
    assert page.inner_text("#here").startswith("signups")
    tab.assert_clean()


def test_a_script_tag_alone_shows_its_figure_where_it_stands(api, foreign, stats, tab):
    page = tab.open(
        foreign.page("/", f'<section id="s0"><script src="{api.url}/embed/graph/{stats[0]}"></script></section>')
    )

    assert_shown(page, 1)
    tab.assert_clean()


def test_private_and_unknown_stats_are_a_small_box(api, foreign, stats, tab):
    api.app.services.properties.change(LIVE, ids.series_id(stats[1]), public=False)

    page = tab.open(embedding(api, foreign, [{"s1": stats[1]}, {"s1": "zzzz", "kind": "table"}]))

    assert [page.inner_text("#s0"), page.inner_text("#s1")] == ["no such stat", "no such stat"]
    assert page.locator("#s0 > div > div").bounding_box()["width"] < 200
    tab.assert_clean()


def test_a_call_without_a_stat_is_told_to_the_author(api, foreign, stats, tab):
    tab.open(embedding(api, foreign, [{"w": 100}]))

    assert tab.errors == ["error: StatHatEmbed.render: s1 is missing"]


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_without_a_width_it_is_as_wide_as_there_is_room(api, foreign, stats, new_tab, width):
    tab = new_tab(width=width)
    page = tab.open(embedding(api, foreign, [{"s1": stats[0]}, {"s1": stats[0], "w": 760}], style="body{margin:20px}"))

    sizes = [page.locator(f"#s{index} svg").bounding_box() for index in (0, 1)]

    assert sizes[0]["width"] == width - 40
    # Never wider than the room; and drawn anew for it, so that letters keep their size.
    assert sizes[1]["width"] == min(760, width - 40)
    assert page.locator("#s1 svg").get_attribute("width") == str(min(760, width - 40))
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_wide_table_scrolls_and_the_page_does_not(api, foreign, stats, new_tab):
    calls = [{"s1": stats[0], "s2": stats[1], "s3": stats[3], "kind": "data"}]
    page = new_tab(width=300).open(embedding(api, foreign, calls, style="body{margin:10px}"))

    assert page.evaluate("document.documentElement.scrollWidth") <= 300
    assert page.locator("#s0 table").bounding_box()["width"] > 280


def test_it_is_drawn_anew_when_the_room_changes(api, foreign, stats, tab):
    page = tab.open(embedding(api, foreign, [{"s1": stats[0]}], style="body{margin:0}"))

    page.set_viewport_size({"width": 600, "height": 800})
    page.wait_for_function("document.querySelector('svg').getAttribute('width') === '600'")

    assert len([address for address in tab.requests if "/embed/graph/" in address]) == 2
    assert page.locator("section > div > svg").count() == 1
    assert page.locator("section > script").count() == 1  # the page's own


def test_it_is_shown_anew_only_when_that_is_asked_for(api, foreign, stats, tab):
    tab.page.clock.install()
    page = tab.open(embedding(api, foreign, [{"s1": stats[0], "kind": "text", "refresh": 30}, {"s1": stats[1]}]))
    before = page.inner_text("#s0")
    api.engine.count("page views", 1_000_000, namespace=LIVE)

    page.clock.fast_forward(61_000)
    page.wait_for_function("before => document.getElementById('s0').innerText !== before", arg=before)

    asked = [address for address in tab.requests if "/embed/" in address]
    assert [address for address in asked if "/embed/graph" in address] == asked[1:2]
    assert len(asked) == 3
    tab.assert_clean()


DARK_PAGE = "html{background:#101418;color:#ddd}"


def accent(page):
    return page.evaluate("getComputedStyle(document.querySelector('svg path[stroke-width=\"1.75\"]')).stroke")


@pytest.mark.parametrize(
    ("style", "is_dark", "options", "colour"),
    [
        ("", False, {}, "rgb(36, 96, 216)"),
        # A page that knows nothing of dark is white, whatever its reader prefers.
        ("", True, {}, "rgb(36, 96, 216)"),
        (DARK_PAGE, False, {}, "rgb(123, 166, 255)"),
        ("html{background:#101418;color:oklch(0.9 0.02 250)}", False, {}, "rgb(123, 166, 255)"),
        (":root{color-scheme:light dark}", True, {}, "rgb(123, 166, 255)"),
        (DARK_PAGE, False, {"theme": "light"}, "rgb(36, 96, 216)"),
        ("", False, {"theme": "dark"}, "rgb(123, 166, 255)"),
        (DARK_PAGE + ":root{--statflow-accent:#ff0000}", False, {}, "rgb(255, 0, 0)"),
    ],
)
def test_its_colours_suit_the_page(api, foreign, stats, new_tab, style, is_dark, options, colour):
    tab = new_tab(is_dark=is_dark)

    page = tab.open(embedding(api, foreign, [{"s1": stats[0], **options}], style=style))

    assert accent(page) == colour


def test_its_colours_follow_a_page_that_changes(api, foreign, stats, tab):
    page = tab.open(embedding(api, foreign, [{"s1": stats[0]}], style=":root{color-scheme:light dark}"))
    before = accent(page)

    page.emulate_media(color_scheme="dark")
    page.wait_for_function("document.querySelector('section > div').style.length > 0")

    assert (before, accent(page)) == ("rgb(36, 96, 216)", "rgb(123, 166, 255)")


@pytest.mark.parametrize(("is_dark", "paper"), [(False, [255, 255, 255]), (True, [20, 24, 31])])
def test_a_picture_suits_what_its_reader_prefers(api, foreign, stats, new_tab, is_dark, paper):
    tab = new_tab(is_dark=is_dark)
    picture = f'<img crossorigin src="{api.url}/embed/graph/{stats[0]}.svg">'
    page = tab.open(foreign.page("/", picture, head='<meta name="color-scheme" content="light dark">'))

    colour = page.evaluate(
        """() => {
            const canvas = document.createElement("canvas").getContext("2d");
            canvas.drawImage(document.images[0], 0, 0);
            return Array.from(canvas.getImageData(2, 2, 1, 1).data.slice(0, 3));
        }"""
    )

    assert colour == paper


@pytest.mark.parametrize("is_dark", [False, True])
@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_pictures_of_a_page_with_all_of_them_are_taken(api, foreign, stats, new_tab, shots, width, is_dark):
    """For people to look at: set STATFLOW_SCREENSHOTS."""
    a, b, c, nasty = stats
    tab = new_tab(width=width, is_dark=is_dark)
    colours = DARK_PAGE if is_dark else ""
    calls = [*calls_of(stats), {"s1": nasty, "s2": a, "s3": nasty}, {"s1": "zzzz"}]
    before = f'<h1>A page</h1><p>with <img src="{api.url}/embed/text/{a}/{c}.svg">'
    before += f'<iframe src="{api.url}/embed/graph/{a}/{b}.html" width="100%" height="260"></iframe>'
    style = "body{font:16px Georgia,serif;margin:16px}section{margin:0 0 24px}" + colours

    page = tab.open(embedding(api, foreign, calls, style=style, before=before))

    assert_shown(page, len(calls))
    assert tab.shoot(shots, f"embeds {width} {'dark' if is_dark else 'light'}").stat().st_size > 50_000
    tab.assert_clean()
    if width == PHONE:
        assert page.evaluate("document.documentElement.scrollWidth") <= width

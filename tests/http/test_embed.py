"""``/embed/KIND/S1[/S2[/S3]]`` as script, picture and page: who may see what, how it is bounded, how it is cached."""

import json
import re
import xml.etree.ElementTree as ET

import falcon.testing
import pytest

from statflow_engine import Kind
from statflow_http import create_app, ids
from statflow_http.accounts.keys import Scope
from tests.http.conftest import LIVE, TEST, Api

SVG = "{http://www.w3.org/2000/svg}"
KINDS = ["graph", "histogram", "data", "table", "text"]
NASTY = "</script><script>alert(1)</script>\"'\u2028javascript:alert(2)😀<!--"


@pytest.fixture
def stats(api):
    """Makes stats with a point every ten minutes of two weeks: their ids, public ones unless it is said."""

    def make(name, kind=Kind.COUNTER, *, public=True, unit=None, namespace=LIVE, value=None):
        now_s = api.engine.now_s()
        times_s = list(range(now_s - 14 * 86_400, now_s, 600))
        values = [float(index % 7 + 1) if value is None else value for index in range(len(times_s))]
        api.engine.write([name] * len(times_s), kind, times_s, values, namespace=namespace)
        series = api.engine.find(name, namespace=namespace)
        api.app.services.properties.change(namespace, series.id, public=public, unit=unit)
        return ids.stat_id(series.id)

    return make


def ask(api, path, **options):
    """GET without any key."""
    return api.client.simulate_get(path, **options)


def arguments(answer):
    """What a script is called with: the tree, looks, colours, and whether the colours are fixed."""
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    return json.loads("[" + re.search(r"\}\)\((\[.*)\);\n$", answer.text, re.DOTALL)[1] + "]")


def texts(tree):
    """Every text of a tree, joined."""
    return tree if isinstance(tree, str) else "".join(map(texts, tree[2:]))


def shown(api, path, **options):
    return texts(arguments(ask(api, path, **options))[0])


@pytest.mark.parametrize("kind", KINDS)
def test_a_script_carries_a_figure_of_each_kind(api, stats, kind):
    views = stats("page views")

    tree, looks, colours, is_fixed = arguments(ask(api, f"/embed/{kind}/{views}"))

    assert "page views" in texts(tree)
    assert tree[0] == ("svg" if kind in ("graph", "histogram") else "span" if kind == "text" else "div")
    assert all(name.startswith("statflow-") for name in looks)
    assert (colours["accent"][0], is_fixed) == ("#", False)


@pytest.mark.parametrize("tf", ["day", "week", "half_compare", "week_compare", "month", "year"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_range_is_drawn_with_three_stats(api, stats, kind, tf):
    a, b, c = stats("a"), stats("b", Kind.VALUE, unit="ms"), stats("c")

    found = shown(api, f"/embed/{kind}/{a}/{b}/{c}", query_string=f"tf={tf}")

    assert "no such stat" not in found
    assert "must be" not in found
    assert "NaN" not in found


@pytest.mark.parametrize(
    ("tf", "words"),
    [
        ("day", "last 24 hours"),
        ("half_compare", "last 12 hours · dashed: the day before"),
        ("week_compare", "last 7 days · dashed: the week before"),
    ],
)
def test_a_range_that_compares_draws_the_period_before_dashed(api, stats, tf, words):
    tree = arguments(ask(api, f"/embed/graph/{stats('a')}", query_string=f"tf={tf}"))[0]

    assert words in texts(tree)
    assert ('"4 3"' in json.dumps(tree)) == tf.endswith("compare")


def test_the_table_has_a_total_for_counters_only_and_the_change_where_it_compares(api, stats):
    a, b = stats("a", value=2.0), stats("b", Kind.VALUE, value=2.5)

    table = arguments(ask(api, f"/embed/table/{a}/{b}", query_string="tf=week_compare"))[0][3][2]
    rows = [[texts(cell) for cell in row[2:]] for row in table[3][2:]]

    # 1,008 points of 2 in the week up to now; the row of this hour is empty so far.
    assert rows[0] == ["total", "2,016", ""]
    assert rows[1] == ["mean", "12", "2.5"]
    assert rows[-1] == ["change from the week before", "0%", "0%"]


def test_the_table_of_points_has_the_newest_first(api, stats):
    found = shown(api, f"/embed/data/{stats('a', value=1.0)}", query_string="tf=half_compare")

    assert re.search(r"last 12 hours15 Jan 2027, 08:00015 Jan 2027, 07:006", found)


def test_the_text_is_a_counters_total_and_a_values_last_number(api, stats):
    a, b = stats("a", value=2.0), stats("b", Kind.VALUE, value=2.5, unit="ms")

    assert shown(api, f"/embed/text/{a}/{b}") == "a 2,016, b 2.5 ms"
    assert shown(api, f"/embed/text/{a}", query_string="title=Total") == "Total 2,016"


def test_days_are_those_of_the_account_or_of_tz(api, stats):
    a = stats("a")
    api.new_account("owner", tz="Asia/Tokyo")

    assert "Asia/Tokyo" in shown(api, f"/embed/graph/{a}")
    assert "America/New_York" in shown(api, f"/embed/graph/{a}", query_string="tz=America/New_York")


def test_a_store_without_fine_rings_still_draws(small_engine):
    app = create_app(small_engine)
    api = Api(app, small_engine)
    small_engine.count("a", namespace=LIVE)
    series = small_engine.find("a", namespace=LIVE)
    app.services.properties.change(LIVE, series.id, public=True)

    for tf in ("day", "week_compare", "year"):
        assert "last" in shown(api, f"/embed/graph/{ids.stat_id(series.id)}", query_string=f"tf={tf}")
    app.close()


def test_a_private_stat_is_as_unknown_as_one_that_does_not_exist(api, stats):
    private, public = stats("private", public=False), stats("public")

    answers = [
        ask(api, f"/embed/graph/{text}") for text in (private, "zzzz", "no-id!", "x" * 200, f"{public}/{private}")
    ]

    assert {answer.text for answer in answers} == {answers[0].text}
    assert texts(arguments(answers[0])[0]) == "no such stat"


def test_an_embed_key_shows_a_private_stat_of_any_namespace(api, stats):
    for name, namespace in (("private", LIVE), ("of tests", TEST)):
        series_id = ids.series_id(stats(name, public=False, namespace=namespace))

        assert name in shown(api, f"/embed/graph/{ids.embed_key(api.app.services.secret, series_id)}")


def test_a_stat_that_was_deleted_is_gone_from_every_page(api, stats):
    a = stats("a")
    api.engine.delete("a", namespace=LIVE)

    assert shown(api, f"/embed/graph/{a}") == "no such stat"


def test_no_key_of_the_reader_opens_a_private_stat(api, stats):
    a = stats("a", public=False)
    headers = {"Authorization": f"Bearer {api.new_key(scope=Scope.FULL)}"}

    assert shown(api, f"/embed/graph/{a}", headers=headers) == "no such stat"


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("w=39", "w must be a whole number from 40 to 2000"),
        ("w=2001", "w must be a whole number from 40 to 2000"),
        ("h=15", "h must be a whole number from 16 to 1200"),
        ("h=1e3", "h must be a whole number from 16 to 1200"),
        ("tf=century", "tf must be one of day, week, half_compare, week_compare, month, year"),
        ("style=bold", "style must be one of fill, mini, spark"),
        ("theme=pink", "theme must be one of auto, light, dark"),
        ("tz=Mars", "tz must be the name of a time zone, such as Europe/Berlin"),
        ("refresh=9", "refresh must be a whole number from 10 to 86400"),
        ("title=" + "x" * 256, "title is longer than 255 characters"),
        ("w=100&w=200", 'field "w" given twice'),
        ("title=%ff", 'field "title" is not valid UTF-8'),
    ],
)
def test_what_is_out_of_bounds_is_told_in_a_box_in_each_form(api, stats, query, words):
    a = stats("a")

    script, picture, page = (ask(api, f"/embed/graph/{a}{form}", query_string=query) for form in ("", ".svg", ".html"))

    assert texts(arguments(script)[0]) == words
    assert (picture.status_code, page.status_code) == (400, 400)
    assert ET.fromstring(picture.text)[0].text == words
    assert words.replace('"', "&quot;") in page.text or words in page.text


@pytest.mark.parametrize("query", ["w=40", "w=2000", "h=16", "h=1200", "w=40&h=16", "refresh=10", "w=&h=&style=&tf="])
@pytest.mark.parametrize("path", ["graph/{}", "graph/{}.svg", "graph/{}.html", "histogram/{}.svg", "text/{}.svg"])
def test_what_is_at_a_bound_is_drawn(api, stats, path, query):
    answer = ask(api, "/embed/" + path.format(stats("a")), query_string=query)

    assert answer.status_code == 200
    assert "must be" not in answer.text


@pytest.mark.parametrize(
    "path",
    ["/embed/graph", "/embed/graph/", "/embed/pie/aaab", "/embed/graph/a/b/c/d", "/embed/graph//a", "/embed/"],
)
def test_what_is_no_embed_is_no_path(api, path):
    answer = ask(api, path)

    assert (answer.status_code, answer.json) == (404, {"msg": "no such path"})


def test_a_slash_at_the_end_does_no_harm(api, stats):
    assert "page views" in shown(api, f"/embed/graph/{stats('page views')}/")


@pytest.mark.parametrize("kind", ["data", "table"])
def test_tables_are_no_pictures(api, stats, kind):
    answer = ask(api, f"/embed/{kind}/{stats('a')}.svg")

    assert (answer.status_code, answer.headers["content-type"]) == (400, "image/svg+xml")
    assert "take .html for tables" in answer.text


@pytest.mark.parametrize("form", [".svg", ".html"])
def test_pictures_and_pages_of_no_stat_are_404_with_a_box(api, form):
    answer = ask(api, f"/embed/graph/zzzz{form}")

    assert answer.status_code == 404
    assert "no such stat" in answer.text


@pytest.mark.parametrize("form", ["", ".svg", ".html"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_nasty_name_is_text_in_every_form(api, stats, kind, form):
    a = stats(NASTY, unit="<b>")

    answer = ask(api, f"/embed/{kind}/{a}{form}", params={"title": "</title><script>alert(3)</script>\u2029"})

    assert "<script" not in answer.text
    assert "alert(3)</script" not in answer.text
    if form == "":
        # ASCII and without "<" in the data, so that it stays a script wherever it is pasted.
        assert answer.text.isascii()
        assert "<" not in answer.text[answer.text.rindex("})([") :]
    elif answer.status_code == 200 and form == ".svg":
        assert {element.tag.removeprefix(SVG) for element in ET.fromstring(answer.text).iter()} <= {
            "svg", "title", "desc", "style", "g", "rect", "path", "circle", "text"
        }  # fmt: skip


def test_a_picture_is_as_large_as_was_asked_for(api, stats):
    root = ET.fromstring(ask(api, f"/embed/graph/{stats('a')}.svg", query_string="w=400&h=180").text)

    assert (root.get("width"), root.get("height"), root.get("viewBox")) == ("400", "180", "-10 -10 400 180")


@pytest.mark.parametrize(("theme", "has_variables"), [("light", False), ("dark", False), ("auto", True)])
def test_a_picture_of_a_theme_has_its_colours_written_out(api, stats, theme, has_variables):
    answer = ask(api, f"/embed/graph/{stats('a')}.svg", query_string=f"theme={theme}")

    assert ("var(" in answer.text) == has_variables


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_script_of_a_theme_fixes_the_colours(api, stats, theme):
    _, _, colours, is_fixed = arguments(ask(api, f"/embed/graph/{stats('a')}", query_string=f"theme={theme}"))

    assert (colours["paper"], is_fixed) == ({"light": "#ffffff", "dark": "#14181f"}[theme], True)


def test_a_page_is_drawn_for_several_widths_unless_one_is_given(api, stats):
    a = stats("a")

    assert ask(api, f"/embed/graph/{a}.html").text.count("<svg") == 4
    assert ask(api, f"/embed/graph/{a}.html", query_string="w=300").text.count("<svg") == 1


def test_a_page_refreshes_itself_only_when_that_is_asked_for(api, stats):
    a = stats("a")

    assert 'http-equiv="refresh"' not in ask(api, f"/embed/graph/{a}.html").text
    answer = ask(api, f"/embed/graph/{a}.html", query_string="refresh=30")
    assert '<meta http-equiv="refresh" content="30"/>' in answer.text
    assert answer.headers["cache-control"] == "public, max-age=15"


@pytest.mark.parametrize(
    "path", ["/embed/graph/{}", "/embed/graph/{}.svg", "/embed/graph/{}.html", "/javascripts/embed.js"]
)
def test_browsers_may_show_it_anywhere_for_a_while(api, stats, path):
    path = path.format(stats("a"))

    answer = ask(api, path)

    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == f"public, max-age={3_600 if path.endswith('.js') else 60}"
    for known in (answer.headers["etag"], f"W/{answer.headers['etag']}", f'"x", {answer.headers["etag"]}'):
        again = ask(api, path, headers={"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == answer.headers["etag"]
    assert ask(api, path, headers={"If-None-Match": '"other"'}).status_code == 200
    assert api.client.simulate_head(path).status_code == 200


def test_a_new_point_changes_the_tag(api, stats):
    path = f"/embed/text/{stats('a')}"
    tag = ask(api, path).headers["etag"]

    api.engine.count("a", namespace=LIVE)

    assert ask(api, path, headers={"If-None-Match": tag}).status_code == 200


@pytest.mark.parametrize("form", [".svg", ".html"])
def test_pictures_and_pages_may_be_framed_but_load_and_run_nothing(api, stats, form):
    policy = ask(api, f"/embed/graph/{stats('a')}{form}").headers["content-security-policy"]

    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert policy.endswith("frame-ancestors *")
    assert "unsafe" not in policy
    assert "script" not in policy


def test_an_app_without_the_part_that_reads_has_no_embeds(engine):
    app = create_app(engine, parts=("write",))
    client = falcon.testing.TestClient(app)

    assert client.simulate_get("/javascripts/embed.js").status_code == 404
    assert client.simulate_get("/embed/graph/aaab").status_code == 404
    app.close()


@pytest.mark.parametrize(
    ("kind", "limit"), [("graph", 20_000), ("histogram", 12_000), ("table", 6_000), ("text", 4_000)]
)
def test_an_answer_is_small(api, stats, kind, limit):
    a, b, c = stats("a"), stats("b"), stats("c")

    answer = ask(api, f"/embed/{kind}/{a}/{b}/{c}", query_string="tf=week_compare&w=1200")

    assert len(answer.content) < limit

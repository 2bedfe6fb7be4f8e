"""Dashboards as pages: made, arranged, changed and deleted by forms, which work without scripts."""

import gzip
import re
from types import SimpleNamespace

import pytest

from statflow_engine import Kind
from statflow_http import create_app, ids
from statflow_http.accounts.accounts import AccountSettings
from statflow_http.dashboards.drafts import TILES_MAX, new_tile
from statflow_http.dashboards.store import KEPT_S, Dashboards
from statflow_http.dashboards.tiles import KINDS, PERIODS, SIZES
from statflow_http.pages.board_reading import read
from tests.clocks import START_S
from tests.http.conftest import LIVE, TEST
from tests.pages.visits import Visit, texts

NASTY = '<script>alert(1)</script>"><img src=x onerror=alert(2)>{{7*7}}'
DAY_S = 86_400


@pytest.fixture
def stats(app, engine, api):
    """Ids of two stats and a nasty one, with two weeks of hours."""
    found = {}
    times_s = list(range(START_S - 14 * DAY_S, START_S, 3_600))
    for name, kind, size in [("hits", Kind.COUNTER, 2), ("load", Kind.VALUE, 50), (NASTY, Kind.COUNTER, 7)]:
        engine.write([name] * len(times_s), kind, times_s, [float(size)] * len(times_s), namespace=LIVE)
        found[name] = ids.stat_id(engine.find(name, namespace=LIVE).id)
    return found


@pytest.fixture
def boards(app):
    return Dashboards(app.services.documents)


@pytest.fixture
def board(boards, stats):
    """A dashboard with three tiles, of the ids a, b, c."""
    tiles = [new_tile("line", ["hits", "load"], tile_id="a"), new_tile("number", ["hits"], tile_id="b")]
    return boards.create(LIVE, "The shop", [*tiles, new_tile("hours", [NASTY], tile_id="c")], START_S)


def edit(owner, board, do, **fields):
    return owner.post(f"/dashboards/{board.id}/edit", {"do": do, **fields})


def order(boards, board):
    return "".join(tile.id for tile in boards.get(LIVE, board.id).tiles)


@pytest.mark.parametrize("path", ["", "/{id}", "/{id}/edit", "/{id}/share"])
def test_who_is_signed_out_is_asked_to_sign_in(guest, board, path):
    answer = guest.get("/dashboards" + path.format(id=board.id))

    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/login?next=/dashboards")


def test_an_empty_list_says_what_a_dashboard_is_and_makes_one(owner, boards):
    page = owner.get("/dashboards")
    assert "No dashboards yet" in texts(page)
    assert "Send the first one" in texts(page)

    answer = owner.post("/dashboards", {"name": " The shop "})

    made = boards.all(LIVE)[0]
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/dashboards/{made.id}/edit")
    assert made.name == "The shop"
    assert "The shop" in texts(owner.get("/dashboards"))


def test_a_name_that_is_none_is_told_and_kept(owner, boards):
    answer = owner.post("/dashboards", {"name": "a" * 101})

    assert answer.status_code == 400
    assert "Name is longer than 100 characters." in texts(answer)
    assert f'value="{"a" * 101}"' in answer.text
    assert boards.all(LIVE) == []


def test_a_comparison_becomes_a_dashboard_of_its_stats(owner, boards, stats):
    answer = owner.post("/dashboards", {"name": "compared", "stats": [stats["hits"], stats["load"]]})

    made = boards.all(LIVE)[0]
    assert answer.headers["Location"] == f"/dashboards/{made.id}"
    assert [(tile.kind, tile.stats) for tile in made.tiles] == [
        ("line", ("hits", "load")),
        ("number", ("hits",)),
        ("number", ("load",)),
    ]


@pytest.mark.parametrize("stat_id", ["zzzz", "!", "a" * 300])
def test_a_comparison_of_what_is_not_there_makes_nothing(owner, boards, stats, stat_id):
    assert owner.post("/dashboards", {"name": "x", "stats": [stat_id]}).status_code == 400
    assert boards.all(LIVE) == []


@pytest.mark.parametrize(
    ("period", "of_tiles", "asked"),
    [("", "week", ""), *((each, each, f"period={each}") for each in PERIODS), ("nonsense", "week", "")],
)
def test_a_dashboard_shows_every_kind_and_size_in_every_period(owner, boards, stats, period, of_tiles, asked):
    tiles = [
        new_tile(kind, ["hits"] if kind == "hours" else ["hits", "load", NASTY], size=size, period=of_tiles)
        for kind in KINDS
        for size in SIZES
    ]
    made = boards.create(LIVE, "all", tiles, START_S)

    page = owner.get(f"/dashboards/{made.id}?period={period}")

    assert page.status_code == 200
    assert page.text.count('class="card tile') == len(tiles)
    assert "<script>alert" not in page.text
    assert "<img src=x" not in page.text
    assert " style=" not in page.text
    live = re.search(r'data-live="([^"]+)"', page.text)[1]
    assert asked in live
    assert ("period=" in live) == bool(asked)


def test_a_number_tells_its_change_against_the_period_before(owner, boards, engine, api):
    hours = [*range(START_S - 2 * 7 * DAY_S, START_S, 3_600)]
    values = [1.0 if time_s < START_S - 7 * DAY_S else 2.0 for time_s in hours]
    engine.write(["hits"] * len(hours), Kind.COUNTER, hours, values, namespace=LIVE)
    made = boards.create(LIVE, "n", [new_tile("number", ["hits"])], START_S)

    said = texts(owner.get(f"/dashboards/{made.id}"))

    # The hour that runs has nothing yet: the 168 before it are compared with as many.
    assert "336 total, +100% against 168 the week before" in said


def test_the_hours_of_a_week_are_a_table_as_well(owner, boards, engine, api):
    monday_s = START_S - START_S % (7 * DAY_S) - 3 * DAY_S
    for week in range(4):
        time_s = monday_s - week * 7 * DAY_S + 14 * 3_600
        engine.write(["hits"], Kind.COUNTER, [time_s], [float(10 * (week + 1))], namespace=LIVE)
    made = boards.create(LIVE, "h", [new_tile("hours", ["hits"], period="month")], START_S)

    page = owner.get(f"/dashboards/{made.id}")

    row = re.search(r'<th scope="row">Mon</th>(.*?)</tr>', page.text)[1]
    cells = re.findall(r">([^<]*)</td>", row)
    assert cells[14] == "25"
    assert cells[13] == "0"
    assert "Greatest Mon 14:00: 25" in page.text


def test_hours_follow_the_clock_of_the_account(owner, boards, app, engine, api):
    app.services.accounts.change("owner", AccountSettings(tz="Asia/Tokyo"))
    monday_s = START_S - START_S % (7 * DAY_S) - 3 * DAY_S
    engine.write(["hits"], Kind.COUNTER, [monday_s], [10.0], namespace=LIVE)
    made = boards.create(LIVE, "h", [new_tile("hours", ["hits"])], START_S)

    assert "Greatest Mon 09:00: 10" in owner.get(f"/dashboards/{made.id}").text


def test_a_stat_that_is_gone_is_told(owner, api, board):
    api.delete("/v1/stat/hits")

    said = texts(owner.get(f"/dashboards/{board.id}"))

    assert "No stat “hits” any more." in said


def test_tiles_alike_are_read_with_one_query_each(app, engine, boards, stats):
    tiles = [(new_tile(kind, [name]), "week") for kind in KINDS for name in ("hits", "load", NASTY) for _ in range(4)]
    assert len(tiles) == TILES_MAX

    found = read(engine, app.services.properties, LIVE, tiles, "UTC")

    # Of bars, which are days, and of everything else.
    assert found.query_count == 2
    assert all(found.of(tile, period) for tile, period in tiles)


@pytest.mark.parametrize("period", PERIODS)
def test_a_store_with_short_rings_shows_what_it_has(small_engine, period):
    app = create_app(small_engine)
    small_engine.count("hits", 5, namespace=LIVE)
    tiles = [new_tile(kind, ["hits"], period=period) for kind in KINDS]
    made = Dashboards(app.services.documents).create(LIVE, "short", tiles, START_S)

    page = Visit(app).sign_in().get(f"/dashboards/{made.id}")
    app.close()

    assert page.status_code == 200
    assert "any more" not in page.text


def test_live_and_test_data_have_dashboards_of_their_own(owner, boards, board):
    owner.post("/view", {"data": "test"})

    assert owner.get(f"/dashboards/{board.id}").status_code == 404
    owner.post("/dashboards", {"name": "of test data"})
    assert [each.name for each in boards.all(TEST)] == ["of test data"]
    assert [each.name for each in boards.all(LIVE)] == ["The shop"]


def test_its_script_is_sent_the_tiles_only_when_they_changed(owner, engine, board, clock):
    path = f"/dashboards/{board.id}"
    revision = re.search(r'data-revision="([^"]+)"', owner.get(path).text)[1]

    same = owner.get(path, **{"X-Revision": revision})
    assert (same.status_code, same.content) == (204, b"")
    engine.count("of no tile", namespace=LIVE)
    other = owner.get(path, **{"X-Revision": revision})
    assert (other.status_code, other.content) == (204, b"")
    assert other.headers["X-Revision"] != revision
    engine.count("hits", 1_000_000, namespace=LIVE)
    changed = owner.get(path, **{"X-Revision": other.headers["X-Revision"], "Accept-Encoding": "gzip"})
    assert changed.status_code == 200
    assert b"<section" in gzip.decompress(changed.content)
    assert b"<html" not in gzip.decompress(changed.content)
    assert owner.get(path, **{"X-Revision": changed.headers["X-Revision"]}).status_code == 204


def test_what_another_hand_changed_is_sent_too(owner, boards, board):
    path = f"/dashboards/{board.id}"
    revision = re.search(r'data-revision="([^"]+)"', owner.get(path).text)[1]

    boards.move_tile(LIVE, board.id, "c", -2, START_S)

    assert owner.get(path, **{"X-Revision": revision}).status_code == 200


def test_a_tile_is_added_changed_and_removed_by_forms(owner, boards, board):
    added = edit(owner, board, "put", kind="bar", stat=["load", "", ""], title="Load", size="wide", period="day")
    tile = boards.get(LIVE, board.id).tiles[3]
    assert added.headers["Location"] == f"/dashboards/{board.id}/edit#tile-{tile.id}"
    assert (tile.kind, tile.stats, tile.title, tile.size, tile.period) == ("bar", ("load",), "Load", "wide", "day")

    edit(owner, board, "put", tile=tile.id, kind="table", stat=["hits", "load"], size="tall", period="year")
    tile = boards.get(LIVE, board.id).tiles[3]
    assert (tile.kind, tile.stats, tile.title, tile.size, tile.period) == (
        "table",
        ("hits", "load"),
        "",
        "tall",
        "year",
    )

    edit(owner, board, "remove", tile="a")
    assert order(boards, board) == f"bc{tile.id}"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"stat": ["nope"]}, 'No such stat: "nope".'),
        ({"stat": []}, "Stats is empty: a tile shows at least one stat."),
        ({"stat": ["hits", "load"], "kind": "hours"}, "A tile of kind hours shows one stat."),
        ({"stat": ["hits"], "kind": "pie"}, "Kind must be one of line, bar, number, table, hours."),
        ({"stat": ["hits"], "tile": "zzz"}, "No such tile."),
    ],
)
def test_what_is_no_tile_is_told_and_kept_in_the_form(owner, boards, board, fields, words):
    answer = edit(owner, board, "put", title="Mine", **fields)

    assert answer.status_code == 400
    assert words in texts(answer)
    assert 'value="Mine"' in answer.text or "tile" in fields
    assert order(boards, board) == "abc"


@pytest.mark.parametrize(
    ("do", "tile", "wanted"), [("earlier", "c", "acb"), ("later", "a", "bac"), ("earlier", "a", "abc")]
)
def test_tiles_are_moved_by_forms(owner, boards, board, do, tile, wanted):
    answer = edit(owner, board, do, tile=tile)

    assert answer.headers["Location"] == f"/dashboards/{board.id}/edit#tile-{tile}"
    assert order(boards, board) == wanted


def test_a_script_arranges_all_at_once_and_is_answered_without_a_page(owner, boards, board):
    path = f"/dashboards/{board.id}/edit"
    about = {"X-CSRF-Token": owner.csrf(), "Accept": "application/json"}

    answer = owner.post(path, {"do": "arrange", "tile": ["c", "a", "b"]}, csrf="", **about)

    assert (answer.status_code, answer.content) == (204, b"")
    assert order(boards, board) == "cab"


@pytest.mark.parametrize(
    "path", ["/dashboards", "/dashboards/{id}/edit", "/dashboards/{id}/share", "/dashboards/{id}/restore"]
)
def test_a_form_that_is_not_from_a_page_of_ours_changes_nothing(owner, boards, board, path):
    answer = owner.post(path.format(id=board.id), {"do": "delete", "name": "x"}, csrf="0" * 128)

    assert answer.status_code == 403
    assert [each.name for each in boards.all(LIVE)] == ["The shop"]


def test_an_act_that_there_is_not_is_refused(owner, board):
    assert edit(owner, board, "explode").status_code == 400


def test_a_dashboard_is_renamed_and_duplicated(owner, boards, board):
    assert edit(owner, board, "rename", name="").status_code == 400
    edit(owner, board, "rename", name="Shop 2")
    answer = edit(owner, board, "duplicate")

    copy = next(each for each in boards.all(LIVE) if each.id != board.id)
    assert answer.headers["Location"] == f"/dashboards/{copy.id}/edit"
    assert (copy.name, copy.tiles) == ("Shop 2 (copy)", board.tiles)


def test_deleting_is_undone_for_48_hours(owner, boards, board, clock):
    after = edit(owner, board, "delete").headers["Location"]
    page = owner.get(after)
    assert "“The shop” was deleted." in texts(page)
    assert owner.get(f"/dashboards/{board.id}").status_code == 404

    answer = owner.post(f"/dashboards/{board.id}/restore")

    assert answer.headers["Location"] == f"/dashboards/{board.id}"
    assert boards.get(LIVE, board.id) == board
    edit(owner, board, "delete")
    clock.advance(KEPT_S)
    assert owner.post(f"/dashboards/{board.id}/restore").status_code == 404
    assert "was deleted" not in texts(owner.get(after))


@pytest.mark.parametrize("dashboard_id", ["x", "aaaaaaaaaaaa", "%FF", "a" * 600])
def test_an_unknown_dashboard_is_a_page_that_says_so(owner, dashboard_id):
    answer = owner.get(f"/dashboards/{dashboard_id}")

    assert answer.status_code == 404
    assert "No such dashboard." in texts(answer)


def test_mounted_under_a_prefix_all_addresses_are_below_it(app, board):
    page = Visit(app, root="/flow").sign_in().get(f"/dashboards/{board.id}")

    addresses = re.findall(r'(?:href|action|src|data-live)="([^"#]*)"', page.text)
    assert len(addresses) > 15
    assert all(address.startswith("/flow/") for address in addresses), addresses


def test_least_and_greatest_are_the_same_on_a_dashboard_on_the_page_of_a_stat_and_beside_others(owner, boards, engine):
    times_s = [START_S - 7_200, START_S - 7_199, START_S - 600]
    engine.write(["basket"] * 3, Kind.VALUE, times_s, [7.0, 287.0, 30.0], namespace=LIVE)
    engine.write(["orders"] * 3, Kind.COUNTER, times_s, [7.0, 287.0, 30.0], namespace=LIVE)
    tile = new_tile("table", ["basket", "orders"], size="wide", period="week")
    board = boards.create(LIVE, "B", [tile], START_S)
    basket, orders = (ids.stat_id(engine.find(name, namespace=LIVE).id) for name in ("basket", "orders"))

    table = texts(owner.get(f"/dashboards/{board.id}"))
    alone = texts(owner.get(f"/stats/{basket}?period=week"))
    beside = texts(owner.get(f"/compare?s={basket}&s={orders}"))

    assert "basket 108 – 7 287 30" in table
    assert "Least 7 Greatest 287" in alone
    assert "basket – 108 7 287" in beside
    # Points of a counter add up: its rows are what can be compared.
    assert "of a value's points, of a counter's rows of 1 hour that are over" in table
    assert "of a value's points; of a counter's rows of 1 hour that are over" in beside


def test_a_number_that_is_compared_with_nothing_says_of_which_time_it_is(owner, boards, engine):
    engine.count("hits", 72, namespace=LIVE)
    board = boards.create(LIVE, "B", [new_tile("number", ["hits"], period="day")], START_S)

    assert "72 total of the last 24 hours" in texts(owner.get(f"/dashboards/{board.id}"))


@pytest.mark.parametrize(
    ("fields", "after"),
    [
        ({"do": "put", "stat": ["nope"]}, "Add a tile"),
        ({"do": "put", "stat": ["nope"], "tile": "b"}, "Change hits"),
        ({"do": "rename", "name": "a" * 101}, "The dashboard"),
        ({"do": "put", "stat": ["hits"], "tile": "zzz"}, "Done"),
        ({"do": "remove", "tile": "zzz"}, "Done"),
    ],
)
def test_what_was_wrong_stands_by_its_form(owner, board, fields, after):
    page = owner.post(f"/dashboards/{board.id}/edit", fields).text

    assert page.count('role="alert"') == 1
    before = SimpleNamespace(text=page.partition('<p class="notice bad"')[0])
    assert texts(before).endswith(after)


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("period", ["day", "week", "month"])
def test_the_list_a_dashboard_and_the_page_of_a_stat_come_to_the_same(owner, boards, engine, clock, kind, period):
    clock.advance(47 * 60)
    length_s = PERIODS[period].length_s
    # Some in the row with which the period begins, which is the row that runs of the period before.
    times_s = [engine.now_s() - length_s + offset_s for offset_s in range(-length_s, length_s, length_s // 171)]
    engine.write(
        ["hits"] * len(times_s), kind, times_s, [index % 41 + 0.5 for index in range(len(times_s))], namespace=LIVE
    )
    board = boards.create(LIVE, "B", [new_tile("number", ["hits"], period=period)], START_S)
    stat_id = ids.stat_id(engine.find("hits", namespace=LIVE).id)

    listed = re.search(r'class="number fold" title="([^"]+)"', owner.get(f"/stats?period={period}").text)[1]
    shown = re.search(r'class="large" title="([^"]+)"', owner.get(f"/dashboards/{board.id}").text)[1]
    alone = re.search(r"(?:Total|Mean) ([\d.,]+)", texts(owner.get(f"/stats/{stat_id}?period={period}")))[1]

    assert listed == shown == alone

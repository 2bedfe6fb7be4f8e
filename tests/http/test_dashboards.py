"""``/v1/dashboards``: dashboards, their tiles, what was deleted, and the links by which others see them."""

import json

import pytest

from statflow_http.accounts.keys import Scope
from statflow_http.dashboards.drafts import TILES_MAX, new_tile
from statflow_http.dashboards.shares import OPENED_S, DashboardShares, accepts_pass, digest, pass_for
from statflow_http.dashboards.store import DELETED_MAX, KEPT_S, Dashboards
from statflow_http.errors import NotFoundError, RequestError, RetryLaterError
from tests.clocks import START_S
from tests.http.conftest import LIVE

LINE = {"kind": "line", "stats": ["hits", "load"], "title": "Both", "size": "wide", "period": "day"}
NUMBER = {"kind": "number", "stats": ["hits"]}
DEFAULTS = {"title": "", "size": "small", "period": "week"}


@pytest.fixture
def stats(api):
    """The api, with two stats."""
    api.json("/v1/stats", {"stats": [{"stat": "hits"}, {"stat": "load", "value": 1}]})
    return api


@pytest.fixture
def board(stats):
    """A dashboard of two tiles, as it was told when it was made."""
    return made(stats, name="The shop", tiles=[LINE, NUMBER])


@pytest.fixture
def boards(app):
    return Dashboards(app.services.documents)


def made(api, **fields):
    response = api.json("/v1/dashboards", fields)
    assert response.status_code == 200, response.text
    return response.json


def ask(api, method, path, fields=None, key=None):
    bearer = {"Authorization": f"Bearer {key or api.key}"}
    body = None if fields is None else json.dumps(fields)
    return api.client.simulate_request(method, path, body=body, headers=bearer)


def without_ids(tiles):
    return [{name: value for name, value in tile.items() if name != "id"} for tile in tiles]


def names(api, path="/v1/dashboards", **options):
    return [each["name"] for each in api.get(path, **options).json["dashboards"]]


def test_a_dashboard_is_told_with_its_tiles_in_order(stats, board):
    assert board | {"tiles": without_ids(board["tiles"])} == {
        "msg": "ok",
        "id": board["id"],
        "name": "The shop",
        "tiles": [LINE, DEFAULTS | NUMBER],
        "created_at": START_S,
        "changed_at": START_S,
    }
    assert {"msg": "ok"} | stats.get(f"/v1/dashboards/{board['id']}").json == board
    assert stats.get("/v1/dashboards").json["dashboards"] == [stats.get(f"/v1/dashboards/{board['id']}").json]


def test_every_tile_has_an_id_of_its_own_and_keeps_it_where_it_is_sent_back(stats, board):
    first, second = board["tiles"]

    changed = ask(stats, "PATCH", f"/v1/dashboards/{board['id']}", {"tiles": [second, first, LINE]}).json

    assert [tile["id"] for tile in changed["tiles"][:2]] == [second["id"], first["id"]]
    assert len({tile["id"] for tile in changed["tiles"]}) == 3


def test_put_writes_all_anew_and_patch_what_is_given(stats, board, clock):
    path = f"/v1/dashboards/{board['id']}"
    clock.advance(9)

    renamed = ask(stats, "PATCH", path, {"name": " Shop "}).json
    assert renamed == board | {"name": "Shop", "changed_at": START_S + 9}
    assert ask(stats, "PATCH", path, {}).json == renamed
    assert ask(stats, "PUT", path, {"name": "Empty"}).json == renamed | {"name": "Empty", "tiles": []}
    assert ask(stats, "PUT", path, {"tiles": []}).json == {"msg": "name is empty"}


def tiles_of(**fields):
    return {"name": "a", "tiles": [NUMBER, NUMBER | fields]}


BAD = [
    ({}, 400, "name is empty"),
    ({"name": " \n"}, 400, "name is empty"),
    ({"name": "a" * 101}, 400, "name is longer than 100 characters"),
    ({"name": "a\0"}, 400, "name has control characters"),
    ({"name": 5}, 400, "name must be text"),
    ({"name": "a", "tiles": {}}, 400, "tiles must be a list"),
    ({"name": "a", "tiles": ["x"]}, 400, "tiles[0] must be an object"),
    ({"name": "a", "tiles": [NUMBER] * (TILES_MAX + 1)}, 400, "a dashboard has at most 60 tiles"),
    ({"name": "a", "tiles": [NUMBER | {"id": "x"}] * 2}, 400, 'two tiles have the id "x": leave ids out'),
    (tiles_of(kind="pie"), 400, "tiles[1]: kind must be one of line, bar, number, table, hours"),
    (tiles_of(size="big"), 400, "tiles[1]: size must be one of small, wide, tall"),
    (tiles_of(period="decade"), 400, "tiles[1]: period must be one of hour, day, week, month, quarter, year"),
    (tiles_of(stats=[]), 400, "tiles[1]: stats is empty: a tile shows at least one stat"),
    (tiles_of(stats=["hits", "load", "a", "b"]), 400, "tiles[1]: a tile shows at most 3 stats"),
    (tiles_of(stats=["hits", "load"], kind="hours"), 400, "tiles[1]: a tile of kind hours shows one stat"),
    (tiles_of(stats=["a\0"]), 400, "tiles[1]: stat name has control characters"),
    (tiles_of(stats="hits"), 400, "tiles[1]: stats must be a list"),
    (tiles_of(stats=["hits", 5]), 400, "tiles[1]: stats[1] must be text"),
    (tiles_of(kind=5), 400, "tiles[1]: kind must be one of line, bar, number, table, hours"),
    (tiles_of(colour="red"), 400, 'tiles[1]: unknown field "colour": may be kind, stats, title, size, period, id'),
    ({"tiles": [{"stats": ["hits"]}]}, 400, "tiles[0]: kind is missing: one of line, bar, number, table, hours"),
    ({"tiles": [{"kind": "line"}]}, 400, "tiles[0]: stats is missing: a list of one to 3 names of stats"),
    ({"name": "a", "tilez": 1}, 400, 'unknown field "tilez": may be name, tiles'),
    (tiles_of(title="a" * 101), 400, "tiles[1]: title is longer than 100 characters"),
    (tiles_of(id="../x"), 400, "tiles[1]: id must be 1 to 20 letters and digits"),
    (tiles_of(stats=["nope"]), 404, 'no such stat: "nope"'),
]


@pytest.mark.parametrize(("fields", "status", "text"), BAD)
def test_what_is_no_dashboard_is_refused(stats, fields, status, text):
    response = stats.json("/v1/dashboards", fields)

    assert (response.status_code, response.json["msg"][: len(text)]) == (status, text)
    assert names(stats) == []


def test_a_tile_stays_when_its_stat_is_gone_and_no_other_may_name_it(stats, board):
    stats.delete("/v1/stat/hits")
    path = f"/v1/dashboards/{board['id']}"

    assert ask(stats, "PUT", path, {"name": "a", "tiles": board["tiles"]}).status_code == 200
    assert stats.json("/v1/dashboards", {"name": "b", "tiles": [NUMBER]}).status_code == 404


def test_pages_of_the_list_follow_each_other(stats, clock):
    for name in "abcde":
        made(stats, name=name)
        clock.advance(1)

    first = stats.get("/v1/dashboards", query_string="limit=3").json
    second = stats.get("/v1/dashboards", query_string=f"limit=3&cursor={first['cursor']}").json

    assert [each["name"] for each in first["dashboards"] + second["dashboards"]] == list("abcde")
    assert second["cursor"] is None


def test_a_copy_has_the_tiles_and_no_links(stats, board):
    ask(stats, "POST", f"/v1/dashboards/{board['id']}/shares", {})

    copy = ask(stats, "POST", f"/v1/dashboards/{board['id']}/duplicate").json
    named = ask(stats, "POST", f"/v1/dashboards/{board['id']}/duplicate", {"name": "Mine"}).json

    assert (copy["name"], copy["tiles"], named["name"]) == ("The shop (copy)", board["tiles"], "Mine")
    assert stats.get(f"/v1/dashboards/{copy['id']}/shares").json["shares"] == []


def test_a_long_name_is_cut_for_its_copy(stats):
    long = made(stats, name="a" * 100)

    copy = ask(stats, "POST", f"/v1/dashboards/{long['id']}/duplicate").json

    assert copy["name"] == "a" * 93 + " (copy)"


def test_a_deleted_dashboard_comes_back_whole_for_48_hours(stats, board, clock):
    share = ask(stats, "POST", f"/v1/dashboards/{board['id']}/shares", {}).json
    path = f"/v1/dashboards/{board['id']}"
    gone = stats.delete(path).json

    assert gone == {
        "msg": "ok",
        "id": board["id"],
        "name": "The shop",
        "deleted_at": START_S,
        "expires_at": START_S + KEPT_S,
    }
    assert (stats.get(path).status_code, names(stats)) == (404, [])
    assert DashboardShares(stats.app.services.documents).open(share["token"], START_S) is None
    clock.advance(KEPT_S - 1)
    assert names(stats, "/v1/dashboards/deleted") == ["The shop"]
    assert ask(stats, "POST", f"/v1/dashboards/deleted/{board['id']}/restore").json == board
    assert DashboardShares(stats.app.services.documents).open(share["token"], START_S) is not None


def test_after_48_hours_it_is_gone_with_all_its_links(stats, board, clock):
    share = ask(stats, "POST", f"/v1/dashboards/{board['id']}/shares", {}).json
    stats.delete(f"/v1/dashboards/{board['id']}")
    clock.advance(KEPT_S)

    assert names(stats, "/v1/dashboards/deleted") == []
    assert ask(stats, "POST", f"/v1/dashboards/deleted/{board['id']}/restore").status_code == 404
    made(stats, name="another")
    assert share_count(stats) == 0
    assert DashboardShares(stats.app.services.documents).open(share["token"], START_S) is None


def share_count(api):
    with api.app.services.documents.snapshot() as snapshot:
        return sum(1 for table in ("share_links", "dashboard_shares") for _ in snapshot.under(table, "", object))


def test_of_many_deleted_ones_the_oldest_gives_way(boards):
    for number in range(DELETED_MAX + 1):
        board = boards.create(LIVE, str(number), [], START_S + number)
        boards.delete(LIVE, board.id, START_S + number)

    kept = [board.name for board in boards.deleted(LIVE, START_S + DELETED_MAX)]

    assert kept == [str(number) for number in range(DELETED_MAX, 0, -1)]


def test_an_account_has_a_limit_of_dashboards_live_and_test_together(boards):
    for namespace in ("owner:live", "owner:test"):
        first = boards.create(namespace, "a", [], START_S, dashboards_max=2)

    limit = "^an account has at most 2 dashboards: delete some first$"
    with pytest.raises(RetryLaterError, match=limit):
        boards.create("owner:live", "a", [], START_S, dashboards_max=2)
    with pytest.raises(RetryLaterError, match=limit):
        boards.duplicate("owner:test", first.id, START_S, dashboards_max=2)
    boards.create("other:live", "a", [], START_S, dashboards_max=2)
    boards.delete("owner:test", first.id, START_S)
    boards.create("owner:live", "b", [], START_S, dashboards_max=2)
    with pytest.raises(RetryLaterError, match=limit):
        boards.restore("owner:test", first.id, START_S, dashboards_max=2)


@pytest.fixture
def abcd(boards):
    """A dashboard with tiles of the ids a, b, c, d."""
    return boards.create(LIVE, "letters", [new_tile("line", ["hits"], tile_id=letter) for letter in "abcd"], START_S)


def order(board):
    return "".join(tile.id for tile in board.tiles)


@pytest.mark.parametrize(
    ("tile_id", "by", "wanted"),
    [("a", 1, "bacd"), ("c", -1, "acbd"), ("a", -1, "abcd"), ("d", 1, "abcd"), ("a", 99, "bcda"), ("d", -99, "dabc")],
)
def test_a_tile_is_moved_by_places(boards, abcd, tile_id, by, wanted):
    assert order(boards.move_tile(LIVE, abcd.id, tile_id, by, START_S)) == wanted


@pytest.mark.parametrize(
    ("wanted", "found"), [("dcba", "dcba"), ("ca", "cabd"), ("xdx", "dabc"), ("", "abcd"), ("bbaa", "bacd")]
)
def test_an_order_may_name_tiles_that_are_gone_and_lack_new_ones(boards, abcd, wanted, found):
    assert order(boards.arrange(LIVE, abcd.id, list(wanted), START_S)) == found


def test_a_tile_is_put_in_its_place_or_at_the_end_and_taken_away(boards, abcd):
    changed = new_tile("bar", ["load"], tile_id="b")

    assert boards.put_tile(LIVE, abcd.id, changed, START_S).tiles[1] == changed
    assert order(boards.put_tile(LIVE, abcd.id, new_tile("bar", ["load"], tile_id="e"), START_S)) == "abcde"
    assert order(boards.remove_tile(LIVE, abcd.id, "b", START_S)) == "acde"
    with pytest.raises(NotFoundError, match="^no such tile$"):
        boards.remove_tile(LIVE, abcd.id, "b", START_S)
    with pytest.raises(NotFoundError, match="^no such tile$"):
        boards.move_tile(LIVE, abcd.id, "b", 1, START_S)


def test_a_full_dashboard_takes_no_tile_more(boards):
    full = boards.create(LIVE, "full", [new_tile("line", ["hits"], tile_id=f"t{n}") for n in range(TILES_MAX)], START_S)

    with pytest.raises(RequestError, match="^a dashboard has at most 60 tiles$"):
        boards.put_tile(LIVE, full.id, new_tile("line", ["hits"]), START_S)


def test_a_link_is_told_once_and_stored_as_its_hash(stats, board):
    made = ask(stats, "POST", f"/v1/dashboards/{board['id']}/shares", {"label": "board", "password": "correct horse"})
    share = made.json
    listed = stats.get(f"/v1/dashboards/{board['id']}/shares").json["shares"]

    assert listed == [
        {"id": share["id"], "label": "board", "has_password": True, "created_at": START_S, "seen_at": None}
    ]
    assert share["path"] == f"/shared/{share['token']}"
    assert share["frame_path"] == f"/shared/{share['token']}/embed"
    assert len(share["token"]) == 32
    with stats.app.services.documents.snapshot() as snapshot:
        stored = str([list(snapshot.under(table, "", object)) for table in ("share_links", "dashboard_shares")])
    assert digest(share["token"]) in stored
    assert share["token"] not in stored
    assert "correct horse" not in stored


def test_a_link_is_changed_and_revoked(stats, board):
    path = f"/v1/dashboards/{board['id']}/shares"
    share = ask(stats, "POST", path, {"label": "a"}).json
    one = f"{path}/{share['id']}"
    shares = DashboardShares(stats.app.services.documents)

    assert ask(stats, "PATCH", one, {"password": "correct horse"}).json["has_password"]
    assert ask(stats, "PATCH", one, {"label": "b"}).json["has_password"]
    assert not ask(stats, "PATCH", one, {"password": ""}).json["has_password"]
    assert ask(stats, "PATCH", one, {"password": "short"}).json == {"msg": "a password has at least 8 characters"}
    assert stats.get(one).json["label"] == "b"
    assert shares.open(share["token"], START_S).dashboard.name == "The shop"
    assert ask(stats, "DELETE", one).json == {"msg": "ok"}
    assert shares.open(share["token"], START_S) is None
    assert ask(stats, "DELETE", one).json == {"msg": "no such link"}
    assert share_count(stats) == 0


def test_it_is_noted_to_the_minute_when_a_link_was_last_used(stats, board):
    path = f"/v1/dashboards/{board['id']}/shares"
    share = ask(stats, "POST", path, {}).json
    documents = stats.app.services.documents
    shares = DashboardShares(documents)
    minute_s = START_S - START_S % 60

    shares.open(share["token"], minute_s + 61)
    epoch = documents.epoch()
    shares.open(share["token"], minute_s + 119)

    assert documents.epoch() == epoch
    assert stats.get(path).json["shares"][0]["seen_at"] == minute_s + 60


@pytest.mark.parametrize("token", ["", "x", "a" * 32, "a" * 600, "é", "\ud800"])
def test_a_token_that_nobody_gave_leads_nowhere(app, token):
    assert DashboardShares(app.services.documents).open(token, START_S) is None


def test_a_dashboard_has_a_limit_of_links(app, boards):
    shares, board = DashboardShares(app.services.documents), boards.create(LIVE, "a", [], START_S)
    shares.create(LIVE, board.id, START_S, shares_max=1)

    with pytest.raises(RetryLaterError, match="^a dashboard has at most 1 links: revoke some first$"):
        shares.create(LIVE, board.id, START_S, shares_max=1)


def test_a_password_of_a_link_may_be_tried_ten_times_a_minute(app, boards):
    shares, board = DashboardShares(app.services.documents), boards.create(LIVE, "a", [], START_S)
    share, _ = shares.create(LIVE, board.id, START_S, password="correct horse")
    for number in range(10):
        with pytest.raises(RequestError, match="^wrong password$"):
            shares.check_password(share, "wrong horse", f"192.0.2.{number}", START_S)

    with pytest.raises(RetryLaterError):
        shares.check_password(share, "correct horse", "192.0.2.99", START_S)
    shares.check_password(share, "correct horse", "192.0.2.99", START_S + 60)


def test_a_pass_is_worth_nothing_later_elsewhere_or_after_another_password(app, boards):
    shares, board = DashboardShares(app.services.documents), boards.create(LIVE, "a", [], START_S)
    share, _ = shares.create(LIVE, board.id, START_S, password="correct horse")
    other, _ = shares.create(LIVE, board.id, START_S, password="correct horse")
    given = pass_for(b"secret", share, START_S)

    assert accepts_pass(b"secret", share, given, START_S + OPENED_S - 1)
    assert not accepts_pass(b"secret", share, given, START_S + OPENED_S)
    assert not accepts_pass(b"secret", other, given, START_S)
    assert not accepts_pass(b"another", share, given, START_S)
    changed = shares.change(LIVE, board.id, share.id, password="battery staple")
    assert not accepts_pass(b"secret", changed, given, START_S)
    for text in ("", ".", "1.2.3", "é.x", f"{START_S + 99}.é", "9" * 30 + ".x"):
        assert not accepts_pass(b"secret", share, text, START_S)


def test_reading_needs_scope_read_and_everything_else_full(stats, board):
    path = f"/v1/dashboards/{board['id']}"
    reader = stats.new_key(scope=Scope.READ)

    assert stats.get(path, key=reader).status_code == 200
    for method, where in [
        ("PATCH", path),
        ("PUT", path),
        ("DELETE", path),
        ("POST", f"{path}/duplicate"),
        # Who sees the links of a dashboard may tell them apart, which is its owner's business.
        ("GET", f"{path}/shares"),
        ("POST", f"{path}/shares"),
        ("POST", f"/v1/dashboards/deleted/{board['id']}/restore"),
    ]:
        assert ask(stats, method, where, {}, key=reader).status_code == 403, (method, where)


@pytest.mark.parametrize("dashboard_id", ["x", "aaaaaaaaaaaa", "..", "%FF", "a" * 600])
def test_an_unknown_id_is_404(stats, board, dashboard_id):
    for path in (f"/v1/dashboards/{dashboard_id}", f"/v1/dashboards/{board['id']}/shares/{dashboard_id}"):
        assert stats.get(path).status_code == 404


def test_what_an_account_has_goes_with_it(engine, app):
    from statflow_http.accounts.opening import close_account

    services = app.services
    board = Dashboards(services.documents).create("ada:live", "a", [], START_S)
    _, token = DashboardShares(services.documents).create("ada:live", board.id, START_S)

    close_account(services.documents, engine, "ada")

    assert Dashboards(services.documents).all("ada:live") == []
    assert DashboardShares(services.documents).open(token, START_S) is None

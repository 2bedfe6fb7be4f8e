"""The list of stats, without a browser: what it finds, in which order, what it tells of each, and what it costs."""

import re

import pytest

from statflow_engine import Kind
from statflow_http import ids
from statflow_http.pages.listing import KEPT_S, PAGE, SORTED_MAX, Lists, Wish
from statflow_http.pages.stats import REVISION
from tests.clocks import START_S
from tests.http.conftest import LIVE, TEST
from tests.pages.visits import texts

DAY_S = 86_400


def write(engine, name, values, *, kind=Kind.COUNTER, days_ago=0, namespace=LIVE):
    """Points a minute apart, some days ago."""
    times_s = [START_S - days_ago * DAY_S - 60 * (index + 1) for index in range(len(values))]
    engine.write([name] * len(values), kind, times_s, values, namespace=namespace)


@pytest.fixture
def some(engine):
    """Three counters and a value with something in this week and in the one before."""
    for name, now, before in [("beta", 30, 10), ("Alpha", 5, 10), ("gamma", 12, 0)]:
        write(engine, name, [now])
        if before:
            write(engine, name, [before], days_ago=8)
    write(engine, "time", [20, 40], kind=Kind.VALUE)
    write(engine, "time", [10], kind=Kind.VALUE, days_ago=8)


def names(answer):
    return re.findall(r'<td [^>]*class="name"><a href="[^"]*">([^<]*)</a>', answer.text)


def test_a_guest_is_sent_to_sign_in_and_back_again(guest):
    answer = guest.get("/stats?q=a")

    assert (answer.status_code, answer.headers["Location"]) == (303, "/login?next=/stats%3Fq%3Da")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["Alpha", "beta", "gamma", "time"]),
        ("sort=-name", ["time", "gamma", "beta", "Alpha"]),
        ("sort=-total", ["beta", "time", "gamma", "Alpha"]),
        ("sort=total", ["Alpha", "gamma", "beta", "time"]),
        # What was nothing before has no change, and comes last whichever way it is sorted.
        ("sort=-change", ["beta", "time", "Alpha", "gamma"]),
        ("sort=change", ["Alpha", "beta", "time", "gamma"]),
        ("kind=value", ["time"]),
        ("kind=counter&sort=-total", ["beta", "gamma", "Alpha"]),
        ("q=A", ["Alpha", "beta", "gamma"]),
        ("q=AL+ph", ["Alpha"]),
        ("q=*m*", ["gamma", "time"]),
        ("q=nothing", []),
        # People edit addresses: what makes no sense is left out.
        ("sort=evil&kind=evil&period=evil&page=-1", ["Alpha", "beta", "gamma", "time"]),
        ("page=99999", ["Alpha", "beta", "gamma", "time"]),
        ("page=99999999999999999999", ["Alpha", "beta", "gamma", "time"]),
    ],
)
def test_it_finds_and_sorts(owner, some, query, found):
    answer = owner.get(f"/stats?{query}")

    assert answer.status_code == 200
    assert names(answer) == found


def test_the_latest_received_comes_first(owner, engine, clock, some):
    clock.advance(5)
    engine.count("gamma", namespace=LIVE)
    clock.advance(5)
    engine.count("beta", namespace=LIVE)

    assert names(owner.get("/stats?sort=-received"))[:2] == ["beta", "gamma"]


def test_it_tells_last_total_and_change_of_each(owner, some):
    told = texts(owner.get("/stats"))

    assert "30 30 +200%" in told
    assert "20 30 mean +200%" in told
    assert "5 5 −50%" in told


def test_a_unit_is_told_with_every_number(owner, engine, app, some):
    app.services.properties.change(LIVE, engine.find("time", namespace=LIVE).id, unit="ms")

    assert "20 ms 30 ms mean" in texts(owner.get("/stats"))


def test_live_and_test_data_are_apart_and_one_is_shown(owner, engine, some):
    write(engine, "only a test", [1], namespace=TEST)
    write(engine, "another test", [1], namespace=TEST)

    assert "only a test" not in owner.get("/stats").text
    owner.post("/view", {"data": "test"})
    assert names(owner.get("/stats")) == ["another test", "only a test"]


def test_fifty_are_on_a_page_and_pages_turn_with_the_search_kept(owner, engine):
    count = PAGE + 7
    engine.write([f"stat {index:03d}" for index in range(count)], 0, None, [1] * count, namespace=LIVE)

    first, second = owner.get("/stats?q=stat"), owner.get("/stats?q=stat&page=2")

    assert len(names(first)) == PAGE
    assert names(second) == [f"stat {index:03d}" for index in range(PAGE, count)]
    assert 'href="/stats?q=stat&amp;page=2" rel="next"' in first.text
    assert 'href="/stats?q=stat" rel="prev"' in second.text
    assert "51–57 of 57 stats" in texts(second)


def test_a_page_whose_stats_are_just_being_deleted_shows_the_others(owner, engine, some):
    owner.get("/stats")
    engine.delete("beta", namespace=LIVE)
    write(engine, "delta", [1])

    assert "beta" not in names(owner.get("/stats"))


def test_an_order_is_kept_for_seconds_and_not_when_a_stat_has_come(engine, clock, some):
    lists = Lists(lambda: engine)
    wish = Wish(sort="total", descending=True)
    order = [series.name for series in lists.page(LIVE, wish).series]

    write(engine, "Alpha", [1_000])
    assert [series.name for series in lists.page(LIVE, wish).series] == order

    clock.advance(KEPT_S)
    assert lists.page(LIVE, wish).series[0].name == "Alpha"
    write(engine, "new", [5_000])
    assert lists.page(LIVE, wish).series[0].name == "new"


def test_a_search_finds_what_has_just_come_in_the_place_of_another(owner, engine, some):
    assert names(owner.get("/stats?q=beta")) == ["beta"]
    engine.delete("beta", namespace=LIVE)
    write(engine, "Beta two", [1])

    assert names(owner.get("/stats?q=beta")) == ["Beta two"]


def test_the_order_of_receipt_is_kept_for_seconds(engine, clock, some):
    lists = Lists(lambda: engine)
    wish = Wish(sort="received", descending=True)
    lists.page(LIVE, wish)
    clock.advance(1)
    engine.count("gamma", namespace=LIVE)

    assert lists.page(LIVE, wish).series[0].name != "gamma"
    clock.advance(KEPT_S)
    assert lists.page(LIVE, wish).series[0].name == "gamma"


def test_searching_finds_and_sorts_what_is_behind_the_stats_that_are_sorted(owner, monkeypatch, engine, some):
    monkeypatch.setattr("statflow_http.pages.listing.SORTED_MAX", 3)
    write(engine, "time two", [10], kind=Kind.VALUE)

    assert names(owner.get("/stats?sort=-total&q=time")) == ["time", "time two"]
    assert names(owner.get("/stats?sort=total&q=time")) == ["time two", "time"]
    assert names(owner.get("/stats?sort=-total&q=a")) == ["beta", "gamma", "Alpha"]


def test_more_stats_than_are_sorted_are_said_to_be_more(owner, engine, monkeypatch, some):
    monkeypatch.setattr("statflow_http.pages.listing.SORTED_MAX", 3)

    answer = owner.get("/stats")

    assert len(names(answer)) == 3
    assert f"There are more than {SORTED_MAX:,} stats" in texts(answer)


# -- live --


def revision_of(answer):
    return re.search(r'data-revision="([^"]+)"', answer.text)[1]


def test_nothing_new_is_204(owner, some):
    revision = revision_of(owner.get("/stats"))

    answer = owner.get("/stats", **{REVISION: revision})

    assert (answer.status_code, answer.content) == (204, b"")
    assert REVISION not in answer.headers, "nothing was read: the store has not changed"


def test_a_new_point_is_the_list_and_nothing_around_it(owner, engine, some):
    revision = revision_of(owner.get("/stats"))
    engine.count("beta", 400, namespace=LIVE)

    answer = owner.get("/stats", **{REVISION: revision})

    assert answer.status_code == 200
    assert "430" in texts(answer)
    assert "<html" not in answer.text
    assert answer.headers[REVISION] != revision
    assert owner.get("/stats", **{REVISION: answer.headers[REVISION]}).status_code == 204


def test_what_others_send_draws_nothing_anew(owner, engine, some):
    revision = revision_of(owner.get("/stats"))
    engine.count("beta", 400, namespace="somebody:live")

    answer = owner.get("/stats", **{REVISION: revision})

    assert answer.status_code == 204
    assert answer.headers[REVISION] != revision


# -- first run --


def test_without_stats_it_says_what_to_send(owner):
    answer = owner.get("/stats")

    assert "Send your first number" in texts(answer)
    assert "curl http://stats.example/v1/stat" in texts(answer)
    assert "YOUR_KEY" in answer.text


@pytest.mark.parametrize(("data", "prefix"), [("live", "sk_live_"), ("test", "sk_test_")])
def test_a_first_key_is_made_of_what_is_looked_at_and_shown_once(owner, app, data, prefix):
    owner.post("/view", {"data": data})

    answer = owner.post("/stats/first-key")

    key = re.search(prefix + r"\w{32}", answer.text)[0]
    assert app.services.keys.sender(key.encode()).live is (data == "live")
    assert key not in owner.get("/stats").text


def test_a_first_key_is_not_made_where_there_are_stats(owner, app, some):
    before = len(app.services.keys.list("owner"))

    answer = owner.post("/stats/first-key")

    assert answer.status_code == 303
    assert len(app.services.keys.list("owner")) == before


def test_the_first_point_turns_it_into_a_chart(owner, engine):
    revision = revision_of(owner.get("/stats"))
    engine.count("my first stat", namespace=LIVE)

    answer = owner.get("/stats", **{REVISION: revision})

    stat_id = ids.stat_id(engine.find("my first stat", namespace=LIVE).id)
    assert "It arrived." in texts(answer)
    assert f'href="/stats/{stat_id}"' in answer.text


def ends_with(answer):
    """The number at the end of the line of the first chart."""
    figure = re.search(r'aria-label="Your first stat">(.*?)</section>', answer.text, re.DOTALL)[1]
    return re.findall(r'font-weight="600"[^>]*>([^<]+)</text>', figure)[-1]


@pytest.mark.parametrize(("kind", "value", "told"), [(Kind.COUNTER, 7, "7"), (Kind.VALUE, 42.5, "42.5")])
@pytest.mark.parametrize("minutes", [0, 1, 30])
def test_the_first_chart_ends_with_the_point_that_came(owner, engine, clock, kind, value, told, minutes):
    engine.write(["first"], kind, None, [value], namespace=LIVE)
    clock.advance(60 * minutes)

    assert ends_with(owner.get("/stats")) == told


def test_only_the_owner_of_the_server_is_said_to_have_the_key_that_it_printed(app, owner, guest):
    guest.post("/signup", {"email": "new@example.com", "password": "a good long password"})
    printed, own = "the key that the server printed", "A key says whose numbers these are."

    assert (printed in texts(owner.get("/stats")), own in texts(owner.get("/stats"))) == (True, False)
    assert (printed in texts(guest.get("/stats")), own in texts(guest.get("/stats"))) == (False, True)
    assert "Make a key and put it into the line" in texts(guest.get("/stats"))


def test_the_first_page_of_test_data_says_which_keys_send_it(owner):
    owner.post("/view", {"data": "test"})

    told = texts(owner.get("/stats"))

    assert "keys that begin with sk_test_ send" in told
    assert "server printed" not in told


def test_a_long_name_is_broken_after_dots_and_slashes_and_stays_escaped(owner, engine):
    engine.count("web/<b>.page_views", namespace=LIVE)

    assert "web/<wbr>&lt;b&gt;.<wbr>page_<wbr>views</a>" in owner.get("/stats").text

"""Looking at rules: what opens, what ends, who is told, and what is left alone."""

import pytest

from statflow_http.alerts.evaluation import Evaluator, Lease, LostLeaseError, lookups
from statflow_http.alerts.rules import Rules
from tests.http.conftest import LIVE

MINUTE_S, HOUR_S, DAY_S = 60, 3_600, 86_400


@pytest.fixture
def told(world):
    """A world whose owner has a webhook, so that what is told is in the outbox."""
    world.webhook("http://127.0.0.1:1/")
    world.count(1)
    return world


def test_an_alert_opens_at_the_look_after_the_threshold_is_crossed_and_is_told_of_once(told):
    rule = told.rule()
    told.look()
    before = told.state(rule)
    told.count(10)
    told.look(15)
    after = told.state(rule)
    told.look(15)

    assert (before, after, told.state(rule)) == ("ok", "firing", "firing")
    assert told.told() == ["alert.opened"]


def test_it_is_over_when_the_numbers_have_left_the_window(told):
    rule = told.rule()
    told.count(10)
    told.look()
    told.look(4 * MINUTE_S)
    still = told.state(rule)
    told.look(MINUTE_S)

    assert (still, told.state(rule)) == ("firing", "ok")
    assert told.told() == ["alert.opened", "alert.resolved"]


def test_an_open_alert_is_told_of_again_after_its_repeat(told):
    told.rule(repeat="1h", time_window="1d")
    told.count(10)
    told.look()
    told.look(HOUR_S - 1)
    assert told.told() == ["alert.opened"]

    told.look(1)
    told.look(60)

    assert told.told() == ["alert.opened", "alert.repeated"]


def test_a_rule_with_a_hold_is_pending_until_its_condition_held_so_long(told):
    rule = told.rule(hold="15m", time_window="1h")
    told.count(10)
    told.look()
    first = told.state(rule)
    told.look(14 * MINUTE_S)
    assert (first, told.state(rule), told.told()) == ("pending", "pending", [])

    told.look(MINUTE_S)

    assert (told.state(rule), told.told()) == ("firing", ["alert.opened"])


def test_a_condition_that_ends_within_the_hold_opens_nothing(told):
    rule = told.rule(hold="15m")
    told.count(10)
    told.look()
    told.look(6 * MINUTE_S)

    assert (told.state(rule), told.told()) == ("ok", [])


def test_a_late_point_ends_a_data_alert(told):
    rule = told.rule(kind="data", time_window="1h")
    told.look(2 * HOUR_S)
    open_ = told.state(rule)
    told.count(1, ago_s=50 * MINUTE_S)
    told.look(15)

    assert (open_, told.state(rule)) == ("firing", "ok")
    assert told.told() == ["alert.opened", "alert.resolved"]


def test_a_data_alert_waits_for_the_whole_window(told):
    """Four minutes and a half after the last point, at the beginning of a minute, nothing is missing yet."""
    told.look(10)
    told.clock.advance(20 * MINUTE_S)
    told.count(1, ago_s=30)
    rule = told.rule(kind="data", time_window="5m")
    told.look(4 * MINUTE_S + 20)
    before = told.state(rule)
    told.look(2 * MINUTE_S)

    assert told.clock.now_s % MINUTE_S == 30
    assert (before, told.state(rule)) == ("ok", "firing")


def test_a_late_point_opens_no_alert_of_a_time_that_is_over(told):
    rule = told.rule()
    told.look()
    told.count(1_000, ago_s=6 * MINUTE_S)
    told.look(15)

    assert (told.state(rule), told.told()) == ("ok", [])


def test_what_nobody_looked_at_is_not_made_up_for(told):
    """As after a stop of the server: the spike is over, and nobody is told of it."""
    rule = told.rule()
    told.look()
    told.count(1_000)
    told.look(HOUR_S)

    assert (told.state(rule), told.told()) == ("ok", [])


def test_less_than_does_not_open_at_the_beginning_of_a_minute(told):
    """Ten a minute are fifty in any five whole minutes, and ten less while the running minute is young."""
    for minute in range(10):
        told.count(10, ago_s=minute * MINUTE_S + 1)
    rule = told.rule(operator="less than", threshold=45)

    assert told.clock.now_s % MINUTE_S == 0
    told.look()
    assert told.state(rule) == "ok"


def test_less_than_opens_when_too_little_came(told):
    for minute in range(10):
        told.count(10, ago_s=minute * MINUTE_S + 1)
    rule = told.rule(operator="less than", threshold=45)
    told.look(2 * MINUTE_S)

    assert told.state(rule) == "firing"


def test_a_young_stat_is_not_blamed_for_what_it_could_not_have_had(told):
    less = told.rule(operator="less than", threshold=5, time_window="1h")
    data = told.rule(kind="data", time_window="1h")
    told.look(30 * MINUTE_S)
    young = told.state(less), told.state(data)
    told.look(HOUR_S)

    assert young == ("no data", "no data") or young == ("no data", "ok")
    assert (told.state(less), told.state(data)) == ("firing", "firing")


def test_points_of_before_a_stat_was_made_count_as_age(told):
    """An import made the stat just now, with a history."""
    told.count(1, ago_s=2 * HOUR_S, stat="imported")
    told.count(1, ago_s=50 * MINUTE_S, stat="imported")
    rule = told.rule("imported", operator="less than", threshold=5, time_window="1h")
    told.look()

    assert told.state(rule) == "firing"


def test_the_mean_of_a_value_is_compared(told):
    for value in (10, 20, 60):
        told.value(value, ago_s=MINUTE_S)
    over = told.rule("time", threshold=29)
    under = told.rule("time", threshold=31, operator="less than")
    told.look()

    assert (told.state(over), told.state(under)) == ("firing", "firing")
    why = told.get(f"/v1/alerts/{over}/why").json
    assert (why["opened"]["number"], why["now"]["number"]) == (30, 30)
    assert why["text"] == '"time" is 30 over 5 minutes: greater than 29'


def test_a_silent_value_has_no_data_and_its_open_alert_stays_open_without_a_word(told):
    told.value(50)
    rule = told.rule("time", threshold=29)
    told.look()
    told.look(10 * MINUTE_S)
    silent = told.get(f"/v1/alerts/{rule}").json
    told.value(60)
    told.look(15)
    assert (silent["state"], silent["opened_at"] is not None, told.state(rule)) == ("no data", True, "firing")
    assert told.told() == ["alert.opened"]

    told.look(10 * MINUTE_S)
    told.value(1)
    told.look(15)

    assert told.told() == ["alert.opened", "alert.resolved"]


@pytest.mark.parametrize(
    ("operator", "now", "state"),
    [
        ("greater than", 16, "firing"),
        ("greater than", 15, "ok"),
        ("greater than", 5, "ok"),
        ("less than", 4, "firing"),
        ("less than", 5, "ok"),
        ("less than", 16, "ok"),
        ("different than", 16, "firing"),
        ("different than", 4, "firing"),
        ("different than", 12, "ok"),
    ],
)
def test_a_delta_is_in_percent_of_what_was_before(told, operator, now, state):
    told.count(1, ago_s=DAY_S + 7_200)
    told.count(10, ago_s=DAY_S + 30 * MINUTE_S)
    told.count(now, ago_s=30 * MINUTE_S)
    rule = told.rule(kind="delta", time_window="1h", time_delta="1d", operator=operator, percentage=50)
    told.look()

    assert told.state(rule) == state


def test_nothing_before_is_nothing_to_compare_with(told):
    told.count(10, ago_s=30 * MINUTE_S)
    rule = told.rule(kind="delta", time_window="1h", time_delta="1d", operator="dt", percentage=50)
    told.look()

    assert told.state(rule) == "no data"
    assert told.get(f"/v1/alerts/{rule}/why").json["now"]["lack"] == "nothing to compare with"


def test_a_deleted_stat_ends_its_alert_and_nobody_is_told(told):
    rule = told.rule(time_window="1d")
    told.count(10)
    told.look()
    told.delete("/v1/stat/hits")
    told.look(15)
    told.look(15)

    found = told.get(f"/v1/alerts/{rule}").json
    assert (found["state"], found["opened_at"]) == ("no data", None)
    assert told.told() == ["alert.opened"]
    assert told.get(f"/v1/alerts/{rule}/why").json["now"]["lack"] == "the stat was deleted"


def test_a_new_stat_of_the_same_name_is_another_one(told):
    rule = told.rule()
    told.delete("/v1/stat/hits")
    told.count(1_000)
    told.look()

    assert (told.state(rule), told.told()) == ("no data", [])


def test_a_stat_that_comes_back_is_watched_again(told):
    rule = told.rule(time_window="1d")
    trashed = told.delete("/v1/stat/hits").json
    told.look()
    told.json(f"/v1/trash/{trashed['id']}/restore", "")
    told.count(10)
    told.look(15)

    assert (told.state(rule), told.told()) == ("firing", ["alert.opened"])


def test_a_silenced_alert_is_not_told_of_until_the_silence_is_over(told):
    rule = told.rule(time_window="1d")
    silenced = told.json(f"/v1/alerts/{rule}/silence", {"hours": 1}).json
    told.count(10)
    told.look()
    assert (silenced["state"], told.state(rule), told.told()) == ("silenced", "silenced", [])

    told.look(HOUR_S)

    assert (told.state(rule), told.told()) == ("firing", ["alert.opened"])


def test_what_ends_in_silence_was_never_told_of(told):
    rule = told.rule()
    told.json(f"/v1/alerts/{rule}/silence", {"hours": 1})
    told.count(10)
    told.look()
    told.look(10 * MINUTE_S)
    told.look(2 * HOUR_S)

    assert (told.state(rule), told.told()) == ("ok", [])


def test_unsilencing_tells_at_once(told):
    rule = told.rule(time_window="1d")
    told.json(f"/v1/alerts/{rule}/silence", {})
    told.count(10)
    told.look()
    told.delete(f"/v1/alerts/{rule}/silence")
    told.look(1)

    assert told.told() == ["alert.opened"]


def test_test_stats_are_not_watched(told):
    key = told.new_key(live=False)
    told.json("/v1/stat", {"stat": "hits", "count": 1_000}, key=key)
    rule = told.rule(key=key)
    report = told.look()

    assert (report.rules, told.told()) == (0, [])
    assert told.get(f"/v1/alerts/{rule}", key=key).json["state"] == "pending"


def test_each_account_is_looked_at_and_tells_its_own(told):
    key = told.new_account("ada")
    told.json("/v1/stat", {"stat": "hits", "count": 100}, key=key)
    mine, theirs = told.rule(), told.rule(key=key)
    report = told.look()

    assert report.rules == 2
    assert told.state(mine) == "ok"
    assert told.get(f"/v1/alerts/{theirs}", key=key).json["state"] == "firing"
    assert told.told() == []  # ada has no receiver, and no mail can be sent


def test_a_window_that_no_ring_reaches_has_no_data(small_engine, clock):
    from statflow_http import create_app
    from tests.alerts.conftest import World

    app = create_app(small_engine)
    world = World(app, small_engine, clock)
    world.count(100)
    rule = world.rule(time_window="1M")
    coarse = world.rule(time_window="1d")
    world.look()

    assert world.get(f"/v1/alerts/{rule}/why").json["now"]["lack"] == "no ring reaches so far back"
    assert world.state(coarse) == "firing"
    app.close()


def test_nothing_is_written_while_nothing_changes(told):
    told.rule()
    told.look()
    epoch = told.documents.epoch()
    told.look(15)

    assert told.documents.epoch() == epoch


def test_a_rule_that_changed_between_look_and_note_is_left_for_the_next_look(told):
    rule = told.rule()
    told.count(10)
    evaluator = Evaluator(told.engine, told.documents, can_mail=lambda: changed())

    def changed():
        Rules(told.documents).delete(LIVE, rule)
        return False

    evaluator.run(told.engine.now_s())

    assert told.told() == []


def test_who_lost_the_lease_notes_nothing(told):
    rule = told.rule()
    told.count(10)
    with told.documents.change() as change:
        change.put("alert_server", "lease", Lease("another", 1))

    with pytest.raises(LostLeaseError):
        Evaluator(told.engine, told.documents, owner="me").run(told.engine.now_s())

    assert (told.state(rule), told.told()) == ("pending", [])


def test_history_says_what_happened_newest_first(told):
    rule = told.rule()
    told.look()
    told.count(10)
    told.look(15)
    told.look(10 * MINUTE_S)

    found = told.get(f"/v1/alerts/{rule}/history").json["history"]
    assert [(each["state"], each["told"], each["number"]) for each in found] == [
        ("ok", "alert.resolved", 0),
        ("firing", "alert.opened", 11),
        ("ok", None, 1),
    ]
    assert found[1]["text"] == '"hits" was 11 over 5 minutes: greater than 10'


def test_history_is_bounded(told):
    rule = told.rule()
    for _ in range(60):
        told.count(100)
        told.look(15)
        told.look(10 * MINUTE_S)

    found = told.get(f"/v1/alerts/{rule}/history").json["history"]
    assert len(found) == 100
    assert found[0]["state"] == "ok"


def test_history_and_state_go_with_the_rule(told):
    rule = told.rule()
    told.count(10)
    told.look()
    told.delete(f"/v1/alerts/{rule}")

    with told.documents.snapshot() as snapshot:
        assert snapshot.keys_under("alert_states", "") == []
        assert snapshot.keys_under("alert_history", "") == []


def test_stats_are_looked_up_the_same_either_way(world):
    for index in range(30):
        world.count(1, stat=f"s{index}")
    ids = [series.id for series in world.engine.series(LIVE)]

    few, all_ = lookups(world.engine, LIVE, ids[:3]), lookups(world.engine, LIVE, ids)

    assert few == {id_: all_[id_] for id_ in ids[:3]}
    assert len(all_) == 30

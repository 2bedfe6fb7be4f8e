"""The outbox: who is told of what, digests, the cap of an hour."""

from statflow_http.accounts.accounts import OWNER_ID
from statflow_http.alerts.accounts import NOTICES_PER_HOUR
from statflow_http.alerts.evaluation import Evaluator
from statflow_http.alerts.notices import DIGEST_MAX, SINGLE_MAX, Outbox
from tests.alerts.conftest import World
from tests.http.conftest import LIVE
from tests.http.loop_server import until

NOWHERE = "http://127.0.0.1:1/"


def open_many(world: World, count, *, first=0, **fields):
    for number in range(first, first + count):
        world.count(100, stat=f"s{number}")
        world.rule(f"s{number}", **fields)
    world.look()


def test_a_rule_that_names_nobody_tells_all(world):
    receivers = sorted(world.webhook(f"{NOWHERE}{number}")[0] for number in range(3))
    open_many(world, 1)

    assert sorted(receiver for receiver, _, _ in world.waiting()) == receivers


def test_a_rule_tells_those_it_names(world):
    _, chosen = (world.webhook(f"{NOWHERE}{number}")[0] for number in range(2))
    open_many(world, 1, receivers=[chosen])

    assert world.waiting() == [(chosen, "alert.opened", ["s0"])]


def test_who_is_turned_off_is_not_told(world):
    receiver, _ = world.webhook(NOWHERE)
    world.client.simulate_patch(
        f"/v1/receivers/{receiver}", json={"on": False}, headers={"Authorization": f"Bearer {world.key}"}
    )
    open_many(world, 1)

    assert world.waiting() == []


def test_a_form_names_receivers_with_commas(world):
    one, two = (world.webhook(f"{NOWHERE}{number}")[0] for number in range(2))
    world.count(1)
    form = f"stat=hits&kind=data&time_window=1h&receivers={one},{two}"
    headers = {"Authorization": f"Bearer {world.key}"}

    assert world.post("/v1/alerts", form, headers=headers).json["receivers"] == [one, two]


def test_a_few_are_told_one_by_one_and_many_in_a_digest(world):
    receiver, _ = world.webhook(NOWHERE)
    open_many(world, SINGLE_MAX)
    assert [each for _, each, _ in world.waiting()] == ["alert.opened"] * SINGLE_MAX

    open_many(world, SINGLE_MAX + 1, first=SINGLE_MAX)

    digest = [names for _, type_, names in world.waiting() if type_ == "alert.digest"]
    assert [set(names) for names in digest] == [{f"s{number}" for number in range(SINGLE_MAX, 2 * SINGLE_MAX + 1)}]
    assert {each for each, _, _ in world.waiting()} == {receiver}


def test_a_digest_names_so_many_and_counts_the_rest(world, hook, deliverer):
    world.webhook(hook.url)
    open_many(world, DIGEST_MAX + 7)
    deliverer.wake()
    until(lambda: hook.got)

    (document,) = hook.documents
    assert (document["type"], len(document["data"]["alerts"]), document["data"]["more"]) == (
        "alert.digest",
        DIGEST_MAX,
        7,
    )


def test_beyond_the_cap_of_an_hour_all_waits_and_comes_as_one_digest(world):
    world.webhook(NOWHERE)
    for number in range(NOTICES_PER_HOUR + 10):
        open_many(world, 1, first=number)
        world.clock.advance(1)
    held = [each for each in Outbox(world.documents).waiting() if each.is_held]
    assert len(held) == 10
    assert {each.due_s for each in held} == {world.engine.now_s() // 3_600 * 3_600 + 3_600}

    outbox = Outbox(world.documents)
    assert outbox.release(world.engine.now_s()) == 0
    world.clock.advance(3_600)
    assert outbox.release(world.engine.now_s()) == 1

    waiting = Outbox(world.documents).waiting()
    (digest,) = [each for each in waiting if each.type == "alert.digest"]
    assert [event.stat_name for event in digest.events] == [f"s{number}" for number in range(60, 70)]
    assert not any(each.is_held for each in waiting)


def test_the_cap_is_of_one_account(world):
    world.webhook(NOWHERE)
    for number in range(NOTICES_PER_HOUR + 1):
        open_many(world, 1, first=number)
    key = world.new_account("ada")
    world.json("/v1/receivers", {"url": NOWHERE}, key=key)
    world.json("/v1/stat", {"stat": "hits", "count": 100}, key=key)
    world.rule(key=key)
    world.look()

    (theirs,) = [each for each in Outbox(world.documents).waiting() if each.account_id == "ada"]
    assert not theirs.is_held


def test_the_owner_is_told_by_mail_only_where_mails_can_be_sent(world):
    people = world.app.services.people
    people.set_email(people.ensure_owner(world.engine.now_s()), "a@example.com")
    open_many(world, 1)
    assert world.waiting() == []

    Evaluator(world.engine, world.documents, can_mail=lambda: True)
    open_many(world, 1, first=1)
    assert world.waiting() == []
    world.evaluator = Evaluator(world.engine, world.documents, can_mail=lambda: True)
    open_many(world, 1, first=2)

    assert world.waiting() == [("owner", "alert.opened", ["s2"])]


def test_ids_sort_as_notices_were_made(world):
    world.webhook(NOWHERE)
    for number in range(5):
        open_many(world, 1, first=number)
        world.clock.advance(1)
    found = Outbox(world.documents).waiting()

    assert [each.events[0].stat_name for each in found] == [f"s{number}" for number in range(5)]
    assert all(each.id.startswith("msg_") for each in found)
    assert {each.account_id for each in found} == {OWNER_ID}
    assert {each.events[0].namespace for each in found} == {LIVE}


def test_tests_count_and_beyond_the_cap_they_are_refused(world):
    receiver, _ = world.webhook(NOWHERE)
    answers = [world.json(f"/v1/receivers/{receiver}/test", "") for _ in range(NOTICES_PER_HOUR + 1)]

    assert [answer.status_code for answer in answers] == [202] * NOTICES_PER_HOUR + [429]
    assert answers[-1].json["msg"] == "an account is told 60 times an hour at most: test later"
    assert answers[-1].headers["retry-after"] == "3600"

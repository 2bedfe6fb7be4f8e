"""Plans at work: the last point and the last stat that fit, the first that does not, and what both are told."""

import contextlib
import json

import falcon.testing
import msgspec
import pytest

from statflow_engine import LimitError
from statflow_http.accounts.plans import Plan, month_of
from statflow_http.accounts.quotas import Quotas
from statflow_http.accounts.usage import Usage
from statflow_http.writes import COMMITS_LATER, DEFERRED

RESETS = "2027-02-01T00:00:00Z"
POINTS_OVER = f"the plan tiny allows 5 points a month; it resets {RESETS}"
STATS_OVER = "the plan tiny allows 3 stats: delete one to make room"


@pytest.fixture
def tiny(api):
    """The live key of an account that may have 3 stats and send 5 points a month."""
    api.app.services.plans.save(Plan("tiny", stats=3, points_a_month=5))
    return api.new_account("small", plan="tiny")


def send(api, key, stat="a", status=200, **options):
    response = api.json("/v1/stat", {"stat": stat}, key=key, **options)
    assert response.status_code == status, response.text
    return response


def usage(api, key):
    return api.get("/v1/account", key=key).json["usage"]


def set_plan(api, plan, account_id="small"):
    api.app.services.plans.save(plan)
    api.app.services.accounts.set_plan(account_id, plan.name)


def test_the_last_point_of_the_month_is_taken_and_the_next_is_not(api, tiny):
    for _ in range(5):
        send(api, tiny)

    refused = send(api, tiny, status=429)

    assert refused.json == {"msg": POINTS_OVER}
    assert int(refused.headers["retry-after"]) == month_of(api.engine.now_s()).end_s - api.engine.now_s()
    assert api.points("a", "small:live") == (5, 5.0)
    assert usage(api, tiny) | {"resets_at": 0} == {
        "month": "2027-01",
        "points": 5,
        "refused": 1,
        "stats": 1,
        "resets_at": 0,
    }


SURFACES = {
    "form": ("/ez", "ezkey={key}&stat=a", "application/x-www-form-urlencoded"),
    "classic": ("/c", "ukey={key}&key=a", "application/x-www-form-urlencoded"),
    "ez batch": ("/ez", '{"ezkey":"{key}","data":[{"stat":"a"}]}', "application/json"),
    "tilde": ("/ez", "ezkey={key}&stat=~a,b,c", "application/x-www-form-urlencoded"),
    "point": ("/v1/stat", '{"ezkey":"{key}","stat":"a"}', "application/json"),
    "count": ("/v1/stat/count", '{"ezkey":"{key}","stat":"a"}', "application/json"),
    "batch": ("/v1/stats", '{"ezkey":"{key}","stats":[{"stat":"a"}]}', "application/json"),
    "columns": ("/v1/stats", '{"ezkey":"{key}","stats":["a"],"v":[1]}', "application/json"),
}


@pytest.mark.parametrize("surface", SURFACES)
def test_every_way_to_write_is_limited_and_refusals_are_told_in_its_words(api, tiny, surface):
    for _ in range(5):
        send(api, tiny)
    path, body, content_type = SURFACES[surface]

    refused = api.post(path, body.replace("{key}", tiny), content_type)

    assert refused.status_code == 429
    assert refused.json["msg"] == POINTS_OVER
    assert refused.json.get("status") == (None if path.startswith("/v1") else 500)
    assert usage(api, tiny)["refused"] == (3 if surface == "tilde" else 1)


def test_a_pixel_over_the_limit_is_a_picture_all_the_same(api, tiny):
    for _ in range(5):
        send(api, tiny)

    picture = api.client.simulate_get("/c", query_string=f"ukey={tiny}&key=a")

    assert (picture.status_code, picture.headers["content-type"]) == (200, "image/gif")
    assert usage(api, tiny)["refused"] == 1


def test_each_point_of_a_tilde_counts_and_a_batch_is_taken_whole_or_not_at_all(api, tiny):
    send(api, tiny, "sent~x,y")
    send(api, tiny, "sent~x,y")

    refused = api.json("/v1/stats", {"stats": [{"stat": "sent~x,y"}]}, key=tiny)

    assert refused.json["msg"] == POINTS_OVER
    assert api.points("sent~x", "small:live") == (2, 2.0)
    send(api, tiny, "sent~x")
    assert (usage(api, tiny)["points"], usage(api, tiny)["refused"]) == (5, 2)


def test_the_next_month_begins_at_nothing(api, tiny, clock):
    for _ in range(5):
        send(api, tiny)
    clock.set(month_of(api.engine.now_s()).end_s - 1)
    send(api, tiny, status=429)

    clock.advance(1)

    for _ in range(5):
        send(api, tiny)
    assert "it resets 2027-03-01T00:00:00Z" in send(api, tiny, status=429).json["msg"]
    assert usage(api, tiny)["points"] == 5
    assert usage(api, tiny)["month"] == "2027-02"


def test_a_point_counts_when_it_arrives_whenever_it_is_of(api, tiny):
    for _ in range(5):
        api.json("/v1/stat", {"stat": "a", "t": api.engine.now_s() - 30 * 86_400}, key=tiny)

    send(api, tiny, status=429)


def test_a_replay_costs_nothing_and_is_answered_when_the_month_is_over_the_limit(api, tiny):
    for _ in range(3):
        replayed = send(api, tiny, headers={"Idempotency-Key": "k"})
    assert replayed.headers["idempotent-replayed"] == "true"
    assert usage(api, tiny)["points"] == 1
    for _ in range(4):
        send(api, tiny)

    assert send(api, tiny, headers={"Idempotency-Key": "k"}).headers["idempotent-replayed"] == "true"
    send(api, tiny, status=429, headers={"Idempotency-Key": "new"})
    assert usage(api, tiny)["points"] == 5


def test_what_is_refused_for_another_reason_costs_nothing(api, tiny):
    send(api, tiny)
    assert api.json("/v1/stat", {"stat": "a", "value": 1}, key=tiny).status_code == 409
    assert api.json("/v1/stat", {"stat": "a", "count": "x"}, key=tiny).status_code == 400

    assert usage(api, tiny) == usage(api, tiny) | {"points": 1, "refused": 0}


def test_test_data_is_free(api, tiny):
    test_key = api.new_key(account="small", live=False)
    for number in range(10):
        send(api, test_key, f"stat {number}")
    for _ in range(5):
        send(api, tiny)

    send(api, test_key)
    assert usage(api, tiny) | {"resets_at": 0, "month": ""} == {
        "month": "",
        "points": 5,
        "refused": 0,
        "stats": 1,
        "resets_at": 0,
    }


def test_the_last_stat_is_taken_and_the_next_is_not(api, tiny):
    for name in "abc":
        send(api, tiny, name)

    refused = send(api, tiny, "d", status=429)

    assert refused.json == {"msg": STATS_OVER}
    assert "retry-after" not in refused.headers
    send(api, tiny, "a")
    assert api.names("small:live") == ["a", "b", "c"]


def test_existing_data_stays_readable_over_the_limit(api, tiny):
    for _ in range(5):
        send(api, tiny)
    send(api, tiny, status=429)

    assert api.get("/v1/stat/a", key=tiny).status_code == 200
    assert api.get("/v1/query", key=tiny, query_string="stat=*").status_code == 200


def test_the_trash_counts_no_stats_and_gives_none_back_where_there_is_no_room(api, tiny):
    for name in "abc":
        send(api, tiny, name)
    stat_id = api.delete("/v1/stat/a", key=tiny).json["id"]
    send(api, tiny, "d")

    refused = api.json(f"/v1/trash/{stat_id}/restore", "", key=tiny)

    assert (refused.status_code, refused.json["msg"]) == (429, STATS_OVER)
    api.delete("/v1/stat/d", key=tiny)
    assert api.json(f"/v1/trash/{stat_id}/restore", "", key=tiny).status_code == 200


def test_two_accounts_do_not_share_a_limit(api, tiny):
    other = api.new_account("large", plan="tiny")
    for _ in range(5):
        send(api, tiny)

    send(api, other)
    send(api, tiny, status=429)


def test_a_larger_plan_holds_at_once(api, tiny):
    for _ in range(5):
        send(api, tiny)
    send(api, tiny, status=429)

    set_plan(api, Plan("mid", stats=3, points_a_month=6))

    send(api, tiny)
    assert "the plan mid allows 6 points" in send(api, tiny, status=429).json["msg"]


def test_points_sent_without_a_limit_count_once_there_is_one(api, tiny):
    api.app.services.accounts.set_plan("small", "unlimited")
    for _ in range(4):
        send(api, tiny)
    assert usage(api, tiny)["points"] == 4

    api.app.services.accounts.set_plan("small", "tiny")

    send(api, tiny)
    send(api, tiny, status=429)
    assert usage(api, tiny)["points"] == 5


def test_a_plan_may_limit_stats_alone_and_points_are_counted_all_the_same(api, tiny):
    set_plan(api, Plan("few", stats=1))
    for _ in range(7):
        send(api, tiny)

    send(api, tiny, "b", status=429)
    assert usage(api, tiny)["points"] == 7


def test_new_stats_a_minute(api, tiny, clock):
    set_plan(api, Plan("calm", new_stats_a_minute=2))
    send(api, tiny, "a")
    send(api, tiny, "b")

    refused = send(api, tiny, "c", status=429)

    assert refused.json["msg"] == "the plan calm allows 2 new stats a minute"
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    send(api, tiny, "a")
    clock.advance(60)
    send(api, tiny, "c")


def test_new_stats_a_minute_are_those_of_all_workers(api, engine, clock):
    """Eight of them, each with a memory of its own; nobody's first write of the minute comes before another's stats."""
    plan = Plan("calm", new_stats_a_minute=2)
    documents = api.app.services.documents
    account = api.app.services.accounts.get("owner")
    namespace = account.namespace(live=True)
    engine.count("old", namespace=namespace)
    workers = [Quotas(engine, documents, Usage(documents)) for _ in range(8)]

    def made_in_a_minute(word):
        made = 0
        for number, quotas in enumerate(workers * 2):
            grant = quotas.grant(account, plan)
            with contextlib.suppress(LimitError):
                engine.write([f"{word} {number}"], 0, None, [1.0], namespace=namespace, series_limit=grant.series_limit)
                made += 1
        return made

    assert made_in_a_minute("first") == 2
    clock.advance(60)
    workers.reverse()
    assert made_in_a_minute("second") == 2


def test_requests_a_second_are_limited_for_reads_and_writes(api, tiny):
    set_plan(api, Plan("slow", requests_a_second=2))

    answers = [api.get("/v1/stats", key=tiny), *(api.json("/v1/stat", {"stat": "a"}, key=tiny) for _ in range(4))]

    refused = [answer for answer in answers if answer.status_code == 429]
    assert answers[0].status_code == 200
    assert 1 <= len(refused) <= 3
    assert refused[0].json["msg"] == "rate limit exceeded: the plan slow allows 2 requests a second"
    assert refused[0].headers["retry-after"] == "1"
    assert send(api, api.key)


def test_a_plan_that_vanished_limits_nobody(api, tiny):
    account = api.app.services.accounts.get("small")
    api.app.services.accounts.save(msgspec.structs.replace(account, plan="gone"))

    for _ in range(7):
        send(api, tiny)


# -- commits that serve many requests --


def stage(api, key, stat="a", **headers):
    """A request to a server that commits for several at once: what is to be settled after that."""
    environ = falcon.testing.create_environ(
        "/v1/stat",
        method="POST",
        body=json.dumps({"stat": stat}),
        headers={"Content-Type": "application/json", "Authorization": f"Bearer {key}", **headers},
    )
    environ[COMMITS_LATER] = True
    started = falcon.testing.StartResponseMock()
    list(api.app(environ, started))
    assert started.status.startswith("200"), started.status
    return environ[DEFERRED]


def test_of_requests_that_share_a_commit_those_that_fit_are_taken(api, tiny):
    staged = [stage(api, tiny) for _ in range(7)]
    api.engine.commit()

    answers = [deferred.settle() for deferred in staged]

    assert answers[:5] == [None] * 5
    assert [json.loads(answer.body) for answer in answers[5:]] == [{"msg": POINTS_OVER}] * 2
    assert {name for name, _ in answers[5].headers} == {"Retry-After"}
    assert (usage(api, tiny)["points"], usage(api, tiny)["refused"]) == (5, 2)


def test_points_of_an_account_without_limits_are_counted_when_they_are_stored(api):
    send(api, api.key, "value", headers={"Idempotency-Key": "k"})
    staged = [stage(api, api.key, **{"Idempotency-Key": key}) for key in ("a", "b", "a")]
    assert usage(api, api.key)["points"] == 1
    api.engine.commit()
    for deferred in staged:
        deferred.settle()

    assert usage(api, api.key)["points"] == 3
    send(api, api.key, "value", headers={"Idempotency-Key": "k"})
    assert usage(api, api.key)["points"] == 3


def test_what_one_process_counts_others_see_after_a_minute(api, engine):
    """A second app over the same documents has a memory of its own, as another worker has."""
    services = api.app.services
    send(api, api.key)
    elsewhere = Usage(services.documents)
    assert elsewhere.of_month("owner", engine.now_s()).points == 0

    services._open().flusher._flush()

    assert elsewhere.of_month("owner", engine.now_s()).points == 1

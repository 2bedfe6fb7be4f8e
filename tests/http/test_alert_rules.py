"""Alert rules: what may be watched, what is refused and how, and ``/v1/alerts``."""

import json

import pytest

from statflow_http.accounts.keys import Scope
from statflow_http.alerts.rules import OPERATORS, WINDOWS_S, Rules, RuleWish, condition
from statflow_http.errors import RequestError, RetryLaterError
from tests.clocks import START_S

VALUE = {"kind": "value", "time_window": "1h", "operator": "greater than", "threshold": 500}
DELTA = {"kind": "delta", "time_window": "1d", "operator": "different than", "percentage": 50, "time_delta": "1w"}
DATA = {"kind": "data", "time_window": "5m"}


@pytest.fixture
def hits(api):
    """The api, with a stat to watch."""
    api.json("/v1/stat", {"stat": "hits", "count": 1})
    return api


def made(api, wanted=VALUE, **fields):
    response = api.json("/v1/alerts", {"stat": "hits"} | wanted | fields)
    assert response.status_code == 200, response.text
    return response.json


def test_an_alert_is_told_with_all_its_fields(hits):
    alert = made(hits)

    assert alert == {
        "msg": "ok",
        "id": alert["id"],
        "stat": "hits",
        "stat_id": hits.get("/v1/stat/hits").json["id"],
        "kind": "value",
        "time_window": "1h",
        "operator": "greater than",
        "threshold": 500,
        "percentage": None,
        "time_delta": None,
        "receivers": [],
        "hold": "none",
        "repeat": "never",
        "created_at": START_S,
        "state": "pending",
        "since": None,
        "opened_at": None,
        "silenced_until": None,
    }
    assert hits.get(f"/v1/alerts/{alert['id']}").json == {name: alert[name] for name in alert if name != "msg"}


@pytest.mark.parametrize("window", WINDOWS_S)
@pytest.mark.parametrize("field", ["time_window", "time_delta"])
def test_every_window_of_stathats_is_one(field, window):
    found = condition(RuleWish(**DELTA | {field: window}))

    assert getattr(found, field) == window


@pytest.mark.parametrize("word", OPERATORS)
def test_operators_have_synonyms(word):
    assert condition(RuleWish(**DELTA | {"operator": word})).operator == OPERATORS[word]
    assert OPERATORS[word] in ("greater than", "less than", "different than")


@pytest.mark.parametrize("number", [0, -1.5, "1e200", "-1e+06", 1e200])
def test_any_finite_number_is_a_threshold(number):
    assert condition(RuleWish(**VALUE | {"threshold": number})).threshold == float(number)


def test_what_a_kind_has_no_use_for_is_passed_over():
    found = condition(RuleWish(**DATA | {"operator": "gt", "threshold": "0", "percentage": "x", "time_delta": "?"}))

    assert (found.operator, found.threshold, found.percentage, found.time_delta) == (None, None, None, None)


WINDOWS = "5m, 1h, 3h, 1d, 1w, 1M, 1y"
REFUSED = [
    (VALUE, {"kind": None}, "kind is missing: value, delta, data"),
    (VALUE, {"kind": "anomaly"}, "kind must be one of value, delta, data"),
    (VALUE, {"time_window": "2h"}, f"time_window must be one of {WINDOWS}"),
    (VALUE, {"time_window": ""}, f"time_window is missing: {WINDOWS}"),
    (VALUE, {"operator": "dt"}, "operator must be one of greater than, less than, gt, lt"),
    (VALUE, {"operator": "above"}, "operator must be one of greater than, less than, gt, lt"),
    (VALUE, {"threshold": None}, "threshold is missing: a number"),
    (VALUE, {"threshold": "NaN"}, "threshold must be a finite number"),
    (VALUE, {"threshold": "-Infinity"}, "threshold must be a finite number"),
    (VALUE, {"threshold": "1e999"}, "threshold must be a finite number"),
    (VALUE, {"threshold": "1e201"}, "threshold out of range"),
    (VALUE, {"threshold": "five"}, "threshold must be a number"),
    (DELTA, {"operator": "="}, "operator must be one of greater than, less than, different than, gt, lt, dt"),
    (DELTA, {"time_delta": "2d"}, f"time_delta must be one of {WINDOWS}"),
    (DELTA, {"percentage": None}, "percentage is missing: a number above 0"),
    (DELTA, {"percentage": 0}, "percentage must be above 0 and at most 1000000"),
    (DELTA, {"percentage": -5}, "percentage must be above 0 and at most 1000000"),
    (DELTA, {"percentage": "inf"}, "percentage must be a finite number"),
    (DATA, {"time_window": "1 hour"}, f"time_window must be one of {WINDOWS}"),
]


@pytest.mark.parametrize(("wanted", "fields", "text"), REFUSED)
def test_a_bad_rule_is_refused_with_a_sentence(hits, wanted, fields, text):
    with pytest.raises(RequestError) as refusal:
        condition(RuleWish(**wanted | fields))
    assert str(refusal.value) == text

    response = hits.json("/v1/alerts", {"stat": "hits"} | wanted | fields)
    assert (response.status_code, response.json) == (400, {"msg": text})
    assert hits.get("/v1/alerts").json == {"alerts": [], "cursor": None}


BAD_BODIES = [
    ("", 400, "request body is empty"),
    ("[]", 400, "the body must be a JSON object"),
    ("{", 400, "not valid JSON"),
    ('{"kind": "data", "time_window": "1h"}', 400, "stat_id is missing: the id of a stat; or stat, its name"),
    ('{"stat": "hits", "kind": 5}', 400, "kind must be one of value, delta, data"),
    ('{"stat": "hits", "kind": "value", "threshold": NaN}', 400, "threshold must be a finite number"),
    ('{"stat": "hits", "kind": "value", "threshold": 1e999}', 400, "threshold must be a finite number"),
    ('{"stat": "hits", "kind": "value", "threshold": true}', 400, "threshold must be a number"),
    ('{"stat": "nope", "kind": "data", "time_window": "1h"}', 404, "no such stat"),
    ('{"stat_id": "zzzz", "kind": "data", "time_window": "1h"}', 404, "no such stat"),
    ('{"stat_id": "!", "kind": "data", "time_window": "1h"}', 404, "no such stat"),
    ('{"stat": "\\u0000", "kind": "data", "time_window": "1h"}', 400, "stat name has control characters"),
]


@pytest.mark.parametrize(("body", "status", "text"), BAD_BODIES)
def test_a_bad_body_is_refused_with_a_sentence(hits, body, status, text):
    response = hits.json("/v1/alerts", body)

    assert response.status_code == status
    assert response.json["msg"].startswith(text)


def test_another_type_of_body_is_no_form_of_json(hits):
    form = f"stat=hits&kind=data&time_window=1h&ezkey={hits.key}"
    bearer = {"Authorization": f"Bearer {hits.key}"}

    assert hits.post("/v1/alerts", form, headers=bearer).status_code == 200
    twice = hits.post("/v1/alerts", form + "&kind=data", headers=bearer)
    assert (twice.status_code, twice.json) == (400, {"msg": 'field "kind" given twice'})


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"threshold": 7}, None),
        ({"operator": "lt", "time_window": "1w"}, None),
        ({"kind": "data"}, None),
        ({"kind": "delta"}, f"time_delta is missing: {WINDOWS}"),
        ({"kind": "delta", "time_delta": "1d", "percentage": 10}, None),
        ({"threshold": "nan"}, "threshold must be a finite number"),
        ({"stat": "other"}, "the stat of an alert cannot be changed: make another alert"),
        ({}, None),
    ],
)
def test_a_part_of_an_alert_is_changed_and_the_rest_stays(hits, fields, text):
    alert = made(hits)
    response = hits.client.simulate_patch(
        f"/v1/alerts/{alert['id']}",
        body=json.dumps(fields),
        headers={"Authorization": f"Bearer {hits.key}", "Content-Type": "application/json"},
    )
    after = hits.get(f"/v1/alerts/{alert['id']}").json

    if text is not None:
        assert (response.status_code, response.json) == (400, {"msg": text})
        assert {"msg": "ok"} | after == alert
        return
    assert response.status_code == 200, response.text
    assert response.json == {"msg": "ok"} | after
    assert (after["id"], after["created_at"], after["stat"]) == (alert["id"], alert["created_at"], "hits")
    for name, wanted in fields.items():
        assert after[name] == OPERATORS.get(wanted, wanted)
    if fields == {"kind": "data"}:
        assert (after["operator"], after["threshold"], after["time_window"]) == (None, None, "1h")


def test_a_deleted_alert_is_gone(hits):
    alert = made(hits)

    assert hits.delete(f"/v1/alerts/{alert['id']}").json == {"msg": "ok"}
    for response in (hits.get(f"/v1/alerts/{alert['id']}"), hits.delete(f"/v1/alerts/{alert['id']}")):
        assert (response.status_code, response.json) == (404, {"msg": "no such alert"})


def test_pages_follow_each_other_in_the_order_in_which_alerts_were_made(hits, clock):
    ids = []
    for _ in range(7):
        clock.advance(1)
        ids.append(made(hits)["id"])

    found, cursor = [], ""
    while cursor is not None:
        page = hits.get("/v1/alerts", query_string=f"limit=3&cursor={cursor}").json
        found += [alert["id"] for alert in page["alerts"]]
        cursor = page["cursor"]

    assert found == ids


@pytest.mark.parametrize("query", ["cursor=!", "cursor=aaaa", "cursor=" + "a" * 600, "limit=0", "limit=1001"])
def test_what_is_no_page_is_refused(hits, query):
    assert hits.get("/v1/alerts", query_string=query).status_code == 400


def test_an_account_has_a_limit_of_alerts_live_and_test_together(app, engine):
    app.services.accounts.ensure_owner(engine.now_s())
    rules, wanted = Rules(app.services.documents), condition(RuleWish(**DATA))
    for namespace in ("owner:live", "owner:test", "owners:live"):
        rules.create(namespace, 1, "a", wanted, START_S, rules_max=2)

    with pytest.raises(RetryLaterError, match="^an account has at most 2 alerts: delete some first$"):
        rules.create("owner:live", 1, "a", wanted, START_S, rules_max=2)
    rules.create("owners:live", 1, "a", wanted, START_S, rules_max=2)
    assert len(rules.all("owner:live")) == 1


def test_ids_of_one_second_differ(app, engine):
    rules, wanted = Rules(app.services.documents), condition(RuleWish(**DATA))
    ids = {rules.create("owner:live", 1, "a", wanted, START_S).id for _ in range(50)}

    assert len(ids) == 50
    assert [rule.id for rule in rules.all("owner:live")] == sorted(ids)


def test_an_alert_survives_the_trash_and_is_deletable_when_its_stat_is_gone(hits):
    alert = made(hits)
    stat_id = hits.delete("/v1/stat/hits").json["id"]

    assert [each["stat"] for each in hits.get("/v1/alerts").json["alerts"]] == ["hits"]
    hits.json(f"/v1/trash/{stat_id}/restore", "")
    assert hits.get(f"/v1/alerts/{alert['id']}").json["stat_id"] == stat_id


SCOPES = [("GET", Scope.READ, 200), ("GET", Scope.WRITE, 403), ("POST", Scope.READ, 403), ("POST", Scope.WRITE, 403)]


@pytest.mark.parametrize(("method", "scope", "status"), SCOPES)
def test_reading_needs_scope_read_and_changing_scope_full(hits, method, scope, status):
    bearer = {"Authorization": f"Bearer {hits.new_key(scope=scope)}"}

    assert hits.client.simulate_request(method, "/v1/alerts", headers=bearer).status_code == status


def test_another_accounts_alerts_and_stats_are_404(hits):
    alert = made(hits)
    other = hits.new_account("other")
    bearer = {"Authorization": f"Bearer {other}", "Content-Type": "application/json"}

    assert hits.get("/v1/alerts", key=other).json["alerts"] == []
    for method in ("GET", "PATCH", "DELETE"):
        response = hits.client.simulate_request(method, f"/v1/alerts/{alert['id']}", headers=bearer, body="{}")
        assert (response.status_code, response.json) == (404, {"msg": "no such alert"})
    for stat in ({"stat": "hits"}, {"stat_id": alert["stat_id"]}):
        response = hits.json("/v1/alerts", stat | DATA, key=other)
        assert (response.status_code, response.json) == (404, {"msg": "no such stat"})
    assert hits.get("/v1/alerts", key=hits.new_key(live=False)).json["alerts"] == []


@pytest.mark.parametrize("path", ["/v1/alerts", "/v1/alerts/{id}", "/v1/alerts/automatic"])
def test_head_is_answered_and_other_methods_are_405(hits, path):
    path = path.replace("{id}", made(hits)["id"])
    bearer = {"Authorization": f"Bearer {hits.key}"}

    assert hits.client.simulate_head(path, headers=bearer).status_code == 200
    response = hits.client.simulate_put(path, headers=bearer)
    assert (response.status_code, "HEAD" in response.headers["allow"]) == (405, True)


# -- automatic --


def automatic(api, wanted=None, stat=""):
    query = f"stat={stat}" if stat else ""
    if wanted is None:
        return api.get("/v1/alerts/automatic", query_string=query).json
    bearer = {"Authorization": f"Bearer {api.key}"}
    response = api.client.simulate_patch(
        "/v1/alerts/automatic", body=json.dumps(wanted), query_string=query, headers=bearer
    )
    return response.json


def test_automatic_alerts_are_on_without_any_set_up(hits):
    assert automatic(hits) == automatic(hits, stat="hits") == {"on": True, "sensitivity": "medium"}


def test_a_stat_has_the_setting_of_all_until_it_has_its_own(hits):
    automatic(hits, {"sensitivity": "low"})
    assert automatic(hits, stat="hits") == {"on": True, "sensitivity": "low"}

    assert automatic(hits, {"stat": "hits", "on": False}) == {"msg": "ok", "on": False, "sensitivity": "low"}
    automatic(hits, {"sensitivity": "high"})

    assert automatic(hits, stat="hits") == {"on": False, "sensitivity": "low"}
    assert automatic(hits) == {"on": True, "sensitivity": "high"}


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        ({"sensitivity": "extreme"}, "sensitivity must be one of low, medium, high"),
        ({"on": "yes"}, "on must be true or false"),
        ({"on": True, "stat": "nope"}, "no such stat"),
    ],
)
def test_a_bad_setting_is_refused(hits, wanted, text):
    assert automatic(hits, wanted) == {"msg": text}
    assert automatic(hits) == {"on": True, "sensitivity": "medium"}

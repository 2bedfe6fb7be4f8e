"""``/stats/ID/csv/PERIOD``: what everybody may see of a public stat."""

import json

import pytest

from statflow_http.api.public import csv_lines
from tests.clocks import START_S


@pytest.fixture
def hits(api):
    """The api, with a public counter and a private one."""
    points = [{"stat": "hits", "count": n, "t": START_S - ago} for n, ago in [(1.25, 0), (2, 3_600), (4, 86_400)]]
    api.json("/v1/stats", {"stats": [*points, {"stat": "secret"}]})
    publish(api, "hits")
    return api


def publish(api, name, public=True):
    bearer = {"Authorization": f"Bearer {api.key}"}
    api.client.simulate_patch(f"/v1/stat/{name}", body=json.dumps({"public": public}), headers=bearer)


def csv(api, stat_id, period="day"):
    return api.client.simulate_get(f"/stats/{stat_id}/csv/{period}")


def stat_id(api, name="hits"):
    return api.get(f"/v1/stat/{name}").json["id"]


@pytest.mark.parametrize(
    ("period", "interval_s", "line_count", "total"),
    [("hour", 60, 61, 3.25), ("day", 300, 289, 7.25), ("week", 3_600, 169, 7.25), ("month", 21_600, 121, 7.25)],
)
def test_a_public_stat_is_lines_of_time_and_value_under_a_header(hits, period, interval_s, line_count, total):
    response = csv(hits, stat_id(hits), period)
    header, *lines = response.text.splitlines()
    rows = [line.split(",") for line in lines]

    assert (response.status_code, response.headers["content-type"]) == (200, "text/csv; charset=utf-8")
    assert header == "time,value"
    assert [int(time) for time, _ in rows] == [START_S - interval_s * ago for ago in range(line_count - 1, -1, -1)]
    assert sum(float(value) for _, value in rows) == total
    assert (rows[0][1], rows[-1][1]) == ("4" if period == "day" else "2" if period == "hour" else "0", "1.25")


def test_numbers_are_whole_or_decimals_and_never_have_an_exponent():
    numbers = [0.0, 5.0, 0.1, -2.5, 1e22, 1e-7, 123456789.125]

    assert list(csv_lines([1] * 7, numbers)) == ["time,value\n"] + [
        f"1,{text}\n"
        for text in ["0", "5", "0.1", "-2.5", "10000000000000000000000", "0.0000001", "123456789.125"]
    ]  # fmt: skip


def test_any_page_may_read_it_and_keep_it_for_a_minute(hits):
    headers = csv(hits, stat_id(hits)).headers

    assert headers["access-control-allow-origin"] == "*"
    assert headers["cache-control"] == "public, max-age=60"
    assert headers["cross-origin-resource-policy"] == "cross-origin"


def test_what_is_not_public_is_404_like_what_is_not_there(hits):
    secret = csv(hits, stat_id(hits, "secret"))
    unknown = [csv(hits, text) for text in ("zzzz", "aaaaaaaa", "!", "%FF", "..", "x" * 600)]

    assert (secret.status_code, secret.content) == (404, b'{"msg":"no such stat"}')
    assert secret.headers["cache-control"] == "no-store"
    for other in unknown:
        told = [dict(response.headers) for response in (other, secret)]
        assert (other.status_code, other.content) == (404, secret.content)
        assert told[0] | {"x-request-id": ""} == told[1] | {"x-request-id": ""}


def test_a_stat_that_is_private_again_or_deleted_is_404(hits):
    public_id = stat_id(hits)
    publish(hits, "hits", public=False)
    assert csv(hits, public_id).status_code == 404
    publish(hits, "hits")
    assert csv(hits, public_id).status_code == 200

    hits.delete("/v1/stat/hits")
    assert csv(hits, public_id).status_code == 404


def test_a_test_stat_may_be_public_too(hits):
    key = hits.new_key(live=False)
    hits.json("/v1/stat", {"stat": "hits", "count": 9}, key=key)
    bearer = {"Authorization": f"Bearer {key}"}
    made = hits.client.simulate_patch("/v1/stat/hits", body='{"public": true}', headers=bearer).json

    assert csv(hits, made["id"], "hour").text.endswith(f"{START_S},9\n")


@pytest.mark.parametrize("period", ["year", "Day", "hour.csv"])
def test_an_unknown_period_is_404(hits, period):
    response = csv(hits, stat_id(hits), period)

    assert (response.status_code, response.json) == (404, {"msg": "no such period: hour, day, week, month"})


def test_head_is_answered_and_other_methods_are_405(hits):
    path = f"/stats/{stat_id(hits)}/csv/hour"

    assert hits.client.simulate_head(path).status_code == 200
    response = hits.client.simulate_post(path)
    assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD, OPTIONS")

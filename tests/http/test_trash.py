"""``/v1/trash``: deleted stats wait there, and come back with their points."""

from tests.clocks import START_S


def test_the_trash_lists_what_was_deleted(api, clock):
    api.json("/v1/stat", {"stat": "a", "value": 1})
    clock.advance(60)
    stat_id = api.delete("/v1/stat/a").json["id"]

    assert api.get("/v1/trash").json == {
        "trash": [
            {
                "id": stat_id,
                "name": "a",
                "kind": "value",
                "created_at": START_S,
                "deleted_at": START_S + 60,
                "expires_at": START_S + 60 + 172_800,
            }
        ],
        "cursor": None,
    }


def test_a_restored_stat_has_its_points(api):
    api.json("/v1/stat", {"stat": "a", "count": 5})
    stat_id = api.delete("/v1/stat/a").json["id"]

    restored = api.json(f"/v1/trash/{stat_id}/restore", "")

    assert (restored.status_code, restored.json["msg"], restored.json["name"]) == (200, "ok", "a")
    assert api.points("a") == (1, 5.0)
    assert api.get("/v1/trash").json["trash"] == []


def test_a_stat_whose_name_is_taken_stays_in_the_trash(api):
    api.json("/v1/stat", {"stat": "a", "count": 5})
    stat_id = api.delete("/v1/stat/a").json["id"]
    api.json("/v1/stat", {"stat": "a", "count": 1})

    response = api.json(f"/v1/trash/{stat_id}/restore", "")

    assert response.status_code == 409
    assert api.points("a") == (1, 1.0)
    assert len(api.get("/v1/trash").json["trash"]) == 1


def test_what_is_not_in_the_trash_is_404(api):
    api.json("/v1/stat", {"stat": "a"})
    (stat,) = api.get("/v1/stats").json["stats"]

    for stat_id in (stat["id"], "zzzz", "x", "..", "%FF"):
        response = api.json(f"/v1/trash/{stat_id}/restore", "")
        assert (response.status_code, response.json) == (404, {"msg": "no such stat"})


def test_the_trash_has_pages(api):
    names = [f"s{number}" for number in range(5)]
    for name in names:
        api.json("/v1/stat", {"stat": name})
        api.delete(f"/v1/stat/{name}")

    first = api.get("/v1/trash", query_string="limit=3").json
    second = api.get("/v1/trash", query_string=f"limit=3&cursor={first['cursor']}").json

    assert [stat["name"] for stat in first["trash"] + second["trash"]] == names
    assert second["cursor"] is None

"""An account with something of everything, and every route of the app as a path that means something there."""

from statflow_http.routes import PARTS, routes
from tests.http.loop_server import until

METHODS = ("get", "post", "put", "patch", "delete")
# In StatHat's form.
DATASET = "timestamp,datetime,value\n1700000000,2023-11-14 22:13:20,5\n"


def imported(api):
    """The id of an import that is over: its thread has nothing open any more."""
    headers = {"Authorization": f"Bearer {api.key}"}
    job_id = api.post("/v1/imports", DATASET, "text/csv", headers=headers).json["id"]
    until(lambda: api.get(f"/v1/imports/{job_id}").json["finished_at"] is not None)
    return job_id


def furnished(api, *, with_import=False):
    """Make something of everything; values of parameters by which it is found."""
    api.json("/v1/stats", {"stats": [{"stat": "page views"}, {"stat": "time", "value": 2.5}, {"stat": "gone"}]})
    gone = api.delete("/v1/stat/gone").json
    alert = {"stat": "page views", "kind": "value", "time_window": "1h", "operator": "greater than", "threshold": 5}
    stat = api.get("/v1/stat/page%20views").json
    board, gone_board = (api.json("/v1/dashboards", {"name": name}).json["id"] for name in ("shop", "gone"))
    api.delete(f"/v1/dashboards/{gone_board}")
    return {
        "name": "page views",
        "stat": ["page views", "t*"],
        "stat_id": gone["id"],
        "living_stat_id": stat["id"],
        "embed_key": stat["embed_key"],
        "alert_id": api.json("/v1/alerts", alert).json["id"],
        "receiver_id": api.json("/v1/receivers", {"url": "https://1.1.1.1/hook"}).json["id"],
        "annotation_id": api.json("/v1/annotations", {"text": "deployed", "stat": "time"}).json["id"],
        "dashboard_id": board,
        "deleted_id": gone_board,
        "share_id": api.json(f"/v1/dashboards/{board}/shares", {}).json["id"],
        "key_id": api.json("/v1/keys", {"label": "another"}).json["id"],
        "person_id": api.json("/v1/account/members", {"email": "a@example.com"}).json["id"],
        "import_id": imported(api) if with_import else "3pkfagyipfgm",
        "token": api.key,
        "period": "day",
    }


def concrete(path, known):
    """A route's path with values in the place of its braces."""
    if path.startswith(("/x/", "/a1/", "/stats/", "/v1/stats/")):
        known = known | {"stat_id": known["living_stat_id"]}
    special = {"path": f"graph/{known['living_stat_id']}", "stat_ids": known["living_stat_id"]}
    parts = []
    for part in path.split("{"):
        name, closed, rest = part.partition("}")
        value = (special | known).get(name.removesuffix(":path")) if closed else None
        assert not closed or value is not None, f"no value for {name} of {path}: put one into furnished()"
        parts.append(f"{value}{rest}" if closed else part)
    return "".join(parts)


def all_routes(services):
    """(method, path with braces) of every route that the app has with all its parts, but the pages, which have tests of
    their own."""
    for path, resource in routes(services, frozenset(PARTS) - {"pages"}):
        for method in METHODS:
            if hasattr(resource, f"on_{method}"):
                yield method.upper(), path
    yield "GET", "/openapi.json"

"""``/v1/imports``: asking for an import, following it, stopping it; who may, and what is refused."""

import dataclasses
import io
import time
import zipfile

import msgspec
import pytest

from statflow_http.accounts.keys import Scope
from statflow_http.api import v1_imports
from statflow_http.moving import importer, jobs, runner
from statflow_http.moving.jobs import Jobs, Lease
from statflow_http.wire import bodies

LIMIT_S = 20.0


def wait_for(api, answer, *, state="done", key=None):
    """The import, once it is over."""
    assert answer.status_code == 202, answer.text
    ends = time.monotonic() + LIMIT_S
    while time.monotonic() < ends:
        job = api.get(f"/v1/imports/{answer.json['id']}", key=key).json
        if job["state"] not in ("queued", "running"):
            assert job["state"] == state, job
            return job
        time.sleep(0.01)
    raise AssertionError(job)


def upload(api, data, query="", *, key=None, content_type="text/csv"):
    headers = {"Authorization": f"Bearer {key or api.key}"}
    return api.post(f"/v1/imports{query}", data, content_type, headers=headers)


def csv_of(api, count=3, name="a"):
    now_s = api.engine.now_s()
    return "stat,time,value\n" + "".join(f"{name},{now_s - n * 60},{n}\n" for n in range(count))


def test_an_uploaded_file_becomes_stats(api):
    job = wait_for(api, upload(api, csv_of(api) + "a,x,1\n", "?filename=my%20stats.csv"))

    assert api.points("a") == (3, 3.0)
    assert job["source"] == "my stats.csv"
    assert job["progress"] == {"rows_read": 3, "rows_total": 3, "rows_done": 3}
    assert (job["summary"]["stats"], job["summary"]["rows"], job["error"]) == (1, 3, None)
    reason = "time must be Unix seconds, milliseconds or ISO 8601"
    assert job["skipped"] == {reason: 1}
    assert job["problems"] == [{"place": "my stats.csv:5", "reason": reason, "rows": 1}]
    assert job["lines"][0].startswith("1 stats, 3 rows brought")


def test_a_zip_file_of_stathats_is_one_too(api):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("stats.csv", "id,name,counter\nab,page views,true\n")
        archive.writestr("ab.csv", f"# stat_id: ab\ntimestamp,datetime,value\n{api.engine.now_s() - 60},x,5\n")

    wait_for(api, upload(api, packed.getvalue(), content_type="application/zip"))

    assert api.points("page views") == (1, 5.0)
    assert api.kind("page views") == "counter"


def test_options_come_in_the_query(api):
    now_s = api.engine.now_s()
    query = "?kind=value&name=load&time_column=when&value_column=2&delimiter=%3B&format=csv"

    wait_for(api, upload(api, f"when;what\n{now_s};5\n", query))

    assert (api.points("load"), api.kind("load")) == ((1, 5.0), "value")


def test_an_import_that_is_asked_for_twice_changes_nothing(api):
    wait_for(api, upload(api, csv_of(api)))
    job = wait_for(api, upload(api, csv_of(api)))

    assert api.points("a") == (3, 3.0)
    assert job["summary"]["known_rows"] == 3


def test_test_keys_import_test_data(api):
    key = api.new_key(live=False)
    wait_for(api, upload(api, csv_of(api), key=key), key=key)

    assert api.names() == []
    assert api.points("a", "owner:test") == (3, 3.0)


def test_imports_are_listed_newest_first_by_page(api):
    ids = [wait_for(api, upload(api, csv_of(api, name=f"s{n}")))["id"] for n in range(5)]

    listed, cursor = [], ""
    while cursor is not None:
        page = api.get(f"/v1/imports?limit=2&cursor={cursor}").json
        assert len(page["imports"]) <= 2
        listed += [job["id"] for job in page["imports"]]
        cursor = page["cursor"]
    assert listed == sorted(ids, reverse=True)


@pytest.mark.parametrize(
    ("query", "body", "content_type", "status", "text"),
    [
        ("", b"", "text/csv", 400, "request body is empty"),
        ("?format=excel", b"x", "text/csv", 400, "format must be one of auto, stathat, csv, statflow"),
        ("?kind=gauge", b"x", "text/csv", 400, "kind must be counter or value"),
        ("?delimiter=ab", b"x", "text/csv", 400, "delimiter must be one character"),
        ("?tz=../x", b"x", "text/csv", 400, "tz must be the name of a time zone"),
        ("?name=" + "x" * 256, b"x", "text/csv", 400, "at most 255 characters"),
        ("", b"{}", "application/json", 400, "url"),
        ("", b'{"url":"http://a.example"}', "application/json", 400, "a token"),
        ("", b'{"url":"ftp://a.example","token":"t"}', "application/json", 400, "http:// or https://"),
        ("", b'{"url":"http://127.1","token":"t"}', "application/json", 400, "address is not allowed"),
        ("", b'{"url":"http://[::ffff:169.254.169.254]","token":"t"}', "application/json", 400, "not allowed"),
        ("", b'{"url":"http://2130706433","token":"t"}', "application/json", 400, "address is not allowed"),
        ("", b'{"url":"http://name.invalid","token":"t"}', "application/json", 400, "has no address"),
        ("", b'{"url":"https://www.stathat.com","token":"t"}', "application/json", 400, "bring the files"),
        ("", b'{"url":"https://api.stathat.com/x/TOKEN"}', "application/json", 400, "bring the files"),
    ],
)
def test_what_cannot_be_imported_is_refused_at_once(api, query, body, content_type, status, text):
    answer = upload(api, body, query, content_type=content_type)

    assert answer.status_code == status
    assert text in answer.json["msg"]
    assert list(Jobs(api.app.services.documents, api.engine.path).folder.glob("*")) == []


def test_a_file_that_is_larger_than_an_import_may_be_is_refused(api, monkeypatch):
    monkeypatch.setattr(bodies, "IMPORT_BYTES_MAX", 100)

    assert upload(api, b"x" * 100).status_code == 202
    answer = upload(api, b"x" * 101)
    assert (answer.status_code, answer.json["msg"]) == (413, "request body too large (limit 100 bytes)")


def test_a_disk_without_room_takes_no_upload(api, monkeypatch):
    monkeypatch.setattr(v1_imports, "disk_has_room", lambda folder, size: False)

    assert upload(api, b"x").status_code == 503


@pytest.mark.parametrize(("scope", "get", "post"), [(Scope.WRITE, 403, 403), (Scope.READ, 200, 403)])
def test_only_full_keys_import(api, scope, get, post):
    key = api.new_key(scope=scope)

    assert api.get("/v1/imports", key=key).status_code == get
    assert upload(api, b"x", key=key).status_code == post


def test_imports_of_other_accounts_are_not_there(api):
    other = api.new_account("other")
    job = wait_for(api, upload(api, csv_of(api)))

    assert api.get("/v1/imports", key=other).json["imports"] == []
    assert api.get(f"/v1/imports/{job['id']}", key=other).status_code == 404
    assert api.delete(f"/v1/imports/{job['id']}", key=other).status_code == 404
    assert api.get("/v1/imports/nonsense").status_code == 404
    assert api.get(f"/v1/imports/{'a' * 12}").status_code == 404


@pytest.fixture
def queued(api, monkeypatch):
    """An import that nobody works on yet."""
    monkeypatch.setattr(runner.Runner, "start", lambda self: None)
    answer = upload(api, csv_of(api, 300))
    monkeypatch.undo()
    return answer.json["id"]


def test_a_queued_import_can_be_cancelled_and_its_upload_goes(api, queued):
    store = Jobs(api.app.services.documents, api.engine.path)
    assert api.get(f"/v1/imports/{queued}").json["state"] == "queued"
    assert store.upload_path(queued).exists()

    assert api.delete(f"/v1/imports/{queued}").json["state"] == "cancelled"

    assert not store.upload_path(queued).exists()
    assert store.claim("me", time.time()) is None
    assert api.delete(f"/v1/imports/{queued}").json["state"] == "cancelled"


def test_a_running_import_can_be_cancelled(api, monkeypatch):
    monkeypatch.setattr(importer, "BATCH_POINTS", 1)
    monkeypatch.setattr(runner, "BEAT_S", 0.01)
    written = importer.write_blocks

    def slowly(*arguments):
        time.sleep(0.02)
        written(*arguments)

    monkeypatch.setattr(importer, "write_blocks", slowly)
    answer = upload(api, csv_of(api, 2_000))
    while api.get(f"/v1/imports/{answer.json['id']}").json["state"] == "queued":
        time.sleep(0.01)
    api.delete(f"/v1/imports/{answer.json['id']}")

    wait_for(api, answer, state="cancelled")
    api.app.services.imports.stop()
    assert api.points("a")[0] < 2_000 if "a" in api.names() else True


def test_a_job_whose_process_is_gone_is_taken_over_when_its_lease_ends(api, queued):
    store = Jobs(api.app.services.documents, api.engine.path)
    now_s = time.time()

    assert store.claim("killed", now_s).id == queued
    assert store.claim("me", now_s + jobs.LEASE_S - 0.1) is None
    assert store.claim("me", now_s + jobs.LEASE_S + 0.1).id == queued
    assert not store.beat("killed", store.get("owner:live", queued), now_s)


def test_a_lease_from_before_the_clock_was_put_back_is_no_lease():
    assert Lease("k", "a", "somebody", ends_s=1_000_000.0).is_free(1_000.0)


def test_a_job_that_kills_its_worker_again_and_again_fails(api, queued):
    store = Jobs(api.app.services.documents, api.engine.path)
    now_s = time.time()
    for attempt in range(jobs.TRIES_MAX):
        assert store.claim(f"worker {attempt}", now_s + attempt * 100) is not None

    assert store.claim("one more", now_s + 10_000) is None
    assert store.get("owner:live", queued).state == "failed"


def test_one_import_of_an_account_runs_at_a_time(api, monkeypatch):
    monkeypatch.setattr(runner.Runner, "start", lambda self: None)
    other = api.new_account("other")
    for key in (api.key, api.key, other):
        upload(api, csv_of(api), key=key)
    store = Jobs(api.app.services.documents, api.engine.path)

    claimed = [store.claim(f"worker {n}", time.time()) for n in range(3)]

    assert {job.account_id for job in claimed[:2]} == {"owner", "other"}
    assert claimed[2] is None


def test_too_many_waiting_imports_are_refused(api, monkeypatch):
    monkeypatch.setattr(runner.Runner, "start", lambda self: None)
    for _ in range(jobs.ACTIVE_MAX):
        assert upload(api, csv_of(api)).status_code == 202

    assert upload(api, csv_of(api)).status_code == 429


def test_a_worker_that_stops_hands_its_job_on(api, monkeypatch):
    """Gracefully, as at a restart: another process goes on at once, and nothing is counted twice."""
    monkeypatch.setattr(importer, "BATCH_POINTS", 100)
    written = importer.write_blocks

    def slowly(*arguments):
        time.sleep(0.05)
        written(*arguments)

    monkeypatch.setattr(importer, "write_blocks", slowly)
    answer = upload(api, csv_of(api, 3_000))
    while not api.get(f"/v1/imports/{answer.json['id']}").json["progress"]["rows_total"]:
        time.sleep(0.01)
        if api.get(f"/v1/imports/{answer.json['id']}").json["state"] == "running":
            break
    time.sleep(0.2)
    api.app.services.imports.stop()
    assert api.get(f"/v1/imports/{answer.json['id']}").json["state"] == "queued"

    api.app.services.imports.start()
    wait_for(api, answer)
    window = api.engine.query("a", api.engine.now_s() - 3_001 * 60, step="1h", namespace="owner:live")
    assert (int(window.counts.sum()), float(window.sums.sum())) == (3_000, float(sum(range(3_000))))


def test_a_token_is_forgotten_when_the_import_is_over(api):
    api.app.services.options = dataclasses.replace(api.app.services.options, allow_private=True)
    answer = api.json("/v1/imports", {"url": "http://127.0.0.1:1", "token": "sk_secret"})

    job = wait_for(api, answer, state="failed")

    assert "does not answer" in job["error"]
    stored = Jobs(api.app.services.documents, api.engine.path).get("owner:live", job["id"])
    assert b"sk_secret" not in msgspec.msgpack.encode(stored)


# -- a StatHat account, rebuilt --


@pytest.fixture
def rebuilt(api):
    """An account of StatHat's, uploaded: a counter with its old key, and the parts of a tilde list."""
    packed = io.BytesIO()
    now_s = api.engine.now_s()
    with zipfile.ZipFile(packed, "w") as archive:
        listed = ["id,name,counter,classic_key"]
        for number, name in enumerate(("page views", "messages sent total", "messages sent female")):
            listed.append(f"id{number},{name},true,OLD{number}~{'x' * 22}~~")
            rows = f"# stat_id: id{number}\ntimestamp,datetime,value\n{now_s - 60},x,5\n"
            archive.writestr(f"id{number}.csv", rows)
        archive.writestr("stats.csv", "\n".join([*listed, ""]))
    wait_for(api, upload(api, packed.getvalue(), content_type="application/zip"))
    return api


def test_an_old_pixel_counts_on(rebuilt):
    key = f"OLD0~{'x' * 22}~~"
    answer = rebuilt.client.simulate_get("/c", params={"key": key, "ukey": rebuilt.key, "count": "2"})

    assert answer.status_code == 200
    assert rebuilt.points("page views") == (2, 7.0)
    assert rebuilt.names() == ["messages sent female", "messages sent total", "page views"]


def test_a_tilde_list_lands_on_the_imported_names(rebuilt):
    rebuilt.json("/v1/stat", {"stat": "messages sent~total,female", "count": 1})

    assert rebuilt.points("messages sent total") == (2, 6.0)
    assert rebuilt.points("messages sent female") == (2, 6.0)

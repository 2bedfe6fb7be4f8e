"""``/v1/imports``: asking for an import, following it, stopping it; who may, and what is refused."""

import dataclasses
import io
import threading
import time
import zipfile

import msgspec
import pytest

from statflow_http.accounts.keys import Scope
from statflow_http.api import v1_imports
from statflow_http.moving import importer, jobs, runner
from statflow_http.moving.jobs import Jobs, Lease
from statflow_http.wire import bodies
from tests.http.loop_server import until

LIMIT_S = 60.0


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
    assert job["lines"][0].startswith("1 stat, 3 rows brought")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("date,name,value\n2023-11-14,Größe,5\n".encode("latin-1"), "stat name is not valid UTF-8"),
        (b"d\xff,n\xff\n1,x\n", "no time column found; name it by --time-column, of: d\ufffd, n\ufffd"),
        (b"GIF89a\1\0\1\0\xff\0;", "this is no CSV, JSON, zip file or export of a StatFlow"),
        (b"# name: a\xff\n# unit: m\xff\ntimestamp,datetime,value\n1700000000,x,5\n", "not valid UTF-8"),
    ],
)
def test_bytes_that_are_no_text_are_told_at_once_by_their_reason(api, data, reason):
    job = wait_for(api, upload(api, data, "?kind=counter&filename=l.csv"), state="failed")

    assert reason in job["error"]
    assert [reason in text for text in job["skipped"]] == [True]
    assert api.names() == []


def test_a_unit_that_is_no_utf_8_is_brought_as_far_as_it_is(api):
    data = b"# name: a\n# unit: m\xff\ntimestamp,datetime,value\n1700000000,x,5\n"
    wait_for(api, upload(api, data))

    assert api.get("/v1/stat/a").json["unit"] == "m\ufffd"


def test_a_file_that_breaks_off_has_failed_and_what_was_in_it_is_told(api):
    api.json("/v1/stat", {"stat": "a", "count": 3})
    whole = api.get("/v1/export").content
    api.delete("/v1/stat/a")

    job = wait_for(api, upload(api, whole[:-30], "?filename=x.ndjson"), state="failed")

    sentence = "the export is cut short: its last line is missing; only what comes before that is here (x.ndjson)"
    assert job["error"] == sentence
    assert job["summary"]["rows"] == 1
    assert api.points("a") == (1, 3.0)


class Broken:
    """A report that cannot be stored, as only a mistake of ours can make one."""

    def __init__(self, result):
        self.__dict__ |= {"summary": result.summary, "report": result.report, "brought": result.brought}
        self.seconds, self.failure = result.seconds, ""

    def lines(self):
        return ["\udcff"]


def test_a_mistake_of_our_own_ends_an_import_at_once_with_a_sentence(api, monkeypatch, caplog):
    run = runner.imports.run
    tries = []

    def broken(*arguments, **options):
        tries.append(1)
        return Broken(run(*arguments, **options))

    monkeypatch.setattr(runner.imports, "run", broken)

    job = wait_for(api, upload(api, csv_of(api)), state="failed")

    assert job["error"] == runner.MISTAKE
    assert tries == [1]
    assert [record.getMessage() for record in caplog.records if record.exc_info] == [f"import {job['id']} failed"]


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
        ("", b"{}", "application/json", 400, "url is missing: the address of the server, with http:// or https://"),
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


class HeldWrites:
    """Imports that write 100 points at a time; after some of these writes they wait until they are let go on."""

    def __init__(self, monkeypatch, *, after):
        self.is_held, self.goes_on = threading.Event(), threading.Event()
        self._left = after
        self._write = importer.write_blocks
        monkeypatch.setattr(importer, "BATCH_POINTS", 100)
        monkeypatch.setattr(importer, "write_blocks", self._write_or_wait)

    def _write_or_wait(self, *arguments):
        if self._left == 0:
            self.is_held.set()
            assert self.goes_on.wait(LIMIT_S)
        self._left -= 1
        self._write(*arguments)


def rows_of(api, name):
    """How many points of the last days a stat has got, and their sum."""
    window = api.engine.query(name, api.engine.now_s() - 3_001 * 60, step="1h", namespace="owner:live")
    return int(window.counts.sum()), float(window.sums.sum())


def test_a_running_import_can_be_cancelled(api, monkeypatch):
    monkeypatch.setattr(runner, "BEAT_S", 0.01)
    writes = HeldWrites(monkeypatch, after=3)
    answer = upload(api, csv_of(api, 3_000))
    assert writes.is_held.wait(LIMIT_S)
    assert api.get(f"/v1/imports/{answer.json['id']}").json["state"] == "running"
    api.delete(f"/v1/imports/{answer.json['id']}")
    # Whoever says every moment that the import lives hears that it need not.
    until(lambda: "statflow-imports-beat" not in {thread.name for thread in threading.enumerate()})
    writes.goes_on.set()

    wait_for(api, answer, state="cancelled")
    api.app.services.imports.stop()
    assert 300 <= rows_of(api, "a")[0] < 3_000


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
    writes = HeldWrites(monkeypatch, after=3)
    answer = upload(api, csv_of(api, 3_000))
    assert writes.is_held.wait(LIMIT_S)
    imports = api.app.services.imports
    stopping = threading.Thread(target=imports.stop)
    stopping.start()
    assert imports._thread.is_stopping.wait(LIMIT_S)
    writes.goes_on.set()
    stopping.join()
    assert api.get(f"/v1/imports/{answer.json['id']}").json["state"] == "queued"
    assert 300 <= rows_of(api, "a")[0] < 3_000

    imports.start()
    wait_for(api, answer)
    assert rows_of(api, "a") == (3_000, float(sum(range(3_000))))


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


def test_a_pixel_of_the_old_server_counts_on_at_the_new_one(api):
    api.json("/v1/stat", {"stat": "page views", "count": 3})
    old = api.get("/v1/stat/page%20views").json["key"]
    other = api.new_account("other")

    job = wait_for(api, upload(api, api.get("/v1/export").content, key=other), key=other)
    answer = api.client.simulate_get("/c", params={"key": old, "ukey": other, "count": "2"})

    assert (answer.status_code, job["summary"]["keys"]) == (200, 1)
    assert api.points("page views", "other:live") == (2, 5.0)
    assert api.points("page views") == (1, 3.0)
    assert api.names("other:live") == ["page views"]


def test_a_tilde_list_lands_on_the_imported_names(rebuilt):
    rebuilt.json("/v1/stat", {"stat": "messages sent~total,female", "count": 1})

    assert rebuilt.points("messages sent total") == (2, 6.0)
    assert rebuilt.points("messages sent female") == (2, 6.0)

"""The page of imports: files by a form, another server by its token, a look before anything is stored, reports."""

import io
import zipfile

import pytest

from statflow_http.moving.jobs import Jobs
from statflow_http.moving.options import ImportOptions
from statflow_http.pages import checks, uploads
from statflow_http.wire import bodies
from tests.http.conftest import LIVE, TEST
from tests.http.loop_server import until
from tests.pages.visits import ORIGIN, Visit, texts

# In StatHat's form.
DATASET = b"timestamp,datetime,value\n1700000000,2023-11-14 22:13:20,5\n1700000060,2023-11-14 22:14:20,7\n"
CSV = b"name,time,count\nviews,1700000000,5\nviews,1700000060,7\nviews,soon,7\n"
BOUNDARY = "----0123456789"


def multipart(*parts):
    """A body with fields ``(name, text)`` and files ``(name, filename, bytes)``, in their order."""
    body = b""
    for name, *about, content in parts:
        named = f'form-data; name="{name}"' + (f'; filename="{about[0]}"' if about else "")
        data = content if isinstance(content, bytes) else content.encode()
        body += f"--{BOUNDARY}\r\nContent-Disposition: {named}\r\n\r\n".encode() + data + b"\r\n"
    return body + f"--{BOUNDARY}--\r\n".encode()


def send(visit, *parts, csrf=None, origin=ORIGIN):
    """Send the form of the page as a browser does."""
    token = visit.csrf() if csrf is None else csrf
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}", "Origin": origin}
    return visit.ask("POST", "/import", body=multipart(("csrf", token), *parts), headers=headers)


def ended(visit, answer):
    """The page of an import, once it is over."""
    assert answer.status_code == 303, texts(answer)
    path = answer.headers["Location"]
    assert path.startswith("/import/")
    until(lambda: "data-follows" not in visit.get(path).text)
    return visit.get(path)


@pytest.fixture
def folder(app, engine):
    """Where uploads lie."""
    return Jobs(app.services.documents, engine.path).folder


def test_a_file_is_brought_and_the_report_tells_what_could_not_be(owner, engine):
    page = ended(owner, send(owner, ("kind", ""), ("file", "visits.csv", CSV)))

    words = texts(page)
    assert "visits.csv done" in words
    assert "Stats 1 Rows brought 2" in words
    assert "What could not be brought" in words
    assert "visits.csv:4" in words
    assert engine.query("views", 1699999200, 1700002800, step="1h", namespace=LIVE).sums.tolist() == [12.0]
    assert 'href="/stats"' in page.text


def test_bringing_it_twice_changes_nothing(owner, engine):
    ended(owner, send(owner, ("file", "visits.csv", CSV)))

    words = texts(ended(owner, send(owner, ("file", "visits.csv", CSV))))

    assert "Rows brought 0 Were here before 2" in words


def test_several_files_are_one_import(owner, engine):
    stats = b"id,name,type\naaaa,page views,counter\n"
    page = ended(
        owner, send(owner, ("file", "a/aaaa.csv", DATASET), ("file", "stats.csv", stats), ("file", "b.csv", CSV))
    )

    assert "3 files done" in texts(page)
    assert {series.name for series in engine.series(LIVE)} >= {"views"}


def test_files_of_one_name_are_all_brought(tmp_path, owner, folder):
    folder.mkdir(exist_ok=True)
    path = tmp_path / "upload.part"
    body = multipart(("csrf", owner.csrf()), ("file", "a\\x.csv", b"1"), ("file", "b/x.csv", b"2"), ("name", "n"))

    received = receive(owner, path, body)

    assert (received.name, received.fields) == ("2 files", {"name": "n"})
    with zipfile.ZipFile(path) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {"x.csv": b"1", "2/x.csv": b"2"}
    assert not path.with_suffix(".single").exists()


def receive(visit, path, body):
    """What `uploads.receive` makes of a body."""
    import falcon
    import falcon.testing

    cookies = "; ".join(f"{name}={value}" for name, value in visit.cookies.items())
    headers = {
        "Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
        "Origin": ORIGIN,
        "Host": "stats.example",
        "Cookie": cookies,
    }
    environ = falcon.testing.create_environ("/import", method="POST", headers=headers, body=body)
    req = falcon.Request(environ)
    member = uploads.visitors.visitor_of(visit.services, req)
    return uploads.receive(req, member, path)


def test_it_comes_into_the_data_that_is_shown(owner, engine):
    owner.post("/view", {"data": "test"})

    ended(owner, send(owner, ("file", "visits.csv", CSV)))

    assert [series.name for series in engine.series(TEST)] == ["views"]
    assert engine.series(LIVE) == []


def test_a_csv_is_read_as_was_said(owner, engine):
    data = b"when;what\n2023-11-14 22:13:20;5\n"

    told = [
        ("kind", "value"),
        ("name", "my stat"),
        ("tz", "Asia/Tokyo"),
        ("time_column", "when"),
        ("value_column", "what"),
    ]

    ended(owner, send(owner, *told, ("file", "x.csv", data)))

    window = engine.query("my stat", 1699966800, 1699970400, step="1h", namespace=LIVE)
    assert (str(window.kind), window.sums.tolist()) == ("value", [5.0])


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ([("kind", "")], "Choose a file first."),
        ([("file", "", b"")], "Choose a file first."),
        ([("kind", "gauge"), ("file", "a.csv", CSV)], "Kind must be counter or value."),
        ([("tz", "Mars"), ("file", "a.csv", CSV)], "Tz must be the name of a time zone"),
    ],
)
def test_what_is_wrong_with_the_form_is_told_and_no_file_stays(owner, folder, parts, words):
    answer = send(owner, *parts)

    assert answer.status_code == 400
    assert words in texts(answer)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("csrf", "origin"), [("", ORIGIN), ("0" * 128, ORIGIN), (None, "https://evil.example"), (None, "")]
)
def test_a_file_from_elsewhere_is_refused_before_it_is_written(owner, folder, csrf, origin):
    answer = send(owner, ("file", "visits.csv", CSV), csrf=csrf, origin=origin)

    assert answer.status_code == 403
    assert list(folder.iterdir()) == []
    assert owner.services.engine.series(LIVE) == []


def test_a_token_behind_the_file_is_none(owner, folder):
    body = multipart(("file", "visits.csv", CSV), ("csrf", owner.csrf()))
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}", "Origin": ORIGIN}

    assert owner.ask("POST", "/import", body=body, headers=headers).status_code == 403
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no multipart at all",
        multipart(("csrf", "x" * 5_000)),
        multipart(("file", "a.csv", CSV))[:-30],
        f"--{BOUNDARY}\r\nContent-Disposition: form-data; name=\xff\r\n\r\n".encode("latin-1"),
        f"--{BOUNDARY}\r\n{'a' * 100_000}".encode(),
    ],
)
def test_a_damaged_form_is_refused(owner, folder, body):
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}", "Origin": ORIGIN}

    answer = owner.ask("POST", "/import", body=body, headers=headers)

    assert answer.status_code in (400, 403)
    assert list(folder.iterdir()) == []


def test_a_form_that_breaks_off_behind_its_token_is_told_so(owner, folder):
    body = multipart(("csrf", owner.csrf()), ("file", "a.csv", CSV))[:-40]
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}", "Origin": ORIGIN}

    answer = owner.ask("POST", "/import", body=body, headers=headers)

    assert answer.status_code == 400
    assert "What was sent is damaged: send it again." in texts(answer)
    assert list(folder.iterdir()) == []


def test_more_than_may_be_sent_is_refused_unread(owner):
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}", "Origin": ORIGIN}
    headers["Content-Length"] = str(bodies.IMPORT_BYTES_MAX + 1)

    answer = owner.ask("POST", "/import", body=b"", headers=headers)

    assert answer.status_code == 413
    assert "at most 1024 MiB at once" in texts(answer)


def test_a_look_first_stores_nothing_and_then_the_file_is_brought(owner, engine):
    answer = send(owner, ("file", "visits.csv", CSV), ("check", "1"))

    assert answer.headers["Location"] == "/import/check"
    words = texts(owner.get("/import/check"))
    assert '"views" (counter): 2 rows' in words
    assert "visits.csv:4" in words
    assert engine.series(LIVE) == []
    assert "visits.csv was looked at" in texts(owner.get("/import"))

    page = ended(owner, owner.post("/import/check", {"bring": "1"}))

    assert "Rows brought 2" in texts(page)
    assert owner.get("/import/check").headers["Location"] == "/import"


def test_a_file_of_which_nothing_would_come_is_not_offered_and_has_failed_when_it_is_brought(owner, folder, engine):
    send(owner, ("file", "l.csv", "date,name,value\n2026-10-01,Größe,5\n".encode("latin-1")), ("check", "1"))

    page = owner.get("/import/check")
    assert "Nothing to bring: stat name is not valid UTF-8." in texts(page)
    assert 'name="bring"' not in page.text
    assert owner.post("/import/check", {"bring": "1"}).headers["Location"] == "/import"
    assert list(folder.iterdir()) == []

    words = texts(ended(owner, send(owner, ("file", "px.gif", b"GIF89a\1\0\1\0\xff"))))
    assert "px.gif failed It failed: nothing to bring: this is no CSV, JSON, zip file or export of a StatFlow" in words
    assert engine.series(LIVE) == []


def test_of_a_file_that_breaks_off_it_is_told_what_came(owner, engine):
    head = b'{"statflow":"export","version":1,"origin":"o","until":1700000000}\n'
    rows = b'{"rows":{"stat":"a","t":[1700000000],"count":[1],"sum":[1]}}\n'

    words = texts(ended(owner, send(owner, ("file", "x.ndjson", head + rows))))

    assert "x.ndjson failed It failed: the export is cut short" in words
    assert "Stats 1 Rows brought 1" in words


def test_what_was_looked_at_can_be_let_go(owner, folder, engine):
    send(owner, ("file", "visits.csv", CSV), ("check", "1"))

    owner.post("/import/check")

    assert list(folder.iterdir()) == []
    assert "Nothing was brought." in texts(owner.get("/import"))
    assert owner.post("/import/check", {"bring": "1"}).headers["Location"] == "/import"


def test_only_one_file_of_an_account_waits(owner, folder):
    for name in ("one.csv", "two.csv"):
        send(owner, ("file", name, CSV), ("check", "1"))

    assert len(list(folder.iterdir())) == 2
    assert "two.csv" in texts(owner.get("/import/check"))


def test_a_file_too_large_to_look_at_is_brought_without(owner, monkeypatch):
    monkeypatch.setattr("statflow_http.pages.imports.CHECKED_BYTES_MAX", 10)

    answer = send(owner, ("file", "visits.csv", CSV), ("check", "1"))

    assert answer.status_code == 400
    assert "takes too long: bring it, nothing comes twice." in texts(answer)


def test_what_nobody_brought_for_a_day_is_removed(owner, folder, monkeypatch):
    send(owner, ("file", "visits.csv", CSV), ("check", "1"))
    (folder / "gone-live.checked").write_bytes(b"")
    monkeypatch.setattr(checks, "KEPT_S", -60)

    send(owner, ("file", "visits.csv", CSV), ("check", "1"))

    assert sorted(path.name for path in folder.iterdir()) == ["owner-live.checked", "owner-live.checked.json"]


@pytest.mark.parametrize("url", ["", "https://www.stathat.com", "https://api.stathat.com/x/abc"])
def test_stathats_token_is_answered_with_what_to_do_instead(owner, url):
    answer = owner.post("/import", {"url": url, "token": "abcdef"})

    assert answer.status_code == 400
    assert "StatHat was shut down on 2026-04-04 and answers no more: bring the files" in texts(answer)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"token": ""}, "Paste the access token first."),
        ({"url": "http://127.0.0.1:1", "token": "abc"}, "Address is not allowed: it is private; `--allow-private`"),
        ({"url": "ftp://example.com", "token": "abc"}, "http"),
    ],
)
def test_what_is_wrong_with_a_server_is_told_beside_the_form(owner, fields, words):
    answer = owner.post("/import", fields)

    assert answer.status_code == 400
    assert words in texts(answer)
    assert Jobs(owner.services.documents, owner.services.engine.path).all(LIVE) == []


def waiting(owner, source="old.csv"):
    """An import that nobody has begun."""
    services = owner.services
    account = services.accounts.get("owner")
    options, now_s = ImportOptions(), services.now_s()
    jobs = Jobs(services.documents, services.engine.path)
    return jobs.create(account, live=True, source=source, options=options, now_s=now_s, url="https://192.0.2.1")


def test_an_import_that_waits_can_be_cancelled(owner):
    job = waiting(owner)
    page = owner.get(f"/import/{job.id}")
    assert "data-follows" in page.text
    assert '<noscript><meta http-equiv="refresh" content="3"></noscript>' in page.text

    owner.post(f"/import/{job.id}")

    page = owner.get(f"/import/{job.id}")
    assert "It was cancelled." in texts(page)
    assert "http-equiv" not in page.text


def test_former_imports_are_listed_newest_first(owner, clock):
    for source in ("first.csv", "second.csv"):
        waiting(owner, source)
        clock.advance(1)

    words = texts(owner.get("/import"))

    assert words.index("second.csv") < words.index("first.csv")


def test_a_nasty_name_of_a_file_is_only_text(owner):
    nasty = "<img src=x onerror=alert(1)>.csv"

    page = ended(owner, send(owner, ("file", nasty, CSV)))
    send(owner, ("file", nasty, CSV), ("check", "1"))

    for each in (page, owner.get("/import"), owner.get("/import/check")):
        assert "<img src=x" not in each.text


@pytest.mark.parametrize("import_id", ["nothing", "3pkfagyipfgm", "x" * 200])
def test_an_import_that_is_none_is_not_there(owner, import_id):
    assert owner.get(f"/import/{import_id}").status_code == 404


def test_whether_a_form_with_files_may_come_is_told_before_it_does(app, owner, guest):
    def asked(visit, origin=ORIGIN):
        cookies = "; ".join(f"{name}={value}" for name, value in visit.cookies.items())
        return {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": "/import",
            "QUERY_STRING": "",
            "SERVER_NAME": "here",
            "SERVER_PORT": "80",
            "wsgi.url_scheme": "http",
            "CONTENT_TYPE": f"multipart/form-data; boundary={BOUNDARY}",
            "CONTENT_LENGTH": "100000",
            "HTTP_HOST": "stats.example",
            "HTTP_ORIGIN": origin,
            "HTTP_COOKIE": cookies,
        }

    assert bodies.bytes_max(asked(owner)) == bodies.IMPORT_BYTES_MAX
    assert app.accepts_upload(asked(owner))
    assert not app.accepts_upload(asked(owner, "https://evil.example"))
    assert not app.accepts_upload(asked(guest))
    assert not app.accepts_upload(asked(owner) | {"CONTENT_LENGTH": "9" * 20})
    assert not bodies.is_upload(asked(owner) | {"CONTENT_TYPE": "application/x-www-form-urlencoded"})


def test_the_file_is_read_below_a_mount_too(app, engine):
    visit = Visit(app, root="/flow").sign_in()

    answer = send(visit, ("file", "visits.csv", CSV))

    assert answer.headers["Location"].startswith("/flow/import/")


def test_a_zip_is_brought_whole(owner, engine):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("export/visits.csv", CSV)

    page = ended(owner, send(owner, ("file", "export.zip", packed.getvalue())))

    assert "export.zip done" in texts(page)


def test_what_to_say_more_is_told_in_the_words_of_the_form(owner):
    data = b"when;what\nyesterday;5\n"
    send(owner, ("name", "x"), ("file", "x.csv", data), ("check", "1"))

    looked = texts(owner.get("/import/check"))
    brought = texts(ended(owner, send(owner, ("name", "x"), ("file", "x.csv", data))))

    for words in (looked, brought):
        assert "no time column found; say it under “Column of times”, of: when, what" in words
        assert "--time-column" not in words

"""What all pages have in common: headers, files, errors."""

import gzip
import subprocess
import sys

import falcon.testing
import pytest

import statflow_engine
from statflow_http import create_app
from statflow_http.pages.rendering import change, number, short_number
from tests.pages.visits import Visit, texts

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)


@pytest.mark.parametrize("path", ["/", "/login", "/signup", "/nothing"])
def test_every_page_has_the_strict_headers_and_no_script_of_its_own(guest, path):
    answer = guest.get(path)

    assert answer.headers["Content-Security-Policy"] == POLICY
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert "<script>" not in answer.text
    assert " style=" not in answer.text


def test_a_page_is_compressed_for_who_reads_that(guest):
    answer = guest.get("/", **{"Accept-Encoding": "gzip, br"})

    assert answer.headers["Content-Encoding"] == "gzip"
    assert b"Send a number" in gzip.decompress(answer.content)


@pytest.mark.parametrize(
    ("path", "accept", "is_page"),
    [
        ("/nothing", "text/html", True),
        ("/nothing", "*/*", False),
        ("/nothing", "", False),
        ("/v1/nothing", "text/html", False),
        ("/v1/stats", "text/html", False),
        ("/x/nothing/statlist", "text/html", False),
        ("/ez", "text/html", False),
    ],
)
def test_errors_are_pages_for_browsers_on_paths_of_pages_only(guest, path, accept, is_page):
    answer = guest.ask("GET", path, headers={"Accept": accept})

    assert answer.status_code >= 400
    assert (answer.headers["Content-Type"] == "text/html; charset=utf-8") is is_page
    assert "X-Request-Id" in answer.headers


def test_a_wrong_method_of_a_page_is_told_as_a_page(owner):
    answer = owner.post("/")

    assert answer.status_code == 405
    assert "That does not work here" in texts(answer)


def test_a_named_file_is_kept_for_a_year_and_an_unnamed_one_asked_about(guest):
    named = guest.get("/static/statflow.css?v=" + guest.get("/static/statflow.css").headers["ETag"].strip('"'))
    plain = guest.get("/static/statflow.css")
    again = guest.get("/static/statflow.css", **{"If-None-Match": plain.headers["ETag"]})

    assert "immutable" in named.headers["Cache-Control"]
    assert plain.headers["Cache-Control"] == "no-cache"
    assert (again.status_code, again.content) == (304, b"")


def test_a_file_is_compressed_for_who_reads_that(guest):
    plain = guest.get("/static/statflow.css")
    zipped = guest.get("/static/statflow.css", **{"Accept-Encoding": "gzip"})

    assert gzip.decompress(zipped.content) == plain.content
    assert zipped.headers["Vary"] == "Accept-Encoding"


@pytest.mark.parametrize(
    "name",
    ["", "nothing.css", "../site.py", "..%2fsite.py", "vendor", "vendor/", "/etc/passwd", ".gitignore", "a\x00.css"],
)
def test_nothing_but_the_files_is_given_out(guest, name):
    assert guest.get(f"/static/{name}").status_code == 404


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (0.124, "+12%"),
        (-0.05, "−5.0%"),
        (0.0, "±0%"),
        (-1.0, "−100%"),
        (13.0, "×14"),
        (None, ""),
        (float("nan"), ""),
        (float("inf"), ""),
    ],
)
def test_a_change_is_told_in_per_cent_or_as_a_factor(ratio, text):
    assert change(ratio) == text


def test_numbers_are_told_in_full_or_in_short():
    assert (number(1_234_567.0), number(None), number(2.5, "ms")) == ("1,234,567", "–", "2.5 ms")
    assert (short_number(1_234_567.0), short_number(float("nan"))) == ("1.23M", "–")


def test_the_command_line_loads_no_templates():
    """Jinja takes 60 ms to import, which who sends a point from a shell would wait for each time."""
    code = "import sys, statflow_http.cli.main; print('jinja2' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "False"


def test_a_store_that_is_closed_is_told_as_a_page(tmp_path):
    with statflow_engine.open(tmp_path) as engine:
        app = create_app(engine)
        visit = Visit(app).sign_in()

    answer = visit.get("/stats")

    assert answer.status_code == 503
    assert "Not just now" in texts(answer)
    assert str(tmp_path) not in answer.text
    app.close()


def test_a_folder_that_cannot_be_one_is_told_as_a_page(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("STATFLOW_DATA", str(tmp_path / "file"))
    client = falcon.testing.TestClient(create_app())

    answer = client.simulate_get("/stats", headers={"Accept": "text/html"})

    assert answer.status_code >= 500
    assert "<h1>" in answer.text
    assert str(tmp_path) not in answer.text


def test_head_is_answered_as_get_without_a_body(owner):
    for path in ("/stats", "/trash", "/compare", "/login", "/static/page.js"):
        assert owner.ask("HEAD", path).status_code == owner.get(path).status_code
        assert owner.ask("HEAD", path).content == b""

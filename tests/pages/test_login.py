"""Coming and going: who gets in, what a form must carry, where a page goes on to."""

import pytest

from statflow_http.accounts import passwords
from statflow_http.accounts.accounts import Account
from statflow_http.accounts.sessions import Sessions
from statflow_http.pages import visitors
from tests.pages.visits import ORIGIN, Visit, texts

PASSWORD = "correct horse battery staple"


@pytest.fixture
def ada(app):
    """Somebody with an account and a password."""
    services = app.services
    services.accounts.save(Account("adas", services.now_s()))
    return services.people.create(
        "adas", "ada@example.com", passwords.hashed(PASSWORD), services.now_s(), is_owner=True
    )


def sign_in(visit, password=PASSWORD, **fields):
    return visit.post("/login", {"email": "ada@example.com", "password": password, **fields})


def test_the_start_tells_programs_what_this_is_and_shows_people_a_page(guest):
    assert guest.ask("GET", "/", headers={"Accept": "*/*"}).text == "StatFlow\n"
    assert "Send a number" in texts(guest.get("/"))


def test_who_is_signed_in_starts_at_the_stats(owner):
    answer = owner.get("/")

    assert (answer.status_code, answer.headers["Location"]) == (303, "/stats")


def test_the_right_password_signs_in(guest, ada):
    answer = sign_in(guest)

    assert (answer.status_code, answer.headers["Location"]) == (303, "/stats")
    assert guest.get("/").headers["Location"] == "/stats"


def test_a_wrong_password_says_so_and_keeps_the_address(guest, ada):
    answer = sign_in(guest, "battery staple")

    assert answer.status_code == 403
    assert "Wrong e-mail address or password." in texts(answer)
    assert 'value="ada@example.com"' in answer.text
    assert "battery" not in answer.text


def test_the_eleventh_try_within_a_minute_is_told_to_wait(guest):
    for _ in range(10):
        sign_in(guest, "battery staple")

    answer = sign_in(guest, "battery staple")

    assert answer.status_code == 429
    assert "Too many attempts: try again in 60 s." in texts(answer)


@pytest.mark.parametrize("path", ["/login", "/logout", "/view", "/signup"])
@pytest.mark.parametrize(
    ("csrf", "origin"),
    [
        ("", ORIGIN),
        ("0" * 128, ORIGIN),
        ("no hex", ORIGIN),
        (None, ""),
        (None, "null"),
        (None, "https://evil.example"),
        (None, "http://stats.example.evil.example"),
        (None, "http://[half"),
    ],
)
def test_a_form_that_is_not_from_a_page_of_ours_is_refused(owner, path, csrf, origin):
    answer = owner.post(path, {"theme": "dark"}, csrf=csrf, origin=origin)

    assert answer.status_code == 403
    assert "bad or missing csrf token" in texts(answer).lower()
    assert owner.get("/").headers["Location"] == "/stats"


def test_the_token_of_one_session_is_nothing_in_another(app, owner):
    other = Visit(app).sign_in()

    assert other.post("/view", {"theme": "dark"}, csrf=owner.csrf()).status_code == 403


def test_a_form_without_origin_is_known_by_its_referer(owner):
    assert owner.post("/view", {"theme": "dark"}, origin="", Referer=f"{ORIGIN}/stats").status_code == 303


def test_a_program_is_told_of_a_bad_token_in_json(owner):
    answer = owner.post("/view", csrf="", Accept="*/*")

    assert (answer.status_code, answer.json) == (403, {"msg": "bad or missing CSRF token"})


def test_signing_out_ends_the_session_everywhere(app, owner):
    stolen = Visit(app)
    stolen.cookies = dict(owner.cookies)

    owner.post("/logout")

    assert visitors.SESSION not in owner.cookies
    assert stolen.get("/settings-of-nobody").status_code == 404
    assert stolen.get("/").status_code == 200


@pytest.mark.parametrize(("scheme", "is_secure"), [("http", False), ("https", True)])
def test_the_cookie_of_a_session_is_out_of_reach_of_scripts_and_other_sites(app, ada, scheme, is_secure):
    visit = Visit(app, scheme=scheme)
    answer = visit.post(
        "/login", {"email": "ada@example.com", "password": PASSWORD}, origin=f"{scheme}://stats.example"
    )

    cookie = answer.cookies[visitors.SESSION]

    assert (cookie.http_only, cookie.same_site, cookie.secure, cookie.path) == (True, "Lax", is_secure, "/")


@pytest.mark.parametrize(
    "after",
    ["//evil.example", "/\\evil.example", "https:evil.example", "/\tevil", "/a\nb", "javascript:alert(1)", "/é"],
)
def test_signing_in_goes_on_to_no_other_site(guest, ada, after):
    assert sign_in(guest, next=after).headers["Location"] == "/stats"


def test_signing_in_goes_on_to_what_was_asked_for(guest, ada):
    assert sign_in(guest, next="/stats?q=a%20b&sort=name").headers["Location"] == "/stats?q=a%20b&sort=name"


def test_mounted_under_a_prefix_all_stays_below_it(app, ada):
    visit = Visit(app, root="/flow")

    answer = sign_in(visit)

    assert answer.headers["Location"] == "/flow/stats"
    assert answer.cookies[visitors.SESSION].path == "/flow"
    assert 'href="/flow/static/statflow.css' in Visit(app, root="/flow").get("/").text


def link_of(app, person):
    return app.services.sessions.new_link(person, app.services.now_s())


def test_the_first_link_sets_address_and_password_and_signs_in_once(app, guest):
    app.services.accounts.ensure_owner(app.services.now_s())
    path = link_of(app, app.services.people.ensure_owner(app.services.now_s()))
    assert "Choose how you will sign in" in texts(guest.get(path))

    answer = guest.post(path, {"email": "ada@example.com", "password": PASSWORD})

    assert answer.headers["Location"] == "/stats"
    assert guest.get("/").headers["Location"] == "/stats"
    assert "This link is over" in texts(Visit(app).get(path))
    assert sign_in(Visit(app)).status_code == 303


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"email": "ada@example.com", "password": "short"}, "A password has at least 8 characters."),
        ({"email": "ada", "password": PASSWORD}, "Email must be an address"),
    ],
)
def test_what_is_wrong_with_a_first_password_is_told_and_the_link_goes_on_working(app, guest, fields, words):
    path = link_of(app, app.services.people.ensure_owner(app.services.now_s()))

    answer = guest.post(path, fields)

    assert answer.status_code == 400
    assert words in texts(answer)
    assert guest.get(path).status_code == 200


def test_a_link_that_somebody_uses_meanwhile_sets_nothing(app, guest, monkeypatch):
    """Two send the form at once: the second finds the link as the first had found it, and then gone."""
    services = app.services
    services.accounts.ensure_owner(services.now_s())
    owner = services.people.ensure_owner(services.now_s())
    path = link_of(app, owner)
    services.sessions.use_link(path.rpartition("/")[2], services.now_s())
    monkeypatch.setattr(Sessions, "person_of_link", lambda *_: owner)

    answer = guest.post(path, {"email": "ada@example.com", "password": PASSWORD})

    assert answer.status_code == 404
    assert services.people.owner(owner.account_id) == owner


def test_a_link_of_somebody_with_a_password_changes_nothing_but_signs_in(app, guest, ada):
    path = link_of(app, ada)

    guest.post(path, {"email": "eve@example.com", "password": "another password"})

    assert guest.get("/").headers["Location"] == "/stats"
    assert sign_in(Visit(app)).status_code == 303


def test_signing_up_makes_an_account_and_signs_in(app, guest):
    answer = guest.post("/signup", {"email": "new@example.com", "password": PASSWORD})

    assert answer.headers["Location"] == "/stats"
    assert app.services.people.by_email("new@example.com").is_owner


def test_signing_up_says_what_is_wrong(guest, ada):
    answer = guest.post("/signup", {"email": "ada@example.com", "password": PASSWORD})

    assert answer.status_code == 400
    assert "Somebody has this e-mail address already." in texts(answer)


def test_the_theme_and_the_data_shown_are_remembered(owner):
    owner.post("/view", {"theme": "dark", "next": "/nothing"})
    owner.post("/view", {"data": "test"})

    page = owner.get("/nothing")

    assert 'data-theme="dark"' in page.text
    assert "test data" in texts(page)


def test_what_a_page_says_once_cannot_be_said_by_others(owner):
    owner.cookies[visitors.FLASH] = "aGVsbG8=.00000000000000000000000000000000"

    assert "hello" not in owner.get("/nothing").text


def test_who_is_signed_in_needs_no_form_to_sign_up(owner):
    answer = owner.get("/signup")

    assert (answer.status_code, answer.headers["Location"]) == (303, "/stats")

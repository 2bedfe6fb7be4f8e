"""Who belongs to the account, and how one signs in oneself."""

import re

import pytest

from statflow_http.accounts import passwords
from statflow_http.pages import visitors
from tests.pages.visits import Visit, texts

PASSWORD = "correct horse battery staple"


@pytest.fixture
def ada(app):
    """The owner, who has an address and a password, signed in."""
    services = app.services
    services.accounts.ensure_owner(services.now_s())
    person = services.people.ensure_owner(services.now_s())
    services.people.set_email(person, "ada@example.com")
    return Visit(app).sign_in(services.people.set_password(person, passwords.hashed(PASSWORD)))


def test_who_is_added_without_a_password_gets_a_link_that_is_shown_this_once(app, ada):
    answer = ada.post("/settings/people", {"email": "Bob@Example.com"})

    path = re.search(r"http://stats\.example(/login/[A-Za-z0-9_-]+)", answer.text)[1]
    visit = Visit(app)
    visit.get(path)
    visit.post(path, {"password": PASSWORD})
    assert "bob@example.com (you)" in texts(visit.get("/settings/people"))
    assert path not in ada.get("/settings/people").text


def test_who_is_added_with_a_password_signs_in_with_it(app, ada):
    answer = ada.post("/settings/people", {"email": "bob@example.com", "password": PASSWORD})

    assert answer.status_code == 303
    assert Visit(app).post("/login", {"email": "bob@example.com", "password": PASSWORD}).status_code == 303


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"email": "ada@example.com"}, "Somebody has this e-mail address already."),
        ({"email": "nobody"}, "Email must be an address, such as ada@example.com."),
        ({"email": "bob@example.com", "password": "short"}, "A password has at least 8 characters."),
    ],
)
def test_who_cannot_be_added_is_told_why(ada, fields, words):
    answer = ada.post("/settings/people", fields)

    assert answer.status_code == 400
    assert words in texts(answer)
    assert len(ada.services.people.list("owner")) == 1


def test_who_is_removed_is_signed_out_at_once(app, ada):
    bob = ada.services.people.create("owner", "bob@example.com", "", ada.services.now_s())
    visit = Visit(app).sign_in(bob)
    assert ada.post(f"/settings/people/{bob.id}").status_code == 400

    answer = ada.post(f"/settings/people/{bob.id}", {"sure": "on"})

    assert answer.headers["Location"] == "/settings/people"
    assert visit.get("/settings").headers["Location"].startswith("/login")


def test_the_owner_cannot_be_removed(ada):
    answer = ada.post(f"/settings/people/{ada.person.id}", {"sure": "on"})

    assert answer.status_code == 400
    assert "The owner of an account cannot be removed from it." in texts(answer)


def test_a_link_can_be_made_for_who_cannot_sign_in(app, ada):
    bob = ada.services.people.create("owner", "bob@example.com", "", ada.services.now_s())

    answer = ada.post(f"/settings/people/{bob.id}", {"link": "1"})

    path = re.search(r"http://stats\.example(/login/[A-Za-z0-9_-]+)", answer.text)[1]
    assert "Choose how you will sign in" in texts(Visit(app).get(path))


@pytest.mark.parametrize("person_id", ["nobody", "..", "x" * 300])
def test_somebody_who_is_not_there_is_404(ada, person_id):
    assert ada.get(f"/settings/people/{person_id}").status_code == 404


def test_the_own_address_needs_the_password(ada):
    refused = ada.post("/settings/own", {"email": "new@example.com", "current": "wrong wrong"})
    assert refused.status_code == 403
    assert "This is not your current password." in texts(refused)
    assert ada.services.people.by_email("new@example.com") is None

    ada.post("/settings/own", {"email": "new@example.com", "current": PASSWORD})

    assert ada.services.people.by_email("new@example.com").id == ada.person.id
    assert "Your e-mail address is new@example.com now." in texts(ada.get("/settings/people"))


def test_another_password_signs_out_everywhere_but_here(app, ada):
    elsewhere = Visit(app).sign_in(ada.services.people.get("owner", ada.person.id))

    answer = ada.post("/settings/own", {"password": "another horse", "current": PASSWORD})

    assert answer.status_code == 303
    assert answer.cookies[visitors.SESSION].http_only
    assert "Your password is changed." in texts(ada.get("/settings/people"))
    assert elsewhere.get("/settings").status_code == 303
    assert Visit(app).post("/login", {"email": "ada@example.com", "password": "another horse"}).status_code == 303


def test_guessing_the_password_in_an_open_browser_is_limited(ada):
    for _ in range(10):
        ada.post("/settings/own", {"password": "another horse", "current": "guess guess"})

    answer = ada.post("/settings/own", {"password": "another horse", "current": PASSWORD})

    assert answer.status_code == 429

"""Mail servers that want TLS and a password: a real one, with a certificate that the test makes."""

import ssl
import subprocess

import pytest
from aiosmtpd.smtp import AuthResult

from statflow_http.alerts.mail_settings import MailSettings
from statflow_http.alerts.mails import Letter, mail
from statflow_http.alerts.notices import TEST, Notice
from statflow_http.alerts.sending import send_mail
from tests.alerts.receiving import MailServer

# The library warns of what the test wants, and of what it does itself.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS"),
    pytest.mark.filterwarnings("ignore:Session.login_data is deprecated"),
]

USER, PASSWORD = "statflow", "open sesame"
LETTER = Letter(Notice("msg_a", "owner", "owner", TEST, 1), "a@example.com", "stats@example.com", "UTC")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """(certificate, key) for 127.0.0.1, which nobody has signed."""
    folder = tmp_path_factory.mktemp("tls")
    paths = folder / "cert.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-out", str(paths[0]), "-keyout", str(paths[1])]
    subprocess.run(command, check=True, capture_output=True)
    return paths


def context(certificate):
    found = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    found.load_cert_chain(*certificate)
    return found


def authenticated(server, session, envelope, mechanism, data):
    return AuthResult(success=(data.login, data.password) == (USER.encode(), PASSWORD.encode()), handled=False)


@pytest.fixture(params=["starttls", "tls"])
def secured(request, certificate):
    """(mode, server) of a mail server that takes nothing without a password."""
    options = {"authenticator": authenticated, "auth_required": True}
    if request.param == "starttls":
        options |= {"tls_context": context(certificate), "require_starttls": True}
    else:
        # TLS from the first byte, which this library does not know is there.
        options |= {"ssl_context": context(certificate), "auth_require_tls": False}
    with MailServer(**options) as server:
        yield request.param, server


def settings(tls, server, **fields):
    usual = {"host": "127.0.0.1", "port": server.port, "sender": "stats@example.com", "tls": tls}
    return MailSettings(**usual | {"user": USER, "password": PASSWORD} | fields)


def sent(found):
    return send_mail(found, mail(LETTER), "a@example.com")


def test_a_mail_goes_by_tls_with_the_password(secured, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    tls, server = secured

    assert sent(settings(tls, server)).is_delivered
    assert len(server.box.got) == 1


def test_a_certificate_that_nobody_has_signed_is_not_believed(secured):
    tls, server = secured
    result = sent(settings(tls, server))

    assert not result.is_delivered
    assert "CERTIFICATE_VERIFY_FAILED" in result.text
    assert server.box.got == []


def test_a_wrong_password_is_told_without_it_and_tried_again(secured, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    tls, server = secured
    result = sent(settings(tls, server, password="open barley"))

    assert (result.is_delivered, result.status, result.is_hopeless) == (False, 535, False)
    assert "barley" not in result.text


def test_a_server_that_has_no_tls_gets_no_mail():
    with MailServer() as server:
        result = sent(settings("starttls", server))

    assert not result.is_delivered
    assert "STARTTLS" in result.text

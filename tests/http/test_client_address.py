"""The address of a client behind proxies: what a believed proxy says, and nothing that anybody else wrote."""

import pytest

from statflow_http.front.client_address import believed_networks, client_address
from statflow_http.services import Options

LOCAL = believed_networks({})


@pytest.mark.parametrize(
    ("peer", "header", "wanted"),
    [
        ("192.0.2.1", "", "192.0.2.1"),
        ("192.0.2.1", "198.51.100.7", "192.0.2.1"),  # not a proxy of ours: it may write what it likes
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("127.0.0.1", "203.0.113.9, 198.51.100.7", "198.51.100.7"),  # the first was the client's own invention
        ("127.0.0.1", "198.51.100.7, 127.0.0.1", "198.51.100.7"),  # through two of ours
        ("::1", "2001:db8::5", "2001:db8::5"),
        ("::1", "[2001:db8::5]:443", "2001:db8::5"),
        ("127.0.0.1", "198.51.100.7:5000", "198.51.100.7"),
        ("127.0.0.1", "unknown", "127.0.0.1"),
        ("127.0.0.1", "198.51.100.7, <script>", "127.0.0.1"),
        ("", "198.51.100.7", "198.51.100.7"),
        ("", "", ""),
    ],
)
def test_the_nearest_address_that_is_no_proxy_counts(peer, header, wanted):
    environ = {"REMOTE_ADDR": peer} | ({"HTTP_X_FORWARDED_FOR": header} if header else {})
    assert client_address(environ, LOCAL) == wanted


def test_the_operator_says_which_proxies_are_believed():
    believed = believed_networks({"FORWARDED_ALLOW_IPS": "10.0.0.0/8, 192.0.2.1"})
    forwarded = {"HTTP_X_FORWARDED_FOR": "198.51.100.7"}
    assert client_address({"REMOTE_ADDR": "10.1.2.3"} | forwarded, believed) == "198.51.100.7"
    assert client_address({"REMOTE_ADDR": "127.0.0.1"} | forwarded, believed) == "127.0.0.1"
    everybody = believed_networks({"FORWARDED_ALLOW_IPS": "*"})
    assert client_address({"REMOTE_ADDR": "203.0.113.1"} | forwarded, everybody) == "198.51.100.7"


def test_behind_a_proxy_each_client_has_attempts_of_its_own(api):
    api.app.services.options = Options(signup=True)

    def sign_up(client):
        headers = {"X-Forwarded-For": client, "Content-Type": "application/json"}
        body = '{"email": "ada@example.com", "password": "correct horse"}'
        return api.client.simulate_post("/v1/account", body=body, headers=headers).status_code

    assert [sign_up("198.51.100.7") for _ in range(12)] == [200, *[409] * 9, 429, 429]
    assert sign_up("198.51.100.8") == 409

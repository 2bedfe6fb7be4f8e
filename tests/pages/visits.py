"""A visit to the pages without a browser: cookies are kept, forms carry what those of the pages carry."""

import html
import re
from urllib.parse import urlencode

import falcon.testing

from statflow_http.pages import visitors

HOST = "stats.example"
ORIGIN = f"http://{HOST}"
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", "Host": HOST}


class Visit:
    """Somebody with a browser.

    Attributes:
        cookies: by name, as the browser has them.
        answer: the last answer.
    """

    def __init__(self, app, *, root="", scheme="http"):
        self._client = falcon.testing.TestClient(app)
        self.services = app.services
        self.cookies = {}
        self.root, self.scheme = root, scheme
        self.answer = None

    def sign_in(self, person=None):
        """Begin a session, of the server's owner unless another is given."""
        services = self.services
        services.accounts.ensure_owner(services.now_s())
        self.person = person or services.people.ensure_owner(services.now_s())
        self.cookies[visitors.SESSION] = services.sessions.begin(self.person, services.now_s()).token
        return self

    def get(self, path, **headers):
        return self.ask("GET", path, headers=headers)

    def post(self, path, fields=None, *, csrf=None, origin=ORIGIN, **headers):
        """Send a form with a token of the last page seen, or of the start."""
        token = self.csrf() if csrf is None else csrf
        body = urlencode({"csrf": token, **(fields or {})}, doseq=True)
        about = {"Content-Type": "application/x-www-form-urlencoded", "Origin": origin}
        return self.ask("POST", path, body=body, headers={k: v for k, v in (about | headers).items() if v})

    def csrf(self):
        """A token, as a page of this visitor has one."""
        return visitors.visitor_of(self.services, self._request()).new_csrf() if self.cookies else self._first_csrf()

    def _first_csrf(self):
        page = self.get("/login")
        return re.search(r'name="csrf" value="(\w+)"', page.text)[1]

    def _request(self):
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return falcon.Request(falcon.testing.create_environ("/", headers={"Cookie": cookies}))

    def ask(self, method, path, *, body=None, headers=None):
        """One request; redirects are answers like others."""
        path, _, query = path.partition("?")
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = BROWSER | ({"Cookie": cookies} if cookies else {}) | (headers or {})
        self.answer = self._client.simulate_request(
            method, path, query_string=query, body=body, headers=headers, root_path=self.root, protocol=self.scheme
        )
        for cookie in self.answer.cookies.values():
            if cookie.value:
                self.cookies[cookie.name] = cookie.value
            else:
                self.cookies.pop(cookie.name, None)
        return self.answer


def texts(answer):
    """The words of a page, without markup."""
    # Where a name may be broken there is nothing to read.
    body = re.sub(r"(?s)<head>.*?</head>|<script.*?</script>", " ", answer.text.replace("<wbr>", ""))
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body))).strip()

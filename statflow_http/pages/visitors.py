"""Who looks at a page: read from cookies, and trusted no further than a session or a token reaches.

Every POST of a page, signing in included, must come from a page of ours: it carries a token that only a page of the
same session has, and an ``Origin`` (or ``Referer``) of this server. Nobody who is signed out has a session; the token
of their pages belongs to a cookie of chance instead.

Pages answer with ``Referrer-Policy: same-origin``. With ``no-referrer``, which tells other sites no less, browsers
would send ``Origin: null`` along with a form.
"""

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from typing import TypedDict
from urllib.parse import quote, urlsplit

import falcon

from statflow_http.accounts.accounts import Account
from statflow_http.accounts.people import Person
from statflow_http.accounts.sessions import SESSION_S, csrf_matches, csrf_token
from statflow_http.errors import ForbiddenError, RequestError
from statflow_http.services import Services
from statflow_http.wire import forms
from statflow_http.wire.bodies import media_type, read_body

SESSION, GUEST, THEME, DATA, FLASH = (f"statflow_{name}" for name in ("session", "guest", "theme", "data", "flash"))
THEMES = ("auto", "light", "dark")
YEAR_S = 31_536_000
FLASH_S = 60
FLASH_MAX = 500
# A page's form; what is longer is a file, and files go elsewhere.
FORM_BYTES_MAX = 256 * 1024
FORM_FIELDS_MAX = 500
# The field of a form, and the header of a script's request, in which the token comes back.
CSRF_FIELD, CSRF_HEADER = "csrf", "X-CSRF-Token"
BAD_CSRF = "bad or missing CSRF token"
# A path of this server with a query: nothing that a browser could read as another host, or a header as two.
NEXT = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*", re.ASCII)
NEXT_MAX = 2_000
GUEST_TEXT = re.compile(r"[A-Za-z0-9_-]{20,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Visitor:
    """Whoever asks for a page.

    Attributes:
        token: of the session, or of a guest: what the tokens of forms are made of. A secret.
        secret: the store's.
        root: where the app is mounted: "" or such as "/statflow". Paths of links begin with it.
        path: what was asked for, without root, with its query string.
        theme: "auto", "light" or "dark".
        live: which half of the account's data is shown.
        is_secure: asked by TLS.
        flash: what the page before has to say; "" for nothing.
        is_new: a guest without a cookie yet.
    """

    token: str = field(repr=False)
    secret: bytes = field(repr=False)
    root: str = ""
    path: str = "/"
    theme: str = "auto"
    live: bool = True
    is_secure: bool = False
    flash: str = ""
    is_new: bool = False

    @property
    def is_signed_in(self) -> bool:
        """Whether this is a `Member`."""
        return isinstance(self, Member)

    @property
    def is_owner(self) -> bool:
        """Whether the account is theirs."""
        return isinstance(self, Member) and self.person.is_owner

    @property
    def tz(self) -> str:
        """The time zone in which moments are told."""
        return self.account.tz if isinstance(self, Member) else "UTC"

    @property
    def cookie_path(self) -> str:
        """Where cookies belong."""
        return self.root or "/"

    def new_csrf(self) -> str:
        """A token for a form, different each time, so that compressed pages tell nothing about it."""
        digest = bytes.fromhex(csrf_token(self.secret, self.token))
        mask = secrets.token_bytes(len(digest))
        return (mask + _mixed(mask, digest)).hex()

    def accepts_csrf(self, sent: str) -> bool:
        """Whether a token is one of `new_csrf`."""
        try:
            both = bytes.fromhex(sent)
        except ValueError:
            return False
        middle = len(both) // 2
        return csrf_matches(self.secret, self.token, _mixed(both[:middle], both[middle:]).hex())


@dataclass(frozen=True, slots=True)
class Member(Visitor):
    """Somebody who is signed in.

    Attributes:
        person: who.
        account: whose stats are shown.
    """

    # Defaults only because those of `Visitor` have some.
    person: Person = Person("", "", "", "", is_owner=False, created_s=0)  # noqa: RUF009  # frozen
    account: Account = Account("", 0)  # noqa: RUF009

    @property
    def namespace(self) -> str:
        """The engine's namespace of what is shown: live or test."""
        return self.account.namespace(live=self.live)


class Form(forms.Texts):
    """The fields of a form that was sent, already checked to come from a page of ours."""

    def raw(self, name: str) -> str:
        """A field's text as it is, for passwords."""
        return forms.single(self._fields, name) or ""

    def has(self, name: str) -> bool:
        """Whether a box was ticked, or a button pressed."""
        return name in self._fields


def visitor_of(services: Services, req: falcon.Request) -> Visitor:
    """Who asks."""
    cookies = req.cookies
    token = cookies.get(SESSION, "")
    person = services.sessions.find(token, services.now_s()) if token else None
    account = None if person is None else services.accounts.get(person.account_id)
    if person is not None and account is not None:
        return Member(token, services.secret, **_seen(services, req, token), person=person, account=account)
    guest = cookies.get(GUEST, "")
    is_new = not GUEST_TEXT.fullmatch(guest)
    if is_new:
        guest = secrets.token_urlsafe(24)
    return Visitor(guest, services.secret, **_seen(services, req, guest), is_new=is_new)


class _Seen(TypedDict):
    """What a request says beside who makes it; see `Visitor`."""

    root: str
    path: str
    theme: str
    live: bool
    is_secure: bool
    flash: str


def _seen(services: Services, req: falcon.Request, token: str) -> _Seen:
    theme = req.cookies.get(THEME, "auto")
    return {
        "root": req.root_path,
        "path": req.relative_uri.removeprefix(req.root_path),
        "theme": theme if theme in THEMES else "auto",
        "live": req.cookies.get(DATA) != "test",
        "is_secure": req.scheme == "https",
        "flash": _flash(services, token, req.cookies.get(FLASH, "")),
    }


def checked_form(req: falcon.Request, visitor: Visitor) -> Form:
    """The form that was sent.

    Raises:
        ForbiddenError: it does not come from a page of ours.
        RequestError: it is none, or too long.
    """
    kind = media_type(req.env)
    if kind not in ("", "application/x-www-form-urlencoded"):
        refuse_foreign(req, visitor, "")
        raise RequestError("the body must be a form")
    fields = forms.parse(read_body(req.env, FORM_BYTES_MAX), FORM_FIELDS_MAX)
    refuse_foreign(req, visitor, forms.single(fields, CSRF_FIELD) or "")
    return Form(fields)


def refuse_foreign(req: falcon.Request, visitor: Visitor, sent: str) -> None:
    """Refuse a request that no page of ours made.

    Args:
        req: it.
        visitor: who seems to make it.
        sent: the token of its form; "" for that of the header ``X-CSRF-Token``.

    Raises:
        ForbiddenError: its token is not the visitor's, or it comes from elsewhere.
    """
    if not (is_from_here(req) and visitor.accepts_csrf(sent or req.get_header(CSRF_HEADER) or "")):
        raise ForbiddenError(BAD_CSRF)


def is_from_here(req: falcon.Request) -> bool:
    """Whether a request says that it comes from this host. Not which scheme: a proxy may end the TLS of ours."""
    origin = req.get_header("Origin") or req.get_header("Referer") or ""
    try:
        host = urlsplit(origin).netloc.lower()
    except ValueError:
        return False
    return bool(host) and host == (req.get_header("Host") or req.netloc).lower()


def safe_next(text: str, default: str = "/stats") -> str:
    """A path of this server to go on to; the default for anything else, such as ``//evil.example``."""
    return text if len(text) <= NEXT_MAX and NEXT.fullmatch(text) else default


def login_path(visitor: Visitor) -> str:
    """The page to sign in at, which goes on to what was asked for."""
    return "/login?next=" + quote(safe_next(visitor.path), safe="/")


def set_cookie(resp: falcon.Response, visitor: Visitor, name: str, value: str, max_age_s: int | None) -> None:
    """Set a cookie that scripts cannot read; ``max_age_s`` None: until the browser is closed."""
    resp.set_cookie(
        name,
        value,
        max_age=max_age_s,
        path=visitor.cookie_path,
        secure=visitor.is_secure,
        http_only=True,
        same_site="Lax",
    )


def drop_cookie(resp: falcon.Response, visitor: Visitor, name: str) -> None:
    """Have a browser forget a cookie."""
    set_cookie(resp, visitor, name, "", 0)


def begin_session(resp: falcon.Response, visitor: Visitor, token: str) -> None:
    """Give a browser the token of a session that has begun."""
    set_cookie(resp, visitor, SESSION, token, SESSION_S)
    drop_cookie(resp, visitor, GUEST)


def set_flash(resp: falcon.Response, visitor: Visitor, text: str, token: str = "") -> None:
    """Have the next page say something, once; ``token`` of the visitor who will see it, where that is another."""
    encoded = base64.urlsafe_b64encode(text[:FLASH_MAX].encode()).decode()
    set_cookie(resp, visitor, FLASH, f"{encoded}.{_signed(visitor.secret, token or visitor.token, encoded)}", FLASH_S)


def _flash(services: Services, token: str, cookie: str) -> str:
    """What the page before has to say. Signed: no other site may put words into our mouth by a cookie of its own."""
    encoded, _, signature = cookie.partition(".")
    wanted = _signed(services.secret, token, encoded)
    if not encoded or not hmac.compare_digest(wanted.encode(), signature.encode("utf-8", "replace")):
        return ""
    try:
        return base64.urlsafe_b64decode(encoded).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _signed(secret: bytes, token: str, text: str) -> str:
    message = f"flash:{token}:{text}".encode("utf-8", "replace")
    return hmac.new(secret, message, hashlib.sha256).hexdigest()[:32]


def _mixed(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=False))

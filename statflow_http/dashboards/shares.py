"""Links by which everybody who has one sees a dashboard, perhaps with a password, until it is revoked.

A link holds a random token, of which the SHA-256 is stored, which is enough for 192 random bits. So a link is told
once, when it is made. Table ``dashboard_shares``, under ``NAMESPACE/DASHBOARD/ID``, has the links, and ``share_links``,
by digest, whose they are: a token tells nobody to whom it belongs.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass

import msgspec

from statflow_http.accounts import passwords
from statflow_http.accounts.attempts import Limiter, network
from statflow_http.dashboards.drafts import clean_text
from statflow_http.dashboards.store import known_dashboard
from statflow_http.dashboards.tiles import Dashboard
from statflow_http.documents.made import free_id
from statflow_http.documents.store import Change, Documents
from statflow_http.errors import NotFoundError, RequestError, RetryLaterError

TOKEN_BYTES = 24
TOKEN_LENGTH_MAX = 64
SHARES_MAX = 50
# "Last seen" is told to the minute, so that a view writes at most once in that time.
SEEN_EVERY_S = 60
# Whoever knew the password is asked again after this long.
OPENED_S = 12 * 3_600
NO_SHARE = "no such link"
WRONG = "wrong password"


class Share(msgspec.Struct, frozen=True):
    """A link to a dashboard.

    Attributes:
        id: 12 letters and digits, for its owner.
        digest: hex of the token's SHA-256.
        label: whom it is for; perhaps "".
        password_hash: "" where everybody with the link may look.
        created_s: Unix seconds.
        seen_s: when it was last looked at, to the minute; None: never.
    """

    id: str
    digest: str
    label: str
    password_hash: str
    created_s: int
    seen_s: int | None = None


class ShareLink(msgspec.Struct, frozen=True):
    """Whose a token is."""

    namespace: str
    dashboard_id: str
    share_id: str

    @property
    def key(self) -> str:
        """Where the share lies."""
        return f"{self.namespace}/{self.dashboard_id}/{self.share_id}"


@dataclass(frozen=True, slots=True)
class Opened:
    """What a link leads to."""

    namespace: str
    dashboard: Dashboard
    share: Share

    @property
    def account_id(self) -> str:
        """Whose it is."""
        return self.namespace.rpartition(":")[0]


class DashboardShares:
    """The links of one data folder."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    def create(
        self,
        namespace: str,
        dashboard_id: str,
        now_s: int,
        *,
        label: str = "",
        password: str = "",
        shares_max: int = SHARES_MAX,
    ) -> tuple[Share, str]:
        """Make a link; with its token, which is stored nowhere.

        Raises:
            NotFoundError: the namespace has no such dashboard.
            RequestError: the label or the password is none.
            RetryLaterError: the dashboard has as many links as it may.
        """
        label, hash_ = clean_text(label, "label"), passwords.hashed(password) if password else ""
        token = secrets.token_urlsafe(TOKEN_BYTES)
        with self._documents.change() as change:
            known_dashboard(change, namespace, dashboard_id)
            where = f"{namespace}/{dashboard_id}"
            if sum(1 for _ in change.under("dashboard_shares", f"{where}/", Share)) >= shares_max:
                raise RetryLaterError(f"a dashboard has at most {shares_max} links: revoke some first", None)
            made = Share(free_id(change, "dashboard_shares", where, now_s), digest(token), label, hash_, now_s)
            change.put("dashboard_shares", f"{where}/{made.id}", made)
            change.put("share_links", made.digest, ShareLink(namespace, dashboard_id, made.id))
        return made, token

    def all(self, namespace: str, dashboard_id: str) -> list[Share]:
        """The links of a dashboard, in the order in which they were made.

        Raises:
            NotFoundError: the namespace has no such dashboard.
        """
        with self._documents.snapshot() as snapshot:
            known_dashboard(snapshot, namespace, dashboard_id)
            return list(snapshot.under("dashboard_shares", f"{namespace}/{dashboard_id}/", Share))

    def get(self, namespace: str, dashboard_id: str, share_id: str) -> Share:
        """One of them.

        Raises:
            NotFoundError: the namespace has no such dashboard, or it no such link.
        """
        found = next((share for share in self.all(namespace, dashboard_id) if share.id == share_id), None)
        if found is None:
            raise NotFoundError(NO_SHARE)
        return found

    def change(
        self,
        namespace: str,
        dashboard_id: str,
        share_id: str,
        *,
        label: str | None = None,
        password: str | None = None,
    ) -> Share:
        """Set what is given; a password "" takes it away. Who has given the one before is asked for the new one.

        Raises:
            NotFoundError: the namespace has no such dashboard, or it no such link.
            RequestError: the label or the password is none.
        """
        wanted = {
            "label": None if label is None else clean_text(label, "label"),
            "password_hash": passwords.hashed(password) if password else password,
        }
        with self._documents.change() as change:
            before = _known(change, namespace, dashboard_id, share_id)
            after = msgspec.structs.replace(before, **{name: to for name, to in wanted.items() if to is not None})
            change.put("dashboard_shares", f"{namespace}/{dashboard_id}/{share_id}", after)
        return after

    def revoke(self, namespace: str, dashboard_id: str, share_id: str) -> None:
        """Let a link lead nowhere from now on.

        Raises:
            NotFoundError: the namespace has no such dashboard, or it no such link.
        """
        with self._documents.change() as change:
            gone = _known(change, namespace, dashboard_id, share_id)
            change.delete("dashboard_shares", f"{namespace}/{dashboard_id}/{share_id}")
            change.delete("share_links", gone.digest)

    def open(self, token: str, now_s: int) -> Opened | None:
        """What a link leads to, noting that somebody looked; None alike for unknown, revoked and deleted."""
        if not 1 <= len(token) <= TOKEN_LENGTH_MAX:
            return None
        with self._documents.snapshot() as snapshot:
            link = snapshot.get("share_links", digest(token), ShareLink)
            share = None if link is None else snapshot.get("dashboard_shares", link.key, Share)
            if link is None or share is None:
                return None
            dashboard = snapshot.get("dashboards", f"{link.namespace}/{link.dashboard_id}", Dashboard)
        if dashboard is None:
            return None
        self._note(link, share, now_s)
        return Opened(link.namespace, dashboard, share)

    def _note(self, link: ShareLink, share: Share, now_s: int) -> None:
        minute_s = now_s - now_s % SEEN_EVERY_S
        if share.seen_s is not None and share.seen_s >= minute_s:
            return
        with self._documents.change() as change:
            known = change.get("dashboard_shares", link.key, Share)
            if known is not None:
                change.put("dashboard_shares", link.key, msgspec.structs.replace(known, seen_s=minute_s))

    def check_password(self, share: Share, password: str, address: str, now_s: int) -> None:
        """Check the password of a link; at most 10 times a minute from an address, and for a link.

        Raises:
            RetryLaterError: tried too often.
            RequestError: it is another one.
        """
        limiter = Limiter(self._documents)
        limiter.take(now_s, f"share {share.digest} from {network(address)}", f"share {share.digest}")
        if not passwords.is_right(password, share.password_hash):
            raise RequestError(WRONG)


def digest(token: str) -> str:
    """What is stored of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def pass_for(secret: bytes, share: Share, now_s: int) -> str:
    """What a browser keeps that knew the password: worth nothing once that is another, or after half a day."""
    expires_s = now_s + OPENED_S
    return f"{expires_s}.{_signed(secret, share, expires_s)}"


def accepts_pass(secret: bytes, share: Share, sent: str, now_s: int) -> bool:
    """Whether a text is one of `pass_for` that is not over."""
    expires, _, signature = sent.partition(".")
    if not (expires.isascii() and expires.isdigit() and len(expires) <= 12):
        return False
    wanted = _signed(secret, share, int(expires)).encode()
    return hmac.compare_digest(wanted, signature.encode("utf-8", "replace")) and now_s < int(expires)


def _signed(secret: bytes, share: Share, expires_s: int) -> str:
    message = f"share:{share.digest}:{share.password_hash}:{expires_s}"
    return hmac.new(secret, message.encode(), hashlib.sha256).hexdigest()


def _known(change: Change, namespace: str, dashboard_id: str, share_id: str) -> Share:
    known_dashboard(change, namespace, dashboard_id)
    found = change.get("dashboard_shares", f"{namespace}/{dashboard_id}/{share_id}", Share)
    if found is None:
        raise NotFoundError(NO_SHARE)
    return found

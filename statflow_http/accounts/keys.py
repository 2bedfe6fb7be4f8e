"""API keys as data: what is stored of one, what may be changed about it, and what is refused.

Why plain SHA-256 and no slow hash: a key of ours has 190 random bits, which nobody guesses; and it is looked up for
every request. Old StatHat secrets lie beside them in the same way, letter by letter as clients send them.
"""

import enum

import msgspec

from statflow_http.errors import RequestError

LIVE_PREFIX = "sk_live_"
TEST_PREFIX = "sk_test_"
LABEL_MAX = 100
DAY_S = 86_400
# As far as Python's calendar reaches.
EXPIRY_MAX_S = 2**37
# What StatHat let people choose as their EZ key is not known; a shorter one would be found by trying.
SECRET_MIN = 4
SECRET_MAX = 255
# A secret so long keeps being one when its first four characters are shown.
SECRET_SHOWN_FROM = 16


class Scope(enum.StrEnum):
    """What a key may do. A key that may only write is the one for pixels and web pages."""

    WRITE = "write"
    READ = "read"
    FULL = "full"

    def allows(self, wanted: "Scope") -> bool:
        """Whether a key of this scope may do what needs the other."""
        return self is wanted or self is Scope.FULL


class KeyKind(enum.StrEnum):
    """Where a key comes from: ours, or one of the three sorts that StatHat had."""

    KEY = "key"
    EZKEY = "ezkey"
    UKEY = "ukey"
    TOKEN = "token"  # noqa: S105  # a sort of key, and no key

    @property
    def usual_scope(self) -> Scope:
        """What such a key could do at StatHat."""
        return Scope.READ if self is KeyKind.TOKEN else Scope.WRITE


class Key(msgspec.Struct, frozen=True):
    """A key as it is stored: enough to find it and to show it, not enough to use it.

    Attributes:
        id: the first 8 characters of the random part, by which people name the key; of an old secret 8 random ones.
        digest: SHA-256 of the whole key.
        revoked_s: Unix seconds, or None while it may be used.
        expires_s: from then on it may not be used; None: never.
        kind: a `KeyKind`.
        shown: of an old secret, what may be seen of it.
    """

    id: str
    digest: bytes
    account_id: str
    live: bool
    scope: Scope
    label: str
    created_s: int
    revoked_s: int | None = None
    expires_s: int | None = None
    kind: KeyKind = KeyKind.KEY
    shown: str = ""

    @property
    def display(self) -> str:
        """How the key is shown in lists."""
        if self.kind is not KeyKind.KEY:
            return self.shown
        return f"{LIVE_PREFIX if self.live else TEST_PREFIX}{self.id}…"

    def works(self, now_s: int) -> bool:
        """Whether it may be used."""
        return self.revoked_s is None and (self.expires_s is None or now_s < self.expires_s)


class KeyPlace(msgspec.Struct, frozen=True):
    """Where the key of an account and an id is stored."""

    digest: bytes


class KeySettings(msgspec.Struct, frozen=True):
    """What may be changed about a key; what is not given stays."""

    label: str | msgspec.UnsetType = msgspec.UNSET
    scope: Scope | msgspec.UnsetType = msgspec.UNSET
    expires_s: int | msgspec.UnsetType | None = msgspec.UNSET


def shown(secret: str, kind: KeyKind) -> str:
    """What may be seen of an old secret: enough for its owner to know which it is, not enough to guess it."""
    name, at, domain = secret.partition("@")
    if at and name and domain:
        return f"{kind} {name[0]}…@{domain}"
    return f"{kind} {secret[:4]}…" if len(secret) >= SECRET_SHOWN_FROM else f"{kind} …"


def refuse_settings(settings: KeySettings, now_s: int) -> None:
    """Refuse a label that is too long, and an expiry that is past.

    Raises:
        RequestError: says what is wanted.
    """
    if isinstance(settings.label, str) and len(settings.label) > LABEL_MAX:
        raise RequestError(f"the label of a key has at most {LABEL_MAX} characters")
    if isinstance(settings.expires_s, int) and not now_s < settings.expires_s <= EXPIRY_MAX_S:
        raise RequestError("expires_at must be a time to come, in Unix seconds")


def refuse_secret(secret: str, name: str = "secret") -> None:
    """Refuse what can be no secret of StatHat's; ``name`` is what it is called where it was given.

    Raises:
        RequestError: says what is wanted.
    """
    if secret.startswith((LIVE_PREFIX, TEST_PREFIX)):
        raise RequestError("a key of StatFlow's cannot be added: make one")
    if not SECRET_MIN <= len(secret) <= SECRET_MAX:
        raise RequestError(f"{name} must have {SECRET_MIN} to {SECRET_MAX} characters")
    if not secret.isprintable() or secret != secret.strip():
        raise RequestError(f"{name} must have no control characters, and no space at its ends")

"""By which server mails are sent: what was stored, under what the operator said at the start.

Table ``alert_server``: under ``mail``. The password lies in it as it is, because it must be told to the mail server:
what protects it is that only the server's own user may read the folder (0700, its files 0600). It is never told by the
API, never shown on a page, and in no log. Who wants it in no file gives it by ``STATFLOW_SMTP_PASSWORD``.
"""

import msgspec

from statflow_http.accounts.people import normal_email
from statflow_http.alerts.options import AlertOptions
from statflow_http.documents.store import Documents
from statflow_http.errors import RequestError
from statflow_http.outbound import target

TLS_MODES = ("starttls", "tls", "none")
PORTS = {"starttls": 587, "tls": 465, "none": 25}
TEXT_MAX = 255
LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


class MailSettings(msgspec.Struct, frozen=True):
    """What is needed to send a mail.

    Attributes:
        host: of the mail server; "": no mails are sent.
        port: 0: the usual one of the TLS mode.
        user, password: "" for a server that asks for none.
        sender: the address that mails are from.
        tls: "starttls", "tls" (from the first byte), or "none".
        public_url: how people reach this server, for links; "": there are none.
    """

    host: str = ""
    port: int = 0
    user: str = ""
    password: str = ""
    sender: str = ""
    tls: str = "starttls"
    public_url: str = ""

    @property
    def can_send(self) -> bool:
        """Whether there is enough to try."""
        return bool(self.host and self.sender)

    @property
    def actual_port(self) -> int:
        """The port to connect to."""
        return self.port or PORTS[self.tls]

    def __repr__(self) -> str:
        """Without the password."""
        return f"MailSettings(host={self.host!r}, port={self.port}, user={self.user!r}, sender={self.sender!r})"


class MailWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A change as somebody writes it; what is None stays, "" is taken away."""

    host: str | None = None
    port: int | None = None
    user: str | None = None
    password: str | None = None
    sender: str | None = None
    tls: str | None = None
    public_url: str | None = None


class MailStore:
    """The settings of one data folder.

    Args:
        documents: where they lie.
        options: what the operator said.
    """

    def __init__(self, documents: Documents, options: AlertOptions) -> None:
        self._documents = documents
        self._options = options

    def get(self) -> MailSettings:
        """What holds: what the operator said, else what was stored."""
        with self._documents.snapshot() as snapshot:
            stored = snapshot.get("alert_server", "mail", MailSettings) or MailSettings()
        said = {name: value for name, value in self._said().items() if value}
        return msgspec.structs.replace(stored, **said)

    def fixed(self) -> list[str]:
        """The fields that the operator has set at the start, and that cannot be changed here."""
        return [name for name, value in self._said().items() if value]

    def change(self, wish: MailWish) -> MailSettings:
        """Store what a wish says; what holds afterwards.

        Raises:
            RequestError: something in it is not what it may be.
        """
        fields = {name: value for name, value in msgspec.structs.asdict(wish).items() if value is not None}
        with self._documents.change() as change:
            stored = change.get("alert_server", "mail", MailSettings) or MailSettings()
            change.put("alert_server", "mail", checked(msgspec.structs.replace(stored, **fields)))
        return self.get()

    def _said(self) -> dict[str, str | int]:
        options = self._options
        return {
            "host": options.smtp_host,
            "port": options.smtp_port,
            "user": options.smtp_user,
            "password": options.smtp_password,
            "sender": options.smtp_from,
            "tls": options.smtp_tls,
            "public_url": options.public_url,
        }


def checked(settings: MailSettings) -> MailSettings:
    """The settings, trimmed.

    Raises:
        RequestError: one is not what it may be; says what is wanted.
    """
    for name in ("host", "user", "password", "sender", "public_url"):
        text: str = getattr(settings, name)
        if len(text) > TEXT_MAX or not text.isprintable():
            raise RequestError(f"{name} must be printable and have at most {TEXT_MAX} characters")
    if settings.tls not in TLS_MODES:
        raise RequestError(f"tls must be one of {', '.join(TLS_MODES)}")
    if not 0 <= settings.port <= 65_535:
        raise RequestError("port must be from 1 to 65535, or 0 for the usual one")
    host, public_url = settings.host.strip(), settings.public_url.strip().rstrip("/")
    if settings.password and settings.tls == "none" and host not in LOCAL_HOSTS:
        raise RequestError('a password is not sent without TLS: tls must be "starttls" or "tls"')
    try:
        if public_url:
            target(public_url)
    except RequestError as error:
        raise RequestError(f"public_url: {error}") from None
    try:
        sender = normal_email(settings.sender) if settings.sender.strip() else ""
    except RequestError:
        raise RequestError("sender must be an address, such as stats@example.com") from None
    return msgspec.structs.replace(settings, host=host, sender=sender, public_url=public_url)

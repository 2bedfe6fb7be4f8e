"""One try to bring a notice to its receiver, by mail, webhook or Apprise. Nothing here knows of queues or retries."""

import base64
import hashlib
import hmac
import smtplib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any

import msgspec

from statflow_engine import StatFlowError
from statflow_http.alerts.mail_settings import MailSettings
from statflow_http.alerts.notices import Notice
from statflow_http.alerts.receivers import SECRET_PREFIX, Receiver
from statflow_http.alerts.telling import headline, lines, payload
from statflow_http.errors import RequestError
from statflow_http.front.protocols import own_text
from statflow_http.outbound import Outbound

TIMEOUT_S = 5.0
# All of a try by HTTP, from the connection to the end of the answer.
TRY_S = 10.0
SMTP_TIMEOUT_S = 10.0
ANSWER_BYTES_MAX = 64 * 1024
TEXT_MAX = 300
GONE = 410


@dataclass(frozen=True, slots=True)
class Sent:
    """What came of a try.

    Attributes:
        is_delivered: the other side has it.
        text: what was answered, or what went wrong, for people.
        status: of an HTTP or SMTP answer; None: there was none.
        is_hopeless: trying this notice again is of no use.
        is_gone: the receiver wants nothing more, ever.
    """

    is_delivered: bool
    text: str
    status: int | None = None
    is_hopeless: bool = False
    is_gone: bool = False

    @property
    def is_dead(self) -> bool:
        """The other side does not answer, or cannot now: its other notices need not be tried either."""
        return not self.is_delivered and not self.is_hopeless and (self.status is None or self.status >= 429)


def signature(secrets: Sequence[str], message_id: str, timestamp_s: int, body: bytes) -> str:
    """The header of Standard Webhooks: a signature by each secret that is valid now.

    Args:
        secrets: ``whsec_`` and base64.
        message_id, timestamp_s: of the headers ``webhook-id`` and ``webhook-timestamp``.
        body: as it is sent.
    """
    signed = f"{message_id}.{timestamp_s}.".encode() + body
    keys = [base64.b64decode(secret.removeprefix(SECRET_PREFIX)) for secret in secrets]
    made = [base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode() for key in keys]
    return " ".join(f"v1,{each}" for each in made)


def send_webhook(outbound: Outbound, receiver: Receiver, notice: Notice, now_s: int, *, total_s: float) -> Sent:
    """POST a notice, signed; redirects are not followed, and only 2xx is a yes, within ``total_s``."""
    body = msgspec.json.encode(payload(notice))
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "StatFlow",
        "webhook-id": notice.id,
        "webhook-timestamp": str(now_s),
        "webhook-signature": signature(receiver.secrets(now_s), notice.id, now_s, body),
    }
    try:
        with outbound.stream(
            "POST", receiver.target, headers=headers, body=body, bytes_max=ANSWER_BYTES_MAX, total_s=total_s
        ) as streamed:
            if 200 <= streamed.status < 300:
                # What a receiver says beside its yes is of no interest, however long it is.
                return Sent(True, "delivered", streamed.status)
            said = b"".join(streamed.chunks())
            return Sent(False, _said(streamed.status, said), streamed.status, is_gone=streamed.status == GONE)
    except StatFlowError as error:
        return Sent(False, own_text(error))


def _said(status: int, body: bytes) -> str:
    text = " ".join(body.decode("utf-8", "replace").split())
    printable = "".join(character for character in text if character.isprintable())
    return f"answered {status}: {printable[:TEXT_MAX]}" if printable else f"answered {status}"


def send_mail(settings: MailSettings, message: EmailMessage, to: str) -> Sent:
    """Hand a mail to the server of the settings."""
    if not settings.can_send:
        return Sent(False, "no mail server is set")
    try:
        with _connected(settings) as server:
            if settings.user:
                server.login(settings.user, settings.password)
            server.send_message(message, settings.sender, [to])
    except smtplib.SMTPRecipientsRefused as error:
        code, said = next(iter(error.recipients.values()))
        return Sent(False, _smtp_said(code, said), code, is_hopeless=code >= 500)
    except smtplib.SMTPResponseException as error:
        # Of a login or a sender that is refused: somebody will set it right.
        return Sent(False, _smtp_said(error.smtp_code, error.smtp_error), error.smtp_code)
    except (smtplib.SMTPException, OSError, UnicodeError) as error:
        return Sent(False, f"{settings.host}: {type(error).__name__}: {error}"[:TEXT_MAX])
    return Sent(True, "delivered", 250)


def _connected(settings: MailSettings) -> smtplib.SMTP:
    host, port = settings.host, settings.actual_port
    context = ssl.create_default_context()
    if settings.tls == "tls":
        return smtplib.SMTP_SSL(host, port, timeout=SMTP_TIMEOUT_S, context=context)
    server = smtplib.SMTP(host, port, timeout=SMTP_TIMEOUT_S)
    if settings.tls == "starttls":
        try:
            server.starttls(context=context)
        except BaseException:
            server.close()
            raise
    return server


def _smtp_said(code: int, said: bytes | str) -> str:
    return _said(code, said if isinstance(said, bytes) else said.encode())


def apprise() -> Any:
    """The module, which is an extra.

    Raises:
        RequestError: it is not installed; says how to get it.
    """
    try:
        import apprise as module
    except ImportError:
        raise RequestError("Apprise is not installed on this server: pip install 'statflow[notify]'") from None
    return module


def refuse_bad_apprise(url: str) -> None:
    """Raise for a URL that Apprise has no use for.

    Raises:
        RequestError: it has none, or is not installed.
    """
    if not apprise().Apprise().add(url):
        raise RequestError("url is none that Apprise understands, such as ntfy://topic or discord://id/token")


def send_apprise(url: str, notice: Notice) -> Sent:
    """Hand a notice to whatever service Apprise knows by this URL."""
    try:
        service = apprise().Apprise()
        if not service.add(url):
            return Sent(False, "Apprise does not understand this URL", is_hopeless=True)
        is_sent = service.notify(title=headline(notice), body="\n".join(lines(notice)))
    except RequestError as error:
        return Sent(False, str(error))
    except Exception as error:  # a plugin of many authors
        return Sent(False, f"Apprise failed: {type(error).__name__}")
    return Sent(True, "delivered") if is_sent else Sent(False, "the service did not take it")

"""What the operator of a server says about alerts: how often to look, what the server is called outside, how to mail.

Each of it comes from an option of ``statflow serve`` or from the environment. What is said of mail here goes before
what was stored by the page of the settings, field by field.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass

INTERVAL_S = 15.0
INTERVAL_S_MIN, INTERVAL_S_MAX = 1.0, 3_600.0


@dataclass(frozen=True, slots=True)
class AlertOptions:
    """The operator's choices.

    Attributes:
        interval_s: seconds from one look at all rules to the next.
        public_url: how people reach this server, without a slash at the end; "": mails have no links but to what is
            stored, and no links at all when nothing is.
        smtp_host, smtp_port, smtp_user, smtp_password, smtp_from, smtp_tls: see `mail_settings`; "" and 0: as stored.
    """

    interval_s: float = INTERVAL_S
    public_url: str = ""
    smtp_host: str = ""
    smtp_port: int = 0
    smtp_user: str = ""
    smtp_password: str = ""
    smtp_from: str = ""
    smtp_tls: str = ""

    def __repr__(self) -> str:
        """Without the password: options end up in logs."""
        return (
            f"AlertOptions(interval_s={self.interval_s}, public_url={self.public_url!r}, smtp_host={self.smtp_host!r})"
        )


def of_environment(environ: Mapping[str, str] = os.environ) -> AlertOptions:
    """What ``STATFLOW_ALERT_INTERVAL``, ``STATFLOW_PUBLIC_URL`` and ``STATFLOW_SMTP_...`` say.

    Raises:
        ValueError: a number is none, or out of range.
    """
    interval_s = float(environ.get("STATFLOW_ALERT_INTERVAL") or INTERVAL_S)
    if not INTERVAL_S_MIN <= interval_s <= INTERVAL_S_MAX:
        raise ValueError(f"STATFLOW_ALERT_INTERVAL must be from {INTERVAL_S_MIN:g} to {INTERVAL_S_MAX:g} seconds")
    return AlertOptions(
        interval_s,
        environ.get("STATFLOW_PUBLIC_URL", "").rstrip("/"),
        environ.get("STATFLOW_SMTP_HOST", ""),
        int(environ.get("STATFLOW_SMTP_PORT") or 0),
        environ.get("STATFLOW_SMTP_USER", ""),
        environ.get("STATFLOW_SMTP_PASSWORD", ""),
        environ.get("STATFLOW_SMTP_FROM", ""),
        environ.get("STATFLOW_SMTP_TLS", ""),
    )

"""The one line that the gateway adds above each message: `Received:` (RFC 5321 §4.4), and policy headers.

The message itself is never touched; whoever removes these lines has the bytes that came.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache

from gateway.message.envelope import Envelope

_UNSAFE = re.compile(r"[^A-Za-z0-9.:\[\]_-]")  # a client's own words must not break the line's syntax


def received_line(envelope: Envelope, hostname: str) -> bytes:
    """The trace line for a message, folded, with its CRLF.

    The recipients are left out: the line is seen by all of them (RFC 5321 §7.2).
    """
    client = envelope.client
    helo = _UNSAFE.sub("?", client.helo[:255]) or "unknown"
    literal = f"IPv6:{client.address}" if ":" in client.address else client.address
    lines = [
        f"Received: from {helo} ([{literal}])",
        f"\tby {hostname} (District Mail Gateway) with {_protocol(envelope)} id {envelope.id}",
    ]
    if client.tls:
        tls = client.tls
        lines.append(f"\t({tls.version} cipher {tls.cipher} bits {tls.bits})")
    moment = _date(int(envelope.received.timestamp()))
    return ("\r\n".join(lines) + f";\r\n\t{moment}\r\n").encode("ascii", "replace")


@lru_cache(maxsize=8)
def _date(second: int) -> str:
    """RFC 5322 §3.3 in UTC; many messages share a second."""
    return format_datetime(datetime.fromtimestamp(second, UTC))


def _protocol(envelope: Envelope) -> str:
    """RFC 3848 and RFC 6531 §4.3: ESMTP, S for TLS, A for AUTH; UTF8SMTP where SMTPUTF8 was used."""
    client = envelope.client
    if not client.esmtp:
        return "SMTP"
    parameters = envelope.mail_parameters
    base = "UTF8SMTP" if parameters and "SMTPUTF8" in parameters.upper().split() else "ESMTP"
    return base + ("S" if client.tls else "") + ("A" if client.login else "")


def policy_line(rules: str) -> bytes:
    """`X-District-Policy:` with the ids of the rules that asked for a tag."""
    return f"X-District-Policy: {rules}\r\n".encode("ascii")

"""The envelope: what SMTP said about a message, as immutable facts.

It is written beside the message's bytes in the archive and is part of the record. `to_json` and
`from_json` are inverse to each other. SMTP text is kept byte for byte: octets that are not UTF-8 are
carried as lone surrogates (`surrogateescape`), and JSON carries those as `\\udcXX` escapes.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class TlsFacts:
    """What was negotiated on a connection."""

    version: str  # "TLSv1.3"
    cipher: str  # "TLS_AES_256_GCM_SHA384"
    bits: int


@dataclass(frozen=True, slots=True)
class Client:
    """Who delivered the message to the gateway."""

    address: str  # IP address, without port
    port: int
    helo: str  # as said in EHLO or HELO
    esmtp: bool = True
    tls: TlsFacts | None = None
    login: str | None = None  # who signed in, if anybody
    proxy: str | None = None  # load balancer whose PROXY header named the client


@dataclass(frozen=True, slots=True)
class Recipient:
    """One accepted `RCPT TO`."""

    address: str  # without angle brackets, as sent
    parameters: str = ""  # "NOTIFY=NEVER ORCPT=rfc822;a@b", as sent
    reply: str = ""  # the next hop's whole reply


@dataclass(frozen=True, slots=True)
class Envelope:
    """One SMTP transaction at the moment its final dot was seen."""

    id: str  # UUIDv7 of the record
    received: datetime  # UTC
    listener: str
    role: str  # inbound, outbound, journal
    client: Client
    mail_from: str  # "" is the null sender
    mail_parameters: str = ""  # "SIZE=1000 BODY=8BITMIME", as sent
    recipients: tuple[Recipient, ...] = ()
    route: str = ""
    next_hop: str = ""
    # What was found out about the author's domain (`authentication.Authentication`); None: not asked for.
    authentication: dict[str, Any] | None = None
    version: int = field(default=1)

    def to_json(self) -> dict[str, Any]:
        """A JSON object; `received` is ISO 8601 with microseconds in UTC."""
        data = asdict(self)
        data["received"] = self.received.astimezone(UTC).isoformat(timespec="microseconds")
        return data

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Envelope:
        """The envelope of a stored record. Raises KeyError or ValueError if it is not one."""
        client = dict(data["client"])
        tls = client.pop("tls", None)
        return cls(
            **{
                **{name: data[name] for name in data if name in cls.__dataclass_fields__},
                "received": datetime.fromisoformat(data["received"]),
                "client": Client(**client, tls=TlsFacts(**tls) if tls else None),
                "recipients": tuple(Recipient(**item) for item in data["recipients"]),
            }
        )

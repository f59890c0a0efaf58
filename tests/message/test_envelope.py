"""The envelope as JSON and back."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from gateway.message.envelope import Client, Envelope, Recipient, TlsFacts

FULL = Envelope(
    id="0198a000-0000-7000-8000-000000000000",
    received=datetime(2026, 11, 22, 10, 30, 0, 123456, tzinfo=UTC),
    listener="inbound",
    role="inbound",
    client=Client(
        address="2001:db8::1",
        port=54321,
        helo="mx.example",
        tls=TlsFacts("TLSv1.3", "TLS_AES_256_GCM_SHA384", 256),
        login="scanner",
        proxy="192.0.2.1",
    ),
    mail_from="j\udcf6rg@b.example",  # an octet that was no UTF-8
    mail_parameters="SIZE=1000 BODY=8BITMIME",
    recipients=(
        Recipient("c@d.example", "NOTIFY=NEVER", "250 2.1.5 ok"),
        Recipient("e@f.example"),
    ),
    route="district",
    next_hop="192.0.2.2:25",
)


@pytest.mark.parametrize(
    "envelope",
    [
        FULL,
        Envelope("1", FULL.received, "l", "journal", Client("192.0.2.1", 1, "h", esmtp=False), ""),
    ],
)
def test_round_trip(envelope: Envelope) -> None:
    assert Envelope.from_json(json.loads(json.dumps(envelope.to_json()))) == envelope


def test_what_is_no_envelope() -> None:
    with pytest.raises(KeyError):
        Envelope.from_json({})
    with pytest.raises(ValueError, match="isoformat"):
        Envelope.from_json({**FULL.to_json(), "received": "yesterday"})

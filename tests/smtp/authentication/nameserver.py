"""A DNS server on a port of this machine that answers from a table, and fails where the table says so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

SERVFAIL = "SERVFAIL"  # in the place of a record: the server says that it cannot answer
SILENCE = "SILENCE"  # the server says nothing at all

# By name, records such as `TXT "v=spf1 -all"`, `A 192.0.2.1`, `MX 10 mail.example`.
Zone = Mapping[str, Iterable[str]]


@dataclass
class NameServer(asyncio.DatagramProtocol):
    """Answers what the table has; other names do not exist."""

    records: dict[str, list[str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)  # "name TYPE", in the order of the questions
    ttl: int = 60
    port: int = 0
    transport: Any = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def add(self, zone: Zone) -> None:
        for name, records in zone.items():
            self.records.setdefault(name.lower().rstrip("."), []).extend(records)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        answer = self._answer(query)
        if answer is not None and self.transport is not None:
            self.transport.sendto(answer.to_wire(max_size=65535), address)

    def _answer(self, query: dns.message.Message) -> dns.message.Message | None:
        question = query.question[0]
        kind = dns.rdatatype.to_text(question.rdtype)
        self.asked.append(f"{question.name.to_text(omit_final_dot=True).lower()} {kind}")
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        name = question.name
        for _ in range(8):  # aliases
            own = self.records.get(_key(name))
            if own is None:
                response.set_rcode(dns.rcode.NXDOMAIN)
                return response
            texts = [text.partition(" ")[2] for text in own if text.partition(" ")[0] == kind]
            if texts:
                response.answer.append(dns.rrset.from_text_list(name, self.ttl, "IN", kind, texts))
                return response
            if SILENCE in own:
                return None
            if SERVFAIL in own:
                response.set_rcode(dns.rcode.SERVFAIL)
                return response
            aliases = [text.partition(" ")[2] for text in own if text.startswith("CNAME ")]
            if not aliases:
                return response
            response.answer.append(dns.rrset.from_text_list(name, self.ttl, "IN", "CNAME", aliases))
            name = dns.name.from_text(aliases[0])
        return response


def _key(name: dns.name.Name) -> str:
    """A name as the tables have it; no backslashes, although labels may hold anything."""
    return b".".join(name.labels[:-1]).decode("latin-1").lower()


def text(value: str) -> str:
    """A TXT record of any length: strings of at most 255 octets, in quotes."""
    octets = value.encode("latin-1")
    parts = [octets[start : start + 255] for start in range(0, len(octets), 255)] or [b""]
    return "TXT " + " ".join(f'"{"".join(_escaped(octet) for octet in part)}"' for part in parts)


def _escaped(octet: int) -> str:
    return chr(octet) if 32 <= octet < 127 and octet not in b'"\\' else f"\\{octet:03}"


@asynccontextmanager
async def serving(zone: Zone | None = None) -> AsyncIterator[NameServer]:
    """A server with these records until the end of the block."""
    server = NameServer()
    server.add(zone or {})
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: server, local_addr=("127.0.0.1", 0))
    server.port = transport.get_extra_info("sockname")[1]
    try:
        yield server
    finally:
        transport.close()

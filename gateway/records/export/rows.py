"""What the index says of a message: read from its octets and its envelope, and from nothing else. Pure.

So the same message gives the same line, years later as well. What the rules found in it is not in it: that is a record
about staff and students of its own, which is released, or not, for itself.

Promises: `row` never raises, whatever the message and its envelope are like.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from gateway.catalog.words import clean
from gateway.message.addresses import Mailbox
from gateway.message.reading import read_message
from gateway.message.structure import structure

_LIST_LIMIT = 1_000  # entries of a cell; beyond it the message itself has them
_TEXT_LIMIT = 20_000  # characters of a text
_BETWEEN = "; "

KEYS = (
    "number", "seq", "id", "received", "date", "from", "to", "cc", "mail_from", "rcpt", "subject", "message_id",
    "in_reply_to", "attachments", "size", "sha256", "file", "proven",
)  # fmt: skip
# What people who work with load files map without asking; the order is that of `concordance_cells`.
CONCORDANCE = (
    "BEGDOC", "ENDDOC", "SEQ", "ARCHIVEID", "DATERECEIVED", "DATESENT", "FROM", "TO", "CC", "ENVELOPEFROM",
    "ENVELOPETO", "SUBJECT", "MESSAGEID", "INREPLYTO", "ATTACHMENTS", "ATTACHCOUNT", "FILESIZE", "SHA256",
    "NATIVELINK",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stored:
    """What the archive has of a message beside its octets and its document."""

    seq: int
    id: str
    received: datetime  # UTC
    sha256: str


def row(number: str, file: str, stored: Stored, raw: bytes, envelope: Mapping[str, Any]) -> dict[str, Any]:
    """The line of a message, by `KEYS`; `proven` is for the caller to say."""
    reading = read_message(raw)
    return {
        "number": number,
        "seq": stored.seq,
        "id": stored.id,
        "received": _moment(stored.received),
        "date": _moment(reading.date) if reading.date else None,
        "from": _people((*reading.from_, *reading.sender)),
        "to": _people(reading.to),
        "cc": _people(reading.cc),
        "mail_from": sender(envelope),
        "rcpt": _recipients(envelope),
        "subject": clean(reading.subject),
        "message_id": clean(reading.message_id) if reading.message_id else None,
        "in_reply_to": [clean(each) for each in reading.in_reply_to[:_LIST_LIMIT]],
        "attachments": [
            {"name": clean(each.name), "type": clean(each.content_type), "size": each.size}
            for each in structure(raw).attachments
        ],
        "size": len(raw),
        "sha256": stored.sha256,
        "file": file,
        "proven": False,
    }


def csv_cells(row: Mapping[str, Any]) -> list[str]:
    """The same as the cells of a table."""
    return [_cell(row[key]) for key in KEYS]


def concordance_cells(row: Mapping[str, Any], link: str) -> list[str]:
    """The same as a line of a load file. link: the native file, from the load file."""
    texts = {key: _cell(row[key]) for key in KEYS}
    number = texts["number"]
    return [
        number, number, texts["seq"], texts["id"], texts["received"], texts["date"], texts["from"], texts["to"],
        texts["cc"], texts["mail_from"], texts["rcpt"], texts["subject"], texts["message_id"], texts["in_reply_to"],
        texts["attachments"], str(len(row["attachments"])), texts["size"], texts["sha256"], link,
    ]  # fmt: skip


def sender(envelope: Mapping[str, Any]) -> str:
    """The envelope's sender; "" where there is none."""
    found = envelope.get("mail_from")
    return clean(found) if isinstance(found, str) else ""


def _recipients(envelope: Mapping[str, Any]) -> list[str]:
    found = envelope.get("recipients")
    each = found[:_LIST_LIMIT] if isinstance(found, list) else []
    addresses = (one.get("address") for one in each if isinstance(one, dict))
    return [clean(address) for address in addresses if isinstance(address, str)]


def _people(boxes: Iterable[Mailbox]) -> list[str]:
    """Name and address of each, once."""
    found = dict.fromkeys(f"{box.name} <{box.address}>" if box.name else box.address for box in boxes)
    return [clean(each) for each in list(found)[:_LIST_LIMIT]]


def _moment(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="microseconds")


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case list():
            return _BETWEEN.join(_piece(each) for each in value)[:_TEXT_LIMIT]
        case _:
            return str(value)


def _piece(value: object) -> str:
    """One entry of a list; of an attachment its name, or what it is."""
    return str(value["name"] or value["type"]) if isinstance(value, dict) else str(value)

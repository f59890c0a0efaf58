"""Rows of the catalog as the JSON objects that people and programs get (`--json`, one object a line)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import RowMapping

Row = RowMapping
Json = dict[str, Any]


# Of a message as a search result, in their order.
HIT_KEYS = (
    "id", "seq", "received", "role", "from", "mail_from", "to", "subject", "date", "message_id", "size",
    "attachments", "outcome", "rules", "defects", "indexed",
)  # fmt: skip


def moment(value: datetime | None) -> str | None:
    """ISO 8601 in UTC with microseconds."""
    return None if value is None else value.astimezone(UTC).isoformat(timespec="microseconds")


def hit(row: Row, to: Iterable[str], rules: Iterable[str]) -> Json:
    """One message as a search result."""
    return {
        "id": row["id"],
        "seq": row["seq"],
        "received": moment(row["received"]),
        "role": row["role"],
        "from": row["from_display"],
        "mail_from": row["mail_from"],
        "to": list(to),
        "subject": row["subject"],
        "date": moment(row["date"]),
        "message_id": row["message_id"],
        "size": row["size"],
        "attachments": row["attachment_count"],
        "outcome": row["outcome"],
        "rules": list(rules),
        "defects": row["defects"],
        "indexed": row["indexed"],
    }


def message(row: Row, people: Iterable[Row], found: Iterable[Row], happened: Iterable[Row]) -> Json:
    """Everything the catalog knows of one message."""
    plain = (
        "listener", "role", "client_address", "mail_from", "message_id", "subject", "size", "sha256",
        "header_size", "received_count", "in_reply_to", "auto_submitted", "list_id", "privacy_matter",
        "attachments", "defects", "indexed", "action", "not_judged", "route", "next_hop", "outcome", "reply",
        "attempts",
    )  # fmt: skip
    return {
        "id": row["id"],
        "seq": row["seq"],
        "received": moment(row["received"]),
        "date": moment(row["date"]),
        "from": row["from_display"],
        **{name: row[name] for name in plain},
        "outcome_at": moment(row["outcome_at"]),
        "participants": [_seat(person) for person in people],
        "findings": [finding(each) for each in found],
        "events": [event(each) for each in happened],
    }


def finding(row: Row) -> Json:
    """One finding, as policy.md defines `findings --json`, and what else the catalog knows of it."""
    return {
        "id": row["id"],
        "rule": row["rule"],
        "severity": row["severity"],
        "confidence": row["confidence"],
        "message_id": row["message_id"],
        "archive_id": row["archive_id"],
        "author": row["author"],
        "people": row["people"],
        "groups": row["groups"],
        "explanation": row["explanation"],
        "action": row["action"],
        "status": row["status"],
        "detected_at": moment(row["detected_at"]),
        "marks": row["marks"],
        "sentence": row["sentence"],
        "messages": row["messages"],
        "directory_version": row["directory_version"],
        "rules_version": row["rules_version"],
    }


def event(row: Row) -> Json:
    """One event of a message."""
    return {
        "seq": row["seq"],
        "received": moment(row["received"]),
        "event": row["kind"],
        "reply": row["reply"],
        "next_hop": row["next_hop"],
        "seconds": row["seconds"],
        "by": row["by"],
        "reason": row["reason"],
    }


def _seat(row: Row) -> Json:
    """One address in one place of a message."""
    return {name: row[name] for name in ("kind", "address", "name")}

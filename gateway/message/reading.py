"""What the rules and the catalog need to know of a message, read from its header fields.

Promises: never raises, whatever the octets; never touches the body, so its size does not matter; an ordinary
message costs well under 100 µs. What cannot be read is empty or None, and `defects` names what was irregular.

Where a field that must be single comes twice, every mailbox of every `From:`, `To:` and so on counts (a reader
may show any of them, so a rule must see all), and of other fields the first one counts.

Defect codes, besides those of `headers`: `no-from`, `no-mailbox-in-from`, `duplicate-<field>` of a field that
RFC 5322 §3.6 allows once, `unreadable-date`, `too-many-mailboxes`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_tz

from gateway.message.addresses import MAILBOX_LIMIT, Mailbox, mailboxes
from gateway.message.headers import Buffer, RawField, decode_value, split_block, split_fields
from gateway.message.text import decode_words


@dataclass(frozen=True, slots=True)
class Reading:
    """The facts of one message's header."""

    message_id: str | None  # without its angle brackets
    subject: str
    date: datetime | None  # UTC; what the sender claims
    from_: tuple[Mailbox, ...]
    sender: tuple[Mailbox, ...]
    reply_to: tuple[Mailbox, ...]
    to: tuple[Mailbox, ...]
    cc: tuple[Mailbox, ...]
    in_reply_to: tuple[str, ...]  # message ids without angle brackets
    references: tuple[str, ...]  # the same, oldest first
    auto_submitted: str | None  # keyword of RFC 3834 §5 in lower case; None for "no" and for none
    list_id: str | None  # identifier of RFC 2919 in lower case, without angle brackets
    privacy_matter: str | None  # text of X-Privacy-Matter
    received_count: int  # fields that relays have added (RFC 5321 §6.3: loop detection)
    defects: tuple[str, ...]
    header_size: int  # octets with the empty line: where the body begins


_SINGLE = frozenset(
    {
        b"from", b"sender", b"reply-to", b"to", b"cc", b"subject", b"date",
        b"message-id", b"in-reply-to", b"references",
    }
)  # fmt: skip
_WANTED = _SINGLE | {b"auto-submitted", b"list-id", b"x-privacy-matter", b"received"}


def read_message(raw: Buffer) -> Reading:
    """Reads the header of the message that `raw` begins with. Never raises."""
    block, size, block_defects = split_block(raw)
    fields, line_defects = split_fields(block)
    return reading_of(fields, size, (*block_defects, *line_defects))


def reading_of(fields: Iterable[RawField], size: int, header_defects: Iterable[str]) -> Reading:
    """The same of a header of so many octets that is split into its fields already."""
    values: dict[bytes, list[bytes]] = {}
    for name, value in fields:
        key = name.lower()
        if key in _WANTED:
            values.setdefault(key, []).append(value)

    from_ = _mailboxes(values, b"from")
    sender = _mailboxes(values, b"sender")
    reply_to = _mailboxes(values, b"reply-to")
    to = _mailboxes(values, b"to")
    cc = _mailboxes(values, b"cc")
    date_text = _first(values, b"date")
    date = _date(date_text)
    defects = [*header_defects]
    if not from_:
        defects.append("no-mailbox-in-from" if b"from" in values else "no-from")
    if date_text and date is None:
        defects.append("unreadable-date")
    if MAILBOX_LIMIT in (len(from_), len(sender), len(reply_to), len(to), len(cc)):
        defects.append("too-many-mailboxes")
    for name, several in values.items():
        if len(several) > 1 and name in _SINGLE:
            defects.append(f"duplicate-{name.decode('ascii')}")
    return Reading(
        message_id=_message_id(_first(values, b"message-id")),
        subject=decode_words(_first(values, b"subject")),
        date=date,
        from_=from_,
        sender=sender,
        reply_to=reply_to,
        to=to,
        cc=cc,
        in_reply_to=_message_ids(_first(values, b"in-reply-to")),
        references=_message_ids(_first(values, b"references")),
        auto_submitted=_auto_submitted(_first(values, b"auto-submitted")),
        list_id=_list_id(_first(values, b"list-id")),
        privacy_matter=decode_words(_first(values, b"x-privacy-matter")) or None,
        received_count=len(values.get(b"received", ())),
        defects=tuple(defects),
        header_size=size,
    )


def _mailboxes(values: dict[bytes, list[bytes]], name: bytes) -> tuple[Mailbox, ...]:
    found = values.get(name)
    return mailboxes(map(decode_value, found)) if found else ()


def _first(values: dict[bytes, list[bytes]], name: bytes) -> str:
    found = values.get(name)
    return decode_value(found[0]) if found else ""


# --- identifiers -------------------------------------------------------------------------------

_BRACKETED = re.compile(r"<([^<>]*)>")


def _message_id(text: str) -> str | None:
    """What stands between the first angle brackets, or else the whole text; None if that is empty."""
    if not text:
        return None
    match = _BRACKETED.search(text)
    return (match[1] if match else text.strip("<>")).strip() or None


def _message_ids(text: str) -> tuple[str, ...]:
    """Everything in angle brackets; if there is nothing, the words with an `@` (RFC 5322 §3.6.4, §4.5.4)."""
    if not text:
        return ()
    bracketed = tuple(filter(None, map(str.strip, _BRACKETED.findall(text))))
    return bracketed or tuple(word for word in text.replace(",", " ").split() if "@" in word.strip("<>@"))


_KEYWORD = re.compile(r"[A-Za-z][A-Za-z0-9-]*+")


def _auto_submitted(text: str) -> str | None:
    """The keyword, parameters and comments left out (RFC 3834 §5): `auto-replied; owner-email=...`."""
    match = _KEYWORD.match(text)
    keyword = match[0].lower() if match else ""
    return None if keyword in ("", "no") else keyword


def _list_id(text: str) -> str | None:
    """The identifier of `Team mail <team.school.example>`, or the whole text if it is one word."""
    bracketed = _BRACKETED.findall(text)
    identifier = (bracketed[-1] if bracketed else text).strip().lower()
    return identifier if identifier and not any(map(str.isspace, identifier)) else None


# --- date --------------------------------------------------------------------------------------

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH_NUMBER = {name: number for number, name in enumerate(_MONTHS, 1)}
# The form of RFC 5322 §3.3 with a numeric zone, which nearly all mail has.
_DATE = re.compile(
    r"(?:[A-Za-z]{3},\s*)?(\d{1,2})\s+([A-Za-z]{3})\s+(\d{4})\s+(\d{2}):(\d{2}):([0-5]\d)\s+([+-])(\d{2})(\d{2})\b",
    re.ASCII,
)
# Allowed between the parts of a date (RFC 5322 §3.3, §4.3), but beyond the library.
_COMMENT = re.compile(r"\([^()]*\)")
_AROUND_COLON = re.compile(r"\s*:\s*")
_LONGEST_DATE = 200  # characters; comments included, no honest date is longer


def _date(text: str) -> datetime | None:
    """A date in UTC; a date without a zone, or with an unknown one, is taken for UTC (RFC 5322 §4.3)."""
    match = _DATE.match(text)
    try:
        if match is not None and (month := _MONTH_NUMBER.get(match[2].lower())):
            day, _, year, hour, minute, second, sign, zone_hours, zone_minutes = match.groups()
            offset = timedelta(hours=int(zone_hours), minutes=int(zone_minutes))
            local = datetime(int(year), month, int(day), int(hour), int(minute), int(second), tzinfo=UTC)
            return local - offset if sign == "+" else local + offset
        return _unusual_date(text)
    except (ValueError, OverflowError, TypeError, LookupError):
        # No such day or hour, or before the year 1; or the library is not as careful as it means to be.
        return None


def _unusual_date(text: str) -> datetime | None:
    """A date in one of the forms that the standard library knows. May raise what `_date` catches."""
    if not text or len(text) > _LONGEST_DATE:
        return None
    text = _AROUND_COLON.sub(":", _COMMENT.sub(" ", text))
    parsed = parsedate_tz(text)
    if parsed is None:
        return None
    year, month, day, hour, minute, second = parsed[:6]
    zone = parsed[9] or 0
    # A leap second, 60, has no place in datetime.
    return datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC) - timedelta(seconds=zone)

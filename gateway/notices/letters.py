"""The letter of a notice: plain text and HTML that say the same, as the bytes of a message.

Promises: the same notice, id and time give the same bytes; lines end with CRLF and are short, every octet is ASCII,
so any mail server takes them; nothing in a name makes a header line or HTML. The text reads well in a terminal of 80
columns. The HTML has no script, no picture and no address of another place.

Nothing may answer a letter (RFC 3834 §5: `Auto-Submitted`; `X-Auto-Response-Suppress` for Exchange). There is no
`Precedence: bulk`: no standard has it, and some filters put such mail aside, while a held message waits.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from email.headerregistry import Address, Group
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from functools import cache
from uuid import UUID

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from gateway.config import Config
from gateway.notices.told import (
    Attested,
    Body,
    CameBack,
    Case,
    Digest,
    Escalated,
    HeldBody,
    InOrder,
    Listing,
    Notice,
    ReleasedUnseen,
    Several,
    ToAuthor,
    Violations,
    Waiting,
)
from gateway.notices.wording import NAME_LIMIT, clock, counted, moment, on_day, plain, shown, span

COLUMNS = 72
SUBJECT_LIMIT = 69  # characters; with its name a line of 78, as RFC 5322 §2.1.1 wants it

_TEMPLATES: dict[type[Body], str] = {
    Violations: "violations",
    Digest: "digest",
    Waiting: "held",
    Escalated: "escalated",
    ReleasedUnseen: "released",
    CameBack: "returned",
    Several: "several",
    ToAuthor: "authors",
    InOrder: "in-order",
    Attested: "checkpoint",
}


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter as people read it, and as it is sent."""

    subject: str
    text: str = field(repr=False)
    html: str = field(repr=False)
    raw: bytes = field(repr=False)


def write(notice: Notice, settings: Config, *, id: UUID, now: datetime) -> Letter:
    """The letter of a notice; `id` is that of its record. Raises nothing for any names."""
    subject = subject_of(notice.body, settings)
    facts: dict[str, object] = {
        "body": notice.body,
        "subject": subject,
        "district": shown(settings.district.name, NAME_LIMIT),
    }
    name = _TEMPLATES[type(notice.body)]
    text = _rendered(f"{name}.txt", settings, facts)
    html = _rendered(f"{name}.html", settings, facts)
    return Letter(subject, text, html, _message(notice, subject, text, html, settings, id, now))


def subject_of(body: Body, settings: Config) -> str:
    """What the letter is about, without the name of any person: subjects stand on screens that others see."""
    return plain(_subject(body, settings), SUBJECT_LIMIT)


def _subject(body: Body, settings: Config) -> str:
    match body:
        case Violations():
            return f"{counted(body.listing.count, 'possible policy violation')}{_at_school(body.listing)}"
        case Digest():
            parts = [
                counted(body.listing.count, "finding") if body.listing.count else "",
                f"{body.taken_back.count:,} taken back" if body.taken_back.count else "",
                f"{body.held:,} held" if body.held else "",
            ]
            return f"Policy digest, {body.day:%b} {body.day.day}: {', '.join(filter(None, parts))}"
        case ToAuthor():
            return "About the district's policy on e-mail: how to do it right"
        case InOrder():
            return "About an earlier letter of ours: this was in order"
        case Attested():
            return f"Checkpoint of {body.day.isoformat()}: {counted(body.entries, 'entry', 'entries')}"
        case _:
            return _held_subject(body, settings)


def _held_subject(body: HeldBody, settings: Config) -> str:
    match body:
        case Waiting():
            until = f" until {_short(body.until, settings)}" if body.until is not None else ""
            return f"Held message waits for your decision{until}"
        case Escalated():
            return f"Held message without a decision since {_short(body.message.received, settings)}"
        case ReleasedUnseen():
            return f"Held message was released without a decision, {_short(body.released, settings)}"
        case CameBack():
            return f"Released message came back, received {_short(body.message.received, settings)}"
        case Several(case=Case.WAITING):
            until = f", the first until {_short(body.until, settings)}" if body.until is not None else ""
            return f"{body.count:,} held messages wait{until}"
        case Several(case=Case.ESCALATED):
            since = _short(body.since, settings)
            return f"{body.count:,} held messages without a decision since {since}"
        case Several(case=Case.RELEASED):
            return f"{body.count:,} held messages were released without a decision"
        case Several():
            return f"{body.count:,} released messages came back"


def _short(at: datetime, settings: Config) -> str:
    local = at.astimezone(settings.district.zone)
    return f"{local:%b} {local.day}, {clock(at, settings.district.zone)}"


def _at_school(listing: Listing) -> str:
    named = [school.name for school in listing.schools]
    if len(named) == 1:
        return f" at {named[0]}" if named[0] else ""
    return f" at {len(named)} schools" if all(named) else ""


# --- text and HTML -----------------------------------------------------------------------------------------


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("gateway.notices"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(wrapped=wrapped, counted=counted, span=span)
    return environment


def _rendered(template: str, settings: Config, facts: dict[str, object]) -> str:
    zone = settings.district.zone

    def when(at: datetime | date) -> str:
        return moment(at, zone) if isinstance(at, datetime) else on_day(at)

    return _templates().get_template(template).render(facts, when=when)


def wrapped(text: str, indent: int = 0, first: str | None = None) -> str:
    """A paragraph in lines of 72 columns; `first` begins the first line instead of the indent."""
    margin = " " * indent
    return textwrap.fill(
        " ".join(text.split()),
        COLUMNS,
        initial_indent=margin if first is None else first,
        subsequent_indent=margin,
        break_on_hyphens=False,
    )


# --- the message -------------------------------------------------------------------------------------------


def _message(
    notice: Notice, subject: str, text: str, html: str, settings: Config, id: UUID, now: datetime
) -> bytes:
    message = EmailMessage(policy=SMTP)
    name = shown(f"{settings.district.name} Mail Gateway", NAME_LIMIT)
    own = f"mailgw@{settings.district.domains[0]}"
    (sender,) = _mailboxes([settings.notices.sender or own]) or [own]
    message["From"] = Address(name, addr_spec=sender)
    readers = _mailboxes(notice.recipients)
    message["To"] = [Address(addr_spec=each) for each in readers] or [Group("undisclosed-recipients")]
    message["Subject"] = subject
    message["Date"] = format_datetime(now.astimezone(settings.district.zone))
    message["Message-ID"] = f"<{id}@{settings.hostname}>"
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    message.set_content(text, cte="quoted-printable")
    message.add_alternative(html, subtype="html", cte="quoted-printable")
    # By the id, so that the bytes are the same each time; "=_" stands in no quoted-printable text (RFC 2045 §6.7).
    message.set_boundary(f"=_{id.hex}")
    return message.as_bytes()


def _mailboxes(addresses: Sequence[str]) -> list[str]:
    """Those of some addresses that a header of ASCII can show; the envelope has them all."""
    return [address for address in addresses if address.isascii()]

"""A message as search sees it: what it says, who took part by the roster of its day, and what was found in it.

Pure. People are those behind the addresses, the envelope's included, and those whom findings name: a personal account
stands in no kept roster, but a finding knows whose it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from gateway.directory.model import Group, Person
from gateway.directory.snapshot import Directory, in_domains
from gateway.extraction.model import Extracted
from gateway.indexer.sameness import same
from gateway.message.canonical import canonical_address, domain_of
from gateway.message.envelope import Envelope
from gateway.message.readable.model import Kind, Part, Readable
from gateway.search.document import Document, Mailbox, Named
from gateway.search.query.tree import Place

_IMPORT = "import"  # the role of mail from files

MOST_MAILBOXES = 10_000  # of a place; a list of a million addresses must not make a million terms


@dataclass(frozen=True, slots=True)
class Found:
    """What the catalog knows of one finding about the message."""

    rule: str
    severity: str
    status: str
    persons: tuple[str, ...] = ()  # ids of the author and of those whom it is about
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """What the archive and the catalog know of a message beside its bytes."""

    seq: int
    id: str
    received: datetime
    envelope: Envelope
    size: int
    sha256: str
    outcome: str = ""
    content_id: str = ""
    defects: tuple[str, ...] = ()
    findings: tuple[Found, ...] = ()
    holds: tuple[str, ...] = ()  # names of legal matters
    requests: tuple[str, ...] = ()  # names of public-records requests
    labels: tuple[str, ...] = ()


@dataclass(slots=True)
class _Company:
    """Who takes part, gathered."""

    directory: Directory
    people: dict[str, Person] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)

    def add(self, canonical: str) -> None:
        """Those behind an address."""
        owners, group = self.directory.behind(canonical)
        for match in owners:
            self.people[match.person.id] = match.person
        if group is not None:
            self.groups[group.id] = group

    def name(self, found: Found) -> None:
        """Those whom a finding names."""
        known = self.directory.people
        self.people.update((id, known[id]) for id in found.persons if id in known)
        self.groups.update(
            (id, self.directory.groups[id]) for id in found.groups if id in self.directory.groups
        )

    @property
    def schools(self) -> tuple[Named, ...]:
        ids = {school for person in self.people.values() for school in person.schools}
        ids |= {group.school for group in self.groups.values() if group.school}
        return tuple(Named(id, self.directory.schools.get(id, "")) for id in sorted(ids))


def document(
    facts: Facts, readable: Readable, extracted: Sequence[Extracted], directory: Directory
) -> Document:
    """The document of a message. `extracted`: what came of its attachments; `directory`: of its day."""
    mailboxes = tuple(_mailboxes(readable, facts.envelope))
    company = _Company(directory)
    for address in dict.fromkeys([box.address for box in mailboxes if box.address]):
        company.add(address)
    for found in facts.findings:
        company.name(found)
    alike = same(readable, facts.content_id)
    unreadable = len(readable.unreadable) + sum(not one.whole for one in extracted)
    texts = (*(part.text for part in readable.attachments), *(one.text for one in extracted))
    return Document(
        seq=facts.seq,
        id=facts.id,
        received=facts.received,
        date=readable.reading.date,
        size=facts.size,
        subject=readable.reading.subject,
        body=readable.body,
        quoted=readable.quoted,
        # Where a link leads is seldom shown, and sometimes what is looked for.
        hidden="\n".join([readable.hidden, *(link.target for link in readable.links)]),
        attachments=tuple(text for text in texts if text),
        filenames=tuple(dict.fromkeys((*readable.filenames, *_names(extracted)))),
        mailboxes=mailboxes,
        persons=tuple(sorted(company.people)),
        roles=tuple(sorted({role for person in company.people.values() for role in person.roles})),
        groups=tuple(Named(group.id, group.name) for _, group in sorted(company.groups.items())),
        schools=company.schools,
        direction=direction(readable, facts.envelope, directory),
        listener=facts.envelope.listener,
        outcome=facts.outcome,
        rules=_each(found.rule for found in facts.findings),
        severities=_each(found.severity for found in facts.findings),
        statuses=_each(found.status for found in facts.findings),
        holds=_each(facts.holds),
        requests=_each(facts.requests),
        labels=_each(facts.labels),
        message_id=readable.reading.message_id or "",
        content_id=facts.content_id,
        text_id=alike.text,
        origin_id=alike.origin,
        thread=readable.thread or readable.thread_subject,
        sha256=facts.sha256,
        language=readable.language,
        defects=_each((*facts.defects, *readable.defects)),
        types=types(readable, extracted),
        has=tuple(_has(facts, readable, unreadable)),
        unreadable=unreadable,
    )


def direction(readable: Readable, envelope: Envelope, directory: Directory) -> str:
    """`in`, `out` or `internal`, by the author's account and the envelope's recipients; empty where none was seen."""
    if envelope.role == _IMPORT:
        return ""
    authors = [box.address for box in readable.reading.from_] or [envelope.mail_from]
    if not any(_is_inside(address, directory) for address in authors):
        return "in"
    inside = all(_is_inside(recipient.address, directory) for recipient in envelope.recipients)
    return "internal" if inside else "out"


def _is_inside(address: str, directory: Directory) -> bool:
    return in_domains(_read(address)[1], directory.domains)


# --- mailboxes -------------------------------------------------------------------------------------------


_SAYS = {"from": Place.FROM, "sender": Place.FROM, "to": Place.TO, "cc": Place.CC}


def _mailboxes(readable: Readable, envelope: Envelope) -> list[Mailbox]:
    reading = readable.reading
    found: list[Mailbox] = []
    for place, written in (
        (Place.FROM, (*reading.from_, *reading.sender)),
        (Place.TO, reading.to),
        (Place.CC, reading.cc),
    ):
        found += [Mailbox(place, *_read(box.address), box.name) for box in written[:MOST_MAILBOXES]]
    found += [Mailbox(_SAYS[name], "", "", text) for name, text in readable.unaddressed]
    if envelope.mail_from:
        found.append(Mailbox(Place.FROM, *_read(envelope.mail_from)))
    named = {_read(box.address)[0] for box in (*reading.to, *reading.cc)}
    for recipient in envelope.recipients:
        canonical, domain = _read(recipient.address)
        found.append(Mailbox(Place.RCPT, canonical, domain))
        if canonical not in named:
            found.append(Mailbox(Place.BCC, canonical, domain))
    return found


@lru_cache(maxsize=1_024)  # who stands in a header stands in the envelope, too
def _read(address: str) -> tuple[str, str]:
    """The canonical form of an address, and its domain."""
    return canonical_address(address), domain_of(address)


# --- parts -----------------------------------------------------------------------------------------------

# What people call the types of files, by the end of the type's name or of the file's.
_CALLED = {
    "pdf": "pdf", "doc": "doc", "docx": "docx", "msword": "doc", "wordprocessingml.document": "docx",
    "xls": "xls", "xlsx": "xlsx", "ms-excel": "xls", "spreadsheetml.sheet": "xlsx",
    "ppt": "ppt", "pptx": "pptx", "ms-powerpoint": "ppt", "presentationml.presentation": "pptx",
    "opendocument.text": "odt", "odt": "odt", "opendocument.spreadsheet": "ods", "ods": "ods",
    "opendocument.presentation": "odp", "odp": "odp", "rtf": "rtf", "zip": "zip", "x-zip-compressed": "zip",
    "csv": "csv", "comma-separated-values": "csv", "plain": "text", "txt": "text", "html": "html",
    "calendar": "calendar", "ics": "calendar", "rfc822": "message", "eml": "message", "xml": "xml", "json": "json",
}  # fmt: skip


def types(readable: Readable, extracted: Iterable[Extracted]) -> tuple[str, ...]:
    """The types of attachments, as people call them: pdf, docx, image ..."""
    of_parts = (_type(part.content_type, part.filename) for part in readable.attachments)
    return _each((*of_parts, *(_type(one.type, one.name) for one in extracted)))


def _type(content_type: str, filename: str) -> str:
    main, _, sub = content_type.partition("/")
    if main in ("image", "audio", "video"):
        return main
    for name in (
        sub,
        sub.removeprefix("vnd."),
        sub.partition("officedocument.")[2],
        sub.rpartition("vnd.")[2],
    ):
        for called in (name, name.removeprefix("oasis.")):
            if called in _CALLED:
                return _CALLED[called]
    return _CALLED.get(filename.rpartition(".")[2].lower(), "other") if "." in filename else "other"


def _names(extracted: Iterable[Extracted]) -> Iterator[str]:
    """The names of what is in attachments."""
    return (one.name for one in extracted if one.name)


def _has(facts: Facts, readable: Readable, unreadable: int) -> Iterator[str]:
    kinds = {part.kind for part in (*readable.parts, *readable.attachments)}
    if any(_is_attachment(part) for part in readable.attachments):
        yield "attachment"
    if facts.findings:
        yield "finding"
    if facts.defects or readable.defects:
        yield "defect"
    if unreadable:
        yield "unreadable"
    if Kind.CALENDAR in kinds:
        yield "calendar"
    if Kind.IMAGE in kinds:
        yield "image"


def _is_attachment(part: Part) -> bool:
    """Not the picture in a signature, the signature itself, nor an invitation that stands in place."""
    if part.kind is Kind.SIGNATURE or (part.kind is Kind.IMAGE and part.content_id):
        return False
    return part.kind is not Kind.CALENDAR or part.disposition == "attachment"


def _each(values: Iterable[str]) -> tuple[str, ...]:
    """Each value once, in order; empty ones are none."""
    return tuple(sorted({*values} - _NONE))


_NONE = frozenset({""})


def wants_extraction(part: Part) -> bool:
    """Whether the text of a part is to be had by extraction."""
    return part.kind in (Kind.ATTACHMENT, Kind.IMAGE) and not part.text

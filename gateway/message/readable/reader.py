"""From raw octets to a readable message: the parts are walked once, and what people read is put together.

Promises: never raises, whatever the octets; time and memory are linear in their length (times the depth of nesting,
which is bounded). What was irregular is in `defects`.

Of several versions of one text (multipart/alternative) HTML is read, for it is what readers see; plain text where
there is no HTML that says anything. The lines of the other versions with words that the chosen one has not are in
`hidden`, so that all of them can be found; the defect `versions-differ` tells where that is more than small change.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property

from gateway.message.addresses import NAME_LIMIT
from gateway.message.headers import Buffer, RawField, decode_value, split_block, split_fields
from gateway.message.readable.calendar import calendar_text
from gateway.message.readable.charset import clean, decoded_text, utf7
from gateway.message.readable.fields import FIELD_LIMIT, Fields, display_name, read_fields
from gateway.message.readable.kinds import kind_of, looks_like_fields
from gateway.message.readable.language import language_of
from gateway.message.readable.links import Link, links_in
from gateway.message.readable.markup import LINE_LIMIT, Line, rendered
from gateway.message.readable.model import DEFAULT_LIMITS, Kind, Limits, Part, Readable
from gateway.message.readable.plain import embedded_files, unflowed
from gateway.message.readable.quoting import divided
from gateway.message.readable.rtf import unpacked_rtf
from gateway.message.readable.signed import signed_content
from gateway.message.readable.thread import thread_of
from gateway.message.readable.tnef import Attachment as TnefAttachment
from gateway.message.readable.tnef import Unpacked, unpacked
from gateway.message.readable.transfer import decoded
from gateway.message.readable.tree import pieces
from gateway.message.readable.versions import Version
from gateway.message.reading import Reading, read_message, reading_of
from gateway.message.text import decode_words
from gateway.message.words import words


def readable(raw: Buffer, limits: Limits = DEFAULT_LIMITS) -> Readable:
    """The message that `raw` is. Never raises."""
    octets = bytes(raw[: limits.octets])
    work = _Work(limits, limits.parts, limits.all_text)
    try:
        found = _message(octets, 0, len(octets), "", 0, work)
    except Exception:
        # Nothing is known to lead here. A message must be found all the same, so its octets are its text.
        found = _as_it_came(octets, limits)
    if len(raw) > limits.octets:
        rest = _left_out("", "message-too-large", len(raw) - limits.octets)
        return replace(
            found, unreadable=(*found.unreadable, rest), defects=(*found.defects, "message-too-large")
        )
    return found


def _left_out(path: str, why: str, size: int = 0) -> Part:
    """What a limit kept from being read, so that nobody takes the message for read."""
    return Part(path, "application/octet-stream", Kind.OTHER, size=size, defects=(why,))


def _as_it_came(octets: bytes, limits: Limits) -> Readable:
    reading = read_message(octets)
    text = clean(decoded_text(octets[reading.header_size :][: limits.text], "")[0])
    thread, subject = thread_of(reading)
    return Readable(
        reading,
        text=text,
        body=text,
        thread=thread,
        thread_subject=subject,
        defects=(*reading.defects, "unreadable-message"),
    )


# --- what is being put together --------------------------------------------------------------------


@dataclass(slots=True)
class _Work:
    """What is left of the limits; one for the message with all messages in it."""

    limits: Limits
    parts: int
    text: int
    defects: dict[str, None] = field(default_factory=dict)

    def may_read(self, text: str) -> str:
        """As much of a text as may be kept."""
        if len(text) > self.text:
            self.defects["too-much-text"] = None
            text = text[: self.text]
        self.text -= len(text)
        return text


_RANKS = {Kind.HTML: 3, Kind.TEXT: 2, Kind.CALENDAR: 1}


@dataclass
class _Text:
    """A text of a part, to be read in its place."""

    kind: Kind
    shown: str  # the lines in one
    marked: list[Line] | None = None  # the lines, where markup says more of them than their text does
    quoted: bool = False

    @cached_property
    def lines(self) -> list[Line]:
        if self.marked is not None:
            return self.marked
        return [Line(line, self.quoted) for line in self.shown.split("\n", LINE_LIMIT)]

    def says_something(self) -> bool:
        return self.shown.strip("\n") != "" or any(line.text for line in self.lines)


@dataclass(slots=True)
class _Draft:
    """What some parts say together."""

    parts: list[Part] = field(default_factory=list)
    texts: list[_Text] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)

    def rank(self) -> int:
        """How good a version of a text this is; 0 where it says nothing."""
        return max((_RANKS[text.kind] for text in self.texts if text.says_something()), default=0)

    def add(self, other: _Draft) -> None:
        self.parts += other.parts
        self.texts += other.texts
        self.hidden += other.hidden
        self.links += other.links


@dataclass(frozen=True, slots=True)
class _Entity:
    """A part with its octets: `octets[start:end]`, its header passed already."""

    fields: Fields
    octets: bytes
    start: int
    end: int
    path: str
    parent: str = ""  # content type of the multipart that it is in
    depth: int = 0
    messages: int = 0  # how many messages it is in
    whole: bool = False  # it is all there is in its message

    def decoded(self) -> tuple[bytes, tuple[str, ...]]:
        return decoded(self.octets[self.start : self.end], self.fields.encoding)


# --- messages --------------------------------------------------------------------------------------


def _message(octets: bytes, start: int, end: int, path: str, messages: int, work: _Work) -> Readable:
    """The message in `octets[start:end]`. What is irregular in it goes to `work`, and into its own defects."""
    raw = octets if start == 0 and end == len(octets) else octets[start:end]
    block, size, block_defects = split_block(raw)
    header, line_defects = split_fields(block)
    reading = reading_of(header, size, (*block_defects, *line_defects))
    outer, work.defects = work.defects, {}
    draft = _Draft()
    begin = size
    if "no-blank-line" in reading.defects:
        begin = _where_fields_end(block)
        header, _ = split_fields(block[:begin])
    elif "line-without-colon" in reading.defects:
        draft.hidden.append(_stray_lines(block))
    entity = _Entity(read_fields(header), raw, begin, len(raw), path, messages=messages, whole=True)
    _read(entity, draft, work)
    defects = (*reading.defects, *entity.fields.defects, *work.defects)
    work.defects = {**outer, **work.defects}
    bodies, quotes = _divided(draft.texts)
    thread, subject = thread_of(reading)
    everything = list(_all_parts(draft.parts))
    return Readable(
        reading=reading,
        unaddressed=_unaddressed(reading, header),
        parts=tuple(draft.parts),
        text="\n\n".join([text.shown.strip("\n ") for text in draft.texts]),
        body=bodies,
        quoted=quotes,
        hidden="\n".join(filter(None, draft.hidden)),
        links=tuple(dict.fromkeys(draft.links))[: work.limits.links],
        filenames=tuple(dict.fromkeys([part.filename for part in everything if part.filename])),
        attachments=tuple([part for part in everything if part.kind in _BESIDE_THE_TEXT]),
        unreadable=(*_unreadable(draft.parts, bool(bodies)), *(() if messages else _beyond_limits(work))),
        thread=thread,
        thread_subject=subject,
        language="" if messages else language_of(bodies or quotes),
        defects=tuple(dict.fromkeys(defects)),
    )


def _unaddressed(reading: Reading, fields: Iterable[RawField]) -> tuple[tuple[str, str], ...]:
    """Fields that name somebody without an address: `From: Moderator`, `To: undisclosed-recipients:;`."""
    boxes = {b"from": reading.from_, b"sender": reading.sender, b"to": reading.to, b"cc": reading.cc}
    empty = {name for name, found in boxes.items() if not found}
    bare = [(name.lower(), value) for name, value in fields if name.lower() in empty]
    texts = [(name.decode(), decode_words(decode_value(value[:FIELD_LIMIT]))) for name, value in bare]
    return tuple(dict.fromkeys((name, text[:NAME_LIMIT]) for name, text in texts if text.strip()))


_BESIDE_THE_TEXT = frozenset({Kind.ATTACHMENT, Kind.IMAGE, Kind.MESSAGE, Kind.CALENDAR, Kind.ENCRYPTED})
_UNREADABLE = frozenset(
    {
        "encrypted",
        "text-too-large",
        "nested-too-deep",
        "too-much-text",
        "rtf-only",
        "broken-tnef",
        "partial-message",
    }
)


def _unreadable(parts: Iterable[Part], has_text: bool) -> Iterator[Part]:
    """The parts that nobody can search; a text in RTF is no loss where another version says the same."""
    for part in parts:
        why = _UNREADABLE.intersection(part.defects)
        if part.kind is Kind.ENCRYPTED or why - ({"rtf-only"} if has_text else set()):
            yield part
        if part.message is not None:
            yield from part.message.unreadable


def _beyond_limits(work: _Work) -> Iterator[Part]:
    for why in ("too-many-parts", "too-much-text"):
        if why in work.defects:
            yield _left_out("", why)


def _all_parts(parts: Iterable[Part]) -> Iterator[Part]:
    """Parts, each followed by those of the message that it is."""
    for part in parts:
        yield part
        if part.message is not None:
            yield from _all_parts(part.message.parts)


def _divided(texts: list[_Text]) -> tuple[str, str]:
    """The author's text and the rest, of all texts in their order; a calendar's only where nobody said it yet."""
    new: list[str] = []
    old: list[str] = []
    for text in texts:
        lines = text.lines
        if text.kind is Kind.CALENDAR and new:
            known = set(words("\n".join(new)))
            lines = [line for line in lines if not known.issuperset(words(line.text))]
        ours, theirs = divided(lines)
        new += [ours] if ours else []
        old += [theirs] if theirs else []
    return "\n\n".join(new), "\n\n".join(old)


def _stray_lines(block: bytes) -> str:
    """Lines in a header that are no fields: somebody's text, perhaps."""
    found = [line for line in block.splitlines() if line[:1] not in b" \t" and not looks_like_fields(line)]
    return clean(decoded_text(b"\n".join(found), "")[0])


def _where_fields_end(block: bytes) -> int:
    """In a message without an empty line: where the first line begins that is no field; that is its text."""
    position = 0
    for line in block.splitlines(keepends=True):
        if line[:1] not in b" \t" and not looks_like_fields(line):
            return position
        position += len(line)
    return position


# --- parts -----------------------------------------------------------------------------------------


def _read(entity: _Entity, draft: _Draft, work: _Work) -> None:
    """Reads a part, and all that is in it, into the draft."""
    content_type = entity.fields.content_type
    if content_type.startswith("multipart/") and _multipart(entity, draft, work):
        return
    if work.parts <= 0:
        work.defects["too-many-parts"] = None
        return
    work.parts -= 1
    kind = kind_of(entity.fields, entity.parent, entity.whole)
    if entity.whole:
        entity = replace(entity, path=f"{entity.path}.1".lstrip("."))
    _READERS[kind](entity, kind, draft, work)


def _multipart(entity: _Entity, draft: _Draft, work: _Work) -> bool:
    """Reads the parts of a multipart; False where there are none, so that it is text."""
    if entity.depth >= work.limits.depth:
        work.defects["nested-too-deep"] = None
        return False
    found = pieces(entity.octets, entity.start, entity.end, entity.fields.boundary)
    if found is None:
        work.defects["no-parts"] = None
        return False
    work.defects.update(dict.fromkeys(found.defects))
    content_type = entity.fields.content_type
    children: list[_Draft] = []
    for number, (start, end) in enumerate(found.parts, 1):
        if work.parts <= 0:
            work.defects["too-many-parts"] = None
            break
        child = _Draft()
        _read(_child(entity, start, end, f"{entity.path}.{number}".lstrip(".")), child, work)
        children.append(child)
    if content_type == "multipart/alternative":
        _choose(children, draft, work)
    else:
        for child in children:
            draft.add(child)
    for start, end in (found.before, found.behind):
        _around(entity.octets[start : min(end, start + work.limits.text)], draft, work)
    return True


# "This is a multi-part message in MIME format", in the words of many programs.
_PREAMBLE = (b"multi", b"format", b"reader", b"compliant", b"encapsulated")


def _around(octets: bytes, draft: _Draft, work: _Work) -> None:
    """Text before the first and behind the last part; no mail program shows it."""
    octets = octets.strip()
    if not octets:
        return
    said = octets.lower() if len(octets) < 300 else b""
    if not ((b"mime" in said or b"multi" in said) and any(word in said for word in _PREAMBLE)):
        draft.hidden.append(work.may_read(clean(decoded_text(octets, "")[0])))
        work.defects["text-around-parts"] = None


def _child(entity: _Entity, start: int, end: int, path: str) -> _Entity:
    view = memoryview(entity.octets)[start:end]
    block, size, defects = split_block(view)
    if block and "no-blank-line" in defects:
        size = _where_fields_end(block)
        block = block[:size]
    header, _ = split_fields(block)
    fields = read_fields(header)
    parent = entity.fields.content_type
    if not fields.content_type and parent == "multipart/digest":
        fields = replace(fields, content_type="message/rfc822")
    return _Entity(fields, entity.octets, start + size, end, path, parent, entity.depth + 1, entity.messages)


def _choose(children: list[_Draft], draft: _Draft, work: _Work) -> None:
    """Takes the richest version as the text, and of the others what it has not."""
    best = max(children, key=_Draft.rank, default=None)
    if best is None:
        return
    read: Version | None = None
    for child in children:
        draft.parts += child.parts
        draft.hidden += child.hidden
        draft.links += child.links
        if child is best:
            draft.texts += child.texts
            continue
        for text in child.texts:
            if text.kind is Kind.CALENDAR:
                draft.texts.append(text)
                continue
            read = read or _version(best)
            missing = [] if read.holds(text.shown) else read.missing(text.lines)
            if missing:
                draft.hidden.append("\n".join(missing))
                if sum(map(len, missing)) * 5 > sum(len(line.text) for line in text.lines):
                    work.defects["versions-differ"] = None


def _version(draft: _Draft) -> Version:
    return Version(
        [*(text.shown for text in draft.texts), *draft.hidden, *(link.target for link in draft.links)]
    )


def _part(
    entity: _Entity, kind: Kind, size: int, text: str = "", defects: Iterable[str] = (), charset: str = ""
) -> Part:
    fields = entity.fields
    return Part(
        path=entity.path,
        content_type=fields.content_type or "text/plain",
        kind=kind,
        charset=charset,
        disposition=fields.disposition,
        filename=fields.filename,
        content_id=fields.content_id,
        size=size,
        text=text,
        defects=tuple(dict.fromkeys((*fields.defects, *defects))),
        _octets=memoryview(entity.octets)[entity.start : entity.end],
        _encoding=fields.encoding,
    )


# --- text ------------------------------------------------------------------------------------------


def _text(entity: _Entity, kind: Kind, draft: _Draft, work: _Work) -> None:
    octets, defects = entity.decoded()
    size = len(octets)
    files: tuple[Part, ...] = ()
    if kind is Kind.TEXT and b"begin " in octets:  # "=ybegin " too
        octets, files = _files_in_text(entity, octets, work)
    if len(octets) > work.limits.text:
        octets = octets[: work.limits.text]
        defects = (*defects, "text-too-large")
    declared = entity.fields.charset or (_charset_of_html(octets) if kind is Kind.HTML else "")
    text, charset, more = decoded_text(octets, declared)
    text = clean(text)
    if "utf-7" in more and "+" in text:
        draft.hidden.append(work.may_read(clean(utf7(octets))))
    kept = work.may_read(text)
    if len(kept) < len(text):
        defects = (*defects, "too-much-text")
    said = _said(entity, kind, kept, draft, work)
    if "-----BEGIN PGP MESSAGE-----" in kept:
        kind = Kind.ENCRYPTED
        said = _marked(Kind.TEXT, _outside_of_pgp(said.lines))
    draft.parts.append(_part(entity, kind, size, said.shown, (*defects, *more), charset))
    draft.parts.extend(files)
    draft.texts.append(said)
    work.defects.update(dict.fromkeys((*defects, *more)))


def _said(entity: _Entity, kind: Kind, text: str, draft: _Draft, work: _Work) -> _Text:
    """What a text says to readers; what HTML hides, and links, go into the draft."""
    if kind is Kind.HTML:
        page = rendered(text, work.limits.links)
        if page.hidden:
            draft.hidden.append(page.hidden)
        draft.links += page.links
        return _marked(kind, page.lines)
    if entity.fields.flowed:
        text = unflowed(text, entity.fields.delsp)
    draft.links += links_in(text, work.limits.links)
    if entity.fields.content_type in ("text/enriched", "text/richtext"):
        return _marked(kind, rendered(text.replace("<<", "&lt;").replace("\n", "<br>")).lines)
    quoted = entity.fields.content_type in ("text/rfc822-headers", "message/rfc822-headers")
    return _Text(kind, text, quoted=quoted)


def _marked(kind: Kind, lines: list[Line]) -> _Text:
    return _Text(kind, "\n".join([line.text for line in lines]), lines)


def _charset_of_html(octets: bytes) -> str:
    """What HTML says of its own charset."""
    head = octets[:2048].lower()
    position = head.find(b"charset=")
    if position < 0:
        return ""
    name = head[position + 8 : position + 60].lstrip(b"\"' ")
    return "".join(chr(octet) for octet in name[: _end_of_name(name)])


def _end_of_name(name: bytes) -> int:
    for number, octet in enumerate(name):
        if not (octet in b"-_:." or chr(octet).isalnum()) or octet > 127:
            return number
    return len(name)


def _outside_of_pgp(lines: list[Line]) -> list[Line]:
    """The text around an encrypted block, which itself says nothing."""
    found: list[Line] = []
    inside = False
    for line in lines:
        if line.text.lstrip("> ").startswith("-----BEGIN PGP MESSAGE-----"):
            inside = True
        if not inside:
            found.append(line)
        if line.text.lstrip("> ").startswith("-----END PGP MESSAGE-----"):
            inside = False
    return found


def _files_in_text(entity: _Entity, octets: bytes, work: _Work) -> tuple[bytes, tuple[Part, ...]]:
    octets, files = embedded_files(octets)
    parts: list[Part] = []
    for number, file in enumerate(files, 1):
        if work.parts <= 0:
            work.defects["too-many-parts"] = None
            break
        work.parts -= 1
        path = f"{entity.path}.{number}"
        parts.append(
            Part(
                path,
                file.content_type,
                Kind.ATTACHMENT,
                filename=file.filename,
                size=len(file.octets),
                defects=("file-in-text",),
                _octets=file.octets,
            )
        )
    if parts:
        work.defects["file-in-text"] = None
    return octets, tuple(parts)


# --- all other kinds -------------------------------------------------------------------------------


def _beside(entity: _Entity, kind: Kind, draft: _Draft, work: _Work) -> None:
    """Files: what is in them is a matter of extraction."""
    octets, defects = entity.decoded()
    text = ""
    if kind is Kind.OTHER and entity.fields.content_type == "message/external-body":
        text = work.may_read(clean(decoded_text(octets[:10_000], "")[0])).strip()
        draft.hidden.append(text)
    draft.parts.append(_part(entity, kind, len(octets), text, defects))
    work.defects.update(dict.fromkeys(defects))


def _calendar(entity: _Entity, kind: Kind, draft: _Draft, work: _Work) -> None:
    octets, defects = entity.decoded()
    text, charset, more = decoded_text(octets[: work.limits.text], entity.fields.charset)
    said = work.may_read(calendar_text(clean(text)))
    draft.parts.append(_part(entity, kind, len(octets), said, (*defects, *more), charset))
    if entity.fields.disposition != "attachment":
        draft.texts.append(_Text(kind, said))


def _attached(entity: _Entity, kind: Kind, draft: _Draft, work: _Work) -> None:
    """An attached message: its header, text and file names are the text of the part."""
    octets, start, end = entity.octets, entity.start, entity.end
    defects: tuple[str, ...] = ()
    if entity.fields.encoding:
        octets, defects = entity.decoded()
        start, end = 0, len(octets)
    while start < end and octets[start] in b"\r\n":  # empty lines before a header are nobody's intention
        start += 1
    if entity.messages >= work.limits.messages:
        work.defects["nested-too-deep"] = None
        draft.parts.append(_part(entity, kind, end - start, "", (*defects, "nested-too-deep")))
        return
    if entity.fields.content_type == "message/partial":
        defects = (*defects, "partial-message")
        work.defects["partial-message"] = None
    inner = _message(octets, start, end, entity.path, entity.messages + 1, work)
    text = work.may_read(_text_of_message(inner))
    part = _part(entity, kind, end - start, text, defects)
    draft.parts.append(replace(part, message=inner))


def _text_of_message(message: Readable) -> str:
    """A message as the text of an attachment."""
    reading = message.reading
    lines: list[str] = []
    for name, boxes in (("From", reading.from_), ("To", reading.to), ("Cc", reading.cc)):
        if boxes:
            lines.append(f"{name}: " + ", ".join(f"{box.name} <{box.address}>".strip() for box in boxes))
    lines += [f"Subject: {reading.subject}"] if reading.subject else []
    targets = "\n".join(link.target for link in message.links)
    texts = (message.body, message.quoted, message.hidden, targets, "\n".join(message.filenames))
    return "\n\n".join(("\n".join(lines), *filter(None, texts))).strip()


def _encrypted(entity: _Entity, kind: Kind, draft: _Draft, work: _Work) -> None:
    """S/MIME in one piece: what is only signed is read, encrypted content is not."""
    octets, defects = entity.decoded()
    content = signed_content(octets) if entity.depth < work.limits.depth else None
    if content is None:
        draft.parts.append(_part(entity, kind, len(octets), "", (*defects, "encrypted")))
        work.defects["encrypted"] = None
        return
    draft.parts.append(_part(entity, Kind.SIGNATURE, len(octets), "", defects))
    holder = replace(entity, octets=content, start=0, end=len(content), fields=Fields())
    _read(_child(holder, 0, len(content), f"{entity.path}.1"), draft, work)


def _tnef(entity: _Entity, kind: Kind, draft: _Draft, work: _Work) -> None:
    octets, defects = entity.decoded()
    found = unpacked(octets)
    if "no-tnef" in found.defects:
        draft.parts.append(_part(entity, Kind.ATTACHMENT, len(octets), "", (*defects, "no-tnef")))
        return
    path = entity.path
    inside = _Draft()
    more = list(found.defects)
    _tnef_text(found, inside, work)
    rtf = unpacked_rtf(found.rtf) if found.rtf and not inside.texts else None
    if found.rtf and not inside.texts and not rtf:
        more.append("rtf-only")
    text = "\n".join(each.shown for each in inside.texts)
    draft.parts.append(_part(entity, kind, len(octets), text, (*defects, *more)))
    draft.add(inside)
    attachments = found.attachments
    if rtf:  # extraction reads it
        attachments = [*attachments, TnefAttachment(content_type="application/rtf", octets=rtf)]
    for number, attachment in enumerate(attachments, 1):
        if work.parts <= 0:
            work.defects["too-many-parts"] = None
            break
        work.parts -= 1
        _tnef_attachment(attachment, replace(entity, path=f"{path}.{number}"), draft, work)
    work.defects.update(dict.fromkeys(more))


def _tnef_text(found: Unpacked, inside: _Draft, work: _Work) -> None:
    if found.html:
        page = rendered(
            work.may_read(clean(decoded_text(found.html, _charset_of_html(found.html) or found.charset)[0]))
        )
        inside.texts.append(_marked(Kind.HTML, page.lines))
        inside.hidden.append(page.hidden)
        inside.links += page.links
    elif found.text:
        text = work.may_read(clean(found.text))
        inside.texts.append(_Text(Kind.TEXT, text))


def _tnef_attachment(attachment: TnefAttachment, entity: _Entity, draft: _Draft, work: _Work) -> None:
    fields = Fields(
        content_type=attachment.content_type or "application/octet-stream",
        disposition="attachment",
        filename=display_name(attachment.filename),
        content_id=attachment.content_id,
    )
    inner = replace(entity, fields=fields, octets=attachment.octets, start=0, end=len(attachment.octets))
    inner = replace(inner, depth=entity.depth + 1)
    if attachment.is_message and inner.depth < work.limits.depth:
        _tnef(inner, Kind.TNEF, draft, work)
        return
    kind = kind_of(fields, "", False)
    (_READERS[kind] if kind is not Kind.TNEF else _beside)(inner, kind, draft, work)


_READERS = {
    Kind.TEXT: _text,
    Kind.HTML: _text,
    Kind.IMAGE: _beside,
    Kind.ATTACHMENT: _beside,
    Kind.MESSAGE: _attached,
    Kind.CALENDAR: _calendar,
    Kind.TNEF: _tnef,
    Kind.ENCRYPTED: _encrypted,
    Kind.SIGNATURE: _beside,
    Kind.OTHER: _beside,
}

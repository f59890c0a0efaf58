"""What the author of a message wrote, and what is quoted or signed below it.

Mail programs quote in few ways: lines that begin with `>`, a line "On ... wrote:" before them or before all the rest,
a header "From: ... Sent: ... To: ..." with all the rest below, a line "-----Original Message-----". HTML has marks
besides (`markup`). A signature begins with "-- ".

Promises: never raises; linear in the lines. In doubt a line is the author's: what is taken for new text and is none
costs a reader a second, the other way round a search of new text misses something.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.message.quotes import ATTRIBUTION, Part, header_field
from gateway.message.readable.markup import Line

_SIGNATURE_LINES = 12  # longer is no signature
_ATTRIBUTION_LINES = 4
_BLOCK_LINES = 7
_LINE_LIMIT = 2_000  # characters of a line that are looked at

_ORIGINAL = re.compile(
    r"[\s*_]*(?:-{2,}|_{5,})\s*(?:original message|original appointment|forwarded (?:message|by\b.{0,100})|"
    r"reply message|mensaje original|mensaje reenviado|forwarded|mensagem original|mensagem encaminhada|"
    r"message d.origine|message transféré|message original|ursprüngliche nachricht|weitergeleitete nachricht|"
    r"messaggio originale|messaggio inoltrato|tin nhắn gốc|thư gốc|thư đã chuyển tiếp|原始邮件|原始郵件|"
    r"转发邮件|轉寄郵件|转发的邮件|пересылаемое сообщение|исходное сообщение)\s*(?:-{2,}|_{5,})?.{0,60}",
    re.IGNORECASE,
)
_BEGIN_FORWARDED = re.compile(
    r"\s*(?:begin forwarded message|inicio del mensaje reenviado|início da mensagem encaminhada|"
    r"début du message réexpédié|début du message transféré|anfang der weitergeleiteten nachricht|"
    r"inizio messaggio inoltrato)\s*:\s*",
    re.IGNORECASE,
)
# How the first line of a wrapped attribution begins.
_ATTRIBUTION_START = re.compile(
    r"(?:\W{0,3})(?:on|el|em|le|am|il|op|den|vào|lúc|nan|\d{1,4}[-/. ]\d{1,2}|在|于|quoting|at)\b",
    re.IGNORECASE,
)
# A time alone does not make "On Friday at 3:00 she wrote:" a quotation.
_DATED = re.compile(r"@|\b(?:19|20)\d\d\b|\d年|\d[./]\d{1,2}[./]\d\d")
_WROTE_ASIAN = re.compile(r"(?:写道|寫道|đã viết|написал\w*|の投稿|さんのメール)\s*[:：]\s*\Z")
_SENT_FROM = re.compile(
    r"\s*(?:sent from (?:my|yahoo|mail for|outlook)\b|get outlook for (?:ios|android)|sent via\b|"
    r"enviado desde (?:mi|yahoo|outlook|correo)\b|enviado do (?:meu|yahoo|outlook|email)\b|"
    r"envoyé (?:de|depuis) mon\b|von meinem \w+ gesendet|gửi từ|发自我的|發自我的).{0,80}\Z",
    re.IGNORECASE,
)
_SUBJECTS = frozenset({"subject", "asunto", "assunto", "objet", "betreff", "oggetto", "тема", "主题"})
_RULE = re.compile(r"\s*[_\-=*]{5,}\s*")


def divided(lines: Sequence[Line]) -> tuple[str, str]:
    """The author's text, and the quoted text with the signature."""
    new, old = _divided(lines)
    if not new and any(line.markup for line in lines):
        # All of it is marked: a forwarded message, or a program that marks what its user writes. The text tells.
        return _divided([Line(line.text) for line in lines])
    return new, old


def _divided(lines: Sequence[Line]) -> tuple[str, str]:
    ours, end = _marked(lines)
    _without_signature(lines, ours, end)
    new = "\n".join(line.text for line, own in zip(lines, ours, strict=True) if own)
    old = "\n".join(line.text for line, own in zip(lines, ours, strict=True) if not own)
    return new.strip("\n "), old.strip("\n ")


def _marked(lines: Sequence[Line]) -> tuple[list[bool], int]:
    """Which lines are the author's, and where all the rest is quoted."""
    ours = [True] * len(lines)
    for number, line in enumerate(lines):
        text = line.text
        if line.quoted or _is_quoted(text):
            ours[number] = False
            continue
        stripped = text.strip()
        if not stripped:
            continue
        last = stripped[-1]
        if last in ":：":
            first = _attribution(lines, number, stripped)
            if first is not None:
                if not _quotes_follow(lines, number):
                    return _rest(lines, ours, first)
                ours[first : number + 1] = [False] * (number + 1 - first)
                continue
            if _BEGIN_FORWARDED.fullmatch(stripped):
                return _rest(lines, ours, number)
        if stripped[0] in "-_*" and len(stripped) < 200 and _ORIGINAL.fullmatch(stripped):
            return _rest(lines, ours, number)
        if (":" in stripped or "：" in stripped) and _is_header(lines, number, stripped):
            before = number - 1
            while before >= 0 and not lines[before].text.strip():
                before -= 1
            start = before if before >= 0 and _RULE.fullmatch(lines[before].text) else number
            return _rest(lines, ours, start)
    return ours, len(lines)


def _rest(lines: Sequence[Line], ours: list[bool], start: int) -> tuple[list[bool], int]:
    ours[start:] = [False] * (len(lines) - start)
    return ours, start


def _is_quoted(text: str) -> bool:
    """`>` at the beginning; `>From` is an mbox file's mark in the author's own text."""
    stripped = text.lstrip()
    return stripped.startswith(">") and not stripped.startswith(">From ")


def _attribution(lines: Sequence[Line], number: int, text: str) -> int | None:
    """The first line of "On ... wrote:" that ends here; None where this ends none."""
    tail = text[-200:]
    if not (ATTRIBUTION.search(tail) or _WROTE_ASIAN.search(tail)):
        return None
    collected = ""
    for first in range(number, max(-1, number - _ATTRIBUTION_LINES), -1):
        line = lines[first].text.strip()[:_LINE_LIMIT]
        if not line or lines[first].quoted or _is_quoted(line):
            break
        collected = f"{line} {collected}"
        if _ATTRIBUTION_START.match(line) and _DATED.search(collected):
            return first
    return number if _DATED.search(text[-_LINE_LIMIT:]) or _quotes_follow(lines, number) else None


def _quotes_follow(lines: Sequence[Line], number: int) -> bool:
    for line in lines[number + 1 : number + 4]:
        if line.text.strip():
            return line.quoted or _is_quoted(line.text)
    return False


def _is_header(lines: Sequence[Line], number: int, text: str) -> bool:
    """Whether a quoted header begins here: who wrote, and two more fields in the lines below.

    One must be the subject, or the writer must have an address: a trip has "From: To: Date:" too.
    """
    first = header_field(text[:_LINE_LIMIT].strip(" *\t|"))
    if first is None or first[0] is not Part.WRITER or not first[1].strip():
        return False
    names = {Part.WRITER.value}
    for line in lines[number + 1 : number + 1 + _BLOCK_LINES]:
        found = header_field(line.text[:_LINE_LIMIT].strip(" *\t|>"))
        if found is not None:
            names.add(str(found[0]))
    return len(names) >= 3 and ("@" in first[1] or not _SUBJECTS.isdisjoint(names))


# --- signatures ------------------------------------------------------------------------------------


def _without_signature(lines: Sequence[Line], ours: list[bool], end: int) -> None:
    """Takes the signature out of the author's lines: from "-- " on, if what follows is short enough to be one."""
    following = 0  # of the author's lines with text
    for number in range(min(end, len(lines)) - 1, -1, -1):
        if not ours[number]:
            continue
        text = lines[number].text
        if not text.strip():
            continue
        if text.rstrip() == "--" or text == "—":
            for later in range(number, len(lines)):
                ours[later] = False
            return
        if following == 0 and _SENT_FROM.match(text):
            ours[number] = False
            continue
        following += 1
        if following > _SIGNATURE_LINES:
            return


# --- forwards --------------------------------------------------------------------------------------

_SAYS_FORWARDED = (
    "forwarded", "reenviado", "encaminhada", "transféré", "réexpédié", "weitergeleitete", "inoltrato", "chuyển tiếp",
    "转发", "轉寄", "пересыл",
)  # fmt: skip
# Of a subject whose first prefix says so: English, German, Spanish, Portuguese, French, Italian, Chinese, Vietnamese.
_FORWARDS = re.compile(
    r"\s*\[?(?:fw|fwd|wg|rv|enc|tr|i|转发|轉寄|轉發|chuyển tiếp)\s*(?:\[\d{1,3}\]|\(\d{1,3}\))?\s*[:：]",
    re.IGNORECASE,
)
_TAG = re.compile(r"\s*\[[^\]:]{1,60}\]\s*")
# The fields of the heading that programs put before what they forward: English, German, Spanish, Portuguese, French.
_HEADING_FIELDS = {
    **dict.fromkeys(("from", "von", "de"), "from"),
    **dict.fromkeys(("to", "an", "para", "à"), "to"),
    **dict.fromkeys(("cc", "kopie", "copie à"), "cc"),
    **dict.fromkeys(("bcc", "bkk", "cco"), "bcc"),
    **dict.fromkeys(
        (
            "sent", "date", "gesendet", "datum", "enviado", "enviado el", "enviado em", "enviada em", "fecha", "data",
            "envoyé",
        ),
        "date",
    ),
    **dict.fromkeys(_SUBJECTS, "subject"),
    **dict.fromkeys(("reply-to", "antwort an", "responder a", "répondre à"), "reply-to"),
    **dict.fromkeys(("importance", "wichtigkeit", "importancia", "prioridade"), "importance"),
    **dict.fromkeys(("attachments", "anlagen", "datos adjuntos", "anexos"), "attachments"),
}  # fmt: skip
_HEADING = re.compile(r"\**([^\W\d_][^:：*]{0,20})\**\s*[:：]\**(.*)", re.DOTALL)
_OF_PEOPLE = frozenset({"to", "cc", "bcc"})
# The rest of a list of addresses that was too long for its line.
_ADDRESSES = re.compile(
    r"\s*(?:(?:[^@,;<>]{0,80}<[^\s<>,;@]{1,64}@[^\s<>,;@]{1,255}>|[^\s<>,;@]{1,64}@[^\s<>,;@]{1,255})\s*(?:[,;]\s*|\Z))+"
)
_HEADING_LINES = 40


@dataclass(frozen=True, slots=True)
class Forwarded:
    """What a text forwards."""

    before: str  # what stands above it
    writer: str  # who wrote it, as its heading says
    subject: str
    text: str


def forwarded(text: str, subject: str) -> Forwarded | None:
    """What a text forwards by the mark and the heading that mail programs put above it; None where it forwards nothing.

    A heading without a mark stands above what is answered, too: there the subject must say that it is a forward. Where
    something is quoted above, the text is an answer. In doubt it forwards nothing.
    """
    says = says_forward(subject)
    if not says and not _says_forwarded(text):
        return None
    lines = [Line(line) for line in text.split("\n")]
    ours, start = _marked(lines)
    if start == len(lines) or not all(ours[:start]):
        return None
    if not says and not _says_forwarded(lines[start].text):
        return None
    below = [line.text for line in lines[start:]]
    heading = _heading(below)
    if heading is None:
        return None
    end, writer, about = heading
    rest = _unquoted(below[end:])
    before = "\n".join(line.text for line in lines[:start])
    return Forwarded(before.strip("\n "), writer, about, "\n".join(rest).strip("\n "))


def _says_forwarded(text: str) -> bool:
    text = text.lower()
    return any(word in text for word in _SAYS_FORWARDED)


def says_forward(subject: str) -> bool:
    """Whether the first prefix of a subject says that the message is a forward."""
    subject = subject[:_LINE_LIMIT]
    if _FORWARDS.match(subject):
        return True
    tag = _TAG.match(subject)
    return tag is not None and _FORWARDS.match(subject, tag.end()) is not None


def _heading(lines: Sequence[str]) -> tuple[int, str, str] | None:
    """Where the heading ends that begins here, who wrote, and about what; None where there is no heading.

    Blank lines end it once it is whole. What is no field ends it at once, so that no words of a text are taken for one.
    """
    found: dict[str, str] = {}
    last = ""
    for number, line in enumerate(lines[:_HEADING_LINES]):
        text = line[:_LINE_LIMIT].lstrip(" \t>|\xa0").rstrip()
        field = _HEADING.fullmatch(text)
        name = _HEADING_FIELDS.get(field[1].strip().lower(), "") if field is not None else ""
        if field is not None and name and name not in found:  # programs write each field once
            last = name
            found[name] = field[2].strip(" *\t")
        elif not found:
            if text and not _begins(text):
                return None
        elif (text or _is_whole(found)) and not (last in _OF_PEOPLE and _ADDRESSES.fullmatch(text)):
            return (number, found["from"], found["subject"]) if _is_whole(found) else None
    return None


def _is_whole(found: Mapping[str, str]) -> bool:
    """Whether a heading says who wrote, and about what."""
    return bool(found.get("from")) and "subject" in found


def _begins(text: str) -> bool:
    """Whether a line can stand above a heading: one that a program wrote, with nothing of its user's behind it."""
    if text[-1] in "-_*" and _ORIGINAL.fullmatch(text):
        return True
    return bool(_BEGIN_FORWARDED.fullmatch(text) or _RULE.fullmatch(text))


def _unquoted(lines: Sequence[str]) -> list[str]:
    """Without the mark of a quotation, where all of it has one."""
    if all(_is_quoted(line) for line in lines if line.strip()):
        return [line.lstrip().removeprefix(">").removeprefix(" ") for line in lines]
    return list(lines)

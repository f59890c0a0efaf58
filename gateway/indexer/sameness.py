"""Which messages say the same: keys that are equal for a text, what repeats it, and what forwards it.

A message is the layers of what it says: a text, or words above a forwarded text, which may forward another one. Its
`text` is the same for messages with the same words in all layers; a forward to which nothing was added has the layers
of its original. Its `origin` is the same for messages with the same innermost layer.

Compared are the words of subject and text from the first to the last in their order, those that are quoted included,
with emoji; the octets of all files; and where links lead. Not compared are case, accents, punctuation, blanks and line
breaks; who sends to whom, and when; Re: and Fwd:; the heading that a mail program puts above what it forwards; of
whoever forwards a signature (below "--", with the whole name, at most 12 lines) and "Sent from my iPhone"; and what
HTML hides.

Promises: what is unsure is like nothing else: few words, a part that cannot be read, versions that differ. Messages
with one content id have the same keys in any case. A signature without "--" is a comment, and a line that a server adds
makes another text: so some that are alike are missed. Joined though they differ are only those that differ in what is
not compared: words in such a heading or signature, or hidden in HTML. Never raises; linear, but for forwards within
forwards, of which few are looked at.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from urllib.parse import parse_qs, urlsplit

from gateway.message.readable.links import Link
from gateway.message.readable.model import Kind, Part, Readable
from gateway.message.readable.quoting import forwarded
from gateway.message.readable.thread import subject_of_thread
from gateway.message.words import words
from gateway.search.tantivy.text import uncut

FEWEST_WORDS = 8  # "Yes, thank you!" says something else each time
MOST_LAYERS = 10
_LONGEST = 300_000  # letters of a text in which a forward is looked for
_SUBJECT_LETTERS = 2_000
_COMPARED = 50_000_000  # letters that links are looked for in

_DIGEST_OCTETS = 12


@dataclass(frozen=True, slots=True)
class Same:
    """The keys of a message; empty where nothing can be like it."""

    text: str = ""
    origin: str = ""


@dataclass(frozen=True, slots=True)
class _Layer:
    """What somebody says, and under which subject."""

    subject: str  # its words
    said: str  # the words of the text
    words: int  # how many
    text: str  # as people read it


def same(message: Readable, content_id: str) -> Same:
    """The keys of a message. `content_id`: equal for the transactions of one message."""
    nested = _nested(message)
    found = _compared(nested) if all(map(_is_sure, nested)) else Same()
    if found.text or not content_id:
        return found
    copies = _digest(["message", content_id])
    return Same(copies, copies)


def _compared(nested: Sequence[Readable]) -> Same:
    layers = list(_layers(nested))
    if sum([layer.words for layer in layers]) < FEWEST_WORDS:
        return Same()
    links = _links(nested, layers)
    if links is None:
        return Same()
    beside = ["\1", *sorted(_files(nested)), "\1", *links]
    innermost = layers[-1]
    last = f"{innermost.subject} {innermost.said}"
    origin = _digest([last, *beside])
    added = [each for each in map(_added, layers, layers[1:]) if each.strip()]
    text = _digest([*added, last, *beside]) if added else origin
    return Same(text, origin if innermost.words >= FEWEST_WORDS else text)


def _digest(pieces: Iterable[str]) -> str:
    octets = "\0".join(pieces).encode("utf-8", "surrogatepass")
    return base64.urlsafe_b64encode(hashlib.blake2b(octets, digest_size=_DIGEST_OCTETS).digest()).decode()


def _added(layer: _Layer, below: _Layer) -> str:
    """What a forward says by itself: its subject too, where it is another one."""
    return f"{layer.subject if layer.subject != below.subject else ''} {layer.said}"


def _is_sure(message: Readable) -> bool:
    """Whether all there is to compare can be read."""
    return not message.unreadable and _DOUBTS.isdisjoint(message.defects)


_DOUBTS = frozenset({"versions-differ", "unreadable-message"})


def _nested(message: Readable) -> list[Readable]:
    """A message and those that it forwards as attachments, from the outermost to the innermost."""
    found = [message]
    while (inner := _attached(found[-1])) is not None:
        found.append(inner)
    return found


def _attached(message: Readable) -> Readable | None:
    """The message that one forwards as an attachment: the only one, and not as a report about it."""
    found = [part.message for part in message.parts if part.message is not None]
    if len(found) != 1 or any(part.content_type in _REPORTS for part in message.parts):
        return None
    return found[0]


_REPORTS = frozenset(
    {"message/delivery-status", "message/global-delivery-status", "message/disposition-notification",
     "message/feedback-report", "message/tracking-status", "message/partial"}
)  # fmt: skip


# --- what it says ------------------------------------------------------------------------------------------


def _layers(nested: Sequence[Readable]) -> Iterator[_Layer]:
    """The layers from the outermost to the innermost; at least one."""
    *outer, message = nested
    for each in outer:
        yield _layer(each.reading.subject, _unsigned(each.text, _names(each)))
    subject, text, names = message.reading.subject, message.text, None
    for _ in range(MOST_LAYERS if len(text) < _LONGEST else 0):
        found = forwarded(text, subject)
        if found is None:
            break
        names = _names(message) if names is None else names
        yield _layer(subject, _unsigned(found.before, names))
        # Some programs put the signature of whoever forwards below it all.
        subject, text = found.subject, _unsigned(found.text, names)
        names = [_name(found.writer)]
    yield _layer(subject, text)


_EMOJI = re.compile("[\u2600-\u27bf\U0001f000-\U0001faff]")


def _layer(subject: str, text: str) -> _Layer:
    text = _without_device(text)
    said = uncut(text).split()
    if not text.isascii():
        said += _EMOJI.findall(text)
    return _Layer(subject_of_thread(subject[:_SUBJECT_LETTERS])[0], " ".join(said), len(said), text)


# --- who signs it ------------------------------------------------------------------------------------------

_SIGNATURE_LINES = 12
_DEVICES = 3  # that a text names one below the other
_DOMAIN = re.compile(r"@[^\s<>]*")
# All words of such a line are of these, so nothing else is said in it.
_OF_DEVICES = frozenset(
    {
        "iphone", "ipad", "android", "samsung", "galaxy", "pixel", "blackberry", "smartphone", "phone", "mobile",
        "tablet", "device", "outlook", "mail", "windows", "ios", "yahoo", "gmail", "google", "verizon", "apple",
    }
)  # fmt: skip
_LINES_OF_DEVICES = _OF_DEVICES | frozenset(
    {
        "sent", "from", "my", "the", "for", "on", "get", "enviado", "desde", "mi", "do", "meu", "von", "meinem",
        "gesendet", "envoye", "de", "mon", "depuis",
    }
)  # fmt: skip


def _names(message: Readable) -> list[frozenset[str]]:
    """The words of the name of each author."""
    return [_name(box.name) for box in (*message.reading.from_, *message.reading.sender)]


def _name(written: str) -> frozenset[str]:
    return frozenset(words(_DOMAIN.sub(" ", re.sub(r"<[^<>]*>", " ", written))))


def _unsigned(text: str, names: Iterable[frozenset[str]]) -> str:
    """A text without the signature of somebody with one of these names."""
    lines = text.rstrip().split("\n")
    following = 0
    for number in range(len(lines) - 1, -1, -1):
        line = lines[number].strip()
        if line == "--":
            said = set(words("\n".join(lines[number:])))
            return "\n".join(lines[:number]) if any(name and name <= said for name in names) else text
        following += bool(line)
        if following > _SIGNATURE_LINES:
            break
    return text


def _without_device(text: str) -> str:
    """A text without "Sent from my iPhone" at its end."""
    text = text.rstrip()
    for _ in range(_DEVICES):
        end = text.rfind("\n")
        if not _names_a_device(text[end + 1 :]):
            break
        text = text[: max(end, 0)].rstrip()
    return text


def _names_a_device(line: str) -> bool:
    if len(line) > 100:
        return False
    found = set(words(line))
    return len(found) > 2 and not found.isdisjoint(_OF_DEVICES) and found <= _LINES_OF_DEVICES


# --- what is beside the text -------------------------------------------------------------------------------

_FILES = frozenset({Kind.ATTACHMENT, Kind.IMAGE, Kind.MESSAGE, Kind.OTHER})


def _files(nested: Sequence[Readable]) -> Iterator[str]:
    """The digest of each file, those of a forwarded message included; what they are called does not matter."""
    for message, inner in zip_longest(nested, nested[1:]):
        for part in message.parts:
            if _is_file(part) and (inner is None or part.message is not inner):
                yield hashlib.blake2b(part.content(), digest_size=16).hexdigest()


def _is_file(part: Part) -> bool:
    """An invitation that stands in place is text."""
    return part.kind in _FILES or (part.kind is Kind.CALENDAR and part.disposition == "attachment")


def _links(nested: Sequence[Readable], layers: Sequence[_Layer]) -> list[str] | None:
    """Where links lead, but for those in what was taken out of a forward; None where that would take too long."""
    found: set[str] = set()
    kept = "" if len(layers) == 1 else " ".join(" ".join(layer.text.split()) for layer in layers)
    for message in nested:
        if len(message.links) * (len(message.text) + len(kept)) > _COMPARED:
            return None
        found.update(
            [_target(link.target) for link in message.links if _is_compared(link, message.text, kept)]
        )
    return sorted(found)


def _is_compared(link: Link, text: str, kept: str) -> bool:
    if not link.target[:5].lower().startswith("http"):
        return False  # mailto: stands in every heading
    if not link.text:
        return link.target not in text  # its words are compared where it is shown
    return not kept or " ".join(link.text.split()) in kept


def _target(target: str) -> str:
    """Where a link leads, without the address of the filter that a mail server puts before it."""
    try:
        parts = urlsplit(target)
        if (parts.hostname or "").endswith(".safelinks.protection.outlook.com"):
            return parse_qs(parts.query)["url"][0]
    except (ValueError, KeyError):
        pass
    return target

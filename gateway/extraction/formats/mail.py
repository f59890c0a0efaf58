"""A message as a file: its header fields and its text; its attachments are parts of their own."""

from __future__ import annotations

from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message
from functools import partial
from typing import Any, Final

from gateway.extraction import charset
from gateway.extraction.formats import html, plain
from gateway.extraction.job import Child, Job, Sink, Unread
from gateway.extraction.model import Status
from gateway.message.readable.transfer import decoded, normal_encoding
from gateway.message.text import decode_words

_FIELDS: Final = ("From", "To", "Cc", "Bcc", "Reply-To", "Date", "Subject")


def read(content: bytes, declared: str, sink: Sink, job: Job) -> None:
    message = message_from_bytes(content)
    encrypted = False
    for field in _FIELDS:
        for value in message.get_all(field, []):
            sink.add(f"{field}: {decode_words(str(value))}\n")
    for part in _leaves(message):
        if not _is_text(part):
            continue
        octets = _octets(part)
        if part.get_content_type() == "text/html":
            html.read(octets, str(part.get("Content-Type", "")), sink, job)
        else:
            text = charset.decode(octets, str(part.get("Content-Type", "")))
            encrypted = plain.add(text, sink) or encrypted
        sink.add("\n")
    if encrypted:
        raise Unread(Status.ENCRYPTED, "text encrypted with PGP")


def children(content: bytes, job: Job) -> Iterator[Child]:
    for part in _leaves(message_from_bytes(content)):
        if not _is_text(part):
            octets = _octets(part)
            yield Child(_name(part), part.get_content_type(), partial(bytes, octets))


def _leaves(message: Message[Any, Any]) -> Iterator[Message[Any, Any]]:
    """The parts with content, in their order; a message within is one. Nests without recursion."""
    left = [message]
    while left:
        part = left.pop()
        inner = part.get_payload()
        if isinstance(inner, list) and part.get_content_maintype() != "message":
            left += [one for one in reversed(inner) if isinstance(one, Message)]
        else:
            yield part


def _is_text(part: Message[Any, Any]) -> bool:
    kind = part.get_content_type()
    return (
        kind in ("text/plain", "text/html")
        and part.get_content_disposition() != "attachment"
        and not _name(part)
    )


def _octets(part: Message[Any, Any]) -> bytes:
    inner = part.get_payload()
    if isinstance(inner, list):
        whole = b"".join(bytes(one) for one in inner if isinstance(one, Message))
        # RFC 2046 §5.2.1 forbids to encode a message; some programs do, and the parser takes no notice.
        return decoded(whole.lstrip(), normal_encoding(str(part.get("Content-Transfer-Encoding", ""))))[0]
    octets = part.get_payload(decode=True)
    return octets if isinstance(octets, bytes) else b""


def _name(part: Message[Any, Any]) -> str:
    return decode_words(part.get_filename() or "")

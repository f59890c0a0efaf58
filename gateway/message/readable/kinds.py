"""What a part is, by what it says of itself and where it stands."""

from __future__ import annotations

import re

from gateway.message.readable.fields import Fields
from gateway.message.readable.model import Kind

_CALENDARS = frozenset({"text/calendar", "application/ics", "text/x-vcalendar"})
_TNEFS = frozenset({"application/ms-tnef", "application/vnd.ms-tnef"})
_SMIME = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
_SIGNATURES = frozenset(
    {
        "application/pkcs7-signature", "application/x-pkcs7-signature", "application/pgp-signature",
        "application/pgp-keys",
    }
)  # fmt: skip
_MESSAGES = frozenset({"message/rfc822", "message/global", "message/partial", "message/news"})
# Reports and the like that mail programs show as text.
_REPORTS = frozenset(
    {
        "message/delivery-status", "message/disposition-notification", "message/feedback-report",
        "message/global-delivery-status", "message/rfc822-headers", "message/tracking-status",
    }
)  # fmt: skip
_FORM = re.compile(rb"[!-9;-~]+[ \t]*:|>?From ")


def looks_like_fields(line: bytes) -> bool:
    """Whether a line of a header can be one; the line that mbox files have before it counts."""
    return _FORM.match(line) is not None


def kind_of(fields: Fields, parent: str, whole: bool) -> Kind:
    """The kind of a part in a multipart of the type `parent`, or of the whole of a message."""
    content_type = fields.content_type
    name = fields.filename.lower()
    # What cannot be read as a type is text (RFC 2045 §5.2), unless it says that it is a file.
    if not content_type:
        content_type = (
            "application/octet-stream" if name or fields.disposition == "attachment" else "text/plain"
        )
    if content_type in _MESSAGES:
        return Kind.MESSAGE
    if content_type in _TNEFS or name == "winmail.dat":
        return Kind.TNEF
    if content_type in _SMIME:
        return Kind.ENCRYPTED
    if content_type in _SIGNATURES:
        return Kind.SIGNATURE
    if content_type in _CALENDARS:
        return Kind.CALENDAR
    main, _, sub = content_type.partition("/")
    if main == "image":
        return Kind.IMAGE
    if parent == "multipart/encrypted":
        return Kind.OTHER if content_type == "application/pgp-encrypted" else Kind.ENCRYPTED
    if content_type == "message/external-body" or content_type == "application/pgp-encrypted":
        return Kind.OTHER
    if main == "text" or content_type in _REPORTS or main == "multipart":
        return _text_kind(fields, main, sub, parent, whole)
    return _by_name(name)


def _text_kind(fields: Fields, main: str, sub: str, parent: str, whole: bool) -> Kind:
    named = fields.filename and parent != "multipart/alternative" and not whole
    if main == "text" and (named or fields.disposition == "attachment"):
        return Kind.CALENDAR if fields.filename.lower().endswith(".ics") else Kind.ATTACHMENT
    return Kind.HTML if sub in ("html", "x-amp-html", "xhtml", "watch-html") else Kind.TEXT


def _by_name(name: str) -> Kind:
    """Files that are called anything, and are what their names say."""
    if name.endswith(".eml"):
        return Kind.MESSAGE
    if name.endswith(".ics"):
        return Kind.CALENDAR
    return Kind.ENCRYPTED if name.endswith((".pgp", ".gpg", ".p7m")) else Kind.ATTACHMENT

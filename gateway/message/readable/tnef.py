"""winmail.dat: what Outlook packs into one attachment (MS-OXTNEF), unpacked as far as people read it.

The text of the message (plain, HTML, or compressed RTF, which is handed on as it is), and the attachments with their
names. Promises: never raises; linear in the octets; numbers of attributes and properties are bounded. What is
cut off or broken is read up to there, and `defects` says so.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from gateway.message.readable.fields import display_name
from gateway.message.text import decode_charset

SIGNATURE = 0x223E9F78
_ATTRIBUTES = 20_000
_PROPERTIES = 10_000

# Attributes (MS-OXTNEF §2.1.3.2): type in the upper, name in the lower half.
_SUBJECT, _BODY, _MESSAGE_PROPERTIES, _CODEPAGE = 0x00018004, 0x0002800C, 0x00069003, 0x00069007
_NEW_ATTACHMENT, _TITLE, _DATA, _ATTACHMENT_PROPERTIES = 0x00069002, 0x00018010, 0x0006800F, 0x00069005

# Properties (MS-OXPROPS).
_P_SUBJECT, _P_BODY, _P_HTML, _P_RTF = 0x0037, 0x1000, 0x1013, 0x1009
_P_DATA, _P_FILENAME, _P_LONG_FILENAME, _P_MIME_TYPE, _P_CONTENT_ID = 0x3701, 0x3704, 0x3707, 0x370E, 0x3712
_P_DISPLAY_NAME = 0x3001

_STRING8, _UNICODE, _OBJECT, _BINARY, _GUID = 0x1E, 0x1F, 0x0D, 0x102, 0x48
_FIXED = {0x1: 0, 0x2: 2, 0x3: 4, 0x4: 4, 0x5: 8, 0x6: 8, 0x7: 8, 0xA: 4, 0xB: 2, 0x14: 8, 0x40: 8, _GUID: 16}
_MULTIPLE = 0x1000
_OBJECT_ID = 16  # octets before an embedded message: the interface by which it is opened


@dataclass(slots=True)
class Attachment:
    """A file, or a message in the same format."""

    filename: str = ""
    content_type: str = ""
    content_id: str = ""
    octets: bytes = field(default=b"", repr=False)
    is_message: bool = False


@dataclass(slots=True)
class Unpacked:
    """What is in a winmail.dat."""

    subject: str = ""
    text: str = ""
    html: bytes = b""
    charset: str = "windows-1252"
    rtf: bytes = b""  # compressed
    attachments: list[Attachment] = field(default_factory=list)
    defects: tuple[str, ...] = ()


def unpacked(octets: bytes) -> Unpacked:
    """Reads a TNEF stream. Never raises."""
    found = Unpacked()
    if len(octets) < 6 or int.from_bytes(octets[:4], "little") != SIGNATURE:
        found.defects = ("no-tnef",)
        return found
    position = 6
    try:
        for _ in range(_ATTRIBUTES):
            if position + 9 > len(octets):
                break
            name, length = struct.unpack_from("<II", octets, position + 1)
            position += 9
            _attribute(found, name, octets[position : position + length])
            if position + length > len(octets):
                found.defects = ("cut-off",)
            position += length + 2  # a checksum
    except (struct.error, _Broken):
        found.defects = ("broken-tnef",)
    return found


class _Broken(Exception):
    """Nothing more can be told apart here."""


def _attribute(found: Unpacked, name: int, value: bytes) -> None:
    if name == _CODEPAGE and len(value) >= 4:
        page = int.from_bytes(value[:4], "little")
        found.charset = "utf-8" if page == 65001 else f"windows-{page}"
    elif name == _SUBJECT:
        found.subject = found.subject or _string(value, found.charset)
    elif name == _BODY:
        found.text = found.text or _string(value, found.charset)
    elif name == _MESSAGE_PROPERTIES:
        _message_properties(found, value)
    elif name == _NEW_ATTACHMENT:
        found.attachments.append(Attachment())
    elif found.attachments:
        last = found.attachments[-1]
        if name == _TITLE:
            last.filename = last.filename or display_name(_string(value, found.charset))
        elif name == _DATA:
            last.octets = value
        elif name == _ATTACHMENT_PROPERTIES:
            _attachment_properties(last, value, found.charset)


def _string(value: bytes, charset: str) -> str:
    return decode_charset(value.rstrip(b"\0"), charset)


def _message_properties(found: Unpacked, value: bytes) -> None:
    for name, kind, octets in _properties(value):
        if name == _P_SUBJECT:
            found.subject = _property_text(kind, octets, found.charset) or found.subject
        elif name == _P_BODY:
            found.text = _property_text(kind, octets, found.charset) or found.text
        elif name == _P_HTML:
            found.html = octets if kind == _BINARY else _property_text(kind, octets, found.charset).encode()
        elif name == _P_RTF:
            found.rtf = octets


def _attachment_properties(attachment: Attachment, value: bytes, charset: str) -> None:
    short = ""
    for name, kind, octets in _properties(value):
        if name == _P_LONG_FILENAME:
            attachment.filename = display_name(_property_text(kind, octets, charset)) or attachment.filename
        elif name in (_P_FILENAME, _P_DISPLAY_NAME):
            short = display_name(_property_text(kind, octets, charset)) or short
        elif name == _P_MIME_TYPE:
            attachment.content_type = _property_text(kind, octets, charset).strip().lower()[:127]
        elif name == _P_CONTENT_ID:
            attachment.content_id = display_name(_property_text(kind, octets, charset)).strip("<>")
        elif name == _P_DATA and kind == _BINARY:
            attachment.octets = attachment.octets or octets
        elif name == _P_DATA and kind == _OBJECT:
            inner = octets[_OBJECT_ID:]
            attachment.is_message = int.from_bytes(inner[:4], "little") == SIGNATURE
            attachment.octets = inner if attachment.is_message else octets
    attachment.filename = attachment.filename or short


def _property_text(kind: int, octets: bytes, charset: str) -> str:
    if kind == _UNICODE:
        return decode_charset(octets, "utf-16-le").rstrip("\0")
    return _string(octets, charset) if kind in (_STRING8, _BINARY) else ""


def _properties(value: bytes) -> list[tuple[int, int, bytes]]:
    """Name, type and first value of each property (MS-OXTNEF §2.1.3.4); those in front of a broken one."""
    found: list[tuple[int, int, bytes]] = []
    try:
        count = int.from_bytes(value[:4], "little")
        position = 4
        for _ in range(min(count, _PROPERTIES)):
            kind, name = struct.unpack_from("<HH", value, position)
            position += 4
            if name >= 0x8000:
                position = _past_name(value, position)
            octets, position = _values(value, position, kind)
            found.append((name, kind & ~_MULTIPLE, octets))
    except (struct.error, _Broken):
        pass
    return found


def _past_name(value: bytes, position: int) -> int:
    """A named property has a GUID, and a number or a name."""
    (by_name,) = struct.unpack_from("<I", value, position + 16)
    (length,) = struct.unpack_from("<I", value, position + 20)
    return position + 24 + (_padded(length) if by_name else 0)


def _values(value: bytes, position: int, kind: int) -> tuple[bytes, int]:
    """The first value of a property, and where the next property begins."""
    single = kind & ~_MULTIPLE
    size = _FIXED.get(single)
    if size is not None:
        count = 1
        if kind & _MULTIPLE:
            (count,) = struct.unpack_from("<I", value, position)
            position += 4
        octets = value[position : position + size]
        return octets, position + _padded(size) * count
    if single not in (_STRING8, _UNICODE, _OBJECT, _BINARY):
        raise _Broken
    (count,) = struct.unpack_from("<I", value, position)
    position += 4
    first = b""
    for number in range(count):
        if number > _PROPERTIES:
            raise _Broken
        (length,) = struct.unpack_from("<I", value, position)
        position += 4
        if number == 0:
            first = value[position : position + length]
        position += _padded(length)
    return first, position


def _padded(length: int) -> int:
    return (length + 3) & ~3

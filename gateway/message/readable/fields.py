"""The `Content-...` fields of a part: type, parameters, disposition, file name (RFC 2045 §5, RFC 2183, RFC 2231).

Promises: never raises; time is linear in the `FIELD_LIMIT` octets of a field that are looked at. File names come in
every way that programs write them: RFC 2231 with pieces and charset, encoded words in quotes (which no standard
allows), raw octets, without quotes and with spaces.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from gateway.message.headers import RawField, decode_value
from gateway.message.readable.charset import charset_name, decoded_text
from gateway.message.readable.transfer import normal_encoding
from gateway.message.text import decode_charset, decode_words

FIELD_LIMIT = 16 * 1024  # octets of one field
_REMEMBERED = 300  # octets of all fields of a part that are worth remembering
_NAME_LIMIT = 255  # characters of a file name that are shown


@dataclass(frozen=True, slots=True)
class Fields:
    """What a part says of itself."""

    content_type: str = ""  # "" where there is none or none that can be read
    encoding: str = ""  # normalised
    charset: str = ""
    boundary: str = ""
    flowed: bool = False  # RFC 3676
    delsp: bool = False
    smime: str = ""  # RFC 8551 §3.2.2
    disposition: str = ""
    filename: str = ""
    content_id: str = ""
    defects: tuple[str, ...] = ()


_NONE = Fields()
_SOUND_TYPE = re.compile(r"\s*\"?([!#$&^_.+A-Za-z0-9-]{1,64})\s*/\s*([!#$&^_.+A-Za-z0-9-]{1,64})")
_TOKEN = re.compile(r"[A-Za-z0-9_-]+")


def read_fields(fields: Iterable[RawField]) -> Fields:
    """The facts of a part; of a field that comes twice, the first that can be read counts."""
    own = tuple([field for field in fields if field[0][:8].lower() == b"content-"])
    if not own:
        return _NONE
    short = sum([len(name) + len(value) for name, value in own]) <= _REMEMBERED
    return _remembered(own) if short else _read(own)


def _read(fields: tuple[RawField, ...]) -> Fields:
    values: dict[bytes, str] = {}
    defects: dict[str, None] = {}
    for name, value in fields:
        key = name.lower()
        if len(value) > FIELD_LIMIT:
            defects["field-too-long"] = None
        if key in values:
            defects["duplicate-content-field"] = None
        if not values.get(key):
            values[key] = decode_value(value[:FIELD_LIMIT])
    declared = values.get(b"content-type", "")
    sound = _SOUND_TYPE.match(declared)
    if declared and sound is None:
        defects["bad-content-type"] = None
    parameters = _parameters(declared)
    placed = values.get(b"content-disposition", "")
    more = _parameters(placed) if placed else {}
    token = _TOKEN.match(placed.lstrip(" \"'"))
    filename = (
        more.get("filename") or more.get("name") or parameters.get("name") or parameters.get("filename") or ""
    )
    return Fields(
        content_type=f"{sound[1]}/{sound[2]}".lower() if sound else "",
        encoding=normal_encoding(values.get(b"content-transfer-encoding", "")),
        charset=charset_name(parameters.get("charset", "")),
        boundary=parameters.get("boundary", ""),
        flowed=parameters.get("format", "").lower() == "flowed",
        delsp=parameters.get("delsp", "").lower() == "yes",
        smime=parameters.get("smime-type", "").lower(),
        disposition=token[0].lower() if token else "",
        filename=display_name(filename),
        content_id=values.get(b"content-id", "").strip(" <>")[:_NAME_LIMIT],
        defects=tuple(defects),
    )


# Mail programs write the same few fields before most parts.
_remembered = lru_cache(maxsize=1024)(_read)


# --- parameters ------------------------------------------------------------------------------------

# Name and value; the value in quotes, or else up to the next semicolon. An unclosed quote ends with the field.
_PARAMETER = re.compile(
    r";\s*([^\s=;\"]{1,60})\s*=\s*(?:\"([^\"\\]*(?:\\.[^\"\\]*)*)(?:\"|\\?\Z)|([^;\"]*))", re.DOTALL
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_PIECE = re.compile(r"([^*]+)(?:\*(\d{1,3}))?(\*)?")
_PARAMETERS = 200


def _parameters(value: str) -> dict[str, str]:
    """Every parameter by its name in lower case, pieces joined and charsets decoded (RFC 2231 §3, §4)."""
    if ";" not in value:
        return {}
    simple: dict[str, str] = {}
    pieces: dict[str, dict[int, tuple[bool, str]]] = {}
    # A value without quotes may end at a colon or a comma in mail that was never tested.
    for count, match in enumerate(_PARAMETER.finditer(value[value.index(";") :])):
        if count >= _PARAMETERS:
            break
        text = match[3].strip() if match[2] is None else _ESCAPED.sub(r"\1", match[2])
        name = match[1].lower()
        piece = _PIECE.fullmatch(name) if "*" in name else None
        if piece is None:
            simple.setdefault(name, text)
        else:
            pieces.setdefault(piece[1], {}).setdefault(int(piece[2] or 0), (bool(piece[3]), text))
    for name, numbered in pieces.items():
        joined = _joined(numbered)
        if joined:
            simple[name] = joined
    return simple


def _joined(numbered: dict[int, tuple[bool, str]]) -> str:
    """The pieces of a parameter in order; the first one may name a charset and a language."""
    charset = ""
    octets = b""
    for number in sorted(numbered):
        encoded, text = numbered[number]
        if encoded and not octets and text.count("'") >= 2:
            charset, _, text = text.split("'", 2)
        octets += unquote_to_bytes(text) if encoded else text.encode("utf-8", "replace")
    return decoded_text(octets, charset_name(charset))[0] if charset else decode_charset(octets, "utf-8")


# --- file names ------------------------------------------------------------------------------------

# What a screen would obey: they turn text around (so that exe.gpj looks like an image), or are no characters.
_OBEYED = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def display_name(name: str) -> str:
    """A file name that can be shown; of one that is too long the end, which says what it is."""
    name = decode_words(name).strip(" \t\r\n\"'")
    if name.isprintable():
        shown = name
    else:
        shown = "".join("\ufffd" if unicodedata.category(each) in _OBEYED else each for each in name)
    return shown if len(shown) <= _NAME_LIMIT else f"{shown[: _NAME_LIMIT - 41]}…{shown[-40:]}"

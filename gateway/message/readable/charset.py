"""The text behind octets whose charset is declared: rightly, wrongly, or not at all.

Promises: never raises, linear. The declared charset is believed unless the octets prove it wrong: a byte order mark
wins, octets that can only be UTF-8 are UTF-8, what is no UTF-8 though it is said to be is Windows-1252. UTF-7, by
which markup hides from those who look for it, is not decoded: its text stays as it came (`alternative` has it decoded).
"""

from __future__ import annotations

import codecs
import re

from gateway.message.text import decode_charset

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LIKE_ASCII = frozenset({"", "us-ascii", "utf-8", "iso-8859-1", "windows-1252"})  # what nearly all mail is in
_NOT_NAME = re.compile(r"[^a-z0-9_.:+-]+")
_UTF7 = frozenset({"utf-7", "utf7", "unicode-1-1-utf-7", "csutf7", "x-unicode-2-0-utf-7", "u7"})
_WIDE = ("utf-16", "utf16", "utf-32", "utf32", "ucs-2", "ucs2", "ucs-4", "ucs4", "utf_16", "utf_32")
_ESCAPED = ("iso-2022", "iso2022", "hz", "csiso2022", "x-iso-2022")  # ASCII octets that are no ASCII
_EBCDIC = ("cp037", "ibm037", "cp500", "ibm500", "cp1026", "ibm1026", "cp1140", "ibm1140", "cp273", "cp424")
_MULTI = (
    "gb",
    "big5",
    "euc",
    "shift",
    "sjis",
    "x-sjis",
    "ks",
    "cp9",
    "windows-9",
    "x-gbk",
    "johab",
    "ms9",
    "windows-31j",
)


def charset_name(declared: str) -> str:
    """A declared charset in lower case without what is no part of it (`3Dutf-8`, quotes)."""
    name = _NOT_NAME.sub("", declared.lower().strip("\"' "))[:40]
    return name.removeprefix("3d")


def decoded_text(octets: bytes, declared: str) -> tuple[str, str, tuple[str, ...]]:
    """The text, the charset that was used, and what was wrong with the declared one."""
    if declared in _LIKE_ASCII and octets.isascii():
        return octets.decode("ascii"), declared or "us-ascii", ()
    for mark, name in _BOMS:
        if octets.startswith(mark):
            rest = octets[len(mark) :] if name == "utf-8" else octets
            return decode_charset(rest, name), name, ()
    if declared in _UTF7:
        return decode_charset(octets, "utf-8"), "us-ascii", ("utf-7",)
    if declared.startswith(_WIDE):
        return _wide(octets, declared)
    if declared.startswith(_ESCAPED + _EBCDIC):
        return decode_charset(octets, declared), declared, ()
    if octets.isascii():
        return octets.decode("ascii"), declared or "us-ascii", ()
    try:
        text = octets.decode("utf-8")
    except UnicodeDecodeError:
        return _not_utf8(octets, declared)
    if declared in ("utf-8", "utf8", ""):
        return text, "utf-8", ()
    # Chinese in GBK is UTF-8 too only by chance and only in few characters of two octets.
    if declared.startswith(_MULTI) and max(text) < "\u0800":
        other = decode_charset(octets, declared)
        if "\ufffd" not in other:
            return other, declared, ()
    return text, "utf-8", ("wrong-charset",)


def utf7(octets: bytes) -> str:
    """Octets as the UTF-7 that they are said to be."""
    return decode_charset(octets, "utf-7")


def _not_utf8(octets: bytes, declared: str) -> tuple[str, str, tuple[str, ...]]:
    text = decode_charset(octets, declared or "windows-1252")
    if "\ufffd" not in text:
        return text, declared or "windows-1252", () if declared else ("undeclared-charset",)
    # Either declared UTF-8, ASCII or unknown, or another charset with a broken character; of these few are replaced.
    if text.count("\ufffd") * 50 < len(text):
        utf8 = declared in ("utf-8", "utf8") and max(text.replace("\ufffd", " ")) > "\x7f"
        if utf8 or declared.startswith(_MULTI):
            return text, declared, ("broken-characters",)
    if declared.startswith(_MULTI):
        return text, declared, ("broken-characters",)
    return decode_charset(octets, "windows-1252"), "windows-1252", ("wrong-charset",)


def _wide(octets: bytes, declared: str) -> tuple[str, str, tuple[str, ...]]:
    """UTF-16 and UTF-32 have zeros in them unless the text is far from Latin; without, ASCII is what it says."""
    if b"\0" not in octets and octets.isascii():
        return octets.decode("ascii"), "us-ascii", ("wrong-charset",)
    text = decode_charset(octets, declared)
    if text.count("\ufffd") * 4 > len(text):
        try:
            return octets.decode("utf-8"), "utf-8", ("wrong-charset",)
        except UnicodeDecodeError:
            pass
    return text, declared, ()


# What no reader sees and what would tear words apart; soft hyphen, zero width space, word joiner, joiner of graphemes.
_INVISIBLE = re.compile("[\x00\xad\u034f\u200b\u2060\ufeff]")
_CONTROL = re.compile("[\x01-\x08\x0b-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff]")
_ASCII_CONTROL = bytes(set(range(32)) - set(b"\t\n") | {127})
_LINE_END = re.compile("\r\n|\r|\x0b|\x0c|\x85|\u2028|\u2029")


def clean(text: str) -> str:
    """Text with LF as its only line end, without what a reader cannot see."""
    if "\r" in text:
        text = text.replace("\r\n", "\n")
    if text.isascii():
        if len(text.encode().translate(None, _ASCII_CONTROL)) == len(text):
            return text
    elif text.replace("\n", "").replace("\t", "").isprintable():
        return text
    text = _LINE_END.sub("\n", text)
    return _CONTROL.sub("\ufffd", _INVISIBLE.sub("", text))

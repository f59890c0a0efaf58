"""Encoded words in header text: `=?utf-8?Q?J=C3=B6rg?=` read as `Jörg` (RFC 2047), in any charset.

Promises: never raises, and takes time linear in the length of the text. Text outside encoded words stays as it is,
but for control characters (other than TAB) and lone surrogates, which become U+FFFD here and in decoded words: the
result can be stored, logged and shown anywhere.

What senders get wrong, and what happens here: broken base64 (decoded as far as it goes), a character
split over two words (their octets are joined before they are decoded), words in the middle of other text or in
quotes (decoded), raw octets in a Q word (kept), a too narrow charset (read as its superset), an unknown
charset (UTF-8, or replacement characters). RFC 2231 parameter values are the matter of `structure`.

Charsets are looked up in a fixed table, never by `codecs.lookup`: that one imports modules by names which the
sender chose, remembers each failure for ever, and knows codecs that are no charsets (`idna` and `punycode` take
quadratic time, `unicode_escape` warns).
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from encodings.aliases import aliases

# The text part runs up to `?=`, may hold a stray `?`, and stops before the beginning of another word (`=?`
# that is not the `=` of base64 followed by `?=`), so that every scan is over its own stretch of text.
_WORD = re.compile(
    r"=\?([^?\s]{1,60})\?([bBqQ])\?((?:[^?=]++|\?(?!=)|=(?!\?(?!=)))*)\?=",
    re.DOTALL,
)
_UNSAFE = re.compile("[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")
_NO_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")

_NO_CHARSETS = frozenset(
    {"base64_codec", "bz2_codec", "hex_codec", "mbcs", "quopri_codec", "rot_13", "uu_codec", "zlib_codec"}
)
# Charsets seen in mail that Python has under another name or without an alias.
_MORE_CHARSETS = {
    "cp874": "cp874",
    "windows_874": "cp874",
    "dos_874": "cp874",
    "iso_8859_11": "iso8859_11",
    "iso_8859_6_i": "iso8859_6",
    "iso_8859_6_e": "iso8859_6",
    "iso_8859_8_i": "iso8859_8",
    "iso_8859_8_e": "iso8859_8",
    "koi8_u": "koi8_u",
    "koi8_ru": "koi8_u",
    "koi8_t": "koi8_t",
    "unicode_1_1_utf_7": "utf_7",
    "unicode_1_1_utf_8": "utf_8",
    "utf8mb4": "utf_8",
    "utf_8_sig": "utf_8_sig",
    "x_euc_jp": "euc_jp",
    "x_gbk": "gbk",
    "x_mac_roman": "mac_roman",
    "x_sjis": "shift_jis",
    "windows_949": "cp949",
    "x_windows_949": "cp949",
    "windows_936": "gbk",
    "windows_31j": "cp932",
    "x_unknown": "ascii",
    "unknown_8bit": "ascii",
}
# What senders mean by these names is a superset, as browsers have it (WHATWG Encoding Standard §4.2).
_SUPERSETS = {
    "ascii": "utf_8",
    "latin_1": "cp1252",
    "iso8859_1": "cp1252",
    "iso8859_9": "cp1254",
    "iso8859_11": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
    "big5": "big5hkscs",
    "iso2022_jp": "iso2022_jp_ext",
}


def decode_words(value: str) -> str:
    """`value` with every encoded word decoded (RFC 2047 §6.1, §6.2). Never raises."""
    # Without a terminator there is no word; behind the last one there is none either.
    last = value.rfind("?=") + 2 if "=?" in value else 0
    if last > 1:
        value = "".join(_decoded(value, last))
    return _UNSAFE.sub("\ufffd", value) if not value.isprintable() else value


def _decoded(value: str, last: int) -> Iterator[str]:
    """The pieces of the text, decoded words in their places; white space between two words is dropped."""
    end = 0  # of the word before
    charset = ""
    octets: list[bytes] = []  # of neighbouring words in one charset
    for match in _WORD.finditer(value, 0, last):
        between = value[end : match.start()]
        word_charset = match[1].partition("*")[0].lower()  # RFC 2231 §5 adds `*language`
        if octets and (word_charset != charset or not _is_blank(between)):
            yield decode_charset(b"".join(octets), charset)
            octets = []
        if not (end and _is_blank(between)):
            yield between
        charset = word_charset
        octets.append(_from_base64(match[3]) if match[2] in "bB" else _from_q(match[3]))
        end = match.end()
    if octets:
        yield decode_charset(b"".join(octets), charset)
    yield value[end:]


def _is_blank(text: str) -> bool:
    return not text or text.isspace()


def _from_base64(text: str) -> bytes:
    """The octets of a B word; of broken base64 as many as can be had."""
    data = text.encode("ascii", "ignore")
    try:
        return binascii.a2b_base64(data)
    except binascii.Error:
        data = _NO_BASE64.sub(b"", data)
        if len(data) % 4 == 1:  # six bits left over are no octet
            data = data[:-1]
        return binascii.a2b_base64(data + b"=" * (-len(data) % 4))


def _from_q(text: str) -> bytes:
    """The octets of a Q word (RFC 2047 §4.2); characters that ought to have been encoded stay."""
    return binascii.a2b_qp(text.encode("utf-8", "surrogatepass"), header=True)


def decode_charset(octets: bytes, charset: str) -> str:
    """`octets` as text in the charset of that MIME name (in any case). Never raises.

    An unknown charset is taken for UTF-8; what does not fit becomes U+FFFD.
    """
    codec = _codec(charset)
    return octets.decode(_SUPERSETS.get(codec, codec), "replace")


def _codec(charset: str) -> str:
    """The Python codec of a MIME charset name, utf_8 for unknown ones."""
    name = charset.strip().lower().translate(_TO_ALIAS)
    codec = aliases.get(name) or _MORE_CHARSETS.get(name)
    if codec is None and name in _CODECS:
        codec = name
    return "utf_8" if codec is None or codec in _NO_CHARSETS else codec


_TO_ALIAS = str.maketrans("-. :", "____")
_CODECS = frozenset(aliases.values())

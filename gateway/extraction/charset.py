"""Text files: is it text, and in which charset? Never raises.

A byte order mark decides; then UTF-16 shows by its NULs; then what is valid UTF-8 is UTF-8 (other text of some length
never is by chance); then the declared charset; then Windows-1252, in which nearly every octet is something.
"""

from __future__ import annotations

import codecs
import re
from typing import Final

from gateway.message.text import decode_charset

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CONTROLS: Final = bytes(set(range(32)) - set(b"\t\n\v\f\r\x1b"))
_CHARSET: Final = re.compile(r"charset\s*=\s*\"?([\w.:-]{1,60})", re.IGNORECASE)
_SAMPLE: Final = 1 << 16
_MOST_CONTROLS: Final = 0.01


def is_text(content: bytes) -> bool:
    """Hardly any control characters in its beginning, in the charset that it seems to have."""
    sample = content[:_SAMPLE]
    if any(sample.startswith(mark) for mark, _ in _MARKS):
        return True
    if wide := _wide(sample):
        # Numbers of two octets have NULs too, and words may stand among them; only text is nothing but text.
        sample = sample[: len(sample) // 2 * 2].decode(wide, "replace").encode("utf-8")
    controls = len(sample) - len(sample.translate(None, _CONTROLS))
    return controls <= len(sample) * _MOST_CONTROLS


def decode(content: bytes, declared: str = "") -> str:
    """`content` as text; what does not fit becomes U+FFFD."""
    for mark, name in _MARKS:
        if content.startswith(mark):
            return content[len(mark) :].decode(name, "replace")
    if wide := _wide(content[:_SAMPLE]):
        return content.decode(wide, "replace")
    named = _CHARSET.search(declared)
    if content.isascii() and not (named and named[1].lower().startswith(("iso-2022", "utf-7", "hz"))):
        return content.decode("ascii")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start > len(content) - 4:  # cut off within a character
            return content.decode("utf-8", "replace")
    return decode_charset(content, named[1] if named else "windows-1252")


def _wide(sample: bytes) -> str:
    """UTF-16 without a mark: most characters of western text have a NUL, always on the same side."""
    half = len(sample) // 2
    if half < 2:
        return ""
    low, high = sample[0::2].count(0), sample[1::2].count(0)
    if high > half * 0.4 and low <= half * 0.01:
        return "utf-16-le"
    if low > half * 0.4 and high <= half * 0.01:
        return "utf-16-be"
    return ""

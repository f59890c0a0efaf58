"""The forms in which octets that were taken out of a message stood in it: as they are, or in base64 (RFC 2045 §6.8).

Pure. `taken_out` never guesses: it answers only where putting back gives exactly what was there.
"""

from __future__ import annotations

import binascii
from functools import lru_cache

AS_IS = "identity"
_ENDINGS = {"crlf": b"\r\n", "lf": b"\n"}
_LONGEST_LINE = 1_000  # characters; beyond it everything has to be one line


def put_back(data: bytes, form: str) -> bytes:
    """The octets as they stood in the message. Raises ValueError for a form that is none."""
    if form == AS_IS:
        return data
    line, ending = _base64_form(form)
    return _in_lines(binascii.b2a_base64(data, newline=False), line, ending)


def taken_out(text: bytes) -> tuple[bytes, str, int] | None:
    """What some lines of base64 hold, their form, and the octets of `text` that are them; None if not for sure."""
    first = text.find(b"\n")
    if first < 0:
        line, ending = 0, "lf"
    else:
        ending = "crlf" if text[max(first - 1, 0) : first] == b"\r" else "lf"
        line = first - (ending == "crlf")
    if line > _LONGEST_LINE or (first >= 0 and line < 1):
        return None
    try:
        data = binascii.a2b_base64(text)
    except binascii.Error:
        return None
    encoded = _in_lines(binascii.b2a_base64(data, newline=False), line, _ENDINGS[ending])
    if not text.startswith(encoded):
        return None
    if first >= 0 and first >= len(encoded):  # one line alone, whatever ends it
        line, ending = 0, "lf"
    return data, f"base64:{line}:{ending}", len(encoded)


def _in_lines(encoded: bytes, line: int, ending: bytes) -> bytes:
    if not line or len(encoded) <= line:
        return encoded
    return ending.join([encoded[at : at + line] for at in range(0, len(encoded), line)])


@lru_cache(maxsize=64)
def _base64_form(form: str) -> tuple[int, bytes]:
    try:
        name, line, ending = form.split(":")
        if name != "base64" or not line.isdecimal():
            raise ValueError(form)
        return int(line), _ENDINGS[ending]
    except (ValueError, KeyError):
        raise ValueError(f"unknown form {form!r}") from None

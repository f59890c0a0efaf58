"""The header block of a message: where it ends, and its fields (RFC 5322 §2.2), read as tolerantly as can be.

Promises: no octets whatever raise an error; time is linear in the size of the header block, and nothing past
its end is read but for the rest of one small peek, so a body of 50 MB costs nothing. What was irregular is
named by a short stable code in `defects`; the fields around it are still read.

Lines end with CRLF, a bare LF or a bare CR, as Python's `email.policy.compat32` has it, and the result agrees
with that parser, but on purpose not in these points:

- A line that is no field (no colon, or an impossible name) is passed over, and the fields after it count.
  compat32 takes it for the first line of the body, so that one stray line would hide `To:` from the rules.
- White space between name and colon is allowed (RFC 5322 §4.5) and no part of the name.
- A line `From ...` of an mbox file (or `>From ...`) is passed over anywhere, with a defect code.
- Names and values with octets beyond ASCII stay octets; `Headers.all` decodes them (RFC 6532).
- The block is read up to a limit, so that hostile mail cannot keep a worker busy.

Defect codes: `no-blank-line` (the message ends within its header), `header-too-large` (read up to the limit
only), `line-without-colon`, `bad-field-name`, `leading-continuation`, `mbox-from-line`, `nul-octet`,
`bare-cr`, `bare-lf`, `eight-bit` (octets beyond ASCII that are not UTF-8).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias

Buffer: TypeAlias = bytes | bytearray | memoryview

HEADER_LIMIT = 2**20  # octets; ten times what Postfix keeps of one field, far beyond any honest header

# How much is taken out of the buffer to look for the empty line: nearly always enough, and small enough
# that the few octets of body in it do not matter.
_PEEK = 4096
_PEEK_GROWTH = 16

# One logical line for each match, and a match at every position, so nothing is passed over unseen:
# a field (name, value with its folded lines), or else any other line. What repeats possessively is never a group:
# Python before 3.11.5 (Debian 12 has 3.11.2) mistakes possessive and atomic groups (gh-101955).
_LINE = re.compile(
    rb"([!-9;-~]++)[ \t]*+:[ \t]*+([^\r\n]*+(?:(?:\r\n|\r|\n)[ \t][^\r\n]*+)*)(?:\r\n|\r|\n|\Z)"
    rb"|([^\r\n]*+)(?:\r\n|\r|\n)"
    rb"|([^\r\n]++)\Z"
)
_BREAKS = b"\r\n\0"

RawField: TypeAlias = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Header:
    """One field as it came."""

    name: str  # as written, without colon
    value: bytes  # without leading white space and final line end; folded lines keep their line ends


@dataclass(frozen=True, slots=True)
class Headers:
    """All fields of a header block, in their order."""

    fields: tuple[Header, ...]
    size: int  # octets of the block with its empty line: where the body begins
    defects: tuple[str, ...]

    def all(self, name: str) -> list[str]:
        """The unfolded, decoded values of every field of that name (in any case), RFC 2047 words untouched."""
        wanted = name.lower()
        return [decode_value(field.value) for field in self.fields if field.name.lower() == wanted]

    def first(self, name: str) -> str | None:
        """The value of the first field of that name, or None."""
        wanted = name.lower()
        for field in self.fields:
            if field.name.lower() == wanted:
                return decode_value(field.value)
        return None


def header_block(raw: Buffer, limit: int = HEADER_LIMIT) -> bytes:
    """The octets of `raw` up to, and without, the first empty line; at most `limit` octets."""
    return split_block(raw, limit)[0]


def read_headers(raw: Buffer) -> Headers:
    """The fields of the message that `raw` begins with. Never raises."""
    block, size, defects = split_block(raw)
    fields, line_defects = split_fields(block)
    return Headers(
        tuple(Header(name.decode("ascii"), value) for name, value in fields),
        size,
        (*defects, *line_defects),
    )


def decode_value(value: bytes) -> str:
    """A field's value as text: unfolded (RFC 5322 §2.2.3), UTF-8 (RFC 6532) or else Latin-1, trimmed.

    Octets are never lost but for line ends, and NUL, which no standard allows and which other readers drop.
    """
    if b"\n" in value or b"\r" in value or b"\0" in value:
        value = value.translate(None, _BREAKS)
    try:
        return value.decode("utf-8").strip()
    except UnicodeDecodeError:
        return value.decode("latin-1").strip()


def split_block(raw: Buffer, limit: int = HEADER_LIMIT) -> tuple[bytes, int, tuple[str, ...]]:
    """The header block without its empty line, the offset of the body, and defects of the block's end."""
    peek = _PEEK
    while True:
        head = bytes(raw[: min(peek, limit)])
        if head[:1] in (b"\r", b"\n"):
            return b"", 2 if head[:2] == b"\r\n" else 1, ()
        end = _end_of_last_field(head)
        if end >= 0:
            # The empty line may be cut in two by the peek, so its length is read from the buffer itself.
            return head[:end], end + (2 if bytes(raw[end : end + 2]) == b"\r\n" else 1), ()
        if len(head) < peek and len(head) < limit:
            return head, len(head), ("no-blank-line",)
        if len(head) >= limit:
            whole = len(raw) <= limit
            return head, len(head), ("no-blank-line" if whole else "header-too-large",)
        peek *= _PEEK_GROWTH


def _end_of_last_field(head: bytes) -> int:
    """Where the first empty line begins, or -1.

    An empty line is a line end right behind a line end. Whichever of CRLF, CR and LF the two are, they meet in
    one of three pairs of octets, and none of these pairs occurs elsewhere.
    """
    end = head.find(b"\n\r")
    for pair in (b"\n\n", b"\r\r"):
        found = head.find(pair, 0, end + 1) if end >= 0 else head.find(pair)
        if found >= 0:
            end = found
    return end + 1 if end >= 0 else -1


def split_fields(block: bytes) -> tuple[list[RawField], tuple[str, ...]]:
    """Names (as written) and values of a header block's fields, and the defects of its lines."""
    lines = _LINE.findall(block)
    fields = [(name, value) for name, value, _, _ in lines if name]
    defects: dict[str, None] = {}
    if len(fields) < len(lines):
        defects = dict.fromkeys(_what_is_wrong(line or rest) for name, _, line, rest in lines if not name)
    if not block.isascii():
        try:
            block.decode("utf-8")
        except UnicodeDecodeError:
            defects["eight-bit"] = None
    if b"\0" in block:
        defects["nul-octet"] = None
    without_pairs = block.replace(b"\r\n", b"")
    if b"\r" in without_pairs:
        defects["bare-cr"] = None
    if b"\n" in without_pairs:
        defects["bare-lf"] = None
    return fields, tuple(defects)


def _what_is_wrong(line: bytes) -> str:
    """The defect code of a line that is no field."""
    if line.startswith((b" ", b"\t")):
        return "leading-continuation"
    if line.startswith((b"From ", b">From ")):
        return "mbox-from-line"
    return "bad-field-name" if b":" in line else "line-without-colon"

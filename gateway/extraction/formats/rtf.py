"""RTF (1.9.1): its text, with tables, notes and headers; not its fonts, styles and pictures.

One pass over tokens, in time linear in the length; groups nest as deep as they like, on a list.
"""

from __future__ import annotations

import re
from typing import Final

from gateway.extraction.job import Job, Sink
from gateway.message.text import decode_charset

_TOKEN: Final = re.compile(
    rb"\\([a-zA-Z]{1,32})(-?[0-9]{1,10})? ?|\\'([0-9a-fA-F]{2})|\\([^a-zA-Z])|([{}])|([^\\{}\r\n]+)|[\r\n]+|\\"
)
_SILENT: Final = frozenset(
    b"fonttbl colortbl stylesheet listtable listoverridetable revtbl rsidtbl generator themedata colorschememapping "
    b"latentstyles datastore pict objdata xmlnstbl wgrffmtfilter filetbl fontemb pnseclvl pgdsctbl template "
    b"blipuid bkmkstart bkmkend operator".split()
)
# Destinations that an old reader may skip (`\*`), but which hold text.
_STARRED_TEXT: Final = frozenset(b"shptxt annotation fldinst ud nesttableprops shpinst".split())
_AS_TEXT: Final = {
    b"par": "\n", b"line": "\n", b"sect": "\n", b"page": "\n", b"row": "\n", b"tab": "\t", b"cell": "\t",
    b"nestcell": "\t", b"nestrow": "\n", b"emdash": "—", b"endash": "–", b"lquote": "‘", b"rquote": "’",
    b"ldblquote": "“", b"rdblquote": "”", b"bullet": "•", b"emspace": " ", b"enspace": " ",
}  # fmt: skip
_SYMBOLS: Final = {
    b"~": " ",
    b"_": "-",
    b"\n": "\n",
    b"\r": "\n",
    b"\\": "\\",
    b"{": "{",
    b"}": "}",
    b"\t": "\t",
}
_FLUSH_AT: Final = 1 << 16


class _Reader:
    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._charset = "windows-1252"
        self._groups: list[tuple[bool, int]] = []
        self._silent = False
        self._fallback = 1  # octets that follow a `\u` for readers without Unicode
        self._skip = 0
        self._starred = False
        self._octets = bytearray()  # in the charset
        self._units: list[int] = []  # of UTF-16

    def read(self, content: bytes) -> None:
        for token in _TOKEN.finditer(content):
            word, number, octet, symbol, brace, plain = token.groups()
            if word:
                self._word(word, number)
            elif octet:
                self._text(bytes.fromhex(octet.decode()))
            elif symbol:
                self._symbol(symbol)
            elif brace:
                self._brace(brace)
            elif plain:
                self._text(plain)
            elif token[0][:1] in b"\r\n":
                continue
            self._starred = self._starred and symbol == b"*"
        self._flush()

    def _word(self, word: bytes, number: bytes | None) -> None:
        value = int(number) if number else None
        if word == b"u" and value is not None:
            if not self._silent:
                self._flush_octets()
                self._units.append(value & 0xFFFF)
            self._skip = self._fallback
        elif word == b"uc" and value is not None:
            self._fallback = max(0, min(value, 255))
        elif word == b"ansicpg" and value:
            self._charset = f"windows-{value}" if 1250 <= value <= 1258 else f"cp{value}"
        elif word == b"bin":
            return  # binary pictures are in silent groups; what they hold of braces damages at most the rest
        elif word in _SILENT or (self._starred and word not in _STARRED_TEXT):
            self._silent = True
        elif word in _AS_TEXT and not self._silent:
            self._flush()
            self._sink.add(_AS_TEXT[word])

    def _symbol(self, symbol: bytes) -> None:
        if symbol == b"*":
            self._starred = True
        elif symbol in _SYMBOLS and not self._silent:
            self._flush()
            self._sink.add(_SYMBOLS[symbol])

    def _brace(self, brace: bytes) -> None:
        self._skip = 0
        if brace == b"{":
            self._groups.append((self._silent, self._fallback))
        elif self._groups:
            self._silent, self._fallback = self._groups.pop()

    def _text(self, octets: bytes) -> None:
        if self._skip:
            dropped = min(self._skip, len(octets))
            self._skip -= dropped
            octets = octets[dropped:]
        if self._silent or not octets:
            return
        self._flush_units()
        self._octets += octets
        if len(self._octets) > _FLUSH_AT:
            self._flush_octets()

    def _flush(self) -> None:
        self._flush_octets()
        self._flush_units()

    def _flush_octets(self) -> None:
        if self._octets:
            self._flush_units()
            self._sink.add(decode_charset(bytes(self._octets), self._charset))
            self._octets.clear()

    def _flush_units(self) -> None:
        if self._units:
            octets = b"".join(unit.to_bytes(2, "little") for unit in self._units)
            self._units.clear()
            self._sink.add(octets.decode("utf-16-le", "replace"))


def read(content: bytes, declared: str, sink: Sink, job: Job) -> None:
    _Reader(sink).read(content)

"""HTML as text: no tags, scripts and styles; block elements begin a line. Linear in its length, whatever it holds."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Final

from gateway.extraction import charset
from gateway.extraction.job import Job, Sink

_META: Final = re.compile(rb"<meta[^>]{0,200}charset\s*=\s*[\"']?([\w-]{1,40})", re.IGNORECASE)
_TAG: Final = re.compile(r"<(/?)([a-zA-Z][^\s/>]{0,40})")
_LINK: Final = re.compile(
    r"\s(?:href|src|alt|title|value|placeholder)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')", re.IGNORECASE
)
_SILENT: Final = {name: re.compile(f"</{name}", re.IGNORECASE) for name in ("script", "style")}
_INLINE: Final = frozenset(
    [
        "a",
        "abbr",
        "b",
        "bdi",
        "bdo",
        "big",
        "cite",
        "code",
        "del",
        "dfn",
        "em",
        "font",
        "i",
        "ins",
        "kbd",
        "mark",
        "q",
        "s",
        "samp",
        "small",
        "span",
        "strike",
        "strong",
        "sub",
        "sup",
        "tt",
        "u",
        "var",
        "wbr",
    ]
)


def read(content: bytes, declared: str, sink: Sink, job: Job) -> None:
    named = _META.search(content[:2048])
    if named and "charset" not in declared.lower():
        declared = f"text/html; charset={named[1].decode()}"
    for piece in _pieces(charset.decode(content, declared)):
        sink.add(piece)


def _pieces(source: str) -> Iterator[str]:
    position = 0
    while (at := source.find("<", position)) >= 0:
        yield html.unescape(source[position:at])
        if source.startswith("<!--", at):
            position = _behind(source, "-->", at + 4)
            continue
        tag = _TAG.match(source, at)
        if tag is None:
            if source.startswith(("<!", "<?"), at):
                position = _behind(source, ">", at)
            else:
                yield "<"
                position = at + 1
            continue
        position = _behind(source, ">", tag.end())
        name = tag[2].lower()
        if name not in _INLINE:
            yield "\n"
        for link in _LINK.finditer(source, tag.end(), min(position, tag.end() + 4096)):
            yield f" {html.unescape(link[1] or link[2] or '')} "
        if name in _SILENT and not tag[1]:
            end = _SILENT[name].search(source, position)
            position = end.start() if end else len(source)
    yield html.unescape(source[position:])


def _behind(source: str, what: str, start: int) -> int:
    """Where `what` ends; the end of all where there is none, so that nothing is looked for twice."""
    at = source.find(what, start)
    return len(source) if at < 0 else at + len(what)

"""Which words of a text a query is about, and the piece of the text that shows most of them.

Pure. Promises: `"".join(text for text, _ in snippet(...))` is a piece of the original, but for the marks of what was
left out; a word is a hit where its folded form (`message.words`) is what the query asks for. Never raises on any text.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from gateway.message.words import WORD, fold, words
from gateway.search.query.tree import And, Beginning, Match, Name, Near, Node, Or, Phrase, Text, TextField

LEFT_OUT = "…"

_RUN = re.compile(r"(?:[A-Za-z0-9]|[^\x00-\x7f])+")
_LOOKED_AT = 200_000  # letters of a text; what is beyond is not shown


@dataclass(frozen=True, slots=True)
class Word:
    """A folded word and where it stands in the original."""

    word: str
    start: int
    end: int


def matched_terms(node: Node, fields: Collection[TextField] | None = None) -> tuple[Match, ...]:
    """What of a query may be marked in a text, each once: words that must not be there are not.

    fields: what the text is searched as, ANY for one; by default all of them, and names besides.
    """
    return tuple(dict.fromkeys(_terms(node, fields)))


def _terms(node: Node, fields: Collection[TextField] | None) -> Iterator[Match]:
    waiting: list[Node] = [node]
    while waiting:
        match waiting.pop():
            case And(nodes=nodes) | Or(nodes=nodes):
                waiting += reversed(nodes)
            case Text(match=match, field=field) if fields is None or field in fields:
                yield match
            case Name(match=match) if fields is None:
                yield match


def snippet(
    text: str, node: Node, width: int, fields: Collection[TextField] | None = None
) -> list[tuple[str, bool]]:
    """The piece of `text`, about `width` letters, with most of what was asked for: (text, whether it is a hit)."""
    text = text[:_LOOKED_AT]
    found = list(located(text))
    hits = _marked([each.word for each in found], matched_terms(node, fields))
    start, end = _window([(found[place], which) for place, which in sorted(hits.items())], len(text), width)
    start, end = _at_words(text, found, start, end)
    pieces = [(LEFT_OUT, False)] if start > 0 else []
    pieces += _pieces(text, [found[place] for place in sorted(hits)], start, end)
    if end < len(text):
        pieces.append((LEFT_OUT, False))
    return pieces


# --- words where they stand ----------------------------------------------------------------------


def located(text: str) -> Iterator[Word]:
    """The words of `message.words.words(text)`, each with its place in the original."""
    for run in _RUN.finditer(text):
        piece = run[0]
        if piece.isascii():
            yield Word(piece.lower(), run.start(), run.end())
        else:
            yield from _in_run(piece, run.start())


def _in_run(run: str, start: int) -> Iterator[Word]:
    """Words of a run that is not ASCII, letter by letter; as one, where folding joins letters."""
    letters: list[str] = []
    places: list[int] = []
    for place, letter in enumerate(run):
        folded = fold(letter)
        letters.append(folded)
        places += [place] * len(folded)
    whole = "".join(letters)
    if whole != fold(run):
        for word in words(run):
            yield Word(word, start, start + len(run))
        return
    for found in WORD.finditer(whole):
        end = places[found.end() - 1] + 1
        while end < len(run) and not letters[end]:  # accents that stand by themselves
            end += 1
        yield Word(found[0], start + places[found.start()], start + end)


# --- which of them are hits ----------------------------------------------------------------------


def _marked(stored: Sequence[str], terms: Iterable[Match]) -> dict[int, int]:
    """Places of the words that are hits, each with the term that it is a hit of."""
    hits: dict[int, int] = {}
    at: dict[str, list[int]] = {}
    for place, word in enumerate(stored):
        at.setdefault(word, []).append(place)
    for which, term in enumerate(terms):
        for place in _places(stored, at, term):
            hits.setdefault(place, which)
    return hits


def _places(stored: Sequence[str], at: dict[str, list[int]], term: Match) -> Iterator[int]:
    match term:
        case Near(word=word, distance=distance):
            for each, places in at.items():
                if abs(len(each) - len(word)) <= distance and differ(each, word) <= distance:
                    yield from places
        case Beginning(words=(*first, last)):
            starts = at.get(first[0], []) if first else range(len(stored))
            for place in starts:
                end = place + len(first)
                if list(stored[place:end]) == first and end < len(stored) and stored[end].startswith(last):
                    yield from range(place, end + 1)
        case Phrase(words=(first, *rest), slop=slop):
            for place in at.get(first, []):
                yield from _phrase(stored, rest, place, slop)


def _phrase(stored: Sequence[str], rest: Sequence[str], place: int, slop: int) -> tuple[int, ...]:
    """Where the words of a phrase stand that begins here; each at the next place there is."""
    found = [place]
    last = place + len(rest) + slop
    for word in rest:
        place += 1
        while place <= last and place < len(stored) and stored[place] != word:
            place += 1
        if place > last or place >= len(stored):
            return ()
        found.append(place)
    return tuple(found)


def differ(one: str, other: str) -> int:
    """By how many letters put in, left out, replaced or swapped with the next one."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        earlier, before, row = before, row, [i]
        for j, opposite in enumerate(other, 1):
            best = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != opposite))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == opposite:
                best = min(best, earlier[j - 2] + 1)
            row.append(best)
    return row[-1]


# --- which piece ---------------------------------------------------------------------------------


def _window(hits: Sequence[tuple[Word, int]], length: int, width: int) -> tuple[int, int]:
    """The piece with hits of the most terms; of equals with the most hits, the first."""
    if length <= width or not hits:
        return 0, min(length, width)
    best, best_score = (0, 0), (0, 0)
    end = 0
    inside: dict[int, int] = {}
    for begin, (first, _) in enumerate(hits):
        while end < len(hits) and (end == begin or hits[end][0].end - first.start <= width):
            inside[hits[end][1]] = inside.get(hits[end][1], 0) + 1
            end += 1
        score = (sum(1 for count in inside.values() if count), end - begin)
        if score > best_score:
            best, best_score = (first.start, hits[end - 1][0].end), score
        inside[hits[begin][1]] -= 1
    spare = max(width - (best[1] - best[0]), 0) // 2
    start = max(min(best[0] - spare, length - width), 0)
    return start, min(start + width, length)


def _at_words(text: str, found: Sequence[Word], start: int, end: int) -> tuple[int, int]:
    """Not through words: what is cut at either end is left out, unless nothing would be left."""
    for word in found:
        if word.start < start < word.end and word.end < end:
            start = word.end
        if word.start < end < word.end and word.start > start:
            end = word.start
    while start > 0 and start < end and text[start].isspace():
        start += 1
    return start, end


def _pieces(text: str, hits: Iterable[Word], start: int, end: int) -> list[tuple[str, bool]]:
    pieces: list[tuple[str, bool]] = []
    place = start
    for word in hits:
        if word.start < place or word.start >= end:  # several words of one run are marked once
            continue
        if word.start > place:
            pieces.append((text[place : word.start], False))
        place = min(word.end, end)
        pieces.append((text[word.start : place], True))
    if place < end:
        pieces.append((text[place:end], False))
    return pieces

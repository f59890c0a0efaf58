"""A term as words to match: a phrase, the beginning of a word, a word with a letter wrong.

A term is cut into words by `message.words`, whatever punctuation it holds: `o'brien`, `7:30` and an address are
phrases. A `*` or `~` has a meaning only right after a word; a `*` elsewhere in a word is refused, because
whoever typed it expects more than would be found.

Fails only with `QueryError`.
"""

from __future__ import annotations

import unicodedata

from gateway.message.words import words
from gateway.search.query.errors import QueryError, quoted
from gateway.search.query.tokens import Token
from gateway.search.query.tree import Beginning, Match, Near, Phrase

MAX_PHRASE = 2_000  # characters, as typed and folded: folding makes up to 18 of one
MAX_SLOP = 50  # words between those of a phrase
MAX_DISTANCE = 2  # letters that may differ

_DISTANCE = "1 or 2 letters, such as practice~1"


def read_match(term: Token) -> Match:
    """What a term asks for."""
    if len(term.text) > MAX_PHRASE:  # before folding, whose time is not linear for marks upon marks
        raise _too_long(term)
    text, suffix = _parts(term)
    _refuse_stars(term, text)
    found = tuple(words(text))
    if not found:
        raise QueryError(
            term.position, f"nothing to look for in {quoted(term.text)}", "at least one letter or digit"
        )
    if sum(map(len, found)) + len(found) > MAX_PHRASE:
        raise _too_long(term)
    if suffix == "*":
        return Beginning(found)
    if not suffix:
        return Phrase(found)
    if term.quoted:
        return _spread(term, found, suffix[1:])
    return _near(term, found, suffix[1:])


def _too_long(term: Token) -> QueryError:
    return QueryError(term.position, "the words are too long", f"at most {MAX_PHRASE} characters")


def _parts(term: Token) -> tuple[str, str]:
    """The words of a term, and the `*` or `~2` at its end."""
    text = term.text
    if term.quoted and term.suffix:
        return text, term.suffix
    if text.endswith("*") and _in_word(text[-2:-1]):
        return text[:-1], "*"
    if not term.quoted:
        base, tilde, digits = text.rpartition("~")
        if tilde and _in_word(base[-1:]) and (not digits or (digits.isascii() and digits.isdigit())):
            return base, tilde + digits
    return text, ""


def _refuse_stars(term: Token, text: str) -> None:
    """A `*` that touches a word; other punctuation, and the stars of `*** urgent ***`, mean nothing."""
    place = text.find("*")
    while place >= 0:
        if _in_word(text[place + 1 : place + 2]) or _in_word(text[max(place - 1, 0) : place]):
            raise QueryError(
                term.at(place), 'a "*" that is not at the end of a word', "the beginning of a word, as pract*"
            )
        place = text.find("*", place + 1)


def _in_word(letter: str) -> bool:
    """Whether a character (or none) is part of a word: a letter, a digit, or a mark upon one."""
    return letter.isalnum() or (letter != "" and unicodedata.category(letter).startswith("M"))


def _spread(term: Token, found: tuple[str, ...], digits: str) -> Match:
    place = term.at(len(term.text)) + 1
    if not digits:
        raise QueryError(place, 'a "~" without a number', 'how many words may stand between, as "a b"~5')
    if len(found) == 1:
        raise QueryError(place, "one word alone has no words between", "two words in quotes, or word~1")
    slop = _number(digits, MAX_SLOP)
    if slop is None:
        raise QueryError(place + 1, "the words are too far apart", f"a number from 0 to {MAX_SLOP}")
    return Phrase(found, slop)


def _near(term: Token, found: tuple[str, ...], digits: str) -> Match:
    place = term.position + len(term.text) - len(digits)
    if len(found) > 1:
        raise QueryError(
            place - 1, 'a "~" after several words', 'one word, as practice~1, or words in quotes, as "a b"~5'
        )
    distance = _number(digits or "1", MAX_DISTANCE)
    if not distance:
        raise QueryError(place, f"a word cannot differ by {quoted(digits)}", _DISTANCE)
    if len(found[0]) <= 2 * distance:  # nearly every short word is as near to it
        raise QueryError(
            term.position,
            f"{quoted(found[0])} is too short to differ by {distance}",
            f"a word of at least {2 * distance + 1} letters",
        )
    return Near(found[0], distance)


def _number(digits: str, most: int) -> int | None:
    """A number up to `most`; None if it is more."""
    digits = digits.lstrip("0") or "0"
    number = int(digits) if len(digits) <= len(str(most)) else most + 1
    return number if number <= most else None

"""The mailboxes of address fields (RFC 5322 §3.4, §4.4), read from whatever senders write.

Promises: no text raises, time is linear in its length, and nothing is recursive. A display name never counts
as an address, whatever it looks like: `"teacher@school.example" <x@evil.example>` is x@evil.example alone.
A mailbox without `@` (`root`, `<>`, `undisclosed-recipients:;`) is none, and neither is one whose address is longer
than any can be.

Taken besides the standard's form: semicolons as separators, empty list items, missing brackets and commas,
nested or unclosed brackets, unclosed quotes and comments (then they are plain text), several addresses in one
pair of brackets, white space within addresses, `<mailto:...>`, Outlook's 'a@b', encoded words with specials in
them, text behind the brackets. A group's mailboxes are taken, its name is not.

The common forms `a@b` and `Name <a@b>` are read by one regular expression. A text with anything else in it is
cut into items (what stands between separators), and those that have an `@` into words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple, TypeAlias

from gateway.message.text import decode_words

# Mailboxes in all fields of one kind. Mail systems stop at a few thousand recipients; this many take a
# fraction of a second, while a megabyte of nothing but `a@b` would take several.
MAILBOX_LIMIT = 20_000
# Characters. RFC 5321 §4.5.3.1 allows an address 320 octets; what is much longer can be sent to nobody, and folding
# it would take quadratic time (Unicode orders combining marks by insertion). Of a longer name the beginning counts.
ADDRESS_LIMIT = 1_000
NAME_LIMIT = 1_000
_NAME_SOURCE = 20_000  # as written: an encoded word is many times as long as what it says
_WORD_LIMIT = 4 * MAILBOX_LIMIT  # words of one item; an address is three, with a gap


class Mailbox(NamedTuple):
    """One address with the name that stood beside it."""

    name: str  # display name with encoded words decoded; "" if there is none
    address: str  # local part, "@", domain as written, without white space and comments around them
    raw: str  # the list item it was found in


def mailboxes(values: Iterable[str]) -> tuple[Mailbox, ...]:
    """The mailboxes of the unfolded values of one or more address fields, in their order. Never raises.

    Of hostile lists the first `MAILBOX_LIMIT` are returned.
    """
    found: list[Mailbox] = []
    for value in values:
        if "@" not in value:
            continue
        text = value.replace("\0", "") if "\0" in value else value
        found += _simple_list(text) or _any_list(text)
        if len(found) >= MAILBOX_LIMIT:
            break
    return tuple(found[:MAILBOX_LIMIT])


# --- the common forms --------------------------------------------------------------------------

_ATEXT = r"""[^\s"(),:;<>@\[\]\\]"""  # and, for RFC 6532, everything beyond ASCII
_SIMPLE = re.compile(
    rf"""\s*+(?:(?:"([^"\\]*+)"\s*+|([^"(),:;<>@\[\]\\]*+))<({_ATEXT}++@{_ATEXT}++)>"""
    rf"""|((?!'|=\?){_ATEXT}++@{_ATEXT}++))\s*+(?:,[\s,]*+|\Z)"""
)


def _simple_list(text: str) -> list[Mailbox]:
    """The mailboxes of a list of the two common forms; none if anything else is in it."""
    found: list[Mailbox] = []
    position, end = 0, len(text)
    while position < end and len(found) < MAILBOX_LIMIT:
        match = _SIMPLE.match(text, position)
        if match is None:
            return []
        quoted, phrase, bracketed, bare = match.groups()
        address = bracketed or bare
        if len(address) <= ADDRESS_LIMIT:
            raw = match[0].strip(" \t\r\n,")
            found.append(Mailbox(_name(quoted or phrase or ""), address, raw))
        position = match.end()
    return found


def _name(text: str) -> str:
    """A display name: words decoded, runs of white space as one space."""
    text = " ".join(text[:_NAME_SOURCE].split())
    if "=?" in text or not text.isprintable():
        text = " ".join(decode_words(text).split())
    return text[:NAME_LIMIT].rstrip()


# --- items -------------------------------------------------------------------------------------

_QUOTED = r'"[^"\\]*+(?:\\.[^"\\]*+)*"'
_ENCODED = r"=\?[^?\s]++\?[bBqQ]\?[^?\s]*+\?="  # may hold specials, against RFC 2047 §5
_LITERAL = r"\[[^\s\[\]\\@<>]*+\]"
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_IN_COMMENT = re.compile(r"\\.|[()]", re.DOTALL)

# What orders a list, and the text between. Runs of one mark count once, so that a megabyte of "<" is one step.
_MARKS = (
    r"(?P<separator>[,;][,;\s]*+)|(?P<open><[<\s]*+)|(?P<close>>[>\s]*+)|(?P<colon>:[:\s]*+)"
    rf"|(?P<text>(?:[^<>,;:(\"=\[]++{{quoted}}|{_ENCODED}|=|{_LITERAL}|\[)+)"
    r'|(?P<comment>\(++)|(?P<quote>"++)'
)
_WITH_QUOTES = re.compile(_MARKS.format(quoted="|" + _QUOTED), re.DOTALL)
_QUOTES_AS_TEXT = re.compile(_MARKS.format(quoted='|"'), re.DOTALL)


@dataclass(slots=True)
class _Item:
    """What stands between two separators, `before <inside> after`, while it is being gathered."""

    before: list[str] = field(default_factory=list)
    inside: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    raw: str = ""
    opened: bool = False
    closed: bool = False
    addressed: bool = False  # there is an "@" somewhere
    # Of the text in open brackets, kept up to date so that nothing is looked at twice:
    route: bool = False  # it begins with "@", as a source route does (RFC 5322 §4.4)
    blank: bool = True
    at: bool = False  # there is an "@" in it

    def add(self, kind: str, token: str) -> None:
        """Takes anything but a separator."""
        if kind == "open":
            self.before += self.inside  # brackets within brackets: the inner ones count
            self._restart()
            self.opened = True
        elif kind == "close":
            self.closed = self.opened
        elif kind == "colon":
            self._colon(token)
        elif kind == "comment":
            self.comments.append(token[1:-1])
            self._text(" ")
        else:
            self._text(token)

    def separated(self, separator: str) -> bool:
        """Whether the item ends here; a comma within a source route ends but a hop of it."""
        if separator[0] == "," and self.route and not self.closed:
            self._restart()
            return False
        return True

    def _text(self, token: str) -> None:
        at = "@" in token
        self.addressed = self.addressed or at
        if not self.opened:
            self.before.append(token)
        elif self.closed:
            self.after.append(token)
        else:
            self.inside.append(token)
            self.at = self.at or at
            if self.blank:
                self.route = token.lstrip().startswith("@")
                self.blank = token.isspace()

    def _colon(self, token: str) -> None:
        """What a colon ends is a group's name (RFC 5322 §3.4), a source route or `mailto`, and no address."""
        if not self.opened:
            self.before.clear()
        elif self.closed:
            self.after.clear()
        elif self.route or not self.at:
            self._restart()
        else:
            self._text(token)

    def _restart(self) -> None:
        self.inside = []
        self.route, self.blank, self.at = False, True, False


def _any_list(text: str) -> list[Mailbox]:
    """The mailboxes of a list of any form."""
    found: list[Mailbox] = []
    for item in _items(text):
        found += _simple_list(item.raw) or _mailboxes_of(item)
        if len(found) >= MAILBOX_LIMIT:
            break
    return found


def _items(text: str) -> Iterator[_Item]:
    """The items of a list, those without an `@` left out."""
    item = _Item()
    start = position = 0
    for kind, token, end in _marks(text):
        separated = kind == "separator" and item.separated(token)
        if separated or (kind == "open" and item.closed):  # the latter where a comma is missing
            if item.addressed:
                item.raw = text[start:position].strip()
                yield item
            item, start = _Item(), end if separated else position
        if kind != "separator":
            item.add(kind, token)
        position = end
    if item.addressed:
        item.raw = text[start:].strip()
        yield item


def _marks(text: str) -> Iterator[tuple[str, str, int]]:
    """The marks of a list and the text between them: kind, text, and where it ends.

    The first quote or parenthesis that is never closed makes all of its kind behind it plain text: otherwise
    it would swallow the rest of the list, and looking for the end of each one would take quadratic time.
    """
    pattern, comments = _WITH_QUOTES, True
    position, end = 0, len(text)
    while position < end:
        for match in pattern.finditer(text, position):
            start, position = match.span()
            kind, token = match.lastgroup or "", match[0]
            if kind == "comment":
                comment_end = _comment_end(text, start) if comments else 0
                if comment_end:
                    yield kind, text[start:comment_end], comment_end
                    position = comment_end
                    break
                comments, kind = False, "text"
            elif kind == "quote":
                pattern, position = _QUOTES_AS_TEXT, start
                break
            elif kind == "text" and pattern is _QUOTES_AS_TEXT:
                token = token.replace('"', " ")
            yield kind, token, position


def _comment_end(text: str, start: int) -> int:
    """Where the comment that opens at `start` ends (RFC 5322 §3.2.2: they nest); 0 if nowhere."""
    depth = 0
    for match in _IN_COMMENT.finditer(text, start):
        if match[0] == "(":
            depth += 1
        elif match[0] == ")":
            depth -= 1
            if depth == 0:
                return match.end()
    return 0


# --- mailboxes of an item ----------------------------------------------------------------------

# A kind, which is the name of a group of the pattern, and the text as it is written.
Word: TypeAlias = tuple[str, str]

_WORD = re.compile(
    rf"(?P<gap>\s++)|(?P<at>@++)|(?P<encoded>{_ENCODED})|(?P<quoted>{_QUOTED})|(?P<literal>{_LITERAL})"
    r'|(?P<atom>[^\s@"\[]++|["\[])',
    re.DOTALL,
)
_GAP: Word = ("gap", " ")


def _mailboxes_of(item: _Item) -> list[Mailbox]:
    """The mailboxes of an item: those in its brackets and behind them, or all if there are no brackets."""
    before = _words(item.before, _NAME_SOURCE if item.opened else None)
    if item.opened:
        addresses, words = _addresses(_words(item.inside), bracketed=True)
        more, rest = _addresses(_words(item.after))
        addresses += more
        name = _phrase(before) or _phrase(words) or _phrase(rest)
    else:
        addresses, words = _addresses(before)
        name = _phrase(words)
    if not name and item.comments:
        # `a@b (Joan Doe)`: how names were written before RFC 822's phrases became usual.
        name = _name(_ESCAPED.sub(r"\1", item.comments[0]))
    return [Mailbox(name, address, item.raw) for address in addresses if len(address) <= ADDRESS_LIMIT]


def _words(pieces: list[str], length: int | None = None) -> list[Word]:
    """The words of a text, or of so many first characters of it."""
    matches = islice(_WORD.finditer("".join(pieces)[:length]), _WORD_LIMIT)
    return [(match.lastgroup or "", match[0]) for match in matches]


def _addresses(all_words: list[Word], *, bracketed: bool = False) -> tuple[list[str], list[Word]]:
    """The addresses among some words, and the words that are part of none."""
    found: list[str] = []
    words: list[Word] = []
    names: list[Word] = []  # words that can be nothing but part of a name
    pieces: list[Word] = []
    for run in _runs(all_words):
        if len(found) >= MAILBOX_LIMIT:
            break
        address = _address(run)
        if address:
            found.append(address)
        else:
            words += [_GAP, *run]
        if not address and run[0][0] in ("quoted", "encoded"):
            names += [_GAP, *run]
        else:
            pieces += run
    if bracketed and len(found) == 1:
        # A sender who folds lines blindly leaves white space in the middle of an address. Its pieces are put
        # together: the last one alone could well be the address of somebody else.
        return [_address(pieces) or found[0]], names
    return found, words


def _runs(words: list[Word]) -> Iterator[list[Word]]:
    """The words in runs: white space parts them, and so does what cannot go on an address."""
    run: list[Word] = []
    apart = True
    for word in words:
        if word[0] == "gap":
            apart = True
            continue
        if run and not _belongs(word, run[-1], apart=apart):
            yield run
            run = []
        run.append(word)
        apart = False
    if run:
        yield run


def _belongs(word: Word, before: Word, *, apart: bool) -> bool:
    """Whether a word can be part of the same address as the one before it."""
    if "at" in (word[0], before[0]):
        return True
    if apart:  # RFC 5322 §4.4 allows `a . b @ c`
        return "." in (word[1], before[1])
    if word[0] == before[0] == "atom":
        return True
    return word[1].startswith(".") or before[1].endswith(".")


def _address(run: list[Word]) -> str:
    """The address that a run of words is, "" if it is none."""
    start, end = 0, len(run)
    while start < end and run[start][0] == "at":
        start += 1
    while end > start and run[end - 1][0] == "at":
        end -= 1
    if not any(kind == "at" for kind, _ in run[start:end]):
        return ""
    text = "".join(word for _, word in run[start:end])
    if text[0] == text[-1] == "'":  # Outlook's way of showing an address without a name
        text = text[1:-1]
        if text.startswith("@") or text.endswith("@"):
            return ""
    return text


def _phrase(words: list[Word]) -> str:
    """The display name that some words make."""
    pieces: list[str] = []
    for kind, word in words[:NAME_LIMIT]:
        pieces.append(_ESCAPED.sub(r"\1", word[1:-1]) if kind == "quoted" else word)
    return _name("".join(pieces))

"""HTML as lines of text: what a reader sees, what is hidden from readers, and where links lead.

Promises: never raises; time and memory are linear in the length of the markup, however deep it nests, however little
of it is closed; each character is looked at a fixed number of times. It is no parser of the HTML standard: mail is not
written by it. Where markup is broken, the text counts: an unclosed comment, style sheet or quote hides nothing.

Hidden is what plainly is: `display:none`, `visibility:hidden`, a font of size 0, no opacity, letters in the colour of
their ground as the same inline styles say it, the attribute `hidden`, preheaders, titles, comments. Style sheets are
not applied. Quoted is what mail programs mark so: Gmail, Outlook, Apple Mail, Thunderbird, Yahoo.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from gateway.message.readable.links import Link, link
from gateway.message.readable.styles import (
    CAMOUFLAGED,
    HIDDEN,
    KEEP_LINES,
    QUOTED,
    UNSEEN,
    Effect,
    attributes_of,
    effect_of,
    unescaped,
)

MARKUP_LIMIT = 8 * 2**20  # characters; newsletters have some 200,000
LINE_LIMIT = 100_000  # lines told apart; what follows is one line
_DEEPEST = 10_000  # open elements; what is deeper is text like that around it


class Line(NamedTuple):
    """A line of text, and whether the markup says that it is quoted."""

    text: str
    quoted: bool = False
    markup: bool = False  # it is HTML that says so


@dataclass(frozen=True, slots=True)
class Rendered:
    """What HTML says."""

    lines: list[Line]
    hidden: str
    links: list[Link]


def rendered(markup: str, links: int = 2_000) -> Rendered:
    """The text of HTML, with at most so many links. Never raises."""
    page = _Page(markup[:MARKUP_LIMIT], links)
    page.read()
    return Rendered(page.lines, "\n".join(filter(None, map(_one_line, page.hidden))), page.links)


def _one_line(text: str) -> str:
    return " ".join(text.split())


# --- what tags mean --------------------------------------------------------------------------------

_VOID = frozenset(
    {
        "area", "base", "basefont", "bgsound", "br", "col", "embed", "frame", "hr", "img", "input", "keygen",
        "link", "meta", "param", "source", "track", "wbr",
    }
)  # fmt: skip
_BLOCKS = frozenset(
    {
        "address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "details", "dialog",
        "dir", "div", "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3",
        "h4", "h5", "h6", "header", "hr", "html", "legend", "li", "main", "menu", "nav", "ol", "option", "p",
        "pre", "section", "select", "summary", "table", "tbody", "tfoot", "thead", "title", "tr", "ul", "xmp",
        "plaintext", "listing", "textarea", "noscript", "br", "button",
    }
)  # fmt: skip
_CELLS = frozenset({"td", "th"})
# A second one of these ends the first, for nobody closes them.
_CLOSED_BY_NEXT = frozenset({"p", "li", "td", "th", "tr", "dt", "dd", "option"})
_PARTING = _BLOCKS | _CLOSED_BY_NEXT
_SPECIAL = frozenset({"a", "area", "blockquote", "title"})
_LOOK_BACK = 8  # elements within one of these that are looked through for it
_RAW = {name: re.compile(f"</{name}[^>]{{0,200}}>", re.IGNORECASE | re.ASCII) for name in ("script", "style")}
_PREFORMATTED = frozenset({"pre", "xmp", "plaintext", "listing", "textarea"})

# A tag as nearly all are written: every quote in it opens or closes a value, and no value has `<` or `>` in it. Any
# other `<` is found by itself.
_TAG = re.compile(
    r"<(?:(/?)([A-Za-z][^\s/>]{0,60})(?=[\s/>])([^>\"'=]*(?:=(?:\"[^\"<>]*\"|'[^'<>]*')?[^>\"'=]*)*)>)?"
)
_HEAD = re.compile(r"<(/?)([A-Za-z][^\s/>]{0,60})([^>\"'=]*)(>?)")
_QUOTE_OR_END = re.compile(r"=\s*([\"'])|>")
_CONDITION = re.compile(r"^\s*\[(?:if|endif)[^\]>]{0,100}\]>")
_CELL_END = "\t\x00\t"  # no text has it: characters of the kind are taken out before


@dataclass(slots=True)
class _Page:
    """One pass over the markup."""

    markup: str
    most_links: int
    lines: list[Line] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    _line: list[str] = field(default_factory=list)  # the visible text of the line so far
    _stack: list[tuple[str, int, str]] = field(
        default_factory=list
    )  # tag, state outside of it, ground outside
    _open: dict[str, int] = field(default_factory=dict)  # how many of a tag are on the stack
    _state: int = 0
    _ground: str = ""  # background colour by inline styles
    _rest_quoted: bool = False
    _target: str = ""  # of the link that is open
    _shown: list[str] = field(default_factory=list)  # its text
    _on_white: bool | None = None  # nothing in the page sets a background
    # Where the last ones are: of what is not closed any more, nobody knows where it ends.
    _last_end: int = -1
    _last_comment: int = -1
    _last_quotes: dict[str, int] = field(default_factory=dict)
    _never_closed: set[str] = field(default_factory=set)

    def read(self) -> None:
        markup = self.markup
        self._last_end = markup.rfind(">")
        self._last_comment = markup.rfind("-->")
        self._last_quotes = {quote: markup.rfind(quote) for quote in "\"'"}
        position = 0
        while position >= 0:
            position = self._read_on(position)
        self._end_link()
        self._flush(last=True)

    def _read_on(self, position: int) -> int:
        """Reads text and tags up to what needs a closer look, and that; where to go on, or -1 at the end."""
        markup = self.markup
        for match in _TAG.finditer(markup, position):
            end, name, attributes = match.groups()
            start, behind = match.span()
            if name is None and start > self._last_end:
                break
            if start > position:
                self._text(markup[position:start])
            if name is None:
                return self._unusual(start)
            position = behind
            name = name.lower()
            if end:
                self._close(name)
            else:
                self._begin(name, attributes)
                if name in _RAW:
                    return self._behind_raw(name, position)
        self._text(markup[position:])
        return -1

    def _unusual(self, start: int) -> int:
        """Reads a `<` that begins no usual tag; where to go on."""
        markup = self.markup
        following = markup[start + 1 : start + 2]
        if following == "!" or following == "?":
            return self._declaration(start)
        head = _HEAD.match(markup, start)
        if head is None:
            if following == "/":  # a comment by the standard, as `</ >`
                return markup.find(">", start) + 1
            self._text("<")
            return start + 1
        end = head.end() - 1 if head[4] else self._end_of_tag(head.end())
        if end < 0:  # quotes that nobody closed; they mean nothing from here on
            self._last_quotes = {'"': -1, "'": -1}
            end = markup.find(">", start)
        name = head[2].lower()
        if head[1]:
            self._close(name)
            return end + 1
        self._begin(name, markup[head.end(2) : end])
        return self._behind_raw(name, end + 1) if name in _RAW else end + 1

    def _end_of_tag(self, position: int) -> int:
        """Where the `>` stands that no quotes hold; -1 where there is none."""
        while True:
            match = _QUOTE_OR_END.search(self.markup, position)
            if match is None:
                return -1
            quote = match[1]
            if quote is None:
                return match.start()
            position = match.end()
            if position <= self._last_quotes[quote]:
                position = self.markup.index(quote, position) + 1

    def _behind_raw(self, name: str, position: int) -> int:
        """Where a script or a style sheet that begins here ends; if it does not, its text is taken for text."""
        close = None if name in self._never_closed else _RAW[name].search(self.markup, position)
        if close is None:
            self._never_closed.add(name)
            return position
        return close.end()

    def _declaration(self, start: int) -> int:
        """Passes over `<!...>` and `<?...>`; the text of comments is hidden, but for what one program reads."""
        markup = self.markup
        if not markup.startswith("<!--", start):
            return markup.find(">", start) + 1
        if markup.startswith(("<!-->", "<!--->"), start):
            return markup.index(">", start) + 1
        if start + 2 > self._last_comment:
            return start + 4  # nobody closed it: its text is taken for text
        end = markup.index("-->", start + 2)
        self._comment(markup[start + 4 : end])
        return end + 3

    def _comment(self, text: str) -> None:
        """Keeps what a comment says: of `<!--[if mso]>...` Outlook shows it. Comments do not nest."""
        if "<" in text:
            inner = rendered(_CONDITION.sub("", text).removesuffix("<![endif]"), 0)
            self.hidden += [line.text for line in inner.lines]
            self.hidden.append(inner.hidden)
        else:
            self.hidden.append(unescaped(text))

    # --- text ---

    def _text(self, text: str) -> None:
        if "&" in text:
            text = unescaped(text)
        state = self._state
        if state & UNSEEN:
            self.hidden.append(text)
            return
        if self._target:
            self._shown.append(text)
        if state & KEEP_LINES and "\n" in text:
            first, *others = text.split("\n")
            self._line.append(first)
            for other in others:
                self._flush(True)
                self._line.append(other)
        else:
            self._line.append(text)

    def _flush(self, keep_empty: bool = False, last: bool = False) -> None:
        """Ends the line."""
        line, lines = self._line, self.lines
        if len(lines) >= LINE_LIMIT and not last:
            line.append("\n")
            return
        text = ""
        if line:
            text = "".join(line)
            line.clear()
            if _CELL_END in text:
                text = " | ".join(filter(None, map(_one_line, text.split(_CELL_END))))
            else:
                text = text.rstrip() if self._state & KEEP_LINES else " ".join(text.split())
        if text or (keep_empty and lines and lines[-1].text):
            quoted = self._rest_quoted or bool(self._state & QUOTED)
            lines.append(Line(text, quoted, quoted))

    # --- elements ---

    def _begin(self, name: str, attributes: str) -> None:
        if name in _PARTING:
            self._part(name)
        state, ground = self._state, self._ground
        if name in _SPECIAL:
            state = self._special(name, attributes, state)
        if attributes:
            effect = effect_of(name, attributes)
            if effect is not None:
                state, ground = self._styled(effect, state, ground)
        elif name in _VOID:
            return
        if name in _PREFORMATTED:
            state |= KEEP_LINES
        if name in _VOID:
            if name == "img" or name == "input":
                self._replacement(name, attributes, state)
            return
        if len(self._stack) >= _DEEPEST:
            return
        self._stack.append((name, self._state, self._ground))
        self._open[name] = self._open.get(name, 0) + 1
        self._state, self._ground = state, ground

    def _part(self, name: str) -> None:
        """Ends what an element ends by its beginning: the line, and what nobody closed."""
        if name == "br":
            self._flush(True)
            return
        if name in _CLOSED_BY_NEXT:
            self._close_last(name)
        elif self._stack and self._stack[-1][0] == "p":
            self._close("p")
        if name in _BLOCKS:
            self._flush(name == "p")

    def _special(self, name: str, attributes: str, state: int) -> int:
        if name == "a" or name == "area":
            self._end_link()
            target = attributes_of(attributes).get("href", "")
            self._target = target if not state & UNSEEN or name == "area" else ""
            if target and not self._target and len(self.links) < self.most_links:
                self.links.append(link("", unescaped(target)))
        elif name == "blockquote" and attributes_of(attributes).get("type", "").lower() == "cite":
            return state | QUOTED
        elif name == "title":
            return state | HIDDEN
        return state

    def _replacement(self, name: str, attributes: str, state: int) -> None:
        """The text that stands for an image or in a field of a form."""
        found = attributes_of(attributes)
        text = (
            found.get("alt", "") if name == "img" else found.get("value", "") or found.get("placeholder", "")
        )
        if text:
            before, self._state = self._state, state
            self._text(f" {text} ")
            self._state = before

    def _close(self, name: str) -> None:
        if name in _CELLS:
            self._line.append(_CELL_END)
        if name == "a":
            self._end_link()
        if not self._open.get(name):
            if name in _BLOCKS:
                self._flush()
            return
        while self._stack:
            top, state, ground = self._stack.pop()
            self._open[top] -= 1
            if top in _BLOCKS:
                self._flush(top == "p")
            self._state, self._ground = state, ground
            if top == name:
                return

    def _close_last(self, name: str) -> None:
        """Ends an element that is closed by the next one of its kind, unless a table or a list lies between."""
        if not self._open.get(name):
            return
        for tag, _, _ in reversed(self._stack[-_LOOK_BACK:]):
            if tag == name:
                self._close(name)
                return
            if tag in ("table", "ul", "ol", "dl", "div", "blockquote"):
                return

    def _end_link(self) -> None:
        if self._target:
            if len(self.links) < self.most_links:
                self.links.append(link(_one_line("".join(self._shown)), unescaped(self._target)))
            self._target = ""
            self._shown.clear()

    # --- styles ---

    def _styled(self, effect: Effect, state: int, ground: str) -> tuple[int, str]:
        """The state and the ground within an element with that effect."""
        if effect.ends_the_new:
            self._flush()
            self._rest_quoted = True
        state = state & ~effect.clears | effect.sets
        ground = effect.ground or ground
        if effect.letters:
            camouflaged = effect.letters == (ground or self._ground_of_page())
            state = state | CAMOUFLAGED if camouflaged else state & ~CAMOUFLAGED
        return state, ground

    def _ground_of_page(self) -> str:
        """White, unless something in the page sets a background: then nobody knows."""
        if self._on_white is None:
            lowered = self.markup.lower()
            self._on_white = not any(word in lowered for word in ("background", "bgcolor", "<style"))
        return "#fff" if self._on_white else ""

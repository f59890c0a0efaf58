"""HTML as lines of text: what a reader sees, what is hidden from readers, and where links lead.

Promises: never raises; time and memory are linear in the length of the markup, however deep it nests, however little
of it is closed; each character is looked at a fixed number of times. It is no parser of the HTML standard: mail is not
written by it. Where markup is broken, the text counts: an unclosed comment, style sheet or quote hides nothing.

Hidden is what plainly is: `display:none`, `visibility:hidden`, a font of size 0, no opacity, letters in the colour of
their ground as the same inline styles say it, the attribute `hidden`, preheaders, titles, comments. Style sheets are
not applied. Quoted is what mail programs mark so: Gmail, Outlook, Apple Mail, Thunderbird, Yahoo.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from functools import lru_cache

from gateway.message.readable.links import Link, link

MARKUP_LIMIT = 8 * 2**20  # characters; newsletters have some 200,000
LINE_LIMIT = 100_000  # lines told apart; what follows is one line
_DEEPEST = 10_000  # open elements; what is deeper is text like that around it


@dataclass(frozen=True, slots=True)
class Line:
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
    [
        "area",
        "base",
        "basefont",
        "bgsound",
        "br",
        "col",
        "embed",
        "frame",
        "hr",
        "img",
        "input",
        "keygen",
        "link",
        "meta",
        "param",
        "source",
        "track",
        "wbr",
    ]
)
_BLOCKS = frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "body",
        "caption",
        "center",
        "dd",
        "details",
        "dialog",
        "dir",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "html",
        "legend",
        "li",
        "main",
        "menu",
        "nav",
        "ol",
        "option",
        "p",
        "pre",
        "section",
        "select",
        "summary",
        "table",
        "tbody",
        "tfoot",
        "thead",
        "title",
        "tr",
        "ul",
        "xmp",
        "plaintext",
        "listing",
        "textarea",
        "noscript",
        "br",
        "button",
    ]
)
_CELLS = frozenset({"td", "th"})
# A second one of these ends the first, for nobody closes them.
_CLOSED_BY_NEXT = frozenset({"p", "li", "td", "th", "tr", "dt", "dd", "option"})
_LOOK_BACK = 8  # elements within one of these that are looked through for it
_RAW = {name: re.compile(f"</{name}[^>]{{0,200}}>", re.IGNORECASE | re.ASCII) for name in ("script", "style")}
_PREFORMATTED = frozenset({"pre", "xmp", "plaintext", "listing", "textarea"})

# What holds for the text within an element, as bits; it is inherited, and some of it can be taken back further in.
_HIDDEN = 1  # for good
_INVISIBLE = 2
_TINY = 4
_CAMOUFLAGED = 8
_QUOTED = 16
_KEEP_LINES = 32
_UNSEEN = _HIDDEN | _INVISIBLE | _TINY | _CAMOUFLAGED

_HEAD = re.compile(r"<(/?)([A-Za-z][^\s/>]{0,60})([^>\"'=]*)(>?)")
_QUOTE_OR_END = re.compile(r"=\s*([\"'])|>")
_ATTRIBUTE = re.compile(r"([^\s=\"'/>]{1,40})\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))")
_WORTH_READING = re.compile(r"style|hidden|class|id\s*=|type\s*=|color|background", re.IGNORECASE)
_LONG_NUMBER = re.compile(r"&#[0-9]{8,};?")
_CONDITION = re.compile(r"^\s*\[(?:if|endif)[^\]>]{0,100}\]>")

_QUOTE_CLASSES = (
    "gmail_quote", "gmail_extra", "moz-cite-prefix", "moz-forward-container", "moz-signature", "yahoo_quoted",
    "gmail_signature", "outlookmessageheader", "zmail_extra", "protonmail_quote", "gmail_attr", "apple-mail-signature",
    "yahoosignature", "elided-text", "quoteheader",
)  # fmt: skip
_QUOTE_IDS = (
    "divrplyfwdmsg", "mail-editor-reference-message-container", "yahoo_quoted", "olk_src_body_section",
    "reply-intro", "ms-outlook-mobile-signature", "replyblockquote", "isforwardcontent",
)  # fmt: skip
# Behind these all the rest is quoted, for they do not go around it.
_QUOTES_THE_REST = (
    "divrplyfwdmsg",
    "appendonsend",
    "mail-editor-reference-message-container",
    "stopspelling",
)


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
    _plain_ground: bool = False  # nothing in the page sets a background

    def read(self) -> None:
        markup = self.markup
        lowered = markup.lower()
        self._plain_ground = (
            "background" not in lowered and "bgcolor" not in lowered and "<style" not in lowered
        )
        last_end = markup.rfind(">")
        last_comment = markup.rfind("-->")
        quotes = {'"': markup.rfind('"'), "'": markup.rfind("'")}
        no_close: set[str] = set()
        position = 0
        while True:
            start = markup.find("<", position)
            if start < 0 or start > last_end:
                break
            if start > position:
                self._text(markup[position:start])
            following = markup[start + 1 : start + 2]
            if following == "!" or following == "?":
                position = self._declaration(start, last_comment)
                continue
            head = _HEAD.match(markup, start)
            if head is None:
                if following == "/":  # a comment by the standard, as `</ >`
                    position = markup.find(">", start) + 1
                else:
                    self._text("<")
                    position = start + 1
                continue
            end = head.end() - 1 if head[4] else self._end_of_tag(head.end(), quotes)
            if end < 0:  # quotes that nobody closed; they mean nothing from here on
                quotes = {'"': -1, "'": -1}
                end = markup.find(">", start)
            position = end + 1
            name = head[2].lower()
            if head[1]:
                self._close(name)
                continue
            self._begin(name, markup[head.end(2) : end])
            raw = _RAW.get(name)
            if raw is not None and name not in no_close:
                close = raw.search(markup, position)
                if close is None:
                    no_close.add(name)
                else:
                    position = close.end()
        self._text(markup[position:])
        self._end_link()
        self._flush(last=True)

    def _end_of_tag(self, position: int, quotes: dict[str, int]) -> int:
        """Where the `>` stands that no quotes hold; -1 where there is none."""
        while True:
            match = _QUOTE_OR_END.search(self.markup, position)
            if match is None:
                return -1
            quote = match[1]
            if quote is None:
                return match.start()
            position = match.end()
            if position <= quotes[quote]:
                position = self.markup.index(quote, position) + 1

    def _declaration(self, start: int, last_comment: int) -> int:
        """Passes over `<!...>` and `<?...>`; the text of comments is hidden, but for what one program reads."""
        markup = self.markup
        if not markup.startswith("<!--", start):
            return markup.find(">", start) + 1
        if markup.startswith(("<!-->", "<!--->"), start):
            return markup.index(">", start) + 1
        if start + 2 > last_comment:
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
            self.hidden.append(_unescaped(text))

    # --- text ---

    def _text(self, text: str) -> None:
        if not text:
            return
        if "&" in text:
            text = _unescaped(text)
        if self._state & _UNSEEN:
            self.hidden.append(text)
            return
        if self._target:
            self._shown.append(text)
        if self._state & _KEEP_LINES and "\n" in text:
            first, *others = text.split("\n")
            self._line.append(first)
            for other in others:
                self._flush(True)
                self._line.append(other)
        else:
            self._line.append(text)

    def _flush(self, keep_empty: bool = False, last: bool = False) -> None:
        """Ends the line."""
        if len(self.lines) >= LINE_LIMIT and not last:
            self._line.append("\n")
            return
        text = ""
        if self._line:
            text = "".join(self._line)
            self._line.clear()
            if _CELL_END in text:
                text = " | ".join(filter(None, map(_one_line, text.split(_CELL_END))))
            else:
                text = text.rstrip() if self._state & _KEEP_LINES else " ".join(text.split())
        if text or (keep_empty and self.lines and self.lines[-1].text):
            quoted = bool(self._state & _QUOTED) or self._rest_quoted
            self.lines.append(Line(text, quoted, quoted))

    # --- elements ---

    def _begin(self, name: str, attributes: str) -> None:
        if name in _CLOSED_BY_NEXT:
            self._close_last(name)
        elif name in _BLOCKS and self._stack and self._stack[-1][0] == "p":
            self._close("p")
        if name in _BLOCKS:
            self._flush(name in ("p", "br"))
        state, ground = self._state, self._ground
        if name in ("a", "area", "img", "input", "blockquote", "title"):
            state = self._special(name, attributes, state)
        if attributes and _WORTH_READING.search(attributes):
            state, ground = self._styled(name, attributes, state, ground)
        if name in _PREFORMATTED:
            state |= _KEEP_LINES
        if name in _VOID:
            if name == "img" or name == "input":
                self._replacement(name, attributes, state)
            return
        if len(self._stack) >= _DEEPEST:
            return
        self._stack.append((name, self._state, self._ground))
        self._open[name] = self._open.get(name, 0) + 1
        self._state, self._ground = state, ground

    def _special(self, name: str, attributes: str, state: int) -> int:
        if name == "a" or name == "area":
            self._end_link()
            target = _attributes(attributes).get("href", "")
            self._target = target if not state & _UNSEEN or name == "area" else ""
            if target and not self._target and len(self.links) < self.most_links:
                self.links.append(link("", _unescaped(target)))
        elif name == "blockquote" and _attributes(attributes).get("type", "").lower() == "cite":
            return state | _QUOTED
        elif name == "title":
            return state | _HIDDEN
        return state

    def _replacement(self, name: str, attributes: str, state: int) -> None:
        """The text that stands for an image or in a field of a form."""
        found = _attributes(attributes)
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
                self.links.append(link(_one_line("".join(self._shown)), _unescaped(self._target)))
            self._target = ""
            self._shown.clear()

    # --- styles ---

    def _styled(self, name: str, attributes: str, state: int, ground: str) -> tuple[int, str]:
        """The state and the ground within an element of these attributes."""
        effect = _cached_effect(name, attributes) if len(attributes) <= _CACHED else _effect(name, attributes)
        if effect.ends_the_new:
            self._flush()
            self._rest_quoted = True
        state = state & ~effect.clears | effect.sets
        ground = effect.ground or ground
        if effect.letters:
            camouflaged = effect.letters == (ground or ("#fff" if self._plain_ground else ""))
            state = state | _CAMOUFLAGED if camouflaged else state & ~_CAMOUFLAGED
        return state, ground


@dataclass(frozen=True, slots=True)
class _Effect:
    """What the attributes of an element do to the text in it."""

    sets: int = 0
    clears: int = 0
    ground: str = ""
    letters: str = ""
    ends_the_new: bool = False  # behind this all is quoted


_CACHED = 300  # characters of attributes that are worth remembering: the same styles come again and again


def _effect(name: str, attributes: str) -> _Effect:
    found = _attributes(attributes)
    sets = 0
    # Outlook puts `x_` before the names in what it quotes.
    kind, ident = (found.get(name, "").lower().removeprefix("x_") for name in ("class", "id"))
    if "preheader" in kind or "preview-text" in kind or "preheader" in ident:
        sets |= _HIDDEN
    if kind.startswith(_QUOTE_CLASSES) or ident.endswith(_QUOTE_IDS) or ident == "signature":
        sets |= _QUOTED
    if "hidden" in found:
        sets |= _HIDDEN if found["hidden"].lower() in ("", "hidden", "true") else 0
    elif _HIDDEN_ATTRIBUTE.search(_ATTRIBUTE.sub(" ", attributes)):
        sets |= _HIDDEN
    if name == "input" and found.get("type", "").lower() == "hidden":
        sets |= _HIDDEN
    ground = _UNKNOWN if "background" in found else _colour(found.get("bgcolor", ""))
    letters = _colour(found.get("color", "")) if name == "font" else ""
    style = "".join(_unescaped(found.get("style", "")).lower().split())
    clears = 0
    if style:
        more, clears = _by_style(style)
        sets |= more
        declared, own = _GROUND.search(style), _LETTERS.search(style)
        if declared and declared[1] not in ("none", "transparent", "inherit", "initial"):
            ground = _colour(declared[1]) or _UNKNOWN
        letters = _colour(own[1]) if own else letters
    return _Effect(
        sets, clears, ground, letters, ident.endswith(_QUOTES_THE_REST) or style.startswith(_OUTLOOK_RULE)
    )


_cached_effect = lru_cache(maxsize=4096)(_effect)

# The border that Outlook draws above "From: ... Sent: ...".
_OUTLOOK_RULE = ("border:none;border-top:solid#e1e1e1", "border:none;border-top:solid#b5c4df")
_UNKNOWN = "?"  # a ground that may have any colour: images, gradients
_CELL_END = "\t\x00\t"  # no text has it: characters of the kind are taken out before
_HIDDEN_ATTRIBUTE = re.compile(r"(?:^|\s)hidden(?:\s|/|$)", re.IGNORECASE)
_NOTHING = re.compile(r"(?:^|;)display:none|(?:^|;)opacity:0(?:\.0+)?%?(?:;|!|$)")
_SIZE = re.compile(r"(?:^|;)font-size:([0-9.]+)")
_NO_HEIGHT = re.compile(r"(?:^|;)(?:max-)?(?:height|width):0(?:\.0+)?(?:px|pt|em|%)?(?:;|!|$)")
_GROUND = re.compile(r"(?:^|;)background(?:-color)?:([^;!]{1,40})")
_LETTERS = re.compile(r"(?:^|;)color:([^;!]{1,40})")
_WHITE = re.compile(r"#f{3}(?:f{3})?|white|rgb\(255,255,255\)|rgba\(255,255,255,1(?:\.0)?\)")
_BLACK = re.compile(r"#0{3}(?:0{3})?|black|rgb\(0,0,0\)|rgba\(0,0,0,1(?:\.0)?\)")


def _by_style(style: str) -> tuple[int, int]:
    """What an inline style, in lower case and without white space, sets and clears."""
    sets = clears = 0
    if _NOTHING.search(style) or ("overflow:hidden" in style and _NO_HEIGHT.search(style)):
        sets |= _HIDDEN
    if "visibility:hidden" in style:
        sets |= _INVISIBLE
    elif "visibility:visible" in style:
        clears |= _INVISIBLE
    size = _SIZE.search(style)
    if size is not None:
        if size[1].strip("0."):
            clears |= _TINY
        else:
            sets |= _TINY
    return sets, clears


def _colour(text: str) -> str:
    """A colour so that equal ones compare as such, as far as such styles go."""
    text = "".join(text.lower().split())
    if _WHITE.fullmatch(text):
        return "#fff"
    if _BLACK.fullmatch(text):
        return "#000"
    return text[:40] if text.startswith("#") else text if text.isalpha() else ""


def _attributes(text: str) -> dict[str, str]:
    """Attributes with values, the first of a name."""
    found: dict[str, str] = {}
    for name, double, single, bare in _ATTRIBUTE.findall(text):
        found.setdefault(name.lower(), double or single or bare)
    return found


def _unescaped(text: str) -> str:
    """Entities as characters."""
    if "&" not in text:
        return text
    # Python refuses to read numbers of some thousand digits.
    return html.unescape(_LONG_NUMBER.sub("\ufffd", text) if "&#" in text else text)

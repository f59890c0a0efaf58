"""What the attributes of an HTML element do to the text in it: whether it is seen, whether it is quoted.

Promises: never raises; linear in the attributes. Only attributes and inline styles count: style sheets are not applied.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from functools import lru_cache

# What holds for the text within an element, as bits; it is inherited, and some of it can be taken back further in.
HIDDEN = 1  # for good
INVISIBLE = 2
TINY = 4
CAMOUFLAGED = 8
QUOTED = 16
KEEP_LINES = 32
UNSEEN = HIDDEN | INVISIBLE | TINY | CAMOUFLAGED


@dataclass(frozen=True, slots=True)
class Effect:
    """What the attributes of an element do to the text in it."""

    sets: int = 0
    clears: int = 0
    ground: str = ""
    letters: str = ""
    ends_the_new: bool = False  # behind this all is quoted


def effect_of(name: str, attributes: str) -> Effect | None:
    """The effect of an element's attributes; None where they have none."""
    return _remembered(name, attributes) if len(attributes) <= _REMEMBERED else _effect(name, attributes)


# --- attributes ------------------------------------------------------------------------------------

_ATTRIBUTE = re.compile(r"([^\s=\"'/>]{1,40})\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))")
_LONG_NUMBER = re.compile(r"&#[0-9]{8,};?")


def attributes_of(text: str) -> dict[str, str]:
    """Attributes with values, the first of a name."""
    found: dict[str, str] = {}
    for name, double, single, bare in _ATTRIBUTE.findall(text):
        found.setdefault(name.lower(), double or single or bare)
    return found


def unescaped(text: str) -> str:
    """Entities as characters."""
    if "&" not in text:
        return text
    # Most entities are these, and none of the four can be part of another one.
    text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"').replace("&nbsp;", "\xa0")
    if "&" not in text:
        return text
    # Python refuses to read numbers of some thousand digits.
    return html.unescape(_LONG_NUMBER.sub("\ufffd", text) if "&#" in text else text)


# --- effects ---------------------------------------------------------------------------------------

_WORTH_READING = re.compile(r"style|hidden|class|id\s*=|type\s*=|color|background", re.IGNORECASE)
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
# The border that Outlook draws above "From: ... Sent: ...".
_OUTLOOK_RULE = ("border:none;border-top:solid#e1e1e1", "border:none;border-top:solid#b5c4df")
_UNKNOWN = "?"  # a ground that may have any colour: images, gradients
_HIDDEN_ATTRIBUTE = re.compile(r"(?:^|\s)hidden(?:\s|/|$)", re.IGNORECASE)
_NOTHING = re.compile(r"(?:^|;)display:none|(?:^|;)opacity:0(?:\.0+)?%?(?:;|!|$)")
_SIZE = re.compile(r"(?:^|;)font-size:([0-9.]+)")
_NO_HEIGHT = re.compile(r"(?:^|;)(?:max-)?(?:height|width):0(?:\.0+)?(?:px|pt|em|%)?(?:;|!|$)")
_GROUND = re.compile(r"(?:^|;)background(?:-color)?:([^;!]{1,40})")
_LETTERS = re.compile(r"(?:^|;)color:([^;!]{1,40})")
_WHITE = re.compile(r"#f{3}(?:f{3})?|white|rgb\(255,255,255\)|rgba\(255,255,255,1(?:\.0)?\)")
_BLACK = re.compile(r"#0{3}(?:0{3})?|black|rgb\(0,0,0\)|rgba\(0,0,0,1(?:\.0)?\)")
_NO_EFFECT = Effect()
_REMEMBERED = 300  # characters of attributes that are worth remembering: the same come again and again


def _effect(name: str, attributes: str) -> Effect | None:
    if _WORTH_READING.search(attributes) is None:
        return None
    found = attributes_of(attributes)
    sets = 0
    # Outlook puts `x_` before the names in what it quotes.
    kind, ident = (found.get(name, "").lower().removeprefix("x_") for name in ("class", "id"))
    if "preheader" in kind or "preview-text" in kind or "preheader" in ident:
        sets |= HIDDEN
    if kind.startswith(_QUOTE_CLASSES) or ident.endswith(_QUOTE_IDS) or ident == "signature":
        sets |= QUOTED
    if "hidden" in found:
        sets |= HIDDEN if found["hidden"].lower() in ("", "hidden", "true") else 0
    elif _HIDDEN_ATTRIBUTE.search(_ATTRIBUTE.sub(" ", attributes)):
        sets |= HIDDEN
    if name == "input" and found.get("type", "").lower() == "hidden":
        sets |= HIDDEN
    ground = _UNKNOWN if "background" in found else _colour(found.get("bgcolor", ""))
    letters = _colour(found.get("color", "")) if name == "font" else ""
    style = "".join(unescaped(found.get("style", "")).lower().split())
    clears = 0
    if style:
        more, clears = _by_style(style)
        sets |= more
        declared, own = _GROUND.search(style), _LETTERS.search(style)
        if declared and declared[1] not in ("none", "transparent", "inherit", "initial"):
            ground = _colour(declared[1]) or _UNKNOWN
        letters = _colour(own[1]) if own else letters
    ends_the_new = ident.endswith(_QUOTES_THE_REST) or style.startswith(_OUTLOOK_RULE)
    effect = Effect(sets, clears, ground, letters, ends_the_new)
    return effect if effect != _NO_EFFECT else None


_remembered = lru_cache(maxsize=4096)(_effect)


def _by_style(style: str) -> tuple[int, int]:
    """What an inline style, in lower case and without white space, sets and clears."""
    sets = clears = 0
    if _NOTHING.search(style) or ("overflow:hidden" in style and _NO_HEIGHT.search(style)):
        sets |= HIDDEN
    if "visibility:hidden" in style:
        sets |= INVISIBLE
    elif "visibility:visible" in style:
        clears |= INVISIBLE
    size = _SIZE.search(style)
    if size is not None:
        if size[1].strip("0."):
            clears |= TINY
        else:
            sets |= TINY
    return sets, clears


def _colour(text: str) -> str:
    """A colour so that equal ones compare as such, as far as such styles go."""
    text = "".join(text.lower().split())
    if _WHITE.fullmatch(text):
        return "#fff"
    if _BLACK.fullmatch(text):
        return "#000"
    return text[:40] if text.startswith("#") else text if text.isalpha() else ""

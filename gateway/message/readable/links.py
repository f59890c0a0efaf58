"""Links, and whether the text of one names another host than it leads to.

Promises: never raises; linear. Tracking links of newsletters lead elsewhere too: a mark is a fact, no accusation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote

TARGET_LIMIT = 2_000  # characters of a target that are kept
TEXT_LIMIT = 500


@dataclass(frozen=True, slots=True)
class Link:
    """Where HTML or a text leads."""

    text: str  # what is shown; "" where it is the target itself
    target: str
    deceptive: bool = False  # the text names another host than the target


_HOST = re.compile(
    r"\s*(?:[a-z][a-z0-9+.-]{0,20}:)?//(?:[^/?#\s@]{0,200}@)?([^/?#\s:@]{1,253})", re.IGNORECASE
)
_SHOWN_HOST = re.compile(
    r"(?:https?://)?((?:[\w-]{1,63}\.){1,10}[^\W\d_]{2,24})(?::\d{1,5})?(?:[/?#]\S*)?", re.IGNORECASE
)
_ENDING_NOT_A_HOST = re.compile(
    r"\.(?:pdf|docx?|xlsx?|pptx?|txt|zip|jpe?g|png|gif|csv|html?|rtf|ics|mp[34]|mov)\Z", re.IGNORECASE
)
_FILTERS = (
    "safelinks.protection.outlook.com", "urldefense.com", "urldefense.proofpoint.com", "linkprotect.cudasvc.com",
    "protect-us.mimecast.com", "url.emailprotection.link",
)  # fmt: skip
_URL = re.compile(r"https?://[^\s<>\"\\^`{|}]{1,2000}", re.IGNORECASE)


def link(text: str, target: str) -> Link:
    """A link with its mark."""
    target = " ".join(target.split())[:TARGET_LIMIT]
    text = text[:TEXT_LIMIT]
    return Link("" if text == target else text, target, _names_another_host(text, target))


def links_in(text: str, most: int) -> Iterator[Link]:
    """The addresses of web pages in plain text."""
    if "://" not in text:
        return
    for count, match in enumerate(_URL.finditer(text)):
        if count >= most:
            return
        yield Link("", match[0].rstrip(".,;:!?)'\"]"))


def _names_another_host(text: str, target: str) -> bool:
    shown = _SHOWN_HOST.fullmatch(text.strip())
    real = _HOST.match(target)
    if shown is None or real is None:
        return False
    if "//" not in text and "/" not in text and _ENDING_NOT_A_HOST.search(text):
        return False
    one, other = (host.lower().removeprefix("www.").rstrip(".") for host in (shown[1], real[1]))
    if one == other or one.endswith(f".{other}") or other.endswith(f".{one}"):
        return False
    # Mail filters put their own address before each link; behind it stands where it leads.
    return not (other.endswith(_FILTERS) and f"//{one}" in unquote(target).lower().replace("//www.", "//"))

"""E-mail addresses in cells: which of them can be used.

An address here is compared, never delivered to, so internal names such as `.local` are as good as any.
The common shape is settled by one expression; whatever else is asked of `email-validator`, without DNS.
"""

from __future__ import annotations

import re

from email_validator import EmailNotValidError, validate_email

# Dot-atoms on both sides, no dot or dash out of place, lengths of RFC 5321 §4.5.3.1 and RFC 1035 §2.3.4.
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_PLAIN = re.compile(
    r"(?=.{3,254}\Z)(?=[^@]{1,64}@)"
    r"[A-Za-z0-9_'+-]+(?:\.[A-Za-z0-9_'+-]+)*@"
    + _LABEL
    + r"(?:\."
    + _LABEL
    + r")*\.[A-Za-z][A-Za-z0-9-]*[A-Za-z0-9]"
)
_BRACKETS = re.compile(r"^<(.*)>$")
_SEVERAL = re.compile(r"[;,]")
_LONGEST = 1000  # characters worth looking at; an address has 254


def usable_address(text: str) -> str | None:
    """The address in `text` (a display name and `mailto:` are dropped), or None where there is none."""
    if _PLAIN.fullmatch(text):
        return text
    if "@" not in text or len(text) > _LONGEST:
        return None
    try:
        found = validate_email(
            _BRACKETS.sub(r"\1", text.removeprefix("mailto:")),
            strict=True,
            check_deliverability=False,
            allow_quoted_local=True,
            allow_display_name=True,
            globally_deliverable=False,
        )
    except EmailNotValidError:
        return None
    return found.original


def usable_addresses(text: str) -> tuple[list[str], int]:
    """The addresses in a cell that may hold several, and how many parts of it are none."""
    if _PLAIN.fullmatch(text):
        return [text], 0
    whole = usable_address(text)  # a quoted local part may hold a comma
    if whole is not None:
        return [whole], 0
    parts = [part.strip() for part in _SEVERAL.split(text[:_LONGEST]) if part.strip()]
    found = [usable_address(part) for part in parts]
    return [address for address in found if address is not None], found.count(None)

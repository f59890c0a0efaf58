"""Names, times and the texts of others in a form that may stand in a letter.

Promises: what `shown` gives is one line of plain text without anything that looks like an address, whatever it was
made of: rosters leave names empty (an address then stands for the person), and the answers of mail servers repeat
addresses. The registry of personal addresses is exempt from disclosure, and a letter may be. Nothing raises.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, tzinfo
from typing import Any

from gateway.policy.wording import series

NAME_LIMIT = 120  # characters
TEXT_LIMIT = 4000
WITHHELD = "[address not shown]"

# How surely nothing of an address remains: all that hangs together with its "@" goes, quoted local parts too.
_ADDRESSES = re.compile(r'[<(\[]{0,4}"[^"]{0,64}"(?=[@＠﹫])|\S+')
_AT = re.compile("[@＠﹫]")
_AROUND = "<>()[]{}\"'“”‘’«»,;:.!?"
# The policy's sentence on forgery names the sender's domain (`Context.genuine`). A person's own domain is most of
# their address.
_VOUCHING = re.compile(r"(The sender's domain), \S{1,255}, (vouches for the message)")
# Marks that turn the direction of writing: with them one name can look like another.
_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_UNPRINTABLE = frozenset({"Cc", "Cs", "Zl", "Zp"})


def plain(text: str, limit: int = TEXT_LIMIT) -> str:
    """One line of printable text, at most `limit` characters."""
    cut = text[: 2 * limit]
    if not cut.isprintable():
        cut = "".join(" " if unicodedata.category(char) in _UNPRINTABLE else char for char in cut)
        cut = "".join(char for char in cut if char not in _TURNING)
    line = " ".join(cut.split())
    return line if len(line) <= limit else f"{line[: limit - 1].rstrip()}…"


def shown(text: str, limit: int = TEXT_LIMIT) -> str:
    """One line of printable text in which no address stands."""
    without = _ADDRESSES.sub(
        _withheld, plain(text, len(text))
    )  # cut only afterwards: half an address is one too
    return plain(_VOUCHING.sub(r"\1 \2", without.replace(WITHHELD * 2, WITHHELD)), limit)


def _withheld(found: re.Match[str]) -> str:
    """A word without the address in it; the marks around it stay."""
    word = found[0]
    if _AT.match(found.string, found.end()):
        return WITHHELD  # a quoted local part
    if not _AT.search(word):
        return word
    core = word.strip(_AROUND)
    if not core:
        return WITHHELD
    before, _, after = word.partition(core)
    return f"{before}{WITHHELD}{after}"


def name_of(involved: Mapping[str, Any]) -> str:
    """What somebody in a finding is called: by name, else by id, never by address."""
    for text in (str(involved.get("name") or ""), f"person {involved.get('person_id') or ''}"):
        if text.strip() not in ("", "person") and not _AT.search(text):
            return plain(text, NAME_LIMIT)
    return "somebody whose name is not in the roster"


def names(people: Iterable[Mapping[str, Any]], most: int = 4) -> str:
    """The names of people, each once: all of a few, else the first and how many others."""
    called = list(dict.fromkeys(name_of(each) for each in people))
    if len(called) > most:
        called = [*called[: most - 1], f"{len(called) - most + 1} others"]
    return series(called)


def counted(number: int, one: str, many: str = "") -> str:
    """ "1 message", "2 messages", "no messages"."""
    return f"{number:,} {one}" if number == 1 else f"{f'{number:,}' if number else 'no'} {many or one + 's'}"


def on_day(day: date) -> str:
    """ "Wednesday, October 14, 2026"."""
    return f"{day:%A}, {day:%B} {day.day}, {day.year}"


def moment(at: datetime, zone: tzinfo) -> str:
    """ "Wednesday, October 14, 2026, 12:05 PM EDT", by the district's clock."""
    return f"{on_day(at.astimezone(zone).date())}, {clock(at, zone)}"


def clock(at: datetime, zone: tzinfo) -> str:
    """ "12:05 PM EDT"."""
    local = at.astimezone(zone)
    return f"{local.hour % 12 or 12}:{local:%M} {'AM' if local.hour < 12 else 'PM'} {local.tzname() or UTC}"


def span(seconds: float) -> str:
    """A length of time: "24 hours", "2 days", "90 minutes"."""
    for length, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= 2 * length and seconds % length == 0:
            return counted(int(seconds // length), unit)
    if seconds >= 60 and seconds % 60 == 0:
        return counted(int(seconds // 60), "minute")
    return counted(round(seconds), "second")

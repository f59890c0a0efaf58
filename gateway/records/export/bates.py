"""Bates numbers: which are taken, and by which export.

One small file holds every reservation that was ever made, by prefix, one range behind the other without a gap. A number
that was reserved stays so, also where its export was abandoned: the file says whose it was, and no other gets it.

Promises: two exports at once get different ranges (a lock beside the file); a reservation is durable when `reserve`
returns; whoever reserves again for the same export gets the same range. Numbers that the archive says were used are
never given again, even if the file was lost (`used`).

Fails with RegisterDamaged, which names the file, and with OSError.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from gateway.ledger.files import replace
from gateway.records.export.plan import Bates

_FORMAT = 1
_FILE, _LOCK = "bates.json", "bates.lock"
# Part of file names on every system, and of cells that no spreadsheet takes for a formula.
_PREFIX = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,18}[A-Za-z_.-])?", re.ASCII)


class RegisterDamaged(Exception):
    """The file of the numbers cannot be read; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Reserved:
    """A range of numbers, and whose it is."""

    prefix: str
    first: int
    last: int
    export: str
    by: str
    at: str  # ISO 8601, UTC


def prefix_of(text: str) -> str:
    """A prefix as it was typed. Raises ValueError."""
    if not _PREFIX.fullmatch(text) or text[-1].isdigit():
        raise ValueError(
            "expected up to 20 letters, digits, dashes, dots and underscores that begin with a letter or digit and do "
            f"not end with a digit, such as DIST-; got {text[:40]!r}"
        )
    return text


class Register:
    """The reservations in a folder, which is made with the first."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def reserve(
        self, prefix: str, count: int, *, export: str, by: str, at: datetime, used: Iterable[Bates] = ()
    ) -> Bates:
        """The next `count` numbers, at least one. used: what other exports say that they used."""
        if count < 1:
            raise ValueError("at least one number")
        with self._locked():
            taken = self.all()
            for each in taken:
                if each.export == export:
                    return Bates(each.prefix, each.first, each.last)
            known = [(each.prefix, each.last) for each in taken] + [(each.prefix, each.last) for each in used]
            first = 1 + max((last for name, last in known if _same(name, prefix)), default=0)
            new = Reserved(prefix, first, first + count - 1, export, by, at.isoformat(timespec="seconds"))
            facts = {"format": _FORMAT, "reserved": [asdict(each) for each in (*taken, new)]}
            replace(self._folder / _FILE, orjson.dumps(facts, option=orjson.OPT_INDENT_2) + b"\n")
        return Bates(new.prefix, new.first, new.last)

    def all(self) -> list[Reserved]:
        """Every reservation, the oldest first."""
        path = self._folder / _FILE
        try:
            octets = path.read_bytes()
        except FileNotFoundError:
            return []
        try:
            facts: dict[str, Any] = orjson.loads(octets)
            if facts["format"] != _FORMAT:
                raise ValueError(f"of format {facts['format']!r}")
            found = [Reserved(**each) for each in facts["reserved"]]
            if not all(type(each.first) is int and type(each.last) is int for each in found):
                raise ValueError("a number is none")
        except (ValueError, KeyError, TypeError) as error:
            raise RegisterDamaged(
                f"{path}: the register of Bates numbers is damaged ({error}); put it back from its copy, for without "
                "it numbers could be given twice"
            ) from None
        return found

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._folder.mkdir(mode=0o750, exist_ok=True)
        descriptor = os.open(self._folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _same(one: str, other: str) -> bool:
    """Whether two prefixes are of one series: files on other systems are not told apart by case."""
    return one.casefold() == other.casefold()

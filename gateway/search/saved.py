"""Searches that somebody keeps by name: one small JSON file each, with who kept it and when.

The text of a query is kept as it was typed, so that `after:30d` means another day tomorrow; `moves` says whether it
does. Names are letters, digits, dashes, dots and underscores, never a path.

Promises: a file is whole or not there, and durable when `save` returns; none is replaced unless that is asked for; one
that is damaged does not keep the others from being read.

Fails with `SavedSearchError`, whose text is for the person who typed the name, and with OSError where the disk does.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from tempfile import mkstemp
from typing import Any

import orjson

from gateway.search.query import parse

_FORMAT = 1
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)
_LARGEST = 2**20  # octets; a query of 10,000 characters has at most a tenth
_LATER = timedelta(days=400)  # another day, week, month and year


class SavedSearchError(Exception):
    """Why a search cannot be kept, read or forgotten."""


class NameTaken(SavedSearchError):
    """There is one by this name."""


class NoSuchSearch(SavedSearchError):
    """There is none by this name."""


class DamagedSearch(SavedSearchError):
    """Its file cannot be read; the text names it."""


@dataclass(frozen=True, slots=True)
class SavedSearch:
    """A query that somebody keeps."""

    name: str
    query: str
    by: str  # login name
    at: datetime  # aware


def moves(query: str, *, now: datetime, zone: tzinfo) -> bool:
    """Whether a query asks for something else as time goes by. Raises QueryError."""
    return parse(query, now=now, zone=zone) != parse(query, now=now + _LATER, zone=zone)


class SavedSearches:
    """The searches in a folder, which is made when the first one is kept."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def save(self, search: SavedSearch, *, replace: bool = False) -> Path:
        """Keep a search; its file. Raises NameTaken."""
        path = self._path(search.name)
        self._folder.mkdir(exist_ok=True, mode=0o750)
        facts = {
            "format": _FORMAT,
            "name": search.name,
            "query": search.query,
            "by": search.by,
            "at": search.at.isoformat(timespec="seconds"),
        }
        octets = orjson.dumps(facts, option=orjson.OPT_INDENT_2) + b"\n"
        descriptor, name = mkstemp(".new", f".{search.name}.", self._folder)  # no search begins with a dot
        partial = Path(name)
        try:
            _write(descriptor, octets)
            if replace:
                partial.replace(path)
            else:
                os.link(partial, path)  # unlike a rename, refuses where somebody was quicker
        except FileExistsError:
            raise NameTaken(f"{search.name}: there is a saved search by this name already") from None
        finally:
            partial.unlink(missing_ok=True)
        _make_durable(self._folder)
        return path

    def load(self, name: str) -> SavedSearch:
        """The search by this name. Raises NoSuchSearch, DamagedSearch."""
        path = self._path(name)
        try:
            with path.open("rb") as file:
                octets = file.read(_LARGEST + 1)
        except FileNotFoundError:
            raise NoSuchSearch(f"{name}: no saved search by this name") from None
        try:
            return _read(name, octets)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DamagedSearch(f"{path}: this saved search is damaged ({error})") from None

    def all(self) -> Iterator[SavedSearch | DamagedSearch]:
        """Each search by name, or why its file cannot be read."""
        try:
            names = [path.stem for path in self._folder.iterdir() if path.suffix == ".json"]
        except FileNotFoundError:
            return
        for name in sorted(filter(_NAME.fullmatch, names), key=lambda name: (name.lower(), name)):
            try:
                yield self.load(name)
            except NoSuchSearch:  # forgotten a moment ago
                continue
            except DamagedSearch as error:
                yield error
            except OSError as error:
                yield DamagedSearch(f"{error.filename}: this saved search cannot be read ({error.strerror})")

    def forget(self, name: str) -> None:
        """Remove a search, a damaged one too. Raises NoSuchSearch."""
        try:
            self._path(name).unlink()
        except FileNotFoundError:
            raise NoSuchSearch(f"{name}: no saved search by this name") from None
        _make_durable(self._folder)

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise SavedSearchError(
                f"{name!r} is no name for a saved search; expected a letter or digit, then letters, digits, "
                '"-", "." or "_", at most 100 in all'
            )
        return self._folder / f"{name}.json"


def _read(name: str, octets: bytes) -> SavedSearch:
    """What stands in a file. Raises ValueError, KeyError, TypeError, AttributeError."""
    if len(octets) > _LARGEST:
        raise ValueError("too large")
    facts: dict[str, Any] = orjson.loads(octets)
    if not isinstance(facts, dict):
        raise ValueError("not an object")
    missing = {"format", "name", "query", "by", "at"} - facts.keys()
    if missing:
        raise ValueError(f"without {', '.join(sorted(missing))}")
    if facts["format"] != _FORMAT:
        raise ValueError(f"of format {facts['format']!r}, not {_FORMAT}")
    query, by, at = (facts[key] for key in ("query", "by", "at"))
    if facts["name"] != name:
        raise ValueError(f"it calls itself {facts['name']!r}")
    if not isinstance(query, str) or not isinstance(by, str) or not isinstance(at, str):
        raise ValueError("query, by and at are to be texts")
    kept = SavedSearch(name=name, query=query, by=by, at=datetime.fromisoformat(at))
    if kept.at.tzinfo is None:
        raise ValueError("its time has no time zone")
    return kept


def _write(descriptor: int, octets: bytes) -> None:
    """Write all, durably, and close."""
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, 0o640)  # whatever the umask of the person is
        file.write(octets)
        file.flush()
        os.fsync(descriptor)


def _make_durable(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with suppress(OSError):  # a file system that cannot: what is there is whole all the same
            os.fsync(descriptor)
    finally:
        os.close(descriptor)

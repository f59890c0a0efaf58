"""The directories that were in use, kept by day, so that years later mail is read by the roster of its own day.

One file for each day and version: JSON in a Zstandard frame, `2026-11-23-4f1d2c9a0b7e.json.zst`, which holds a
directory as it was built: no file of the roster, and so no column that was never used (passwords). **Personal accounts
are left out**: the registry of them is written nowhere. Nobody but the service may read the files.

Promises: a kept directory answers as the one that was kept did, but for personal accounts; a file is whole or not
there. Whoever asks for a day that was not kept gets the last one before it, and else the first one after it.

Fails with OSError where the disk does; a file that cannot be read is passed over, and named in the log by its name.
"""

from __future__ import annotations

import os
import re
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import orjson
import structlog
import zstandard

from gateway.directory.model import (
    AddressKind,
    Group,
    GroupKind,
    Person,
    PersonAddress,
    Role,
    SignedForm,
)
from gateway.directory.snapshot import Directory

_FORMAT = 1
_NAME = re.compile(r"(\d{4}-\d\d-\d\d)-([0-9a-f]{12})\.json\.zst")
_LARGEST = 2**30  # octets of JSON; a district of a million people has less
_IN_USE = 2  # directories held at once: mail is read in the order of its days


def keep(folder: Path, directory: Directory) -> Path:
    """Keep a directory for its day, unless it is there; its file. Raises OSError."""
    path = folder / f"{directory.as_of.isoformat()}-{directory.version}.json.zst"
    if path.exists():
        return path
    folder.mkdir(parents=True, exist_ok=True, mode=0o750)
    octets = zstandard.ZstdCompressor(level=3).compress(orjson.dumps(_facts(directory)))
    partial = folder / f"{path.name}.{os.getpid()}.new"
    descriptor = os.open(partial, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC, 0o640)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(octets)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    return path


@dataclass(frozen=True, slots=True, order=True)
class Kept:
    """A file of the history."""

    as_of: date
    version: str
    path: Path


class History:
    """Reads a folder of kept directories. One thread at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: OrderedDict[Path, Directory | None] = OrderedDict()
        self._log = structlog.get_logger()

    def kept(self) -> list[Kept]:
        """The files there are, the oldest day first."""
        try:
            names = [path.name for path in self._folder.iterdir()]
        except FileNotFoundError:
            return []
        found = ((match, self._folder / match[0]) for name in names if (match := _NAME.fullmatch(name)))
        return sorted(Kept(date.fromisoformat(match[1]), match[2], path) for match, path in found)

    def of(self, day: date, version: str) -> Directory | None:
        """The directory by which mail of a day was judged; None where nothing was ever kept."""
        for kept in _by_preference(self.kept(), day, version):
            directory = self._read(kept.path)
            if directory is not None:
                return directory
        return None

    def _read(self, path: Path) -> Directory | None:
        if path in self._known:
            self._known.move_to_end(path)
            return self._known[path]
        try:
            octets = zstandard.ZstdDecompressor().decompress(path.read_bytes(), max_output_size=_LARGEST)
            directory = _directory(orjson.loads(octets))
        except (OSError, zstandard.ZstdError, ValueError, KeyError, TypeError) as error:
            self._log.error("directory_unreadable", file=path.name, error=type(error).__name__)
            directory = None
        self._known[path] = directory
        while len(self._known) > _IN_USE:
            self._known.popitem(last=False)
        return directory


def _by_preference(kept: list[Kept], day: date, version: str) -> Iterable[Kept]:
    """This version on or before the day, then any before it, then the first after it."""
    before = [one for one in reversed(kept) if one.as_of <= day]
    after = [one for one in kept if one.as_of > day]
    same = [one for one in (*before, *after) if one.version == version]
    return (*same, *(one for one in (*before, *after) if one.version != version))


# --- to JSON and back ------------------------------------------------------------------------------------


def _facts(directory: Directory) -> dict[str, Any]:
    return {
        "format": _FORMAT,
        "version": directory.version,
        "loaded_at": directory.loaded_at.isoformat(),
        "as_of": directory.as_of.isoformat(),
        "domains": directory.domains,
        "schools": dict(directory.schools),
        "people": [_person_facts(person) for person in directory.people.values()],
        "groups": [_group_facts(group) for group in directory.groups.values()],
        "guardians": _sorted(directory.guardians),
        "principals": _sorted(directory.principals_by_school),
        "forms": {
            person: [[form.form, form.signed_on.isoformat()] for form in forms]
            for person, forms in directory.forms.items()
        },
        "forms_loaded": directory.forms_loaded,
    }


def _person_facts(person: Person) -> dict[str, Any]:
    return {
        "id": person.id,
        "names": [person.given, person.family, person.middle, person.preferred],
        "roles": sorted(person.roles),
        "schools": sorted(person.schools),
        "addresses": [
            [one.address, one.canonical, one.kind, one.source, _iso(one.verified_on)]
            for one in person.addresses
            if one.kind is not AddressKind.PERSONAL
        ],
        "dates": [_iso(person.start), _iso(person.end)],
    }


_SETS = ("leaders", "members", "administrators", "guardians", "groups")


def _group_facts(group: Group) -> dict[str, Any]:
    return {
        "id": group.id,
        "name": group.name,
        "kind": group.kind,
        "school": group.school,
        "address": group.address,
        "canonical": group.canonical_address,
        "dates": [_iso(group.start), _iso(group.end)],
        **{name: sorted(getattr(group, name)) for name in _SETS},
    }


def _directory(facts: Mapping[str, Any]) -> Directory:
    """Raises KeyError, TypeError or ValueError for what is no kept directory."""
    if facts["format"] != _FORMAT:
        raise ValueError("of another version")
    return Directory(
        version=facts["version"],
        loaded_at=datetime.fromisoformat(facts["loaded_at"]),
        as_of=date.fromisoformat(facts["as_of"]),
        people={one["id"]: _person(one) for one in facts["people"]},
        groups={one["id"]: _group(one) for one in facts["groups"]},
        domains=tuple(facts["domains"]),
        schools=facts["schools"],
        guardians={key: frozenset(ids) for key, ids in facts["guardians"].items()},
        principals={key: frozenset(ids) for key, ids in facts["principals"].items()},
        forms={
            person: tuple(SignedForm(form, date.fromisoformat(on)) for form, on in forms)
            for person, forms in facts["forms"].items()
        },
        forms_loaded=facts["forms_loaded"],
    )


def _person(facts: Mapping[str, Any]) -> Person:
    given, family, middle, preferred = facts["names"]
    start, end = map(_day, facts["dates"])
    return Person(
        id=facts["id"],
        given=given,
        family=family,
        middle=middle,
        preferred=preferred,
        roles=frozenset(map(Role, facts["roles"])),
        schools=frozenset(facts["schools"]),
        addresses=tuple(
            PersonAddress(address, canonical, AddressKind(kind), source, _day(verified))
            for address, canonical, kind, source, verified in facts["addresses"]
        ),
        start=start,
        end=end,
    )


def _group(facts: Mapping[str, Any]) -> Group:
    start, end = map(_day, facts["dates"])
    return Group(
        id=facts["id"],
        name=facts["name"],
        kind=GroupKind(facts["kind"]),
        school=facts["school"],
        address=facts["address"],
        canonical_address=facts["canonical"],
        start=start,
        end=end,
        **{name: frozenset(facts[name]) for name in _SETS},
    )


def _sorted(relation: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    return {key: sorted(ids) for key, ids in relation.items()}


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)

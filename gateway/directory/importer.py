"""The importer: from the files of a roster to a directory, with a report of what could not be used.

Promises: no row costs the whole import; every row or field that is not used is named by file, line and
field; no value is quoted; a column of passwords is never read. An import is refused as a whole
(`RosterError`) when it cannot be opened, has no usable people, is a delta and no complete list, or would
drop so many of the people known before that it must be a truncated export.
"""

from __future__ import annotations

import gc
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

from gateway.directory import columns
from gateway.directory.accounts import read_accounts, read_forms
from gateway.directory.build import build
from gateway.directory.classes import read_classes, read_enrollments, read_orgs, read_terms
from gateway.directory.columns import ColumnSet
from gateway.directory.csvfile import Table
from gateway.directory.draft import Draft
from gateway.directory.groups import read_groups, read_members
from gateway.directory.join import join_records
from gateway.directory.model import GroupKind, Role
from gateway.directory.people import link_agents, read_relationships, read_roles, read_users
from gateway.directory.problems import Problems, RosterError, RowProblem
from gateway.directory.roles import folded
from gateway.directory.snapshot import Directory
from gateway.directory.source import MOST_BYTES, Source, open_source

__all__ = ["Import", "RosterError", "RowProblem", "read_roster"]

# The files of OneRoster that are read; the manifest may say of others what it likes.
_ANNOUNCED = {"orgs", "academicsessions", "users", "roles", "classes", "enrollments"}


@dataclass(frozen=True, slots=True)
class Import:
    """A directory, the rows it was made without, and how much of what is in it."""

    directory: Directory
    problems: tuple[RowProblem, ...]
    counts: Mapping[str, int]


def read_roster(
    path: Path,
    domains: Iterable[str],
    *,
    now: datetime,
    previous: Directory | None,
    max_shrink: float,
    most_bytes: int = MOST_BYTES,
) -> Import:
    """Read the roster at `path`, a folder or a zip, as it stands on the day of `now`.

    `domains` are the district's (lower case, A-labels). `max_shrink` is the share (0 to 1) of the people in
    `previous` that may be missing. Raises RosterError; its text names file and expectation.
    """
    with _no_garbage_collection(), closing(open_source(path, most_bytes)) as source:
        reading = _Reading(path, source)
        draft = Draft(now.date(), tuple(domains))
        reading.fill(draft)
        _refuse_truncated(path, draft, previous, max_shrink)
        directory = build(draft, reading.version(), now)
        problems = reading.problems
        return Import(directory, problems.all(), _counts(directory, draft, problems.count))


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """No circles are made here, and looking for them among millions of objects takes a third of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class _Reading:
    """One pass over the files, in the order in which they need each other."""

    def __init__(self, path: Path, source: Source) -> None:
        self.problems = Problems()
        self._path = path
        self._source = source
        self._digests: dict[str, str] = {}

    def version(self) -> str:
        """12 hex digits of SHA-256 over the files, the same for a folder and a zip of it."""
        lines = "".join(f"{key} {digest}\n" for key, digest in sorted(self._digests.items()))
        return hashlib.sha256(lines.encode()).hexdigest()[:12]

    def fill(self, draft: Draft) -> None:
        """Read all files into `draft`. Raises RosterError where they make no roster."""
        self._check_manifest()
        self._each("orgs", columns.ORGS, lambda table: read_orgs(table, draft), "no school is known")
        users = self._users()
        agents = read_users(users, draft)
        if not draft.people:
            self._refuse_empty(users)
        needed = None if "role" in users else "users.csv has no roles either"
        self._each("roles", columns.ROLES, lambda table: read_roles(table, draft), needed)
        self._fill_classes(draft)
        link_agents(users, draft, agents)
        for key in ("relationships", "agents"):
            self._each(key, columns.RELATIONSHIPS, lambda table: read_relationships(table, draft))
        self._each("accounts", columns.ACCOUNTS, lambda table: read_accounts(table, draft))
        join_records(draft)
        self._each("groups", columns.GROUPS, lambda table: read_groups(table, draft))
        self._each("groupmembers", columns.MEMBERS, lambda table: read_members(table, draft))
        self._each("forms", columns.FORMS, lambda table: read_forms(table, draft))
        for person in draft.people.values():
            if not person.ever:
                users.problem(
                    person.line, "role", "no known role in any file; no rule applies to this person"
                )

    def _fill_classes(self, draft: Draft) -> None:
        self._each("academicsessions", columns.SESSIONS, lambda table: read_terms(table, draft))
        known = self._each(
            "classes", columns.CLASSES, lambda table: read_classes(table, draft), "no class names"
        )
        self._each(
            "enrollments",
            columns.ENROLLMENTS,
            lambda table: read_enrollments(table, draft, known),
            "nobody is in a class",
        )

    def _each(
        self, key: str, wanted: ColumnSet, read: Callable[[Table], None], needed: str | None = None
    ) -> bool:
        """Read one file, if it is there; returns whether it could be. `needed`: what is amiss without it."""
        table = self._table(key, wanted)
        if table is not None:
            read(table)
        elif needed is not None:
            self.problems.add(f"{key}.csv", 0, "", f"the file is missing; {needed}")
        return table is not None and table.usable

    def _table(self, key: str, wanted: ColumnSet) -> Table | None:
        if key not in self._source.names:
            return None
        data = self._source.read(key)
        self._digests[key] = hashlib.sha256(data).hexdigest()
        return Table(self._source.names[key], data, wanted, self.problems)

    def _users(self) -> Table:
        table = self._table("users", columns.USERS)
        if table is None or not table.usable:
            raise RosterError(f"{self._path}: users.csv: expected a column sourcedId in its first line")
        return table

    def _refuse_empty(self, users: Table) -> None:
        first = next((str(problem) for problem in self.problems.all() if problem.file == users.file), "")
        why = f"; first problem: {first}" if first else ""
        raise RosterError(f"{self._path}: {users.file}: expected at least one active user, found none{why}")

    def _check_manifest(self) -> None:
        """OneRoster's manifest says which files are there, and whether they are complete (`bulk`)."""
        table = self._table("manifest", columns.MANIFEST)
        if table is None:
            return
        for line, (name, value) in table.rows("propertyName", "value"):
            prefix, _, file = name.partition(".")
            if folded(prefix) != "file" or folded(file) not in _ANNOUNCED:
                continue
            if folded(value) == "delta":
                raise RosterError(
                    f"{self._path}: {table.file}:{line}: {name}: expected bulk, found delta; "
                    "a list of changes is no roster"
                )
            if folded(value) == "bulk" and folded(file) not in self._source.names:
                table.problem(line, "value", f"says bulk, but there is no {file}.csv")


def _refuse_truncated(path: Path, draft: Draft, previous: Directory | None, max_shrink: float) -> None:
    before = len(previous.people) if previous is not None else 0
    if previous is None or not before:
        return
    lost = sum(draft.person(id) is None for id in previous.people)
    if lost > max_shrink * before:
        raise RosterError(
            f"{path}: users.csv: expected a complete list; {lost} of the {before} people of the directory in "
            f"use are missing, and max_shrink allows {max_shrink:.0%} (raise it if they have really left)"
        )


_COUNTED = (
    ("students", Role.STUDENT),
    ("guardians", Role.GUARDIAN),
    ("staff", Role.STAFF),
    ("coaches", Role.COACH),
    ("advisors", Role.ADVISOR),
    ("administrators", Role.ADMINISTRATOR),
    ("principals", Role.PRINCIPAL),
)


def _counts(directory: Directory, draft: Draft, problems: int) -> Mapping[str, int]:
    people = directory.people.values()
    groups = directory.groups.values()
    counts = {
        "people": len(people),
        **{name: sum(role in person.roles for person in people) for name, role in _COUNTED},
        "former": sum(not person.active for person in draft.people.values()),
        "joined": len(draft.same),
        "addresses": sum(len(person.addresses) for person in people),
        "schools": len(directory.schools),
        "classes": sum(group.kind == GroupKind.CLASS for group in groups),
        "groups": sum(group.kind != GroupKind.CLASS for group in groups),
        "forms": sum(map(len, directory.forms.values())),
        "problems": problems,
    }
    return MappingProxyType(counts)

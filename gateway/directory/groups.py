"""The district's own files about groups: groups.csv and group_members.csv (OneRoster knows no teams)."""

from __future__ import annotations

from gateway.directory.accounts import one_user
from gateway.directory.addresses import usable_address
from gateway.directory.cells import dates
from gateway.directory.csvfile import Table
from gateway.directory.draft import Draft, DraftGroup, DraftPerson
from gateway.directory.model import GroupKind, Role
from gateway.directory.roles import Part, folded, group_kind, group_part

_SEASON = ("season_start", "season_end")
_PARTS = "expected coach, advisor, member, administrator or guardian"


def read_groups(table: Table, draft: Draft) -> None:
    """groups.csv. A row with the id of a class of the roster adds to that class."""
    columns = ("group_id", "name", "kind", "school", "address", *_SEASON)
    named: set[str] = set()
    for line, (id, name, kind_text, school, address, start, end) in table.rows(*columns):
        if not id:
            table.problem(line, "group_id", "empty; the row is not used")
            continue
        if id in named:
            table.problem(line, "group_id", "repeated; the first row is used")
            continue
        named.add(id)
        group = draft.groups.get(id)
        if group is None:
            group = draft.groups[id] = DraftGroup(id, id, _kind(table, line, kind_text))
        group.name = name or group.name
        group.school = _school(table, line, draft, school) or group.school
        if address:
            group.address = usable_address(address)
            if group.address is None:
                table.problem(line, "address", "not an e-mail address; the group has none")
        if start or end:
            group.start, group.end = dates(table, line, start, end, _SEASON)


def _kind(table: Table, line: int, text: str) -> GroupKind:
    kind = group_kind(text)
    if kind is None:
        table.problem(line, "kind", "expected team, club, class or organization; taken as organization")
        return GroupKind.ORGANIZATION
    return kind


def _school(table: Table, line: int, draft: Draft, text: str) -> str:
    """The org that a cell means by sourcedId, name or code; the text itself where no single one answers."""
    if not text or text in draft.schools or not draft.schools:
        return text
    named = draft.school_names.get(folded(text), set())
    if len(named) == 1:
        return next(iter(named))
    table.problem(line, "school", f"{'several orgs have' if named else 'no org has'} this id, name or code")
    return text


def read_members(table: Table, draft: Draft) -> None:
    """group_members.csv: people, or other groups, and what they are in a group."""
    for line, (group_id, user, role) in table.rows("group_id", "user", "role"):
        group = draft.groups.get(group_id)
        if group is None:
            if group_id not in draft.gone_classes:
                table.problem(line, "group_id", "names no group of groups.csv; not used")
            continue
        if user in draft.groups and draft.person(user) is None:
            _nest(table, line, group, user, role)
            continue
        person = one_user(table, line, draft, user)
        if person is not None:
            _add_member(table, line, draft, group, person, role)


def _nest(table: Table, line: int, group: DraftGroup, inner: str, role: str) -> None:
    part, _ = group_part(role or "member", group.kind)
    if part != Part.MEMBER:
        table.problem(line, "role", "a group in a group can only be its member; not used")
    elif inner == group.id:
        table.problem(line, "user", "names the group itself; not used")
    else:
        group.groups.add(inner)


def _add_member(
    table: Table, line: int, draft: Draft, group: DraftGroup, person: DraftPerson, text: str
) -> None:
    """Put a person into a group; a student never leads one or answers for it, whatever the file says."""
    part, gives = group_part(text, group.kind)
    student = Role.STUDENT in person.ever
    if part is None:
        if not student:
            table.problem(line, "role", f"{'unknown' if text else 'empty'}; {_PARTS}; not used")
            return
        table.problem(line, "role", f"{'unknown' if text else 'empty'}; {_PARTS}; a student: taken as member")
        part = Part.MEMBER
    elif student and part != Part.MEMBER:
        table.problem(line, "role", f"a student cannot be {part} of a group; taken as member")
        part = Part.MEMBER
    elif gives is not None and person.active:
        person.grant(gives, None, None, draft.as_of)
    group.parts[part].add(person.id)

"""OneRoster's people: users (1.1 and 1.2, SDS v2.1), roles (1.2, SDS), agents and relationships.

A row that cannot be used is reported and skipped. Status `inactive` and `tobedeleted` mean that the
record is not there. `enabledUser` is not looked at: whoever may not sign in today is a student all the same.
"""

from __future__ import annotations

from sys import intern

from gateway.directory.addresses import usable_addresses
from gateway.directory.cells import dates, ids, in_force
from gateway.directory.csvfile import Table
from gateway.directory.draft import Draft, DraftPerson
from gateway.directory.model import Role
from gateway.directory.roles import folded, makes_guardian, person_roles
from gateway.message.canonical import canonical_address

_USER_COLUMNS = (
    "sourcedId", "status", "givenName", "familyName", "middleName", "preferredGivenName",
    "orgSourcedIds", "primaryOrgSourcedId", "role", "beginDate", "endDate",
    "email", "activeDirectoryMatchId", "username", "agentSourcedIds",
)  # fmt: skip
_EXPECTED_ROLE = "expected one such as student, guardian, teacher or administrator"

Agents = list[tuple[int, str, str]]  # line, user, agent


def read_users(table: Table, draft: Draft) -> Agents:
    """users.csv; returns its agents, to be linked when everybody and their roles are known."""
    agents: Agents = []
    for line, (id, status, *cells) in table.rows(*_USER_COLUMNS):
        names, (orgs, primary, role, start, end) = cells[:4], cells[4:9]
        accounts, agent_ids = cells[9:12], cells[12]
        if not id:
            table.problem(line, "sourcedId", "empty; the row is not used")
            continue
        if not in_force(table, line, status):
            draft.gone.add(id)
            continue
        person = draft.people.get(id)
        if person is None:
            # Thousands share a name; one string in memory serves them all.
            person = DraftPerson(id, line, *map(intern, names), own=dates(table, line, start, end))
            draft.people[id] = person
            if not person.given and not person.family:
                table.problem(line, "familyName", "no name; known by id and address only")
        elif not _repeats(table, line, person, names):
            continue
        if orgs or primary:
            person.schools |= set(draft.known_schools(table, line, "orgSourcedIds", f"{orgs},{primary}"))
        _grant_own_roles(table, line, draft, person, role)
        _add_emails(table, line, draft, person, accounts)
        agents += [(line, id, agent) for agent in ids(agent_ids)]
    return agents


def _repeats(table: Table, line: int, person: DraftPerson, names: list[str]) -> bool:
    """Whether a second row with a person's id is the same person (some exports write one for each school)."""
    given, family, *_ = names
    if (folded(given), folded(family)) != (folded(person.given), folded(person.family)):
        table.problem(line, "sourcedId", f"repeated with another name; line {person.line} is used")
        return False
    table.problem(line, "sourcedId", f"repeated; its roles and schools are added to line {person.line}")
    return True


def _grant_own_roles(table: Table, line: int, draft: Draft, person: DraftPerson, text: str) -> None:
    """Roles of a row of users.csv (1.1). An empty cell is no problem yet: 1.2 has them in roles.csv."""
    if not text:
        return
    roles, known = person_roles(text)
    if not known:
        table.problem(line, "role", f"unknown; {_EXPECTED_ROLE}")
    for role in roles:
        if person.grant(role, None, None, draft.as_of) and role == Role.PRINCIPAL:
            draft.add_principal(person, person.schools)


def _add_emails(table: Table, line: int, draft: Draft, person: DraftPerson, cells: list[str]) -> None:
    """The row's e-mail; where it has none, its account names that are addresses (SDS v2.1)."""
    email, *account_names = cells
    found, unusable = usable_addresses(email) if email else ([], 0)
    if unusable:
        table.problem(line, "email", "not an e-mail address")
    if not found:
        found = [address for name in account_names if "@" in name for address in usable_addresses(name)[0]]
    if not found and not email and not person.emails:
        table.problem(line, "email", "empty; the roster has no address of this person")
    for address in found:
        canonical = canonical_address(address)
        canonical = address if address == canonical else canonical  # one string in memory, not two
        if canonical not in (known for _, known in person.emails):
            person.emails += ((address, canonical),)
            draft.learn_address(canonical, person.id)


def read_roles(table: Table, draft: Draft) -> None:
    """roles.csv (1.2, SDS v2.1): a role at an org, with dates."""
    columns = ("userSourcedId", "status", "role", "orgSourcedId", "beginDate", "endDate")
    for line, (user, status, text, org, start, end) in table.rows(*columns):
        if not in_force(table, line, status):
            continue
        person = draft.people.get(user)
        if person is None:
            if user not in draft.gone:
                table.problem(line, "userSourcedId", "names nobody in users.csv; not used")
            continue
        roles, known = person_roles(text)
        if not roles or not known:
            table.problem(line, "role", f"{'unknown' if text else 'empty'}; {_EXPECTED_ROLE}")
        schools = draft.known_schools(table, line, "orgSourcedId", org)
        first, last = dates(table, line, start, end)
        for role in roles:
            if person.grant(role, first, last, draft.as_of):
                person.schools |= set(schools)
                if role == Role.PRINCIPAL:
                    draft.add_principal(person, schools or person.schools)


def link_agents(table: Table, draft: Draft, agents: Agents) -> None:
    """Agents of users.csv: on a student's row the guardians, on a guardian's row the children."""
    for line, user, agent in agents:
        _link(table, line, "agentSourcedIds", draft, user, agent)


def read_relationships(table: Table, draft: Draft) -> None:
    """relationships.csv (SDS v2.1) or agents.csv: a student, and somebody who may be a guardian."""
    columns = ("userSourcedId", "relationshipUserSourcedId", "role", "status")
    for line, (user, other, role, status) in table.rows(*columns):
        if not in_force(table, line, status):
            continue
        guardian = makes_guardian(role) if "role" in table else True
        if guardian is None:
            table.problem(line, "relationshipRole", "unknown; expected parent, guardian, relative or other")
        elif guardian:
            _link(table, line, "relationshipUserSourcedId", draft, user, other)


def _link(table: Table, line: int, field: str, draft: Draft, user: str, other: str) -> None:
    """Make the one of the two who is no student a guardian of the one who is."""
    pair = []
    for column, id in (("userSourcedId", user), (field, other)):
        if id in draft.people:
            pair.append(draft.people[id])
        elif id not in draft.gone:
            table.problem(line, column, "names nobody in users.csv; not used")
    if len(pair) < 2:
        return
    student, guardian = sorted(pair, key=lambda person: Role.STUDENT not in person.ever)
    if Role.STUDENT not in student.ever:
        table.problem(line, field, "neither of the two is a student; nobody becomes a guardian")
    elif student is guardian or (Role.STUDENT in guardian.ever and Role.GUARDIAN not in guardian.ever):
        table.problem(line, field, "both are students; nobody becomes a guardian")
    else:
        draft.link(student, guardian)

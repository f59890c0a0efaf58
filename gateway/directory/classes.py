"""OneRoster's schools, terms, classes and enrollments (orgs, academicSessions, classes, enrollments).

A class is in session from its first term to its last. End dates are taken as included, where OneRoster
1.2 §4 excludes them: one day too many harms nobody.
"""

from __future__ import annotations

from datetime import date

from gateway.directory.cells import dates, ids, in_force
from gateway.directory.csvfile import Table
from gateway.directory.dates import covers
from gateway.directory.draft import Draft, DraftGroup, DraftPerson
from gateway.directory.model import GroupKind
from gateway.directory.roles import class_part, folded


def read_orgs(table: Table, draft: Draft) -> None:
    """Schools, offices and the district itself; groups.csv may name them by name or code."""
    for line, (id, status, name, code) in table.rows("sourcedId", "status", "name", "identifier"):
        if not id:
            table.problem(line, "sourcedId", "empty; the row is not used")
        elif id in draft.schools:
            table.problem(line, "sourcedId", "repeated; the first row is used")
        elif not in_force(table, line, status):
            draft.gone_schools.add(id)
        else:
            draft.schools[id] = name or id
            for word in {folded(name), folded(code)} - {""}:
                draft.school_names.setdefault(word, set()).add(id)


def read_terms(table: Table, draft: Draft) -> None:
    """academicSessions.csv: first and last day of each term."""
    for line, (id, status, start, end) in table.rows("sourcedId", "status", "beginDate", "endDate"):
        if id and in_force(table, line, status):
            draft.terms.setdefault(id, dates(table, line, start, end))


def read_classes(table: Table, draft: Draft) -> None:
    columns = ("sourcedId", "status", "title", "schoolSourcedId", "termSourcedIds")
    for line, (id, status, title, school, terms) in table.rows(*columns):
        if not id:
            table.problem(line, "sourcedId", "empty; the row is not used")
        elif not in_force(table, line, status):
            draft.gone_classes.add(id)
        elif id in draft.groups:
            table.problem(line, "sourcedId", "repeated; the first row is used")
        else:
            orgs = draft.known_schools(table, line, "schoolSourcedId", school)
            start, end = _session(draft, terms)
            draft.groups[id] = DraftGroup(
                id, title or id, GroupKind.CLASS, orgs[0] if orgs else "", start=start, end=end
            )


def _session(draft: Draft, terms: str) -> tuple[date | None, date | None]:
    """First and last day of a class over its terms; open where the day of one is not known."""
    spans = [draft.terms.get(term, (None, None)) for term in ids(terms)]
    starts = [start for start, _ in spans if start]
    ends = [end for _, end in spans if end]
    return (
        min(starts) if starts and len(starts) == len(spans) else None,
        max(ends) if ends and len(ends) == len(spans) else None,
    )


def read_enrollments(table: Table, draft: Draft, classes_known: bool) -> None:
    """Who is in a class. Without classes.csv, the ids of classes stand for their names.

    Somebody without a usable role of their own gets the one that they have in the class.
    """
    columns = ("classSourcedId", "userSourcedId", "role", "status", "beginDate", "endDate")
    for line, (class_id, user, role, status, start, end) in table.rows(*columns):
        if not in_force(table, line, status):
            continue
        person = draft.people.get(user)
        group = draft.groups.get(class_id)
        if group is None and class_id and not classes_known:
            group = draft.groups[class_id] = DraftGroup(class_id, class_id, GroupKind.CLASS)
        if person is None or group is None:
            _report_dangling(table, line, draft, (person, user), (group, class_id))
            continue
        part, shown = class_part(role)
        if part is None:
            table.problem(line, "role", f"{'unknown' if role else 'empty'}; expected student or teacher")
            continue
        first, last = dates(table, line, start, end)
        if shown is not None and (person.inferred or not person.ever):
            person.inferred = True
            person.grant(shown, first, last, draft.as_of)
        if covers(first, last, draft.as_of):
            group.parts[part].add(person.id)


def _report_dangling(
    table: Table,
    line: int,
    draft: Draft,
    user: tuple[DraftPerson | None, str],
    group: tuple[DraftGroup | None, str],
) -> None:
    """An enrollment of a person or a class that is not there at all (one that has ended is no problem)."""
    if user[0] is None and user[1] not in draft.gone:
        table.problem(line, "userSourcedId", "names nobody in users.csv; not used")
    if group[0] is None and group[1] not in draft.gone_classes:
        table.problem(line, "classSourcedId", "names no class of classes.csv; not used")

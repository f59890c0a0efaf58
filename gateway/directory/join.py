"""One human under several ids.

OneRoster 1.1 asks for a record of its own for each role of a user, and many exports write a parent once
for each child. Two records without the student role are one human when they have an address in common
*and* the same name; the name alone would join strangers, the address alone a couple that shares a mailbox.
Students are never joined: John Smith junior may well use his father's mailbox.
"""

from __future__ import annotations

from gateway.directory.draft import Draft, DraftPerson
from gateway.directory.model import Role
from gateway.directory.roles import folded


def join_records(draft: Draft) -> None:
    """Join records of one human; the staff record's id is kept, or else the first in the file."""
    for canonical in draft.shared_addresses():
        adults = [
            person for person in draft.owners(canonical) if person.ever and Role.STUDENT not in person.ever
        ]
        adults.sort(key=lambda person: (Role.STAFF not in person.ever, person.line))
        while adults:
            kept, *rest = adults
            twins = [person for person in rest if _same_name(kept, person)]
            for twin in twins:
                kept.absorb(twin)
                draft.same[twin.id] = kept.id
                del draft.people[twin.id]
            adults = [person for person in rest if person not in twins]


def _same_name(one: DraftPerson, other: DraftPerson) -> bool:
    """Equal surnames, and a first name (given or preferred) in common."""
    if not folded(one.family) or folded(one.family) != folded(other.family):
        return False
    first, second = ({folded(p.given), folded(p.preferred)} - {""} for p in (one, other))
    return bool(first & second)

"""Groups before a message: who counts as a member, whether it reached them all, who answers for it.

Promises: "member", "whole group" and "appropriate administrator" mean the same to every rule (policy.md:
Terms, Exact points); every answer is for one day.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date

from gateway.config import Administrators, Policy
from gateway.directory.model import Group
from gateway.directory.snapshot import Directory
from gateway.policy.audience import people_on_list
from gateway.policy.capacity import active_people, classes_taught, is_active, is_administrator, is_staff

# A group of one cannot be addressed "whole": who writes to its member writes to that person.
SMALLEST = 2


def counted_members(directory: Directory, group: Group, author_id: str, day: date) -> frozenset[str]:
    """Who is a member of a group when its leader writes to it.

    Everybody active whom the roster lists as a member of the group or of a group inside it, but not the
    author, not the leaders, and not staff: an assistant or chaperone on the list is a colleague, not a team
    member. Members without an address belong to it, but nobody can be asked to write to them (see
    `Reach.required`).
    """
    people = directory.people
    apart = group.leaders
    return frozenset(
        member
        for member in directory.members_of(group.id)
        if member != author_id
        and member not in apart
        and (person := people.get(member)) is not None
        and is_active(person, day)
        and not is_staff(person, day)
    )


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a message reaches into one group."""

    group: Group
    members: frozenset[str]  # as `counted_members` has them
    required: frozenset[str]  # members with a known address: what "all team members" can mean
    reached: frozenset[str]  # members among the recipients

    @property
    def whole(self) -> bool:
        """Whether every active member with a known address is a recipient."""
        return self.required <= self.reached


def reach(
    directory: Directory, group: Group, recipients: AbstractSet[str], author_id: str, day: date
) -> Reach | None:
    """How far a message to `recipients` (by person id) reaches into a group; None where it reaches nobody."""
    if directory.members_of(group.id).isdisjoint(recipients):
        return None
    members = counted_members(directory, group, author_id, day)
    reached = frozenset(member for member in members if member in recipients)
    if not reached:
        return None
    people = directory.people
    return Reach(group, members, frozenset(m for m in members if people[m].addresses), reached)


def writes_as_teacher(
    directory: Directory, group: Group, recipients: AbstractSet[str], author_id: str, day: date
) -> bool:
    """Whether the leader of a group writes as a teacher: to a whole class, or to pupils outside the group too."""
    team = directory.members_of(group.id)
    for taught in classes_taught(directory, author_id, day):
        if taught.id == group.id:
            continue
        if any(pupil in recipients for pupil in directory.members_of(taught.id) - team):
            return True
        found = reach(directory, taught, recipients, author_id, day)
        if found is not None and found.whole and len(found.reached) >= SMALLEST:
            return True
    return False


@dataclass(frozen=True, slots=True)
class Oversight:
    """The administrators appropriate for one group."""

    people: frozenset[str]
    every: bool  # whether all of them must take part, or one is enough

    def satisfied_by(self, present: frozenset[str]) -> bool:
        """Whether the administrators `present` are as many as the district asks for.

        Where the directory knows nobody who answers for the group, nobody in particular can be copied; then
        any administrator will do (see `present`).
        """
        if self.every and self.people:
            return self.people <= present
        return bool(present)

    def present(self, directory: Directory, participants: Iterable[str], day: date) -> frozenset[str]:
        """The administrators of the group among the participants (author and recipients)."""
        if self.people:
            return self.people.intersection(participants)
        return administrators_among(directory, participants, day)


def administrators_among(directory: Directory, participants: Iterable[str], day: date) -> frozenset[str]:
    """Participants who are an administrator of anything."""
    people = directory.people
    return frozenset(
        key for key in participants if (person := people.get(key)) and is_administrator(person, day)
    )


def oversight(directory: Directory, group: Group, settings: Policy, day: date) -> Oversight:
    """Those named for the group; where none is (or all have left), the configured fallback for its kind.

    For a school that the fallback names, its people answer instead of those for all schools. A kind without a
    setting of its own falls back to the principals of the group's school.
    """
    every = settings.require_administrators == "all"
    named = active_people(directory, group.administrators, day)
    if named:
        return Oversight(named, every)
    fallback = _FALLBACK
    for kind, configured in settings.fallback_administrators.items():
        if kind == group.kind.value:
            fallback = configured
    people = tuple(_of_school(directory, group.school, fallback)) or fallback.people
    found = {who for text in people if (who := resolve_person(directory, text)) is not None}
    if fallback.principals:
        found |= directory.principals_of(group.school)
    staff = (who for who in active_people(directory, found, day) if is_staff(directory.people[who], day))
    return Oversight(frozenset(staff), every)


def _of_school(directory: Directory, school: str, fallback: Administrators) -> Iterator[str]:
    """The people whom a fallback names for one school; none where it does not name the school."""
    for text, people in fallback.schools.items():
        if means_school(directory, text, school):
            yield from people


def means_school(directory: Directory, text: str, school: str) -> bool:
    """Whether a setting that names a school by sourcedId or name means `school`, as groups and people have it.

    What is the sourcedId of a school means that one and no other of such a name. Where no org answers to what a group
    says of its school, the words themselves are its name.
    """
    if not school or text in directory.schools:
        return bool(school) and text == school
    return _caseless(text) == _caseless(directory.schools.get(school, school))


def _caseless(name: str) -> str:
    return " ".join(name.casefold().split())


def attending(
    directory: Directory, group: Group, participants: AbstractSet[str], settings: Policy, day: date
) -> frozenset[str]:
    """A group's administrators who are in it or among the participants; nobody where they are too few.

    In a group are all to whom its list address would lead: whom the group names as its administrator is in it,
    and so is a fallback whom the roster lists as a leader or member.
    """
    needed = oversight(directory, group, settings, day)
    present = needed.present(directory, people_on_list(directory, group) | participants, day)
    return present if needed.satisfied_by(present) else frozenset()


_FALLBACK = Administrators.model_validate({})


def resolve_person(directory: Directory, text: str) -> str | None:
    """The id of the person whom a setting names by sourcedId or address; None where nobody is meant."""
    if text in directory.people:
        return text
    match = directory.match(text)
    return match.person.id if match is not None else None

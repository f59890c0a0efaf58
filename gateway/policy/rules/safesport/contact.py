"""Whom a coach's message contacts as an athlete, and which second adults take part: the facts behind safesport/*.

1. A team counts when the author leads it, it is in season and one of its athletes is a recipient. An athlete
   is a member (`groups.counted_members`) who is an enrolled student and not the author's own child.
2. An athlete who is reached only at an address of a parent is not contacted: the parent is.
3. A message to the list of some other group (the student council) contacts nobody on it as an athlete.
4. A message to pupils or club members of the author outside the team, or to the whole of such a class or
   club, is a teacher's or an advisor's message, and not a coach's.

A *second adult* takes part when they are a recipient in whichever way, by a list or blind copy too, or are
named as an author beside the one judged. An *adult of the program* leads a team of the athlete's (in season or
not), is on it as staff, or answers for the author's team as an administrator. The author is never one of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gateway.directory.model import Group, GroupKind
from gateway.policy.audience import Recipient
from gateway.policy.capacity import classes_taught, groups_led, is_staff, is_student
from gateway.policy.context import Context
from gateway.policy.groups import Reach, oversight, reach
from gateway.policy.wording import by_name

# A class or club of one cannot be addressed as a whole.
_SMALLEST_WHOLE = 2


@dataclass(frozen=True, slots=True)
class Contact:
    """Whom one message contacts as athletes."""

    athletes: tuple[Recipient, ...]  # by name
    teams: tuple[Reach, ...]  # the author's teams that have any of them, by name
    lists: frozenset[str]  # ids of those of these teams whose own list address is a recipient
    alone: bool  # whether no other student is among the recipients
    taking_part: frozenset[str]  # everybody who takes part, but the author
    elsewhere: frozenset[str]  # athletes whom the author also teaches, or advises in a club

    @property
    def ids(self) -> frozenset[str]:
        """The athletes' ids."""
        return frozenset(athlete.person.id for athlete in self.athletes)

    def teams_of(self, athletes: frozenset[str]) -> tuple[Reach, ...]:
        """Those of the teams that have any of some athletes."""
        return tuple(team for team in self.teams if not team.reached.isdisjoint(athletes))


def contact(context: Context) -> Contact | None:
    """Whom the author contacts as a coach; None where nobody."""
    author_id, directory, day = context.author.person.id, context.directory, context.day
    led = [group for group in groups_led(directory, author_id, day) if group.kind is GroupKind.TEAM]
    recipients = context.message.audience.ids
    teams = [found for team in led if (found := reach(directory, team, recipients, author_id, day))]
    if not teams:
        return None
    athletes = frozenset[str]().union(*(team.reached for team in teams))
    athletes = frozenset(key for key in athletes if _is_contacted(context, key)) - _on_other_lists(
        context, led
    )
    others = list(_other_groups(context))
    if not athletes or _writes_in_another_part(context, led, others, athletes):
        return None
    everybody = context.message.audience
    return Contact(
        athletes=tuple(
            everybody.recipient(one.id) for one in by_name(everybody.people[key] for key in athletes)
        ),
        teams=tuple(sorted((t for t in teams if not t.reached.isdisjoint(athletes)), key=_by_team)),
        lists=frozenset(group.id for group in everybody.lists).intersection(team.group.id for team in teams),
        alone=not any(_is_contacted(context, key) for key in recipients - athletes),
        taking_part=_taking_part(context),
        elsewhere=athletes & _members(context, others),
    )


def _by_team(team: Reach) -> tuple[str, str]:
    return team.group.name.casefold(), team.group.id


def _is_contacted(context: Context, person_id: str) -> bool:
    """Whether a recipient is a student, no child of the author, and reached otherwise than through a parent."""
    directory, ways = context.directory, context.message.audience.ways[person_id]
    if not is_student(directory.people[person_id], context.day):
        return False
    parents = directory.guardians_of(person_id)
    if context.author.person.id in parents:
        return False
    return not all(any(owner.person.id in parents for owner in way.owners) for way in ways)


def _taking_part(context: Context) -> frozenset[str]:
    message = context.message
    return frozenset(message.audience.ids | message.writers) - {context.author.person.id}


# --- a coach who is more than a coach -------------------------------------------------------------------


def _other_groups(context: Context) -> Iterator[Group]:
    """Classes that the author teaches and clubs that the author advises."""
    author_id, directory, day = context.author.person.id, context.directory, context.day
    yield from classes_taught(directory, author_id, day)
    yield from (group for group in groups_led(directory, author_id, day) if group.kind is not GroupKind.TEAM)


def _members(context: Context, groups: list[Group]) -> frozenset[str]:
    return frozenset[str]().union(*(context.directory.members_of(group.id) for group in groups))


def _on_other_lists(context: Context, led: list[Group]) -> frozenset[str]:
    """Members of list addresses that reach beyond the author's teams."""
    directory, on_teams = context.directory, _members(context, led)
    lists = (directory.members_of(group.id) for group in context.message.audience.lists)
    return frozenset[str]().union(*(members for members in lists if not members <= on_teams))


def _writes_in_another_part(
    context: Context, led: list[Group], others: list[Group], athletes: frozenset[str]
) -> bool:
    """Whether the message is a teacher's or an advisor's, by whom it reaches besides the athletes."""
    author_id, directory, day = context.author.person.id, context.directory, context.day
    recipients = context.message.audience.ids
    beyond = _members(context, others) - _members(context, led)
    if any(key in recipients and _is_contacted(context, key) for key in beyond):
        return True
    found = (reach(directory, group, recipients, author_id, day) for group in others)
    return any(
        one is not None and one.whole and len(one.reached) >= _SMALLEST_WHOLE and athletes <= one.reached
        for one in found
    )


# --- second adults --------------------------------------------------------------------------------------


def staff_among(context: Context, found: Contact) -> frozenset[str]:
    """Everybody on the staff who takes part, but the author."""
    people, day = context.directory.people, context.day
    return frozenset(key for key in found.taking_part if is_staff(people[key], day))


def program_adults(context: Context, found: Contact, athletes: frozenset[str]) -> frozenset[str]:
    """The adults of the program of some athletes who take part."""
    staff, directory = staff_among(context, found), context.directory
    coaches = {key for key in staff if _coaches(context, key, athletes)}
    present = frozenset[str]()
    for team in found.teams_of(athletes):
        answerable = oversight(directory, team.group, context.message.settings, context.day)
        present |= answerable.present(directory, found.taking_part, context.day)
        coaches |= staff & directory.members_of(team.group.id)
    return present | coaches


def _coaches(context: Context, adult_id: str, athletes: frozenset[str]) -> bool:
    directory = context.directory
    return any(
        group.kind is GroupKind.TEAM and not athletes.isdisjoint(directory.members_of(group.id))
        for group in directory.groups_led_by(adult_id)
    )


def guardians_among(context: Context, found: Contact, athletes: frozenset[str]) -> frozenset[str]:
    """The guardians of any of some athletes who take part."""
    guardians = (context.directory.guardians_of(key) for key in athletes)
    return frozenset[str]().union(*guardians) & found.taking_part

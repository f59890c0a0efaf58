"""Groups that are written to and have no appropriate administrator in them.

A message is *to a group* when the group's list address is a recipient, whichever staff member wrote, or when it
reaches all members of a group by name and the author leads that group. Who leads no group and writes to its
members by name writes to people: an announcement to the whole school is not one to every club whose members
happen to be in it. A leader who writes as a teacher (see `groups.writes_as_teacher`) does not write to the group
either, unless through its list.

Only what staff write is judged. A student who is the author never causes a finding, and a guardian or stranger
who writes to the list is not bound by a policy for personnel. Nothing is lost by that: it is the group that lacks
an administrator, and `mailgw directory check` reports every such group, whether or not mail was sent.

For the same reason there is one finding for a group and a day, however many messages and authors there are. Which
administrators are appropriate, and whether one or all of them are needed, is `groups.attending`'s to say.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gateway.config import Severity
from gateway.directory.coverage import acts_as_group
from gateway.directory.model import Group, GroupKind, Person
from gateway.policy.capacity import classes_taught, groups_led, is_student
from gateway.policy.context import MOST_LISTED, Context, Draft, Rule
from gateway.policy.groups import (
    SMALLEST,
    Reach,
    attending,
    oversight,
    reach,
    writes_as_teacher,
)
from gateway.policy.model import Involved
from gateway.policy.wording import by_name, display_name, how_sure, names, paragraph, quoted, series

SENTENCE = (
    "Team, class, or student organization pages, accounts, or groups will be created only in conjunction with the "
    "coach or faculty advisor. All groups must include the appropriate administrator as a member. Access to the "
    "page will remain with the coach or faculty advisor."
)
_REMEDY = (
    "District policy asks that every group includes the appropriate administrator; please have the administrator "
    "added to this group, or copy them on this message."
)


@dataclass(frozen=True, slots=True)
class _Addressed:
    """A group that a message is to, and the members whom it reached; at least one."""

    group: Group
    by_list: bool
    members: tuple[Person, ...]  # by name


def _no_administrator(context: Context) -> Iterable[Draft]:
    if context.exempt.author(context.author):
        return
    for found in _addressed(context):
        settings = context.message.settings
        if not attending(context.directory, found.group, context.participants, settings, context.day):
            yield _draft(context, found)


# --- which groups a message is to ----------------------------------------------------------------------


def _addressed(context: Context) -> Iterator[_Addressed]:
    """The groups in season that the message is to; by name of the group."""
    author_id, directory, day = context.author.person.id, context.directory, context.day
    lists = {group.id: group for group in context.message.audience.lists if group.in_season(day)}
    led = (*groups_led(directory, author_id, day), *classes_taught(directory, author_id, day))
    own = {group.id: group for group in led if acts_as_group(group)}
    everything = {**own, **lists}.values()
    for group in sorted(everything, key=lambda group: (group.name.casefold(), group.id)):
        found = reach(directory, group, context.message.audience.ids, author_id, day)
        if found is None:
            continue
        counted = _counted(context, found)
        by_list = group.id in lists
        if (by_list and counted) or (not by_list and _by_name(context, found, counted)):
            members = by_name(directory.people[key] for key in counted)
            yield _Addressed(group, by_list, tuple(members))


def _counted(context: Context, found: Reach) -> frozenset[str]:
    """Members reached whom the rule does not leave alone."""
    people = context.directory.people
    return frozenset(key for key in found.reached if not context.exempts(people[key]))


def _by_name(context: Context, found: Reach, counted: frozenset[str]) -> bool:
    """Whether a leader's message to people is one to the whole group.

    Members who are reached at a family's address only do not count: a message to all parents is not one to the
    team.
    """
    sure = counted - context.message.audience.unsure(counted)
    return (
        len(sure) >= SMALLEST
        and found.required <= sure
        and not writes_as_teacher(
            context.directory,
            found.group,
            context.message.audience.ids,
            context.author.person.id,
            context.day,
        )
    )


# --- the finding ---------------------------------------------------------------------------------------


def _draft(context: Context, found: _Addressed) -> Draft:
    author, group = context.author, found.group
    reasons = [
        author.why,
        "that the administrator is missing is what the directory and the recipients of this message say",
    ]
    return Draft(
        confidence=author.confidence,
        author_role=_role(context, group),
        people=tuple(_member(context, person) for person in found.members[:MOST_LISTED]),
        groups=(group.id,),
        explanation=paragraph(
            _opening(context, found),
            _missing(context, found),
            quoted(SENTENCE),
            f"This is about the {group.kind.value} more than about who wrote to it: whoever keeps its list puts it "
            "right by adding the administrator. It is noted once a day, whoever writes.",
            how_sure(author.confidence, reasons, context.genuine),
        ),
        once=f"{group.id}/{context.day.isoformat()}",
    )


def _role(context: Context, group: Group) -> str:
    if context.author.person.id not in group.leaders or group.kind is GroupKind.CLASS:
        return "staff"
    return "coach" if group.kind is GroupKind.TEAM else "advisor"


def _member(context: Context, person: Person) -> Involved:
    role = "student" if is_student(person, context.day) else "member"
    recipient = context.message.audience.recipient(person.id)
    return Involved(person.id, display_name(person), role, recipient.ways[0].address, recipient.why)


def _opening(context: Context, found: _Addressed) -> str:
    name = display_name(context.author.person)
    if found.by_list:
        return f"{name} wrote to the list of {found.group.name}, which leads to {names(found.members)}."
    return f"{name} wrote to all members of {found.group.name} with a known address ({names(found.members)})."


def _missing(context: Context, found: _Addressed) -> str:
    """Which administrator is neither in the group nor on the message."""
    directory, day, group = context.directory, context.day, found.group
    needed = oversight(directory, group, context.message.settings, day)
    if not needed.people:
        return (
            f"No administrator is in the {group.kind.value} or took part, and the directory names none who answers "
            "for it."
        )
    people = by_name(directory.people[key] for key in needed.people)
    who = series([display_name(person) for person in people], "and" if needed.every else "or")
    if needed.every and len(people) > 1:
        return f"Not all administrators who answer for it ({who}) are in the {group.kind.value} or took part."
    return f"No administrator who answers for it ({who}) is in the {group.kind.value} or took part."


NO_ADMINISTRATOR = Rule(
    "group/no-administrator", SENTENCE, Severity.VIOLATION, _REMEDY, _no_administrator, version=2
)

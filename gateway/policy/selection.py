"""Which members of their groups a coach or advisor singled out: the facts behind the coach/* rules.

The whole question of policy.md in one place, found out once for all three rules:

1. A group counts when the author leads it, it is in season and one of its members (`groups.counted_members`)
   is a recipient. A group that was reached whole is as the policy wants it, and covers its members in every
   other.
2. A list address of some other group covers the members on it as well: who writes to all of the student
   council has not singled out the players among them. A list of none but team members (the captains) covers
   nobody.
3. A message to the whole of a class that the author teaches, or one that also goes to pupils outside the
   group, is a teacher's message and not a coach's.
4. The author's own children are written to as children, from whichever account.
5. Who is left was singled out. Each of them is *copied* when enough of the administrators appropriate for one
   of the groups take part; the author, or somebody who signs with them, can be one of these.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.directory.model import Group
from gateway.policy.audience import Recipient
from gateway.policy.capacity import classes_taught, groups_led
from gateway.policy.context import Context
from gateway.policy.groups import Oversight, Reach, oversight, reach, writes_as_teacher
from gateway.policy.wording import by_name


@dataclass(frozen=True, slots=True)
class Part:
    """A group of the author's that the message reached in part."""

    reach: Reach
    singled_out: frozenset[str]  # members among the recipients whom nothing covers
    oversight: Oversight
    present: frozenset[str]  # its administrators among the participants
    copied: bool  # whether they are as many as the district asks for

    @property
    def group(self) -> Group:
        return self.reach.group


@dataclass(frozen=True, slots=True)
class Selection:
    """Who was singled out, and in which groups."""

    parts: tuple[Part, ...]  # by name of the group
    members: tuple[Recipient, ...]  # by name
    copied: frozenset[str]  # those for whom an administrator takes part
    pupils: frozenset[str]  # those whom the author also teaches in class


def selection(context: Context) -> Selection | None:
    """Whom the author singled out as a coach or advisor; None where nobody."""
    author_id, directory, day = context.author.person.id, context.directory, context.day
    led = groups_led(directory, author_id, day)
    if not led:
        return None
    recipients = context.message.audience.ids
    reached = [
        found for group in led if (found := reach(directory, group, recipients, author_id, day)) is not None
    ]
    partial = [found for found in reached if not found.whole]
    if not partial:
        return None
    covered = frozenset[str]().union(*(found.reached for found in reached if found.whole))
    covered |= directory.children_of(author_id)
    parts = []
    for found in partial:
        left = found.reached - covered - _covered_by_lists(context, found.group)
        if left and not writes_as_teacher(directory, found.group, recipients, author_id, day):
            parts.append(_part(context, found, left))
    return _selection(context, parts) if parts else None


def _selection(context: Context, parts: list[Part]) -> Selection:
    everybody = context.message.audience
    left = frozenset[str]().union(*(part.singled_out for part in parts))
    ordered = by_name(everybody.people[key] for key in left)
    return Selection(
        parts=tuple(sorted(parts, key=lambda part: (part.group.name.casefold(), part.group.id))),
        members=tuple(everybody.recipient(person.id) for person in ordered),
        copied=frozenset[str]().union(*(part.singled_out for part in parts if part.copied)),
        pupils=left & _pupils(context),
    )


def _part(context: Context, found: Reach, left: frozenset[str]) -> Part:
    directory, day, message = context.directory, context.day, context.message
    needed = oversight(directory, found.group, message.settings, day)
    present = needed.present(directory, context.participants, day)
    return Part(found, left, needed, present, needed.satisfied_by(present))


def _covered_by_lists(context: Context, group: Group) -> frozenset[str]:
    """Members of list addresses that reach beyond a group."""
    directory = context.directory
    team = directory.members_of(group.id)
    lists = (directory.members_of(other.id) for other in context.message.audience.lists)
    return frozenset[str]().union(*(members for members in lists if not members <= team))


def _pupils(context: Context) -> frozenset[str]:
    """Everybody the author teaches."""
    taught = classes_taught(context.directory, context.author.person.id, context.day)
    return frozenset[str]().union(*(context.directory.members_of(group.id) for group in taught))

"""Scenarios of the month with parents on the staff, who write in two capacities.

"A staff member who is also a guardian may write as a parent from a personal account: to their own child, to the
child's other guardians, to the staff who teach or coach the child. Such mail is no finding."
"""

from __future__ import annotations

from gateway.demo.district import Person
from gateway.demo.letter import OFF_CHANNEL_GUARDIAN, OFF_CHANNEL_STUDENT, ONE_TO_ONE, PARTIAL_TEAM
from gateway.demo.month.accounts import to_colleague
from gateway.demo.month.desk import Desk, Scenario
from gateway.demo.month.label import NO_ADMINISTRATOR, STUDENT_ALONE, SUSPECTED, Piece, wanted
from gateway.policy.identify import Step


def _home(person: Person) -> str:
    return person.personal[0]


# --- as a parent ---------------------------------------------------------------------------------------


def parent_writes_to_own_child(desk: Desk) -> list[Piece]:
    family = next(desk.families)
    return [desk.write(family.parent, [family.child], account=_home(family.parent))]


def parent_writes_to_own_child_from_school(desk: Desk) -> list[Piece]:
    """A guardian takes part: the author."""
    family = next(desk.families)
    return [desk.write(family.parent, [family.child])]


def parents_arrange_the_evening(desk: Desk) -> list[Piece]:
    family = next(desk.families)
    return [desk.write(family.parent, [family.other, family.child], account=_home(family.parent))]


def parent_writes_to_childs_teacher(desk: Desk) -> list[Piece]:
    family = next(desk.families)
    return [desk.write(family.parent, [family.teacher], cc=[family.other], account=_home(family.parent))]


def parent_writes_to_childs_teacher_from_new_address(desk: Desk) -> list[Piece]:
    """Known by name only, and as a parent."""
    family = next(desk.families)
    return [desk.write(family.parent, [family.teacher], account=desk.webmail(), left_open=[SUSPECTED])]


def parent_writes_to_own_child_from_new_address(desk: Desk) -> list[Piece]:
    family = next(desk.families)
    return [desk.write(family.parent, [family.child], account=desk.webmail())]


def coach_writes_to_own_child(desk: Desk) -> list[Piece]:
    """A child who is on the team, written to from home as a child."""
    coach, child = desk.town.parent_coach, desk.town.parent_coach_child
    return [desk.write(coach, [child], account=_home(coach))]


def coach_writes_to_own_child_from_school(desk: Desk) -> list[Piece]:
    """From the school account the sentence on coaches may hold; nobody is accused for lunch money."""
    coach, child = desk.town.parent_coach, desk.town.parent_coach_child
    return [desk.write(coach, [child], left_open=[ONE_TO_ONE])]


# --- beyond it -----------------------------------------------------------------------------------------


def parent_writes_to_childs_friend_too(desk: Desk) -> list[Piece]:
    family = next(desk.families)
    friend = desk.cast.student_of_other_family(family.child)
    want = wanted(family.parent.id, Step.REGISTERED, OFF_CHANNEL_STUDENT)
    return [desk.write(family.parent, [family.child, friend], want, account=_home(family.parent))]


def parent_writes_to_childs_friend(desk: Desk) -> list[Piece]:
    """The friend alone. (The author is a guardian, but of somebody else.)"""
    family = next(desk.families)
    friend = desk.cast.student_of_other_family(family.child)
    want = wanted(family.parent.id, Step.REGISTERED, OFF_CHANNEL_STUDENT)
    return [
        desk.write(
            family.parent, [friend], want, account=_home(family.parent), left_open=[STUDENT_ALONE]
        )
    ]  # fmt: skip


def parent_writes_to_other_parents(desk: Desk) -> list[Piece]:
    """A birthday, perhaps; but other families are families of the district, and a staff member writes to them."""
    family = next(desk.families)
    guardian, child = next(
        pair for pair in desk.cast.guardians if not set(pair[1].guardians) & set(family.child.guardians)
    )
    want = wanted(family.parent.id, Step.REGISTERED, OFF_CHANNEL_GUARDIAN, OFF_CHANNEL_STUDENT)
    return [desk.write(family.parent, [guardian, child], want, account=_home(family.parent))]


def parent_writes_to_colleague(desk: Desk) -> list[Piece]:
    """To somebody who has nothing to do with the child."""
    family = next(desk.families)
    teachers = {p.id for p in desk.district.teachers_of(family.child)}
    for child in desk.district.children[family.parent.id]:
        teachers.update(p.id for p in desk.district.teachers_of(child))
    colleague = next(
        p for p in iter(desk.colleague, None) if p.id not in teachers and p.id != family.parent.id
    )
    return [
        desk.write(
            family.parent, [colleague], to_colleague(family.parent), account=_home(family.parent)
        )
    ]  # fmt: skip


def parent_writes_to_childs_teacher_and_colleague(desk: Desk) -> list[Piece]:
    """The colleague counts, the child's teacher does not."""
    (piece,) = parent_writes_to_colleague(desk)
    family = next(desk.families)
    colleague = desk.colleague()
    taught = {
        p.id for child in desk.district.children[family.parent.id] for p in desk.district.teachers_of(child)
    }
    while colleague.id in taught or colleague.id == family.parent.id:
        colleague = desk.colleague()
    return [
        piece,
        desk.write(
            family.parent, [family.teacher, colleague], to_colleague(family.parent),
            account=_home(family.parent),
        ),
    ]  # fmt: skip


def coach_writes_to_own_child_and_teammates(desk: Desk) -> list[Piece]:
    """The teammates are members like any other."""
    coach, child = desk.town.parent_coach, desk.town.parent_coach_child
    (group,) = desk.district.led[coach.id]
    mates = [p for p in desk.cast.players(group) if p.id != child.id and coach.id not in p.guardians][:2]
    want = wanted(coach.id, Step.SCHOOL_ACCOUNT, PARTIAL_TEAM)
    return [desk.write(coach, [child, *mates], want)]


def coach_writes_to_whole_team_with_own_child_from_home(desk: Desk) -> list[Piece]:
    """Own child or not: the others are students of the district."""
    coach = desk.town.parent_coach
    (group,) = desk.district.led[coach.id]
    want = wanted(coach.id, Step.REGISTERED, OFF_CHANNEL_STUDENT)
    if not group.administrators:
        want += wanted(coach.id, Step.REGISTERED, NO_ADMINISTRATOR)
    return [desk.write(coach, desk.whole(group), want, account=_home(coach))]


SCENES: dict[Scenario, float] = {
    parent_writes_to_own_child: 15,
    parent_writes_to_own_child_from_school: 8,
    parents_arrange_the_evening: 8,
    parent_writes_to_childs_teacher: 15,
    parent_writes_to_childs_teacher_from_new_address: 4,
    parent_writes_to_own_child_from_new_address: 3,
    coach_writes_to_own_child: 2,
    coach_writes_to_own_child_from_school: 2,
    parent_writes_to_childs_friend_too: 3,
    parent_writes_to_childs_friend: 2,
    parent_writes_to_other_parents: 5,
    parent_writes_to_colleague: 4,
    parent_writes_to_childs_teacher_and_colleague: 2,
    coach_writes_to_own_child_and_teammates: 1,
    coach_writes_to_whole_team_with_own_child_from_home: 1,
}

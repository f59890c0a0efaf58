"""Staff who write to students without another adult: to one alone, or to several.

Both rules quote one sentence of the policy, which advises and does not forbid, so both are advisories.

*Adult* here is anybody on the staff that day and any guardian of an enrolled student; each counts as a participant
at whatever address, blind copies and lists too, and so does a second author. A guardian makes an interaction no
longer one-to-one; among several students only staff count ("should include two staff members").

The author's own children are written to as children, from whichever account. Where a coach or advisor singled out
a member, that is the matter of the coach rules, and the sentence above is not held against them a second time. A
post of one of the district's own mailing lists is one-to-one with nobody.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.config import Severity
from gateway.directory.model import Person
from gateway.policy.capacity import is_guardian, is_staff, is_student
from gateway.policy.context import MOST_LISTED, Context, Draft, Rule
from gateway.policy.model import Confidence, Involved
from gateway.policy.rules import coach
from gateway.policy.selection import selection
from gateway.policy.wording import by_name, display_name, how_sure, paragraph, people_called, quoted

SENTENCE = (
    "When interacting with students online, group interactions are encouraged and should include two staff "
    "members. One-to-one interactions should be avoided."
)
_ALONE_REMEDY = (
    "District policy advises against one-to-one messages to students; please copy a parent or guardian, or a second "
    "member of staff."
)
_SEVERAL_REMEDY = (
    "District policy asks that messages to several students include two members of staff; "
    "please copy a colleague."
)
# Students that make a group of recipients.
_SEVERAL = 2


@dataclass(frozen=True, slots=True)
class _Company:
    """Who takes part in a message besides its author."""

    students: frozenset[str]
    staff: frozenset[str]
    guardians: frozenset[str]
    unplaced: bool  # somebody of whom the directory does not know what they are to the district


def _company(context: Context) -> _Company:
    directory, day = context.directory, context.day
    audience = context.message.audience
    people = {key: directory.people[key] for key in audience.ids | context.message.writers}
    people.pop(context.author.person.id, None)
    students = frozenset(key for key, person in people.items() if is_student(person, day))
    staff = frozenset(key for key, person in people.items() if is_staff(person, day))
    guardians = frozenset(key for key in people if is_guardian(directory, key, day))
    unplaced = people.keys() - students - staff - guardians
    return _Company(students, staff, guardians, bool(unplaced))


def _has_strangers(context: Context) -> bool:
    """Whether an address is named that is nobody's in the directory, and no group's."""
    transaction, directory = context.message.transaction, context.directory
    reading = transaction.reading
    boxes = (*reading.from_, *reading.to, *reading.cc)
    addresses = {context.author.address.lower()}
    named = {*(box.address.lower() for box in boxes), *(text.lower() for text in transaction.recipients)}
    return any(
        not directory.matches(address) and directory.group_at(address) is None
        for address in named - addresses
    )


# --- student/one-to-one --------------------------------------------------------------------------------


def _one_to_one(context: Context) -> Iterable[Draft]:
    if context.exempt.author(context.author) or context.message.transaction.reading.list_id is not None:
        return
    student = _lone_student(context)
    if student is None or student.id in context.directory.children_of(context.author.person.id):
        return
    company = context.fact(_company)
    if company.students != {student.id} or company.staff or company.guardians:
        return
    if not context.exempts(student) and not _is_for_coach_rules(context, student.id):
        yield _alone(context, student, company.unplaced or _has_strangers(context))


def _lone_student(context: Context) -> Person | None:
    """The only student whom the message reaches, where it reaches no other member of staff.

    Found before anything else, because most mail has none.
    """
    found, day = None, context.day
    for person in context.others:
        if is_student(person, day):
            if found is not None:
                return None
            found = person
        elif is_staff(person, day):
            return None
    return found


def _is_for_coach_rules(context: Context, student_id: str) -> bool:
    """Whether the coach rule on this message is applied in the district; also where it leaves the member alone."""
    found = context.fact(selection)
    if found is None or all(student_id not in part.singled_out for part in found.parts):
        return False
    rule = coach.PRIVACY_COPY if student_id in found.copied else coach.ONE_TO_ONE
    chosen = context.message.settings.rules.get(rule.id)
    return rule.enabled if chosen is None or chosen.enabled is None else chosen.enabled


def _alone(context: Context, student: Person, strangers: bool) -> Draft:
    author, name = context.author, display_name(context.author.person)
    confidence, reasons = author.confidence, [author.why]
    if strangers:
        confidence = Confidence.POSSIBLE
        reasons.append(
            "the message also names somebody whom the directory does not know, who may be a parent or a colleague"
        )
    return Draft(
        confidence=confidence,
        author_role="staff",
        people=(_involved(context, student),),
        groups=(),
        explanation=paragraph(
            f"{name}, who works for the district, wrote to the student {display_name(student)}; the directory knows "
            "no other member of staff and no parent or guardian among the recipients.",
            quoted(SENTENCE),
            "A copy to a parent or guardian or to a second member of staff makes it what the policy advises.",
            how_sure(confidence, reasons, context.genuine),
        ),
    )


# --- group/single-adult --------------------------------------------------------------------------------


def _single_adult(context: Context) -> Iterable[Draft]:
    if context.exempt.author(context.author):
        return
    company = context.fact(_company)
    if company.staff or len(company.students) < _SEVERAL:
        return
    own, people = context.directory.children_of(context.author.person.id), context.directory.people
    reached = company.students & context.message.audience.ids
    students = by_name(
        people[key]
        for key in reached - own - _hardly_meant(context, reached)
        if not context.exempts(people[key])
    )
    if len(students) >= _SEVERAL:
        yield _with_several(context, students)


def _hardly_meant(context: Context, students: frozenset[str]) -> frozenset[str]:
    """Students who are reached only at an address of their parents: a message to parents is none to students."""
    return context.message.audience.unsure(students)


def _with_several(context: Context, students: list[Person]) -> Draft:
    author, name = context.author, display_name(context.author.person)
    ways = context.message.audience.ways
    lists = {way.group.id for person in students for way in ways[person.id] if way.group is not None}
    return Draft(
        confidence=author.confidence,
        author_role="staff",
        people=tuple(_involved(context, person) for person in students[:MOST_LISTED]),
        groups=tuple(sorted(lists)),
        explanation=paragraph(
            f"{name}, who works for the district, wrote to {people_called(students, 'student', 'students')}; no "
            "second member of staff took part.",
            quoted(SENTENCE),
            "A copy to a colleague makes it what the policy advises.",
            how_sure(author.confidence, [author.why], context.genuine),
        ),
    )


def _involved(context: Context, student: Person) -> Involved:
    found = context.message.audience.recipient(student.id)
    return Involved(student.id, display_name(student), "student", found.ways[0].address, found.why)


ONE_TO_ONE = Rule("student/one-to-one", SENTENCE, Severity.ADVISORY, _ALONE_REMEDY, _one_to_one)
SINGLE_ADULT = Rule(
    "group/single-adult", SENTENCE, Severity.ADVISORY, _SEVERAL_REMEDY, _single_adult, enabled=False
)

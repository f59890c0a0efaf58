"""Staff who write to students, guardians or colleagues from an outside account.

An author is judged here when a step of the identification ladder takes them for a staff member *and* the
account is an outside one. A school account, or a registered alias of it, is never off-channel, wherever it is
hosted.

Capacity: a staff member who is a guardian too writes as a parent to their own children and to these
children's other guardians (with or without the staff who teach or coach them). Such recipients do not count;
what else a message reaches still does, so a note to one's own child and another student is about the other
student.

Mail among colleagues has to come from a school account only where it is school business, and what a message
says is not read: that finding is an advisory, and no surer than `likely`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.config import Severity
from gateway.directory.model import Person
from gateway.policy.audience import Recipient, Way
from gateway.policy.capacity import (
    SCHOOL_KINDS,
    enrolled_children,
    family,
    has_school_account,
    is_guardian,
    is_staff,
    is_student,
    teaches_or_leads,
)
from gateway.policy.context import MOST_LISTED, Context, Draft, Rule
from gateway.policy.identify import Account
from gateway.policy.model import Confidence, Involved, surest, weakest
from gateway.policy.wording import (
    by_name,
    display_name,
    how_sure,
    names,
    paragraph,
    people_called,
    possessive,
    quoted,
)

SENTENCE = (
    "Staff is required to use their school-issued accounts, not personal accounts, for all communication "
    "with students, and parents/guardians; such accounts must be used with other staff members when "
    "conducting school business."
)
_REMEDY = (
    "District policy asks staff to write to students and their families from a school-issued account; "
    "please send this message again from yours."
)
_STAFF_REMEDY = (
    "District policy asks staff to use a school-issued account with other staff when conducting school business; "
    "please send such a message again from yours."
)


@dataclass(frozen=True, slots=True)
class _Doubt:
    """Why somebody who was reached may not have been meant, in words for one person and for several."""

    confidence: Confidence
    one: str
    several: str

    def about(self, people: list[Person]) -> str:
        return (self.one if len(people) == 1 else self.several).format(names(people))


_SHARED = _Doubt(
    Confidence.LIKELY,
    "the address of {} is shared within a family, so somebody else may have been meant",
    "the addresses of {} are shared within families, so somebody else may have been meant",
)
_TEACHES_CHILD = _Doubt(
    Confidence.LIKELY,
    "{} is a colleague too, and may have been written to as one",
    "{} are colleagues too, and may have been written to as such",
)
_COLLEAGUE = _Doubt(
    Confidence.POSSIBLE,
    "{} is a colleague, and was most likely written to as one",
    "{} are colleagues, and were most likely written to as such",
)
_BUSINESS = _Doubt(
    Confidence.LIKELY,
    "what the message says is not read, and {} may have been written to about something private",
    "what the message says is not read, and {} may have been written to about something private",
)


# Whom a finding is about, by person id, each with a doubt or none.
_Concerns = dict[str, _Doubt | None]


def _own_family(context: Context) -> frozenset[str]:
    return family(context.directory, context.author.person.id, context.day)


# --- off-channel/student -----------------------------------------------------------------------------


def _students(context: Context) -> Iterable[Draft]:
    if context.exempt.author(context.author):
        return
    own, day = context.fact(_own_family), context.day
    students = [
        person
        for person in context.others
        if is_student(person, day) and person.id not in own and not context.exempts(person)
    ]
    if students:
        ordered = by_name(students)
        whom = people_called(ordered, "student", "students")
        yield _draft(context, ordered, _shared(context, students), whom, "student")


def _shared(context: Context, people: Iterable[Person]) -> _Concerns:
    """Everybody, with a doubt about those whose address is also that of somebody else."""
    ids = {person.id for person in people}
    return {**dict.fromkeys(ids), **dict.fromkeys(context.message.audience.unsure(ids), _SHARED)}


# --- off-channel/guardian ----------------------------------------------------------------------------


def _guardians(context: Context) -> Iterable[Draft]:
    if context.exempt.author(context.author):
        return
    directory, day, own = context.directory, context.day, context.fact(_own_family)
    guardians = [
        person
        for person in context.others
        if is_guardian(directory, person.id, day)
        and not (own and _as_parent(context, person, own))
        and not context.exempts(person)
    ]
    concerns = _shared(context, guardians)
    for person in guardians:
        if is_staff(person, day) and _at_school_account_only(context, person):
            concerns[person.id] = _colleague(context, person)
    if guardians:
        named = _worth_naming(concerns)
        ordered = by_name(person for person in guardians if person.id in named)
        yield _draft(context, ordered, concerns, _called_guardians(context, ordered), "guardian")


def _as_parent(context: Context, person: Person, own: frozenset[str]) -> bool:
    """Whether the author writes to somebody as one parent to another, or to a child's teacher or coach."""
    if person.id in own:
        return True
    directory, day = context.directory, context.day
    children = frozenset(child.id for child in enrolled_children(directory, context.author.person.id, day))
    return is_staff(person, day) and teaches_or_leads(directory, person.id, children, day)


def _colleague(context: Context, person: Person) -> _Doubt:
    """How much a colleague counts who is a guardian too and was addressed at a school account.

    Such a colleague is far more often written to as a colleague. That is no accusation (`possible`, so a
    notice), unless the author teaches or leads their child, where both readings are at hand (`likely`).
    """
    children = frozenset(child.id for child in enrolled_children(context.directory, person.id, context.day))
    teaches = teaches_or_leads(context.directory, context.author.person.id, children, context.day)
    return _TEACHES_CHILD if teaches else _COLLEAGUE


def _at_school_account_only(context: Context, person: Person) -> bool:
    return all(reaches_school(context, person, way) for way in context.message.audience.ways[person.id])


def reaches_school(context: Context, person: Person, way: Way) -> bool:
    """Whether a message reaches somebody at the district in this way: a school account, or a group's list."""
    if way.group is not None:
        return True
    for owner in way.owners:  # a loop, because a message may have ten thousand recipients
        if owner.address.kind in SCHOOL_KINDS and owner.person.id == person.id:
            return True
    return context.directory.is_district(way.address)


def at_school_account(context: Context, person: Person) -> bool:
    """Whether a message reaches somebody's school account, wherever else it does; a list leads to it."""
    for way in context.message.audience.ways[person.id]:
        if has_school_account(person) if way.group is not None else reaches_school(context, person, way):
            return True
    return False


def _worth_naming(concerns: _Concerns) -> _Concerns:
    """All of them; but beside somebody who was surely written to, nobody who was hardly meant is named."""
    firm = {
        key: doubt
        for key, doubt in concerns.items()
        if doubt is None or doubt.confidence is not Confidence.POSSIBLE
    }
    return firm or concerns


def _called_guardians(context: Context, guardians: list[Person]) -> str:
    if len(guardians) == 1:
        (guardian,) = guardians
        children = enrolled_children(context.directory, guardian.id, context.day)
        whose = people_called(children, "student", "students")
        return f"{display_name(guardian)}, a parent or guardian of {whose},"
    return people_called(guardians, "parent or guardian", "parents or guardians")


# --- off-channel/staff -------------------------------------------------------------------------------


def _colleagues(context: Context) -> Iterable[Draft]:
    if context.exempt.author(context.author):
        return
    day, own = context.day, context.fact(_own_family)
    colleagues = by_name(
        person
        for person in context.others
        if is_staff(person, day)
        and at_school_account(context, person)
        and not (own and _as_parent(context, person, own))
        and not context.exempts(person)
    )
    if colleagues:
        whom = people_called(colleagues, "colleague", "colleagues")
        concerns: _Concerns = dict.fromkeys((person.id for person in colleagues), _BUSINESS)
        yield _draft(context, colleagues, concerns, whom, "staff")


# --- all -----------------------------------------------------------------------------------------------


def _draft(context: Context, people: list[Person], concerns: _Concerns, whom: str, role: str) -> Draft:
    """One finding about `people`, in their order."""
    author = context.author
    confidence, reasons = author.confidence, [author.why]
    doubted: dict[_Doubt, list[Person]] = {}
    for person in people:
        if (doubt := concerns[person.id]) is not None:
            doubted.setdefault(doubt, []).append(person)
    if sum(map(len, doubted.values())) == len(people):
        confidence = weakest(confidence, surest(*(doubt.confidence for doubt in doubted)))
    reasons += [doubt.about(unsure) for doubt, unsure in doubted.items()]
    name = display_name(author.person)
    everybody = context.message.audience
    listed = [everybody.recipient(person.id) for person in people[:MOST_LISTED]]
    lists = {way.group.id for person in people for way in everybody.ways[person.id] if way.group is not None}
    return Draft(
        confidence=confidence,
        author_role="staff",
        people=tuple(_involved(context, recipient, role) for recipient in listed),
        groups=tuple(sorted(lists)),
        explanation=paragraph(
            f"{name}, who works for the district, wrote to {whom} from a personal account "
            "and not from a school-issued one.",
            quoted(SENTENCE),
            _expected(author.person, name, "School business" if role == "staff" else "The message"),
            _beyond_family(context, name),
            how_sure(confidence, reasons, context.genuine),
        ),
    )


def _involved(context: Context, recipient: Recipient, role: str) -> Involved:
    person, why = recipient.person, recipient.why
    if role == "guardian":
        why += f"; a guardian of {names(enrolled_children(context.directory, person.id, context.day))}"
    return Involved(person.id, display_name(person), role, recipient.ways[0].address, why)


def _expected(author: Person, name: str, what: str) -> str:
    if has_school_account(author):
        return f"{what} should have come from {possessive(name)} school-issued account."
    return (
        f"The directory has no school-issued account for {name}; one is needed before such messages can be "
        "sent as the policy asks."
    )


def _beyond_family(context: Context, name: str) -> str:
    children = enrolled_children(context.directory, context.author.person.id, context.day)
    if not children:
        return ""
    return (
        f"As a parent or guardian, {name} may use a personal account to write to {names(children)}, to the "
        "other guardians and to the staff who teach or coach there; this message went to others."
    )


STUDENT = Rule(
    "off-channel/student", SENTENCE, Severity.VIOLATION, _REMEDY, _students, account=Account.OUTSIDE
)
GUARDIAN = Rule(
    "off-channel/guardian", SENTENCE, Severity.VIOLATION, _REMEDY, _guardians, account=Account.OUTSIDE
)
STAFF = Rule(
    "off-channel/staff", SENTENCE, Severity.ADVISORY, _STAFF_REMEDY, _colleagues, account=Account.OUTSIDE
)

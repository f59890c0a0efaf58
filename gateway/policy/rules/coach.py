"""Coaches and advisors who write to some of their members and not to all.

`selection` finds out who was singled out; the rules here differ in one question each. *Exactly one member*
and *two or more* count the members singled out over all groups of the author: a message that two students
read, one from each of two teams, is not one-to-one. *Member*: see `groups.counted_members`; leaders, staff
and the author are none. The count is taken before asking for administrators and exemptions, so that one more
of them never changes one violation into another.

The account does not matter: a coach may write from a school account, or from an outside one that
identification knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gateway.config import Severity
from gateway.directory.model import GroupKind, Person
from gateway.policy.audience import Recipient
from gateway.policy.capacity import is_student
from gateway.policy.context import MOST_LISTED, Context, Draft, Rule
from gateway.policy.groups import administrators_among
from gateway.policy.model import Confidence, Involved, weakest
from gateway.policy.selection import Part, Selection, selection
from gateway.policy.wording import by_name, display_name, how_sure, names, paragraph, quoted, series

SENTENCE = (
    "All contact and messages by coaches and faculty advisors with team members shall be sent to all team "
    "members, except for messages concerning medical or academic privacy matters, in which case the messages "
    "will be copied to the appropriate administrator."
)
_REMEDY = (
    "District policy asks coaches and advisors to write to all members of their group, or in a medical or "
    "academic privacy matter to copy the administrator; please send this message again that way."
)


# --- the rules -----------------------------------------------------------------------------------------


def _one_to_one(context: Context) -> Iterable[Draft]:
    found, members = _singled_out(context)
    if found is not None and len(found.members) == 1:
        yield from _uncopied(context, found, members)


def _partial_team(context: Context) -> Iterable[Draft]:
    found, members = _singled_out(context)
    if found is not None and len(found.members) > 1:
        yield from _uncopied(context, found, members)


def _privacy_copy(context: Context) -> Iterable[Draft]:
    found, members = _singled_out(context)
    if found is None:
        return
    copied = [member for member in members if member.person.id in found.copied]
    parts = _parts_of(found, copied, copied=True)
    present = _counted_administrators(context, parts)
    if copied and present:
        yield _draft(context, found, parts, copied, present)


def _singled_out(context: Context) -> tuple[Selection | None, list[Recipient]]:
    """The selection, and those of its members whom the rule does not leave alone."""
    found = context.fact(selection)
    if found is None or context.exempt.author(context.author):
        return None, []
    return found, [member for member in found.members if not context.exempts(member.person)]


def _uncopied(context: Context, found: Selection, members: Sequence[Recipient]) -> Iterable[Draft]:
    alone = [member for member in members if member.person.id not in found.copied]
    if alone:
        yield _draft(context, found, _parts_of(found, alone, copied=False), alone, [])


def _parts_of(found: Selection, members: Sequence[Recipient], copied: bool) -> list[Part]:
    ids = {member.person.id for member in members}
    return [part for part in found.parts if part.copied is copied and not ids.isdisjoint(part.singled_out)]


def _counted_administrators(context: Context, parts: Sequence[Part]) -> list[Person]:
    """The administrators who take part and whom the rule does not leave alone; by name."""
    people = context.directory.people
    ids = frozenset[str]().union(*(part.present for part in parts))
    return by_name(people[key] for key in ids if not context.exempt.person(people[key]))


# --- the finding ---------------------------------------------------------------------------------------


def _draft(
    context: Context,
    found: Selection,
    parts: Sequence[Part],
    members: Sequence[Recipient],
    present: Sequence[Person],
) -> Draft:
    """One finding: about members without administrator where nobody is `present`, else a privacy copy."""
    declared = context.message.declaration
    confidence, reasons = _confidence(context, found, members)
    opening = _opening(context, parts, members)
    body = _compliant(context, parts, present) if present else _breach(context, parts)
    return Draft(
        confidence=confidence,
        author_role=_leads_as(parts),
        people=(
            *(_member(context, member) for member in members[:MOST_LISTED]),
            *(_administrator(context, person) for person in present),
        ),
        groups=tuple(part.group.id for part in parts),
        explanation=paragraph(
            opening,
            *body,
            "The sender declared an emergency in the subject: this is a notice only (emergency declared)."
            if declared.emergency
            else "",
            how_sure(confidence, reasons, context.genuine),
        ),
        marks=declared.marks,
        softened=declared.emergency,
    )


def _confidence(
    context: Context, found: Selection, members: Sequence[Recipient]
) -> tuple[Confidence, list[str]]:
    author = context.author
    confidence, reasons = author.confidence, [author.why]
    ids = frozenset(member.person.id for member in members)
    if ids <= found.pupils:
        # Pupil and team member in one: it may have been the teacher who wrote.
        confidence = weakest(confidence, Confidence.LIKELY)
        name = display_name(author.person)
        whom = names([member.person for member in members])
        reasons.append(f"{name} also teaches {whom} in class, and may have written as a teacher")
    if context.message.audience.unsure(ids) == ids:
        # A parent's address that the roster also has for the child: most likely the parent was meant.
        confidence = weakest(confidence, Confidence.POSSIBLE)
        reasons.append(
            "the recipient's address is shared within a family, and somebody else may have been meant"
        )
    return confidence, reasons


def _member(context: Context, member: Recipient) -> Involved:
    role = "student" if is_student(member.person, context.day) else "member"
    return Involved(member.person.id, display_name(member.person), role, member.ways[0].address, member.why)


def _administrator(context: Context, person: Person) -> Involved:
    if person.id not in context.message.audience.ids or person.id == context.author.person.id:
        (signed,) = (each for each in context.message.authors if each.person.id == person.id)
        why = "the author" if person.id == context.author.person.id else "an author too"
        return Involved(person.id, display_name(person), "administrator", signed.address, why)
    recipient = context.message.audience.recipient(person.id)
    return Involved(
        person.id, display_name(person), "administrator", recipient.ways[0].address, recipient.why
    )


# --- the words -----------------------------------------------------------------------------------------


def _leads_as(parts: Sequence[Part]) -> str:
    return "coach" if any(part.group.kind is GroupKind.TEAM for part in parts) else "advisor"


def _the_group(parts: Sequence[Part]) -> str:
    return f"the {parts[0].group.kind.value}" if len(parts) == 1 else "these groups"


def _leading(parts: Sequence[Part]) -> str:
    """ "coach of JV Soccer and Varsity Soccer", "coach of Golf and advisor of Debate"."""
    led: dict[str, list[str]] = {}
    for part in parts:
        led.setdefault(_leads_as([part]), []).append(part.group.name)
    return series([f"{role} of {series(groups)}" for role, groups in led.items()])


def _opening(context: Context, parts: Sequence[Part], members: Sequence[Recipient]) -> str:
    """Who wrote to whom, and how many there are in all."""
    name = display_name(context.author.person)
    whom = names([member.person for member in members])
    leads = _leading(parts)
    if len(parts) > 1:
        return f"{name}, {leads}, wrote to members of these groups but to none of them as a whole: {whom}."
    (part,) = parts
    reached, size = len(part.reach.reached), len(part.reach.members)
    if reached == len(members):
        count = "one" if reached == 1 else str(reached)
        return f"{name}, {leads}, wrote to {count} of its {size} members ({whom}) and not to the others."
    return (
        f"{name}, {leads}, wrote to {reached} of its {size} members and not to the others; "
        f"this finding is about {whom} only."
    )


def _breach(context: Context, parts: Sequence[Part]) -> list[str]:
    declared = context.message.declaration
    the_group = _the_group(parts)
    return [
        _missing(context, parts, the_group),
        quoted(SENTENCE),
        f"Such a message goes to every member of {the_group} or, where it concerns a medical or academic "
        f"privacy matter, is copied to {_answerable(context, parts)}.",
        f"It is declared as {declared.matter} privacy matter, which asks for that copy."
        if declared.privacy
        else "",
    ]


def _missing(context: Context, parts: Sequence[Part], the_group: str) -> str:
    """Which administrator was not there."""
    directory, people = context.directory, context.directory.people
    some = by_name(people[key] for key in frozenset[str]().union(*(part.present for part in parts)))
    if some:
        return f"Of the administrators who answer for {the_group}, only {names(some)} took part."
    others = administrators_among(directory, context.participants, context.day)
    others -= {context.author.person.id}
    if others:
        whom = names(by_name(people[key] for key in others))
        answer = "answers" if len(others) == 1 else "answer"
        return f"No administrator who answers for {the_group} was copied; {whom}, who took part, {answer} for others."
    return f"No administrator who answers for {the_group} was copied."


def _answerable(context: Context, parts: Sequence[Part]) -> str:
    """The administrators whom a copy would have had to reach, group by group where they differ."""
    groups: dict[frozenset[str], list[str]] = {}
    for part in parts:
        groups.setdefault(part.oversight.people, []).append(part.group.name)
    conjunction = "and" if parts[0].oversight.every else "or"
    people = context.directory.people
    copies = []
    for ids, named in groups.items():
        who = series([display_name(person) for person in by_name(people[key] for key in ids)], conjunction)
        who = who or "an administrator (the directory names none for it)"
        copies.append(who if len(groups) == 1 else f"{who} for {series(named)}")
    return series(copies)


def _compliant(context: Context, parts: Sequence[Part], present: Sequence[Person]) -> list[str]:
    declared = context.message.declaration
    matter = (
        f"The message is declared as {declared.matter} privacy matter."
        if declared.privacy
        else "The message does not declare which kind of matter it concerns."
    )
    return [
        _took_part(context, parts, present),
        quoted(SENTENCE),
        "That is as the policy asks in medical or academic privacy matters; it is recorded so that the use "
        "of this exception can be sampled.",
        matter,
    ]


def _took_part(context: Context, parts: Sequence[Part], present: Sequence[Person]) -> str:
    """Which administrator was there."""
    the_group, author = _the_group(parts), context.author.person
    copied = [person for person in present if person.id != author.id]
    if not copied:
        return f"{display_name(author)} answers for {the_group} as an administrator too, so one took part."
    was, answers, role = (
        ("was", "answers", "an administrator") if len(copied) == 1 else ("were", "answer", "administrators")
    )
    reached = context.message.audience.ids
    did = f"{was} copied" if all(person.id in reached for person in copied) else "took part"
    if any(part.oversight.people for part in parts):
        return f"{names(copied)}, who {answers} for {the_group} as {role}, {did}."
    return f"{names(copied)}, {role}, {did}; the directory names none for {the_group}."


ONE_TO_ONE = Rule(
    "coach/one-to-one", SENTENCE, Severity.VIOLATION, _REMEDY, _one_to_one, version=2, leaders=True
)
PARTIAL_TEAM = Rule(
    "coach/partial-team", SENTENCE, Severity.VIOLATION, _REMEDY, _partial_team, version=2, leaders=True
)
PRIVACY_COPY = Rule(
    "coach/privacy-copy", SENTENCE, Severity.NOTICE, _REMEDY, _privacy_copy, version=2, leaders=True
)

"""What all findings of `safesport/*` say alike: who wrote, how sure that is, and that an emergency was declared."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.policy.audience import Recipient
from gateway.policy.context import MOST_LISTED, Context, Draft
from gateway.policy.groups import Reach
from gateway.policy.model import Confidence, Involved, weakest
from gateway.policy.rules.safesport.contact import Contact
from gateway.policy.wording import display_name, how_sure, paragraph, people_called, series

# A doubt of one rule: what it leaves of the confidence, and why.
Doubt = tuple[Confidence, str]


def standard(text: str) -> str:
    """A sentence of the set. It tells the standard in short, and is not a quotation of it."""
    return f"SafeSport (MAAPP), Electronic communications: {text}"


def draft(
    context: Context,
    found: Contact,
    athletes: Sequence[Recipient],
    told: Sequence[str],
    *,
    teams: Sequence[Reach] = (),
    doubts: Sequence[Doubt] = (),
    softened: bool = False,
) -> Draft:
    """One finding about `athletes`; `told` are the sentences between the opening and how sure it is."""
    declared = context.message.declaration
    ids = frozenset(athlete.person.id for athlete in athletes)
    confidence, reasons = context.author.confidence, [context.author.why]
    for level, reason in (*_doubts(context, found, ids), *doubts):
        confidence = weakest(confidence, level)
        reasons.append(reason)
    return Draft(
        confidence=confidence,
        author_role="coach",
        people=tuple(_involved(athlete) for athlete in athletes[:MOST_LISTED]),
        groups=tuple(team.group.id for team in teams or found.teams_of(ids)),
        explanation=paragraph(
            *told,
            "The sender declared an emergency in the subject: this is a notice only (emergency declared)."
            if declared.emergency
            else "",
            how_sure(confidence, reasons, context.genuine),
        ),
        marks=declared.marks,
        softened=softened or declared.emergency,
    )


def _doubts(context: Context, found: Contact, athletes: frozenset[str]) -> list[Doubt]:
    """What speaks for another reading of the message, whatever the rule."""
    doubts: list[Doubt] = []
    if athletes <= found.elsewhere:
        author = display_name(context.author.person)
        whom = "this student" if len(athletes) == 1 else "these students"
        doubts.append(
            (
                Confidence.LIKELY,
                f"{author} also teaches {whom}, or advises a club of theirs, and may have written as such",
            )
        )
    if context.message.audience.unsure(athletes) == athletes:
        doubts.append(
            (
                Confidence.POSSIBLE,
                "the recipient's address is shared within a family, and somebody else may have been meant",
            )
        )
    return doubts


def _involved(athlete: Recipient) -> Involved:
    person = athlete.person
    return Involved(person.id, display_name(person), "student", athlete.ways[0].address, athlete.why)


def coach_of(context: Context, teams: Sequence[Reach]) -> str:
    """ "Tom Kelly, coach of JV Soccer and Varsity Soccer," """
    return f"{display_name(context.author.person)}, coach of {series([team.group.name for team in teams])},"


def called(athletes: Sequence[Recipient]) -> str:
    """ "the athlete Ana Silva", "25 athletes (Ana Silva, ...)"."""
    return people_called([athlete.person for athlete in athletes], "athlete", "athletes")

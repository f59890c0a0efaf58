"""What a message of the month should lead to: the label that its scenario puts on it.

A label tells the truth about who wrote, as far as accusations go: mail of a stranger who is called like a teacher
is labelled with no accusation, although the ladder of identification may take the one for the other. Notices of
the rules on identity accuse nobody; they are labelled by what the message shows.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.demo.letter import (
    OFF_CHANNEL_GUARDIAN,
    OFF_CHANNEL_STUDENT,
    ONE_TO_ONE,
    PARTIAL_TEAM,
    PRIVACY_COPY,
    Message,
)
from gateway.message.authentication import Authentication
from gateway.policy.identify import Step
from gateway.policy.model import Confidence

OFF_CHANNEL_STAFF = "off-channel/staff"
OFF_CHANNEL_ADDRESSED = "off-channel/addressed"
NO_ADMINISTRATOR = "group/no-administrator"
STUDENT_ALONE = "student/one-to-one"
UNSIGNED = "staff/form-unsigned"
SUSPECTED = "identity/suspected-staff"
IMPERSONATION = "identity/possible-impersonation"

# Every rule that the policy switches on by default; others are not labelled and not compared.
LABELLED = (
    OFF_CHANNEL_STUDENT,
    OFF_CHANNEL_GUARDIAN,
    OFF_CHANNEL_STAFF,
    OFF_CHANNEL_ADDRESSED,
    ONE_TO_ONE,
    PARTIAL_TEAM,
    PRIVACY_COPY,
    NO_ADMINISTRATOR,
    STUDENT_ALONE,
    UNSIGNED,
    SUSPECTED,
    IMPERSONATION,
)


# How sure an author is known by each step of the ladder; "quoted" is the engine's own and no step of the policy.
SURENESS = {
    Step.SCHOOL_ACCOUNT: Confidence.CERTAIN,
    Step.REGISTERED: Confidence.CERTAIN,
    Step.REPLY_TO: Confidence.STRONG,
    Step.THREAD: Confidence.STRONG,
    Step.CONTEXT: Confidence.LIKELY,
    Step.NAME_ALONE: Confidence.POSSIBLE,
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """A finding that the policy wants."""

    rule: str
    author: str  # person id
    confidence: Confidence  # the surest that the evidence allows
    step: Step
    mark: str = ""  # which the finding has to carry, as "emergency-declared"


@dataclass(frozen=True, slots=True)
class Piece:
    """One message of the month, what the gateway learned of its origin, and its label."""

    message: Message
    wanted: tuple[Wanted, ...] = ()
    left_open: frozenset[str] = (
        frozenset()
    )  # rules on which the policy leaves room here: found or not, both will do
    authentication: Authentication | None = None
    thread: frozenset[str] = frozenset()  # canonical addresses of who took part in what it answers
    parts: tuple[
        tuple[str, ...], ...
    ] = ()  # recipients of each transaction, where a server split the message
    hidden: bool = False  # a breach that nothing in the message shows; not counted as missed


def wanted(author: str, step: Step, *rules: str, confidence: Confidence | None = None) -> tuple[Wanted, ...]:
    """Findings about one author, as sure as the step allows where nothing else is said."""
    return tuple(Wanted(rule, author, confidence or SURENESS[step], step) for rule in rules)

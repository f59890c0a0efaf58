"""What a rule is and what it is given.

A rule is a small function from a Context to Drafts. A Draft says what the rule knows: people, groups,
confidence and the words. The engine makes a Finding of it: it adds ids, versions, and the severity and action
of the settings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from functools import cached_property
from typing import Any, TypeVar

from gateway.config import Policy, Severity
from gateway.directory.model import Person
from gateway.directory.snapshot import Directory
from gateway.message.authentication import Authentication
from gateway.policy.audience import Audience, audience
from gateway.policy.declaration import Declaration, declaration
from gateway.policy.exemptions import NOBODY, Exempt
from gateway.policy.identify import Account, Identity, Step, authors
from gateway.policy.model import Confidence, Involved, Transaction

T = TypeVar("T")

# People whom one finding lists, first by name. The explanation counts all of them, and the record's envelope has
# every recipient; a list of ten thousand would make megabytes of each finding and help no reviewer.
MOST_LISTED = 1000


class Standing(StrEnum):
    """How surely an author is known. Each rule judges authors of one standing, so nobody is accused by guess."""

    KNOWN = "known"  # by an address, or by a name with more evidence
    NAMED_ONLY = "named only"  # by nothing but a name
    DOUBTFUL = "doubtful"  # the message may be a forgery in the author's name


def standing(author: Identity, authentication: Authentication | None) -> Standing:
    """How an author stands before the rules; `authentication` is None where it was not asked for."""
    if author.step is Step.LOOK_ALIKE or (authentication is not None and authentication.doubtful):
        return Standing.DOUBTFUL
    return Standing.NAMED_ONLY if author.confidence is Confidence.POSSIBLE else Standing.KNOWN


@dataclass(frozen=True)
class Message:
    """One message before one directory; what several rules ask is found out once, and only when asked."""

    transaction: Transaction
    directory: Directory
    local: datetime  # when the message was received, by the district's clock
    settings: Policy

    @cached_property
    def day(self) -> date:
        """The district's local date on which the message was received."""
        return self.local.date()

    @cached_property
    def authors(self) -> tuple[Identity, ...]:
        """Everybody who is taken for an author, by whichever step."""
        return authors(self.transaction, self.directory, self.day)

    @property
    def writers(self) -> frozenset[str]:
        """The ids of the authors who are known by more than a name."""
        known = (author for author in self.authors if author.confidence is not Confidence.POSSIBLE)
        return frozenset(author.person.id for author in known)

    @cached_property
    def audience(self) -> Audience:
        return audience(self.transaction, self.directory)

    @cached_property
    def declaration(self) -> Declaration:
        return declaration(self.transaction.reading)


@dataclass(frozen=True, slots=True)
class Context:
    """One author of one message under one rule."""

    message: Message
    author: Identity
    exempt: Exempt = NOBODY
    # shared by all rules about this author; see `fact`
    facts: dict[Callable[[Context], Any], Any] = field(default_factory=dict, repr=False)

    @property
    def directory(self) -> Directory:
        return self.message.directory

    @property
    def day(self) -> date:
        return self.message.day

    @property
    def genuine(self) -> str:
        """A sentence on whether the author's domain vouches for the message."""
        authentication = self.message.transaction.authentication
        if authentication is None:
            return "This takes the sender line as genuine; it was not checked for forgery."
        if authentication.genuine:
            return f"The sender's domain, {authentication.domain}, vouches for the message."
        if authentication.undecided:
            return "Whether the sender's domain vouches for the message could not be found out in time."
        return "Nothing vouches for the sender line: somebody else may have written the message."

    @property
    def participants(self) -> AbstractSet[str]:
        """The ids of the author, of all others whom the message names as authors, and of everybody it reaches."""
        return self.message.writers | self.message.audience.ids | {self.author.person.id}

    @property
    def others(self) -> list[Person]:
        """Everybody in the directory whom the message reaches, but the author."""
        return self.fact(_others)

    def exempts(self, person: Person) -> bool:
        """Whether the rule leaves a recipient alone."""
        if self.exempt is NOBODY:
            return False
        return self.exempt.recipient(self.message.audience.recipient(person.id))

    def fact(self, find: Callable[[Context], T]) -> T:
        """`find(self)`, found once for all rules about this author; `find` may not look at `exempt`."""
        if find not in self.facts:
            self.facts[find] = find(self)
        known: T = self.facts[find]
        return known


@dataclass(frozen=True, slots=True)
class Draft:
    """What a rule says, before the settings have their say."""

    confidence: Confidence
    author_role: str  # "staff", "coach", "advisor"
    people: tuple[Involved, ...]
    groups: tuple[str, ...]
    explanation: str
    marks: tuple[str, ...] = ()
    once: str = ""  # names the finding instead of message and author, such as a group and a day
    softened: bool = False  # no more than a notice, and never a reason to refuse the message


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of the policy."""

    id: str
    sentence: str  # of the policy, word for word
    severity: Severity
    remedy: str  # ASCII, one sentence for a sender whose message is refused
    judge: Callable[[Context], Iterable[Draft]]
    version: int = 1  # raised whenever the same mail may be judged differently
    enabled: bool = True  # where the settings do not say
    about: Standing = Standing.KNOWN  # which authors it judges; no other rule sees them
    account: Account | None = None  # it judges authors at this kind of account only
    leaders: bool = False  # it judges only who leads a team, club or organization, in season or not
    guardians_too: bool = False  # judges what guardians write as well, where all others judge staff only


def _others(context: Context) -> list[Person]:
    return context.message.audience.others(context.author.person.id)

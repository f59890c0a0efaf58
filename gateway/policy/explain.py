"""How a verdict comes about, step by step: for whoever wants to know why, before it happens.

Pure, like the engine whose answers it retells: `explain` judges nothing by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from gateway.config import District
from gateway.directory.model import Person
from gateway.directory.snapshot import Directory
from gateway.policy.audience import Audience, audience
from gateway.policy.capacity import is_guardian, is_staff, is_student
from gateway.policy.context import Rule
from gateway.policy.engine import Engine, Kind
from gateway.policy.identify import UNKNOWN, Identity, Sighting, climb, sightings
from gateway.policy.model import Transaction, Verdict
from gateway.policy.rules.table import RULES


class Answer(StrEnum):
    """What a rule had to say."""

    FOUND = "found"
    NOTHING = "nothing"
    NOT_ASKED = "not asked"  # no author of the standing that it judges
    OFF = "off"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Author:
    """One name in the sender's place, and whom it is taken for."""

    sighting: Sighting
    identity: Identity | None
    roles: tuple[str, ...]  # on that day
    kind: Kind | None  # how the rules see this author; None where none judges somebody like that

    @property
    def standing(self) -> str:
        return "" if self.kind is None else self.kind.standing.value


@dataclass(frozen=True, slots=True)
class Reached:
    """Somebody whom the message reaches."""

    person: Person
    roles: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """Every step of one judgement."""

    day: date
    authors: tuple[Author, ...]
    reached: tuple[Reached, ...]
    lists: tuple[str, ...]  # names of groups whose list address is a recipient
    unknown: tuple[str, ...]  # recipients' addresses of whom the directory knows nothing
    rules: tuple[tuple[str, Answer], ...]  # in their order
    verdict: Verdict


def explain(
    engine: Engine, district: District, transaction: Transaction, directory: Directory
) -> Explanation:
    """Retell how `engine` judges a message. Raises whatever identification raises, where the engine would not."""
    day = transaction.received.astimezone(district.zone).date()
    verdict = engine.judge(transaction, directory)
    writers = tuple(_author(each, transaction, directory, day) for each in sightings(transaction))
    everybody = audience(transaction, directory)
    return Explanation(
        day=day,
        authors=writers,
        reached=tuple(
            Reached(person, roles(directory, person, day), everybody.recipient(person.id).why)
            for person in (everybody.people[key] for key in everybody.ids)
        ),
        lists=tuple(group.name for group in everybody.lists),
        unknown=_unknown(transaction, directory, everybody),
        rules=tuple((rule.id, _answer(rule, engine, verdict, writers)) for rule in RULES),
        verdict=verdict,
    )


def roles(directory: Directory, person: Person, day: date) -> tuple[str, ...]:
    """What somebody is to the district on a day; empty for somebody who has left or is not here yet."""
    found = [role.value for role in sorted(person.roles)] if _counts(directory, person, day) else []
    if is_guardian(directory, person.id, day) and "guardian" not in found:
        found.append("guardian")
    return tuple(found)


def _counts(directory: Directory, person: Person, day: date) -> bool:
    return is_staff(person, day) or is_student(person, day) or is_guardian(directory, person.id, day)


def _author(sighting: Sighting, transaction: Transaction, directory: Directory, day: date) -> Author:
    identity = climb(sighting, transaction, directory, day)
    if identity is None:
        return Author(sighting, None, (), None)
    person = identity.person
    staff = is_staff(person, day)
    judged = staff or (not is_student(person, day) and is_guardian(directory, person.id, day))
    kind = Kind.of(identity, transaction, directory, staff=staff) if judged else None
    return Author(sighting, identity, () if person is UNKNOWN else roles(directory, person, day), kind)


def _answer(rule: Rule, engine: Engine, verdict: Verdict, writers: tuple[Author, ...]) -> Answer:
    if rule.id not in engine.enabled:
        return Answer.OFF
    if rule.id in verdict.errors or "engine" in verdict.errors:
        return Answer.FAILED
    if any(finding.rule == rule.id for finding in verdict.findings):
        return Answer.FOUND
    asked = verdict.not_judged is None and any(_is_asked(rule, author) for author in writers)
    return Answer.NOTHING if asked else Answer.NOT_ASKED


def _is_asked(rule: Rule, author: Author) -> bool:
    return author.kind is not None and author.kind.is_judged_by(rule)


def _unknown(transaction: Transaction, directory: Directory, everybody: Audience) -> tuple[str, ...]:
    reading = transaction.reading
    named = [box.address for box in (*reading.to, *reading.cc)]
    addresses = dict.fromkeys(address.lower() for address in (*named, *transaction.recipients))
    return tuple(
        address
        for address in addresses
        if not directory.matches(address) and directory.group_at(address) is None
    )

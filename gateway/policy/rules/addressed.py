"""Mail that addresses a staff member at a personal account, with others of the district beside them.

The other side of `off_channel`: there a staff member writes from a personal account, here somebody writes to
one. Whose account it is has not chosen it, and nobody is accused of being written to: the finding is an advisory,
and no surer than `likely`, because what the message says is not read. It tells the reviewer that mail about school
may be going where the district keeps no record of it.

Left alone, so that families and friends are:

- an address that the staff member registered as a parent, or shares with somebody who is not on the staff
- a staff member who is a parent here, wherever the message may well be for them as one: from or with a member of
  their family, from another parent or to several, from or with the staff who teach or lead their child
- a message to nobody else of the district, and one that passes between personal accounts of staff only
- what an author sends to an account of their own
- whatever a student writes: a student who is the author never causes a finding
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from gateway.config import Severity
from gateway.directory.model import AddressKind, Person
from gateway.policy.audience import Way
from gateway.policy.capacity import (
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
from gateway.policy.model import Confidence, Involved, weakest
from gateway.policy.rules.off_channel import SENTENCE, at_school_account
from gateway.policy.wording import by_name, display_name, how_sure, names, paragraph, quoted

_REMEDY = (
    "District policy asks that mail about school goes to the school-issued accounts of staff; "
    "please send this message again to that account."
)


@dataclass(frozen=True, slots=True)
class _Company:
    """Everybody whom a message reaches besides its author, by what they are to the district; ids of people."""

    everybody: frozenset[str]
    staff: frozenset[str]
    guardians: frozenset[str]
    counted: frozenset[
        str
    ]  # those who make it a message of the district's; the rule does not leave them alone


def _judge(context: Context) -> Iterable[Draft]:
    if context.exempt.author(context.author):
        return
    candidates = [person for person in context.others if _has_personal_way(context, person)]
    if not candidates:
        return
    company = _company(context)
    found = {
        person.id: way
        for person in by_name(candidates)
        if not context.exempts(person) and (way := _personal_account(context, company, person)) is not None
    }
    if found:
        yield _draft(context, company, found)


# --- who was addressed ---------------------------------------------------------------------------------


def _has_personal_way(context: Context, person: Person) -> bool:
    """Whether somebody on the staff is reached at a personal account of theirs."""
    for way in context.message.audience.ways[person.id]:
        for owner in way.owners:
            if owner.address.kind is AddressKind.PERSONAL and owner.person.id == person.id:
                return is_staff(person, context.day)
    return False


def _company(context: Context) -> _Company:
    day, directory, others = context.day, context.directory, context.others
    staff = frozenset(person.id for person in others if is_staff(person, day))
    guardians = frozenset(person.id for person in others if is_guardian(directory, person.id, day))
    return _Company(
        frozenset(person.id for person in others),
        staff,
        guardians,
        frozenset(
            person.id
            for person in others
            if (
                is_student(person, day)
                or person.id in guardians
                or (person.id in staff and _at_the_district(context, person))
            )
            and not context.exempts(person)
        ),
    )


def _at_the_district(context: Context, person: Person) -> bool:
    """Whether a colleague makes it a message of the district's: staff at home are a circle of friends."""
    return context.author.account is Account.DISTRICT or at_school_account(context, person)


def _personal_account(context: Context, company: _Company, person: Person) -> Way | None:
    """The personal account at which somebody was addressed as staff, beside others of the district."""
    for way in context.message.audience.recipient(person.id).ways:
        owners = {owner.person.id for owner in way.owners}
        if _is_personal(context, company, way) and not company.counted <= owners:
            return way
    return None


def _is_personal(context: Context, company: _Company, way: Way) -> bool:
    """Whether this is the personal account of staff and of nobody else, who may not be addressed as parents."""
    if way.group is not None or context.directory.is_district(way.address):
        return False
    return all(
        owner.address.kind is AddressKind.PERSONAL
        and owner.person.id != context.author.person.id
        and is_staff(owner.person, context.day)
        and not _as_parent(context, company, owner.person)
        for owner in way.owners
    )


def _as_parent(context: Context, company: _Company, person: Person) -> bool:
    """Whether a staff member who is a parent here may well be written to as one."""
    directory, day = context.directory, context.day
    children = frozenset(child.id for child in enrolled_children(directory, person.id, day))
    if not children:
        return False
    own, author = family(directory, person.id, day), context.author.person
    if author.id in own or is_guardian(directory, author.id, day):
        return True
    if not own.isdisjoint(company.everybody) or not company.guardians <= {person.id}:
        return True
    adults = (author.id, *(company.staff - {person.id}))
    return any(teaches_or_leads(directory, adult, children, day) for adult in adults)


# --- the finding ---------------------------------------------------------------------------------------


def _draft(context: Context, company: _Company, found: Mapping[str, Way]) -> Draft:
    author, people = context.author, context.directory.people
    accounts = [people[key] for key in found]
    # Of two who were addressed at home each stands beside the other; they are named once.
    beside = by_name(people[key] for key in company.counted - found.keys())
    reasons = [author.why, "what the message says is not read, so it may be a private one"]
    if all(len({owner.person.id for owner in way.owners}) > 1 for way in found.values()):
        reasons.append("the account is shared, and somebody else may have been meant")
    confidence = weakest(author.confidence, Confidence.LIKELY)
    return Draft(
        confidence=confidence,
        author_role="staff" if is_staff(author.person, context.day) else "guardian",
        people=tuple(_involved(people[key], way) for key, way in islice(found.items(), MOST_LISTED)),
        groups=(),
        explanation=paragraph(
            _opening(context, accounts, beside),
            quoted(SENTENCE),
            _expected(accounts),
            "Nobody is at fault for being written to; an answer should come from the school-issued account.",
            how_sure(confidence, reasons, context.genuine),
        ),
    )


def _involved(person: Person, way: Way) -> Involved:
    why = f"{way.why}; the address is on record as a personal account"
    return Involved(person.id, display_name(person), "staff", way.address, why)


def _opening(context: Context, accounts: Sequence[Person], beside: Sequence[Person]) -> str:
    name = display_name(context.author.person)
    role = "works for" if is_staff(context.author.person, context.day) else "is a parent or guardian in"
    account = "a personal account" if len(accounts) == 1 else "personal accounts"
    opening = f"{name}, who {role} the district, wrote to {names(accounts)} at {account}"
    return f"{opening}, and also to {names(beside)}." if beside else f"{opening}."


def _expected(accounts: Sequence[Person]) -> str:
    without = [person for person in accounts if not has_school_account(person)]
    if not without:
        return "Mail about school should be addressed to the school-issued accounts of staff."
    return (
        f"The directory has no school-issued account for {names(without)}; one is needed before mail about school "
        "can be addressed as the policy asks."
    )


ADDRESSED = Rule("off-channel/addressed", SENTENCE, Severity.ADVISORY, _REMEDY, _judge, guardians_too=True)

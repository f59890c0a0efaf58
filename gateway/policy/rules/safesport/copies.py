"""Messages of coaches to athletes without a second adult: `safesport/one-to-one`, `reply` and `team`.

*One-to-one* is a message to one athlete at an address of their own, where no other student is a recipient
(the author's children aside). It needs an adult of the program or a guardian of that athlete among those who
take part; a guardian of another child does not do. A message to the list of the author's own team is team
mail, even where the directory knows one member only.

*Reply* is the same where the message answers an earlier one in which the athlete took part. Where the archive
does not know the earlier one, an athlete who gets the answer is taken for the one who is answered.

*Team* is a message to two or more athletes who are a whole team, or to the team's own list. It needs an adult
of the program, or a guardian of one of them or on the team's list. With other students among the recipients
only the list makes it team mail. It is an advisory: the team reads along.

Staff beside the author of whom the directory does not know that they serve the program (an athletic trainer)
make the finding no more than `likely`. Whom an exemption names still counts as a recipient, so no exemption
makes one-to-one of what was not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gateway.config import Severity
from gateway.directory.model import Person
from gateway.message.canonical import canonical_address
from gateway.policy.audience import Recipient
from gateway.policy.capacity import is_guardian, is_staff
from gateway.policy.context import Context, Draft, Rule
from gateway.policy.groups import Reach, oversight
from gateway.policy.model import Confidence
from gateway.policy.rules.safesport.contact import (
    Contact,
    contact,
    guardians_among,
    program_adults,
    staff_among,
)
from gateway.policy.rules.safesport.draft import Doubt, called, coach_of, draft, standard
from gateway.policy.wording import by_name, display_name, names, series

ONE_TO_ONE_SENTENCE = standard(
    "an adult participant who writes to a single minor athlete copies another adult participant or the "
    "athlete's parent or guardian, except in an emergency."
)
REPLY_SENTENCE = standard(
    "an adult participant who answers a minor athlete adds another adult participant or the athlete's parent or "
    "guardian to the reply, except in an emergency."
)
TEAM_SENTENCE = standard("an adult participant who writes to the whole team copies another adult.")

_REMEDY = (
    "SafeSport asks coaches who write to one athlete to copy another coach, an administrator or the athlete's "
    "parent or guardian; please send this message again with such a copy."
)
_REPLY_REMEDY = (
    "SafeSport asks coaches who answer an athlete to add another coach, an administrator or the athlete's parent "
    "or guardian; please send this reply again with such a copy."
)
_TEAM_REMEDY = (
    "SafeSport asks coaches who write to the whole team to copy another adult, such as another coach or an "
    "administrator; please send this message again with such a copy."
)

_MOST_SUGGESTED = 3  # of coaches, administrators and guardians each


# --- one athlete -----------------------------------------------------------------------------------------


def _one_to_one(context: Context) -> Iterable[Draft]:
    for found, athlete in _uncopied(context):
        if not _answers(context, athlete):
            yield _lone(context, found, athlete, "wrote to the athlete", ONE_TO_ONE_SENTENCE)


def _reply(context: Context) -> Iterable[Draft]:
    for found, athlete in _uncopied(context):
        if _answers(context, athlete):
            yield _lone(
                context,
                found,
                athlete,
                "answered an earlier message and wrote to the athlete",
                REPLY_SENTENCE,
            )


def _uncopied(context: Context) -> Iterable[tuple[Contact, Recipient]]:
    """The one athlete who was written to without a second adult, if so."""
    found = context.fact(contact)
    if found is None or not found.alone or found.lists or len(found.athletes) != 1:
        return
    (athlete,) = found.athletes
    if context.exempt.author(context.author) or context.exempts(athlete.person):
        return
    if all(way.group is not None for way in athlete.ways):
        return
    if not program_adults(context, found, found.ids) and not guardians_among(context, found, found.ids):
        yield found, athlete


def _answers(context: Context, athlete: Recipient) -> bool:
    """Whether the message answers one in which the athlete took part, as far as that is known."""
    transaction = context.message.transaction
    if not (transaction.reading.in_reply_to or transaction.reading.references):
        return False
    known = {address.canonical for address in athlete.person.addresses}
    known |= {canonical_address(way.address) for way in athlete.ways}
    return not transaction.thread or not transaction.thread.isdisjoint(known)


def _lone(context: Context, found: Contact, athlete: Recipient, wrote: str, sentence: str) -> Draft:
    name = display_name(athlete.person)
    told = [
        f"{coach_of(context, found.teams)} {wrote} {name}; no other adult of the program and no parent or "
        f"guardian of {name} took part.",
        _other_parents(context, found, athlete.person),
        sentence,
        _suggestion(context, found.teams, [athlete]),
    ]
    return draft(context, found, [athlete], told, doubts=_colleagues(context, found))


def _other_parents(context: Context, found: Contact, athlete: Person) -> str:
    """A word on those who may have been copied by mistake for the athlete's own family."""
    people, directory, day = context.directory.people, context.directory, context.day
    parents = by_name(
        people[key]
        for key in found.taking_part
        if is_guardian(directory, key, day) and not is_staff(people[key], day)
    )
    if not parents:
        return ""
    are = "is no parent or guardian" if len(parents) == 1 else "are no parents or guardians"
    return f"{names(parents)}, who took part, {are} of {display_name(athlete)}."


def _colleagues(context: Context, found: Contact) -> list[Doubt]:
    """A doubt where somebody on the staff took part of whom nothing says that they are of the program."""
    staff = by_name(context.directory.people[key] for key in staff_among(context, found))
    if not staff:
        return []
    one = len(staff) == 1
    return [
        (
            Confidence.LIKELY,
            f"{names(staff)}, who {'works' if one else 'work'} for the district, took part too; the directory "
            f"does not name {'this person' if one else 'them'} for the team, but whoever serves the program "
            "otherwise is a second adult",
        )
    ]


# --- the team --------------------------------------------------------------------------------------------


def _team(context: Context) -> Iterable[Draft]:
    found = context.fact(contact)
    if found is None or context.exempt.author(context.author):
        return
    teams = [
        team for team in found.teams if _is_team_mail(found, team) and not _has_adult(context, found, team)
    ]
    reached = frozenset[str]().union(*(team.reached for team in teams))
    athletes = [
        athlete
        for athlete in found.athletes
        if athlete.person.id in reached and not context.exempts(athlete.person)
    ]
    if athletes:
        told = [
            f"{coach_of(context, teams)} wrote to the whole team: {called(athletes)}; no second adult took part.",
            TEAM_SENTENCE,
            _suggestion(context, teams, []),
        ]
        yield draft(context, found, athletes, told, teams=teams, doubts=_colleagues(context, found))


def _is_team_mail(found: Contact, team: Reach) -> bool:
    if team.group.id in found.lists:
        return True
    return found.alone and team.whole and len(team.reached & found.ids) > 1


def _has_adult(context: Context, found: Contact, team: Reach) -> bool:
    athletes = team.reached & found.ids
    return bool(
        program_adults(context, found, athletes)
        or guardians_among(context, found, athletes)
        or team.group.guardians & found.taking_part
    )


# --- who could have been copied ----------------------------------------------------------------------------


def _suggestion(context: Context, teams: Sequence[Reach], athletes: Sequence[Recipient]) -> str:
    """Who would have been a second adult, by name."""
    directory, day, author_id = context.directory, context.day, context.author.person.id
    people = directory.people
    coaches = {key for team in teams for key in team.group.leaders}
    administrators = {
        key
        for team in teams
        for key in oversight(directory, team.group, context.message.settings, day).people
    }
    guardians = {key for one in athletes for key in directory.guardians_of(one.person.id)}
    named: list[str] = []
    for role, ids in (("coach", coaches), ("administrator", administrators - coaches)):
        known = (people[key] for key in ids - {author_id} if key in people)
        named += _named(role, [person for person in known if is_staff(person, day)])
    named += _named("parent or guardian", [people[key] for key in guardians if key in people])
    if not named:
        return "A copy to a second adult was expected; the directory names none."
    return f"A copy to {series(named, 'or')} would have been as expected."


def _named(role: str, people: Sequence[Person]) -> list[str]:
    return [f"{display_name(person)} ({role})" for person in by_name(people)[:_MOST_SUGGESTED]]


ONE_TO_ONE = Rule(
    "safesport/one-to-one",
    ONE_TO_ONE_SENTENCE,
    Severity.VIOLATION,
    _REMEDY,
    _one_to_one,
    enabled=False,
    leaders=True,
)
REPLY = Rule(
    "safesport/reply", REPLY_SENTENCE, Severity.VIOLATION, _REPLY_REMEDY, _reply, enabled=False, leaders=True
)
TEAM = Rule(
    "safesport/team", TEAM_SENTENCE, Severity.ADVISORY, _TEAM_REMEDY, _team, enabled=False, leaders=True
)

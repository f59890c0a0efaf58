"""Families that asked in writing that their child not be written to (`safesport/opt-out`).

The request is a row of forms.csv with the form `safesport-opt-out`: of the student, or of a guardian for all
their children. It counts from the day it was signed for as long as the row stands. Whether a second adult is
copied makes no difference.

Who writes to the student at an address of their own is told. Who writes to a list on which the student still
stands gets a notice only: the list is to be mended.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from gateway.config import Severity
from gateway.directory.model import Person
from gateway.policy.audience import Recipient
from gateway.policy.context import Context, Draft, Rule
from gateway.policy.rules.safesport.contact import Contact, contact
from gateway.policy.rules.safesport.draft import called, coach_of, draft, standard
from gateway.policy.wording import display_name, names, possessive

FORM = "safesport-opt-out"

SENTENCE = standard(
    "where a parent or guardian has asked in writing that a minor athlete not be contacted electronically, no "
    "adult participant does so, except in an emergency."
)
_REMEDY = (
    "A parent or guardian has asked that this student not be written to; please write to the parent or guardian "
    "instead."
)


def _opt_out(context: Context) -> Iterable[Draft]:
    found = context.fact(contact)
    if found is None or context.exempt.author(context.author):
        return
    asked = {
        athlete.person.id: since
        for athlete in found.athletes
        if not context.exempts(athlete.person) and (since := _asked(context, athlete.person)) is not None
    }
    athletes = [athlete for athlete in found.athletes if athlete.person.id in asked]
    direct = [athlete for athlete in athletes if any(way.group is None for way in athlete.ways)]
    if athletes:
        days = [asked[athlete.person.id] for athlete in direct or athletes]
        told = _told(context, found, direct or athletes, days, by_list=not direct)
        yield draft(context, found, direct or athletes, told, softened=not direct)


def _asked(context: Context, athlete: Person) -> date | None:
    """Since when the request stands; None where there is none."""
    directory = context.directory
    signed = (
        form.signed_on
        for who in (athlete.id, *directory.guardians_of(athlete.id))
        for form in directory.forms.get(who, ())
        if form.form.strip().casefold() == FORM and form.signed_on <= context.day
    )
    return min(signed, default=None)


def _told(
    context: Context, found: Contact, athletes: Sequence[Recipient], days: Sequence[date], *, by_list: bool
) -> list[str]:
    teams = found.teams_of(frozenset(athlete.person.id for athlete in athletes))
    if len(athletes) == 1:
        whose = possessive(display_name(athletes[0].person))
        request = f"On {days[0]:%Y-%m-%d} {whose} family asked in writing that there be no such contact."
    else:
        request = "The families of all of them asked in writing that there be no such contact."
    if by_list:
        listed = names([athlete.person for athlete in athletes])
        return [
            f"{coach_of(context, teams)} wrote to a list that leads to {called(athletes)}.",
            request,
            SENTENCE,
            f"Nobody wrote to {listed} directly, so this is a notice only: the list is to be changed.",
        ]
    return [
        f"{coach_of(context, teams)} wrote to {called(athletes)} directly.",
        request,
        SENTENCE,
        "What is to be said goes to the parents or guardians instead.",
    ]


OPT_OUT = Rule(
    "safesport/opt-out", SENTENCE, Severity.VIOLATION, _REMEDY, _opt_out, enabled=False, leaders=True
)

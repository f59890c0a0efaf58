"""Messages to minor athletes outside the hours of the day (`safesport/quiet-hours`).

What counts is when the gateway received the message, by the clock of the district's time zone (`Message.local`),
to the second; both ends of the hours belong to them. A message can be late on its way: where its own date lies
within the hours, the finding is only `possible`, and accuses nobody.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from gateway.config import SafeSport, Severity
from gateway.policy.context import Context, Draft, Rule
from gateway.policy.model import Confidence
from gateway.policy.rules.safesport.contact import contact
from gateway.policy.rules.safesport.draft import Doubt, called, coach_of, draft, standard

SENTENCE = standard(
    "messages to minor athletes are sent in the daytime (from 8:00 a.m. to 8:00 p.m. local time, unless the "
    "district has set other hours), except in an emergency."
)
_REMEDY = (
    "SafeSport asks coaches to write to minor athletes in the daytime only, except in an emergency; please send "
    "this message again then."
)

# Mail servers try this long (RFC 5321 section 4.5.4.1: at least 4-5 days); an older date tells of no delay.
_LONGEST_DELAY = timedelta(days=5)


def _quiet_hours(context: Context) -> Iterable[Draft]:
    hours, local = context.message.settings.safesport, context.message.local
    if _within(hours, local) or context.exempt.author(context.author):
        return
    found = context.fact(contact)
    if found is None:
        return
    athletes = [athlete for athlete in found.athletes if not context.exempts(athlete.person)]
    if athletes:
        teams = found.teams_of(frozenset(athlete.person.id for athlete in athletes))
        told = [
            f"{coach_of(context, teams)} wrote to {called(athletes)}; the message was received at "
            f"{local:%H:%M:%S} on {local:%Y-%m-%d}, by the district's clock.",
            SENTENCE,
            f"The district's hours are {hours.day_begins:%H:%M} to {hours.day_ends:%H:%M}; outside them such a "
            "message waits until morning.",
        ]
        yield draft(context, found, athletes, told, doubts=_late(context, hours, local))


def _within(hours: SafeSport, local: datetime) -> bool:
    return hours.day_begins <= local.time().replace(microsecond=0) <= hours.day_ends


def _late(context: Context, hours: SafeSport, local: datetime) -> list[Doubt]:
    """A doubt where the message says that it was written within the hours."""
    written = context.message.transaction.reading.date
    if written is None or not timedelta(0) <= local - written <= _LONGEST_DELAY:
        return []
    written = written.astimezone(local.tzinfo)
    if not _within(hours, written):
        return []
    return [
        (
            Confidence.POSSIBLE,
            f"the message itself says that it was written at {written:%H:%M} on {written:%Y-%m-%d}, so it may "
            "have been late on its way",
        )
    ]


QUIET_HOURS = Rule(
    "safesport/quiet-hours", SENTENCE, Severity.ADVISORY, _REMEDY, _quiet_hours, enabled=False, leaders=True
)

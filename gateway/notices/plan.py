"""What is to be told now, to whom: by the catalog, the settings, today's roster and the clock.

    kind        what                                        when                       told as (audience)
    held        each message that waits                     5 seconds after it came    held, reviewers
    overdue     each escalation, each release by the clock  5 seconds after it         escalated-N, released-unseen
    returned    each released message that came back        at once                    returned
    violations  findings that are violations                once settled               reviewers
    digest      all others, those taken back, and how       once a day, at the first   digest (of the day),
                many messages wait                          look after `digest_at`     reviewers, taken-back
    authors     violations and advisories that are certain  once settled               author
                or strong, to their authors
                those of them that were taken back          at once                    author-taken-back

Transactions of one message are one letter, and so are very many messages at once: see `held`.

A finding is told only where its action asks for it (notify, hold, reject). What a `held` letter says of findings is
told to the reviewers by it, and not again.

The digest of a day tells what was settled when it was due, so what comes later in the day waits for the next one; a
day without anything to tell has none. After a night of no service the digest that was missed is made, once, whatever
the number of days.

Promises: reads only; the same catalog, settings, roster and time give the same plan; nothing is planned that the
catalog says was told. So plan again only when what was planned before is in the catalog.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Connection

from gateway.catalog import holds, notified
from gateway.catalog.rows import FindingRow
from gateway.config import Config, Severity
from gateway.directory.model import PREFERENCE, Person
from gateway.directory.snapshot import Directory
from gateway.notices import held
from gateway.notices.audience import Audience
from gateway.notices.desk import REVIEWERS, Desk, pairs
from gateway.notices.told import (
    MOST_LISTED,
    Cleared,
    Digest,
    InOrder,
    Kind,
    Lesson,
    Notice,
    Occasion,
    ToAuthor,
    Violations,
    listing,
)
from gateway.notices.told import Pairs as Pairs  # part of the plan
from gateway.notices.wording import NAME_LIMIT, name_of, names, shown
from gateway.policy.capacity import SCHOOL_KINDS, is_staff
from gateway.policy.model import Confidence
from gateway.policy.rules.identity import FOR_IT
from gateway.policy.rules.table import RULES

# What findings were told as, and a digest; see `held` for the others.
TAKEN_BACK = "taken-back"
DIGEST = "digest"
AUTHOR = "author"
AUTHOR_TAKEN_BACK = "author-taken-back"

_MOST = 20_000  # findings looked at in one go; more are told in the next
_SURE = frozenset({Confidence.CERTAIN, Confidence.STRONG})
_GRAVE = (Severity.VIOLATION, Severity.ADVISORY)
_MILD = (Severity.ADVISORY, Severity.NOTICE)
_REMEDIES = {rule.id: rule.remedy for rule in RULES}


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be told, and what cannot be, for everybody who would be told is who it is about."""

    notices: tuple[Notice, ...]
    untellable: Pairs  # subject and audience; the same as long as nothing changes


def plan(connection: Connection, settings: Config, directory: Directory, now: datetime) -> Plan:
    """What is to be told now. `connection` sees one state of the catalog. `now` is aware."""
    desk = Desk(connection, settings, now, Audience(settings, directory), tuple(holds.open_holds(connection)))
    found = [
        *held.waiting(desk),
        *held.escalated(desk),
        *held.released_unseen(desk),
        *held.returned(desk),
    ]
    told = held.awaited(desk)
    found += [*_violations(desk, told), *_digest(desk, told), *_authors(desk), *_cleared(desk)]
    return Plan(
        notices=tuple(notice for notice in found if notice.recipients),
        untellable=tuple(pair for notice in found if not notice.recipients for pair in notice.about),
    )


# --- findings ----------------------------------------------------------------------------------------------


def _violations(desk: Desk, told: set[str]) -> Iterator[Notice]:
    rows = _settled(desk, REVIEWERS, desk.settled, told, Severity.VIOLATION)
    for recipients, group in _by_recipients(desk, rows).items():
        body = Violations(listing(group, desk.audience))
        yield Notice(Kind.VIOLATIONS, recipients, pairs(group, REVIEWERS), body)


def _digest(desk: Desk, told: set[str]) -> Iterator[Notice]:
    """One mail for each set of people; each says that the day's digest was made."""
    day, due = digest_due(desk.now, desk.settings)
    if not desk.untold([(day.isoformat(), DIGEST)]):
        return
    rows = _settled(desk, REVIEWERS, due - desk.settle_window, told, *_MILD)
    back = notified.taken_back(desk.connection, REVIEWERS, TAKEN_BACK, since=desk.since)
    if not rows and not back and all(each.received > due for each in desk.open_holds):
        return
    new, gone, waiting = _by_recipients(desk, rows), _by_recipients(desk, back), held.waiting_since(desk)
    for recipients in sorted({*new, *gone, *waiting}):
        news, corrections = new.get(recipients, []), gone.get(recipients, [])
        moments = waiting.get(recipients, [])
        body = Digest(
            day,
            listing(news, desk.audience),
            listing(corrections, desk.audience),
            len(moments),
            min(moments, default=None),
        )
        the_day: Pairs = ((day.isoformat(), DIGEST),) if recipients else ()
        about = (*the_day, *pairs(news, REVIEWERS), *pairs(corrections, TAKEN_BACK))
        yield Notice(Kind.DIGEST, recipients, about, body)


def digest_due(now: datetime, settings: Config) -> tuple[date, datetime]:
    """The day whose digest was due last, and when, by the district's clock.

    A time that the clock leaps over in spring comes an hour later; of one that comes twice in autumn, the first counts.
    """
    zone, at = settings.district.zone, settings.notices.digest_at
    day = now.astimezone(zone).date()
    for each in (day, day - timedelta(days=1)):
        due = datetime.combine(each, at, tzinfo=zone).astimezone(UTC)
        if due <= now:
            break
    return each, due


def _authors(desk: Desk) -> Iterator[Notice]:
    if not desk.settings.notices.authors:
        return
    by_author: dict[str, list[FindingRow]] = defaultdict(list)
    for finding in _settled(desk, AUTHOR, desk.settled, set(), *_GRAVE):
        if finding["confidence"] in _SURE and finding["author_id"] and FOR_IT not in finding["marks"]:
            by_author[finding["author_id"]].append(finding)
    for address, rows in _to_authors(desk, by_author):
        body = ToAuthor(name_of(rows[0]["author"]), _lessons(rows), len({row["archive_id"] for row in rows}))
        yield Notice(Kind.AUTHORS, (address,), pairs(rows, AUTHOR), body)


def _cleared(desk: Desk) -> Iterator[Notice]:
    """Authors hear it at once where what they were told does not hold: nobody shall worry for a day."""
    if not desk.settings.notices.authors:
        return
    by_author: dict[str, list[FindingRow]] = defaultdict(list)
    for finding in notified.taken_back(desk.connection, AUTHOR, AUTHOR_TAKEN_BACK, since=desk.since):
        by_author[finding["author_id"] or ""].append(finding)
    for address, rows in _to_authors(desk, by_author):
        listed = (Cleared(shown(row["rule"], NAME_LIMIT), row["detected_at"]) for row in rows[:MOST_LISTED])
        body = InOrder(name_of(rows[0]["author"]), tuple(listed), max(len(rows) - MOST_LISTED, 0))
        yield Notice(Kind.AUTHORS, (address,), pairs(rows, AUTHOR_TAKEN_BACK), body)


def _to_authors(desk: Desk, by_author: dict[str, list[FindingRow]]) -> Iterator[tuple[str, list[FindingRow]]]:
    """Findings by the address of their author, for those who have one."""
    day = desk.now.astimezone(desk.settings.district.zone).date()
    for person_id, rows in sorted(by_author.items()):
        directory = desk.audience.directory
        address = author_address(directory, directory.people.get(person_id), day)
        if address is not None:
            yield address, rows


def author_address(directory: Directory, person: Person | None, day: date) -> str | None:
    """The district address of somebody on the staff that is theirs alone; None where there is none."""
    if person is None or not is_staff(person, day):
        return None
    for known in sorted(person.addresses, key=lambda each: (PREFERENCE[each.kind], each.canonical)):
        owners, group = directory.behind(known.address)
        alone = group is None and all(owner.person.id == person.id for owner in owners)
        if known.kind in SCHOOL_KINDS and directory.is_district(known.address) and alone:
            return known.address
    return None


def _lessons(rows: Sequence[FindingRow]) -> tuple[Lesson, ...]:
    by_rule: dict[str, list[FindingRow]] = defaultdict(list)
    for finding in rows:
        by_rule[finding["rule"]].append(finding)
    return tuple(
        Lesson(
            rule=shown(rule),
            sentence=shown(group[-1]["sentence"]),
            remedy=_REMEDIES.get(rule, ""),
            occasions=tuple(
                Occasion(finding["detected_at"], names(_concerned(finding)), finding["confidence"])
                for finding in group[:MOST_LISTED]
            ),
            more=max(len(group) - MOST_LISTED, 0),
        )
        for rule, group in by_rule.items()
    )


def _concerned(finding: FindingRow) -> Iterator[dict[str, object]]:
    """The people whom a finding is about, but those who were copied as the policy asks."""
    return (each for each in finding["people"] if each.get("role") != "administrator")


def _settled(
    desk: Desk, audience: str, until: datetime, told: set[str], *severities: Severity
) -> list[FindingRow]:
    rows = notified.untold(
        desk.connection, audience, since=desk.since, until=until, severities=severities, limit=_MOST
    )
    return [finding for finding in rows if finding["id"] not in told]


def _by_recipients(desk: Desk, rows: Iterable[FindingRow]) -> dict[tuple[str, ...], list[FindingRow]]:
    """Findings by who may see them."""
    found: dict[tuple[str, ...], list[FindingRow]] = defaultdict(list)
    for finding in rows:
        found[desk.audience.of([finding])].append(finding)
    return found

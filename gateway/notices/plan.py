"""What is to be told now, to whom: by the catalog, the settings, today's roster and the clock.

    kind        what                                        when                       told as (audience)
    held        each message that waits                     at once                    held, reviewers
    overdue     each escalation, each release by the clock  at once                    escalated-N, released-unseen
    returned    each released message that came back        at once                    returned
    violations  findings that are violations                once settled               reviewers
    digest      all others, those taken back, and how       once a day, at the first   digest (of the day),
                many messages wait                          look after `digest_at`     reviewers, taken-back
    authors     violations and advisories that are certain  once settled               author
                or strong, to their authors

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
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Connection

from gateway.catalog import holds, notified
from gateway.catalog.holds import OVERDUE, RETURNED, Held
from gateway.catalog.rows import FindingRow
from gateway.config import Action, Config, Severity
from gateway.directory.model import PREFERENCE, Person
from gateway.directory.snapshot import Directory
from gateway.notices.audience import Audience
from gateway.notices.told import (
    MOST_LISTED,
    Body,
    CameBack,
    Digest,
    Escalated,
    HeldMessage,
    Kind,
    Lesson,
    Notice,
    Occasion,
    ReleasedUnseen,
    ToAuthor,
    Violations,
    Waiting,
    authors,
    listing,
)
from gateway.notices.wording import name_of, names, shown
from gateway.policy.capacity import SCHOOL_KINDS, is_staff
from gateway.policy.model import Confidence
from gateway.policy.rules.identity import FOR_IT
from gateway.policy.rules.table import RULES

# What subjects of notices were told as.
REVIEWERS = "reviewers"
TAKEN_BACK = "taken-back"
DIGEST = "digest"
HELD = "held"
CAME_BACK = "returned"
UNSEEN = "released-unseen"
AUTHOR = "author"

LOOK_BACK = timedelta(days=7)  # what is older has been told, or nobody was there to be told
_MOST = 20_000  # findings looked at in one go; more are told in the next
_SURE = frozenset({Confidence.CERTAIN, Confidence.STRONG})
_GRAVE = frozenset({Severity.VIOLATION, Severity.ADVISORY})
_ASKING = frozenset({Action.NOTIFY, Action.HOLD, Action.REJECT})
_REMEDIES = {rule.id: rule.remedy for rule in RULES}

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be told, and what cannot be, for everybody who would be told is who it is about."""

    notices: tuple[Notice, ...]
    untellable: Pairs  # subject and audience; the same as long as nothing changes


@dataclass(frozen=True, slots=True)
class _Desk:
    """Where notices are planned: everything that all kinds of them look at."""

    connection: Connection
    settings: Config
    now: datetime
    audience: Audience
    open_holds: tuple[Held, ...]

    @property
    def since(self) -> datetime:
        return self.now - LOOK_BACK

    @property
    def settled(self) -> datetime:
        """Findings detected until then are not revised any more by transactions of the same message."""
        return self.now - self.settle_window

    @property
    def settle_window(self) -> timedelta:
        return timedelta(seconds=self.settings.policy.settle_window)

    def untold(self, pairs: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
        wanted = set(pairs)
        return wanted - notified.told(self.connection, (subject for subject, _ in wanted))


def plan(connection: Connection, settings: Config, directory: Directory, now: datetime) -> Plan:
    """What is to be told now. `connection` sees one state of the catalog. `now` is aware."""
    desk = _Desk(
        connection, settings, now, Audience(settings, directory), tuple(holds.open_holds(connection))
    )
    found = [*_held(desk), *_escalated(desk), *_released_unseen(desk), *_returned(desk)]
    told = {subject for notice in found for subject, audience in notice.about if audience == REVIEWERS}
    found += [*_violations(desk, told), *_digest(desk, told), *_authors(desk)]
    return Plan(
        notices=tuple(notice for notice in found if notice.recipients),
        untellable=tuple(pair for notice in found if not notice.recipients for pair in notice.about),
    )


# --- findings ----------------------------------------------------------------------------------------------


def _violations(desk: _Desk, told: set[str]) -> Iterator[Notice]:
    rows = _settled(desk, REVIEWERS, desk.settled, told)
    grave = [finding for finding in rows if finding["severity"] == Severity.VIOLATION]
    for recipients, group in _by_recipients(desk, grave).items():
        body = Violations(listing(group, desk.audience))
        yield Notice(Kind.VIOLATIONS, recipients, _pairs(group, REVIEWERS), body)


def _digest(desk: _Desk, told: set[str]) -> Iterator[Notice]:
    """One mail for each set of people; each says that the day's digest was made."""
    day, due = digest_due(desk.now, desk.settings)
    if not desk.untold([(day.isoformat(), DIGEST)]):
        return
    settled = _settled(desk, REVIEWERS, due - desk.settle_window, told)
    rows = [finding for finding in settled if finding["severity"] != Severity.VIOLATION]
    back = notified.taken_back(desk.connection, REVIEWERS, TAKEN_BACK, since=desk.since)
    if not rows and not back and all(held.received > due for held in desk.open_holds):
        return
    new, gone, waiting = _by_recipients(desk, rows), _by_recipients(desk, back), _waiting(desk)
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
        about = (*the_day, *_pairs(news, REVIEWERS), *_pairs(corrections, TAKEN_BACK))
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


def _authors(desk: _Desk) -> Iterator[Notice]:
    if not desk.settings.notices.authors:
        return
    by_author: dict[str, list[FindingRow]] = defaultdict(list)
    for finding in _settled(desk, AUTHOR, desk.settled, set()):
        sure = finding["confidence"] in _SURE and finding["severity"] in _GRAVE
        if sure and finding["author_id"] and FOR_IT not in finding["marks"]:
            by_author[finding["author_id"]].append(finding)
    day = desk.now.astimezone(desk.settings.district.zone).date()
    for person_id, rows in sorted(by_author.items()):
        person = desk.audience.directory.people.get(person_id)
        address = author_address(desk.audience.directory, person, day)
        if address is not None:
            body = ToAuthor(
                name_of(rows[0]["author"]), _lessons(rows), len({row["archive_id"] for row in rows})
            )
            yield Notice(Kind.AUTHORS, (address,), _pairs(rows, AUTHOR), body)


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


def _settled(desk: _Desk, audience: str, until: datetime, told: set[str]) -> list[FindingRow]:
    rows = notified.untold(desk.connection, audience, since=desk.since, until=until, limit=_MOST)
    return [finding for finding in rows if finding["id"] not in told]


def _by_recipients(desk: _Desk, rows: Iterable[FindingRow]) -> dict[tuple[str, ...], list[FindingRow]]:
    """Findings by who may see them."""
    found: dict[tuple[str, ...], list[FindingRow]] = defaultdict(list)
    for finding in rows:
        found[desk.audience.of([finding])].append(finding)
    return found


def _pairs(rows: Iterable[FindingRow], audience: str) -> Pairs:
    return tuple((finding["id"], audience) for finding in rows)


# --- held messages -----------------------------------------------------------------------------------------


def _held(desk: _Desk) -> Iterator[Notice]:
    waiting = {(held.id, HELD): held for held in desk.open_holds if held.state == holds.HELD}
    new = desk.untold(waiting)
    for pair, held in waiting.items():
        if pair in new:
            rows = notified.of_message(desk.connection, held.seq)
            until = _after(held.received, desk.settings.hold.limit)
            body = Waiting(_message(desk, held, rows), until, desk.settings.hold.then)
            about = (pair, *_pairs(_asking(rows), REVIEWERS))
            yield Notice(Kind.HELD, _deciding(desk, rows), about, body)


def _escalated(desk: _Desk) -> Iterator[Notice]:
    above = {(held.id, f"escalated-{held.escalations}"): held for held in desk.open_holds if held.escalations}
    new = desk.untold(above)
    for pair, held in above.items():
        if pair in new:
            rows = notified.of_message(desk.connection, held.seq)
            limit = desk.settings.hold.limit
            body = Escalated(_message(desk, held, rows), held.escalations, held.state == RETURNED, limit)
            yield Notice(Kind.OVERDUE, desk.audience.escalated(rows), (pair,), body)


def _released_unseen(desk: _Desk) -> Iterator[Notice]:
    def body(message: HeldMessage, held: Held) -> Body:
        return ReleasedUnseen(message, held.decided_at or held.received, desk.settings.hold.limit)

    gone = {(held.id, UNSEEN): held for held in holds.decided_by(desk.connection, OVERDUE, since=desk.since)}
    return _about_holds(desk, Kind.OVERDUE, gone, body)


def _returned(desk: _Desk) -> Iterator[Notice]:
    """Each time that a message comes back is told: its subject holds the decision that sent it out."""

    def body(message: HeldMessage, held: Held) -> Body:
        return CameBack(message, len(held.undelivered), shown(held.reply or "", 1000))

    back = {
        (f"{held.id} {decided.astimezone(UTC).isoformat()}", CAME_BACK): held
        for held in desk.open_holds
        if held.state == RETURNED and (decided := held.decided_at) is not None
    }
    return _about_holds(desk, Kind.RETURNED, back, body)


def _about_holds(
    desk: _Desk, kind: Kind, subjects: dict[tuple[str, str], Held], body: Callable[[HeldMessage, Held], Body]
) -> Iterator[Notice]:
    new = desk.untold(subjects)
    for pair, held in subjects.items():
        if pair in new:
            rows = notified.of_message(desk.connection, held.seq)
            message = _message(desk, held, rows)
            yield Notice(kind, _deciding(desk, rows), (pair,), body(message, held))


def _message(desk: _Desk, held: Held, rows: Sequence[FindingRow]) -> HeldMessage:
    asking = _asking(rows)
    return HeldMessage(
        held.id, held.received, authors(asking), held.recipients, listing(asking, desk.audience)
    )


def _deciding(desk: _Desk, rows: Sequence[FindingRow]) -> tuple[str, ...]:
    """Who decides about a message: whoever is told of what asks for it, but nobody whom any finding is about."""
    return desk.audience.of(_asking(rows), apart_from=rows)


def _asking(rows: Sequence[FindingRow]) -> list[FindingRow]:
    """The findings about a held message that its reviewers are told of; of a possible forgery, IT is."""
    return [finding for finding in rows if finding["action"] in _ASKING and FOR_IT not in finding["marks"]]


def _waiting(desk: _Desk) -> dict[tuple[str, ...], list[datetime]]:
    """Since when messages wait, by who decides about them."""
    found: dict[tuple[str, ...], list[datetime]] = defaultdict(list)
    for held in desk.open_holds:
        rows = notified.of_message(desk.connection, held.seq)
        found[_deciding(desk, rows)].append(held.received)
    return found


def _after(start: datetime, seconds: float) -> datetime | None:
    try:
        return start + timedelta(seconds=seconds)
    except OverflowError:  # a limit of a thousand years means that a person shall decide
        return None

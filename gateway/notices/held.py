"""What is told of held messages, and to whom: that they wait, that nobody decided, that they came back.

A mail server may split a message by recipient into several transactions. Each is held by itself, but reviewers decide
about all of them together, so one letter tells of them all. Where one was told of, it speaks for the others. What is
to be told waits a moment (`SPLIT`), until the other transactions are here.

A rule that is set wrongly does not send a thousand letters: where more than `MOST_LETTERS` messages are to be told to
the same people, they are one letter; and once there were `OFTEN` letters within an hour, more messages are collected
(`COLLECTED`) and told in one.

Promises: as `plan` does; each open hold is told or spoken for within `COLLECTED`, whatever comes meanwhile.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from gateway.catalog import holds, notified
from gateway.catalog.holds import OVERDUE, RETURNED, Held
from gateway.catalog.rows import FindingRow
from gateway.config import Action
from gateway.notices.desk import REVIEWERS, Desk, pairs
from gateway.notices.told import (
    MOST_LISTED,
    Brief,
    CameBack,
    Case,
    Escalated,
    HeldBody,
    HeldMessage,
    Kind,
    Notice,
    Pairs,
    ReleasedUnseen,
    Several,
    Waiting,
    authors,
    listing,
)
from gateway.notices.wording import NAME_LIMIT, shown
from gateway.policy.rules.identity import FOR_IT
from gateway.policy.wording import series

# What held messages were told as.
HELD = "held"
CAME_BACK = "returned"
UNSEEN = "released-unseen"
_ESCALATED = "escalated-"

SPLIT = timedelta(seconds=5)  # other transactions of a message may be on their way: servers send them at once
_LONGEST = timedelta(minutes=1)  # who sends the same message without end does not put its letter off
MOST_LETTERS = 5  # to the same people at once; more are one letter
OFTEN = 10  # letters about held messages in an hour, from which on they are collected
COLLECTED = timedelta(minutes=10)
_ASKING = frozenset({Action.NOTIFY, Action.HOLD, Action.REJECT})


@dataclass(frozen=True, slots=True)
class _Message:
    """One message with those of its transactions that are told of together."""

    about: Pairs
    parts: tuple[Held, ...]  # the oldest first
    findings: tuple[FindingRow, ...]  # that hold, about any of them

    @property
    def asking(self) -> list[FindingRow]:
        """The findings that its reviewers are told of; of a possible forgery, IT is."""
        return [
            finding
            for finding in self.findings
            if finding["action"] in _ASKING and FOR_IT not in finding["marks"]
        ]

    @property
    def recipients(self) -> int:
        return sum(part.recipients for part in self.parts)


def waiting(desk: Desk) -> Iterator[Notice]:
    """Messages that wait for a person; the letter tells their findings to the reviewers as well."""

    def body(message: _Message) -> HeldBody:
        until = _after(message.parts[0].received, desk.settings.hold.limit)
        return Waiting(_facts(desk, message), until, desk.settings.hold.then)

    subjects = {(held.id, HELD): held for held in desk.open_holds if held.state == holds.HELD}
    messages = [
        _Message((*each.about, *pairs(each.asking, REVIEWERS)), each.parts, each.findings)
        for each in _untold(desk, subjects, lambda held: held.received)
    ]
    return _letters(desk, Kind.HELD, Case.WAITING, _by_deciding(desk, messages), body)


def awaited(desk: Desk) -> set[str]:
    """The findings, as ids, that letters about held messages tell or are about to tell to the reviewers."""
    subjects = {(held.id, HELD): held for held in desk.open_holds if held.state == holds.HELD}
    new = desk.untold(subjects)
    groups = [group for group in _by_message(subjects) if all(pair in new for pair, _ in group)]
    return {finding["id"] for message in _messages(desk, groups) for finding in message.asking}


def escalated(desk: Desk) -> Iterator[Notice]:
    """Messages about which nobody decided, to those above the reviewers, each time."""

    def body(message: _Message) -> HeldBody:
        times = max(part.escalations for part in message.parts)
        came_back = any(part.state == RETURNED for part in message.parts)
        return Escalated(_facts(desk, message), times, came_back, desk.settings.hold.limit)

    subjects = {
        (held.id, f"{_ESCALATED}{held.escalations}"): held for held in desk.open_holds if held.escalations
    }
    above: dict[tuple[str, ...], list[_Message]] = defaultdict(list)
    for message in _untold(desk, subjects, lambda held: held.escalated_at or held.received):
        above[desk.audience.escalated(message.findings)].append(message)
    return _letters(desk, Kind.OVERDUE, Case.ESCALATED, above, body)


def released_unseen(desk: Desk) -> Iterator[Notice]:
    """Messages that went on because nobody decided."""

    def body(message: _Message) -> HeldBody:
        released = min(part.decided_at or part.received for part in message.parts)
        return ReleasedUnseen(_facts(desk, message), released, desk.settings.hold.limit)

    gone = holds.decided_by(desk.connection, OVERDUE, since=desk.since)
    subjects = {(held.id, UNSEEN): held for held in gone}
    # The same message, sent once more on another day, is told once more: nothing speaks for it.
    new = desk.untold(subjects)
    subjects = {pair: held for pair, held in subjects.items() if pair in new}
    messages = _untold(desk, subjects, lambda held: held.decided_at or held.received)
    return _letters(desk, Kind.OVERDUE, Case.RELEASED, _by_deciding(desk, messages), body)


def returned(desk: Desk) -> Iterator[Notice]:
    """Released messages that cannot be delivered, each time: the subject holds the decision that sent them out."""

    def body(message: _Message) -> HeldBody:
        reply = next((part.reply for part in message.parts if part.reply), "")
        undelivered = sum(len(part.undelivered) for part in message.parts)
        return CameBack(_facts(desk, message), undelivered, shown(reply, 1000))

    subjects = {
        (f"{held.id} {decided.astimezone(UTC).isoformat()}", CAME_BACK): held
        for held in desk.open_holds
        if held.state == RETURNED and (decided := held.decided_at) is not None
    }
    # Those that come back later were sent to other recipients, so they are told by themselves.
    new = desk.untold(subjects)
    subjects = {pair: held for pair, held in subjects.items() if pair in new}
    messages = _untold(desk, subjects, lambda held: held.decided_at or held.received)
    return _letters(desk, Kind.RETURNED, Case.RETURNED, _by_deciding(desk, messages), body)


def waiting_since(desk: Desk) -> dict[tuple[str, ...], list[datetime]]:
    """Since when messages wait, by who decides about them."""
    subjects = {(held.id, ""): held for held in desk.open_holds}
    messages = _messages(desk, _by_message(subjects))
    return {
        recipients: [message.parts[0].received for message in group]
        for recipients, group in _by_deciding(desk, messages).items()
    }


# --- messages ----------------------------------------------------------------------------------------------

_Group = list[tuple[tuple[str, str], Held]]  # subjects and the transactions they are about


def _by_message(subjects: Mapping[tuple[str, str], Held]) -> list[_Group]:
    """The transactions of each message, as `holds.of_same_message` knows them."""
    found: dict[str, _Group] = defaultdict(list)
    for pair, held in subjects.items():
        found[held.content_id or held.id].append((pair, held))
    return list(found.values())


def _untold(
    desk: Desk, subjects: Mapping[tuple[str, str], Held], moment: Callable[[Held], datetime]
) -> list[_Message]:
    """The messages of which nobody was told, once all their transactions are here. `moment`: since when it is due."""
    new = desk.untold(subjects)
    groups = [
        group
        for group in _by_message(subjects)
        if all(pair in new for pair, _ in group) and _complete([moment(held) for _, held in group], desk.now)
    ]
    return _messages(desk, groups)


def _complete(moments: Sequence[datetime], now: datetime) -> bool:
    return now - max(moments) >= SPLIT or now - min(moments) >= _LONGEST


def _messages(desk: Desk, groups: Sequence[_Group]) -> list[_Message]:
    """Messages with what holds of them."""
    rows = notified.of_messages(desk.connection, (held.seq for group in groups for _, held in group))
    found = []
    for group in groups:
        oldest_first = sorted(group, key=lambda each: (each[1].received, each[1].seq))
        parts = tuple(held for _, held in oldest_first)
        findings = {row["id"]: row for held in parts for row in rows[held.seq]}
        found.append(_Message(tuple(pair for pair, _ in oldest_first), parts, tuple(findings.values())))
    return found


def _by_deciding(desk: Desk, messages: Iterable[_Message]) -> dict[tuple[str, ...], list[_Message]]:
    """Messages by who decides: whoever is told of what asks for it, but nobody whom any finding is about."""
    found: dict[tuple[str, ...], list[_Message]] = defaultdict(list)
    for message in messages:
        found[desk.audience.of(message.asking, apart_from=message.findings)].append(message)
    return found


# --- letters -----------------------------------------------------------------------------------------------


def _letters(
    desk: Desk,
    kind: Kind,
    case: Case,
    messages: Mapping[tuple[str, ...], list[_Message]],
    body: Callable[[_Message], HeldBody],
) -> Iterator[Notice]:
    """One letter about each message, or one about all where they are many."""
    often = bool(messages) and _written(desk) >= OFTEN
    for recipients, group in messages.items():
        if often and not _collected(desk, group):
            continue
        if len(group) > (1 if often else MOST_LETTERS):
            # A finding may be about several of the messages.
            about = tuple(dict.fromkeys(pair for message in group for pair in message.about))
            yield Notice(kind, recipients, about, _several(desk, case, group))
        else:
            yield from (Notice(kind, recipients, each.about, body(each)) for each in group)


def _written(desk: Desk) -> int:
    """How many letters about held messages were written in the last hour."""
    told_as = (HELD, CAME_BACK, UNSEEN, f"{_ESCALATED}*")
    return notified.letters(desk.connection, *told_as, since=desk.now - timedelta(hours=1))


def _collected(desk: Desk, group: Sequence[_Message]) -> bool:
    """Whether the first of some messages has waited long enough for others that go into the same letter."""
    longest = timedelta(seconds=min(desk.settings.hold.limit / 4, COLLECTED.total_seconds()))
    due = min(_due(part) for message in group for part in message.parts)
    return desk.now - due >= longest


def _due(held: Held) -> datetime:
    """Since when there is something to tell of a hold."""
    return max(filter(None, (held.received, held.escalated_at, held.decided_at)))


def _facts(desk: Desk, message: _Message) -> HeldMessage:
    first, asking = message.parts[0], message.asking
    return HeldMessage(
        first.id,
        first.received,
        authors(asking),
        message.recipients,
        listing(asking, desk.audience),
        len(message.parts),
    )


def _several(desk: Desk, case: Case, messages: Sequence[_Message]) -> Several:
    oldest_first = sorted(messages, key=lambda each: (each.parts[0].received, each.parts[0].seq))
    hold, since = desk.settings.hold, oldest_first[0].parts[0].received
    return Several(
        case=case,
        count=len(messages),
        messages=tuple(_brief(message) for message in oldest_first[:MOST_LISTED]),
        more=max(len(messages) - MOST_LISTED, 0),
        since=since,
        until=_after(since, hold.limit),
        then=hold.then,
        limit=hold.limit,
    )


def _brief(message: _Message) -> Brief:
    first, asking = message.parts[0], message.asking
    rules = series(sorted({shown(finding["rule"], NAME_LIMIT) for finding in asking}))
    return Brief(first.id, first.received, authors(asking), message.recipients, len(message.parts), rules)


def _after(start: datetime, seconds: float) -> datetime | None:
    try:
        return start + timedelta(seconds=seconds)
    except OverflowError:  # a limit of a thousand years means that a person shall decide
        return None

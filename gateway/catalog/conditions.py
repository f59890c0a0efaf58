"""A query's syntax tree as SQL conditions on the catalog: the catalog's engine for `grammar`.

Every field of `grammar.FIELDS` has its condition here (a test compares). The SQL is SQLAlchemy's common
part, valid for SQLite and PostgreSQL; text is compared in its folded form, so that neither database's
own idea of case matters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from sqlalchemy import ColumnElement, Select, and_, not_, or_, select, true

from gateway.catalog.grammar import (
    AddressIs,
    And,
    DomainIs,
    Field,
    Node,
    Not,
    Pattern,
    Phrase,
    Text,
    Value,
)
from gateway.catalog.schema import finding_messages, findings, messages, participants
from gateway.catalog.whole import SUPERSEDED

Condition = ColumnElement[bool]

_FROM = ("from", "sender", "envelope_from")
_TO = ("to", "cc", "envelope_to")


def condition(node: Node, zone: tzinfo) -> Condition:
    """What a message must satisfy for `node`; days are days in `zone`."""
    match node:
        case And(nodes):
            return and_(true(), *(condition(each, zone) for each in nodes))
        case Not(inner):
            return not_(condition(inner, zone))
        case Text(phrase):
            return contains(messages.c.subject_words, phrase)
        case Field(name, value):
            return _FIELDS[name](value, zone)


def contains(column: ColumnElement[str], phrase: Phrase) -> Condition:
    """Whether a folded column holds the words side by side."""
    text = f" {' '.join(phrase.words)}{'' if phrase.prefix else ' '}"
    return column.contains(text, autoescape=True)


def has_message_id(text: str) -> Condition:
    """Whether a message's Message-ID is `text`, with or without its brackets."""
    column = messages.c.message_id
    return and_(column.is_not(None), column == text.removeprefix("<").removesuffix(">"))


def day_start(day: date, zone: tzinfo) -> datetime:
    """The first moment of a day in `zone`, in UTC."""
    return datetime.combine(day, time.min, zone).astimezone(UTC)


def _participant(kinds: tuple[str, ...]) -> Callable[[Value, tzinfo], Condition]:
    def build(value: Value, _zone: tzinfo) -> Condition:
        who = participants.c
        chosen = select(who.seq)
        if kinds:
            chosen = chosen.where(who.kind.in_(kinds))
        match value:
            case AddressIs(canonical):
                chosen = chosen.where(who.canonical == canonical)
            case DomainIs(domain):
                below = who.domain.endswith(f".{domain}", autoescape=True)
                chosen = chosen.where(or_(who.domain == domain, below))
            case Phrase():
                chosen = chosen.where(contains(who.words, value))
            case _:
                raise TypeError(f"no participant condition for {value!r}")
        return messages.c.seq.in_(chosen)

    return build


def matches(column: ColumnElement[str], value: Value) -> Condition:
    """An identifier, or the beginning of one."""
    assert isinstance(value, Pattern)
    return column.startswith(value.text, autoescape=True) if value.prefix else column == value.text


def _subject(value: Value, _zone: tzinfo) -> Condition:
    assert isinstance(value, Phrase)
    return contains(messages.c.subject_words, value)


def _with_findings(*wanted: Condition) -> Condition:
    chosen: Select[tuple[int]] = (
        select(finding_messages.c.seq)
        .join(findings, findings.c.id == finding_messages.c.finding_id)
        .where(findings.c.status != SUPERSEDED, *wanted)
    )
    return messages.c.seq.in_(chosen)


def _outcome(value: Value, _zone: tzinfo) -> Condition:
    assert isinstance(value, Pattern)
    none_yet = messages.c.outcome.is_(None)
    # Both sides say so of null, or a negation would drop the messages without an outcome.
    return none_yet if value.text == "pending" else and_(not_(none_yet), messages.c.outcome == value.text)


def _has(value: Value, _zone: tzinfo) -> Condition:
    assert isinstance(value, Pattern)
    return {
        "finding": _with_findings(),
        "attachment": messages.c.attachment_count > 0,
        "defect": messages.c.defect_count > 0,
    }[value.text]


def _id(value: Value, _zone: tzinfo) -> Condition:
    assert isinstance(value, Pattern)
    return or_(messages.c.id == value.text, has_message_id(value.text))


def _after(value: Value, zone: tzinfo) -> Condition:
    assert isinstance(value, date)
    return messages.c.received >= day_start(value, zone)


def _before(value: Value, zone: tzinfo) -> Condition:
    assert isinstance(value, date)
    return messages.c.received < day_start(value, zone)


def _on(value: Value, zone: tzinfo) -> Condition:
    assert isinstance(value, date)
    return and_(_after(value, zone), _before(value + timedelta(days=1), zone))


_FIELDS: Mapping[str, Callable[[Value, tzinfo], Condition]] = {
    "from": _participant(_FROM),
    "to": _participant(_TO),
    "cc": _participant(("cc",)),
    "with": _participant(()),
    "subject": _subject,
    "rule": lambda value, _zone: _with_findings(matches(findings.c.rule, value)),
    "severity": lambda value, _zone: _with_findings(matches(findings.c.severity, value)),
    "outcome": _outcome,
    "role": lambda value, _zone: matches(messages.c.role, value),
    "listener": lambda value, _zone: matches(messages.c.listener, value),
    "after": _after,
    "before": _before,
    "on": _on,
    "has": _has,
    "id": _id,
}

"""What is judged and what comes of it: transactions in, findings and verdicts out.

Promises: immutable; `to_json` gives plain JSON values and `from_json` is its inverse; the same message,
people, rule and author always give the same finding id, so that a message seen in several SMTP
transactions, or judged again by a rebuild, revises its findings and never doubles them.

Findings name people and addresses, because reviewers need them; they are never to be logged.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from gateway.config import Action, Severity
from gateway.message.authentication import Authentication
from gateway.message.headers import Buffer
from gateway.message.reading import Reading


class Confidence(StrEnum):
    """How sure a finding is, surest first (policy.md: Identification)."""

    CERTAIN = "certain"
    STRONG = "strong"
    LIKELY = "likely"
    POSSIBLE = "possible"


_SUREST_FIRST = tuple(Confidence)


def weakest(*confidences: Confidence) -> Confidence:
    """The least sure of some: a chain of evidence is as strong as its weakest link."""
    return max(confidences, key=_SUREST_FIRST.index)


def surest(*confidences: Confidence) -> Confidence:
    """The surest of some."""
    return min(confidences, key=_SUREST_FIRST.index)


@dataclass(frozen=True, slots=True)
class Transaction:
    """One SMTP transaction as the rules see it."""

    reading: Reading
    mail_from: str  # "" is the null sender
    recipients: tuple[str, ...]  # every accepted RCPT TO, without angle brackets
    received: datetime  # aware
    content_id: str  # names the message, not the transaction: joins split transactions
    authentication: Authentication | None = (
        None  # None: not asked for, as for mail of the district's own servers
    )
    thread: frozenset[str] = (
        frozenset()
    )  # canonical addresses that took part in the messages this one answers
    raw: Buffer = field(default=b"", repr=False, compare=False)  # the whole message, for what it quotes


@dataclass(frozen=True, slots=True)
class Involved:
    """Somebody in a finding, and why they are taken for that person."""

    person_id: str | None
    name: str
    role: str
    address: str
    why: str

    def to_json(self) -> dict[str, Any]:
        return {
            "person_id": self.person_id,
            "name": self.name,
            "role": self.role,
            "address": self.address,
            "why": self.why,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Involved:
        """The inverse of `to_json`. Raises KeyError where a key is missing."""
        return cls(data["person_id"], data["name"], data["role"], data["address"], data["why"])


def finding_id(rule: str, content_id: str, author_id: str) -> str:
    """24 hex digits that name one rule's finding about one author of one message, today and in a rebuild."""
    text = "\0".join((rule, content_id, author_id))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:24]


@dataclass(frozen=True, slots=True)
class Finding:
    """What one rule says about one author of one message."""

    id: str
    rule: str
    severity: Severity
    confidence: Confidence
    author: Involved
    people: tuple[Involved, ...]
    groups: tuple[str, ...]  # group ids
    sentence: str  # of the policy, word for word
    explanation: str  # one paragraph for a principal
    action: Action
    message_id: str | None
    directory_version: str
    rules_version: str
    marks: tuple[str, ...] = ()  # what the sender declared: "emergency-declared", "privacy-medical" ...

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "rule": self.rule,
            "severity": self.severity.value,
            "confidence": self.confidence.value,
            "author": self.author.to_json(),
            "people": [person.to_json() for person in self.people],
            "groups": list(self.groups),
            "sentence": self.sentence,
            "explanation": self.explanation,
            "action": self.action.value,
            "message_id": self.message_id,
            "directory_version": self.directory_version,
            "rules_version": self.rules_version,
            "marks": list(self.marks),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Finding:
        """The inverse of `to_json`. Raises KeyError or ValueError if it is not a finding."""
        return cls(
            id=data["id"],
            rule=data["rule"],
            severity=Severity(data["severity"]),
            confidence=Confidence(data["confidence"]),
            author=Involved.from_json(data["author"]),
            people=tuple(Involved.from_json(person) for person in data["people"]),
            groups=tuple(data["groups"]),
            sentence=data["sentence"],
            explanation=data["explanation"],
            action=Action(data["action"]),
            message_id=data["message_id"],
            directory_version=data["directory_version"],
            rules_version=data["rules_version"],
            marks=tuple(data.get("marks", ())),
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rules together say about one message, and what is to be done with it."""

    findings: tuple[Finding, ...]
    action: Action  # the strongest of all findings
    tag: str | None  # value of X-District-Policy where a finding asks for a tag
    reject: str | None  # the sentence after 550 5.7.1, where the action is reject
    errors: tuple[str, ...]  # ids of rules that failed; "engine" where the message could not be judged
    rules_version: str
    directory_version: str
    not_judged: str | None  # "null sender", "auto-submitted", "outside list"
    by_staff: bool = False  # whether an author is taken for somebody on the staff

    def to_json(self) -> dict[str, Any]:
        return {
            "findings": [finding.to_json() for finding in self.findings],
            "action": self.action.value,
            "tag": self.tag,
            "reject": self.reject,
            "errors": list(self.errors),
            "rules_version": self.rules_version,
            "directory_version": self.directory_version,
            "not_judged": self.not_judged,
            "by_staff": self.by_staff,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Verdict:
        """The inverse of `to_json`. Raises KeyError or ValueError if it is not a verdict."""
        return cls(
            findings=tuple(Finding.from_json(finding) for finding in data["findings"]),
            action=Action(data["action"]),
            tag=data["tag"],
            reject=data["reject"],
            errors=tuple(data["errors"]),
            rules_version=data["rules_version"],
            directory_version=data["directory_version"],
            not_judged=data["not_judged"],
            by_staff=data.get("by_staff", False),
        )

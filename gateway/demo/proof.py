"""Holds the gateway to its word: what was sent is compared with what was delivered, archived and found.

Pure comparisons; each answers with sentences about what is wrong, and with none where all is well.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.demo.letter import LABELLED_RULES
from gateway.demo.maildir import Delivery
from gateway.demo.sending import Fate, Sent

_MESSAGE_ID = re.compile(rb"^Message-ID:[ \t]*(<[^>\r\n]*>)", re.IGNORECASE | re.MULTILINE)
# A header field with its folded lines, of those that the gateway may put above a message.
_OWN_FIELD = re.compile(rb"(?:Received|X-District-Policy):[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*")


@dataclass(frozen=True, slots=True)
class Record:
    """A message in the archive."""

    seq: int
    sha256: str
    recipients: tuple[str, ...]
    intact: bool  # its bytes were read back and are those of the digest


@dataclass(frozen=True, slots=True)
class Flag:
    """A finding, as `mailgw findings --json` tells it."""

    rule: str
    author: str | None  # person id
    message_id: str


@dataclass(frozen=True, slots=True)
class Score:
    """How the findings of one rule compare with the labels."""

    rule: str
    expected: int
    found: int
    right: int

    @property
    def precision(self) -> float:
        """Share of the findings that are labelled; 1.0 where nothing was found."""
        return self.right / self.found if self.found else 1.0

    @property
    def recall(self) -> float:
        """Share of the labels that were found; 1.0 where there are none."""
        return self.right / self.expected if self.expected else 1.0


def replies(sent: Iterable[Sent]) -> Iterator[str]:
    """What the senders heard: everybody taken, but for those whom the next hop does not know."""
    for one in sent:
        wrong: defaultdict[str, list[str]] = defaultdict(list)
        for outcome in one.outcomes:
            wanted = Fate.REFUSED if outcome.recipient in one.message.refused else Fate.ACCEPTED
            if outcome.fate != wanted:
                wrong[f"{outcome.fate}: {outcome.reply}"].append(outcome.recipient)
        for what, (first, *others) in wrong.items():
            yield f"{_of(one)}: {first}{f' and {len(others)} more' if others else ''} {what}"


def delivered(sent: Iterable[Sent], deliveries: Iterable[Delivery]) -> Iterator[str]:
    """For each accepted recipient a delivery, unchanged below the gateway's own header lines."""
    by_id: defaultdict[str, list[Delivery]] = defaultdict(list)
    for delivery in deliveries:
        found = _MESSAGE_ID.search(delivery.content)
        by_id[found[1].decode("latin-1") if found else ""].append(delivery)
    for one in sent:
        reached: set[str] = set()
        for delivery in by_id[one.message.message_id]:
            if unchanged(delivery.content, one.message.raw):
                reached.update(delivery.recipients)
            else:
                yield f"{_of(one)}: delivered, but not byte for byte as sent"
        for recipient in one.recipients(Fate.ACCEPTED):
            if recipient not in reached:
                yield f"{_of(one)}: accepted for {recipient}, but not delivered as sent"


def unchanged(content: bytes, raw: bytes) -> bool:
    """Whether `content` is `raw` below nothing but the gateway's header lines, of which there is one at least."""
    if not content.endswith(raw):
        return False
    return re.fullmatch(b"(?:" + _OWN_FIELD.pattern + b")+", content[: len(content) - len(raw)]) is not None


def archived(sent: Iterable[Sent], records: Iterable[Record]) -> Iterator[str]:
    """For each accepted recipient an intact record of exactly the bytes sent."""
    reached: defaultdict[str, set[str]] = defaultdict(set)
    for record in records:
        if record.intact:
            reached[record.sha256].update(record.recipients)
        else:
            yield f"archive entry {record.seq}: its bytes are not those of its digest"
    for one in sent:
        for recipient in one.recipients(Fate.ACCEPTED):
            if recipient not in reached[one.message.sha256]:
                yield f"{_of(one)}: delivered to {recipient}, but not archived as sent"


def flag(finding: Mapping[str, Any]) -> Flag:
    """A finding's line of JSON. Raises KeyError or TypeError where a field is missing."""
    author = finding["author"]
    return Flag(finding["rule"], author.get("person_id"), _bare(finding["message_id"] or ""))


def score(sent: Sequence[Sent], flags: Iterable[Flag]) -> tuple[tuple[Score, ...], tuple[str, ...]]:
    """Findings against labels, rule by rule, and a sentence for each difference.

    Only rules that the demo labels count. A finding that is listed twice is wrong the second time: findings are
    revised, never doubled. A message that nobody was to get (all recipients refused) is never judged.
    """
    expected = Counter(
        Flag(label.rule, label.author, _bare(one.message.message_id))
        for one in sent
        if one.recipients(Fate.ACCEPTED)
        for label in one.message.expected
    )
    found = Counter(each for each in flags if each.rule in LABELLED_RULES)
    right = expected & found
    scores = tuple(
        Score(
            rule, *(sum(n for each, n in of.items() if each.rule == rule) for of in (expected, found, right))
        )
        for rule in LABELLED_RULES
    )
    names = {_bare(one.message.message_id): _of(one) for one in sent}
    unknown = "a message that was not sent"
    differences = [
        *(f"missed: {each.rule} in {names[each.message_id]}" for each in (expected - found).elements()),
        *(
            f"too much: {each.rule} in {names.get(each.message_id, unknown)}"
            for each in (found - expected).elements()
        ),
    ]
    return scores, tuple(differences)


def _bare(message_id: str) -> str:
    return message_id.strip().removeprefix("<").removesuffix(">")


def _of(one: Sent) -> str:
    return f"{one.message.scenario} {one.message.message_id}"

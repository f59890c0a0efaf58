"""The demo's day of mail: the same for the same seed, valid on the wire, and labelled for every rule."""

from __future__ import annotations

import email
import email.policy
from collections import Counter
from collections.abc import Iterable

import pytest

from gateway.demo.district import District
from gateway.demo.founding import found
from gateway.demo.letter import LABELLED_RULES, Entry, Message
from gateway.demo.mail import FINDINGS, NEAR_MISSES, day
from gateway.demo.ordinary import ORDINARY
from gateway.demo.stage import Scenario, is_district


def test_same_seed_same_mail(district: District, mail: tuple[Message, ...], seed: int) -> None:
    assert day(district, seed, 400) == mail
    assert day(district, seed + 1, 400) != mail


@pytest.mark.parametrize("count", [0, 1, 70, 150, 401, 700])
def test_count(district: District, seed: int, count: int) -> None:
    """Never fewer than the scenarios that matter need."""
    messages = day(district, seed, count)
    scenarios = Counter(message.scenario for message in messages)
    assert len(messages) == count or (len(messages) > count and not scenarios.keys() & _names(ORDINARY))
    assert _names(FINDINGS) | _names(NEAR_MISSES) <= scenarios.keys()


def test_whole_day_plays_everything(mail: tuple[Message, ...]) -> None:
    assert {message.scenario for message in mail} == _names(FINDINGS) | _names(NEAR_MISSES) | _names(ORDINARY)
    assert [message.at for message in mail] == sorted(message.at for message in mail)
    assert len({message.message_id for message in mail}) == len(mail)


def _names(scenarios: Iterable[Scenario]) -> set[str]:
    return {scenario.__name__.replace("_", "-") for scenario in scenarios}


def test_wire_format(mail: tuple[Message, ...]) -> None:
    """RFC 5322 §2.1: lines end with CRLF and have 998 octets at most; no NUL."""
    for message in mail:
        assert message.raw.endswith(b"\r\n")
        for line in message.raw.split(b"\r\n"):
            assert len(line) <= 998, message.scenario
        assert b"\0" not in message.raw
        assert message.raw.count(b"\n") == message.raw.count(b"\r") == message.raw.count(b"\r\n")


def test_headers_are_ascii_unless_smtputf8(mail: tuple[Message, ...]) -> None:
    for message in mail:
        head = message.raw.partition(b"\r\n\r\n")[0]
        assert head.isascii() is not message.smtputf8, message.scenario


def test_mail_can_be_read(mail: tuple[Message, ...]) -> None:
    """The standard library's strict parser finds no defect, and the subject that was meant."""
    for message in mail:
        if len(message.raw) > 100_000:
            continue
        parsed = email.message_from_bytes(message.raw, policy=email.policy.SMTPUTF8)
        assert parsed["Subject"] == message.subject
        assert parsed["Message-ID"] == message.message_id
        for part in parsed.walk():
            assert not part.defects, (message.scenario, part.defects)


def test_envelope(mail: tuple[Message, ...]) -> None:
    """From the internet come recipients of the district only; each recipient once."""
    for message in mail:
        assert message.recipients
        assert len(set(message.recipients)) == len(message.recipients)
        assert message.refused <= set(message.recipients)
        if message.entry == Entry.INBOUND:
            assert all(map(is_district, message.recipients))
            assert not is_district(message.mail_from)


def test_recipients_exist_unless_refused(district: District, mail: tuple[Message, ...]) -> None:
    for message in mail:
        for recipient in filter(is_district, message.recipients):
            known = recipient.lower() in district.mailboxes
            assert known is (recipient not in message.refused), (message.scenario, recipient)


def test_variety(mail: tuple[Message, ...]) -> None:
    assert any(not message.mail_from for message in mail), "bounces"
    assert any(message.smtputf8 for message in mail), "UTF-8 addresses"
    assert any(message.eight_bit and not message.smtputf8 for message in mail), "8-bit bodies"
    assert any(message.refused for message in mail), "unknown recipients"
    assert any(len(message.raw) > 1_000_000 for message in mail), "big attachments"
    assert any(b"multipart/alternative" in message.raw for message in mail), "HTML"
    assert any(b"\r\nIn-Reply-To:" in message.raw for message in mail), "threads"
    both = [m for m in mail if len({is_district(recipient) for recipient in m.recipients}) == 2]
    assert both, "messages for two next hops"


def test_labels(district: District, mail: tuple[Message, ...]) -> None:
    """Every rule has several; findings come from scenarios with findings only, and name staff."""
    labels = Counter(label.rule for message in mail for label in message.expected)
    assert set(labels) == set(LABELLED_RULES)
    assert min(labels.values()) >= 3
    for message in mail:
        if message.expected:
            assert message.scenario in _names(FINDINGS)
            assert all(district.people[label.author].job for label in message.expected)
    labelled = {message.scenario for message in mail if message.expected}
    assert labelled == _names(FINDINGS)


@pytest.mark.parametrize("other", [1, 2, 3, 4, 5])
def test_labels_do_not_depend_on_the_seed(district: District, seed: int, other: int) -> None:
    """Whoever plays it, a scenario means the same."""
    assert _meaning(day(found(other, district.day), other, 0)) == _meaning(day(district, seed, 0))


def _meaning(messages: Iterable[Message]) -> list[tuple[str, list[str]]]:
    return sorted(
        (message.scenario, sorted(label.rule for label in message.expected)) for message in messages
    )

"""Where scenarios are played: gives them people, a clock and pen and paper.

A scenario is a function that takes the stage and returns its messages with what is expected of them. The
stage knows how mail passes: staff and students write through the district's own mail server, which hands all
of it to the gateway's outbound listener; everybody else comes in through the inbound listener, with the
district's recipients only in the envelope.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from itertools import count
from zoneinfo import ZoneInfo

from gateway.demo.cast import Cast
from gateway.demo.district import DOMAIN, STUDENT_DOMAIN, District, Person
from gateway.demo.letter import Attachment, Entry, Label, Letter, Message, Party, compose, wrap

ZONE = ZoneInfo("America/New_York")
# Share of the day's mail by hour, from six in the morning: lessons, then practice, then the family evening.
_HOURS = dict(enumerate((2, 7, 12, 9, 8, 8, 7, 8, 11, 10, 6, 4, 4, 5, 4, 2), start=6))
_PROGRAMS = (
    ("User-Agent", "Mozilla Thunderbird"),
    ("X-Mailer", "Microsoft Outlook 16.0"),
    ("X-Mailer", "iPhone Mail (21F90)"),
    ("X-Mailer", "Apple Mail (2.3774.600.62)"),
    ("User-Agent", "SchoolMail Web 4.2"),
)


Who = Person | Party


@dataclass(frozen=True)
class Stage:
    """Everything a scenario needs."""

    district: District
    rng: random.Random
    cast: Cast
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def moment(self) -> datetime:
        """Some time of the day, likelier when mail is written."""
        hour = self.rng.choices(list(_HOURS), list(_HOURS.values()))[0]
        clock = time(hour, self.rng.randrange(60), self.rng.randrange(60))
        return datetime.combine(self.district.day, clock, ZONE)

    def send(
        self,
        author: Who,
        to: Sequence[Who],
        subject: str,
        text: str,
        *,
        cc: Sequence[Who] = (),
        bcc: Sequence[Who] = (),
        account: str = "",
        answers: Message | None = None,
        expect: Sequence[str] = (),
        attachments: Sequence[Attachment] = (),
        headers: Sequence[tuple[str, str]] = (),
        html: bool = False,
        encoding: str = "quoted-printable",
        charset: str = "utf-8",
        smtputf8: bool = False,
        mail_from: str | None = None,
        refused: Sequence[Who] = (),
    ) -> Message:
        """One message. `account` is the address written from, if not the author's own; `expect` names rules.

        `mail_from` is the envelope's sender where it differs from the author ("" is the null sender).
        The scenario's name is put in by `play`.
        """
        sender = Party(author.name, account) if account else as_party(author)
        outbound = is_district(sender.address)
        at = answers.at + timedelta(minutes=self.rng.randrange(4, 95)) if answers else self.moment()
        domain = sender.address.rpartition("@")[2]
        letter = Letter(
            message_id=self._message_id(domain),
            at=at,
            author=sender,
            to=tuple(map(as_party, to)),
            cc=tuple(map(as_party, cc)),
            subject=subject,
            text=wrap(text),
            html=html,
            attachments=tuple(attachments),
            references=(answers.message_id,) if answers else (),
            headers=(*headers, _PROGRAMS[sum(sender.address.encode()) % len(_PROGRAMS)]),
            trace=() if outbound else self._trace(domain, at),
            charset=charset,
            encoding=encoding,
            utf8_headers=smtputf8,
        )
        envelope = dict.fromkeys(as_party(who).address for who in (*to, *cc, *bcc))
        return Message(
            scenario="",
            message_id=letter.message_id,
            subject=subject,
            at=at,
            entry=Entry.OUTBOUND if outbound else Entry.INBOUND,
            mail_from=sender.address if mail_from is None else mail_from,
            recipients=tuple(address for address in envelope if outbound or is_district(address)),
            raw=compose(letter),
            expected=tuple(Label(rule, author.id) for rule in expect) if isinstance(author, Person) else (),
            refused=frozenset(as_party(who).address for who in refused),
            smtputf8=smtputf8,
        )

    def _message_id(self, domain: str) -> str:
        ascii_domain = domain.encode("idna").decode()
        return f"<{self.rng.getrandbits(60):015x}.{next(self.numbers):04}@{ascii_domain}>"

    def _trace(self, domain: str, at: datetime) -> tuple[tuple[str, str], ...]:
        """What the way through the internet left on top of a message: signature, check, hop."""
        name = domain.encode("idna").decode()
        stamp = at.strftime("%a, %d %b %Y %H:%M:%S %z")
        signature = f"{self.rng.getrandbits(240):060x}"
        return (
            (
                "Authentication-Results",
                f"edge.{DOMAIN};\r\n dkim=pass header.d={name}; dmarc=pass header.from={name}",
            ),
            (
                "Received",
                f"from out{self.rng.randrange(1, 9)}.{name} (out.{name} [203.0.113.{self.rng.randrange(2, 250)}])\r\n"
                f" by edge.{DOMAIN} with ESMTPS id {self.rng.getrandbits(40):010x};\r\n {stamp}",
            ),
            (
                "DKIM-Signature",
                f"v=1; a=rsa-sha256; c=relaxed/relaxed; d={name}; s=mail;\r\n h=from:to:subject:date:message-id;"
                f"\r\n b={signature[:30]}\r\n {signature[30:]}",
            ),
        )

    def pdf(self, name: str, size: int) -> Attachment:
        """A PDF of about `size` bytes; its pages are noise, as compressed pages are."""
        body = b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nstream\n" + self.rng.randbytes(size)
        return Attachment(name, "application/pdf", body + b"\nendstream\nendobj\n%%EOF\n")


Scenario = Callable[[Stage], list[Message]]


def play(scenario: Scenario, stage: Stage) -> list[Message]:
    """The scenario's messages, with its name on them."""
    name = scenario.__name__.replace("_", "-")
    return [replace(message, scenario=name) for message in scenario(stage)]


def as_party(who: Who) -> Party:
    return Party(who.name, who.email) if isinstance(who, Person) else who


def is_district(address: str) -> bool:
    return address.rpartition("@")[2] in (DOMAIN, STUDENT_DOMAIN)

"""A year of a district's mail, as many messages as are wanted, the same on every run.

Lifelike in what costs an index something: words by Zipf's law, header blocks of two kilobytes, HTML beside plain text,
quoted-printable and base64, replies that quote, threads, signatures, links with a number of their own, and one message
in twenty with a file. Messages come in blocks, each made from its own number, so that several processes can make them.
"""

from __future__ import annotations

import base64
import hashlib
import quopri
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from bench.directory import BENCH, DOMAIN, FAMILY, GIVEN
from bench.search.attachments import File, made
from bench.search.vocabulary import Vocabulary

SEED = 20260901
BLOCK = 1_000  # messages
BEGIN = datetime(2026, 9, 1, tzinfo=UTC)
YEAR = timedelta(days=365)
ATTACHED = 0.05  # of the messages
_OTHERS = ("Ziegler", "Yates", "Xiong", "Wozniak", "Vance", "Underhill", "Tran", "Quimby", "Okafor", "Larkin")
_OUTSIDE = ("mail.example", "inbox.example", "families.example", "vendor.example", "college.example")


@dataclass(frozen=True, slots=True)
class Letter:
    """A message with its envelope; `raw` with CRLF."""

    number: int
    received: datetime
    sender: str
    recipients: tuple[str, ...]
    raw: bytes


@dataclass(frozen=True, slots=True)
class _Person:
    name: str
    address: str


@dataclass(frozen=True, slots=True)
class _Said:
    """What a message says, for the ones that answer it."""

    id: str
    references: tuple[str, ...]
    author: _Person
    others: tuple[_Person, ...]
    subject: str
    text: str
    date: datetime


class Mail:
    """All of it, of `count` messages."""

    def __init__(self, count: int, seed: int = SEED) -> None:
        self.count = count
        self.vocabulary = Vocabulary(seed)
        self._seed = seed

    @property
    def blocks(self) -> int:
        return -(-self.count // BLOCK)

    def block(self, number: int) -> Iterator[Letter]:
        """The messages of one block, in the order of their receipt."""
        first = number * BLOCK
        composer = _Composer(random.Random(f"{self._seed} {number}"), self.vocabulary)
        for at in range(first, min(first + BLOCK, self.count)):
            yield composer.next(at, BEGIN + YEAR * at / self.count)

    def letters(self) -> Iterator[Letter]:
        """All of it in order."""
        for number in range(self.blocks):
            yield from self.block(number)


class _Composer:
    def __init__(self, chance: random.Random, vocabulary: Vocabulary) -> None:
        self._chance = chance
        self._sentences = vocabulary.sentences
        self._said: list[_Said] = []
        self._files: list[File] = []

    def next(self, number: int, now: datetime) -> Letter:
        said = self._say(number, now)
        body_type, body = self._body(said, number)
        received = now + timedelta(seconds=self._chance.uniform(1, 20))
        header = self._header(said, received, number)
        raw = f"{header}MIME-Version: 1.0\r\n{body_type}\r\n".encode() + body
        self._said = [*self._said[-60:], said]
        return Letter(number, received, said.author.address, tuple(each.address for each in said.others), raw)

    # --- what is said ---------------------------------------------------------------------------

    def _say(self, number: int, now: datetime) -> _Said:
        chance = self._chance
        before = chance.choice(self._said) if self._said and chance.random() < 0.45 else None
        if before is None:
            author, others = (
                self._person(),
                tuple(self._person() for _ in range(chance.choice((1, 1, 1, 2, 3, 8)))),
            )
            subject = " ".join(chance.choice(self._sentences).split()[: chance.randint(2, 8)]).rstrip(".,?!")
        else:
            author, others = before.others[0], (before.author, *before.others[1:])
            subject = before.subject if before.subject.startswith("Re: ") else f"Re: {before.subject}"
        token = hashlib.sha256(f"{chance.random()} {number}".encode()).hexdigest()[:24]
        id = f"<{token}@{author.address.partition('@')[2]}>"
        references = (*before.references, before.id)[-8:] if before else ()
        text = self._text(author, others[0], before, number)
        return _Said(id, references, author, others, subject, text, now)

    def _person(self) -> _Person:
        chance = self._chance
        kind = chance.choices(("staff", "student", "guardian", "outside"), (4, 3, 2, 2))[0]
        if kind == "outside":
            given, family = chance.choice(GIVEN), chance.choice(_OTHERS)
            return _Person(
                f"{given} {family}",
                f"{given}.{family}{chance.randrange(400)}@{chance.choice(_OUTSIDE)}".lower(),
            )
        number = chance.randrange(
            {"staff": BENCH.staff, "student": BENCH.students, "guardian": BENCH.guardians}[kind]
        )
        name = f"{GIVEN[number % len(GIVEN)]} {FAMILY[number // len(GIVEN) % len(FAMILY)]}"
        return _Person(name, f"{kind}{number}@{DOMAIN if kind != 'guardian' else 'mail.example'}")

    def _text(self, author: _Person, to: _Person, before: _Said | None, number: int) -> str:
        chance = self._chance
        paragraphs = [f"{chance.choice(('Hi', 'Hello', 'Dear', 'Good morning'))} {to.name.split()[0]},"]
        length = chance.choices((1, 2, 3, 6), (5, 6, 3, 1))[0]
        paragraphs += [
            " ".join(chance.choices(self._sentences, k=chance.randint(1, 5))) for _ in range(length)
        ]
        if chance.random() < 0.1:
            paragraphs.append(f"Your number is {chance.choice('ABCDEFGH')}{number:07d}.")
        paragraphs.append(f"{chance.choice(('Thanks', 'Best', 'Sincerely', 'Thank you'))},\n{author.name}")
        if chance.random() < 0.5:
            paragraphs.append(f"-- \n{author.name}\nDistrict Public Schools\n(508) 555-{number % 10_000:04d}")
        if before is not None:
            when = before.date.strftime("%a, %b %d, %Y at %I:%M %p")
            quoted = "\n".join(f"> {line}" for line in before.text.split("\n")[:120])
            paragraphs.append(f"On {when} {before.author.name} <{before.author.address}> wrote:\n\n{quoted}")
        return "\n\n".join(paragraphs)

    # --- how it is written ----------------------------------------------------------------------

    def _body(self, said: _Said, number: int) -> tuple[str, bytes]:
        """The field that tells the type, and what follows the header."""
        kind = self._chance.random()
        if kind < 0.3:
            type, body = self._part("plain", said.text)
        elif kind < 0.4:
            type, body = self._part("html", _html(said.text, number))
        else:
            parts = (self._part("plain", said.text), self._part("html", _html(said.text, number)))
            type, body = self._multipart("alternative", parts)
        if self._chance.random() < ATTACHED:
            type, body = self._multipart("mixed", ((type, body), _attached(self._file(number))))
        return type, body

    def _part(self, kind: str, text: str) -> tuple[str, bytes]:
        octets = text.replace("\n", "\r\n").encode()
        encoding = self._chance.choices(("7bit", "quoted-printable", "base64"), (3, 5, 2))[0]
        if encoding == "quoted-printable":
            octets = quopri.encodestring(octets.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")
        elif encoding == "base64":
            octets = base64.encodebytes(octets).replace(b"\n", b"\r\n")
        else:
            octets = _short(octets)
        return (
            f"Content-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n",
            octets,
        )

    def _multipart(self, kind: str, parts: Sequence[tuple[str, bytes]]) -> tuple[str, bytes]:
        mark = f"=_{self._chance.getrandbits(64):016x}"
        body = b"".join(f"--{mark}\r\n{type}\r\n".encode() + body + b"\r\n" for type, body in parts)
        return f'Content-Type: multipart/{kind}; boundary="{mark}"\r\n', body + f"--{mark}--\r\n".encode()

    def _file(self, number: int) -> File:
        """A new one, or one that went round already."""
        if self._files and self._chance.random() < 0.3:
            return self._chance.choice(self._files)
        name = "_".join(
            self._chance.choice(self._sentences).lower().rstrip(".?!").replace(",", "").split()[:3]
        )
        file = made(self._chance, self._sentences, f"{name.replace('/', '').replace(':', '')}_{number}")
        self._files.append(file)
        return file

    def _header(self, said: _Said, received: datetime, number: int) -> str:
        token = base64.b64encode(self._chance.randbytes(256)).decode()
        stamp = format_datetime(received)
        helo = said.author.address.partition("@")[2]
        folded = "\r\n\t".join(token[at : at + 72] for at in range(0, len(token), 72))
        fields = [
            f"Received: from mx1.{helo} (mx1.{helo} [192.0.2.{number % 250 + 1}])\r\n\tby in.{DOMAIN} with ESMTPS "
            f"id {number:x};\r\n\t{stamp}",
            f"Received: by mx1.{helo} with SMTP id {token[:14]}; {stamp}",
            f"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d={helo}; s=s1;\r\n\th=from:to:subject:date;"
            f"\r\n\tb={folded}",
            f"X-Received: by 2002:a05:{number % 9999:x} with SMTP id {token[20:40]}; {stamp}",
            f"From: {said.author.name} <{said.author.address}>",
            "To: " + ",\r\n ".join(f"{each.name} <{each.address}>" for each in said.others),
            f"Subject: {said.subject}",
            f"Date: {format_datetime(said.date)}",
            f"Message-ID: {said.id}",
            f"X-Mailer: Mailer {number % 40}.{number % 7}",
        ]
        if said.references:
            fields += [f"In-Reply-To: {said.references[-1]}", "References: " + "\r\n ".join(said.references)]
        return "".join(f"{field}\r\n" for field in fields)


def _html(text: str, number: int) -> str:
    paragraphs = "".join(
        f'<div style="margin:0 0 12px 0;font-family:Arial,sans-serif">{_escaped(each)}</div>\n'
        for each in text.split("\n\n")
    )
    link = (
        f'<p><a href="https://news.vendor.example/open?id={number * 7919:x}">View online</a></p>\n'
        if number % 5 == 0
        else ""
    )
    return (
        '<!DOCTYPE html><html><head><meta charset="utf-8"><style>p {margin: 0} .q {color: #777}</style></head>\n'
        f'<body dir="ltr">{paragraphs}{link}<img src="cid:logo" alt="District Public Schools"></body></html>'
    )


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\n", "<br>\n")


def _short(octets: bytes) -> bytes:
    """Lines as plain mail has them."""
    lines: list[bytes] = []
    for line in octets.split(b"\r\n"):
        rest = line
        while len(rest) > 76 and (place := rest.rfind(b" ", 20, 76)) > 0:
            lines.append(rest[:place])
            rest = rest[place + 1 :]
        lines.append(rest)
    return b"\r\n".join(lines)


def _attached(file: File) -> tuple[str, bytes]:
    fields = (
        f'Content-Type: {file.type}; name="{file.name}"\r\nContent-Transfer-Encoding: base64\r\n'
        f'Content-Disposition: attachment; filename="{file.name}"\r\n'
    )
    return fields, base64.encodebytes(file.content).replace(b"\n", b"\r\n")

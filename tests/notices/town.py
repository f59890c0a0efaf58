"""A district of two schools whose mail is judged by the real rules and catalogued by the real projection."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select

from gateway.archive import uuid7
from gateway.catalog.rows import Watermark
from gateway.catalog.schema import messages as rows
from gateway.catalog.sqlite import open_writer
from gateway.catalog.store import Store
from gateway.config import Config, load
from gateway.directory.importer import read_roster
from gateway.directory.snapshot import Directory
from gateway.indexer import projection
from gateway.message.authentication import Authentication
from gateway.message.canonical import domain_of
from gateway.message.envelope import Client, Envelope, Recipient
from gateway.notices.letters import Letter, write
from gateway.notices.plan import Plan, plan
from gateway.notices.record import record
from gateway.notices.told import Notice
from gateway.policy.engine import Engine
from gateway.policy.replay import transaction_of

ORGS = """\
sourcedId,name,type
high,Lincoln High,school
middle,Roosevelt Middle,school
"""
USERS = """\
sourcedId,role,givenName,familyName,email,orgSourcedIds
c1,teacher,Carla,Coach,carla@harbor.example,high
t1,teacher,Tim,Kay,tim@harbor.example,middle
t2,teacher,Ivo,Tech,ivo@harbor.example,high
t3,teacher,Ned,Home,ned@home.example,middle
t4,teacher,,,nameless@home.example,middle
a1,administrator,Pat,Kim,pat@harbor.example,high
a2,administrator,Rae,Lind,rae@harbor.example,middle
a3,administrator,Sue,Hall,sue@harbor.example,
s1,student,Ann,Lee,ann@harbor.example,high
s2,student,Bo,Fox,bo@harbor.example,high
s3,student,Cy,Day,cy@harbor.example,high
s4,student,Di,Ray,di@harbor.example,middle
"""
GROUPS = """\
group_id,name,kind,school,address
soccer,Varsity Soccer,team,high,
office,Front Office,organization,high,office@harbor.example
"""
MEMBERS = """\
group_id,user,role
soccer,c1,coach
soccer,s1,member
soccer,s2,member
soccer,s3,member
soccer,a1,administrator
office,a1,administrator
office,c1,member
"""
ACCOUNTS = """\
user,address,kind
t1,tim@kay.example,personal
c1,carla.coach@gmail.com,personal
"""
ROSTER = {
    "orgs": ORGS,
    "users": USERS,
    "groups": GROUPS,
    "group_members": MEMBERS,
    "accounts": ACCOUNTS,
}
CONFIG = """
hostname = "gateway.harbor.example"
[district]
name = "Harbor Point"
domains = ["harbor.example"]
[storage]
path = "data"
min_free = 0
[[listener]]
name = "outbound"
role = "outbound"
bind = ["127.0.0.1:0"]
networks = ["127.0.0.0/8"]
[[route]]
domains = ["*"]
next_hop = "127.0.0.1:1"
"""
REVIEWERS = '[notices]\nreviewers = ["pat@harbor.example", "rae@harbor.example"]\n'
PEOPLE = {
    "carla": ("c1", "Carla Coach", "carla@harbor.example"),
    "tim": ("t1", "Tim Kay", "tim@kay.example"),
    "ned": ("t3", "Ned Home", "ned@home.example"),
    "pat": ("a1", "Pat Kim", "pat@harbor.example"),
    "rae": ("a2", "Rae Lind", "rae@harbor.example"),
    "sue": ("a3", "Sue Hall", "sue@harbor.example"),
    "ann": ("s1", "Ann Lee", "ann@harbor.example"),
}


LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)  # whatever came later may be judged as a whole


@dataclass(frozen=True)
class Record:
    """One entry of an archive."""

    seq: int
    kind: str
    id: str
    subject_id: str
    received: datetime
    document: dict[str, Any]
    sha256: str | None = None
    size: int = 0


@dataclass
class Town:
    """A catalog, a roster and settings; whatever happens is written as the indexer writes it."""

    folder: Path
    settings: Config
    directory: Directory
    store: Store
    mark: Watermark
    ids: dict[str, int] = field(default_factory=dict)
    made: int = 0

    @classmethod
    def at(cls, folder: Path, more: str = REVIEWERS, **roster: str) -> Town:
        """`more` is TOML behind the configuration; `roster`: files with another text."""
        (folder / "gateway.toml").write_text(CONFIG + more, "utf-8")
        settings = load(folder / "gateway.toml")
        (folder / "roster").mkdir()
        for name, text in (ROSTER | roster).items():
            (folder / "roster" / f"{name}.csv").write_text(text, "utf-8")
        now = datetime(2026, 10, 14, 12, 0, tzinfo=UTC)
        found = read_roster(
            folder / "roster", settings.district.domains, now=now, previous=None, max_shrink=1.0
        )
        store = Store(open_writer(folder / "catalog.db"))
        return cls(folder, settings, found.directory, store, store.prepare())

    # --- what happens

    def receive(
        self, author: str, *to: str, at: datetime, held: bool = False, genuine: bool | None = None
    ) -> str:
        """A message judged by the rules; its archive id. `genuine`: what DNS says of it; None: not asked."""
        return self._judged(self._raw(author, to), author, to, at, held, genuine)

    def split(self, author: str, *to: str, at: datetime) -> list[str]:
        """A message that a mail server splits into one transaction for each recipient."""
        raw = self._raw(author, to)
        return [self._judged(raw, author, [each], at) for each in to]

    def _raw(self, sender: str, to: Iterable[str]) -> bytes:
        self.made += 1
        return (
            f"From: {sender}\r\nTo: {', '.join(to)}\r\nSubject: SECRET SUBJECT {self.made}\r\n"
            f"Message-ID: <{self.made}@mail.example>\r\n\r\nSECRET CONTENT.\r\n"
        ).encode()

    def _judged(
        self,
        raw: bytes,
        author: str,
        to: Iterable[str],
        at: datetime,
        held: bool = False,
        genuine: bool | None = None,
    ) -> str:
        envelope = self._envelope(author, *to, at=at)
        if genuine is not None:
            word = "pass" if genuine else "fail"
            found = Authentication(domain_of(author), word, word, word, genuine, "gateway")
            envelope = replace(envelope, authentication=found.to_json())
        engine = Engine(self.settings.policy, self.settings.district)
        verdict = engine.judge(transaction_of([envelope], raw, frozenset()), self.directory)
        assert not verdict.errors
        return self._keep(envelope, {"verdict": verdict.to_json(), "held": held}, raw)

    def found(self, *authors: str, at: datetime, held: bool = False, to: int = 1, **more: Any) -> list[str]:
        """A message about which the rules said something about each author; the ids: message, findings."""
        findings = [self.finding(author, **more) for author in authors]
        verdict = {"findings": findings, "action": "notify", "errors": []}
        readers = [f"r{number}@harbor.example" for number in range(to)]
        envelope = self._envelope("x@out.example", *readers, at=at)
        raw = self._raw("x@out.example", readers)
        message = self._keep(envelope, {"verdict": verdict, "held": held}, raw)
        return [message, *(finding["id"] for finding in findings)]

    def parts(self, author: str, *times: datetime, to: int = 1, **more: Any) -> list[str]:
        """A message held in a transaction at each of some times; the archive ids, and that of the one finding."""
        finding = self.finding(author, action="hold", **more)
        verdict = {"findings": [finding], "action": "hold", "errors": []}
        readers = [f"r{number}@harbor.example" for number in range(to)]
        raw = self._raw("x@out.example", readers)
        sent = [self._envelope("x@out.example", *readers, at=at) for at in times]
        held = [self._keep(each, {"verdict": verdict, "held": True}, raw) for each in sent]
        return [*held, finding["id"]]

    def finding(self, who: str, /, **more: Any) -> dict[str, Any]:
        """Something about an author: a violation that is certain, and that people are to be told of."""
        self.made += 1
        return {
            "id": f"finding-{self.made:05}",
            "rule": "coach/one-to-one",
            "severity": "violation",
            "confidence": "certain",
            "author": self._involved(who, "staff"),
            "people": [self._involved("ann", "student")],
            "groups": [],
            "sentence": "The sentence of the policy.",
            "explanation": f"{PEOPLE[who][1]} wrote to Ann Lee. How sure: certain.",
            "action": "notify",
            "message_id": f"{self.made}@mail.example",
            "directory_version": "",
            "rules_version": "",
            "marks": [],
            **more,
        }

    def event(self, message: str, at: datetime, **document: Any) -> None:
        """Something happens to a message."""
        entry = self._entry("event", message, at, document, b"")
        self._write(projection.event(entry))

    def judge_again(self, *messages: str, at: datetime, findings: Sequence[Mapping[str, Any]] = ()) -> None:
        """Transactions judged as a whole: only these findings hold."""
        with self.store.engine.connect() as connection:
            chosen = select(rows.c.content_id).where(rows.c.id == messages[0])
            content = connection.scalar(chosen)
        records = [{"seq": self.ids[message], "id": message} for message in messages]
        verdict = {"findings": findings}
        self.event(messages[0], at, event="judged", content_id=content, records=records, verdict=verdict)

    # --- what is told

    def plan(self, at: datetime) -> Plan:
        with self.store.engine.connect() as connection:
            return plan(connection, self.settings, self.directory, at)

    def tell(self, at: datetime) -> tuple[Notice, ...]:
        """Plan, write and archive, as the office does; what was planned."""
        planned = self.plan(at).notices
        for notice in planned:
            id = self.new_id(at)
            document, raw = record(notice, self.letter(notice, at, id), self.settings, id, at)
            entry = self._entry("message", str(id), at, document, raw)
            self._write(projection.message(entry, raw))
        return planned

    def letter(self, notice: Notice, at: datetime, id: UUID | None = None) -> Letter:
        return write(notice, self.settings, id=id or UUID(int=1), now=at)

    # --- inside

    def new_id(self, at: datetime) -> UUID:
        self.made += 1
        octets = hashlib.sha256(str(self.made).encode()).digest()[:8]
        return uuid7(int(at.timestamp() * 1_000_000), octets)

    @staticmethod
    def _involved(who: str, role: str) -> dict[str, Any]:
        person, name, address = PEOPLE[who]
        return {"person_id": person, "name": name, "role": role, "address": address, "why": "registered"}

    def _envelope(self, author: str, *to: str, at: datetime) -> Envelope:
        return Envelope(
            id=str(self.new_id(at)),
            received=at,
            listener="outbound",
            role="outbound",
            client=Client("192.0.2.1", 1234, "mail.harbor.example"),
            mail_from=author,
            recipients=tuple(Recipient(each) for each in to),
        )

    def _keep(self, envelope: Envelope, document: Mapping[str, Any], raw: bytes) -> str:
        entry = self._entry(
            "message", envelope.id, envelope.received, {"envelope": envelope.to_json(), **document}, raw
        )
        self._write(projection.message(entry, raw))
        return envelope.id

    def _entry(self, kind: str, id: str, at: datetime, document: dict[str, Any], raw: bytes) -> Record:
        seq = self.mark.position + 1
        if kind == "message":
            self.ids[id] = seq
        return Record(seq, kind, id if kind == "message" else f"e{seq}", id, at, document, None, len(raw))

    def _write(self, projected: projection.Projected) -> None:
        self.mark = self.store.write(projection.gathered([projected], projected, LONG_AGO), self.mark)


def clock(text: str) -> datetime:
    """A time by the district's clock, such as "10-14 12:00" or "10-14 12:00:05" of 2026."""
    seconds = ":%S" if text.count(":") > 1 else ""
    return datetime.strptime(f"2026-{text}", f"%Y-%m-%d %H:%M{seconds}").replace(
        tzinfo=ZoneInfo("America/New_York")
    )

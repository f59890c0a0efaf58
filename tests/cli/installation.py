"""A small installation whose mail is judged by the rules and kept as the gateway keeps it, for commands to read."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import apsw
import orjson

from gateway.archive import Archive, uuid7
from gateway.archive.configured import keys_of, reader_of
from gateway.archive.entry import to_microseconds
from gateway.config import Config, load
from gateway.directory.importer import read_roster
from gateway.indexer.follower import Follower
from gateway.message.envelope import Client, Envelope, Recipient
from gateway.policy.engine import Engine
from gateway.policy.replay import transaction_of
from gateway.policy.rules.table import RULES
from tests.cli import forked

MAILGW = [sys.executable, "-m", "gateway"]
OCTOBER = datetime(2026, 10, 14, 16, 0, tzinfo=UTC)  # noon of the district

USERS = """\
sourcedId,role,givenName,familyName,email
c1,teacher,Carla,Coach,carla@harbor.example
t1,teacher,Tim,Kay,tim@harbor.example
a1,administrator,Pat,Kim,pat@harbor.example
s1,student,Ann,Lee,ann@harbor.example
s2,student,Bo,Fox,bo@harbor.example
s3,student,Cy,Day,cy@harbor.example
"""
GROUPS = "group_id,name,kind\nsoccer,Varsity Soccer,team\n"
MEMBERS = """\
group_id,user,role
soccer,c1,coach
soccer,s1,member
soccer,s2,member
soccer,s3,member
soccer,a1,administrator
"""
ACCOUNTS = "user,address,kind\nt1,tim@kay.example,personal\n"
ROSTER = {"users.csv": USERS, "groups.csv": GROUPS, "group_members.csv": MEMBERS, "accounts.csv": ACCOUNTS}

# Only these, so that no other rule has a say here.
ON = ("off-channel/student", "coach/one-to-one", "coach/partial-team", "coach/privacy-copy")

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
[directory]
path = "roster"
"""


class _Silence:
    def committed(self, entries: int, seconds: float) -> None:
        """Nobody counts."""

    def failed(self, reason: str) -> None:
        raise AssertionError(reason)


class Installation:
    """A configuration, a roster and an archive in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "gateway.toml"
        self.now: datetime | None = (
            None  # by the archive's clock, which tells in whose month's volume it writes
        )
        self.configure()
        self.roster()

    # --- what an administrator writes

    def configure(self, rules: Mapping[str, str] | None = None, name: str = "gateway.toml") -> Path:
        """Write a configuration; `rules` are lines of TOML for some rules."""
        chosen = {rule.id: "" if rule.id in ON else "enabled = false" for rule in RULES} | dict(rules or {})
        sections = "".join(f'[policy.rules."{rule}"]\n{lines}\n' for rule, lines in chosen.items())
        path = self.folder / name
        path.write_text(CONFIG + sections, "utf-8")
        return path

    def roster(self, **files: str) -> None:
        """Write the roster, some files (by name without .csv) with another text."""
        folder = self.folder / "roster"
        folder.mkdir(exist_ok=True)
        for name, text in ROSTER.items():
            (folder / name).write_text(files.get(name.removesuffix(".csv"), text), "utf-8")

    # --- what the gateway does

    @property
    def settings(self) -> Config:
        return load(self.config)

    def receive(self, author: str, *to: str, at: datetime = OCTOBER, subject: str = "Practice") -> str:
        """Judge one message by the rules and the roster as they are, and keep it; the archive id."""
        envelope, document, raw = self.judged(author, *to, at=at, subject=subject)
        self.keep(envelope, document, raw)
        return envelope.id

    def judged(
        self, author: str, *to: str, at: datetime = OCTOBER, subject: str = "Practice"
    ) -> tuple[Envelope, bytes, bytes]:
        """The record of one message, judged by the rules and the roster as they are."""
        raw = self.raw(author, *to, subject=subject)
        envelope = self.envelope(author, *to, at=at)
        verdict = self.judge([envelope], raw)
        return envelope, orjson.dumps({"envelope": envelope.to_json(), "verdict": verdict}), raw

    def verdict_of(self, seq: int) -> dict[str, Any]:
        """What was kept with a message."""
        with closing(reader_of(self.settings)) as reader:
            entry = reader.entry(seq)
            assert entry is not None
            found: dict[str, Any] = entry.document["verdict"]
            return found

    @staticmethod
    def raw(author: str, *to: str, subject: str = "Practice", answers: str = "") -> bytes:
        """A message; its Message-ID is made of the subject, and so is that of the one which it answers."""
        lines = [f"From: {author}", f"To: {', '.join(to)}", f"Subject: {subject}"]
        lines += [f"Message-ID: <{subject}@mail.example>"]
        lines += [f"In-Reply-To: <{answers}@mail.example>"] if answers else []
        return "\r\n".join([*lines, "", "At five.", ""]).encode()

    @staticmethod
    def envelope(author: str, *to: str, at: datetime = OCTOBER) -> Envelope:
        return Envelope(
            id=str(uuid7(int(at.timestamp() * 1_000_000), os.urandom(8))),
            received=at,
            listener="outbound",
            role="outbound",
            client=Client("192.0.2.1", 1234, "mail.harbor.example"),
            mail_from=author,
            recipients=tuple(Recipient(each) for each in to),
        )

    def judge(self, envelopes: Sequence[Envelope], raw: bytes, thread: Iterable[str] = ()) -> dict[str, Any]:
        """The verdict of the rules and the roster as they are."""
        settings = self.settings
        assert settings.directory.path is not None
        now = datetime.now(settings.district.zone)
        found = read_roster(
            settings.directory.path, settings.district.domains, now=now, previous=None, max_shrink=1.0
        )
        return (
            Engine(settings.policy, settings.district)
            .judge(transaction_of(envelopes, raw, frozenset(thread)), found.directory)
            .to_json()
        )

    def keep(self, envelope: Envelope, document: bytes, raw: bytes) -> None:
        """Archive any record of a message."""
        self.keep_all([(envelope, document, raw)])

    def keep_all(self, kept: Iterable[tuple[Envelope, bytes, bytes]]) -> None:
        """Archive any records in their order."""

        async def append() -> None:
            with closing(self._archive()) as archive:
                waiting = [
                    archive.append(
                        id=_octets(envelope.id), received=envelope.received, document=document, raw=raw
                    )
                    for envelope, document, raw in kept
                ]
                await asyncio.gather(*waiting)

        asyncio.run(append())

    def note(self, message_id: str, at: datetime, document: Mapping[str, Any]) -> None:
        """Archive an event."""
        with closing(self._archive()) as archive:
            archive.note(message_id=_octets(message_id), received=at, document=orjson.dumps(document))

    def _archive(self) -> Archive:
        settings = self.settings
        folder, keys = settings.storage.archive, keys_of(settings)
        clock = {} if self.now is None else {"clock": partial(to_microseconds, self.now)}
        return Archive(folder, compression_level=1, min_free=0, observer=_Silence(), keys=keys, **clock)

    def index(self) -> None:
        """Bring the catalog up to the archive."""
        settings = self.settings
        with closing(reader_of(settings)) as reader:
            follower = Follower(reader, settings.storage.catalog)
            try:
                while follower.step().remaining:
                    pass
            finally:
                follower.close()

    def damage(self, seq: int) -> None:
        """Change the octets of a kept message, as a failing disk does."""
        (volume,) = self.settings.storage.archive.glob("*.sqlite")
        connection = apsw.Connection(str(volume))
        for trigger in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {trigger[0]}")
        connection.execute("UPDATE entry SET raw = x'00' WHERE seq = ?", (seq,))
        connection.close()

    # --- what a person does

    def mailgw(self, *arguments: str, config: Path | None = None) -> subprocess.CompletedProcess[str]:
        return forked.run([*arguments, "--config", str(config or self.config)])

    def objects(self, *arguments: str, config: Path | None = None) -> list[dict[str, Any]]:
        """The lines of a command with `--json`, which must succeed."""
        done = self.mailgw(*arguments, "--json", config=config)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]


def _octets(identity: str) -> bytes:
    return bytes.fromhex(identity.replace("-", ""))


def to_one(envelope: Envelope, address: str) -> Envelope:
    """Another transaction of the same message."""
    return replace(
        envelope,
        id=str(uuid7(int(envelope.received.timestamp() * 1_000_000), os.urandom(8))),
        recipients=(Recipient(address),),
    )

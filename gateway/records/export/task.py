"""What goes to a process that writes messages, and what comes back of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from gateway.config import EncryptionSettings
from gateway.records.export.plan import Form, Ledger, Plan


@dataclass(frozen=True, slots=True)
class Place:
    """Where an export is made, and of what."""

    draft: Path
    archive: Path
    ledger: Path
    encryption: EncryptionSettings = field(default_factory=EncryptionSettings)

    @property
    def bag(self) -> Path:
        return self.draft / "bag"

    @property
    def parts(self) -> Path:
        return self.draft / "parts"

    def part(self, chunk: int, kind: str) -> Path:
        """A file of a chunk."""
        return self.parts / f"{chunk:06}.{kind}"


@dataclass(frozen=True, slots=True)
class Task:
    """As much of a plan as a chunk needs: it goes to another process."""

    chunk: int
    messages: tuple[tuple[int, str], ...]  # sequence number, and what it is called
    forms: tuple[Form, ...]
    ledger: Ledger | None

    @classmethod
    def of(cls, plan: Plan, chunk: int) -> Task:
        """A chunk of a plan."""
        messages = tuple((plan.messages[at], plan.name(at)) for at in plan.places(chunk))
        return cls(chunk, messages, plan.forms, plan.ledger)


@dataclass(frozen=True, slots=True)
class Failed:
    """A message that could not be written, and why."""

    seq: int
    number: str
    reason: str


@dataclass(slots=True)
class Done:
    """What became of a chunk."""

    chunk: int
    files: int = 0  # of the payload
    octets: int = 0  # in those
    written: int = 0  # messages
    failed: list[Failed] = field(default_factory=list)
    unproven: list[int] = field(default_factory=list)  # newer than the checkpoint, or there is none
    hashes: dict[str, str] = field(default_factory=dict)  # of its parts

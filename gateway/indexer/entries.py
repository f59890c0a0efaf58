"""What the indexer needs of others: the archive's reading side, an observer, a judge.

Protocols only, so that the indexer runs on any archive and knows no metrics library.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from gateway.message.envelope import Envelope


class Entry(Protocol):
    """One durable entry of the archive, without the message's bytes."""

    @property
    def seq(self) -> int: ...
    @property
    def kind(self) -> str: ...
    @property
    def id(self) -> str: ...
    @property
    def subject_id(self) -> str: ...
    @property
    def received(self) -> datetime: ...
    @property
    def document(self) -> dict[str, Any]: ...
    @property
    def sha256(self) -> str | None: ...
    @property
    def size(self) -> int: ...
    @property
    def disposed(self) -> bool:
        """Whether all but its place was lawfully destroyed: it adds nothing to any projection."""


class EntrySource(Protocol):
    """The archive, to read from (`gateway.archive.Reader`).

    Any method raises ArchiveUnavailable where the archive cannot be read now.
    """

    def last_seq(self) -> int:
        """The sequence number of the last durable entry; 0 where there is none."""

    def follow(self, after: int, limit: int) -> Sequence[Entry]:
        """Durable entries after a sequence number, in their order, without gaps, at most `limit`.

        Raises ArchiveDamaged, naming the entry, if the very next one is damaged.
        """

    def get(self, entry_id: str, /) -> Entry | None:
        """One entry by its id."""

    def raw(self, seq: int) -> bytes:
        """A message's bytes, their integrity checked. Raises ArchiveDamaged."""


class Observer(Protocol):
    """Who wants to know how the indexer fares (metrics)."""

    def indexed(self, kind: str, entries: int) -> None:
        """Entries of a kind ("message", "event", "other") are in the catalog now."""

    def failed(self, where: str) -> None:
        """Something went wrong.

        "entry": catalogued with its defect. "gap": entries are missing in the archive. "judge": rules
        failed again. "step": archive or catalog out of reach; nothing was done, and it is tried again.
        """

    def lag(self, entries: int, seconds: float) -> None:
        """Entries not in the catalog yet, and the age of the oldest of them."""


class Judge(Protocol):
    """Applies the rules again: where some failed, or where more is known of a message."""

    def __call__(
        self, envelopes: Sequence[Envelope], raw: bytes, thread: frozenset[str] = frozenset()
    ) -> Mapping[str, Any]:
        """The verdict as JSON (`Verdict.to_json()`), with the rules that failed in `errors`.

        `envelopes`: the transactions of the message, oldest first. `thread`: canonical addresses that took
        part in the messages it answers.
        """


@dataclass(frozen=True, slots=True)
class DamagedEntry:
    """Stands for an entry that the archive cannot read: all that is known is its place."""

    seq: int
    received: datetime  # of an entry near it
    kind: str = "message"
    id: str = ""
    subject_id: str = ""
    document: dict[str, Any] = field(default_factory=dict)
    sha256: str | None = None
    size: int = 0
    disposed: bool = False


@dataclass(frozen=True, slots=True)
class Silence:
    """An observer that does nothing."""

    def indexed(self, kind: str, entries: int) -> None:
        """Ignored."""

    def failed(self, where: str) -> None:
        """Ignored."""

    def lag(self, entries: int, seconds: float) -> None:
        """Ignored."""

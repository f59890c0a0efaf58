"""Reading the archive, also while others write to it and from read-only copies.

Promises: only what is durable is handed out (it cannot vanish in a power cut after somebody built upon it),
and never bytes other than those received. A reader belongs to one thread; transactions are short, so that
it does not keep the write-ahead log from being begun anew. A volume that was rewritten is read from its new file at
once: what was disposed of is not handed out any more, and nobody sees the remains of the old file (opened.py).

Fails with `ArchiveDamaged` for an entry that is not what was stored, with `Disposed` where its octets are asked for and
were lawfully destroyed, with `ArchiveUnavailable` ('io') when a volume cannot be read: `KeysUnavailable` where it is
encrypted and its key cannot be had, which `last_seq`, `digests` and `volumes` do without. Open readers see new volumes
by themselves.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import zip_longest
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import apsw

from gateway.archive import volume as volumes
from gateway.archive.encryption import Keyring
from gateway.archive.entry import Digests, Entry, Evidence, Kind
from gateway.archive.errors import ArchiveDamaged, ArchiveUnavailable, Disposed, Reason, unavailable
from gateway.archive.lock import APPEND, is_doubted
from gateway.archive.opened import ALL, CONTENT, DIGESTS, ENTRY, SELECT, OpenVolume, Row
from gateway.archive.rows import digests_of, entry_of, facts_of, octets_of, require_tombstone, unsealed
from gateway.archive.volume import Volume

T = TypeVar("T")

_AFTER = SELECT.format(ENTRY, "seq > ? ORDER BY seq LIMIT ?")
_BY_SEQ = SELECT.format(ENTRY, "seq = ?")
_BY_SUBJECT = SELECT.format(ENTRY, "subject = ? AND kind = ? ORDER BY seq")
_RAW = "SELECT id, CAST(encoding AS BLOB), size, sha256, raw FROM entry WHERE seq = ? AND kind = 'message'"
_WHOLE = SELECT.format(f"{ENTRY}, {CONTENT}", "seq = ? AND kind = 'message'")
_DIGESTS = SELECT.format(DIGESTS, "seq > ? ORDER BY seq LIMIT ?")
_EVIDENCE = SELECT.format(ALL, "seq = ?")
_LAST = "SELECT coalesce(max(seq), (SELECT first_seq - 1 FROM volume)) FROM entry"

_TRIES = 5  # a volume is rewritten once in a month, or in a disposal


class Reader:
    """Reads a folder of volumes."""

    def __init__(self, folder: Path, keys: Keyring | None = None) -> None:
        """Opens nothing yet; a folder that does not exist is an empty archive.

        keys: of its volumes. Without any, what is encrypted cannot be read.
        """
        self._folder = folder
        self._keys = keys
        self._volumes: list[OpenVolume] = []  # oldest first
        self._used: list[OpenVolume] = []  # by the look at the archive that is going on
        self._durable = 0  # everything up to this seq is

    def close(self) -> None:
        for opened in self._volumes:
            opened.close()
        self._volumes = []

    def last_seq(self) -> int:
        """The number of the newest durable entry; 0 if there is none."""
        return self._look(self._last_seq)

    def follow(self, after: int, limit: int) -> list[Entry]:
        """The next durable entries after a number, in sequence; empty if there are none yet.

        At most `limit`, and fewer at the end of a volume. What was disposed of is among them, and says so.

        Raises ArchiveDamaged if the very next entry is damaged (it can be passed over by `after=error.seq`); one
        further on ends the list before it.
        """
        return self._look(lambda: self._follow(after, limit))

    def digests(self, after: int, limit: int) -> list[Digests]:
        """What identifies the next durable entries after a number, as `follow` gives them; no gap between them.

        Raises ArchiveDamaged where the next one is missing or not as it was stored; what is wrong further on ends
        the list before it.
        """
        return self._look(lambda: self._digests(after, limit))

    def entry(self, seq: int) -> Entry | None:
        """The entry with a number. Raises ArchiveDamaged."""
        return self._look(lambda: self._of_row(seq, _BY_SEQ, lambda opened, row: entry_of(opened, row)))

    def get(self, id: UUID | str) -> Entry | None:
        """The message with an id. Raises ArchiveDamaged."""
        return self._look(lambda: next(iter(self._about(id, Kind.MESSAGE)), None))

    def events(self, message_id: UUID | str) -> list[Entry]:
        """What happened to a message, in sequence. Raises ArchiveDamaged."""
        return self._look(lambda: list(self._about(message_id, Kind.EVENT)))

    def raw(self, seq: int) -> bytes:
        """The octets received of a message. Raises KeyError if there is no such message; ArchiveDamaged, Disposed."""
        found = self._look(lambda: self._of_row(seq, _RAW, lambda opened, row: unsealed(opened, seq, row)))
        if found is None:
            raise KeyError(seq)
        return found

    def message(self, seq: int) -> tuple[Entry, bytes] | None:
        """The message with a number, and the octets received. Raises ArchiveDamaged, Disposed."""
        return self._look(lambda: self._of_row(seq, _WHOLE, _message))

    def evidence(self, seq: int) -> Evidence:
        """An entry with its salt, the octets of its document and those received.

        Raises KeyError if there is no such entry, ArchiveDamaged where it is not what its digests say, Disposed.
        """
        found = self._look(lambda: self._of_row(seq, _EVIDENCE, _evidence))
        if found is None:
            raise KeyError(seq)
        return found

    def volumes(self) -> list[Volume]:
        """The volumes there are, oldest first."""
        return self._look(lambda: [opened.volume for opened in self._open_all()])

    # --- looking ---------------------------------------------------------------------------------

    def _look(self, work: Callable[[], T]) -> T:
        """What `work` finds; once more where a volume that it used was replaced meanwhile, whatever it found."""
        for left in reversed(range(_TRIES)):
            self._used = []
            try:
                found = work()
            except (ArchiveDamaged, ArchiveUnavailable):
                if not left or not self._forget_replaced():
                    raise
            except (apsw.Error, OSError) as error:
                if not left or not self._forget_replaced():
                    raise unavailable(error) from error
            else:
                if not self._forget_replaced():
                    return found
        raise ArchiveUnavailable(Reason.IO, "a volume is replaced again and again")

    def _forget_replaced(self) -> bool:
        """Whether a volume that was used is another file by now; if so, all are opened again next time."""
        try:
            replaced = any(opened.replaced() for opened in self._used)
        except OSError as error:
            raise unavailable(error) from error
        if replaced:
            self.close()
        return replaced

    def _last_seq(self) -> int:
        opened = self._open_all()
        if not opened:
            return 0
        last = int(opened[-1].rows(0, _LAST)[0][0])
        self._make_durable(opened[-1], last)
        return last

    def _follow(self, after: int, limit: int) -> list[Entry]:
        for opened in self._from(after + 1):
            self._used.append(opened)
            rows = _readable(opened, after, limit)
            if rows:
                self._make_durable(opened, rows[-1][0])
                return _before_damage(entry_of(opened, row) for row in rows)
        return []

    def _digests(self, after: int, limit: int) -> list[Digests]:
        for opened in self._from(after + 1):
            self._used.append(opened)
            rows = opened.rows(after + 1, _DIGESTS, after, limit)
            if rows:
                self._make_durable(opened, rows[-1][0])
                return _before_damage(digests_of(opened, seq, row) for seq, row in enumerate(rows, after + 1))
        return []

    def _about(self, id: UUID | str, kind: Kind) -> Iterator[Entry]:
        subject = (id if isinstance(id, UUID) else UUID(id)).bytes
        for opened in self._open_all():
            self._used.append(opened)
            rows = opened.rows(0, _BY_SUBJECT, subject, kind.value)
            if rows:
                self._make_durable(opened, rows[-1][0])
                yield from (entry_of(opened, row) for row in rows)

    def _of_row(self, seq: int, query: str, made: Callable[[OpenVolume, Row], T]) -> T | None:
        """What is made of the durable row of an entry."""
        opened = self._surely_holding(seq) or next(iter(self._from(seq)), None)
        if opened is None:
            return None
        self._used.append(opened)
        rows = opened.rows(seq, query, seq)
        if not rows:
            return None
        self._make_durable(opened, seq)
        return made(opened, rows[0])

    def _open_all(self) -> list[OpenVolume]:
        """Every volume, opened; a look at the folder each time."""
        try:
            found = volumes.list_volumes(self._folder)
        except FileNotFoundError:
            found = []
        known = {opened.volume: opened for opened in self._volumes}
        opened = []
        for at, volume in enumerate(found):
            is_open = volume in known
            closed = at < len(found) - 1
            opened.append(
                known.pop(volume) if is_open else OpenVolume(volume, closed=closed, keys=self._keys)
            )
        for gone in known.values():
            gone.close()
        self._volumes = opened
        return opened

    def _from(self, seq: int) -> list[OpenVolume]:
        """The volumes that may hold an entry or later ones. Listed first and read then: older ones are final."""
        opened = self._open_all()
        first = max((at for at, one in enumerate(opened) if one.first_seq <= seq), default=0)
        return opened[first:]

    def _surely_holding(self, seq: int) -> OpenVolume | None:
        """The volume of an entry that was there at the last look at the folder; None asks for another look."""
        for opened, newer in zip_longest(self._volumes, self._volumes[1:]):
            if opened.first_seq <= seq and (seq < newer.first_seq if newer else seq <= self._durable):
                return opened
        return None

    def _make_durable(self, opened: OpenVolume, seq: int) -> None:
        """Make sure that an entry which was read is durable, and so all before it (commit.py says why).

        An older volume's entries are: its log was synced before the next volume came to be.
        """
        if seq <= self._durable or opened.closed:
            return
        if volumes.log_size(opened.volume):  # else all is in the volume, which was synced before
            log = os.open(opened.volume.log, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fdatasync(log)
            finally:
                os.close(log)
            if is_doubted(self._folder / APPEND):
                raise ArchiveUnavailable(Reason.IO, "the newest entries are not known to be durable")
        self._durable = seq


def _message(opened: OpenVolume, row: Row) -> tuple[Entry, bytes]:
    *columns, encoding, data = row
    seq, _, id, *_, sha256, size = columns
    return entry_of(opened, tuple(columns)), unsealed(opened, seq, (id, encoding, size, sha256, data))


def _evidence(opened: OpenVolume, row: Row) -> Evidence:
    seq, kind, *columns, how, stored, encoding, data = row
    digests = digests_of(opened, seq, (seq, kind, *columns))
    if digests.commitments is not None:
        batch = require_tombstone(opened, seq).batch
        raise Disposed(opened.volume.month, seq, UUID(bytes=batch))
    document = octets_of(opened, seq, digests.id, kind, how, stored, digests.document_sha256)
    facts_of(opened, seq, document)
    if digests.kind is Kind.EVENT:
        return Evidence(digests, document, None)
    raw = unsealed(opened, seq, (digests.id, encoding, digests.size, digests.sha256, data))
    return Evidence(digests, document, raw)


def _readable(opened: OpenVolume, after: int, limit: int) -> list[Row]:
    """The next rows; where a page is damaged further on, the next one alone. Raises ArchiveDamaged."""
    try:
        return opened.rows(after + 1, _AFTER, after, limit)
    except ArchiveDamaged:
        return opened.rows(after + 1, _BY_SEQ, after + 1)


def _before_damage(found: Iterator[T]) -> list[T]:
    """What there is, up to the first that is damaged. Raises ArchiveDamaged if that is the very first."""
    sound: list[T] = []
    try:
        for one in found:
            sound.append(one)
    except ArchiveDamaged:
        if not sound:
            raise
    return sound

"""Watches the running gateway from outside: its findings as people read them, and its archive.

Findings come from `mailgw findings --json`, as for anybody. Fails with `WatchError` where that command, the
archive or the catalog cannot be read, or where the indexer does not catch up.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy.exc import DBAPIError

from gateway.archive import ArchiveDamaged, ArchiveUnavailable, Entry, Kind, Reader
from gateway.catalog.queries import coverage
from gateway.catalog.reader import Catalog, CatalogUnavailableError
from gateway.config import ConfigError, load
from gateway.demo import proof
from gateway.demo.children import ask_gateway
from gateway.demo.maildir import Delivery, read
from gateway.demo.sending import Sent
from gateway.search.engine import EngineError, IndexMissing
from gateway.search.tantivy import TantivySearcher

CATCH_UP = 60.0  # seconds for the indexer after the last message
_LOOK = 1.0  # seconds between looks at the catalog's position
_PAGE = 1000  # archive entries read at once

Finding = Mapping[str, Any]


class WatchError(Exception):
    """What the gateway knows cannot be read; the text says why."""


@dataclass
class Watch:
    """Follows one gateway. `tell` gets each finding once, when it is first seen."""

    config: Path
    tell: Callable[[Finding], None]
    _told: set[str] = field(default_factory=set)
    _position: int = -1

    async def follow(self) -> None:
        """Tell findings as they come, until cancelled. The command is run only when the catalog has grown.

        What cannot be read now is looked for again; that it can be read at all is `catch_up`'s and `findings`'
        to say.
        """
        while True:
            with suppress(WatchError):
                here = await asyncio.to_thread(_position, self.config)
                if here is not None and here.indexed != self._position:
                    await self.findings()
                    self._position = here.indexed
            await asyncio.sleep(_LOOK)

    async def catch_up(self) -> None:
        """Wait until catalog and search index hold everything that the archive holds. Raises WatchError."""
        deadline = time.monotonic() + CATCH_UP
        while True:
            here = await asyncio.to_thread(_position, self.config)
            if here is not None and here.lag == here.pending == 0:
                break
            if time.monotonic() > deadline:
                behind = f"is {here.lag} entries behind" if here else "has made no catalog"
                raise WatchError(f"the indexer {behind} after {CATCH_UP:.0f} seconds")
            await asyncio.sleep(_LOOK / 10)
        while (behind_by := here.indexed - await asyncio.to_thread(_searched, self.config)) > 0:
            if time.monotonic() > deadline:
                raise WatchError(
                    f"the search index is {behind_by} entries behind after {CATCH_UP:.0f} seconds"
                )
            await asyncio.sleep(_LOOK / 10)

    async def findings(self) -> list[Finding]:
        """All findings so far, oldest first; tells those that are new. Raises WatchError."""
        code, output, errors = await ask_gateway(self.config, "findings", "--json")
        if code != 0:
            raise WatchError(
                f"mailgw findings --json ended with {code}: {errors.decode(errors='replace').strip()}"
            )
        try:
            found: list[Finding] = [json.loads(line) for line in output.splitlines() if line.strip()]
            found.sort(key=lambda finding: (finding["detected_at"], finding["id"]))
            new = [finding for finding in found if finding["id"] not in self._told]
        except (ValueError, KeyError, TypeError) as error:
            raise WatchError(f"mailgw findings --json wrote what is no finding: {error!r}") from error
        for finding in new:
            self._told.add(finding["id"])
            self.tell(finding)
        return found


@dataclass(frozen=True, slots=True)
class _Position:
    indexed: int
    lag: int
    pending: int


def _position(config: Path) -> _Position | None:
    """How far the catalog is; None where there is none yet."""
    try:
        storage = load(config).storage
        with closing(Reader(storage.archive)) as reader, closing(Catalog(storage.catalog)) as catalog:
            last = reader.last_seq()
            with catalog.connect() as connection:
                here = coverage(connection, last)
    except CatalogUnavailableError:
        return None
    except (ArchiveUnavailable, ConfigError, DBAPIError) as error:
        raise WatchError(str(error)) from error
    return _Position(here.indexed, here.lag, here.pending_judgement)


def _searched(config: Path) -> int:
    """Up to which entry of the archive the search index is; 0 where there is none yet."""
    try:
        with closing(TantivySearcher(load(config).storage.search)) as searcher:
            return searcher.position()
    except IndexMissing:
        return 0
    except (EngineError, ConfigError) as error:
        raise WatchError(str(error)) from error


# --- after the day ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Report:
    """What is wrong; empty where nothing is."""

    replies: tuple[str, ...]
    delivered: tuple[str, ...]
    archived: tuple[str, ...]
    records: int
    deliveries: int


def examine(config: Path, maildirs: Sequence[Path], sent: Sequence[Sent]) -> Report:
    """Compare what was sent with the Maildirs and the archive. Raises WatchError."""
    try:
        deliveries: list[Delivery] = [delivery for maildir in maildirs for delivery in read(maildir)]
        records = list(_records(load(config).storage.archive))
    except (OSError, ValueError, ArchiveUnavailable, ConfigError) as error:
        raise WatchError(str(error)) from error
    return Report(
        replies=tuple(proof.replies(sent)),
        delivered=tuple(proof.delivered(sent, deliveries)),
        archived=tuple(proof.archived(sent, records)),
        records=len(records),
        deliveries=len(deliveries),
    )


def _records(archive: Path) -> Iterator[proof.Record]:
    """Every message of the archive, its bytes read back. Raises WatchError for a damaged entry."""
    with closing(Reader(archive)) as reader:
        last = 0
        while entries := _page(reader, last):
            last = entries[-1].seq
            for entry in entries:
                if entry.kind == Kind.MESSAGE:
                    recipients = tuple(item["address"] for item in entry.document["envelope"]["recipients"])
                    yield proof.Record(entry.seq, entry.sha256 or "", recipients, _intact(reader, entry))


def _page(reader: Reader, after: int) -> list[Entry]:
    try:
        return reader.follow(after, _PAGE)
    except ArchiveDamaged as error:
        raise WatchError(f"the archive is damaged: {error}") from error


def _intact(reader: Reader, entry: Entry) -> bool:
    try:
        return sha256(reader.raw(entry.seq)).hexdigest() == entry.sha256
    except (ArchiveDamaged, KeyError):
        return False

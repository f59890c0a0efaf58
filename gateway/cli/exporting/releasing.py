"""What `mailgw export` does with the installation: asks index, catalog, roster and ledger, and records the release.

What is written below the storage folder is written as the service's user.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from gateway import __version__
from gateway.archive import ArchiveUnavailable
from gateway.archive.configured import reader_of
from gateway.catalog import acts as catalog_acts
from gateway.cli.options import WRONG_USAGE, fail
from gateway.cli.recording import become_owner, record
from gateway.cli.searching.asking import Coverage, opened
from gateway.cli.searching.question import Question
from gateway.config import Config
from gateway.directory.history import History
from gateway.ledger import ledger as ledgers
from gateway.ledger.checkpoint import Kept
from gateway.ledger.note import NoteError
from gateway.message import events
from gateway.records.export import acts
from gateway.records.export.bates import Register
from gateway.records.export.certificate import Result
from gateway.records.export.choosing import Chosen, LeftOut, Sources, choose
from gateway.records.export.plan import Bates, Form, Ledger, Plan, Recipient

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Release:
    """What somebody wants exported, as typed."""

    query: str
    saved: str | None
    forms: tuple[Form, ...]
    prefix: str | None  # of Bates numbers
    leaving_out: tuple[tuple[str, str], ...]  # queries, and why
    by: str
    to: Recipient | None
    reason: str


def made_plan(settings: Config, release: Release) -> Plan:
    """The plan of an export; ends the command where something is missing. Its numbers are reserved then."""
    question = Question(settings, release.query, release.saved)
    if not question.text:
        raise fail("expected a query; to export everything, a date does: after:1970-01-01", WRONG_USAGE)
    leaving_out = [
        LeftOut(text, Question(settings, text, None).meant, because) for text, because in release.leaving_out
    ]
    if not all(each.text.strip() for each in leaving_out):
        raise fail("--exclude: expected a query", WRONG_USAGE)
    ledger = _ledger(settings.storage.ledger)  # before the search: what it attests is in the archive then
    chosen, coverage, used = _asked(settings, question, leaving_out)
    _require_access(release, chosen)
    id, at = str(uuid4()), datetime.now(UTC).replace(microsecond=0)
    return Plan(
        id=id,
        at=at,
        by=release.by,
        district=settings.district.name,
        gateway=__version__,
        query=question.text,
        meaning=question.sentences(),
        forms=release.forms,
        messages=chosen.messages,
        excluded=chosen.excluded,
        coverage=coverage.to_json(),
        students=chosen.students,
        ledger=ledger,
        bates=_reserved(settings, release, len(chosen.messages), id, at, used),
        to=release.to,
        reason=release.reason,
    )


def _asked(
    settings: Config, question: Question, leaving_out: list[LeftOut]
) -> tuple[Chosen, Coverage, list[Bates]]:
    """The messages, how complete the search is, and the numbers that were used before."""
    with opened(settings) as sources, sources.catalog.connect() as connection:
        history = History(settings.storage.rosters)
        asked = Sources(sources.searcher, connection, sources.reader, history, settings.district.zone)
        position = sources.searcher.position()
        chosen = choose(asked, question.meant, leaving_out)
        found = len(chosen.messages) + sum(len(each.messages) for each in chosen.excluded)
        coverage = sources.coverage(question.meant, found, position)
        used = list(acts.used(catalog_acts.named(connection, [events.EXPORTED])))
    return chosen, coverage, used


def _require_access(release: Release, chosen: Chosen) -> None:
    """603 CMR 23.07: nothing of a student's record leaves without a word on to whom and why."""
    if chosen.students.messages and (release.to is None or not release.reason):
        count = len(chosen.students.messages)
        raise fail(
            f"{count} of {len(chosen.messages)} messages hold student records: say who gets them and why by --for, "
            "--position, --affiliation and --reason (603 CMR 23.07)",
            WRONG_USAGE,
        )


def _reserved(
    settings: Config, release: Release, count: int, id: str, at: datetime, used: list[Bates]
) -> Bates | None:
    if release.prefix is None or not count:
        return None
    return _as_service(
        settings, reserve, settings.storage.exports, release.prefix, count, id, release.by, at, used
    )


def reserve(
    folder: Path, prefix: str, count: int, id: str, by: str, at: datetime, used: list[Bates]
) -> Bates:
    """Bates numbers of the register in a folder."""
    return Register(folder).reserve(prefix, count, export=id, by=by, at=at, used=used)


def _ledger(folder: Path) -> Ledger | None:
    """The newest checkpoint; None where none was signed yet. Raises NoteError, KeyFileError and TreeDamaged."""
    found = ledgers.Ledger(folder)
    newest: Kept | None = found.newest
    if newest is None:
        return None
    if not newest.note.signed_by(found.keys):
        raise NoteError(f"the checkpoint of {found.size} entries is signed by no key of this ledger")
    found.tree().close()  # it is there
    return Ledger(
        note=str(newest.note),
        keys=tuple(map(str, found.keys)),
        origin=newest.checkpoint.origin,
        size=newest.checkpoint.size,
        root=newest.checkpoint.root.hex(),
    )


# --- recording -------------------------------------------------------------------------------------------


def recorded(settings: Config, plan: Plan, result: Result) -> None:
    """Write the act of an export into the archive, unless a run that was broken off has done it."""
    with closing(reader_of(settings)) as reader:
        if any(event.document.get("event") == events.EXPORTED for event in reader.events(plan.id)):
            return
    _as_service(settings, _record, settings, plan.id, acts.document(plan, result))


def _record(settings: Config, id: str, document: dict[str, Any]) -> None:
    (done,) = record(settings, [id], document)
    if isinstance(done, ArchiveUnavailable):
        raise OSError(
            f"the archive cannot be written: {done}"
        )  # unlike the other, it comes back from a process


def _as_service(settings: Config, work: Callable[..., T], *arguments: Any) -> T:
    """Do something as the owner of the archive: as root in a process of its own, for root goes on as root."""
    folder = settings.storage.archive
    if os.geteuid() != 0 or folder.stat().st_uid == 0:
        return work(*arguments)
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(_owned, folder, work, *arguments).result()


def _owned(folder: Path, work: Callable[..., T], *arguments: Any) -> T:
    become_owner(folder)
    return work(*arguments)

"""Writing what a person does into the archive, as the service's own user.

Promises: `record` returns when the event is durable. Run by root, nothing is left behind that belongs to root: the
service could not go on with such files.
"""

from __future__ import annotations

import asyncio
import getpass
import os
import pwd
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, sleep
from typing import Annotated, Any
from uuid import UUID

import orjson
import typer

from gateway.archive import ArchiveUnavailable
from gateway.catalog.reader import Catalog, CatalogUnavailableError
from gateway.catalog.store import read_watermark
from gateway.cli.options import WRONG_USAGE, fail
from gateway.config import Config
from gateway.holds.decisions import name_of
from gateway.service.appending import open_archive
from gateway.telemetry import logs
from gateway.telemetry.metrics import Metrics

_LOOK = 0.1  # seconds between looks whether the catalog has what was recorded

ByOption = Annotated[
    str | None,
    typer.Option(
        "--by", metavar="NAME", help="Who you are, for the record; by default the name you signed in with."
    ),
]


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event that is in the archive."""

    seq: int
    at: datetime


def who(by: str | None) -> str:
    """The reviewer's name; ends the command where there is none. Before `become_owner`."""
    try:
        return name_of(by if by is not None else os.environ.get("SUDO_USER") or getpass.getuser())
    except ValueError as error:
        raise fail(f"--by: {error}", WRONG_USAGE) from None
    except (KeyError, OSError):  # a user without a name (OSError since Python 3.13)
        raise fail("--by: expected a name, for this user has none", WRONG_USAGE) from None


def become_owner(folder: Path) -> None:
    """As root, become whoever owns the archive's folder, for good."""
    if os.geteuid() != 0:
        return
    try:
        owner = folder.stat()
    except OSError as error:
        raise fail(f"{folder}: cannot be written: {error.strerror}") from None
    if owner.st_uid == 0:
        return
    try:
        groups = os.getgrouplist(pwd.getpwuid(owner.st_uid).pw_name, owner.st_gid)
    except KeyError:  # a user without a name
        groups = [owner.st_gid]
    try:
        os.setgroups(groups)
        os.setgid(owner.st_gid)
        os.setuid(owner.st_uid)
    except OSError as error:  # a container may take this from root
        raise fail(
            f"{folder}: belongs to user {owner.st_uid}; run this as that user: {error.strerror}"
        ) from None


def record(
    settings: Config, ids: Sequence[str], document: Mapping[str, Any]
) -> list[Recorded | ArchiveUnavailable]:
    """Archive one event about each of some messages; what could not be archived is its error."""
    if not ids:
        return []
    logs.configure("warning", process="record")
    at = datetime.now(UTC)
    body = orjson.dumps(dict(document))

    async def append() -> list[int | BaseException]:
        archive = open_archive(settings, Metrics(), in_flight=1)
        try:
            waiting = (archive.record(UUID(one), at, body) for one in ids)
            return list(await asyncio.gather(*waiting, return_exceptions=True))
        finally:
            await archive.aclose()

    done: list[Recorded | ArchiveUnavailable] = []
    for outcome in asyncio.run(append()):
        if isinstance(outcome, int):
            done.append(Recorded(outcome, at))
        elif isinstance(outcome, ArchiveUnavailable):
            done.append(outcome)
        else:
            raise outcome
    return done


def await_known(found: Catalog, seq: int, seconds: float) -> bool:
    """Wait until the catalog has an entry; whether it has. What was recorded is safe all the same."""
    until = monotonic() + seconds
    while True:
        try:
            with found.connect() as connection:
                if read_watermark(connection).position >= seq:
                    return True
        except CatalogUnavailableError:  # it is being made anew
            pass
        if monotonic() >= until:
            return False
        sleep(_LOOK)

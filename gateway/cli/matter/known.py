"""The matters of the catalog; an act recorded in the archive, and what holds after it.

Of two acts that contradict each other the first in the archive counts. So an act is recorded first, then the catalog is
waited for, and what it says is what is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from gateway.archive import ArchiveUnavailable
from gateway.catalog.reader import Catalog
from gateway.cli.options import WRONG_USAGE, fail
from gateway.cli.recording import await_known, record
from gateway.cli.searching.matters import unknown
from gateway.config import Config
from gateway.holds import decisions
from gateway.message.printable import printable
from gateway.records.matters import Matter, named, read_matters

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The matter's name, or its id.")]
ReasonOption = Annotated[str, typer.Option(help="Why, for the record; it must be given.")]
WaitOption = Annotated[
    float,
    typer.Option(
        min=0, max=3600, help="Seconds to wait until the act shows its effect; it is recorded before."
    ),
]

TAKEN_UP_LATER = "recorded; the indexer has not taken it up yet: `mailgw matter show` will tell what holds"


@dataclass(frozen=True, slots=True)
class Done:
    """An act that is in the archive, and its matter as it is now; None: the catalog does not have it yet."""

    seq: int
    matter: Matter | None


def line_of(option: str, text: str, *, needed: bool) -> str:
    """A text that somebody typed, as it is kept; ends the command where it cannot be."""
    try:
        return decisions.reason_of(text, needed=needed)
    except ValueError as error:
        raise fail(f"{option}: {error}", WRONG_USAGE) from None


def matters(found: Catalog) -> tuple[Matter, ...]:
    """All matters that the catalog knows."""
    with found.connect() as connection:
        return read_matters(connection)


def one(found: Catalog, name: str) -> Matter:
    """The matter with a name or id; ends the command where there is none."""
    known = matters(found)
    meant = named(known, name)
    if not meant:
        raise fail(printable(f"{name}: {unknown(known)}"))
    return meant[0]


def act(found: Catalog, settings: Config, subject: str, document: Mapping[str, Any], wait: float) -> Done:
    """Record an act, and wait until the catalog has it; ends the command where it cannot be recorded."""
    (done,) = record(settings, [subject], document)
    if isinstance(done, ArchiveUnavailable):
        raise fail(f"not recorded, so nothing has changed: {done}")
    if not await_known(found, done.seq, wait):
        return Done(done.seq, None)
    return Done(done.seq, next(iter(named(matters(found), subject)), None))

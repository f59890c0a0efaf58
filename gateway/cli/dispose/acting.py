"""Which batch is meant, what is known of it, and writing down what somebody does with it.

A batch is read from the archive itself, by its id; the catalog only tells which batches there are. So nothing that was
decided is overlooked because the catalog is behind.
"""

from __future__ import annotations

import getpass
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy.exc import DBAPIError

from gateway.archive import ArchiveDamaged, ArchiveUnavailable, Reader
from gateway.archive.configured import reader_of
from gateway.archive.rewriting import NotRewritable
from gateway.catalog import acts
from gateway.catalog.acts import Act
from gateway.catalog.reader import Catalog, CatalogUnavailableError
from gateway.cli.options import WRONG_USAGE, fail
from gateway.cli.recording import become_owner, record
from gateway.config import Config
from gateway.generations import BuildRunning
from gateway.holds.decisions import reason_of
from gateway.indexer.reindex import WorkerFailed
from gateway.message import events
from gateway.records.disposal.batch import Batch, NotAllowed, batches
from gateway.records.matters import CatalogBehind
from gateway.search.engine import EngineError

CONFIG = Path("config/gateway.toml")

DISPOSALS = (
    events.DISPOSAL_PROPOSED, events.DISPOSAL_PERMITTED, events.DISPOSAL_APPROVED, events.DISPOSAL_WITHDRAWN,
    events.DISPOSAL_BEGUN, events.DISPOSED, events.DISPOSAL_DONE,
)  # fmt: skip

BatchArgument = Annotated[
    str, typer.Argument(metavar="BATCH", help="A batch's id, or at least the first 8 characters of it.")
]

_BEGINNING = re.compile(r"[0-9a-f-]{8,36}")
_WHOLE = 36  # characters


@contextmanager
def reading(settings: Config) -> Iterator[Reader]:
    """The archive; ends the command where it, or the catalog, cannot be read, or where something is not allowed."""
    try:
        with closing(reader_of(settings)) as reader:
            yield reader
    except (NotAllowed, ArchiveUnavailable, ArchiveDamaged, CatalogUnavailableError, OSError) as error:
        raise fail(str(error)) from None
    except (CatalogBehind, NotRewritable, BuildRunning, EngineError, WorkerFailed) as error:
        raise fail(f"{error}; give the command once more, and it goes on where it was") from None
    except DBAPIError as error:
        raise fail(f"{settings.storage.catalog}: {error.orig}") from None


def all_batches(settings: Config) -> dict[str, Batch]:
    """Every batch that the catalog knows of, in the order in which they were proposed."""
    with closing(Catalog(settings.storage.catalog)) as catalog, catalog.connect() as connection:
        return batches(acts.named(connection, DISPOSALS))


def batch_named(settings: Config, reader: Reader, name: str) -> Batch:
    """The batch whose id begins with `name`, as the archive has it now; ends the command where there is none."""
    text = name.strip().lower()
    if not _BEGINNING.fullmatch(text):
        raise fail(f"{name}: expected a batch's id, or the first 8 characters of it or more", WRONG_USAGE)
    if len(text) < _WHOLE:
        found = [id for id in all_batches(settings) if id.startswith(text)]
        if len(found) != 1:
            what = (
                "no such batch; `mailgw dispose list --all` shows the ids" if not found else "more than one"
            )
            raise fail(f"{name}: {what}")
        text = found[0]
    try:
        told = [
            Act(each.seq, text, _name(each.document), each.received, each.document)
            for each in reader.events(text)
        ]
    except ValueError:
        raise fail(f"{name}: expected a batch's id", WRONG_USAGE) from None
    batch = batches(told).get(text)
    if batch is None:
        raise fail(f"{name}: no such batch; `mailgw dispose list --all` shows the ids")
    return batch


def write(settings: Config, batch: str, document: Mapping[str, Any]) -> int:
    """Archive an act about a batch; its number. Raises ArchiveUnavailable."""
    (done,) = record(settings, [batch], document)
    if isinstance(done, ArchiveUnavailable):
        raise done
    return done.seq


def login() -> str:
    """Who is signed in to this machine, beside the name that was given."""
    with suppress(KeyError, OSError):
        return os.environ.get("SUDO_USER") or getpass.getuser()
    return ""


def require_reason(text: str) -> str:
    """Why, as it is kept; ends the command where there is none."""
    try:
        return reason_of(text, needed=True)
    except ValueError as error:
        raise fail(f"--reason: {error}", WRONG_USAGE) from None


def as_service(settings: Config) -> None:
    """Write as the user that the service runs as."""
    become_owner(settings.storage.archive)


def _name(document: Mapping[str, Any]) -> str:
    return str(document.get("event", ""))

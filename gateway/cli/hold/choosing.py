"""Which held message is meant, and the catalog in which it is looked up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager

from sqlalchemy import Connection

from gateway.archive import ArchiveUnavailable
from gateway.archive.configured import reader_of
from gateway.catalog import holds, queries
from gateway.catalog.holds import Held
from gateway.catalog.reader import Catalog, CatalogUnavailableError
from gateway.catalog.store import read_watermark
from gateway.cli.options import WRONG_USAGE, fail
from gateway.config import Config

ID_HELP = "Archive id, or at least the first 8 characters of it."

_NAME = re.compile(r"[0-9a-f-]{8,36}")


@contextmanager
def catalog(settings: Config) -> Iterator[Catalog]:
    """The catalog; ends the command where it cannot be read."""
    found = Catalog(settings.storage.catalog)
    try:
        yield found
    except PermissionError as error:
        text = f"{error.filename}: not for this user; run this with sudo, or as the user that the service runs as"
        raise fail(text) from None
    except (CatalogUnavailableError, OSError) as error:
        raise fail(str(error)) from None
    finally:
        found.close()


def chosen(connection: Connection, settings: Config, name: str) -> Held:
    """The held message whose id begins with `name`; ends the command where there is none, or more than one."""
    text = name.strip().lower()
    if not _NAME.fullmatch(text):
        raise fail(f"{name}: expected an archive id, or the first 8 characters of it or more", WRONG_USAGE)
    found = holds.beginning(connection, text)
    if not found:
        raise fail(_unknown(connection, settings, text))
    if len(found) > 1:
        ids = "\n".join(f"  {one.id}" for one in found)
        raise fail(f"{name}: more than one held message begins so; expected more of its id:\n{ids}")
    return found[0]


def _unknown(connection: Connection, settings: Config, name: str) -> str:
    if queries.message(connection, name) is not None:
        return f"{name}: this message was never held; `mailgw show` shows it"
    text = f"{name}: no such held message; `mailgw hold list --all` shows the ids"
    if behind := lag(connection, settings):
        text += f" ({behind_by(behind)}, so it may come yet)"
    return text


def lag(connection: Connection, settings: Config) -> int:
    """How many entries of the archive are not in the catalog yet; 0 where the archive cannot be asked."""
    try:
        with closing(reader_of(settings)) as reader:
            return max(0, reader.last_seq() - read_watermark(connection).position)
    except (ArchiveUnavailable, OSError):
        return 0


def behind_by(entries: int) -> str:
    """How far the catalog is behind, in words."""
    return f"the catalog is {entries} {'entry' if entries == 1 else 'entries'} behind the archive"

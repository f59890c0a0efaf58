"""What `hold:` stands for: asked of the catalog, which is read only where a query needs it.

A matter is named by its whole name or the beginning of one with a star; a star alone is any matter. What its standing
holds cover is asked of the index at once, so mail that came after a hold was placed is found like any other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import tzinfo
from functools import cached_property
from typing import TYPE_CHECKING

import typer
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from gateway.catalog.reader import Catalog, CatalogUnavailableError
from gateway.cli.options import WRONG_USAGE, fail
from gateway.cli.searching.asking import not_for_this_user
from gateway.config import Config
from gateway.message.printable import printable
from gateway.search.engine import EngineError
from gateway.search.query import explain
from gateway.search.query.tree import Node

if TYPE_CHECKING:
    from gateway.records.matters import Matter

_LISTED = 20  # names in an error
_IDS = 5  # single messages named in one line
_LONGEST = 500  # characters of what a hold covers, where many may be told of


class KnownMatters:
    """`query.people.Matters` of the catalog. Remembers what was meant, so that it can be told."""

    def __init__(self, settings: Config) -> None:
        self._settings = settings
        self._meant: dict[str, tuple[Matter, ...]] = {}

    def __call__(self, text: str, prefix: bool) -> Node:
        """What is held; ends the command where no matter has the name."""
        from gateway.records.matters import named
        from gateway.records.matters.standing import covering

        found = named(self._matters, text, prefix)
        asked = f"{text}*" if prefix else text
        if not found and asked != "*":
            raise fail(printable(f"hold:{asked}: {unknown(self._matters)}"), WRONG_USAGE)
        self._meant[asked] = found
        return covering(found)

    def told(self) -> Iterator[str]:
        """What is held, a line for each hold."""
        for text, found in self._meant.items():
            if not found:
                yield f"“{text}” is no legal matter: there is none yet"
            for matter in found:
                if matter.closed is not None:
                    yield f"The matter “{matter.name}” is closed: nothing is held for it any more"
                elif not matter.standing:
                    yield f"Nothing is held for the matter “{matter.name}”"
                for hold in matter.standing:
                    what = in_words(hold.asked, hold.ids, self._settings.district.zone)
                    what = what if len(what) <= _LONGEST else f"{what[:_LONGEST]}…"
                    damaged = f" It covers everything, for it cannot be read: {hold.trouble}"
                    yield f"“{matter.name}”, hold {hold.number}: {what}" + (damaged if hold.trouble else "")

    @cached_property
    def _matters(self) -> tuple[Matter, ...]:
        return read(self._settings)


def in_words(asked: Node | None, ids: Sequence[str], zone: tzinfo) -> str:
    """What a hold covers, in sentences: what it asks for, and single messages."""
    sentences = [] if asked is None else [explain(asked, zone=zone)]
    if ids:
        more = f" and {len(ids) - _IDS} more" if len(ids) > _IDS else ""
        count = f"{len(ids)} single messages" if len(ids) > 1 else "1 single message"
        sentences.append(f"{'And ' if asked is not None else ''}{count}: {', '.join(ids[:_IDS])}{more}.")
    return " ".join(sentences)


def read(settings: Config) -> tuple[Matter, ...]:
    """All matters; ends the command where the catalog cannot be read."""
    from gateway.records.matters import read_matters

    try:
        with closing(Catalog(settings.storage.catalog)) as catalog, catalog.connect() as connection:
            return read_matters(connection)
    except PermissionError as error:
        raise fail(not_for_this_user(error.filename or settings.storage.catalog)) from None
    except (CatalogUnavailableError, OSError) as error:
        raise fail(str(error)) from None
    except DBAPIError as error:
        raise fail(f"{settings.storage.catalog}: {error.orig}") from None


def held_for(settings: Config, connection: Connection, seq: int) -> tuple[str, ...]:
    """The names of the matters for which a message counts as held: of all, where the index cannot be asked."""
    from gateway.records.matters import is_held, read_matters

    standing = tuple(matter.name for matter in read_matters(connection) if matter.standing)
    if not standing:
        return ()
    from gateway.search.tantivy import TantivySearcher  # a library of 50 MB

    try:
        with closing(TantivySearcher(settings.storage.search)) as searcher:
            return is_held(connection, searcher, seq, last=0, tell=_warn)
    except (EngineError, OSError) as error:
        _warn(f"the search index cannot be asked, so the message counts as held by each matter: {error}")
        return standing


def _warn(text: str) -> None:
    typer.echo(f"mailgw: {printable(text)}", err=True)


def unknown(known: tuple[Matter, ...]) -> str:
    """That there is no such matter, and which there are."""
    if not known:
        return "no such legal matter; there is none yet (`mailgw matter open` opens one)"
    names = ", ".join(f"“{matter.name}”" for matter in known[:_LISTED])
    more = f" and {len(known) - _LISTED} more" if len(known) > _LISTED else ""
    return (
        f"no such legal matter; there are {names}{more}"
        if len(known) > 1
        else (f"no such legal matter; there is {names}")
    )

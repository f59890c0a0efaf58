"""Saved searches at the command line: keeping, listing and forgetting them.

Run by root, what is kept belongs to the service's user, as everything below the storage folder does.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import typer

from gateway.catalog.shapes import Json
from gateway.cli.options import FOUND_WRONG, WRONG_USAGE, fail, print_json
from gateway.cli.searching.asking import not_for_this_user
from gateway.config import Config
from gateway.message.printable import printable
from gateway.search.query import QueryError
from gateway.search.saved import (
    DamagedSearch,
    NameTaken,
    NoSuchSearch,
    SavedSearch,
    SavedSearchError,
    SavedSearches,
    moves,
)

_MOVES = "moves with time"


def load(settings: Config, name: str) -> str:
    """The query kept under a name; ends the command where there is none."""
    with _explained("--saved", settings):
        return SavedSearches(settings.storage.searches).load(name).query


def save(settings: Config, name: str, query: str, *, replace: bool) -> None:
    """Keep a query, which can be asked."""
    if not query:
        raise fail("--save: expected a query to keep", WRONG_USAGE)
    search = SavedSearch(name, query, _who(), datetime.now(UTC))
    with _explained("--save", settings):
        _become_owner(settings)
        SavedSearches(settings.storage.searches).save(search, replace=replace)
    again = " with other dates each day, for it moves with time" if _moves(search, settings) else ""
    typer.echo(f"saved; `mailgw search --saved {name}` asks it{again}", err=True)


def forget(settings: Config, name: str) -> None:
    """Remove a saved search."""
    with _explained("--forget", settings):
        _become_owner(settings)
        SavedSearches(settings.storage.searches).forget(name)
    typer.echo(f"{name} is forgotten", err=True)


def print_saved(settings: Config, *, json: bool) -> None:
    """The searches there are; where a file is damaged that is told, and the command ends with 1."""
    damaged = False
    with _explained("--list-saved", settings):
        for each in SavedSearches(settings.storage.searches).all():
            if isinstance(each, DamagedSearch):
                damaged = True
                typer.echo(f"mailgw: {printable(str(each))}", err=True)
            elif json:
                print_json(_object(each, settings))
            else:
                for line in _lines(each, settings):
                    typer.echo(printable(line))
    if damaged:
        raise typer.Exit(FOUND_WRONG)


def _object(search: SavedSearch, settings: Config) -> Json:
    return {
        "name": search.name,
        "query": search.query,
        "by": search.by,
        "at": search.at.astimezone(UTC).isoformat(timespec="seconds"),
        "moves_with_time": _moves(search, settings),
    }


def _lines(search: SavedSearch, settings: Config) -> Iterator[str]:
    when = search.at.astimezone(settings.district.zone)
    how = {True: f"  {_MOVES}", False: "", None: "  cannot be asked any more"}[_moves(search, settings)]
    yield f"{search.name:24}  {when:%Y-%m-%d %H:%M}  {search.by}{how}"
    yield f"    {search.query}"


def _moves(search: SavedSearch, settings: Config) -> bool | None:
    """Whether it asks for other days tomorrow; None where the language does not have it any more."""
    try:
        return moves(search.query, now=datetime.now(UTC), zone=settings.district.zone)
    except QueryError:
        return None


def _who() -> str:
    """The name with which somebody signed in, or the user's number."""
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):  # a user without a name (OSError since Python 3.13)
        return str(os.getuid())


def _become_owner(settings: Config) -> None:
    from gateway.cli.recording import become_owner

    become_owner(settings.storage.path)


@contextmanager
def _explained(option: str, settings: Config) -> Iterator[None]:
    """What may go wrong with the files, in a sentence."""
    try:
        yield
    except NameTaken as error:
        raise fail(f"{option} {error}; --replace puts this one in its place") from None
    except NoSuchSearch as error:
        raise fail(f"{option} {error}; `mailgw search --list-saved` lists them") from None
    except DamagedSearch as error:
        again = "--forget removes it, --save with --replace puts another in its place"
        raise fail(f"{printable(str(error))}; {again}") from None
    except SavedSearchError as error:
        raise fail(f"{option}: {error}", WRONG_USAGE) from None
    except PermissionError as error:
        raise fail(not_for_this_user(error.filename or settings.storage.searches)) from None
    except OSError as error:
        raise fail(f"{error.filename or settings.storage.searches}: {error.strerror}") from None

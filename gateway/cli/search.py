"""`mailgw show` and `findings`: reading what was kept. `search` is in `searching`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy import Connection

from gateway.archive import ArchiveDamaged, ArchiveUnavailable, Entry, Reader
from gateway.archive.configured import reader_of
from gateway.catalog import facts as facts_of
from gateway.catalog import queries
from gateway.catalog.reader import Catalog, CatalogUnavailableError
from gateway.cli.options import ConfigOption, JsonOption, fail, load_config, print_json
from gateway.cli.rules import rule_named, severity_named
from gateway.cli.searching.matters import held_for
from gateway.config import Config
from gateway.message.events import HELD

DEFAULT = Path("config/gateway.toml")


def show(
    name: Annotated[str, typer.Argument(metavar="ID", help="Archive id, sequence number or Message-ID.")],
    raw: Annotated[bool, typer.Option("--raw", help="The message's bytes as they were received.")] = False,
    config: ConfigOption = DEFAULT,
    json: JsonOption = False,
) -> None:
    """Show one archived message: envelope, people, findings, what became of it; or its very bytes."""
    settings = load_config(config)
    reader = reader_of(settings)
    with _catalog(settings) as connection:
        found = queries.message(connection, name)
        labels = facts_of.labels(connection, [found["id"]])[found["id"]] if found else ()
        matters = held_for(settings, connection, found["seq"]) if found and not raw else ()
    entry = _entry(reader, name, found)
    if entry is None:
        raise fail(f"{name}: no such message; `mailgw search` shows the ids")
    if raw and found and found["outcome"] == HELD:
        text = (
            f"{entry.id} is held: `mailgw hold show {entry.id} --raw` shows it, and records that you looked"
        )
        raise fail(text)
    if raw or entry.disposed:
        try:
            sys.stdout.buffer.write(reader.raw(entry.seq))
        except (ArchiveDamaged, ArchiveUnavailable) as error:
            raise fail(str(error)) from None
        return
    envelope = entry.document.get("envelope", {})
    facts = {**(found or {"id": entry.id, "seq": entry.seq}), "volume": entry.volume, "envelope": envelope}
    facts |= {"labels": sorted(labels), "matters": list(matters)}
    if "import" in entry.document:
        facts["import"] = entry.document["import"]
    if json:
        print_json(facts)
    else:
        _print_tree(facts)


def _entry(reader: Reader, name: str, found: dict[str, Any] | None) -> Entry | None:
    """The message that the catalog found, or the one by that id; ends the command where it cannot be read."""
    try:
        return reader.entry(found["seq"]) if found else reader.get(name) if _is_uuid(name) else None
    except (ArchiveDamaged, ArchiveUnavailable) as error:
        raise fail(str(error)) from None


def findings(
    rule: Annotated[
        str | None, typer.Option(help="A rule, such as coach/one-to-one, or a family: coach.")
    ] = None,
    severity: Annotated[str | None, typer.Option(help="violation, advisory or notice.")] = None,
    since: Annotated[str | None, typer.Option(metavar="YYYY-MM-DD", help="First day.")] = None,
    until: Annotated[str | None, typer.Option(metavar="YYYY-MM-DD", help="Last day.")] = None,
    author: Annotated[str | None, typer.Option(help="Person id, address or words of a name.")] = None,
    superseded: Annotated[
        bool, typer.Option("--superseded", help="Also what the whole message, once it was seen, took back.")
    ] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many.")] = None,
    config: ConfigOption = DEFAULT,
    json: JsonOption = False,
) -> None:
    """List what the rules found, newest first, each with who, why and how sure."""
    settings = load_config(config)
    wanted = queries.FindingFilter(
        rule=rule_named(rule) if rule is not None else None,
        severity=severity_named(severity) if severity is not None else None,
        since=_midnight(since, settings, "--since"),
        until=_midnight(until, settings, "--until", days=1),
        author=author,
        superseded=superseded,
    )
    with _catalog(settings) as connection:
        for row in queries.findings(connection, wanted, limit=limit):
            if json:
                print_json(row)
            else:
                typer.echo(
                    f"{row['detected_at'][:19]}  {row['severity']} {row['rule']} ({row['confidence']})"
                )
                typer.echo(f"    {row['explanation']}")
                typer.echo(f"    message {row['archive_id']}, action {row['action']}, {row['status']}")


# --- shared -------------------------------------------------------------------------------------------


@contextmanager
def _catalog(settings: Config) -> Iterator[Connection]:
    catalog = Catalog(settings.storage.catalog)
    try:
        with catalog.connect() as connection:
            yield connection
    except CatalogUnavailableError as error:
        raise fail(str(error)) from None
    finally:
        catalog.close()


def _print_tree(value: Any, indent: str = "") -> None:
    """A person's view of a JSON object: a key a line, lists and objects indented."""
    for key, item in value.items():
        if isinstance(item, dict) and item:
            typer.echo(f"{indent}{key}:")
            _print_tree(item, indent + "    ")
        elif isinstance(item, list) and item and isinstance(item[0], dict):
            for number, each in enumerate(item, 1):
                typer.echo(f"{indent}{key} {number}:")
                _print_tree(each, indent + "    ")
        elif item not in (None, "", [], {}):
            typer.echo(f"{indent}{key}: {', '.join(map(str, item)) if isinstance(item, list) else item}")


def _is_uuid(text: str) -> bool:
    return len(text) == 36 and text.count("-") == 4


def _midnight(text: str | None, settings: Config, option: str, days: int = 0) -> datetime | None:
    if text is None:
        return None
    try:
        day = date.fromisoformat(text) + timedelta(days=days)
    except ValueError:
        raise fail(f"{option} {text}: expected a day as YYYY-MM-DD", 2) from None
    return datetime.combine(day, time(), settings.district.zone)

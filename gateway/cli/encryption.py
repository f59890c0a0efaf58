"""`mailgw encryption`: the master key of the archive, its copies, and its rotation. `app` gathers the commands."""

from __future__ import annotations

import os
import sys
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from gateway.archive.encryption import KeySource, KeysUnavailable
from gateway.archive.encryption.confirmation import confirm, confirmed
from gateway.archive.encryption.master import MasterKey, parse
from gateway.archive.encryption.master import new_key as make_key
from gateway.archive.encryption.rotation import rotate as rotate_keys
from gateway.archive.encryption.settings import source_of
from gateway.archive.encryption.source import FileSource, add_to_file
from gateway.archive.encryption.state import LOSS, State, state_of
from gateway.cli.options import (
    BAD_CONFIG,
    FOUND_WRONG,
    ConfigOption,
    JsonOption,
    fail,
    load_config,
    print_json,
)
from gateway.config import Config

DEFAULT = Path("config/gateway.toml")
_LARGEST = 64 * 1024  # octets of a copy

app = typer.Typer(
    help=f"Encryption of the archive, and its master key. {LOSS}.",
    epilog="The page docs/encryption.md tells what is encrypted, what is not, and how to keep the key.",
)


@app.command("new-key")
def new_key(config: ConfigOption = DEFAULT) -> None:
    """Make a master key: the first, or the next, which `mailgw encryption rotate` lets take over.

    It is added to `encryption.key_file`. Where the key comes from elsewhere it is printed, to be put there.
    """
    settings = load_config(config)
    made = make_key(os.urandom)
    source = source_of(settings.encryption)
    if isinstance(source, FileSource):
        try:
            keys = add_to_file(source, made, owner=settings.storage.archive)
        except (KeysUnavailable, OSError) as error:
            raise fail(str(error)) from None
        typer.echo(made.id)
        where = f"{source.path} has master key {made.id}"
        then = "run `mailgw encryption rotate`" if len(keys) > 1 else "set encryption.enabled and restart"
    else:
        typer.echo(made.to_text())
        place = source.name if source is not None else "what [encryption] will name"
        where = f"This is master key {made.id}. It was stored nowhere: put it into {place}, below those there"
        then = "see docs/encryption.md"
    typer.echo(f"{where}.\n{LOSS}: nobody can read it then, the maker of this program included.", err=True)
    typer.echo(
        f"Put a copy into another building, run `mailgw encryption confirm-backup`, then {then}.", err=True
    )


@app.command("confirm-backup")
def confirm_backup(
    copy: Annotated[
        Path | None,
        typer.Option("--from", metavar="FILE", help="The copy; `-` reads standard input. Else you type it."),
    ] = None,
    config: ConfigOption = DEFAULT,
) -> None:
    """Show that a copy of the master key exists: give it again from the copy. `mailgw check` then warns no more."""
    settings = load_config(config)
    source = _source(settings)
    keys = _read(source)
    if isinstance(source, FileSource) and copy is not None and _is_the_same(copy, source.path):
        raise fail(f"{copy}: is the key's own file, not a copy of it")
    try:
        copies = parse(_given(copy), "the copy")
        seen = confirm(settings.storage.archive, copies, keys, date.today())
    except (KeysUnavailable, OSError) as error:
        raise fail(str(error)) from None
    for id in seen:
        typer.echo(f"master key {id}: the copy is right", err=True)
    newest = keys[-1].id
    if newest not in seen:
        others = ", ".join(key.id for key in copies)
        raise fail(
            f"the copy holds {others}, but not master key {newest}, which the archive needs: copy it anew"
        )


@app.command("rotate")
def rotate(config: ConfigOption = DEFAULT, json: JsonOption = False) -> None:
    """Let the newest master key open all volumes, and it alone. The volumes themselves are not written.

    Make it with `mailgw encryption new-key` and confirm its copy first. Broken off, run it again.
    """
    settings = load_config(config)
    source = _source(settings)
    folder = settings.storage.archive

    def may_begin(newest: MasterKey) -> None:
        if newest.id not in confirmed(folder):
            raise fail(
                f"master key {newest.id} is not known to be backed up, and all mail would hang on it:"
                " run `mailgw encryption confirm-backup` first"
            )

    try:
        done = rotate_keys(folder, source, may_begin=may_begin)
    except (KeysUnavailable, OSError) as error:
        raise fail(str(error)) from None
    if json:
        print_json(
            {"master": done.master, "volumes": done.months, "changed": done.changed, "problems": done.closed}
        )
    else:
        text = f"{len(done.changed)} of {len(done.months)} files of keys changed; master key {done.master}"
        typer.echo(
            f"{text} {'opens all others' if done.closed else 'opens all, and no other does'}", err=True
        )
    if done.closed:
        raise fail("\n".join(done.closed))
    typer.echo("Keep the older master keys for as long as there are backups from before now.", err=True)


@app.command("show")
def show(config: ConfigOption = DEFAULT, json: JsonOption = False) -> None:
    """The master keys by their ids, never themselves, and what each volume is opened by. Exit 1 if one cannot be."""
    settings = load_config(config)
    source = source_of(settings.encryption)
    try:
        state = state_of(settings.storage.archive, source)
    except OSError as error:
        raise fail(str(error)) from None
    if source is None and not state.volumes:
        typer.echo("Nothing is encrypted, and no master key is named.", err=True)
        return
    for row in _rows(state):
        if json:
            print_json(row)
        else:
            typer.echo(_line(row))
    if state.problem:
        raise fail(state.problem)
    if any(volume.problem for volume in state.volumes):
        raise typer.Exit(FOUND_WRONG)


def _rows(state: State) -> list[dict[str, object]]:
    masters: list[dict[str, object]] = [
        {"master": id, "newest": id == state.masters[-1], "confirmed": state.confirmed.get(id)}
        for id in state.masters
    ]
    volumes: list[dict[str, object]] = [
        {"volume": each.month, "keys": each.keys, "opened_by": each.masters, "problem": each.problem or None}
        for each in state.volumes
    ]
    return masters + volumes


def _line(row: dict[str, object]) -> str:
    if "master" in row:
        use = "wraps new volumes" if row["newest"] else "opens older ones"
        copy = f"copy seen on {row['confirmed']}" if row["confirmed"] else "NO COPY CONFIRMED"
        return f"master key {row['master']}  {use}, {copy}"
    keys, masters = row["keys"], row["opened_by"]
    assert isinstance(keys, tuple)
    assert isinstance(masters, tuple)
    opened = f"opened by master key {' or '.join(masters)}" if masters else ""
    return "  ".join(
        part for part in (str(row["volume"]), ", ".join(keys), opened, str(row["problem"] or "")) if part
    )


def _source(settings: Config) -> KeySource:
    source = source_of(settings.encryption)
    if source is None:
        text = "encryption: expected key_file, key_variable or key_command; no master key is named"
        raise fail(text, BAD_CONFIG)
    return source


def _read(source: KeySource) -> tuple[MasterKey, ...]:
    try:
        return source.read()
    except KeysUnavailable as error:
        raise fail(str(error)) from None


def _given(copy: Path | None) -> bytes:
    """The text of the copy. Raises OSError."""
    if copy is None and sys.stdin.isatty():
        typed: str = typer.prompt("The master key, from its copy", hide_input=True, err=True)
        return typed.encode()
    if copy is None or copy == Path("-"):
        return sys.stdin.buffer.read(_LARGEST)
    with copy.open("rb") as file:
        return file.read(_LARGEST)


def _is_the_same(copy: Path, key: Path) -> bool:
    try:
        return copy.samefile(key)
    except OSError:
        return False

"""`mailgw ledger keys`, `new-key`, `retire-key`: which keys sign checkpoints, from the first to the next."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.ledger.showing import DEFAULT, reading
from gateway.cli.options import ConfigOption, JsonOption, fail, load_config, print_json
from gateway.config import Config
from gateway.ledger import keys as key_files
from gateway.ledger.keys import KeyFileError
from gateway.ledger.note import PrivateKey, PublicKey


def list_keys(config: ConfigOption = DEFAULT, json: JsonOption = False) -> None:
    """The public keys, the oldest first: hand them to whoever is to check a checkpoint or a proof."""
    settings = load_config(config)
    with reading(settings.storage.ledger) as ledger:
        signing = _signing(settings)
        for key in ledger.keys:
            if json:
                print_json({"name": key.name, "id": key.id.hex(), "key": str(key), "signs": key in signing})
            else:
                typer.echo(str(key))


def new_key(
    lost: Annotated[
        bool,
        typer.Option("--lost", help="The old key is gone: begin with a new one that it cannot vouch for."),
    ] = False,
    config: ConfigOption = DEFAULT,
) -> None:
    """Make another key. The old one signs beside it, and so vouches for it, until `mailgw ledger retire-key`."""
    settings = load_config(config)
    path = settings.ledger_key
    try:
        keys = _lost(path) if lost else key_files.load_private(path, settings.ledger_origin)
        if len(keys) > 1:
            raise fail(f"{path}: a new key is taking over already; `mailgw ledger retire-key` ends that")
        made = key_files.new_key(settings.ledger_origin)
        path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        key_files.save_private(path, [*keys, made])
        _as_owner(path)
    except FileNotFoundError:
        raise fail(
            f"{path}: no key yet. `mailgw serve` makes the first by itself; where one was lost, say --lost"
        ) from None
    except (KeyFileError, OSError) as error:
        raise fail(str(error)) from None
    typer.echo(str(made.public))
    typer.echo(
        "It signs the next checkpoint. Keep a copy of the file elsewhere, and hand out the line above.",
        err=True,
    )


def retire_key(config: ConfigOption = DEFAULT) -> None:
    """Let the old key sign no more, once a checkpoint bears both signatures."""
    settings = load_config(config)
    path = settings.ledger_key
    with reading(settings.storage.ledger) as ledger:
        try:
            keys = key_files.load_private(path, settings.ledger_origin)
        except (KeyFileError, OSError) as error:
            raise fail(str(error)) from None
        if len(keys) < 2:
            raise fail(f"{path}: there is one key only; `mailgw ledger new-key` makes the next")
        public = [key.public for key in keys]
        if not any(each.note.signed_by(public) == public for each in ledger.checkpoints):
            raise fail("no checkpoint bears both signatures yet: wait for the next one (`ledger.interval`)")
        key_files.save_private(path, keys[-1:])
        _as_owner(path)
    typer.echo(f"{keys[0].public.id.hex()} signs no more; {keys[-1].public.id.hex()} does", err=True)


def _lost(path: Path) -> list[PrivateKey]:
    if path.exists():
        raise fail(f"{path}: the key is there; without --lost it can vouch for the new one")
    return []


def _signing(settings: Config) -> list[PublicKey]:
    """The keys that sign today, as far as this user may read them."""
    try:
        return [key.public for key in key_files.load_private(settings.ledger_key, settings.ledger_origin)]
    except (KeyFileError, OSError):
        return []


def _as_owner(path: Path) -> None:
    """Give the file to whom its folder belongs: root makes keys, the gateway signs with them."""
    if os.geteuid() == 0:
        owner = path.parent.stat()
        os.chown(path, owner.st_uid, owner.st_gid)

"""`mailgw ledger show`, `checkpoints` and `consistency`: what was signed."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.archive import ArchiveUnavailable
from gateway.archive.configured import reader_of
from gateway.cli.options import ConfigOption, JsonOption, fail, load_config, print_json
from gateway.ledger.checkpoint import Kept
from gateway.ledger.keys import KeyFileError
from gateway.ledger.ledger import Ledger
from gateway.ledger.note import NoteError
from gateway.ledger.tree import TreeDamaged

DEFAULT = Path("config/gateway.toml")


@contextmanager
def reading(folder: Path) -> Iterator[Ledger]:
    """The ledger; ends the command where it cannot be read."""
    try:
        yield Ledger(folder)
    except (NoteError, KeyFileError, TreeDamaged) as error:
        raise fail(f"{error}; `mailgw verify` tells more") from None
    except (OSError, ArchiveUnavailable) as error:
        raise fail(f"{folder}: {error}") from None


def show(config: ConfigOption = DEFAULT, json: JsonOption = False) -> None:
    """The newest checkpoint, as it was signed, and how much is not signed yet."""
    settings = load_config(config)
    with reading(settings.storage.ledger) as ledger:
        last = reader_of(settings).last_seq()
        newest = ledger.newest
        if json:
            print_json(
                {"entries": last, "attested": ledger.size, **(_facts(newest, ledger) if newest else {})}
            )
            return
        if newest is None:
            raise fail("nothing was signed yet; `mailgw serve` signs a while after it began")
        typer.echo(str(newest.note), nl=False)
        typer.echo(
            f"{ledger.size} of {last} entries attested, {len(ledger.checkpoints)} checkpoints", err=True
        )
        if last < ledger.size:
            raise fail("the archive has fewer entries than were attested: run `mailgw verify`")


def list_checkpoints(config: ConfigOption = DEFAULT, json: JsonOption = False) -> None:
    """Every checkpoint that was signed, the oldest first: entries attested, root, and which keys signed."""
    settings = load_config(config)
    with reading(settings.storage.ledger) as ledger:
        for kept in ledger.checkpoints:
            facts = _facts(kept, ledger)
            if json:
                print_json(facts)
            else:
                typer.echo(f"{facts['size']:>12}  {facts['root']}  {', '.join(facts['signed_by'])}")


def consistency(
    first: Annotated[int, typer.Argument(help="Size of the older tree.")],
    second: Annotated[int | None, typer.Argument(help="Size of the younger; default: of the newest.")] = None,
    config: ConfigOption = DEFAULT,
    json: JsonOption = False,
) -> None:
    """Proof that the tree of one checkpoint is the beginning of another's (RFC 9162 §2.1.4).

    For whoever kept the older checkpoint. Any two sizes will do. Hashes are in base64, the path's one a line.
    """
    settings = load_config(config)
    with reading(settings.storage.ledger) as ledger:
        tree = ledger.tree()
        try:
            to = ledger.size if second is None else second
            path = tree.consistency_proof(first, to)
            roots = [tree.root(size) for size in (first, to)]
        except ValueError as error:
            raise fail(str(error)) from None
        finally:
            tree.close()
    heads = [base64.b64encode(each).decode() for each in roots]
    hashes = [base64.b64encode(each).decode() for each in path]
    if json:
        keys = ("first_size", "second_size", "first_root", "second_root", "path")
        print_json(dict(zip(keys, (first, to, *heads, hashes), strict=True)))
        return
    typer.echo(f"{first} {heads[0]}\n{to} {heads[1]}")
    for each in hashes:
        typer.echo(each)


def _facts(kept: Kept, ledger: Ledger) -> dict[str, Any]:
    checkpoint = kept.checkpoint
    return {
        "origin": checkpoint.origin,
        "size": checkpoint.size,
        "root": base64.b64encode(checkpoint.root).decode(),
        "signed_by": [key.id.hex() for key in kept.note.signed_by(ledger.keys)],
    }

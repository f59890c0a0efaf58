"""`mailgw prove`: one message and what became of it, with what anybody needs to check it without the gateway."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.archive import ArchiveUnavailable
from gateway.archive.configured import reader_of
from gateway.cli.options import ConfigOption, JsonOption, fail, load_config, print_json
from gateway.ledger.keys import KeyFileError
from gateway.ledger.note import NoteError
from gateway.records.proof import FolderUnusable, NotProvable, Package, gather, require_free, write


def prove(
    name: Annotated[str, typer.Argument(metavar="ID", help="Archive id or sequence number of a message.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder to make.")],
    config: ConfigOption = Path("config/gateway.toml"),
    json: JsonOption = False,
) -> None:
    """Write a message, its events and the proof that they are unchanged into a new folder.

    Whoever receives the folder checks it with the script in it, verify.py, and needs neither the gateway nor a network.
    """
    settings = load_config(config)
    folder = settings.storage.ledger
    try:
        require_free(output)
        with closing(reader_of(settings)) as reader:
            package = gather(reader, folder, name, settings.ledger.interval)
        write(output, package.files)
    except (NotProvable, FolderUnusable, ArchiveUnavailable, OSError) as error:
        raise fail(str(error)) from None
    except (NoteError, KeyFileError) as error:
        raise fail(f"{folder}: {error}; put the file back from its copy") from None
    if json:
        print_json(_facts(package, output))
        return
    attested = f"message {package.id} and {len(package.events)} of its events, attested by {package.origin}"
    typer.echo(f"{output}: {attested} in a checkpoint of {package.size} entries", err=True)
    if package.newer:
        typer.echo(
            f"{package.newer} newer events are not attested yet: prove it again after the next checkpoint",
            err=True,
        )
    typer.echo(f"check it: python3 {output / 'verify.py'}", err=True)


def _facts(package: Package, output: Path) -> dict[str, Any]:
    return {
        "id": package.id,
        "seq": package.seq,
        "folder": str(output),
        "origin": package.origin,
        "tree_size": package.size,
        "events": list(package.events),
        "newer_events": package.newer,
        "timestamp": package.stamped,
        "files": sorted(package.files),
    }

"""`mailgw ledger rebuild`: the tree's hashes made again from the archive."""

from __future__ import annotations

from contextlib import closing

import typer

from gateway.archive import ArchiveDamaged, ArchiveUnavailable
from gateway.archive.configured import reader_of
from gateway.cli.ledger.showing import DEFAULT
from gateway.cli.options import ConfigOption, fail, load_config
from gateway.indexer.ledger import LedgerForked, LedgerInUse
from gateway.ledger.keys import KeyFileError
from gateway.ledger.note import NoteError
from gateway.service.ledger import new_writer


def rebuild(config: ConfigOption = DEFAULT) -> None:
    """Make the tree's hashes again from the archive, where `mailgw verify` finds them damaged (`ledger`).

    Checkpoints and keys stay as they are. The new hashes must have the root that was signed; else nothing is changed.
    """
    settings = load_config(config)
    with closing(reader_of(settings)) as reader, closing(new_writer(settings, reader)) as writer:
        try:
            entries = writer.make_again()
        except LedgerInUse as error:
            raise fail(f"{error}: stop the gateway, or its process `office`, first") from None
        except (LedgerForked, KeyFileError, NoteError, ArchiveDamaged, ArchiveUnavailable, OSError) as error:
            raise fail(str(error)) from None
    typer.echo(f"{entries} entries: the tree is as it was signed", err=True)

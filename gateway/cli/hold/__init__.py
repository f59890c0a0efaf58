"""`mailgw hold`: messages that wait for a reviewer. A command is a module here; `app` gathers them."""

from __future__ import annotations

import typer

from gateway.cli.hold import deciding, listing, showing

app = typer.Typer(
    help="Messages that a rule holds back: which wait, what they are, and whether they go on.",
    epilog="What nobody decides about is released or escalated after `hold.limit`. Whatever is decided, and "
    "whoever reads a message, is kept in the archive for ever.",
)
app.command("list")(listing.list_holds)
app.command()(showing.show)
app.command()(deciding.release)
app.command()(deciding.refuse)

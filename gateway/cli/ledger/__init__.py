"""`mailgw ledger`: signed checkpoints, and the keys that sign them. `app` gathers the commands."""

from __future__ import annotations

import typer

from gateway.cli.ledger import keys, rebuilding, showing

app = typer.Typer(
    help="The signed checkpoints that prove what was archived, and the keys that sign them.",
    epilog="The page docs/evidence.md tells what they prove, and what to do when a key is lost.",
)
app.command("show")(showing.show)
app.command("checkpoints")(showing.list_checkpoints)
app.command("consistency")(showing.consistency)
app.command("rebuild")(rebuilding.rebuild)
app.command("keys")(keys.list_keys)
app.command("new-key")(keys.new_key)
app.command("retire-key")(keys.retire_key)

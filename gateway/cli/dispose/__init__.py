"""`mailgw dispose`: destroying mail lawfully, from a proposal to a certificate. Each step is another command, and two
different people must approve before the one that destroys can be given."""

from __future__ import annotations

import typer

from gateway.cli.dispose.deciding import approve, permit, withdraw
from gateway.cli.dispose.executing import execute
from gateway.cli.dispose.listing import certificate, list_batches, show
from gateway.cli.dispose.proposing import propose

app = typer.Typer(
    help="Destroy mail whose retention period is over: propose, permit, approve twice, execute, certify.",
    no_args_is_help=True,
)
app.command("propose")(propose)
app.command("list")(list_batches)
app.command("show")(show)
app.command("permit")(permit)
app.command("approve")(approve)
app.command("withdraw")(withdraw)
app.command("execute")(execute)
app.command("certificate")(certificate)

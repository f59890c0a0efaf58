"""`mailgw`: every command is in a module beside this one; here they are only gathered."""

from __future__ import annotations

import typer

from gateway.cli import (
    access_log,
    address,
    backup,
    check,
    compacting,
    demo,
    dispose,
    encryption,
    hold,
    importing,
    label,
    ledger,
    matter,
    password,
    policy,
    prove,
    reindex,
    retention,
    search,
    serve,
    verify,
)
from gateway.cli.exporting.command import export
from gateway.cli.options import BAD_CONFIG, fail
from gateway.cli.searching.command import search as find_mail
from gateway.cli.searching.typed import QueryCommand
from gateway.config import ConfigError

app = typer.Typer(
    name="mailgw",
    help="District Mail Gateway: relays a school district's mail, archives it, flags what policy forbids.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command()(serve.serve)
app.add_typer(demo.app, name="demo")
app.command()(check.check)
app.add_typer(check.directory_app, name="directory", no_args_is_help=True)
app.command("search", cls=QueryCommand)(find_mail)
app.command()(search.show)
app.command()(search.findings)
app.command()(verify.verify)
app.command()(reindex.reindex)
app.command()(compacting.compact)
app.command("import")(importing.import_mail)
app.command()(prove.prove)
app.command()(backup.backup)
app.command()(backup.restore)
app.command(cls=QueryCommand)(export)
app.command("access-log")(access_log.show_access_log)
app.add_typer(dispose.app, name="dispose", no_args_is_help=True)
app.add_typer(encryption.app, name="encryption", no_args_is_help=True)
app.add_typer(hold.app, name="hold", no_args_is_help=True)
app.add_typer(matter.app, name="matter", no_args_is_help=True)
app.command()(label.label)
app.add_typer(retention.app, name="retention", no_args_is_help=True)
app.add_typer(ledger.app, name="ledger", no_args_is_help=True)
app.add_typer(policy.app, name="policy", no_args_is_help=True)
app.command("hash-password")(password.hash_password)
app.command("hash-address")(address.hash_address)


def main() -> None:
    """Entry point of the command."""
    try:
        app()
    except ConfigError as error:
        raise SystemExit(fail(str(error), BAD_CONFIG).exit_code) from None

"""`mailgw policy`: the rules against mail that was kept. A command is a module here; `app` gathers them."""

from __future__ import annotations

import typer

from gateway.cli.policy import measure, replay, sample, test

app = typer.Typer(help="The rules: what they would find today, and mail to check them by.")
app.command()(test.test)
app.command()(replay.replay)
app.command()(sample.sample)
app.command()(measure.measure)

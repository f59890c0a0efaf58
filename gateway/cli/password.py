"""`mailgw hash-password`: a line for the users file of an outbound listener."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.cli.options import fail
from gateway.smtp.auth import PasswordHash


def hash_password(name: Annotated[str, typer.Argument(help="The name to sign in with.")]) -> None:
    """Ask for a password and print the line `name:hash`."""
    if ":" in name or not name.strip():
        raise fail("expected a name without a colon", 2)
    password = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    typer.echo(f"{name}:{PasswordHash.of(password.encode())}")

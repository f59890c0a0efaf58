"""`mailgw hash-address`: how the log writes an address."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.options import ConfigOption, fail, load_config
from gateway.telemetry.logs import address_token, load_key


def hash_address(
    addresses: Annotated[list[str], typer.Argument(help="Addresses to look for in the log.")],
    config: ConfigOption = Path("config/gateway.toml"),
) -> None:
    """Print what stands for an address in the log, to search for it there."""
    file = load_config(config).storage.log_key
    if not file.exists():  # made by the service, whose own it must be
        raise fail(f"{file}: not there; it is made when the service first starts with hash_addresses = true")
    try:
        key = load_key(file)
    except (OSError, ValueError) as error:
        raise fail(f"{file}: cannot be used: {error}") from None
    for address in addresses:
        typer.echo(address_token(address, key))

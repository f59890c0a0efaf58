"""Who was refused is in no archive, so it is in the log: by whom, from whom, and no address in plain text."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from structlog.testing import capture_logs

from gateway.telemetry.logs import address_token, load_key
from tests.smtp.steps import greet

UNKNOWN = "550 5.1.1 <nobody@district.example>: Recipient address rejected"


async def refusals(client: Any, *recipients: str) -> list[Any]:
    with capture_logs() as lines:
        await client.ask("MAIL FROM:<parent@home.example>")
        for recipient in recipients:
            await client.ask(f"RCPT TO:{recipient}")
    return [line for line in lines if line["event"] == "recipient_refused"]


async def test_a_refused_recipient_is_logged_without_its_address(start: Any, dial: Any, hop: Any) -> None:
    hop.answers = {"RCPT TO:<nobody": UNKNOWN}
    gateway = await start(hop.address)
    client = await dial(gateway.ports["inbound"])
    await greet(client)
    found = await refusals(
        client, "<nobody@district.example>", "<ada@district.example>", "<x@elsewhere.example>", "nonsense<"
    )
    key = load_key(gateway.config.storage.log_key)
    assert [(line["recipient"], line["code"], line["status"]) for line in found] == [
        (address_token("nobody@district.example", key), 550, "5.1.1"),
        (address_token("x@elsewhere.example", key), 550, "5.7.1"),
        (None, 501, "5.5.4"),
    ]
    assert {line["sender"] for line in found} == {address_token("parent@home.example", key)}
    assert "example" not in str(found)


async def test_addresses_stand_there_where_the_setting_says_so(start: Any, dial: Any, hop: Any) -> None:
    hop.answers = {"RCPT": "451 try later"}  # no enhanced code
    gateway = await start(hop.address, telemetry={"hash_addresses": False})
    client = await dial(gateway.ports["inbound"])
    await greet(client)
    (line,) = await refusals(client, "<ada@district.example>")
    assert (line["sender"], line["recipient"]) == ("parent@home.example", "ada@district.example")
    assert (line["code"], line["status"]) == (451, "")
    assert not gateway.config.storage.log_key.exists()


async def test_a_recipient_that_the_client_sends_again_by_itself_is_none(
    start: Any, dial: Any, hop: Any
) -> None:
    gateway = await start(
        route=[
            {"domains": ["district.example"], "next_hop": hop.address},
            {"domains": ["other.example"], "next_hop": "127.0.0.1:1"},
        ]
    )
    client = await dial(gateway.ports["outbound"])
    await greet(client)
    with capture_logs() as lines:
        await client.ask("MAIL FROM:<ada@district.example>")
        await client.ask("RCPT TO:<bob@district.example>")
        assert (await client.ask("RCPT TO:<eve@other.example>")).startswith("452 4.5.3 Other route")
    assert lines == []


def command(configuration: Path, *addresses: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gateway", "hash-address", "--config", str(configuration), *addresses],
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_the_command_tells_the_hash(tmp_path: Path) -> None:
    configuration = tmp_path / "gateway.toml"
    configuration.write_text(
        'hostname = "gw.district.example"\n'
        'district = { name = "D", domains = ["district.example"] }\n'
        'storage = { path = "data" }\n'
        'listener = [{ name = "inbound", role = "inbound", bind = ["127.0.0.1:2525"] }]\n'
        'route = [{ domains = ["district.example"], next_hop = "127.0.0.1:2526" }]\n'
    )
    early = command(configuration, "ada@district.example")
    assert early.returncode == 1
    assert "made when the service first starts" in early.stderr
    assert not (tmp_path / "data").exists()
    key = load_key(tmp_path / "data" / "log.key")
    done = command(configuration, "ada@district.example", "Eve@Home.example")
    assert done.stdout.split() == [
        address_token("ada@district.example", key),
        address_token("eve@home.example", key),
    ]

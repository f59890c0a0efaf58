"""The whole service with an encrypted archive: nothing in the clear; without its key mail waits, and none is lost."""

from __future__ import annotations

import asyncio
import json
import smtplib
from pathlib import Path
from typing import Any

import pytest

SECRET = b"Pomegranate"


def _send(port: int, subject: str) -> None:
    with smtplib.SMTP("127.0.0.1", port, timeout=30) as client:
        mail = f"From: a@mail.example\r\nSubject: {SECRET.decode()} {subject}\r\n\r\n{SECRET.decode()}\r\n"
        client.sendmail("a@mail.example", ["b@district.example"], mail.encode())


def _is_taken(port: int, subject: str) -> bool:
    try:
        _send(port, subject)
    except smtplib.SMTPDataError:
        return False
    return True


def _in_the_clear(folder: Path) -> list[str]:
    return [path.name for path in sorted(folder.iterdir()) if SECRET in path.read_bytes()]


async def test_mail_waits_while_the_key_is_away(
    service: Any, counting_hop: Any, until: Any, tmp_path: Path
) -> None:
    key = tmp_path / "master.key"
    more = f'[encryption]\nenabled = true\nkey_file = "{key}"\n'
    gateway = service(f"127.0.0.1:{counting_hop.port}", workers=1, more=more)
    await asyncio.to_thread(gateway.run, "encryption", "new-key")
    gateway.start()
    await gateway.ready()
    await asyncio.to_thread(_send, gateway.port(), "one")
    await until(
        lambda: '"one"' in gateway.run("search", "one", "--json").stdout.replace(f"{SECRET.decode()} ", "")
    )
    archive = gateway.data / "archive"
    assert list(archive.glob("*.keys"))
    assert _in_the_clear(archive) == []
    assert gateway.stop() == 0
    assert _in_the_clear(archive) == []

    elsewhere = key.rename(tmp_path / "elsewhere")
    gateway.start()
    await until(lambda: (gateway.data / "run" / "addresses.json").exists())
    await until(lambda: "the master key is not there" in gateway.log.read_text())
    gateway.addresses = json.loads((gateway.data / "run" / "addresses.json").read_text())
    with pytest.raises(smtplib.SMTPDataError) as caught:
        await asyncio.to_thread(_send, gateway.port(), "two")
    assert (caught.value.smtp_code, caught.value.smtp_error[:5]) == (452, b"4.3.1")
    elsewhere.rename(key)
    await until(lambda: _is_taken(gateway.port(), "two"))  # as a sender tries again
    assert gateway.stop() == 0
    assert [each.split()[-1] for each in counting_hop.accepted] == ["one", "two"]
    assert (await asyncio.to_thread(gateway.run, "verify")).stdout == ""
    assert _in_the_clear(archive) == []

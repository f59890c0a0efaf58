"""The supervisor: what ended comes back with what was served before, and the end is always soon."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import smtplib
import time
from contextlib import suppress
from typing import Any


def send(port: int, subject: str) -> None:
    """A message; raises where it is not answered 250."""
    with smtplib.SMTP("127.0.0.1", port, timeout=10) as client:
        client.sendmail("a@x.example", ["b@district.example"], f"Subject: {subject}\r\n\r\nHi\r\n")


def logged(gateway: Any, event: str) -> list[dict[str, Any]]:
    """The log's lines of one kind; the last line may be on its way still."""
    found = []
    for line in gateway.log.read_text().splitlines():
        with suppress(ValueError):
            found.append(json.loads(line))
    return [line for line in found if line.get("event") == event]


async def test_a_half_edited_file_stops_no_mail(service: Any, counting_hop: Any, until: Any) -> None:
    """A worker that ended is started with what the service runs with, not with what the file says by now."""
    gateway = service(f"127.0.0.1:{counting_hop.port}", workers=1)
    gateway.start()
    await gateway.ready()
    await asyncio.to_thread(send, gateway.port(), "before")
    gateway.config.write_text(gateway.config.read_text() + "\n[[listener]\nname = ")

    killed = gateway.children()["smtp-0"]
    os.kill(killed, signal.SIGKILL)
    await until(lambda: gateway.children().get("smtp-0", killed) != killed)
    await gateway.ready()
    await asyncio.to_thread(send, gateway.port(), "with a new worker")
    assert len(logged(gateway, "process_ended")) == 1

    assert gateway.process is not None
    gateway.process.send_signal(signal.SIGHUP)
    await until(lambda: bool(logged(gateway, "configuration_refused")))
    (refusal, *_) = logged(gateway, "configuration_refused")
    assert str(gateway.config) in refusal["problems"][0]
    assert "not valid TOML" in refusal["problems"][0]
    await asyncio.to_thread(send, gateway.port(), "after the refusal")
    assert counting_hop.accepted == ["before", "with a new worker", "after the refusal"]
    assert len(logged(gateway, "process_ended")) == 1  # the signal ended nobody
    assert await asyncio.to_thread(gateway.stop) == 0


async def test_the_end_does_not_wait_for_a_restart(service: Any, counting_hop: Any, until: Any) -> None:
    """SIGTERM in the pause before a child that keeps ending is started again: it is not started again."""
    gateway = service(f"127.0.0.1:{counting_hop.port}", workers=1)
    gateway.start()
    await gateway.ready()
    pauses: list[float] = []

    def paused_for_long() -> bool:
        indexer = gateway.children().get("indexer")
        if indexer is not None:
            with suppress(ProcessLookupError):
                os.kill(indexer, signal.SIGKILL)
        pauses[:] = [line["pause"] for line in logged(gateway, "process_ended")]
        return len(pauses) >= 4

    await until(paused_for_long)
    assert pauses == sorted(pauses)
    assert pauses[0] == 0.0
    assert pauses[-1] >= 1.5
    assert gateway.process is not None
    began = time.monotonic()
    gateway.process.send_signal(signal.SIGTERM)
    code = await asyncio.to_thread(gateway.process.wait, 10)
    assert (code, len(logged(gateway, "process_ended"))) == (0, len(pauses))
    assert time.monotonic() - began < 5

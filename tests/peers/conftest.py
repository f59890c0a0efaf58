"""Real peers: Postfix, smtp-sink, a DNS server. The gateway itself runs in the test's process, on uvloop."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.peers import knot as dns_server
from tests.peers.postfix import Postfix, free_ports, listening, new_folder
from tests.smtp.certificates import Authority
from tests.smtp.conftest import dial, hop, start

__all__ = ["dial", "hop", "start"]


Until = Callable[[Callable[[], Any]], Awaitable[Any]]


@pytest.fixture
def until() -> Until:
    """`await until(look)` looks until it finds something, and gives that; fails after half a minute."""

    async def wait(look: Callable[[], Any]) -> Any:
        async with asyncio.timeout(30):
            while not (found := await asyncio.to_thread(look)):
                await asyncio.sleep(0.02)
        return found

    return wait


@pytest.fixture(scope="session")
def authority() -> Iterator[Authority]:
    """A certificate authority whose files a daemon's user may read."""
    folder = new_folder("authority")
    yield Authority(folder)
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postfix(needs: Callable[[str], Path], authority: Authority) -> Iterator[Postfix]:
    """One Postfix for the session: next hop on several ports, and client of a gateway on `gateway_port`."""
    program = needs("postfix")
    if os.geteuid() != 0:
        pytest.skip("Postfix is started by root only")
    folder = new_folder("postfix")
    instance = Postfix(program, folder, authority, free_ports(1)[0])
    instance.start(authority.issue("127.0.0.1", "postfix.district.example", file="postfix"))
    try:
        for port in instance.ports.values():
            listening(port)
        yield instance
    finally:
        instance.stop()
        shutil.rmtree(folder)


Sink = Callable[..., str]


@pytest.fixture
def sink(needs: Callable[[str], Path]) -> Iterator[Sink]:
    """`sink("-q", "DATA")` starts smtp-sink with these flags; its address. Ended after the test."""
    program = needs("smtp-sink")
    running: list[subprocess.Popen[bytes]] = []

    def run(*flags: str) -> str:
        user = ("-u", "nobody") if os.geteuid() == 0 else ()
        (port,) = free_ports(1)
        address = f"127.0.0.1:{port}"
        running.append(
            subprocess.Popen([program, *user, "-4", *flags, address, "100"], stderr=subprocess.DEVNULL)
        )
        listening(port)
        return address

    yield run
    for process in running:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="session")
def knot(
    needs: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], dns_server.Knot]]:
    """`knot(records)` serves these records below `example.`; ended with the session."""
    program = needs("knotd")
    running: list[dns_server.Knot] = []

    def run(zone: str) -> dns_server.Knot:
        server = dns_server.start(program, tmp_path_factory.mktemp("knot"), zone)
        running.append(server)
        return server

    yield run
    for server in running:
        server.stop()

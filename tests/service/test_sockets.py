"""Listening sockets: shared by the workers of one service, and by nobody else."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.config import ConfigError, Listener
from gateway.service import sockets


def listener(*addresses: str) -> Listener:
    return Listener.model_validate({"name": "mx", "role": "inbound", "bind": list(addresses)})


@pytest.fixture
def other() -> Iterator[socket.socket]:
    """Another service of this machine, which shares its port as our workers do."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        yield sock


def close(shares: list[list[sockets.Bound]]) -> None:
    for share in shares:
        for _, bound in share:
            bound.close()


def test_all_workers_share_the_ports() -> None:
    shares = sockets.bind((listener("127.0.0.1:0", "127.0.0.2:0"),), 3)
    try:
        ports = [[bound.getsockname() for _, bound in share] for share in shares]
        assert ports[0] == ports[1] == ports[2]
        assert [address for address, _ in ports[0]] == ["127.0.0.1", "127.0.0.2"]
        assert 0 not in [port for _, port in ports[0]]
    finally:
        close(shares)


def test_a_port_that_another_service_shares_is_not_taken(
    other: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(sockets, "time", SimpleNamespace(sleep=waits.append))
    port = other.getsockname()[1]
    with pytest.raises(ConfigError) as caught:
        sockets.bind((listener(f"127.0.0.1:{port}"),), 2)
    assert str(caught.value).startswith(
        f"listener mx: cannot bind 127.0.0.1:{port}: Address already in use; expected a free address"
    )
    assert 1 <= sum(waits) <= 10


def test_a_port_that_is_given_back_is_waited_for(
    other: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The workers of a supervisor that was killed end within moments."""
    monkeypatch.setattr(sockets, "time", SimpleNamespace(sleep=lambda _: other.close()))
    shares = sockets.bind((listener(f"127.0.0.1:{other.getsockname()[1]}"),), 2)
    assert len(shares) == 2
    close(shares)


async def test_a_second_service_on_the_same_port_says_so(service: Any, counting_hop: Any) -> None:
    """Otherwise the kernel would give it a part of the connections, and of the mail."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    first = service(f"127.0.0.1:{counting_hop.port}", workers=1)
    text = first.config.read_text().replace('bind = ["127.0.0.1:0"]', f'bind = ["127.0.0.1:{port}"]')
    first.config.write_text(text)
    other_data = first.data.with_name("other")
    other_config = first.config.with_name("other.toml")
    other_config.write_text(text.replace(str(first.data), str(other_data)))
    second = replace(first, config=other_config, data=other_data)
    first.start()
    await first.ready()
    refused = await asyncio.to_thread(second.run, "serve", check=False)
    assert refused.returncode == 3
    assert f"listener inbound: cannot bind 127.0.0.1:{port}: Address already in use" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (other_data / "run" / "addresses.json").exists()
    await first.ready()  # it has lost nothing by that
    assert await asyncio.to_thread(first.stop) == 0

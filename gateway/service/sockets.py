"""Listening sockets: one for each address and worker, sharing the port by SO_REUSEPORT.

The supervisor binds them before any worker runs and keeps them open, so that a wrong address is told at
once and connections that wait while a worker is replaced are not reset. Fails with ConfigError naming the
listener.
"""

from __future__ import annotations

import socket
import time

from gateway.config import ConfigError, HostPort, Listener

Bound = tuple[str, socket.socket]  # listener's name, socket


def bind(listeners: tuple[Listener, ...], workers: int) -> list[list[Bound]]:
    """For each worker, its sockets. Port 0 takes a free port, the same for all workers."""
    shares: list[list[Bound]] = [[] for _ in range(workers)]
    for listener in listeners:
        for address in listener.bind:
            port = address.port
            if port:
                _require_free(listener, address)
            for share in shares:
                bound = _bind(listener, address, port)
                port = bound.getsockname()[1]
                share.append((listener.name, bound))
    return shares


def _bind(listener: Listener, address: HostPort, port: int, *, shared: bool = True) -> socket.socket:
    made: socket.socket | None = None
    try:
        family, kind, protocol, _, target = socket.getaddrinfo(
            address.host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        made = socket.socket(family, kind, protocol)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, shared)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind(target)
    except OSError as error:
        if made is not None:
            made.close()
        raise ConfigError(
            f"listener {listener.name}: cannot bind {address}: {error.strerror or error}; "
            "expected a free address of this machine (ports below 1024 need CAP_NET_BIND_SERVICE)"
        ) from error
    made.setblocking(False)
    return made


def _require_free(listener: Listener, address: HostPort) -> None:
    """With SO_REUSEPORT a second service would get a part of the connections, unnoticed: nobody else may listen.

    Workers whose supervisor was killed give their sockets back within moments: so this waits a little.
    """
    for _ in range(30):
        try:
            _bind(listener, address, address.port, shared=False).close()
            return
        except ConfigError as error:
            problem = error
            time.sleep(0.1)
    raise problem


def describe(share: list[Bound]) -> str:
    """Sockets to hand to a child, as `name=descriptor,...`."""
    return ",".join(f"{name}={bound.fileno()}" for name, bound in share)


def adopt(text: str) -> list[Bound]:
    """In the child: the sockets that `describe` named."""
    pairs = (item.rpartition("=") for item in text.split(","))
    return [(name, socket.socket(fileno=int(descriptor))) for name, _, descriptor in pairs]

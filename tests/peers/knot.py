"""A real DNS server (Knot) on a port of this machine, with one zone from a temporary folder."""

from __future__ import annotations

import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import dns.message
import dns.query
import dns.rcode

CONFIG = """\
server:
    rundir: "{folder}"
    listen: 127.0.0.1@{port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
database:
    storage: "{folder}"
zone:
  - domain: example.
    file: "{folder}/example.zone"
    zonefile-sync: -1
    journal-content: none
"""

START = """\
$ORIGIN example.
$TTL 60
@ IN SOA ns hostmaster 1 3600 600 86400 60
@ IN NS ns
ns IN A 127.0.0.1
"""


@dataclass
class Knot:
    """A running server that knows `example.`."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)


def start(program: Path, folder: Path, zone: str) -> Knot:
    """Serve these records below `example.` until stopped. Raises AssertionError with the server's words."""
    port = _free_port()
    (folder / "example.zone").write_text(START + zone)
    config = folder / "knot.conf"
    config.write_text(CONFIG.format(folder=folder, port=port))
    log = folder / "knot.log"
    with log.open("wb") as file:
        process = subprocess.Popen([program, "-c", config], stdout=file, stderr=file)
    query = dns.message.make_query("ns.example.", "A")
    deadline = time.monotonic() + 20
    while True:
        assert process.poll() is None and time.monotonic() < deadline, log.read_text()
        try:
            answer = dns.query.udp(query, "127.0.0.1", port=port, timeout=0.2)
            if answer.rcode() == dns.rcode.NOERROR and answer.answer:
                return Knot(folder, port, process)
        except (OSError, dns.exception.DNSException):
            time.sleep(0.02)


def _free_port() -> int:
    """A port that is free for TCP and for UDP."""
    while True:
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            port: int = tcp.getsockname()[1]
            try:
                udp.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port

"""The gateway, as a district would run it: `mailgw serve` with two workers, the indexer, every rule, a roster
of 20,000 people, a durable archive on the disk that the peers use too.

What differs from the shipped defaults, and why: the limit of connections for one client address, because the
generator is one client; no look-ups in DNS; telemetry on a free port. Its log goes to a file.

After each turn the archive is counted: what the sink accepted has to be in it, else the turn fails.
"""

from __future__ import annotations

import importlib.metadata
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.directory import DOMAIN, write_roster
from bench.peers import Candidate, Running
from bench.processes import LOOPBACK, BenchError, Child, free_port, greets, run

DISTRIBUTION = "district-mail-gateway"
WORKERS = 2

CONFIG = """\
hostname = "mx.{domain}"

[district]
name = "Bench District"
domains = ["{domain}"]

[storage]
path = "{folder}/data"

[processes]
smtp_workers = {workers}

[[listener]]
name = "bench"
role = "inbound"
bind = ["{loopback}:{port}"]

[[route]]
domains = ["{domain}"]
next_hop = "{loopback}:{sink}"
tls = "off"

[limits]
connections_per_address = 1000

[directory]
path = "{roster}"

# The bench's domains are in no DNS, and the other candidates ask none.
[authentication]
check = "never"

[telemetry]
bind = "{loopback}:{telemetry}"
"""


class RunningGateway(Running):
    def __init__(self, folder: Path, port: int, telemetry: int, child: Child) -> None:
        self.port = port
        self.child: Child = child
        self._telemetry = telemetry
        self._archive = folder / "data" / "archive"

    def settle(self, seconds: float) -> str | None:
        """Until catalog and search index have caught up, so that one measurement's backlog does not load the next."""
        deadline = time.monotonic() + seconds
        for what in ("indexer", "search"):
            while (lag := self.metric(f"mailgw_{what}_lag_entries")) and time.monotonic() < deadline:
                time.sleep(0.25)
            if lag:
                return f"the {what} index was {lag:,.0f} entries behind after {seconds:.0f} s"
        return None

    def metric(self, name: str) -> float | None:
        """The sum of a series over its labels; None when it is not exported."""
        text = fetch(self._telemetry, "/metrics") or ""
        found = [line for line in text.splitlines() if line.startswith((name + " ", name + "{"))]
        return sum(float(line.rsplit(" ", 1)[1]) for line in found) if found else None

    def audit(self, accepted: int) -> dict[str, int]:
        archived, relayed, findings = count_archive(self._archive)
        if not archived == relayed == accepted:
            raise BenchError(
                f"the sink took {accepted:,} messages, the archive holds {archived:,} and {relayed:,} of them"
                " as relayed: the figures of this turn count for nothing"
            )
        return {"archived": archived, "delivered": accepted, "with a finding": findings}


class Gateway(Candidate):
    name = "gateway"
    title = "the gateway"

    def __init__(self, command: Sequence[str], cache: Path, more: str = "", name: str = "") -> None:
        """`more`: further sections of the configuration. `name`: where it is not the gateway as it is."""
        if name:
            self.name, self.title = name, f"the gateway, {name}"
        self._command = [*command]
        self._more = more
        self._roster = cache / "roster"

    def prepare(self) -> str | None:
        write_roster(self._roster)
        return None

    def version(self) -> str:
        run([*self._command, "--help"], 60)
        return (
            f"{importlib.metadata.version(DISTRIBUTION)}, Python {sys.version.split()[0]}, {WORKERS} workers"
        )

    def start(self, folder: Path, sink_port: int) -> RunningGateway:
        return self.start_with(folder, sink_port, {})

    def start_with(self, folder: Path, sink_port: int, environment: Mapping[str, str]) -> RunningGateway:
        """As `start`, with more environment variables (the slower fsync)."""
        port, telemetry = free_port(), free_port()
        config = folder / "gateway.toml"
        (folder / "data").mkdir()
        config.write_text(
            CONFIG.format(
                domain=DOMAIN,
                folder=folder,
                workers=WORKERS,
                loopback=LOOPBACK,
                port=port,
                sink=sink_port,
                roster=self._roster.resolve(),
                telemetry=telemetry,
            )
            + self._more
        )
        child = Child(
            self.title, [*self._command, "serve", "--config", str(config)], folder / "log", env=environment
        )
        child.wait_ready(lambda: greets(port) and fetch(telemetry, "/readyz") is not None, 60)
        return RunningGateway(folder, port, telemetry, child)


def fetch(port: int, path: str) -> str | None:
    """The body of a page on loopback, or None when it is not there or not 200."""
    try:
        with urllib.request.urlopen(f"http://{LOOPBACK}:{port}{path}", timeout=5) as answer:
            text: str = answer.read().decode("utf-8", "replace")
            return text
    except (urllib.error.URLError, OSError):
        return None


def count_archive(folder: Path) -> tuple[int, int, int]:
    """Messages archived, of those relayed (by their event), and messages with a finding."""
    from gateway.archive import Kind, Reader  # here, so that the peers can be measured without the gateway

    reader = Reader(folder)
    archived, findings, after = 0, 0, 0
    relayed: set[str] = set()
    while entries := reader.follow(after, 5000):
        after = entries[-1].seq
        for entry in entries:
            if entry.kind is Kind.MESSAGE:
                archived += 1
                findings += bool((entry.document.get("verdict") or {}).get("findings"))
            elif entry.document.get("event") == "relayed":
                relayed.add(str(entry.subject_id))
    reader.close()
    return archived, len(relayed), findings

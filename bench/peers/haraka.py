"""Haraka with its `smtp_proxy` plugin, from npm, locked by `peers/npm/package-lock.json`.

Tuned in its favour: two workers, as the gateway has; the two plugins that make it a relay, and one that spares
it the look-up of the client's name; log level notice (as shipped it writes several lines for each message);
TCP_NODELAY on its connections, without which its many small writes wait 40 ms for the next hop's delayed ACK
(400 messages/s instead of 1,000 where this was written). Limits that the messages would meet are lifted.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import signal
from pathlib import Path

from bench.peers import Candidate, Running
from bench.processes import LOOPBACK, BenchError, Child, free_port, greets, run

LOCK = Path(__file__).parent / "npm"
WORKERS = 2
NODE = 20  # the oldest major version that Haraka 3.3 runs on

CONFIG = {
    "smtp.ini": "listen={loopback}:{port}\nnodes={workers}\n",
    "plugins": "no_rdns\nrcpt_to.in_host_list\nqueue/smtp_proxy\n",
    "host_list": "district.example\n",
    "smtp_proxy.ini": "host={loopback}\nport={sink}\nenable_outbound=true\n",
    "log.ini": "[main]\nlevel=notice\ntimestamps=false\nformat=default\n",
    "me": "peer.district.example\n",
}
NO_RDNS = "exports.hook_lookup_rdns = (next) => next(OK, 'localhost')\n"


class _Haraka(Running):
    def __init__(self, port: int, child: Child) -> None:
        self.port = port
        self.child: Child = child

    def stop(self) -> None:
        self.child.stop(signal.SIGINT, seconds=10)


class Haraka(Candidate):
    name = "haraka"
    title = "Haraka smtp_proxy"

    def __init__(self, cache: Path) -> None:
        self._folder = cache / "haraka"
        self._package = self._folder / "node_modules" / "Haraka"

    def prepare(self) -> str | None:
        """Install what the lock names, once for each lock."""
        if shutil.which("node") is None or shutil.which("npm") is None:
            return f"Haraka needs node (>= {NODE}) and npm"
        found = run(["node", "--version"], 10).strip()
        match = re.match(r"v(\d+)", found)
        if match is None or int(match[1]) < NODE:
            return f"Haraka needs node >= {NODE}; here is {found}"
        lock = (LOCK / "package-lock.json").read_bytes()
        stamp = self._folder / "installed"
        digest = hashlib.sha256(lock).hexdigest()
        if stamp.exists() and stamp.read_text() == digest:
            return None
        self._folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copyfile(LOCK / name, self._folder / name)
        quiet = ("--ignore-scripts", "--no-audit", "--no-fund")
        run(["npm", "ci", "--omit=dev", "--omit=optional", *quiet], 300, cwd=self._folder)
        stamp.write_text(digest)
        return None

    def version(self) -> str:
        lock = (LOCK / "package-lock.json").read_text()
        match = re.search(r'"node_modules/Haraka": \{\s*"version": "([^"]+)"', lock)
        return f"{match[1] if match else '?'} on node {run(['node', '--version'], 10).strip()}"

    def _connection_ini(self) -> str:
        """The one that Haraka ships, which has to be whole, but for the largest message."""
        shipped = (self._package / "config" / "connection.ini").read_text()
        return re.sub(r"(?m)^bytes=.*", "bytes=100000000", shipped)

    def start(self, folder: Path, sink_port: int) -> Running:
        port = free_port()
        facts = {"loopback": LOOPBACK, "port": port, "sink": sink_port, "workers": WORKERS}
        (folder / "config").mkdir()
        for name, text in CONFIG.items():
            (folder / "config" / name).write_text(text.format(**facts))
        (folder / "config" / "connection.ini").write_text(self._connection_ini())
        (folder / "plugins").mkdir()
        (folder / "plugins" / "no_rdns.js").write_text(NO_RDNS)
        (folder / "queue").mkdir()
        program = self._package / "bin" / "haraka"
        if not program.exists():
            raise BenchError(f"{self.title}: not installed in {self._folder}")
        child = Child(
            self.title,
            ["node", "--require", str(LOCK / "nodelay.js"), str(program), "-c", str(folder)],
            folder / "log",
            env={"NODE_ENV": "production"},
        )
        child.wait_ready(lambda: greets(port), 30)
        return _Haraka(port, child)

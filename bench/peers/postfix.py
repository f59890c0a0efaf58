"""Postfix, from Debian, in two ways: its before-queue proxy alone, and with its queue.

Each runs as an instance of its own (configuration, queue and data below the candidate's folder, a high port
on loopback, no chroot), so that neither an installed Postfix nor another bench is touched. Everything that
could slow it down without need is off: look-ups of client names, per-client limits, local recipient tables,
TLS. What makes it Postfix stays as shipped: fsync of every queued message, process reuse, concurrency.

Postfix logs as shipped, to syslog; where no syslog runs (a container) that costs it nothing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

from bench.peers import Candidate, Running
from bench.processes import LOOPBACK, BenchError, Child, free_port, greets, run

# Above the 200 idle connections of the memory measurement: Postfix takes one process for each.
PROCESSES = 300

MAIN_CF = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
myhostname = peer.district.example
mydestination =
local_recipient_maps =
alias_maps =
relay_domains = district.example
relay_recipient_maps =
relayhost = [{loopback}]:{sink}
mynetworks = 127.0.0.0/8
inet_interfaces = loopback-only
inet_protocols = ipv4
smtpd_peername_lookup = no
smtpd_tls_security_level = none
smtp_tls_security_level = none
smtp_dns_support_level = disabled
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
default_process_limit = {processes}
message_size_limit = 0
mailbox_size_limit = 0
biff = no
# The queue's share of the disk is the bench's business, not a reason to refuse mail.
queue_minfree = 0
"""

# service type private unpriv chroot wakeup maxproc command
PROXY_SERVICES = """\
{loopback}:{port} inet n - n - {processes} smtpd
    -o smtpd_proxy_filter={loopback}:{sink}
    -o smtpd_proxy_timeout=100s
    -o smtpd_proxy_options=
"""
QUEUE_SERVICES = """\
{loopback}:{port} inet n - n - {processes} smtpd
"""
COMMON_SERVICES = """\
cleanup  unix n - n - 0 cleanup
qmgr     unix n - n 300 1 qmgr
rewrite  unix - - n - - trivial-rewrite
bounce   unix - - n - 0 bounce
defer    unix - - n - 0 bounce
trace    unix - - n - 0 bounce
verify   unix - - n - 1 verify
proxymap unix - - n - - proxymap
smtp     unix - - n - - smtp
relay    unix - - n - - smtp
showq    unix n - n - - showq
error    unix - - n - - error
retry    unix - - n - - error
anvil    unix - - n - 1 anvil
scache   unix - - n - 1 scache
postlog  unix-dgram n - n - 1 postlogd
"""


class _Postfix(Running):
    def __init__(self, config: Path, port: int, child: Child) -> None:
        self.port = port
        self.child: Child = child
        self._config = config

    def settle(self, seconds: float) -> str | None:
        """Until the queue is empty."""
        deadline = time.monotonic() + seconds
        while (queued := self._queued()) and time.monotonic() < deadline:
            time.sleep(0.2)
        return f"{queued} messages still queued after {seconds:.0f} s" if queued else None

    def _queued(self) -> int:
        queue = self._config.parent / "queue"
        return sum(
            len(files) for name in ("incoming", "active", "deferred") for _, _, files in os.walk(queue / name)
        )

    def audit(self, accepted: int) -> dict[str, int]:
        deferred = sum(len(files) for _, _, files in os.walk(self._config.parent / "queue" / "deferred"))
        if deferred:
            raise BenchError(f"{deferred} messages were deferred; its figures would flatter it")
        return {}


class Postfix(Candidate):
    """Postfix; `queued` says whether it owns mail (its queue) or only proxies (before-queue filter)."""

    def __init__(self, *, queued: bool) -> None:
        self._queued = queued
        self.name = "postfix-queue" if queued else "postfix-proxy"
        self.title = "Postfix, its queue" if queued else "Postfix, before-queue proxy"

    def prepare(self) -> str | None:
        if shutil.which("postfix") is None:
            return "Postfix is not installed (Debian: apt-get install postfix, without starting it)"
        if os.geteuid() != 0:
            return "Postfix starts as root only; run the bench as root to see it"
        return None

    def version(self) -> str:
        return run(["postconf", "-dh", "mail_version"], 10).strip()

    def start(self, folder: Path, sink_port: int) -> Running:
        port = free_port()
        config = folder / "config"
        config.mkdir()
        (folder / "queue").mkdir()
        (folder / "data").mkdir()
        shutil.chown(folder / "data", "postfix")
        facts = {
            "folder": folder, "loopback": LOOPBACK, "port": port, "sink": sink_port, "processes": PROCESSES,
        }  # fmt: skip
        services = QUEUE_SERVICES if self._queued else PROXY_SERVICES
        (config / "main.cf").write_text(MAIN_CF.format(**facts))
        (config / "master.cf").write_text(services.format(**facts) + COMMON_SERVICES)
        child = Child(self.title, ["postfix", "-c", str(config), "start-fg"], folder / "log")
        child.wait_ready(lambda: greets(port), 20)
        return _Postfix(config, port, child)


def install_postfix() -> None:
    """Install Debian's postfix as root, without starting a service and without a configuration of its own.

    BenchError where apt-get fails. What was there before (a `policy-rc.d`, a configuration) is left as it is.
    """
    policy = Path("/usr/sbin/policy-rc.d")  # exit code 101 forbids package scripts to start a service
    ours = not policy.exists()
    if ours:
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        subprocess.run(
            ["debconf-set-selections"],
            input=b"postfix postfix/main_mailer_type select No configuration\n",
            check=False,
        )
        run(["apt-get", "update", "-qq"], 120, env=environment)
        run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "postfix"], 300, env=environment)
    finally:
        if ours:
            policy.unlink(missing_ok=True)

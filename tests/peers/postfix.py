"""A real Postfix from a temporary configuration folder: own queue, own ports, own log, nothing of the system's.

It listens on several ports at once, each with a character of its own (`PORTS`), delivers the district's mail
to Maildirs, and sends everything else, whatever its domain, to the gateway it is told of. Needs root, as
Postfix itself does; stops only what it started.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.smtp.certificates import Authority, Pair

MAILBOXES = ("mary", "joe", "students/ann")
DOMAIN = "district.example"

# The name of a port, and the settings that make it what it is.
PORTS: dict[str, dict[str, str]] = {
    "plain": {"smtpd_tls_security_level": "none"},
    "tls": {"smtpd_tls_security_level": "may"},
    "only-tls": {"smtpd_tls_security_level": "encrypt"},
    "7bit": {"smtpd_discard_ehlo_keywords": "8bitmime,smtputf8,chunking,starttls"},
    "small": {"message_size_limit": "20000", "smtpd_tls_security_level": "none"},
}

MAIN = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
multi_instance_name =
myhostname = postfix.district.example
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = all
alias_maps =
local_recipient_maps =
biff = no
smtpd_peername_lookup = no
smtpd_delay_reject = no
smtpd_client_connection_count_limit = 0
smtpd_recipient_restrictions = reject_unauth_destination
smtpd_reject_unlisted_recipient = yes
smtpd_authorized_xclient_hosts = 127.0.0.0/8
smtpd_tls_cert_file = {own.certificate}
smtpd_tls_key_file = {own.key}
smtpd_tls_received_header = yes
smtpd_tls_session_cache_database =
virtual_mailbox_domains = {domain}
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = inline:{{ {mailboxes} }}
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
message_drop_headers =
local_header_rewrite_clients =
relayhost = [127.0.0.1]:{gateway}
transport_maps = inline:{{ {transports} }}
smtp_tls_security_level = may
smtp_tls_loglevel = 1
smtp_tls_CAfile = {authority.file}
smtp_tls_session_cache_database =
smtp_line_length_limit = 0
smtp_address_preference = ipv4
smtp_host_lookup = native
disable_dns_lookups = yes
minimal_backoff_time = 1s
maximal_backoff_time = 1s
queue_run_delay = 1s
default_destination_concurrency_failed_cohort_limit = 0
smtputf8_enable = yes
"""

# Recipient domains for which the gateway has to offer TLS, and to prove who it is.
TLS_CLIENTS: dict[str, dict[str, str]] = {
    "encrypt.example": {"smtp_tls_security_level": "encrypt"},
    "secure.example": {
        "smtp_tls_security_level": "secure",
        "smtp_tls_secure_cert_match": "gateway.district.example",
    },
}

DAEMONS = """\
cleanup   unix  n - n - 0 cleanup
qmgr      unix  n - n 300 1 qmgr
pickup    unix  n - n 1 1 pickup
tlsmgr    unix  - - n 1000? 1 tlsmgr
rewrite   unix  - - n - - trivial-rewrite
bounce    unix  - - n - 0 bounce
defer     unix  - - n - 0 bounce
trace     unix  - - n - 0 bounce
smtp      unix  - - n - - smtp
retry     unix  - - n - - error
error     unix  - - n - - error
virtual   unix  - n n - - virtual
anvil     unix  - - n - 1 anvil
proxymap  unix  - - n - - proxymap
scache    unix  - - n - 1 scache
showq     unix  n - n - - showq
postlog   unix-dgram n - n - 1 postlogd
"""


@dataclass
class Postfix:
    """A running instance."""

    program: Path
    folder: Path
    authority: Authority
    gateway_port: int  # where it sends what is not the district's own
    ports: dict[str, int] = field(default_factory=dict)

    def address(self, port: str = "plain") -> str:
        return f"127.0.0.1:{self.ports[port]}"

    # --- running ---

    def start(self, own: Pair) -> None:
        """Write the configuration and start. Raises CalledProcessError."""
        for name in ("queue", "data", "mail", "conf"):
            (self.folder / name).mkdir(mode=0o755)
        shutil.chown(self.folder / "data", "postfix", "root")
        shutil.chown(self.folder / "mail", 65534, 65534)
        mailboxes = ", ".join(f"{name.rpartition('/')[2]}@{DOMAIN}={name}/" for name in MAILBOXES)
        (self.folder / "conf" / "main.cf").write_text(
            MAIN.format(
                folder=self.folder,
                own=own,
                domain=DOMAIN,
                mailboxes=mailboxes,
                gateway=self.gateway_port,
                authority=self.authority,
                transports=", ".join(
                    f"{name}={name}:[127.0.0.1]:{self.gateway_port}" for name in TLS_CLIENTS
                ),
            )
        )
        self.ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
        services = []
        for name, settings in PORTS.items():
            services.append(f"127.0.0.1:{self.ports[name]} inet n - n - - smtpd")
            services += [f"  -o {key}={value}" for key, value in settings.items()]
        for name, settings in TLS_CLIENTS.items():
            services.append(f"{name} unix - - n - - smtp")
            services += [f"  -o {key}={value}" for key, value in settings.items()]
        (self.folder / "conf" / "master.cf").write_text("\n".join(services) + "\n" + DAEMONS)
        self.command("start")

    def command(self, *words: str) -> None:
        subprocess.run(
            [self.program, "-c", self.folder / "conf", *words],
            check=True,
            capture_output=True,
            timeout=60,
            env={**os.environ, "MAIL_CONFIG": str(self.folder / "conf")},
        )

    def stop(self) -> None:
        with suppress(subprocess.CalledProcessError):
            self.command("stop")

    def empty_queue(self) -> None:
        """Forget everything that waits."""
        self._run("postsuper", "-c", str(self.folder / "conf"), "-d", "ALL")

    def _run(self, program: str, *words: str, given: bytes = b"") -> None:
        subprocess.run(
            [self.program.parent / program, *words], input=given, check=True, capture_output=True, timeout=60
        )

    # --- what it does ---

    def send(
        self, raw: bytes, *recipients: str, sender: str = "mary@district.example", **options: str
    ) -> None:
        """Hand a message to its queue, as a local program does. `options`: N="success" is -N success."""
        words = [word for key, value in options.items() for word in (f"-{key}", value)]
        conf = str(self.folder / "conf")
        self._run("sendmail", "-C", conf, "-i", "-f", sender, *words, "--", *recipients, given=raw)

    def log(self) -> str:
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def delivered(self, mailbox: str = "mary") -> list[bytes]:
        """Messages in a Maildir, oldest first."""
        folder = self.folder / "mail" / mailbox / "new"
        files = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime_ns) if folder.is_dir() else []
        return [path.read_bytes() for path in files]

    def statuses(self, recipient: str) -> list[str]:
        """What became of a recipient's mail, as the log has it: "sent", "deferred", "bounced"."""
        return re.findall(rf"to=<{re.escape(recipient)}>.* status=(\w+)", self.log())


def free_ports(count: int) -> list[int]:
    """Ports on which nobody listens now."""
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def new_folder(name: str) -> Path:
    """A folder that a daemon's own user may enter, which pytest's are not."""
    folder = Path(tempfile.mkdtemp(prefix=f"mailgw-{name}-"))
    folder.chmod(0o755)
    return folder


def listening(port: int, *, host: str = "127.0.0.1", seconds: float = 20) -> None:
    """Return when somebody accepts connections there. Raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while True:
        with suppress(OSError), socket.create_connection((host, port), timeout=1):
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"nobody listens on {host}:{port}")
        time.sleep(0.01)


def below_trace(delivered: Iterable[bytes]) -> list[Any]:
    """Messages as Postfix delivered them (LF line ends), each without what Postfix and the gateway put above."""
    found = []
    for raw in delivered:
        _, _, rest = raw.partition(b"\tby gateway.district.example ")
        found.append(rest.split(b"\n", 2)[2] if rest else raw)
    return found

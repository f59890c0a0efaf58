"""The demo's folder: made, locked, filled with roster and configuration.

    gateway.toml    the gateway's configuration
    retention.toml  how long which mail is kept
    roster/         what the gateway reads as the district's directory
    mailboxes.txt   what the district's mail server delivers to
    mail/district/  the Maildir of the district's mail server
    mail/internet/  the Maildir of everybody else
    storage/        the gateway's archive and catalog
    log/            what the processes say

A folder that an earlier demo made is begun anew; any other folder with something in it is left alone.
Fails with `PlaceError`.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gateway.demo.district import DOMAIN, NAME, District
from gateway.demo.roster import write_roster

_MARK = ".mailgw-demo"
_OURS = ("gateway.toml", "retention.toml", "mailboxes.txt", "roster", "mail", "storage", "log")
HOST = "127.0.0.1"


class PlaceError(Exception):
    """The folder cannot be used; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Ports:
    """On the loopback address; by default those that the documentation names."""

    inbound: int = 2525
    outbound: int = 2526
    metrics: int = 9108


_SCHEDULE = """\
# Written by `mailgw demo`; config/retention.toml is a fuller one, with comments.
[[series]]
name = "correspondence"
title = "Correspondence and all other mail"
trigger = "received"
floor = "7 years"
authority = "M.G.L. c.66 §8"
"""


def addresses(ports: Ports) -> dict[str, str]:
    """URLs of what listens there."""
    return {
        "inbound": f"smtp://{HOST}:{ports.inbound}",
        "outbound": f"smtp://{HOST}:{ports.outbound}",
        "metrics": f"http://{HOST}:{ports.metrics}/metrics",
        "health": f"http://{HOST}:{ports.metrics}/readyz",
    }


@dataclass(frozen=True, slots=True)
class Place:
    folder: Path  # absolute
    lock: int  # file descriptor
    anew: bool  # whether an earlier demo's data made way

    @property
    def config(self) -> Path:
        return self.folder / "gateway.toml"

    @property
    def storage(self) -> Path:
        return self.folder / "storage"

    @property
    def mailboxes(self) -> Path:
        return self.folder / "mailboxes.txt"

    def maildir(self, name: str) -> Path:
        return self.folder / "mail" / name

    def log(self, name: str) -> Path:
        return self.folder / "log" / f"{name}.log"


@contextmanager
def taken(folder: Path) -> Iterator[Place]:
    """Take a folder for one demo. Raises PlaceError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        mark = folder / _MARK
        if any(folder.iterdir()) and not mark.exists():
            raise PlaceError(f"{folder} holds something else; name an empty or a new folder with --data")
        lock = os.open(mark, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise PlaceError(f"{folder} cannot be used: {error.strerror}") from error
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise PlaceError(
                f"{folder} is in use by another demo, or by a gateway that one left running"
            ) from None
        anew = _clear(folder)
        (folder / "log").mkdir()
        (folder / "storage").mkdir(mode=0o750)
        yield Place(folder.resolve(), lock, anew)
    finally:
        os.close(lock)


def _clear(folder: Path) -> bool:
    """Remove what an earlier demo left, and nothing else."""
    old = [folder / name for name in _OURS if (folder / name).exists()]
    for path in old:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    return bool(old)


def furnish(place: Place, district: District) -> None:
    """Write the roster and the list of mailboxes. Raises OSError."""
    write_roster(district, place.folder / "roster")
    boxes = "".join(f"{address}\n" for address in sorted(district.mailboxes))
    place.mailboxes.write_text(boxes, "utf-8")


def free_ports(wanted: Ports) -> Ports:
    """The wanted ports, each where it is free, else any free one. (0: any.)"""
    return Ports(*(_free(port) or _free(0) for port in (wanted.inbound, wanted.outbound, wanted.metrics)))


def _free(port: int) -> int:
    """The port if it can be bound (for 0, any), else 0."""
    with socket.socket() as probe:
        probe.setsockopt(
            socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
        )  # what a closed connection left does not count
        try:
            probe.bind((HOST, port))
        except OSError:
            return 0
        bound: int = probe.getsockname()[1]
        return bound


def write_config(
    place: Place, district: District, ports: Ports, district_port: int, internet_port: int
) -> None:
    """Write gateway.toml and retention.toml. Paths in it are relative, so the folder may be moved. Raises OSError."""
    director = json.dumps(district.athletic_director.email)  # TOML's strings are JSON's
    text = f'''# Written by `mailgw demo`; a district's own configuration looks much the same.
hostname = "gateway.{DOMAIN}"

[district]
name = {json.dumps(NAME)}
domains = ["{DOMAIN}"]

[storage]
path = "storage"
min_free = "64 MiB"

[ledger]
interval = 10  # so that a message can be proven soon after it came

[processes]
smtp_workers = 2

[[listener]]  # from the internet, to the district
name = "inbound"
role = "inbound"
bind = ["{HOST}:{ports.inbound}"]

[[listener]]  # from the district's mail server, to anywhere
name = "outbound"
role = "outbound"
bind = ["{HOST}:{ports.outbound}"]
networks = ["127.0.0.0/8"]

[[route]]  # the stand-in for the district's mail server
domains = ["{DOMAIN}"]
next_hop = "{HOST}:{district_port}"
tls = "off"

[[route]]  # the stand-in for the internet
domains = ["*"]
next_hop = "{HOST}:{internet_port}"
tls = "off"

[directory]
path = "roster"

[authentication]  # the demo's domains are in no DNS; a real district leaves this line out
check = "never"

[policy.fallback_administrators.team]
people = [{director}]
principals = true

[policy.fallback_administrators.club]
principals = true

[telemetry]
bind = "{HOST}:{ports.metrics}"
'''
    place.config.write_text(text, "utf-8")
    place.config.with_name("retention.toml").write_text(_SCHEDULE, "utf-8")

"""How large an archive is: beside the mail itself, gzip of it, and public-inbox with the same mail.

    python -m bench.size [--messages N] [--json FILE] [--work FOLDER]

The gateway's archive is filled as the search bench fills it: with envelopes, verdicts and an event for each message,
none of which the others keep. It is measured as it is written, and once all its months are closed and compacted, as all
but the newest one are in an archive of years. A quarter of the messages with a file are passed on. gzip is given all
mail in one stream, which nobody could take one message out of.

A target that is missed is printed, no error.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from bench.directory import DOMAIN, write_roster
from bench.processes import LOOPBACK, BenchError
from bench.search.__main__ import CONFIG
from bench.search.filling import fill
from bench.search.mail import Letter, Mail
from bench.size.public_inbox import PublicInbox, missing, version
from gateway.archive import Archive
from gateway.config import load

QUICK, FULL = 10_000, 100_000
_ROOM = 40_000  # octets of disk for each message
_MILLION = 1_000_000
_PASSED_ON = 4
_FILE = b"\r\nContent-Disposition: attachment"
_ID = re.compile(rb"^Message-ID:.*?$(?=\r)", re.M | re.I)


@dataclass(slots=True)
class Figures:
    """What was measured; sizes in octets."""

    messages: int = 0
    mail: int = 0  # the messages themselves, as they were received
    sizes: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    peers: dict[str, str] = field(default_factory=dict)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.size", description="How large an archive is.")
    parser.add_argument("--messages", type=int, default=QUICK, help=f"default {QUICK:,}; in full {FULL:,}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure to FILE as well")
    parser.add_argument(
        "--work", type=Path, default=Path("/var/tmp"), help="where folders are made: a real disk"
    )
    given = parser.parse_args(arguments)
    if shutil.disk_usage(given.work).free < given.messages * _ROOM:
        print(f"bench: {given.work} has too little room; name another place by --work", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="mailgw-bench-", dir=given.work) as name:
        try:
            found = measure(Path(name), given.messages)
        except BenchError as error:
            print(f"bench: {error}", file=sys.stderr)
            return 1
    _print(found)
    if given.json is not None:
        given.json.write_text(json.dumps(asdict(found), indent=1) + "\n")
    return 0


def letters(mail: Mail) -> Iterator[Letter]:
    """All mail; a quarter of the messages with a file are passed on by whoever got them, file and all."""
    for letter in mail.letters():
        yield letter
        if letter.number % _PASSED_ON == 0 and _FILE in letter.raw:
            number = letter.number + mail.count
            head, _, body = letter.raw.partition(b"\r\n\r\n")
            head = _ID.sub(b"Message-ID: <passed-on-%d@bench.example>" % number, head)
            raw = head.replace(b"\r\nSubject: ", b"\r\nSubject: Fwd: ", 1) + b"\r\n\r\n" + body
            yield Letter(number, letter.received, letter.recipients[0], (letter.sender,), raw)


def measure(folder: Path, messages: int) -> Figures:
    """Everything in its order."""
    mail, found = Mail(messages), Figures()
    for letter in letters(mail):
        found.mail += len(letter.raw)
        found.messages += 1
    _gateway(folder, mail, found)
    _gzip(folder, mail, found)
    trouble = missing()
    if trouble is None:
        _public_inbox(folder, mail, found)
    else:
        print(f"bench: {trouble}; it is left out", file=sys.stderr)
    return found


def _gateway(folder: Path, mail: Mail, found: Figures) -> None:
    write_roster(folder / "roster")
    path = folder / "gateway.toml"
    path.write_text(CONFIG.format(domain=DOMAIN, folder=folder, loopback=LOOPBACK))
    config = load(path)
    print(f"writing {found.messages:,} messages into an archive", file=sys.stderr)
    fill(config, letters(mail))
    _close_last_month(config.storage.archive)
    found.sizes["archive as written"] = _volumes(config.storage.archive)
    began = time.monotonic()
    command = [sys.executable, "-m", "gateway", "compact", "--config", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"compact failed: {done.stderr[-500:]}")
    found.seconds["compact"] = time.monotonic() - began
    found.sizes["archive compacted"] = _volumes(config.storage.archive)


def _close_last_month(folder: Path) -> None:
    """Let another month begin, with an event that tells nothing."""

    class Nobody:
        def committed(self, entries: int, seconds: float) -> None:
            """Not counted."""

        def failed(self, reason: str) -> None:
            raise BenchError(f"the archive failed: {reason}")

    after = datetime(2030, 1, 1, tzinfo=UTC)
    clock = int(after.timestamp() * _MILLION)
    archive = Archive(folder, compression_level=3, min_free=0, observer=Nobody(), clock=lambda: clock)
    archive.note(uuid4(), after, b'{"event":"nothing"}')
    archive.close()


def _volumes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*.sqlite*"))


def _gzip(folder: Path, mail: Mail, found: Figures) -> None:
    """All messages behind each other through one gzip, as it is and at its best."""
    for level in (6, 9):
        with (folder / "gzip").open("wb") as out:
            packing = subprocess.Popen(["gzip", f"-{level}", "-c"], stdin=subprocess.PIPE, stdout=out)
            assert packing.stdin is not None
            for letter in letters(mail):
                packing.stdin.write(letter.raw)
            packing.stdin.close()
            if packing.wait():
                raise BenchError("gzip failed")
        found.sizes[f"gzip -{level} of all mail"] = (folder / "gzip").stat().st_size


def _public_inbox(folder: Path, mail: Mail, found: Figures) -> None:
    found.peers["public-inbox"] = version()
    inbox = PublicInbox(folder / "public-inbox")
    print("public-inbox takes the same mail", file=sys.stderr)
    inbox.take(letters(mail))
    found.seconds["public-inbox"] = inbox.import_all(found.messages)
    size = inbox.size()
    found.sizes["public-inbox, Git alone, packed"] = size.packed
    found.sizes["public-inbox with its smallest index"] = size.packed + size.indexes


def _print(found: Figures) -> None:
    print(f"{found.messages:,} messages, {found.mail / _MILLION:,.1f} MB\n")
    ours = found.sizes["archive compacted"]
    print(f"{'':40}{'MB':>10}{'of the mail':>14}{'the archive is':>16}")
    rows = {"the mail itself": found.mail} | found.sizes
    for name, size in rows.items():
        print(f"{name:40}{size / _MILLION:>10,.1f}{size / found.mail:>13.0%}{ours / size:>15.2f}x")
    for name, seconds in found.seconds.items():
        print(f"\n{name}: {seconds:.1f} s", end="")
    print("".join(f"\n{name} {version}" for name, version in found.peers.items()))
    others = {name: size for name, size in rows.items() if not name.startswith("archive")}
    missed = [name for name, size in others.items() if ours >= size]
    print("smaller than all of them" if not missed else f"missed: not smaller than {', '.join(missed)}")


if __name__ == "__main__":
    sys.exit(main())

"""public-inbox as a peer: its own format 2, a Git repository to which every message is a commit, packed as Git packs.

Messages come in as its users import old mail: `public-inbox-watch` reads a Maildir from one end to the other.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bench.processes import BenchError
from bench.search.mail import Letter

_NAME, _ADDRESS = "bench", "bench@district.example"
_LOOK = 0.5  # seconds
_PATIENCE = 3600.0


@dataclass(frozen=True, slots=True)
class Size:
    """What is on the disk, in octets."""

    packed: int  # the Git repositories, after `git gc`
    indexes: int  # everything else: Xapian, SQLite


def missing() -> str | None:
    """Why there is no public-inbox here; None where there is."""
    if shutil.which("public-inbox-watch") is None or shutil.which("git") is None:
        return "public-inbox is not installed (Debian: apt-get install public-inbox)"
    return None


def version() -> str:
    """As it says itself."""
    done = subprocess.run(["public-inbox-init", "--help"], capture_output=True, text=True, check=False)
    package = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Version}", "public-inbox"], capture_output=True, text=True, check=False
    )
    return package.stdout.strip() or done.stdout.splitlines()[0]


class PublicInbox:
    """An inbox in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._mail = folder / "maildir"
        self._inbox = folder / "inbox"
        home = folder / "home"
        (home / ".public-inbox").mkdir(parents=True)
        for name in ("cur", "new", "tmp"):
            (self._mail / name).mkdir(parents=True)
        self._environment = {
            **os.environ,
            "HOME": str(home),
            "PI_CONFIG": str(home / ".public-inbox" / "config"),
        }
        self._run("git", "config", "--global", "user.email", _ADDRESS)
        self._run("git", "config", "--global", "user.name", _NAME)
        # Without a full-text index: only the mail itself is compared.
        self._run(
            "public-inbox-init",
            "-V2",
            "-L",
            "basic",
            _NAME,
            str(self._inbox),
            "https://bench.example/",
            _ADDRESS,
        )
        config = self._environment["PI_CONFIG"]
        self._run("git", "config", "-f", config, f"publicinbox.{_NAME}.watch", f"maildir:{self._mail}")

    def take(self, letters: Iterable[Letter]) -> None:
        """Write messages as a mail server delivers them: one file each, with LF."""
        for letter in letters:
            name = f"{int(letter.received.timestamp())}.{letter.number}.bench:2,S"
            (self._mail / "cur" / name).write_bytes(letter.raw.replace(b"\r\n", b"\n"))

    def import_all(self, count: int) -> float:
        """Let it take everything; the seconds that it took."""
        began = time.monotonic()
        with (self._folder / "watch.log").open("wb") as log:
            watching = subprocess.Popen(["public-inbox-watch"], env=self._environment, stdout=log, stderr=log)
            try:
                while self._messages() < count:
                    if watching.poll() is not None or time.monotonic() - began > _PATIENCE:
                        raise BenchError(f"public-inbox-watch ended early: {self._said()}")
                    time.sleep(_LOOK)
            finally:
                if watching.poll() is None:
                    watching.send_signal(signal.SIGTERM)
                    watching.wait()
        return time.monotonic() - began

    def size(self) -> Size:
        """After Git packed everything as well as it does when told to."""
        packed = 0
        for epoch in self._epochs():
            self._run("git", "-C", str(epoch), "gc", "--quiet", "--prune=now")
            packed += _octets(epoch)
        return Size(packed, _octets(self._inbox) - packed)

    def _messages(self) -> int:
        """Messages that are committed."""
        count = 0
        for epoch in self._epochs():
            done = subprocess.run(
                ["git", "-C", str(epoch), "rev-list", "--count", "--all"],
                env=self._environment,
                capture_output=True,
                text=True,
                check=False,
            )
            count += int(done.stdout.strip() or 0)
        return count

    def _epochs(self) -> list[Path]:
        return sorted((self._inbox / "git").glob("*.git"))

    def _run(self, *command: str) -> None:
        done = subprocess.run(command, env=self._environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BenchError(f"{' '.join(command[:3])} failed: {done.stderr[-500:]}")

    def _said(self) -> str:
        return (self._folder / "watch.log").read_text(errors="replace")[-500:]


def _octets(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())

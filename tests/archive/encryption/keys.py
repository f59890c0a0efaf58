"""Master keys for tests, and whoever hands them out."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from gateway.archive.encryption import Cipher, Keyring, KeysUnavailable, place
from gateway.archive.encryption.master import MasterKey

ROOT = Path(__file__).parents[3]  # where programs find these tests
OLD, NEW, OTHER = (MasterKey(bytes([n] * 32)) for n in (1, 2, 3))
WHERE = place(bytes(16), "entry.raw")


@dataclass
class Source:
    """Hands out what it has, and counts how often it was asked."""

    keys: tuple[MasterKey, ...]
    name: str = "the safe"
    asked: int = field(default=0)

    def read(self) -> tuple[MasterKey, ...]:
        self.asked += 1
        if not self.keys:
            raise KeysUnavailable("the safe: is locked")
        return self.keys


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def keyring(folder: Path, *masters: MasterKey, sealing: bool = True) -> Keyring:
    """As another process would have it."""
    return Keyring(folder, Source(masters), sealing=sealing)


def begun(folder: Path, month: str, *masters: MasterKey) -> tuple[str, bytes]:
    """A volume's data key by its id, and something sealed with it."""
    cipher = keyring(folder, *masters).begin(month)
    assert cipher is not None
    return cipher.key, cipher.seal(month.encode(), WHERE)


def opens(folder: Path, month: str, key: str, sealed: bytes, *masters: MasterKey) -> bool:
    """Whether another process with these master keys opens it."""
    try:
        cipher = keyring(folder, *masters).cipher(month, key)
    except KeysUnavailable:
        return False
    assert isinstance(cipher, Cipher)
    return cipher.open(sealed, WHERE) == month.encode()


def drafts(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.endswith(".new")]

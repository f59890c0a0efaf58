"""The list is believed only as it was written."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.backup import BackupFailed
from gateway.backup.manifest import Facts, Manifest, Named, Original, Stored, read, to_octets

ORIGINAL = Original("/var/lib/mailgw/archive/2026-11.sqlite", 10**19, Facts(5, 7, 9), Facts(1, 2, 3))
MANIFEST = Manifest(
    run=3,
    made="2026-11-23T12:00:00+00:00",
    gateway="0.1.0",
    origin="harbor.example/mail",
    hostname="gateway.harbor.example",
    config="/etc/mailgw/gateway.toml",
    storage="/var/lib/mailgw",
    owner="mailgw",
    named=(
        Named(("route", 0, "ca_file"), "/etc/ca.pem", None),
        Named(("tls", "key"), "/k.pem", "config/tls.key/k.pem"),
    ),
    left_out=("/etc/ca.pem",),
    files=(
        Stored("archive/2026-11.sqlite", 5, "00" * 32, 0o640, "mailgw:mailgw", 3, ORIGINAL, first=1, last=2),
    ),
)


def written(tmp_path: Path, octets: bytes) -> Path:
    path = tmp_path / "manifest.json"
    path.write_bytes(octets)
    return path


def test_what_was_written_is_read(tmp_path: Path) -> None:
    assert read(written(tmp_path, to_octets(MANIFEST))) == MANIFEST


def test_every_flipped_bit_is_found(tmp_path: Path) -> None:
    octets = to_octets(MANIFEST)
    unnoticed = []
    for at in range(0, 8 * len(octets), 5):
        flipped = bytearray(octets)
        flipped[at // 8] ^= 1 << at % 8
        try:
            found = read(written(tmp_path, flipped))
        except BackupFailed:
            continue
        if found != MANIFEST:
            unnoticed.append(at)
    assert unnoticed == []


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "archive/../../x", "other/x", "manifest.json"])
def test_no_file_outside_of_the_backup(tmp_path: Path, path: str) -> None:
    """A list that somebody made up: nothing is read or written elsewhere."""
    strange = Stored(path, 5, "00" * 32, 0o640, "mailgw:mailgw", 3, ORIGINAL)
    made = Manifest(
        **{name: getattr(MANIFEST, name) for name in MANIFEST.__dataclass_fields__} | {"files": (strange,)}
    )
    with pytest.raises(BackupFailed, match="is no path of a backup"):
        read(written(tmp_path, to_octets(made)))


def test_another_format(tmp_path: Path) -> None:
    with pytest.raises(BackupFailed, match="of format 9"):
        read(written(tmp_path, to_octets(MANIFEST).replace(b'"format": 1', b'"format": 9')))


@pytest.mark.parametrize(
    ("file", "log", "same"),
    [
        (Facts(5, 7, 9), Facts(1, 2, 3), True),
        (Facts(6, 7, 9), Facts(1, 2, 3), False),
        (Facts(5, 8, 9), Facts(1, 2, 3), False),
        (Facts(5, 7, 8), Facts(1, 2, 3), False),
        (Facts(5, 7, 9), Facts(1, 3, 3), False),
        (Facts(5, 7, 9), None, False),
    ],
)
def test_whether_a_file_changed(file: Facts, log: Facts | None, same: bool) -> None:
    assert ORIGINAL.is_surely(file, log) is same

"""Data keys of volumes: durable before they are used, found again, never lost, and told apart."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from gateway.archive.encryption import Cipher, Keyring, KeysUnavailable, wrapped
from gateway.archive.encryption.keyring import PATIENCE
from tests.archive.encryption.keys import (
    NEW,
    OLD,
    OTHER,
    ROOT,
    WHERE,
    Clock,
    Source,
    begun,
    drafts,
    keyring,
    opens,
)


def must(cipher: Cipher | None) -> Cipher:
    assert cipher is not None
    return cipher


def test_off(tmp_path: Path) -> None:
    """Nothing is asked, nothing is written."""
    source = Source((OLD,))
    off = Keyring(tmp_path, source, sealing=False)
    assert off.begin("2026-11") is None
    assert off.renew("2026-11", None) is None
    assert off.cipher("2026-11", None) is None
    assert Keyring(tmp_path, None, sealing=False).begin("2026-11") is None
    assert (source.asked, list(tmp_path.iterdir())) == (0, [])
    with pytest.raises(ValueError, match="master key"):
        Keyring(tmp_path, None, sealing=True)


def test_what_one_process_seals_another_opens(tmp_path: Path) -> None:
    key, sealed = begun(tmp_path, "2026-11", OLD)
    assert opens(tmp_path, "2026-11", key, sealed, OLD)
    assert opens(tmp_path, "2026-11", key, sealed, OTHER, OLD, NEW)
    assert not opens(tmp_path, "2026-11", key, sealed, NEW)
    assert (tmp_path / "2026-11.keys").stat().st_mode & 0o777 == 0o640
    assert drafts(tmp_path) == []


def test_volumes_have_keys_of_their_own(tmp_path: Path) -> None:
    first, second = (must(keyring(tmp_path, OLD).begin(month)) for month in ("2026-11", "2026-12"))
    assert first.key != second.key
    with pytest.raises(ValueError, match="another key's"):
        second.open(first.seal(b"", WHERE), WHERE)


def test_a_volume_that_names_no_key_is_not_sealed_whatever_lies_beside_it(tmp_path: Path) -> None:
    begun(tmp_path, "2026-11", OLD)
    assert keyring(tmp_path, OLD).cipher("2026-11", None) is None


def test_the_source_is_asked_when_it_is_needed(tmp_path: Path) -> None:
    source = Source((OLD,))
    ring = Keyring(tmp_path, source, sealing=True)
    keys = [must(ring.begin(month)).key for month in ("2026-10", "2026-11")]
    assert source.asked == 2  # each time, for there may be a newer one
    assert must(ring.cipher("2026-10", keys[0])) is must(ring.cipher("2026-10", keys[0]))
    assert source.asked == 2
    reading = Keyring(tmp_path, source, sealing=False)
    for month, key in zip(("2026-10", "2026-11"), keys, strict=True):
        assert must(reading.cipher(month, key)).key == key
    assert source.asked == 3


# --- a crash between the key and its volume


def test_a_key_without_a_volume_is_taken_up_again(tmp_path: Path) -> None:
    key, sealed = begun(tmp_path, "2026-11", OLD)
    again = must(keyring(tmp_path, OLD).begin("2026-11"))
    assert again.key == key
    assert again.open(sealed, WHERE) == b"2026-11"


def test_a_key_without_a_volume_that_does_not_open_is_kept_beside_the_new_one(tmp_path: Path) -> None:
    key, sealed = begun(tmp_path, "2026-11", OLD)
    another, _ = begun(tmp_path, "2026-11", NEW)
    assert another != key
    assert opens(tmp_path, "2026-11", key, sealed, OLD)


def test_damaged_keys_without_a_volume_are_set_aside(tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / "2026-11.keys").write_text(f"damage {number}")
        key, sealed = begun(tmp_path, "2026-11", OLD)
        assert opens(tmp_path, "2026-11", key, sealed, OLD)
        assert (tmp_path / f"2026-11.keys.damaged-{number}").read_text() == f"damage {number}"


KILLED = """
import os, signal, sys
from pathlib import Path
from gateway.archive.encryption import Keyring
from tests.archive.encryption.keys import OLD, WHERE, Source

def step(name):
    if name.startswith(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)

ring = Keyring(Path(sys.argv[1]), Source((OLD,)), sealing=True, step=step)
ring.begin("2026-11")
print("went on")
"""


@pytest.mark.parametrize(("moment", "there"), [("begun", False), ("draft", False), ("file", True)])
def test_killed_while_a_key_is_made(tmp_path: Path, moment: str, there: bool) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path), moment], capture_output=True, timeout=60, cwd=ROOT
    )
    assert (done.returncode, done.stdout) == (-9, b""), done.stderr
    assert (wrapped.load(tmp_path, "2026-11") is not None) is there
    key, sealed = begun(tmp_path, "2026-11", OLD)
    assert opens(tmp_path, "2026-11", key, sealed, OLD)
    assert drafts(tmp_path) == []
    assert len((wrapped.load(tmp_path, "2026-11") or pytest.fail()).keys) == 1


# --- a volume is rewritten


def test_a_rewritten_volume_has_another_key_and_the_old_one_stays_until_it_is_let_go(tmp_path: Path) -> None:
    key, sealed = begun(tmp_path, "2026-11", OLD)
    ring = keyring(tmp_path, OLD)
    renewed = must(ring.renew("2026-11", key))
    resealed = renewed.seal(b"2026-11", WHERE)
    assert renewed.key != key
    assert opens(tmp_path, "2026-11", key, sealed, OLD)
    assert opens(tmp_path, "2026-11", renewed.key, resealed, OLD)
    assert must(ring.cipher("2026-11", key)).open(sealed, WHERE) == b"2026-11"
    ring.keep_only("2026-11", renewed.key)
    assert opens(tmp_path, "2026-11", renewed.key, resealed, OLD)
    assert not opens(tmp_path, "2026-11", key, sealed, OLD)
    with pytest.raises(KeysUnavailable, match=f"has no data key {key}, which the volume names"):
        ring.cipher("2026-11", key)


def test_a_sealed_volume_stays_sealed_where_new_ones_are_not(tmp_path: Path) -> None:
    key, _ = begun(tmp_path, "2026-11", OLD)
    assert must(keyring(tmp_path, OLD, sealing=False).renew("2026-11", key)).key != key


def test_a_volume_that_was_not_sealed_is_sealed_when_it_is_rewritten(tmp_path: Path) -> None:
    cipher = must(keyring(tmp_path, OLD).renew("2026-11", None))
    assert opens(tmp_path, "2026-11", cipher.key, cipher.seal(b"2026-11", WHERE), OLD)


def test_no_key_goes_for_one_that_is_not_there_or_does_not_open(tmp_path: Path) -> None:
    key, sealed = begun(tmp_path, "2026-11", OLD)
    other, _ = begun(tmp_path, "2026-11", NEW)
    before = (tmp_path / "2026-11.keys").read_bytes()
    with pytest.raises(KeysUnavailable, match="has no data key ffffffffffffffff"):
        keyring(tmp_path, OLD).keep_only("2026-11", "f" * 16)
    with pytest.raises(KeysUnavailable, match=f"is opened by master key {NEW.id}"):
        keyring(tmp_path, OLD).keep_only("2026-11", other)
    assert (tmp_path / "2026-11.keys").read_bytes() == before
    assert opens(tmp_path, "2026-11", key, sealed, OLD)


def test_several_make_keys_at_once(tmp_path: Path) -> None:
    """Each with a keyring of its own, as processes have."""
    made: list[Cipher] = []

    def renew() -> None:
        made.append(must(keyring(tmp_path, OLD).renew("2026-11", None)))

    threads = [threading.Thread(target=renew) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({cipher.key for cipher in made}) == 12
    assert all(opens(tmp_path, "2026-11", one.key, one.seal(b"2026-11", WHERE), OLD) for one in made)


# --- what is missing is told, with its remedy


def test_what_is_missing(tmp_path: Path) -> None:
    key, _ = begun(tmp_path, "2026-11", OLD)
    path = tmp_path / "2026-11.keys"
    with pytest.raises(KeysUnavailable) as caught:
        Keyring(tmp_path, None, sealing=False).cipher("2026-11", key)
    assert (
        str(caught.value) == "2026-11: the volume is encrypted, and no master key is named; set [encryption]"
    )
    with pytest.raises(KeysUnavailable) as caught:
        keyring(tmp_path, NEW, OTHER).cipher("2026-11", key)
    assert str(caught.value) == (
        f"{path}: is opened by master key {OLD.id}, and there is only {NEW.id}, {OTHER.id};"
        " put that key back from its copy"
    )
    with pytest.raises(KeysUnavailable, match="the safe: is locked"):
        keyring(tmp_path).cipher("2026-11", key)
    with pytest.raises(KeysUnavailable, match="the safe: is locked"):
        keyring(tmp_path).begin("2026-12")
    assert not (tmp_path / "2026-12.keys").exists()
    path.unlink()
    with pytest.raises(
        KeysUnavailable, match=r"2026-11\.keys: is not there; put it back from a backup: WITHOUT IT"
    ):
        keyring(tmp_path, OLD).cipher("2026-11", key)


def test_a_failure_is_believed_for_a_while(tmp_path: Path) -> None:
    key, _ = begun(tmp_path, "2026-11", OLD)
    source, clock = Source(()), Clock()
    ring = Keyring(tmp_path, source, sealing=True, clock=clock)
    for _ in range(3):
        with pytest.raises(KeysUnavailable, match="locked"):
            ring.begin("2026-12")
        with pytest.raises(KeysUnavailable, match="locked"):
            ring.cipher("2026-11", key)
    assert source.asked == 1
    source.keys = (OLD,)
    clock.now = PATIENCE
    assert must(ring.begin("2026-12"))
    assert must(ring.cipher("2026-11", key))
    assert source.asked == 2


def test_one_volume_that_does_not_open_is_not_in_the_way_of_others(tmp_path: Path) -> None:
    lost, _ = begun(tmp_path, "2026-10", OTHER)
    good, _ = begun(tmp_path, "2026-11", OLD)
    source = Source((NEW,))
    ring = Keyring(tmp_path, source, sealing=False, clock=Clock())
    for _ in range(3):
        with pytest.raises(KeysUnavailable, match=OTHER.id):
            ring.cipher("2026-10", lost)
    assert source.asked == 1
    source.keys = (OLD, NEW)
    assert must(ring.cipher("2026-11", good))


def test_the_keys_of_root_belong_to_the_archives_owner(tmp_path: Path) -> None:
    """Whoever runs this: as root, to the folder's owner; else it is the folder's owner anyway."""
    if os.geteuid() == 0:
        os.chown(tmp_path, 12345, 54321)
    begun(tmp_path, "2026-11", OLD)
    owner = tmp_path.stat()
    for path in tmp_path.iterdir():
        assert (path.stat().st_uid, path.stat().st_gid) == (owner.st_uid, owner.st_gid), path

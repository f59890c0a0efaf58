"""The file of a volume's data keys: any change by accident is refused, and one on purpose opens nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.archive.encryption import KeysUnavailable, wrapped
from gateway.archive.encryption.wrapped import DataKey, VolumeKeys
from tests.archive.encryption.keys import NEW, OLD, OTHER

DATA = bytes(range(100, 132))
ID = "0123456789abcdef"


@pytest.fixture
def keys() -> VolumeKeys:
    wraps = tuple(wrapped.wrap(DATA, "2026-11", ID, each) for each in (OLD, NEW))
    return VolumeKeys("2026-11", (DataKey(ID, "2026-11-01T00:00:00+00:00", wraps),))


def written(folder: Path, octets: bytes, month: str = "2026-11") -> Path:
    path = folder / f"{month}.keys"
    path.write_bytes(octets)
    return path


def test_what_is_written_is_read(keys: VolumeKeys, tmp_path: Path) -> None:
    written(tmp_path, keys.to_octets())
    found = wrapped.load(tmp_path, "2026-11")
    assert found == keys
    for masters in ((OLD,), (NEW,), (OTHER, NEW), (OLD, NEW)):
        assert wrapped.unwrap(keys.keys[0], "2026-11", masters) == DATA
    assert wrapped.unwrap(keys.keys[0], "2026-11", (OTHER,)) is None
    assert wrapped.unwrap(keys.keys[0], "2026-11", ()) is None
    assert wrapped.load(tmp_path, "2026-12") is None


def test_the_file_tells_no_secret(keys: VolumeKeys) -> None:
    text = keys.to_octets()
    for secret in (DATA, OLD.octets, NEW.octets):
        assert secret not in text
        assert secret.hex().encode() not in text
    body = json.loads(text)
    assert (body["format"], body["volume"]) == (1, "2026-11")
    assert [wrap["master"] for wrap in body["keys"][0]["wraps"]] == [OLD.id, NEW.id]


def test_every_flipped_bit_and_every_shorter_file_is_refused(keys: VolumeKeys) -> None:
    octets = keys.to_octets()
    for bit in range(8 * len(octets)):
        changed = bytearray(octets)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ValueError, match=r"damaged|changed"):
            wrapped.read(bytes(changed))
    for size in range(len(octets)):
        with pytest.raises(ValueError, match=r"damaged|changed"):
            wrapped.read(octets[:size])
    for more in (
        octets + b"\n",
        octets + b"\0" * 512,
        b"\xef\xbb\xbf" + octets,
        octets.replace(b"\n", b"\r\n"),
    ):
        with pytest.raises(ValueError, match=r"damaged|changed"):
            wrapped.read(more)


def test_what_is_wrong_names_the_file_and_the_remedy(keys: VolumeKeys, tmp_path: Path) -> None:
    path = written(tmp_path, b"{}")
    with pytest.raises(KeysUnavailable) as caught:
        wrapped.load(tmp_path, "2026-11")
    told = str(caught.value)
    assert told.startswith(
        f"{path}: is no file of keys, or was damaged; put it back from a backup: WITHOUT IT"
    )
    written(tmp_path, keys.to_octets(), "2026-10")
    with pytest.raises(
        KeysUnavailable, match=r"2026-10\.keys: holds the keys of 2026-11; put the right file back"
    ):
        wrapped.load(tmp_path, "2026-10")
    (tmp_path / "2026-09.keys").mkdir()
    with pytest.raises(KeysUnavailable, match=r"2026-09\.keys: cannot be read: Is a directory"):
        wrapped.load(tmp_path, "2026-09")


def forged(keys: VolumeKeys, change: Callable[[dict[str, Any]], object]) -> bytes:
    """The file as somebody writes it who knows how its SHA-256 is made."""
    body = json.loads(keys.to_octets())
    del body["sha256"]
    change(body)
    digest = hashlib.sha256(json.dumps(body).encode()).hexdigest()
    return json.dumps(body | {"sha256": digest}, indent=1).encode() + b"\n"


def test_a_forger_who_mends_the_digest_opens_nothing(keys: VolumeKeys) -> None:
    assert wrapped.read(forged(keys, lambda body: None)) == keys
    for change in (
        lambda body: body.update(volume="2026-10"),
        lambda body: body["keys"][0].update(id="0" * 16),
        lambda body: body["keys"][0]["wraps"][0].update(nonce=body["keys"][0]["wraps"][1]["nonce"]),
        lambda body: body["keys"][0]["wraps"][0].update(key=body["keys"][0]["wraps"][1]["key"]),
        lambda body: body["keys"][0]["wraps"][0].update(master=NEW.id),
    ):
        found = wrapped.read(forged(keys, change))
        assert found != keys
        assert wrapped.unwrap(found.keys[0], found.month, (OLD,)) is None


def test_a_wrap_in_another_name_does_not_hide_the_right_one(keys: VolumeKeys) -> None:
    key = keys.keys[0]
    wrong = replace(key.wraps[0], master=NEW.id)
    assert wrapped.unwrap(replace(key, wraps=(wrong, key.wraps[1])), "2026-11", (NEW,)) == DATA


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body.update(format=2),
        lambda body: body.update(keys=None),
        lambda body: body.update(keys=[7]),
        lambda body: body.pop("volume"),
        lambda body: body["keys"][0].pop("id"),
        lambda body: body["keys"][0]["wraps"][0].update(nonce="AAAA"),
        lambda body: body["keys"][0]["wraps"][0].update(nonce=7),
        lambda body: body["keys"][0]["wraps"][0].update(key="!"),
    ],
)
def test_what_this_program_does_not_write(
    keys: VolumeKeys, change: Callable[[dict[str, Any]], object]
) -> None:
    with pytest.raises(ValueError, match=r"is not what this program writes|has format 2"):
        wrapped.read(forged(keys, change))


@pytest.mark.parametrize("octets", [b"", b"[]", b"7", b"null", b'{"sha256": 7}', b"[" * 100_000, b"\xff"])
def test_what_is_no_file_of_keys(octets: bytes) -> None:
    with pytest.raises(ValueError, match=r"is no file of keys|was damaged or changed"):
        wrapped.read(octets)


def test_the_months_of_a_folder(keys: VolumeKeys, tmp_path: Path) -> None:
    for name in (
        "2026-12.keys",
        "2026-11.keys",
        ".2026-10.keys.new",
        "2026-13.keys",
        "2026-11.sqlite",
        "keys.lock",
    ):
        (tmp_path / name).touch()
    assert wrapped.months(tmp_path) == ["2026-11", "2026-12"]

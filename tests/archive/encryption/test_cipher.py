"""AES-256-GCM as NIST publishes it, and sealed octets that open in their own place only."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

import pytest

from gateway.archive.encryption import Cipher, place
from gateway.archive.encryption.cipher import NONCE, TAG

# NIST CAVP, gcmtestvectors.zip, gcmEncryptExtIV256.rsp (CAVS 14.0): Key, IV, AAD, PT, CT, Tag.
VECTORS = {
    "PTlen 0, AADlen 0, count 0": (
        "b52c505a37d78eda5dd34f20c22540ea1b58963cf8e5bf8ffa85f9f2492505b4",
        "516c33929df5a3284ff463d7",
        "",
        "",
        "",
        "bdc1ac884d332457a1d2664f168c76f0",
    ),
    "PTlen 128, AADlen 0, count 0": (
        "31bdadd96698c204aa9ce1448ea94ae1fb4a9a0b3c9d773b51bb1822666b8f22",
        "0d18e06c7c725ac9e362e1ce",
        "",
        "2db5168e932556f8089a0622981d017d",
        "fa4362189661d163fcd6a56d8bf0405a",
        "d636ac1bbedd5cc3ee727dc2ab4a9489",
    ),
    "PTlen 128, AADlen 128, count 0": (
        "92e11dcdaa866f5ce790fd24501f92509aacf4cb8b1339d50c9c1240935dd08b",
        "ac93a1a6145299bde902f21a",
        "1e0889016f67601c8ebea4943bc23ad6",
        "2d71bcfa914e4ac045b2aa60955fad24",
        "8995ae2e6df3dbf96fac7b7137bae67f",
        "eca5aa77d51d4a0a14d9c51e1da474ab",
    ),
    "PTlen 104, AADlen 160, count 1": (
        "97431e565e8370a4879de962746a2fd67eca868b1c8e51eece2c1f94f74af407",
        "17fb63066e2726d282ecc610",
        "78e7374da7c77be5938de8dd76cf0308618306a9",
        "e21629cc973fbe40176e621d9d",
        "80dbd469de480389ba6c2fca52",
        "4e284abb8b4f9f13c7497ae56df05fa5",
    ),
    "PTlen 408, AADlen 720, count 2": (
        "c277df045d0a1a3956958f271055c229d2634427b1d73e99d54920da69f72e01",
        "79e24f84bc77a21a6cb14ee2",
        "ca09282238d492029afbd30ea9b4aa9d448d77b4b41a791c35ebe3f8e5034ac71210117a843fae647cea020712c27e"
        "5c8f85acf933d5e28430c7770862d8dbb197cbbcfe49dd63f6aa05fbd13e32c459342698dfee5935c7c321",
        "5ca68d858cc30b1cb0514c4e9de98e1a1a835df401f69e9ec6f1bcb1158f09114dff551683b3827457f77e17a7097b1ea69eac",
        "5c5223c8eda59a8dc28b08e6c21482a46e5d84d32c7050bf144fc57f4e8094de133198da7b4b8398b167204aff837da15d9ab2",
        "378885950a4491bee3cd681d3c957b9a",
    ),
}
ID = bytes(range(16))


def always(octets: bytes) -> Callable[[int], bytes]:
    """Randomness that is none."""

    def random(size: int) -> bytes:
        assert size == len(octets)
        return octets

    return random


@pytest.fixture
def cipher() -> Cipher:
    return Cipher(os.urandom(32), "00" * 8)


@pytest.mark.parametrize("vector", VECTORS.values(), ids=list(VECTORS))
def test_published_vectors(vector: tuple[str, ...]) -> None:
    key, iv, aad, plain, sealed, tag = (bytes.fromhex(part) for part in vector)
    cipher = Cipher(key, "id", random=always(iv))
    assert cipher.seal(plain, aad) == iv + sealed + tag
    assert cipher.open(iv + sealed + tag, aad) == plain


def test_every_flipped_bit_and_every_shorter_text_is_refused(cipher: Cipher) -> None:
    where = place(ID, "entry.raw")
    sealed = cipher.seal(b"Subject: Practice\r\n\r\nAt five.\r\n", where)
    assert len(sealed) == NONCE + 31 + TAG
    for bit in range(8 * len(sealed)):
        changed = bytearray(sealed)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ValueError, match="not what was sealed"):
            cipher.open(changed, where)
    for size in range(len(sealed)):
        with pytest.raises(ValueError, match="not what was sealed"):
            cipher.open(sealed[:size], where)
    assert cipher.open(sealed, where) == b"Subject: Practice\r\n\r\nAt five.\r\n"


def test_octets_moved_to_another_row_column_or_volume_are_refused(cipher: Cipher) -> None:
    other = bytes([*ID[:-1], 99])
    places = [
        place(id, column) for id in (ID, other) for column in ("entry.raw", "entry.document", "part.data")
    ]
    sealed = [cipher.seal(b"the same", each) for each in places]
    for at, octets in enumerate(sealed):
        for to, where in enumerate(places):
            if at == to:
                assert cipher.open(octets, where) == b"the same"
            else:
                with pytest.raises(ValueError, match="not what was sealed"):
                    cipher.open(octets, where)
    with pytest.raises(ValueError, match="not what was sealed"):
        Cipher(os.urandom(32), "11" * 8).open(sealed[0], places[0])


@pytest.mark.parametrize("size", [0, 15, 17])
def test_a_place_has_an_identity_of_one_length(size: int) -> None:
    with pytest.raises(ValueError, match="16 octets"):
        place(bytes(size), "entry.raw")


@pytest.mark.parametrize("size", [0, 16, 31, 33])
def test_a_key_of_another_length_is_none(size: int) -> None:
    with pytest.raises(ValueError, match="32 octets"):
        Cipher(bytes(size), "id")


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_buffer(cipher: Cipher, kind: type) -> None:
    where = place(ID, "entry.raw")
    assert cipher.open(kind(cipher.seal(kind(b"octets"), where)), where) == b"octets"


def test_no_more_than_a_key_may_seal() -> None:
    cipher = Cipher(os.urandom(32), "ab" * 8, limit=3)
    sealed = [cipher.seal(b"", ID) for _ in range(3)]
    for _ in range(2):
        with pytest.raises(OverflowError, match="abababababababab has sealed as often as"):
            cipher.seal(b"", ID)
    assert [cipher.open(each, ID) for each in sealed] == [b""] * 3


def test_threads_share_a_cipher() -> None:
    cipher = Cipher(os.urandom(32), "id", limit=4000)
    sealed: list[tuple[bytes, bytes]] = []

    def seal() -> None:
        for _ in range(500):
            octets = os.urandom(2000)
            sealed.append((octets, cipher.seal(octets, ID)))

    threads = [threading.Thread(target=seal) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(cipher.open(octets, ID) == plain for plain, octets in sealed)
    assert len({octets[:NONCE] for _, octets in sealed}) == 4000
    with pytest.raises(OverflowError):
        cipher.seal(b"", ID)


def test_the_key_is_not_shown() -> None:
    cipher = Cipher(b"k" * 32, "id")
    assert not hasattr(cipher, "__dict__")
    assert "kkkk" not in repr(cipher)

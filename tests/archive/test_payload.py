from __future__ import annotations

import contextlib
import hashlib
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.archive.layout import IDENTITY, ZSTD
from gateway.archive.payload import Sealer
from gateway.archive.unpacking import Unpacker


def unseal(data: bytes, encoding: str, size: int, sha256: bytes) -> bytes:
    """As it is read from a volume without dictionaries."""
    unpacker = Unpacker(lambda query, *values: [], lambda stored, identity, column: stored)
    return unpacker.message(1, data, encoding, size, sha256)


# What compresses, what does not, and everything between.
OCTETS = st.one_of(
    st.binary(max_size=4000),
    st.tuples(st.binary(max_size=40), st.integers(1, 200)).map(lambda pair: pair[0] * pair[1]),
)


@given(OCTETS, st.sampled_from([-5, 0, 1, 3]), st.sampled_from([bytes, bytearray, memoryview]))
def test_gives_back_what_was_sealed(
    raw: bytes, level: int, kind: type[bytes] | type[bytearray] | type[memoryview]
) -> None:
    payload = Sealer(level).seal(kind(raw))
    assert payload.size == len(raw)
    assert payload.sha256 == hashlib.sha256(raw).digest()
    assert unseal(bytes(payload.data), payload.encoding, payload.size, payload.sha256) == raw


@given(st.lists(OCTETS.map(bytearray), max_size=6), st.sampled_from([0, 1]))
def test_several_are_sealed_as_each_alone(raws: list[bytearray], level: int) -> None:
    sealer = Sealer(level)
    assert sealer.seal_all(raws) == [sealer.seal(raw) for raw in raws]


def test_stores_as_it_is_what_does_not_get_smaller_and_does_not_copy_it() -> None:
    raw = bytearray(os.urandom(10_000))
    payload = Sealer(1).seal(raw)
    assert payload.encoding == IDENTITY
    assert payload.data is raw


def test_level_0_compresses_nothing() -> None:
    assert Sealer(0).seal(b"a" * 10_000).encoding == IDENTITY


@given(OCTETS.filter(bool), st.data())
def test_never_gives_out_anything_else(raw: bytes, data: st.DataObject) -> None:
    payload = Sealer(1).seal(raw)
    stored = bytearray(payload.data)
    at = data.draw(st.integers(0, len(stored) - 1))
    stored[at] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(ValueError):
        assert unseal(bytes(stored), payload.encoding, payload.size, payload.sha256) == raw


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"size": 9}, "another message"),
        ({"size": 9, "encoding": IDENTITY}, "octets"),
        ({"sha256": b"\0" * 32}, "SHA-256"),
        ({"encoding": "lzma"}, "unknown encoding"),
        ({"data": b""}, "decompress"),
        ({"data": b"no frame"}, "decompress"),
    ],
)
def test_says_what_is_wrong(change: dict[str, object], why: str) -> None:
    payload = Sealer(1).seal(b"word " * 1000)
    assert payload.encoding == ZSTD
    parts = {"data": payload.data, "encoding": ZSTD, "size": payload.size, "sha256": payload.sha256}
    with pytest.raises(ValueError, match=why):
        unseal(**(parts | change))  # type: ignore[arg-type]  # wrong parts are the point

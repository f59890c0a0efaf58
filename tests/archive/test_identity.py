from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.archive.identity import uuid7

TIMES = st.integers(min_value=0, max_value=(1 << 48) * 1000 - 1)
RANDOM = st.binary(min_size=8, max_size=8)


def test_fields_stand_where_rfc_9562_puts_them() -> None:
    # The time of the example in RFC 9562 appendix A.6, half a millisecond later.
    made = uuid7(0x017F22E279B0 * 1000 + 500, b"\xff" * 8)
    assert str(made) == "017f22e2-79b0-7800-bfff-ffffffffffff"


@given(TIMES, RANDOM)
def test_is_a_version_7_uuid_of_its_time(now: int, random: bytes) -> None:
    made = uuid7(now, random)
    assert made.version == 7
    assert made.variant == "specified in RFC 4122"
    assert made.int >> 80 == now // 1000


@given(TIMES, TIMES, RANDOM, RANDOM)
def test_sorts_by_time(one: int, other: int, random: bytes, more: bytes) -> None:
    if one < other:  # the 12 bits of the fraction tell every two microseconds of a millisecond apart
        assert uuid7(one, random) < uuid7(other, more)


@pytest.mark.parametrize(("now", "random"), [(-1, b"12345678"), (0, b"1234567")])
def test_refuses_what_cannot_be_one(now: int, random: bytes) -> None:
    with pytest.raises(ValueError, match="expected"):
        uuid7(now, random)

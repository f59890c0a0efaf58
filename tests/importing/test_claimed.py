"""The dates that a message bears."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.importing.claimed import claimed

DATE = b"Date: Mon, 4 Mar 2019 09:30:00 -0500\r\n"


@pytest.mark.parametrize(
    ("header", "date", "received"),
    [
        (DATE, "2019-03-04T14:30:00+00:00", None),
        (
            b"Received: from a by b (x;y) with SMTP id 7;\r\n Mon, 4 Mar 2019 15:00:00 +0000 (UTC)\r\n"
            b"Received: from c by a; Mon, 4 Mar 2019 14:59:00 +0000\r\n" + DATE,
            "2019-03-04T14:30:00+00:00",
            "2019-03-04T15:00:00+00:00",
        ),
        (b"Received: by b; yesterday\r\nDate: soon\r\n", None, None),
        (b"Received: by b\r\n", None, None),
        (b"DATE: 4 Mar 99 09:30 EST\n", "1999-03-04T14:30:00+00:00", None),
        (b"", None, None),
    ],
)
def test_what_is_claimed(header: bytes, date: str | None, received: str | None) -> None:
    assert claimed(header + b"\r\ntext").to_json() == {"date": date, "received": received}


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_whatever_a_header_says(one: bytes, other: bytes) -> None:
    claimed(b"Received: " + one + b"\r\nDate: " + other + b"\r\n\r\n").to_json()

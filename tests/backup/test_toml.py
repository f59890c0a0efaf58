"""A configuration is written as it was read."""

from __future__ import annotations

import tomllib
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.backup.toml import written

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    TEXTS
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.dates()
    | st.times(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(TEXTS, VALUES, max_size=4))
def test_any_document(data: dict[str, Any]) -> None:
    assert tomllib.loads(written(data)) == data


def test_the_example_of_an_installation() -> None:
    data = tomllib.loads(Path("config/gateway.toml").read_text())
    assert tomllib.loads(written(data)) == data


def test_it_can_be_read_by_a_person() -> None:
    data = {"hostname": "mx.k12.example", "tls": {"key": 'tls/"key".pem'}, "route": [{"domains": ["*"]}, {}]}
    assert written(data) == (
        'hostname = "mx.k12.example"\n\n[tls]\nkey = "tls/\\"key\\".pem"\n\n[[route]]\ndomains = ["*"]\n\n[[route]]\n'
    )


def test_times() -> None:
    data = {"a": datetime.fromisoformat("2026-11-23T12:00:00+00:00"), "b": date(2026, 11, 23), "c": time(7)}
    assert tomllib.loads(written(data)) == data


def test_what_is_none() -> None:
    with pytest.raises(ValueError, match="no value of TOML"):
        written({"a": None})

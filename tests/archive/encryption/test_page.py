"""docs/encryption.md: what it says of reading without this program is so."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from gateway.archive.encryption import place, wrapped
from tests.archive.encryption.keys import NEW, OLD, ROOT, keyring

PAGE = (ROOT / "docs" / "encryption.md").read_text("utf-8")


@pytest.fixture
def page() -> dict[str, Any]:
    """The functions that the page has."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    return names


def test_reading_without_this_program(page: dict[str, Any], tmp_path: Path) -> None:
    cipher = keyring(tmp_path, OLD).begin("2026-11")
    assert cipher is not None
    identity = uuid4().bytes
    sealed = cipher.seal(b"Subject: Practice", place(identity, "entry.raw"))
    found = page["data_keys"](OLD.to_text(), tmp_path / "2026-11.keys")
    assert [*found] == [cipher.key]
    assert page["unseal"](found[cipher.key], sealed, identity, "entry.raw") == b"Subject: Practice"
    assert page["data_keys"](NEW.to_text(), tmp_path / "2026-11.keys") == {}


def test_the_example_is_a_file_of_keys() -> None:
    (example,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    (key,) = wrapped.read(example.encode()).keys
    assert f'"{key.id}"' in example

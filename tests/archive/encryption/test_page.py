"""docs/encryption.md: what it says of reading without this program is so."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import zstandard

from gateway.archive.encryption import place, wrapped
from gateway.archive.encryption.master import REMARK
from tests.archive.encryption.keys import NEW, OLD, ROOT, keyring

if TYPE_CHECKING:
    from conftest import Bench

PAGE = (ROOT / "docs" / "encryption.md").read_text("utf-8")
CODE = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)  # the functions, and a program that uses them


@pytest.fixture
def page() -> dict[str, Any]:
    """The functions that the page has."""
    names: dict[str, Any] = {}
    exec(CODE[0], names)
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


async def test_a_message_without_this_program(bench: Bench, tmp_path: Path) -> None:
    raw = b"Subject: Practice\r\n\r\n" + b"At five. " * 40
    archive = bench.archive(keys=keyring(bench.folder, OLD))
    seq = await bench.append(archive, raw)
    await archive.aclose()
    program, master = tmp_path / "read.py", tmp_path / "master.key"
    program.write_text("\n".join(CODE))
    master.write_text(f"{REMARK}{NEW.to_text()}\n{OLD.to_text()}\n")
    command = [sys.executable, str(program), str(master), str(bench.folder / "2026-11.sqlite"), str(seq)]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert zstandard.decompress(done.stdout) == raw

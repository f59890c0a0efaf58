"""`mailgw reindex` where the disk takes no more: a sentence, the old catalog and index, nothing left behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.installation import MAILGW, Installation

# Octets that any file may have; writing more fails as on a full disk. Enough to read a catalog, not to make one.
ROOM = 40_000
WORDS = " ".join(f"word{number}" for number in range(20_000)).encode()  # more than that of an index
LIMITED = (
    "import os, resource, sys; "
    f"resource.setrlimit(resource.RLIMIT_FSIZE, ({ROOM}, {ROOM})); "
    "os.execv(sys.executable, [sys.executable, '-B', *sys.argv[1:]])"
)


def run(*command: str) -> subprocess.CompletedProcess[str]:
    # Whoever counts covered lines would have no room for them, and say so on standard error.
    uncounted = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=uncounted)


@pytest.mark.parametrize(
    ("step", "says"),
    [
        ("--no-search", "mailgw: {data}/catalog: "),
        ("--no-catalog", "File too large"),
    ],
)
def test_a_full_disk_is_told_and_the_old_ones_stay(tmp_path: Path, step: str, says: str) -> None:
    here = Installation(tmp_path)
    envelope, document, raw = here.judged("tim@kay.example", "ann@harbor.example")
    here.keep(envelope, document, raw + WORDS)
    config = ("--config", str(here.config))
    assert run(*MAILGW, "reindex", *config).returncode == 0
    data = here.settings.storage.path
    before = sorted(path.name for path in data.rglob("*"))

    done = run(sys.executable, "-c", LIMITED, *MAILGW[1:], "reindex", step, "--processes", "2", *config)

    assert done.returncode == 1
    assert says.format(data=data) in done.stderr
    assert done.stderr.startswith("mailgw: ")
    assert len(done.stderr.splitlines()) == 1
    assert sorted(path.name for path in data.rglob("*")) == before
    assert run(*MAILGW, "search", "--count", "word19999", *config).stdout.strip() == "1"

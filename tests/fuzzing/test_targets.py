"""What the fuzzer holds the parsers to holds of ordinary and of nasty mail, so that its findings are findings."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.extraction import files
from tests.fuzzing import targets
from tests.message.readable.test_tolerance import HOSTILE

QUERIES = (
    "",
    "late bus",
    'from:ann "late bus"~3 -subject:(a OR b*)',
    "after:30d (",
    "\ud83d\ude00 ~2",
    "a" * 5000,
)


@pytest.mark.parametrize("target", ["readable", "structure", "attachment"])
def test_the_corpus(corpus: Path, target: str) -> None:
    for path in sorted(path for path in (corpus / "mail").rglob("*") if path.is_file()):
        targets.run(target, path.read_bytes())


@pytest.mark.parametrize("target", sorted(targets.TARGETS))
@given(HOSTILE)
@settings(max_examples=50, deadline=None)
def test_pieces_of_mail(target: str, octets: bytes) -> None:
    targets.run(target, octets)


@pytest.mark.parametrize("text", QUERIES, ids=range(len(QUERIES)))
def test_queries(text: str) -> None:
    targets.run("query", text.encode("utf-8", "surrogatepass"))


@given(st.binary(max_size=40), st.integers(0, 2_000))
@settings(max_examples=50, deadline=None)
def test_damaged_files(junk: bytes, at: int) -> None:
    whole = files.docx("A heron stood.")
    targets.run("attachment", whole[:at] + junk + whole[at + len(junk) :])


def test_what_takes_too_long_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "PATIENCE", -1.0)
    with pytest.raises(RuntimeError, match="query: 4 octets took"):
        targets.run("query", b"late")

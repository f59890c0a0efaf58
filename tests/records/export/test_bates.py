"""Bates numbers: one behind the other over all exports, whatever happens."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.records.export.bates import Register, RegisterDamaged, prefix_of
from gateway.records.export.plan import Bates
from tests.records.export.making import AT


def reserve(
    folder: Path, count: int, export: str, prefix: str = "DIST-", used: tuple[Bates, ...] = ()
) -> Bates:
    return Register(folder).reserve(prefix, count, export=export, by="Pat", at=AT, used=used)


def test_ranges_follow_each_other(tmp_path: Path) -> None:
    assert reserve(tmp_path, 5, "a") == Bates("DIST-", 1, 5)
    assert reserve(tmp_path, 1, "b") == Bates("DIST-", 6, 6)
    assert reserve(tmp_path, 3, "c", "LAW-") == Bates("LAW-", 1, 3)
    assert reserve(tmp_path, 2, "d") == Bates("DIST-", 7, 8)


def test_the_case_of_a_prefix_makes_no_other_series(tmp_path: Path) -> None:
    reserve(tmp_path, 5, "a")
    assert reserve(tmp_path, 1, "b", "dist-") == Bates("dist-", 6, 6)


def test_who_reserves_again_gets_the_same(tmp_path: Path) -> None:
    first = reserve(tmp_path, 5, "a")
    assert reserve(tmp_path, 5, "a") == first
    assert reserve(tmp_path, 1, "b").first == 6


def test_a_number_of_an_export_that_was_given_up_is_accounted_for(tmp_path: Path) -> None:
    reserve(tmp_path, 5, "given-up")
    reserve(tmp_path, 2, "next")
    assert [(each.export, each.by, each.first, each.last) for each in Register(tmp_path).all()] == [
        ("given-up", "Pat", 1, 5),
        ("next", "Pat", 6, 7),
    ]


def test_a_register_that_was_lost(tmp_path: Path) -> None:
    """What the archive says of finished exports is not given again."""
    assert reserve(tmp_path, 2, "a", used=(Bates("DIST-", 1, 40), Bates("LAW-", 1, 90))).first == 41


def test_exports_at_once(tmp_path: Path) -> None:
    """Real processes, each of which takes numbers ten times."""
    script = (
        "import sys; from pathlib import Path; from tests.records.export.test_bates import reserve\n"
        "for n in range(10): reserve(Path(sys.argv[1]), 3, f'{sys.argv[2]}-{n}')"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    running = [subprocess.Popen([*command, name]) for name in "abc"]
    assert [each.wait(60) for each in running] == [0, 0, 0]
    found = [(each.first, each.last) for each in Register(tmp_path).all()]
    assert found == [(at, at + 2) for at in range(1, 91, 3)]


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"format": 2, "reserved": []}', '{"format": 1}', '{"format": 1, "reserved": [{}]}',
     '{"format": 1, "reserved": [{"prefix": "D", "first": "1", "last": 2, "export": "", "by": "", "at": ""}]}'],
)  # fmt: skip
def test_a_damaged_register_gives_no_numbers(tmp_path: Path, text: str) -> None:
    (tmp_path / "bates.json").write_text(text)
    with pytest.raises(RegisterDamaged, match=r"bates\.json: .*put it back from its copy"):
        reserve(tmp_path, 1, "a")
    assert (tmp_path / "bates.json").read_text() == text


def test_it_can_be_read_without_us(tmp_path: Path) -> None:
    reserve(tmp_path, 5, "a")
    facts = json.loads((tmp_path / "bates.json").read_bytes())
    assert facts["reserved"] == [
        {"prefix": "DIST-", "first": 1, "last": 5, "export": "a", "by": "Pat", "at": AT.isoformat()}
    ]


@pytest.mark.parametrize("text", ["DIST-", "D", "District.Mail_", "2026-DIST-", "a" * 20])
def test_prefixes(text: str) -> None:
    assert prefix_of(text) == text


@pytest.mark.parametrize("text", ["", "-D", "../x", "D/", "D 1", "DIST1", "=D", "Ü-", "a" * 21, "D\n"])
def test_no_prefix(text: str) -> None:
    with pytest.raises(ValueError, match="such as DIST-"):
        prefix_of(text)


def test_names() -> None:
    assert Bates("DIST-", 9, 10).name(1) == "DIST-0000010"
    assert Bates("D-", 12_345_678, 12_345_678).name(0) == "D-12345678"

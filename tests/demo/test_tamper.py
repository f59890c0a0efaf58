"""`mailgw demo tamper`: whatever is done to a copy is found, and the command fails where it is not."""

from __future__ import annotations

import io
import json
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gateway.cli.demo import app
from gateway.demo.screen import Screen
from gateway.demo.tamper import forgeries
from gateway.demo.tamper.original import Copy
from gateway.demo.tamper.steps import FORGERIES, Forgery
from gateway.demo.tamper.telling import Told, Written, run

EVIDENCE = Path(__file__).parents[2] / "docs" / "evidence.md"
NAMES = [
    "untouched",
    "one-byte",
    "mended",
    "taken-out",
    "tree-as-well",
    "stolen-key",
    "rolled-back",
    "proof",
]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    """A folder with the copies, and what was told of them."""
    folder = tmp_path_factory.mktemp("tamper") / "copies"
    done = CliRunner().invoke(app, ["tamper", "--json", "--keep", str(folder)])
    assert done.exit_code == 0, done.output
    return folder, [json.loads(line) for line in done.stdout.splitlines()]


def test_every_step_comes_out_as_it_must(kept: tuple[Path, list[dict[str, Any]]]) -> None:
    folder, (*steps, last) = kept
    assert last == {"kept": str(folder)}
    assert [(step["step"], step["name"]) for step in steps] == list(enumerate(NAMES, 1))
    assert all(step["right"] and all(look["right"] for look in step["looks"]) for step in steps)


def said(steps: list[dict[str, Any]], name: str, look: int = -1) -> str:
    (step,) = (step for step in steps if step.get("name") == name)
    return "\n".join(step["looks"][look]["output"])


def test_what_is_said_is_of_the_kind_that_was_done(kept: tuple[Path, list[dict[str, Any]]]) -> None:
    _, steps = kept
    words = {
        "one-byte": "message: message does not have the SHA-256",
        "mended": "altered: not the entry that was attested",
        "taken-out": "more of this kind",
        "tree-as-well": "fork: entries",
        "stolen-key": "not what was signed: elsewhere/checkpoint",
        "rolled-back": "rollback: elsewhere/checkpoint attests",
        "proof": "is not the one that was recorded",
    }
    for name, expected in words.items():
        assert expected in said(steps, name).replace("\n       ", " "), name
    for name in ("untouched", "stolen-key", "rolled-back"):
        assert " 0 problems" in said(steps, name, 0)


@pytest.mark.parametrize(("name", "look"), [("untouched", 1), ("tree-as-well", 0), ("stolen-key", 1)])
def test_the_command_that_is_shown_says_the_same(
    kept: tuple[Path, list[dict[str, Any]]], name: str, look: int
) -> None:
    """As the installed command says it, by the copies that stay."""
    folder, steps = kept
    (step,) = (step for step in steps if step.get("name") == name)
    program, *arguments = shlex.split(step["looks"][look]["command"])
    assert program == "mailgw"
    done = subprocess.run(
        [sys.executable, "-m", "gateway", *arguments],
        cwd=folder, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    *told, attested, counted = step["looks"][look]["output"]
    assert done.stdout.splitlines() == told
    assert done.returncode == (1 if told else 0)
    assert attested in done.stderr
    assert f"{counted}, " in done.stderr


@pytest.mark.parametrize(
    ("name", "fits"),
    [
        ("untouched", True),
        ("one-byte", True),
        ("mended", False),
        ("taken-out", False),
        ("stolen-key", False),
        ("rolled-back", False),
    ],
)
def test_the_program_in_the_documentation_works_out_the_root(
    kept: tuple[Path, list[dict[str, Any]]], tmp_path: Path, name: str, fits: bool
) -> None:
    """Of the digests, as it says; so it cannot see a message that does not have its own."""
    folder, _ = kept
    (program,) = re.findall(r"^```python\n(.*?)^```", EVIDENCE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    (tmp_path / "root.py").write_text(program, "utf-8")
    done = subprocess.run(
        [sys.executable, tmp_path / "root.py", folder / name / "storage/archive", folder / "elsewhere/checkpoint"],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.stderr == ""
    assert (done.returncode == 0) == fits
    assert ("NOT what was signed" in done.stdout) != fits


def nothing(copy: Copy, seq: int) -> None:
    """A forgery that changes nothing."""


def slip(copy: Copy, seq: int) -> None:
    """One that is found, but not as what it is said to be: page checksums tell it as well."""
    forgeries.one_byte(copy, seq)


@pytest.mark.parametrize(
    ("forging", "wrong"),
    [
        (dict.fromkeys(FORGERIES, nothing), list(FORGERIES)),
        ({**FORGERIES, "mended": slip, "one-byte": forgeries.one_letter_mended}, ["one-byte", "mended"]),
    ],
)
def test_it_fails_where_verify_does_not_find_what_it_must(
    forging: Mapping[str, Forgery], wrong: list[str]
) -> None:
    steps: list[dict[str, Any]] = []
    assert run(None, Written(steps.append), forging) == 1
    assert [step["name"] for step in steps if not step["right"]] == wrong


def test_it_tells_a_person_which_step_was_wrong() -> None:
    out = io.StringIO()
    assert run(None, Told(Screen(out)), {**FORGERIES, "taken-out": nothing}) == 1
    assert "✗ It does not: it must find every entry from" in out.getvalue()
    assert "Not as it must be: taken-out." in out.getvalue()


def test_it_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    done = CliRunner().invoke(app, ["tamper"])
    assert done.exit_code == 0
    assert "kept elsewhere" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("important")
    done = CliRunner().invoke(app, ["tamper", "--keep", str(tmp_path)])
    assert done.exit_code == 1
    assert "holds something already" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_the_demo_by_itself_is_what_it_was(tmp_path: Path) -> None:
    """Without the name of a further command its options mean what they meant."""
    (tmp_path / "thesis.tex").write_text("important")
    done = CliRunner().invoke(app, ["--once", "--messages", "62", "--data", str(tmp_path)])
    assert done.exit_code == 1
    assert "mailgw demo:" in done.stdout
    assert "holds something else" in done.stdout

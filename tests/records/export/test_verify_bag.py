"""Whatever is changed in an exported bag is noticed by the script that comes with it."""

from __future__ import annotations

import ast
import json
import random
import re
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from gateway.ledger.ledger import Ledger
from gateway.records.proof import verify
from tests.indexer.test_ledger import Place
from tests.records.export.making import exported, files_of, keep, plan_of

Folder = Path
MESSAGES = 5
NOT_SEEN = {"README.txt", "verify.py", "bag-info.txt", "tagmanifest-sha256.txt"}  # but for their hashes


class Made:
    def __init__(self, folder: Path) -> None:
        self.place = Place(folder)
        keep(self.place)
        self.place.signed()
        self.place.add(140)
        self.place.signed()
        self.place.close()
        self.folder = folder / "out"
        exported(self.place, plan_of(self.place, (1, 2, 3, 4, 200)), self.folder)
        self.key = str(Ledger(self.place.folder).keys[0])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return Made(tmp_path_factory.mktemp("made"))


@pytest.fixture
def folder(made: Made, tmp_path: Path) -> Folder:
    return Path(shutil.copytree(made.folder, tmp_path / "received"))


def seal(folder: Folder) -> None:
    """Make manifests and Payload-Oxum anew, as a forger would."""
    files = files_of(folder)
    payload = {name: octets for name, octets in files.items() if name.startswith("data/")}
    oxum = f"Payload-Oxum: {sum(map(len, payload.values()))}.{len(payload)}"
    info = re.sub(r"Payload-Oxum: .*", oxum, files["bag-info.txt"].decode())
    (folder / "bag-info.txt").write_text(info)
    lines = "".join(f"{sha256(octets).hexdigest()}  {name}\n" for name, octets in payload.items())
    (folder / "manifest-sha256.txt").write_text(lines)
    tags = {name: (folder / name).read_bytes() for name in files if not name.startswith(("data/", "tagm"))}
    lines = "".join(f"{sha256(octets).hexdigest()}  {name}\n" for name, octets in tags.items())
    (folder / "tagmanifest-sha256.txt").write_text(lines)


def edit(folder: Folder, name: str, change: Callable[[list[dict[str, Any]]], object]) -> None:
    """Change the lines of a file, spelt as the gateway spells them, and seal the bag again."""
    path = folder / name
    rows = [json.loads(line) for line in path.read_bytes().splitlines()]
    change(rows)
    path.write_text("".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows))
    seal(folder)


def proofs(folder: Folder, change: Callable[[list[dict[str, Any]]], object]) -> None:
    edit(folder, "data/proofs/messages.jsonl", change)


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return " ".join(capsys.readouterr().out.split())


def test_it_holds(folder: Folder, made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify.main(["--key", made.key], folder) == 0
    assert "FAILED" not in (text := said(capsys))
    assert f"{MESSAGES} messages: each file" in text


def test_a_bag_that_was_sealed_again_holds(folder: Folder, made: Made) -> None:
    """Else the tests below would show nothing."""
    seal(folder)
    assert verify.main(["--key", made.key], folder) == 0


def test_any_file_that_is_changed_cut_or_missing_is_noticed(made: Made, tmp_path: Path) -> None:
    chance = random.Random(7)
    for name, octets in files_of(made.folder).items():
        flipped = bytearray(octets)
        flipped[chance.randrange(len(octets))] ^= 1 << chance.randrange(8)
        for number, content in enumerate((bytes(flipped), octets[:-1], octets + b"\n", None)):
            folder = Path(shutil.copytree(made.folder, tmp_path / "received"))
            (folder / name).unlink()
            if content is not None:
                (folder / name).write_bytes(content)
            assert verify.main([], folder) in (1, 2), (name, number)
            shutil.rmtree(folder)


def test_any_bit_of_what_is_proven_counts_also_in_a_bag_sealed_again(made: Made, tmp_path: Path) -> None:
    """Messages, proofs, checkpoint and keys; nobody has the district's key to sign a change."""
    chance = random.Random(11)
    names = [name for name in files_of(made.folder) if name.startswith(("data/messages/", "data/proofs/"))]
    for name in names:
        for _ in range(6):
            folder = Path(shutil.copytree(made.folder, tmp_path / "received"))
            octets = bytearray((folder / name).read_bytes())
            octets[chance.randrange(len(octets))] ^= 1 << chance.randrange(8)
            (folder / name).write_bytes(octets)
            seal(folder)
            assert verify.main(["--key", made.key], folder) in (1, 2), name
            shutil.rmtree(folder)


@pytest.mark.parametrize(
    "name", ["data/messages/more.eml", "data/more", "more", "data/.hidden", "data/messages/.x"]
)
def test_files_that_nobody_listed(folder: Folder, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / name).touch()
    assert verify.main([], folder) == 1
    assert f"'{name}' is not in manifest-sha256.txt" in said(capsys)


def test_what_file_managers_leave_is_passed_over(folder: Folder) -> None:
    (folder / ".DS_Store").touch()
    assert verify.main([], folder) == 0


def test_a_forged_message_with_the_proof_of_another(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "data/messages/DIST-0000041.eml").write_bytes(b"Subject: forged\r\n\r\n")
    seal(folder)
    assert verify.main([], folder) == 1
    assert "'data/messages/DIST-0000041.eml': the ledger's line says content" in said(capsys)


def test_a_message_put_in_without_a_proof(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "data/messages/DIST-0000099.eml").write_bytes(b"Subject: forged\r\n\r\n")
    seal(folder)
    assert verify.main([], folder) == 1
    text = said(capsys)
    assert "But 1 messages have no proof" in text
    assert "'data/messages/DIST-0000099.eml' is not in data/index.jsonl" in text


def test_two_messages_that_are_swapped(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    one, other = (folder / f"data/messages/DIST-000004{at}.eml" for at in (1, 2))
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)

    def swap(rows: list[dict[str, Any]]) -> None:
        rows[0]["file"], rows[1]["file"] = rows[1]["file"], rows[0]["file"]

    proofs(folder, swap)
    assert verify.main([], folder) == 1
    assert "data/index.jsonl says of 'data/messages/DIST-0000041.eml'" in said(capsys)


def set_to(key: str, value: object) -> Callable[[list[dict[str, Any]]], object]:
    return lambda rows: rows[0].update({key: value})


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda rows: rows.append(rows[0]), "is proven twice"),
        (lambda rows: rows.pop(), "1 messages have no proof"),
        (set_to("file", "data/index.csv"), "is no message of the bag"),
        (set_to("file", "data/messages/../../../etc/passwd"), "is no message of the bag"),
        (set_to("file", 7), "has no file or no leaf"),
        (set_to("leaf", "{}"), "is not in its one spelling"),
        (set_to("leaf", "x"), "is no JSON object"),
        (set_to("salt", "00" * 16), "the ledger's line says content"),
        (set_to("salt", "00"), "not as many hexadecimal digits"),
        (set_to("path", []), "does not lead to the root"),
        (set_to("path", ["00" * 32] * 9), "does not lead to the root"),
        (set_to("more", 1), "not spelt as the gateway spells it"),
        (lambda rows: rows.insert(0, rows[0] | {"file": rows[1]["file"]}), "the ledger's line says"),
    ],
)  # fmt: skip
def test_proofs_that_were_edited(
    folder: Folder,
    change: Callable[[list[dict[str, Any]]], object],
    text: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    proofs(folder, change)
    assert verify.main([], folder) == 1
    assert text in said(capsys)


@pytest.mark.parametrize(
    ("key", "value"),
    [("seq", 9), ("id", "x"), ("size", 1), ("sha256", "00"), ("proven", False), ("file", "data/messages/none"),
     ("received", "2026-11-22T12:00:00.000001+00:00"), ("received", None)],
)  # fmt: skip
def test_an_index_that_was_edited(folder: Folder, key: str, value: object) -> None:
    edit(folder, "data/index.jsonl", set_to(key, value))
    assert verify.main([], folder) == 1


def test_every_value_of_a_leaf_counts(folder: Folder, made: Made, tmp_path: Path) -> None:
    leaf = json.loads(
        json.loads((folder / "data/proofs/messages.jsonl").read_bytes().splitlines()[0])["leaf"]
    )
    for key in leaf:
        for value in {0, "x", None, leaf["id"][:-1] + "f"} - {leaf[key]}:
            other = Path(shutil.copytree(made.folder, tmp_path / "other"))
            changed = json.dumps(leaf | {key: value}, sort_keys=True, separators=(",", ":"))
            proofs(other, set_to("leaf", changed))
            assert verify.main([], other) == 1, (key, value)
            shutil.rmtree(other)


def test_a_native_that_is_not_the_message(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "data/natives/DIST-0000041.eml").write_bytes(b"another")
    seal(folder)
    assert verify.main([], folder) == 1
    assert "is not the message of that name" in said(capsys)


def test_the_key_of_somebody_else(folder: Folder, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = Place(tmp_path / "other")
    other.add(1)
    other.signed()
    other.close()
    assert verify.main(["--key", str(Ledger(other.folder).keys[0])], folder) == 1
    assert "is not signed with a key that you gave" in said(capsys)


@pytest.mark.parametrize(("which", "code"), [(-1, 0), (0, 1)])
def test_a_kept_checkpoint(folder: Folder, made: Made, tmp_path: Path, which: int, code: int) -> None:
    """Of the same size it must be the same; of another size it cannot be compared."""
    (tmp_path / "kept").write_text(str(Ledger(made.place.folder).checkpoints[which].note))
    assert verify.main(["--checkpoint", str(tmp_path / "kept")], folder) == code


@pytest.mark.parametrize(
    "line", ["00  data/x", f"{'0' * 64}  ../x", f"{'0' * 64} data/x", f"{'0' * 64}  data//x"]
)
def test_a_manifest_that_is_none(folder: Folder, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with (folder / "manifest-sha256.txt").open("a") as file:
        file.write(f"{line}\n")
    assert verify.main([], folder) == 1
    assert "has a line that is not the hash of one file" in said(capsys)


def test_no_folder_for_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bagit.txt").write_bytes(verify.BAG_DECLARATION)
    assert verify.main([], tmp_path) == 2
    assert "no whole bag: manifest-sha256.txt" in capsys.readouterr().err


def test_the_script_needs_python_3_9_and_nothing_of_ours() -> None:
    ast.parse(Path(verify.__file__).read_text(), feature_version=(3, 9))

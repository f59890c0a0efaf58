"""Proof packages: who has one can check it without us, and whatever is changed in one is noticed."""

from __future__ import annotations

import ast
import asyncio
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from rfc3161_client import decode_timestamp_response

from gateway.archive import Archive, Reader, uuid7
from gateway.ledger.checkpoint import Checkpoint
from gateway.ledger.keys import load_private, new_key, save_private
from gateway.ledger.ledger import Ledger
from gateway.ledger.note import NoteError
from gateway.records.proof import FolderUnusable, NotProvable, Package, gather, verify, write
from tests.indexer.test_ledger import NOVEMBER, ORIGIN, Nobody, Place

ISOLATED = (
    "import sys, runpy; sys.modules['gateway'] = None; runpy.run_path(sys.argv.pop(1), run_name='__main__')"
)
EXPLAINING = ("README.txt", "verify.py")
Folder = Path


def keep(place: Place, events: int = 2) -> str:
    """A message as the gateway keeps one, with events; its id."""
    id = uuid7(int(NOVEMBER.timestamp() * 1_000_000), os.urandom(8))
    received = NOVEMBER.isoformat(timespec="microseconds")
    document = json.dumps({"envelope": {"id": str(id), "received": received, "mail_from": "\udcfc"}})

    async def append() -> None:
        archive = Archive(place.archive, compression_level=1, min_free=0, observer=Nobody())
        raw = b"Subject: Practice\r\n\r\nAt f\xefve.\r\n" * 20
        await archive.append(id=id, received=NOVEMBER, document=document.encode(), raw=raw)
        for number in range(events):
            await archive.record(id, NOVEMBER, json.dumps({"event": "deferred", "at": number}).encode())
        await archive.aclose()

    asyncio.run(append())
    return str(id)


def der(tag: int, *parts: bytes) -> bytes:
    """One element of DER."""
    content = b"".join(parts)
    size = len(content)
    octets = size.to_bytes((size.bit_length() + 7) // 8 or 1, "big")
    length = octets if size < 0x80 else bytes([0x80 | len(octets)]) + octets
    return bytes([tag]) + length + content


def stamp_of(note: bytes, digest: str = "608648016503040201") -> bytes:
    """What an authority answers (RFC 3161 §2.4.2), but for its signature."""
    algorithm = der(0x30, der(0x06, bytes.fromhex(digest)), der(0x05))
    facts = der(
        0x30,
        der(0x02, b"\x01"),
        der(0x06, bytes.fromhex("2a0304")),
        der(0x30, algorithm, der(0x04, sha256(note).digest())),
        der(0x02, b"\x07"),
        der(0x18, b"20261122120501Z"),
    )
    content = der(0x30, der(0x06, verify.TST_INFO), der(0xA0, der(0x04, facts)))
    signed = der(0x30, der(0x02, b"\x03"), der(0x31, algorithm), content, der(0x31))
    token = der(0x30, der(0x06, verify.SIGNED_DATA), der(0xA0, signed))
    return der(0x30, der(0x30, der(0x02, b"\x00")), token)


def stamped(place: Place, which: int) -> None:
    """A time stamp over one of the checkpoints."""
    kept = Ledger(place.folder).checkpoints[which]
    folder = place.folder / "timestamps"
    folder.mkdir(exist_ok=True)
    (folder / f"{kept.checkpoint.size}.tsr").write_bytes(stamp_of(str(kept.note).encode()))
    (folder / "roots.pem").write_bytes(b"-----BEGIN CERTIFICATE-----\n")


def gathered(place: Place, name: str) -> Package:
    with closing(Reader(place.archive)) as reader:
        return gather(reader, place.folder, name, 600.0)


class Made:
    """A ledger of some age, and packages from it; nothing changes it any more."""

    def __init__(self, folder: Path) -> None:
        self.place = place = Place(folder)
        place.add(3)
        place.signed()
        self.id = keep(place)  # entries 7, 8, 9
        self.other = keep(place)  # entries 10, 11, 12
        place.signed()
        place.add(10)
        place.signed()
        place.add(140)
        place.signed()
        place.close()
        stamped(place, 2)
        self.package = gathered(place, self.id)
        self.key = str(Ledger(place.folder).keys[0])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return Made(tmp_path_factory.mktemp("made"))


@pytest.fixture
def folder(made: Made, tmp_path: Path) -> Folder:
    """A package, received."""
    write(tmp_path / "received", made.package.files)
    return tmp_path / "received"


def run(folder: Path, *arguments: str, flags: tuple[str, ...] = ("-I",)) -> subprocess.CompletedProcess[str]:
    """As who received it runs it: elsewhere, and without the gateway."""
    return subprocess.run(
        [sys.executable, *flags, "-c", ISOLATED, str(folder / "verify.py"), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        cwd="/",
    )


def proof_of(folder: Path) -> Any:
    return json.loads((folder / "proof.json").read_bytes())


def edit(folder: Path, change: Callable[[Any], None]) -> None:
    """Change proof.json, spelt as the gateway spells it."""
    proof = proof_of(folder)
    change(proof)
    (folder / "proof.json").write_text(json.dumps(proof, indent=1) + "\n")


# --- packages as they are made ---------------------------------------------------------------------------


def test_a_package_holds(folder: Folder, made: Made) -> None:
    done = run(folder, "--key", made.key)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "OK: everything holds.\n" in done.stdout
    assert "FAILED" not in done.stdout
    assert done.stderr == ""


def test_it_has_the_very_octets(folder: Folder, made: Made) -> None:
    with closing(Reader(made.place.archive)) as reader:
        assert (folder / "message.eml").read_bytes() == reader.raw(7)
        assert (folder / "envelope.json").read_bytes() == reader.evidence(7).document
    kept = Ledger(made.place.folder).checkpoints
    assert (folder / "checkpoint").read_text() == str(kept[-1].note)
    assert (folder / "first-checkpoint").read_text() == str(kept[1].note)
    assert (folder / "stamped-checkpoint").read_text() == str(kept[2].note)
    assert (folder / "keys").read_bytes() == (made.place.folder / "keys").read_bytes()
    assert sorted(path.name for path in (folder / "events").iterdir()) == ["000008.json", "000009.json"]


def test_the_same_archive_gives_the_same_octets(made: Made) -> None:
    assert gathered(made.place, made.id).files == made.package.files
    assert gathered(made.place, "7").files == made.package.files


def test_every_message_of_a_ledger_can_be_proven(made: Made, tmp_path: Path) -> None:
    """At every place in the tree, whatever the path looks like."""
    for seq in (1, 3, 5, 10, 13, 31, 33, 127, 129, 255, 257, 309, 311):
        write(tmp_path / str(seq), gathered(made.place, str(seq)).files)
        assert verify.main(["--key", made.key], tmp_path / str(seq)) == 0


@pytest.mark.parametrize("count", range(1, 9))
def test_small_ledgers(count: int, tmp_path: Path) -> None:
    place = Place(tmp_path)
    for _ in range(count):
        place.add(1)
        place.signed()
    place.close()
    for seq in range(1, 2 * count, 2):
        write(tmp_path / str(seq), gathered(place, str(seq)).files)
        assert verify.main([], tmp_path / str(seq)) == 0
        assert (tmp_path / str(seq) / "first-checkpoint").exists() == (seq != 2 * count - 1)


def test_the_steps_of_the_readme_hold(folder: Folder) -> None:
    """Each command of it gives what stands below it."""
    lines = (folder / "README.txt").read_text().splitlines()
    commands = [(line, lines[at + 1]) for at, line in enumerate(lines) if "sha256sum" in line]
    assert len(commands) == 5
    for command, expected in commands:
        ours = command.strip().removeprefix("1.").replace("xxd -r -p", f"{sys.executable} -c '{UNHEX}'")
        done = subprocess.run(["sh", "-c", ours], capture_output=True, text=True, cwd=folder, timeout=30)
        assert done.stdout.split()[0] == expected.split()[-1], done.stderr


UNHEX = "import sys; sys.stdout.buffer.write(bytes.fromhex(sys.stdin.read()))"


def test_the_script_needs_python_3_9_and_nothing_of_ours() -> None:
    source = Path(verify.__file__).read_text()
    tree = ast.parse(source, feature_version=(3, 9))
    imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    roots = {name.partition(".")[0] for name in imported}
    assert roots - {"cryptography"} <= sys.stdlib_module_names
    assert "cryptography" in roots


def test_without_cryptography_all_else_is_checked(folder: Folder) -> None:
    done = run(folder, flags=("-I", "-S"))
    assert done.returncode == 3, done.stdout + done.stderr
    assert "pip install cryptography" in done.stdout
    assert "The signature of checkpoint: NOT CHECKED" in done.stdout
    (folder / "message.eml").write_bytes(b"another")
    assert run(folder, flags=("-I", "-S")).returncode == 1


def test_a_new_key_and_the_old_one(tmp_path: Path) -> None:
    """While a key takes over, whoever has either of them can check."""
    place = Place(tmp_path)
    place.add(1)
    place.signed()
    save_private(place.key, [*load_private(place.key, ORIGIN), new_key(ORIGIN)])
    place.add(1)
    place.signed()
    place.close()
    package = tmp_path / "package"
    write(package, gathered(place, "1").files)
    old, new = Ledger(place.folder).keys
    for key in (old, new):
        assert verify.main(["--key", str(key)], package) == 0
    octets = (package / "checkpoint").read_bytes()
    text = octets.index(b"\n\n")
    for at in range(len(octets)):
        (package / "checkpoint").write_bytes(octets[:at] + bytes([octets[at] ^ 1]) + octets[at + 1 :])
        # A signature of a key that is unknown then is passed over (C2SP signed-note); the other one must hold.
        assert verify.main([], package) == 1 or at > text
        if text < at < octets.rindex("\n—".encode()):
            assert verify.main(["--key", str(old)], package) == 1


def test_a_script_of_ones_own(folder: Folder, tmp_path: Path) -> None:
    """Kept elsewhere, it runs nothing of what was received."""
    mine = tmp_path / "mine.py"
    shutil.copy(verify.__file__, mine)
    command = [sys.executable, str(mine), str(folder)]
    assert subprocess.run(command, capture_output=True, timeout=60).returncode == 0
    for name in ("verify.py", "json.py", "argparse.py", "cryptography.py"):
        (folder / name).write_text("print('OK: everything holds.')\nraise SystemExit(0)\n")
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "argparse.py" in done.stdout
    (tmp_path / "empty").mkdir()
    assert verify.main([str(tmp_path / "empty")], folder) == 2


# --- mutations -------------------------------------------------------------------------------------------

PROVEN = [
    *("message.eml", "envelope.json", "proof.json", "keys", "checkpoint", "first-checkpoint"),
    *("stamped-checkpoint", "events/000008.json", "events/000009.json"),
]


def test_all_files_are_tried(made: Made) -> None:
    others = {"timestamp.tsr", "timestamp-roots.pem", *EXPLAINING}
    assert set(PROVEN) | others == set(made.package.files)


@pytest.mark.parametrize("name", PROVEN)
def test_any_bit_that_is_flipped_is_noticed(
    folder: Folder, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    octets = (folder / name).read_bytes()
    chance = random.Random(name)
    places = range(len(octets)) if len(octets) <= 250 else sorted(chance.sample(range(len(octets)), 250))
    for at in places:
        changed = octets[at] ^ (1 << chance.randrange(8))
        (folder / name).write_bytes(octets[:at] + bytes([changed]) + octets[at + 1 :])
        assert verify.main([], folder) == 1, (at, octets[at : at + 1], changed)
        assert "FAILED: " in capsys.readouterr().out


@pytest.mark.parametrize("name", PROVEN)
@pytest.mark.parametrize(
    "change",
    [
        lambda octets: b"",
        lambda octets: octets[: len(octets) // 2],
        lambda octets: octets[:-1],
        lambda octets: octets + b"\n",
        lambda octets: octets + b"x",
        lambda octets: b" " + octets,
        lambda octets: octets + octets,
        lambda octets: octets.replace(b"\n", b"\r\n") + b"\r",
        lambda octets: b"\xff\xfe" + octets,
        lambda octets: b"[" * 200_000,
    ],
)
def test_what_is_cut_or_added_is_noticed(folder: Folder, name: str, change: Callable[[bytes], bytes]) -> None:
    octets = (folder / name).read_bytes()
    (folder / name).write_bytes(change(octets))
    expected = 0 if name == "keys" and change(octets) == octets * 2 else 1  # the same keys twice
    assert verify.main([], folder) == expected


@pytest.mark.parametrize("name", [*PROVEN, "timestamp.tsr"])
def test_a_file_that_is_missing(folder: Folder, name: str) -> None:
    (folder / name).unlink()
    done = run(folder)
    assert done.returncode == 2
    assert name in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", EXPLAINING)
def test_what_explains_is_no_evidence(folder: Folder, name: str) -> None:
    """Nothing depends on these two, and README.txt says so."""
    (folder / name).write_bytes(b"another")
    assert verify.main([], folder) == 0


@pytest.mark.parametrize(
    "name", ["events/000099.json", "second-checkpoint", "attachment.pdf", "more/note.txt"]
)
def test_files_that_nothing_is_proven_of(folder: Folder, name: str) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(b"{}")
    assert verify.main([], folder) == 1


# --- forgeries that look well ----------------------------------------------------------------------------


def failed_steps(folder: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    """The titles of the steps that failed; at least one, or the exit code says OK."""
    capsys.readouterr()
    code = verify.main(list(arguments), folder)
    lines = capsys.readouterr().out.splitlines()
    failed = [line.partition(". ")[2].removesuffix(": FAILED") for line in lines if line.endswith(": FAILED")]
    assert code == (1 if failed else 0)
    return failed


def test_events_that_are_swapped(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    one, other = folder / "events/000008.json", folder / "events/000009.json"
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)
    assert failed_steps(folder, capsys) == ["The content of record 8", "The content of record 9"]


def test_the_content_of_another_message(
    folder: Folder, made: Made, capsys: pytest.CaptureFixture[str]
) -> None:
    other = gathered(made.place, made.other).files
    (folder / "message.eml").write_bytes(other["message.eml"] + b"more")
    assert failed_steps(folder, capsys) == ["The content of record 7"]
    (folder / "message.eml").write_bytes(made.package.files["message.eml"])
    (folder / "envelope.json").write_bytes(other["envelope.json"])
    assert failed_steps(folder, capsys) == ["The content of record 7", "The message"]


def test_an_event_of_another_message(folder: Folder, made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    """It is in the ledger, and its proof holds; but it is about another message."""
    files = gathered(made.place, made.other).files
    theirs = json.loads(files["proof.json"])["records"][1]
    edit(folder, lambda proof: proof["records"].append(theirs))
    (folder / theirs["document"]).write_bytes(files[theirs["document"]])
    assert failed_steps(folder, capsys) == ["The events"]


def test_another_message_with_the_events_of_this_one(
    folder: Folder, made: Made, capsys: pytest.CaptureFixture[str]
) -> None:
    files = gathered(made.place, made.other).files
    theirs = json.loads(files["proof.json"])["records"][0]
    for name in ("message.eml", "envelope.json"):
        (folder / name).write_bytes(files[name])
    edit(folder, lambda proof: proof["records"].__setitem__(0, theirs))
    assert failed_steps(folder, capsys) == ["The events"]


def _twice(proof: Any) -> None:
    proof["records"].append(proof["records"][1])


def _turned(proof: Any) -> None:
    proof["records"][1:] = proof["records"][:0:-1]


def _path_of_another(proof: Any) -> None:
    proof["records"][0]["path"] = proof["records"][1]["path"]


def _path_cut(proof: Any) -> None:
    proof["records"][0]["path"].pop()


def _path_longer(proof: Any) -> None:
    proof["records"][0]["path"].append("00" * 32)


def _place_of_another(proof: Any) -> None:
    proof["records"][0]["index"] += 1


def _moved(proof: Any) -> None:
    """The index, and all that is worked out from it."""
    record = proof["records"][0]
    record["index"] += 1
    record["facts"]["seq"] += 1
    record["leaf"] = json.dumps(record["facts"], sort_keys=True, separators=(",", ":"))


def _another_time(proof: Any) -> None:
    record = proof["records"][0]
    record["facts"]["received"] += 1
    record["leaf"] = json.dumps(record["facts"], sort_keys=True, separators=(",", ":"))


def _size(proof: Any) -> None:
    proof["tree_size"] += 1


def _no_growth(proof: Any) -> None:
    proof["consistency"] = []


def _growths_swapped(proof: Any) -> None:
    proof["consistency"].reverse()


def _growth_cut(proof: Any) -> None:
    proof["consistency"][0]["path"].pop()


def _growth_of_the_other(proof: Any) -> None:
    proof["consistency"][0]["path"] = proof["consistency"][1]["path"]


def _true_for_one(proof: Any) -> None:
    proof["format"] = True


def _outside(proof: Any) -> None:
    proof["records"][0]["document"] = "../envelope.json"


def _no_records(proof: Any) -> None:
    proof["records"] = []


def _stamp_of_another(proof: Any) -> None:
    proof["timestamp"]["of"] = "checkpoint"


@pytest.mark.parametrize(
    "change",
    [
        *(
            _twice,
            _turned,
            _path_of_another,
            _path_cut,
            _path_longer,
            _place_of_another,
            _moved,
            _another_time,
        ),
        *(_size, _no_growth, _growths_swapped, _growth_cut, _growth_of_the_other, _true_for_one, _outside),
        *(_no_records, _stamp_of_another),
    ],
)
def test_a_proof_that_was_edited(
    folder: Folder, change: Callable[[Any], None], capsys: pytest.CaptureFixture[str]
) -> None:
    edit(folder, change)
    assert failed_steps(folder, capsys)


def test_every_value_of_the_proof_is_looked_at(folder: Folder) -> None:
    """Whatever is put in the place of any value in it, the package holds no more."""
    original = (folder / "proof.json").read_bytes()
    places = list(_places(json.loads(original)))
    assert len(places) > 80
    for path in places:
        for other in (None, True, -1, 1.5, 1 << 70, "", "\ud800", [], {}):
            proof = json.loads(original)
            inner = proof
            for key in path[:-1]:
                inner = inner[key]
            if inner[path[-1]] == other and type(inner[path[-1]]) is type(other):
                continue
            inner[path[-1]] = other
            (folder / "proof.json").write_text(json.dumps(proof, indent=1) + "\n")
            assert verify.main([], folder) in (1, 2), (path, other)


def _places(value: Any, path: tuple[Any, ...] = ()) -> Any:
    if path:
        yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield from _places(each, (*path, key))


def resign(folder: Path, name: str, keys: list[Any], **other: Any) -> None:
    """Sign a checkpoint of the package with other keys, over another content if wanted."""
    note = verify.parse_note((folder / name).read_bytes(), name)
    facts = {"origin": note.origin, "size": note.size, "root": note.root} | other
    (folder / name).write_bytes(str(Checkpoint(**facts).signed(keys)).encode())


def test_a_note_signed_by_another_key(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    resign(folder, "checkpoint", [new_key(ORIGIN)])
    assert failed_steps(folder, capsys) == ["The signature of checkpoint"]


def test_keys_of_somebody_else(folder: Folder, made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    """Who signs all anew with keys of his own is found out by who knows the right one, and only then."""
    theirs = new_key(ORIGIN)
    (folder / "keys").write_text(f"{theirs.public}\n")
    for name in ("checkpoint", "first-checkpoint", "stamped-checkpoint"):
        resign(folder, name, [theirs])
    assert failed_steps(folder, capsys) == ["The time stamp"]
    assert failed_steps(folder, capsys, "--key", made.key) == ["The time stamp", "The key that you gave"]


def test_a_key_of_another_name(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    """A key signs for the ledger of its own name only."""
    theirs = new_key("elsewhere.example/mail")
    with (folder / "keys").open("a") as file:
        file.write(f"{theirs.public}\n")
    assert failed_steps(folder, capsys) == []
    resign(folder, "checkpoint", [theirs])
    assert failed_steps(folder, capsys) == ["The signature of checkpoint"]


def test_who_gives_no_key_is_told_what_that_means(folder: Folder) -> None:
    done = run(folder)
    assert done.returncode == 0
    assert "By themselves they prove nothing about who signed" in " ".join(done.stdout.split())
    assert "by the keys that came with the package" in done.stdout


@pytest.mark.parametrize("key", ["", "x", "a+b+c", "a b+00000000+AAAA", "\u2014+12345678+\ud800"])
def test_a_key_that_is_none(folder: Folder, key: str) -> None:
    assert verify.main(["--key", key], folder) == 2


def test_a_first_checkpoint_before_the_message(
    folder: Folder, made: Made, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is of the ledger and joined to the newest, but it attests nothing of the message."""
    ledger = Ledger(made.place.folder)
    early = ledger.checkpoints[0]
    with closing(ledger.tree()) as tree:
        path = [each.hex() for each in tree.consistency_proof(early.checkpoint.size)]
    (folder / "first-checkpoint").write_bytes(str(early.note).encode())
    edit(folder, lambda proof: proof["consistency"][0].update(from_size=early.checkpoint.size, path=path))
    assert failed_steps(folder, capsys) == ["From first-checkpoint to today"]


# --- a checkpoint that the reader kept -------------------------------------------------------------------


@pytest.mark.parametrize("which", [1, 2, 3])
def test_a_kept_checkpoint_of_the_same_size(folder: Folder, made: Made, tmp_path: Path, which: int) -> None:
    kept = tmp_path / "kept"
    kept.write_text(str(Ledger(made.place.folder).checkpoints[which].note))
    done = run(folder, "--checkpoint", str(kept))
    assert done.returncode == 0, done.stdout
    assert "The checkpoint that you gave: OK" in done.stdout


def test_a_kept_checkpoint_of_another_size(folder: Folder, made: Made, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_text(str(Ledger(made.place.folder).checkpoints[0].note))
    done = run(folder, "--checkpoint", str(kept))
    assert done.returncode == 1
    assert "`mailgw ledger consistency 6 " in " ".join(done.stdout.split())


def test_a_kept_checkpoint_of_another_history(
    folder: Folder, made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Same name, same size, another root: somebody was shown something else."""
    shutil.copy(folder / "checkpoint", tmp_path / "kept")
    resign(tmp_path, "kept", [new_key(ORIGIN)], root=bytes(32))
    arguments = ("--checkpoint", str(tmp_path / "kept"))
    assert failed_steps(folder, capsys, *arguments) == ["The checkpoint that you gave"]
    resign(tmp_path, "kept", [new_key("elsewhere")], origin="elsewhere")
    assert failed_steps(folder, capsys, *arguments) == ["The checkpoint that you gave"]
    (tmp_path / "kept").write_bytes(b"\x00\xff")
    assert failed_steps(folder, capsys, *arguments) == ["The checkpoint that you gave"]
    assert verify.main(["--checkpoint", str(tmp_path / "none")], folder) == 2


# --- the time stamp --------------------------------------------------------------------------------------


def test_the_answers_of_these_tests_are_such_answers(made: Made) -> None:
    """Read by somebody else, too."""
    answer = decode_timestamp_response(made.package.files["timestamp.tsr"])
    digest = sha256(made.package.files["stamped-checkpoint"]).digest()
    assert answer.tst_info.message_imprint.message == digest


def test_what_is_not_checked_of_a_time_stamp_is_said(folder: Folder) -> None:
    text = " ".join(run(folder).stdout.split())
    assert "NOT CHECKED HERE: the signature of the time stamping authority" in text
    command = "openssl ts -verify -data stamped-checkpoint -in timestamp.tsr -CAfile timestamp-roots.pem"
    assert command in text


@pytest.mark.parametrize("which", [1, 3])
def test_a_time_stamp_of_a_checkpoint_that_is_there_anyway(tmp_path: Path, which: int) -> None:
    made = Made(tmp_path)
    shutil.rmtree(made.place.folder / "timestamps")
    stamped(made.place, which)
    (made.place.folder / "timestamps" / "roots.pem").unlink()
    write(tmp_path / "package", gathered(made.place, made.id).files)
    assert not (tmp_path / "package" / "stamped-checkpoint").exists()
    of = {1: "first-checkpoint", 3: "checkpoint"}[which]
    done = run(tmp_path / "package")
    assert done.returncode == 0
    assert f"-data {of} -in timestamp.tsr -CAfile ROOTS.pem" in " ".join(done.stdout.split())


def test_a_time_stamp_before_the_message_is_none_of_it(tmp_path: Path) -> None:
    made = Made(tmp_path)
    shutil.rmtree(made.place.folder / "timestamps")
    stamped(made.place, 0)
    assert not gathered(made.place, made.id).stamped


def test_a_time_stamp_that_was_changed(folder: Folder) -> None:
    """Each octet of what was stamped is compared; the rest is the authority's signature's, which openssl checks."""
    octets = (folder / "timestamp.tsr").read_bytes()
    imprint = octets.index(sha256((folder / "stamped-checkpoint").read_bytes()).digest())
    package = verify.read_package(folder)

    def holds(response: bytes) -> bool:
        package.files["timestamp.tsr"] = response
        try:
            return bool(verify.check_stamp(package, folder))
        except verify.Wrong:
            return False

    assert holds(octets)
    for at in range(len(octets)):
        for bit in range(8):
            changed = octets[:at] + bytes([octets[at] ^ 1 << bit]) + octets[at + 1 :]
            assert not holds(changed) or not imprint <= at < imprint + 32
        assert not holds(octets[:at])


def test_a_time_stamp_of_something_else(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "timestamp.tsr").write_bytes(stamp_of(b"something else"))
    assert failed_steps(folder, capsys) == ["The time stamp"]
    sha1 = stamp_of((folder / "stamped-checkpoint").read_bytes(), "2b0e03021a")
    (folder / "timestamp.tsr").write_bytes(sha1)
    assert failed_steps(folder, capsys) == ["The time stamp"]


# --- what cannot be proven -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["01a20320-a200-7000-8449-000000000000", "0", "99999", "9" * 40, "-1", "x", ""]
)
def test_no_such_message(made: Made, name: str) -> None:
    with pytest.raises(NotProvable, match="no such message"):
        gathered(made.place, name)


def test_an_event_leads_to_its_message(made: Made) -> None:
    with pytest.raises(NotProvable, match=f"mailgw prove {made.id}"):
        gathered(made.place, "8")


def test_what_no_checkpoint_attests_yet(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.add(1)
    with pytest.raises(NotProvable, match="no checkpoint yet"):
        gathered(place, "1")
    place.signed()
    place.add(1)
    with pytest.raises(NotProvable, match="every 600 seconds"):
        gathered(place, "3")


def test_events_that_no_checkpoint_attests_yet_are_counted(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.add(1)
    place.signed()
    (id,) = (entry.id for entry in Reader(place.archive).follow(0, 1))

    async def append() -> None:
        archive = Archive(place.archive, compression_level=1, min_free=0, observer=Nobody())
        await archive.record(UUID(id), NOVEMBER, b'{"event": "viewed"}')
        await archive.aclose()

    asyncio.run(append())
    package = gathered(place, id)
    assert (package.events, package.newer) == ((2,), 1)


def test_what_is_held_is_not_handed_out(tmp_path: Path) -> None:
    """Who reads it is recorded, by other commands."""
    place = Place(tmp_path)
    id = uuid7(int(NOVEMBER.timestamp() * 1_000_000), os.urandom(8))

    async def append(*events: bytes) -> None:
        archive = Archive(place.archive, compression_level=1, min_free=0, observer=Nobody())
        if not events:
            await archive.append(id=id, received=NOVEMBER, document=b'{"held": true}', raw=b"secret")
        for event in events:
            await archive.record(id, NOVEMBER, event)
        await archive.aclose()

    asyncio.run(append())
    asyncio.run(append(b'{"event": "held"}'))
    place.signed()
    with pytest.raises(NotProvable, match="is held"):
        gathered(place, "1")
    asyncio.run(append(b'{"event": "hold-released"}'))
    assert gathered(place, "1").newer == 1


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("UPDATE entry SET received = received + 1 WHERE seq = 3", "entry 3 .*mailgw verify"),
        ("UPDATE entry SET salt = zeroblob(16) WHERE seq = 4", "entry 4 .*mailgw verify"),
        ("UPDATE entry SET document = '{\"a\": 1}' WHERE seq = 3", "entry 3: document .*mailgw verify"),
        ("UPDATE entry SET document = '{\"a\": 1}' WHERE seq = 4", "entry 4: document .*mailgw verify"),
        ("UPDATE entry SET raw = x'00' WHERE seq = 3", "entry 3: message .*mailgw verify"),
        ("UPDATE entry SET salt = NULL WHERE seq = 3", "entry 3: .*mailgw verify"),
        ("UPDATE entry SET sha256 = zeroblob(32) WHERE seq = 4", "entry 4: .*mailgw verify"),
    ],
)
def test_an_archive_that_was_changed(tmp_path: Path, statement: str, expected: str) -> None:
    place = Place(tmp_path)
    place.add(4)
    place.signed()
    place.tamper(statement)
    with pytest.raises(NotProvable, match=expected):
        gathered(place, "3")


@pytest.mark.parametrize("file", ["level-00", "level-08"])
def test_a_tree_that_was_damaged(tmp_path: Path, file: str) -> None:
    place = Place(tmp_path)
    place.add(150)
    place.signed()
    path = place.folder / file
    octets = bytearray(path.read_bytes())
    octets[-1] ^= 1  # of the last leaf, or of the hash above the first 256
    path.write_bytes(octets)
    with pytest.raises(NotProvable, match="mailgw serve"):
        gathered(place, "297")


def test_a_ledger_of_two_names(tmp_path: Path) -> None:
    """The first checkpoint of the message is of another ledger than the newest: that is no one's proof."""
    place = Place(tmp_path)
    place.add(1)
    place.signed()
    place.add(1)
    place.signed()
    place.close()
    other = new_key("elsewhere.example/mail")
    first, second = Ledger(place.folder).checkpoints
    renamed = Checkpoint(other.name, 4, second.checkpoint.root).signed([other])
    (place.folder / "checkpoints").write_text(f"{first.note}\n{renamed}\n")
    with (place.folder / "keys").open("a") as file:
        file.write(f"{other.public}\n")
    with pytest.raises(NoteError, match="origin was changed"):
        gathered(place, "1")
    assert gathered(place, "3").origin == other.name


# --- folders ---------------------------------------------------------------------------------------------


def test_a_folder_that_is_taken(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"mine")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    (tmp_path / "empty").mkdir()
    for name in ("file", "full"):
        with pytest.raises(FolderUnusable, match=name):
            write(tmp_path / name, {"a": b"b"})
    write(tmp_path / "empty", {"a": b"b", "c/d": b"e"})
    assert (tmp_path / "empty" / "c" / "d").read_bytes() == b"e"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "file", "full"]


def test_what_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileExistsError):
        write(tmp_path / "out", {"a": b"b", "a/b": b"no folder"})
    assert list(tmp_path.iterdir()) == []


def test_it_is_for_its_owner_only(folder: Folder) -> None:
    assert folder.stat().st_mode & 0o777 == 0o700

"""An export as whoever receives it finds it; and that nothing that happens while it is made changes an octet."""

from __future__ import annotations

import csv
import io
import json
import mailbox
import signal
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from gateway.archive import Reader
from gateway.importing.mbox import split
from gateway.ledger.tree import TreeDamaged
from gateway.records.export import plan as plans
from gateway.records.export.certificate import Result
from gateway.records.export.plan import HELD, Form, Plan
from gateway.records.export.run import Export, ExportRunning
from gateway.records.proof import verify
from gateway.records.proof.folder import FolderUnusable
from tests.indexer.test_ledger import Place
from tests.records.export.making import (
    AT,
    RAWS,
    export_of,
    exported,
    files_of,
    keep,
    ledger_of,
    note,
    plan_of,
)

COUNT = len(RAWS)
NEVER = 10_000


class Made:
    """An archive of some messages, signed, and an export of all of them."""

    def __init__(self, folder: Path) -> None:
        self.place = Place(folder)
        keep(self.place)
        self.place.signed()
        self.place.close()
        self.plan = plan_of(self.place, range(1, COUNT + 1))
        self.folder = folder / "out"
        self.result = exported(self.place, self.plan, self.folder)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return Made(tmp_path_factory.mktemp("made"))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    found = Place(tmp_path)
    keep(found)
    found.signed()
    found.close()
    return found


# --- what is in it ---------------------------------------------------------------------------------------


def test_all_messages_are_there_to_the_octet(made: Made) -> None:
    assert made.result == Result(COUNT, (), ())
    for at, raw in enumerate(RAWS):
        name = f"DIST-{41 + at:07}.eml"
        assert (made.folder / "data/messages" / name).read_bytes() == raw
        assert (made.folder / "data/natives" / name).read_bytes() == raw
    assert not list(made.folder.parent.glob(".out*"))


def test_sha256sum_says_that_the_bag_is_whole(made: Made) -> None:
    command = ["sha256sum", "--check", "--strict", "--quiet", "manifest-sha256.txt", "tagmanifest-sha256.txt"]
    done = subprocess.run(command, cwd=made.folder, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_it_is_a_bag(made: Made) -> None:
    """RFC 8493 §2.1, §2.2, §3: a declaration, every payload file in the manifest, and their octets and number."""
    files = files_of(made.folder)
    assert files["bagit.txt"] == b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
    payload = {name for name in files if name.startswith("data/")}
    listed = [line.split("  ")[1] for line in files["manifest-sha256.txt"].decode().splitlines()]
    assert sorted(listed) == sorted(payload)
    tags = [line.split("  ")[1] for line in files["tagmanifest-sha256.txt"].decode().splitlines()]
    assert sorted(tags) == sorted(files.keys() - payload - {"tagmanifest-sha256.txt"})
    info = dict(line.split(": ", 1) for line in files["bag-info.txt"].decode().splitlines())
    assert info["Payload-Oxum"] == f"{sum(len(files[name]) for name in payload)}.{len(payload)}"
    assert info["Bagging-Date"] == "2026-11-23"
    assert info["External-Identifier"] == made.plan.id


def test_the_script_in_it_checks_it(made: Made) -> None:
    """As who received it runs it: elsewhere, and without the gateway."""
    key = made.plan.ledger.keys[0] if made.plan.ledger else ""
    command = [sys.executable, "-I", str(made.folder / "verify.py"), "--key", key]
    done = subprocess.run(command, capture_output=True, text=True, cwd="/")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "OK: everything holds.\n" in done.stdout
    assert f"{COUNT} messages" in done.stdout


def test_nobody_else_may_read_it(made: Made) -> None:
    assert made.folder.stat().st_mode & 0o077 == 0


def test_the_index(made: Made) -> None:
    rows = [json.loads(line) for line in (made.folder / "data/index.jsonl").read_bytes().splitlines()]
    assert [row["seq"] for row in rows] == list(range(1, COUNT + 1))
    assert [row["sha256"] for row in rows] == [sha256(raw).hexdigest() for raw in RAWS]
    first, attached = rows[0], rows[3]
    assert (first["number"], first["file"]) == ("DIST-0000041", "data/messages/DIST-0000041.eml")
    assert (first["from"], first["to"]) == (["Ann <ann@x.example>"], ["bo@x.example"])
    assert (first["mail_from"], first["rcpt"]) == ("ann@x.example", ["bo@x.example"])
    assert first["proven"] is True
    assert attached["subject"] == "Þbung ®"
    assert [each["type"] for each in attached["attachments"]] == ["application/pdf"]


def test_the_index_for_spreadsheets(made: Made) -> None:
    octets = (made.folder / "data/index.csv").read_bytes()
    assert octets.startswith(b"\xef\xbb\xbfnumber,seq,id,")
    rows = list(csv.DictReader(io.StringIO(octets.decode("utf-8-sig"), newline="")))
    assert len(rows) == COUNT
    assert rows[4]["subject"] == "'=1+1"
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "-", "@"))]


def test_the_load_file(made: Made) -> None:
    """Every line has the columns of the first, each between þ; natives are where it says."""
    octets = (made.folder / "data/concordance.dat").read_bytes()
    assert octets.startswith(b"\xef\xbb\xbf\xc3\xbeBEGDOC\xc3\xbe\x14")
    lines = octets.decode("utf-8-sig").removesuffix("\r\n").split("\r\n")
    rows = [line.strip("þ").split("þ\x14þ") for line in lines]
    assert len(rows) == COUNT + 1
    assert {len(row) for row in rows} == {len(rows[0])}
    for row, raw in zip((dict(zip(rows[0], row, strict=True)) for row in rows[1:]), RAWS, strict=True):
        native = made.folder / "data" / row["NATIVELINK"].replace("\\", "/")
        assert native.read_bytes() == raw
        assert row["BEGDOC"] == row["ENDDOC"] == native.stem
    assert rows[4][rows[0].index("SUBJECT")] == "Þbung (R)"


def test_the_mbox_can_be_undone(made: Made) -> None:
    """By the reader of our own import, which undoes mboxrd; a line end may have been added."""
    with (made.folder / "data/mail.mbox").open("rb") as file:
        found = [piece.octets for piece in split(file.read, 2**20)]
    assert len(found) == COUNT
    assert [octets.removesuffix(b"\n") for octets in found] == [raw.removesuffix(b"\n") for raw in RAWS]


def test_pythons_mailbox_reads_the_mbox(made: Made) -> None:
    with closing(mailbox.mbox(made.folder / "data/mail.mbox", create=False)) as box:
        assert [message["Subject"] for message in box][:2] == ["Bus", "quotes"]
        assert len(box) == COUNT


def test_the_certificate(made: Made) -> None:
    facts = json.loads((made.folder / "data/certificate.json").read_bytes())
    assert facts["query"] == "bus"
    assert (facts["hits"], facts["exported"], facts["messages"]) == (COUNT + 2, COUNT, f"1-{COUNT}")
    assert facts["excluded"] == [
        {"reason": "not asked for", "query": "subject:practice", "count": 2, "messages": "98-99"}
    ]
    assert facts["coverage"]["unsearchable"] == 0
    assert facts["bates"]["begin"] == "DIST-0000041"
    assert facts["ledger"]["tree_size"] == COUNT
    assert facts["at"] == AT.isoformat()
    assert "s1" not in json.dumps(facts)  # whose records they are is the district's to know
    text = (made.folder / "data/certificate.txt").read_text()
    for said in ("Pat Kim", "Lee Fox, counsel, Fox LLP", "request 7", "not asked for", "DIST-0000041 to"):
        assert said in text


def test_only_messages(place: Place, tmp_path: Path) -> None:
    exported(place, plan_of(place, (2, 4), forms=(Form.EML,), bates=None), tmp_path / "out")
    names = sorted(name for name in files_of(tmp_path / "out") if not name.startswith("data/proofs/"))
    assert names == [
        "README.txt", "bag-info.txt", "bagit.txt", "data/certificate.json", "data/certificate.txt", "data/index.csv",
        "data/index.jsonl", "data/messages/000000002.eml", "data/messages/000000004.eml", "manifest-sha256.txt",
        "tagmanifest-sha256.txt", "verify.py",
    ]  # fmt: skip
    assert verify.main([], tmp_path / "out") == 0


def test_nothing_found(place: Place, tmp_path: Path) -> None:
    """That nothing was found can be what is to be shown."""
    result = exported(place, plan_of(place, (), excluded=()), tmp_path / "out")
    assert result == Result(0, (), ())
    assert verify.main([], tmp_path / "out") == 0


# --- what is wrong with one message ----------------------------------------------------------------------


def test_a_damaged_message_stops_nothing(place: Place, tmp_path: Path) -> None:
    place.tamper("UPDATE entry SET raw = x'00' WHERE seq = 2")
    result = exported(place, plan_of(place, range(1, COUNT + 1)), tmp_path / "out")
    ((seq, number, reason),) = ((each.seq, each.number, each.reason) for each in result.failed)
    assert (seq, number) == (2, "DIST-0000042")
    assert reason.startswith("damaged: ")
    assert result.written == COUNT - 1
    assert not (tmp_path / "out/data/messages/DIST-0000042.eml").exists()
    assert "DIST-0000042 (entry 2): damaged" in (tmp_path / "out/data/certificate.txt").read_text()
    assert verify.main([], tmp_path / "out") == 0


def test_an_entry_that_is_no_message_or_not_there(place: Place, tmp_path: Path) -> None:
    result = exported(place, plan_of(place, (1, 500)), tmp_path / "out")
    assert [(each.seq, each.reason) for each in result.failed] == [(500, "the archive has no such message")]


def test_an_entry_that_is_not_the_ledgers(place: Place, tmp_path: Path) -> None:
    place.tamper("UPDATE entry SET received = received + 1 WHERE seq = 3")
    result = exported(place, plan_of(place, range(1, 5)), tmp_path / "out")
    ((seq, reason),) = ((each.seq, each.reason) for each in result.failed)
    assert seq == 3
    assert "not the one that the ledger has there" in reason


def test_an_envelope_that_makes_no_sense(tmp_path: Path) -> None:
    place = Place(tmp_path)
    keep(place, [b"Subject: a\r\n\r\n"], {"envelope": {"mail_from": 7, "recipients": [3, {"address": {}}]}})
    place.signed()
    place.close()
    assert exported(place, plan_of(place, (1,)), tmp_path / "out").failed == ()
    (row,) = map(json.loads, (tmp_path / "out/data/index.jsonl").read_bytes().splitlines())
    assert (row["mail_from"], row["rcpt"]) == ("", [])


@pytest.mark.parametrize(("event", "is_out"), [(None, True), ("viewed", True), ("hold-released", False)])
def test_what_is_held_is_not_handed_out(tmp_path: Path, event: str | None, is_out: bool) -> None:
    """Even where the plan has it, for the catalog was wrong."""
    place = Place(tmp_path)
    (id,) = keep(place, [b"Subject: a\r\n\r\n"], {"held": True})
    if event is not None:
        note(place, id, {"event": event})
    place.signed()
    place.close()
    result = exported(place, plan_of(place, (1,)), tmp_path / "out")
    assert [each.reason for each in result.failed] == ([HELD] if is_out else [])


def test_messages_that_are_not_attested_yet(
    place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(place, [b"Subject: new\r\n\r\n"])
    result = exported(place, plan_of(place, (1, COUNT + 1)), tmp_path / "out")
    assert (result.written, result.unproven) == (2, (COUNT + 1,))
    assert verify.main([], tmp_path / "out") == 1
    assert "But 1 messages have no proof" in " ".join(capsys.readouterr().out.split())


def test_no_ledger(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = Place(tmp_path)
    keep(place, [b"Subject: a\r\n\r\n"])
    assert ledger_of(place) is None
    assert exported(place, plan_of(place, (1,)), tmp_path / "out").unproven == (1,)
    assert verify.main([], tmp_path / "out") == 1
    assert "no checkpoint" in capsys.readouterr().out


def test_hashes_of_the_ledger_that_are_damaged_stop_it(place: Place, tmp_path: Path) -> None:
    """It is no message's fault, and `mailgw serve` repairs it: the export goes on afterwards."""
    plan = plan_of(place, range(1, COUNT + 1))
    octets = (place.folder / "level-00").read_bytes()
    (place.folder / "level-00").write_bytes(octets[:-32])
    with pytest.raises(TreeDamaged):
        exported(place, plan, tmp_path / "out")
    (place.folder / "level-00").write_bytes(octets)
    export = export_of(place, tmp_path / "out")
    assert export.run(export.resumed(), lambda _plan, _result: None).written == COUNT


# --- the same octets, whatever happens ------------------------------------------------------------------


@pytest.mark.parametrize(("chunk", "processes"), [(1, 1), (500, 1), (2, 2)])
def test_how_it_is_made_does_not_show(made: Made, tmp_path: Path, chunk: int, processes: int) -> None:
    exported(made.place, replace(made.plan, chunk=chunk), tmp_path / "out", processes)
    assert files_of(tmp_path / "out") == files_of(made.folder)


def test_a_later_checkpoint_does_not_show(place: Place, tmp_path: Path) -> None:
    plan = plan_of(place, range(1, COUNT + 1))
    exported(place, plan, tmp_path / "one")
    keep(place)
    place.signed()
    place.close()
    exported(place, plan, tmp_path / "two")
    assert files_of(tmp_path / "one") == files_of(tmp_path / "two")


def test_a_plan_is_what_was_kept(made: Made) -> None:
    assert plans.from_json(plans.to_json(made.plan)) == made.plan


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b'{"format": 2}', b'{"format": 1, "id": "x"}', b"\xff"])
def test_no_plan(text: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        plans.from_json(text)


# Runs an export, or goes on with one, and kills itself right before the n-th time that a file gets its name.
KILLED = """
import os, signal, sys
from pathlib import Path
from gateway.records.export import plan
from gateway.records.export.run import Export
left = int(sys.argv[4])
real = {name: getattr(os, name) for name in ("replace", "unlink", "link")}
def counted(name):
    def act(*arguments, **options):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return real[name](*arguments, **options)
    return act
for name in real:
    setattr(os, name, counted(name))
export = Export(*map(Path, sys.argv[1:4]))
made = plan.from_json(Path(sys.argv[5]).read_bytes())
if not (export.place.draft / "plan.json").exists():
    export.begin(made)
def record(made, result):
    with open(sys.argv[6], "a") as file:
        file.write(made.id + "\\n")
export.run(export.resumed(), record)
"""


def killed(made: Made, out: Path, step: int) -> int:
    """The exit code of a run that is killed at a step; 0 where it came to its end before."""
    kept = out.parent / "plan.json"
    kept.write_bytes(plans.to_json(made.plan))
    arguments = [str(each) for each in (out, made.place.archive, made.place.folder, step, kept)]
    command = [sys.executable, "-c", KILLED, *arguments, str(out.parent / "recorded")]
    return subprocess.run(command, timeout=60).returncode


def test_killed_at_any_step_it_goes_on(made: Made, tmp_path: Path) -> None:
    """One step in four, for each takes two processes."""
    for step in range(1, 1000, 4):
        out = tmp_path / f"{step}" / "out"
        out.parent.mkdir()
        if killed(made, out, step) == 0:
            break
        if not out.exists() or (out.parent / ".out.export/plan.json").exists():
            assert killed(made, out, NEVER) == 0
            assert not list(out.parent.glob(".out*"))
        assert files_of(out) == files_of(made.folder), step
    assert step > 3 * COUNT  # it was killed at messages, at lists and at the end


def test_killed_again_and_again_it_comes_to_an_end(made: Made, tmp_path: Path) -> None:
    out, runs = tmp_path / "out", 1
    while killed(made, out, 5 * runs) == -signal.SIGKILL:
        runs += 1
    assert runs > 4
    assert files_of(out) == files_of(made.folder)


def test_what_a_power_cut_emptied_is_made_again(made: Made, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert killed(made, out, 20) == -signal.SIGKILL
    (first, *_) = sorted((tmp_path / ".out.export/bag/data/messages").iterdir())
    first.write_bytes(b"")
    assert killed(made, out, NEVER) == 0
    assert files_of(out) == files_of(made.folder)


def test_placed_and_not_cleaned_up(made: Made, tmp_path: Path) -> None:
    """Killed after the folder got its name: nothing is left to do, and the result is told."""
    export = export_of(made.place, tmp_path / "out")
    export.begin(made.plan)

    def stop(_plan: Plan, _result: Result) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export.run(made.plan, stop)
    export.place.bag.rename(tmp_path / "out")
    assert export.run(export.resumed(), stop) == made.result
    assert files_of(tmp_path / "out") == files_of(made.folder)
    assert not list(tmp_path.glob(".out*"))


def test_nothing_is_handed_out_that_was_not_recorded(made: Made, tmp_path: Path) -> None:
    export = export_of(made.place, tmp_path / "out")
    export.begin(made.plan)

    def refused(_plan: Plan, _result: Result) -> None:
        raise OSError("the archive cannot be written")

    with pytest.raises(OSError, match="cannot be written"):
        export.run(made.plan, refused)
    assert not (tmp_path / "out").exists()


# --- folders ---------------------------------------------------------------------------------------------


def test_a_folder_that_is_taken(made: Made, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine").touch()
    with pytest.raises(FolderUnusable, match="not an empty folder"):
        export_of(made.place, tmp_path / "out").require_free()


def test_an_export_that_was_broken_off_is_not_begun_anew(made: Made, tmp_path: Path) -> None:
    export_of(made.place, tmp_path / "out").begin(made.plan)
    with pytest.raises(FolderUnusable, match=r"--resume -o .* finishes it"):
        export_of(made.place, tmp_path / "out").require_free()


def test_nothing_to_resume(made: Made, tmp_path: Path) -> None:
    with pytest.raises(FolderUnusable, match="no export into it was broken off"):
        export_of(made.place, tmp_path / "out").resumed()


def test_a_plan_that_is_damaged(made: Made, tmp_path: Path) -> None:
    export = export_of(made.place, tmp_path / "out")
    export.begin(made.plan)
    (export.place.draft / "plan.json").write_bytes(b"{")
    with pytest.raises(FolderUnusable, match=r"plan\.json: .*remove"):
        export.resumed()


def test_two_runs_at_once(made: Made, tmp_path: Path) -> None:
    export = export_of(made.place, tmp_path / "out")
    export.begin(made.plan)

    def meanwhile(plan: Plan, _result: Result) -> None:
        other: Export = export_of(made.place, tmp_path / "out")
        with pytest.raises(ExportRunning):
            other.run(plan, meanwhile)

    assert export.run(made.plan, meanwhile).written == COUNT


def test_the_readers_of_the_archive_see_what_was_exported(made: Made) -> None:
    with closing(Reader(made.place.archive)) as reader:
        assert [reader.raw(seq) for seq in range(1, COUNT + 1)] == list(RAWS)

"""The child: what its walls keep from it, what it may die of, and that another takes its place."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.extraction import frames
from gateway.extraction.extractor import Extractor
from gateway.extraction.model import Extracted, Settings, Status
from gateway.extraction.process import Begun, ChildProcess, Ended, Task
from tests.extraction import files
from tests.extraction.conftest import SETTINGS

# A program that a hostile file might bring along: it tries what must not work, and tells.
INTRUDER = """
import mmap, os, socket, sys
from dataclasses import asdict
from gateway.extraction import frames, sandbox
from gateway.extraction.model import Settings
told = socket.socket(fileno=int(sys.argv[1]))
if sys.argv[5] == "without namespaces":
    sandbox._separate = lambda: None
if sys.argv[5] != "free":
    sandbox.enclose(Settings(), told)
def tried(what):
    try:
        what()
    except (OSError, MemoryError) as error:
        return type(error).__name__
    return "done"
frames.write(told, frames.DONE, {
    "connect": tried(lambda: socket.create_connection(("127.0.0.1", int(sys.argv[2])), 5)),
    "read": tried(lambda: open(sys.argv[3]).read()),
    "write": tried(lambda: os.write(os.open(sys.argv[3], os.O_WRONLY), b"x" * 10)),
    "signal": tried(lambda: os.kill(int(sys.argv[4]), 0)),
    "allocate": tried(lambda: mmap.mmap(-1, 2 << 30)),
    "walls": {wall.name: wall.holds for wall in sandbox.inspect()},
})
"""


def intruder(place: Path, enclosed: str) -> dict[str, object]:
    ours, theirs = socket.socketpair()
    with ours, theirs, socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        given = [str(theirs.fileno()), str(port), str(place), str(os.getpid()), enclosed]
        with subprocess.Popen([sys.executable, "-I", "-c", INTRUDER, *given], pass_fds=[theirs.fileno()]):
            theirs.close()
            return frames.read(ours, 0, time.monotonic() + 50).facts


@pytest.mark.parametrize("enclosed", ["enclosed", "without namespaces"])
def test_an_intruder_reaches_nothing_behind_walls_that_are_said_to_stand(
    tmp_path: Path, enclosed: str
) -> None:
    """Where a kernel allows no wall, the self-check says so: then what it would keep away is reached."""
    place = tmp_path / "archive"
    place.write_text("everything that the district wrote")
    place.chmod(0o666)
    told = intruder(place, enclosed)
    walls = told["walls"]
    assert isinstance(walls, dict)
    assert (told["connect"] != "done") == walls["no network"]
    if walls["own processes only"]:
        assert told["signal"] != "done"
    if walls["system calls refused"]:
        assert told["connect"] != "done"
    assert (told["read"] != "done") == walls["files out of sight"]
    assert told["write"] != "done"
    assert told["allocate"] == "OSError"
    assert walls["memory limited"] and walls["no new privileges"]
    assert place.read_text() == "everything that the district wrote"


def test_the_same_program_without_walls_reaches_all_of_it(tmp_path: Path) -> None:
    place = tmp_path / "archive"
    place.write_text("everything that the district wrote")
    told = intruder(place, "free")
    walls = told.pop("walls")
    assert isinstance(walls, dict)
    assert set(told.values()) == {"done"}
    assert not walls["no network"] and not walls["files out of sight"] and not walls["memory limited"]


def test_the_child_has_no_environment_and_low_priority() -> None:
    with Extractor(SETTINGS) as extractor:
        extractor.extract(b"x", "", "")
        child = child_of(extractor)
        assert os.getpriority(os.PRIO_PROCESS, child.pid) == 19
        given = set(Path(f"/proc/{child.pid}/environ").read_text().split("\0")) - {""}
        assert {line.partition("=")[0] for line in given} <= {"LC_CTYPE"}
        assert Path(f"/proc/{child.pid}/cwd").readlink() == Path("/")


def test_the_child_imports_nothing_of_the_mail_path() -> None:
    code = "import sys, gateway.extraction.child, gateway.extraction.walk; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    loaded = {name for name in done.stdout.split() if name.startswith("gateway.")}
    assert {name.split(".")[1] for name in loaded} == {"extraction", "message"}
    assert not {"asyncio", "ssl", "pydantic", "sqlalchemy", "structlog"} & set(done.stdout.split())


def child_of(extractor: Extractor) -> ChildProcess:
    child = extractor._slots.queue[-1]
    assert child is not None
    return child


def task(content: bytes) -> Task:
    return Task(content, "", "a.zip", 1000, time.monotonic() + 50)


def test_a_child_killed_while_idle_is_replaced_unnoticed() -> None:
    with Extractor(SETTINGS) as extractor:
        assert extractor.extract(b"one", "", "a")[0].text == "one"
        first = child_of(extractor)
        os.killpg(first.pid, signal.SIGKILL)
        assert [part.text for part in extractor.extract(b"two", "", "b")] == ["two"]
        assert child_of(extractor).pid != first.pid


@pytest.mark.parametrize(
    ("who", "number"),
    [
        ("keeper", signal.SIGKILL),
        ("keeper", signal.SIGSEGV),
        ("keeper", signal.SIGABRT),
        ("worker", signal.SIGKILL),  # process 1 of a namespace takes no other signal from outside
    ],
)
def test_a_child_killed_at_work_ends_with_the_signals_name(who: str, number: signal.Signals) -> None:
    child = ChildProcess(SETTINGS)
    said = child.run(task(files.zipped({"a": b"x" * 200, "slow.pdf": slow_pdf()})))
    for one in said:
        if isinstance(one, Begun) and one.path[-1] == "slow.pdf":
            break
    killed = child.pid
    if who == "worker":
        killed = int(Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text())
    os.kill(killed, number)
    with pytest.raises(Ended) as ended:
        list(said)
    assert (ended.value.status, ended.value.detail) == (Status.FAILED, f"its reader died of {number.name}")
    child.kill()


def test_nothing_is_left_of_a_child_that_was_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half-read answers would be taken for the next attachment's."""
    child = ChildProcess(SETTINGS)
    said = child.run(task(files.zipped({"a": b"x", "b": b"y"})))
    next(said)
    said.close()  # type: ignore[attr-defined]
    with pytest.raises(ProcessLookupError):
        os.kill(child.pid, 0)


def test_the_worker_ends_when_its_parent_is_gone() -> None:
    """The parent is killed while its child is at work: nobody is left to end it."""
    code = (
        "import os, sys\nfrom gateway.extraction.process import *\n"
        "from gateway.extraction.model import Settings\n"
        "child = ChildProcess(Settings(ocr=False))\n"
        "said = child.run(Task(sys.stdin.buffer.read(), '', 'a', 1000, time.monotonic() + 300))\n"
        "next(said); print(child.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", code], input=slow_pdf(), capture_output=True)
    keeper = int(done.stdout)
    deadline = time.monotonic() + 50
    while _alive(keeper) and time.monotonic() < deadline:
        threading.Event().wait(0.05)
    assert not _alive(keeper)


def _alive(group: int) -> bool:
    """Somebody in the process group runs; what only waits to be buried does not."""
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, member = status.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(member) == group and state != "Z":
            return True
    return False


def slow_pdf() -> bytes:
    """Minutes of work that need no memory: thousands of pages that are all the same drawing."""
    return files.pdf(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Kids[" + b"3 0 R " * 5000 + b"]/Count 5000>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R>>",
            files.stream(b"0 0 m 9 9 l S " * 100_000),
        ]
    )


def test_what_takes_too_long_is_given_up_and_the_rest_is_read() -> None:
    settings = replace(SETTINGS, part_seconds=2.0)
    content = files.zipped({"before.txt": b"before", "slow.pdf": slow_pdf(), "after.txt": b"after"})
    with Extractor(settings) as extractor:
        parts = extractor.extract(content, "", "all.zip")
        assert [(part.name, part.status, part.text.strip()) for part in parts[1:]] == [
            ("before.txt", Status.EXTRACTED, "before"),
            ("slow.pdf", Status.TIMED_OUT, ""),
            ("after.txt", Status.EXTRACTED, "after"),
        ]
        assert parts[2].type == "application/pdf"


def test_after_so_many_deaths_the_rest_is_said_to_be_unread() -> None:
    settings = replace(SETTINGS, part_seconds=1.0, retries=1)
    slow = slow_pdf()
    content = files.zipped({"1.pdf": slow, "2.pdf": slow, "after.txt": b"after"})
    with Extractor(settings) as extractor:
        parts = extractor.extract(content, "", "all.zip")
    assert [(part.name, part.status) for part in parts] == [
        ("all.zip", Status.EXTRACTED),
        ("1.pdf", Status.TIMED_OUT),
        ("2.pdf", Status.TIMED_OUT),
        ("all.zip", Status.FAILED),
    ]
    assert parts[-1].detail == "the rest of it is not read"


def test_the_time_for_all_of_it_ends_too() -> None:
    settings = replace(SETTINGS, seconds=2.0)
    with Extractor(settings) as extractor:
        parts = extractor.extract(files.zipped({"slow.pdf": slow_pdf(), "b": b"b"}), "", "all.zip")
    assert parts[1].status is Status.TIMED_OUT
    assert not parts[-1].whole


def test_a_child_serves_so_many_and_makes_room() -> None:
    with Extractor(replace(SETTINGS, jobs=2)) as extractor:
        extractor.extract(b"1", "", "")
        first = child_of(extractor).pid
        extractor.extract(b"2", "", "")
        assert extractor._slots.queue == [None]
        assert extractor.extract(b"3", "", "")[0].text == "3"
        assert child_of(extractor).pid != first


def test_a_child_that_needed_much_memory_makes_room() -> None:
    with Extractor(replace(SETTINGS, memory=200 << 20)) as extractor:
        extractor.extract(files.docx("small"), "", "")
        first = child_of(extractor).pid
        large = extractor.extract(b"word " * 5_000_000, "text/plain", "")
        assert large[0].status is Status.TOO_LARGE
        assert extractor.extract(b"3", "", "")[0].text == "3"
        assert child_of(extractor).pid != first


def test_threads_share_the_children() -> None:
    with Extractor(replace(SETTINGS, children=2)) as extractor, ThreadPoolExecutor(6) as threads:
        texts = [f"text number {number}" for number in range(60)]
        found = threads.map(lambda text: extractor.extract(files.docx(text), "", "a"), texts)
        assert [parts[0].text.strip() for parts in found] == texts
        assert extractor._slots.qsize() == 2


def test_what_is_larger_than_allowed_is_not_even_sent() -> None:
    with Extractor(replace(SETTINGS, content_octets=10)) as extractor:
        parts = extractor.extract(b"x" * 11, "text/plain", "a")
        assert [part.status for part in parts] == [Status.TOO_LARGE]
        assert extractor._slots.queue == [None]


def test_a_text_beyond_latin_comes_through() -> None:
    with Extractor(SETTINGS) as extractor:
        text = "Привет 你好 🎒 " * 1000
        assert extractor.extract(text.encode(), "", "größe.txt") == (
            Extracted(("größe.txt",), "text/plain", Status.EXTRACTED, text, "", pytest.approx(0, abs=50)),
        )


@pytest.mark.needs("tesseract")
def test_ocr_works_behind_the_walls() -> None:
    from tests.extraction.test_formats import picture_of

    picture = picture_of("Permission slip")
    scan = files.scan_pdf(picture.tobytes(), *picture.size)
    with Extractor(Settings()) as extractor:
        (part,) = extractor.extract(scan, "", "scan.pdf")
        assert (part.status, part.text.split()) == (Status.EXTRACTED, ["Permission", "slip"])
        assert [wall.holds for wall in extractor.protections() if wall.name == "OCR"] == [True]


# --- what the child might say ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"E",
        b"E\xff\xff\xff\xff\xff\xff\xff\xff",
        b"E\x00\x00\x00\x02\x00\x00\x00\x00[]",
        b"E\x00\x00\x00\x02\x00\x00\x00\x00{]",
        b"E\x00\x01\x00\x00\x00\x00\x00\x00" + b"[" * 65536,
    ],
    ids=["nothing", "half a head", "gigabytes", "a list", "no JSON", "nested"],
)
def test_what_is_no_frame_is_broken(said: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours:
        theirs.sendall(said)
        theirs.close()
        with pytest.raises(frames.Broken):
            frames.read(ours, 1000, time.monotonic() + 50)


def test_a_frame_that_stops_half_way_is_late() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"E\x00\x00")
        with pytest.raises(frames.Late):
            frames.read(ours, 1000, time.monotonic() + 0.05)


def test_a_job_counts_as_given_where_the_child_took_it_and_went(monkeypatch: pytest.MonkeyPatch) -> None:
    """As one does that answers at once, and ends because it has grown large: its answer is still to be read."""
    ours, theirs = socket.socketpair()
    send_fds = socket.send_fds

    def sent_and_answered(sock: socket.socket, buffers: Sequence[bytes], fds: Sequence[int]) -> int:
        sent = send_fds(sock, list(buffers), list(fds))
        frame, fd = frames.read_with_fd(theirs, 0)
        assert (frame.kind, frame.facts) == (frames.JOB, {"name": "a"})
        assert fd is not None
        os.close(fd)
        frames.write(theirs, frames.DONE, {})
        theirs.close()
        return sent

    monkeypatch.setattr(socket, "send_fds", sent_and_answered)
    with ours, Path(os.devnull).open("rb") as file:
        frames.write(ours, frames.JOB, {"name": "a"}, fd=file.fileno())
        assert frames.read(ours, 0).kind == frames.DONE


LIAR = """#!{python}
import socket, sys
from gateway.extraction import frames
told = socket.socket(fileno=int(sys.argv[-1]))
frames.read(told, 0)
frames.write(told, frames.READY, {{"protections": []}})
frames.read_with_fd(told, 0)
facts = {{"number": 0, "path": ["a"], "type": "text/plain", "status": "extracted", "detail": "", "seconds": 0}}
facts.update({lie})
frames.write(told, frames.RESULT, facts, {text})
frames.write(told, frames.DONE, {{}})
"""


@pytest.mark.parametrize(
    ("lie", "text"),
    [
        ({"status": "splendid"}, "'x'"),
        ({"path": 5}, "'x'"),
        ({"path": None}, "'x'"),
        ({"seconds": 10**400}, "'x'"),
        ({"seconds": "soon"}, "'x'"),
        ({}, "'x' * 1_000_000"),
    ],
    ids=["no status", "a number for a path", "no path", "for ever", "no time", "more than was asked for"],
)
def test_a_child_that_lies_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lie: dict[str, object], text: str
) -> None:
    program = tmp_path / "liar"
    program.write_text(LIAR.format(python=sys.executable, lie=lie, text=text))
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    with Extractor(replace(SETTINGS, characters=1000)) as extractor:
        (part,) = extractor.extract(b"x", "", "a")
        assert (part.path, part.status, part.text) == (("a",), Status.FAILED, "")
        assert extractor._slots.queue == [None]


def test_what_a_child_says_of_names_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "liar"
    lie = {"path": ["other", "in\x00ner" * 1000], "seconds": -1.0, "type": "x" * 9999}
    program.write_text(LIAR.format(python=sys.executable, lie=lie, text="'x'"))
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    with Extractor(SETTINGS) as extractor:
        (part,) = extractor.extract(b"x", "", "a")
    assert part.path[0] == "a"
    assert "\x00" not in part.path[1]
    assert len(part.path[1]) <= 500 and len(part.type) <= 500 and part.seconds == 0


@pytest.mark.parametrize(
    ("program", "detail"),
    [("/bin/false", "its reader ended with 1"), ("/no/such", "its reader could not be started")],
)
def test_a_reader_that_does_not_start_is_a_failure_that_says_so(
    monkeypatch: pytest.MonkeyPatch, program: str, detail: str
) -> None:
    monkeypatch.setattr(sys, "executable", program)
    with Extractor(SETTINGS) as extractor:
        (part,) = extractor.extract(b"x", "", "a")
        assert (part.status, part.detail) == (Status.FAILED, detail)
        (wall,) = extractor.protections()
        assert not wall.holds


def test_every_wall_stands_that_this_machine_allows(tmp_path: Path) -> None:
    """So that a wall that fell is not taken for one that the kernel refused."""
    place = tmp_path / "archive"
    place.write_text("")
    walls = intruder(place, "enclosed")["walls"]
    assert isinstance(walls, dict)
    separate = subprocess.run(["unshare", "--user", "--net", "--pid", "--fork", "true"], capture_output=True)
    landlock = ctypes.CDLL(None).syscall(444, None, 0, 1) >= 1
    assert walls["own processes only"] == (separate.returncode == 0)
    assert walls["files out of sight"] == landlock
    assert walls["system calls refused"] and walls["no network"]


def test_without_namespaces_the_network_is_refused_all_the_same(tmp_path: Path) -> None:
    """As in a container whose rules allow no user namespaces."""
    place = tmp_path / "archive"
    place.write_text("")
    told = intruder(place, "without namespaces")
    walls = told["walls"]
    assert isinstance(walls, dict)
    assert (walls["own processes only"], walls["no network"]) == (False, True)
    assert told["connect"] == "PermissionError"

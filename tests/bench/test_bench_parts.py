"""The bench's own parts: messages of exact size, a client that tries again, processes that end, folded stacks."""

from __future__ import annotations

import io
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.client import Client, RefusalError, send_until_taken
from bench.directory import LETTERS, write_roster
from bench.mail import compose
from bench.processes import LOOPBACK, BenchError, Child, descendants, memory_of, run
from bench.profile import fold, render


@pytest.mark.parametrize("size", [2500, 4096, 4097, 4098, 10_000, 100_001])
def test_message_has_exactly_its_size(size: int) -> None:
    for seed, letter in enumerate(LETTERS):
        content = compose(letter, size, seed).content
        lines = content.split(b"\r\n")
        assert len(content) == size
        assert content.endswith(b"\r\n") and content.count(b"\n") == content.count(b"\r\n") == len(lines) - 1
        assert max(map(len, lines)) <= 998 and not any(line.startswith(b".") for line in lines)


def test_message_is_the_same_on_every_run() -> None:
    assert compose(LETTERS[0], 4096, 7) == compose(LETTERS[0], 4096, 7)


def test_too_small_a_message_is_refused() -> None:
    with pytest.raises(ValueError, match="too small"):
        compose(LETTERS[0], 700, 1)


def test_source_file_has_bare_line_ends(tmp_path: Path) -> None:
    mail = compose(LETTERS[0], 4096, 1)
    written = mail.write_for_source(tmp_path / "m").read_bytes()
    assert b"\r" not in written and written.replace(b"\n", b"\r\n") == mail.content


def test_roster_is_whole(tmp_path: Path) -> None:
    people = write_roster(tmp_path)
    users = (tmp_path / "users.csv").read_text().splitlines()
    assert people == len(users) - 1 == 20_000
    assert len({line.split(",", 1)[0] for line in users}) == len(users)
    members = (tmp_path / "group_members.csv").read_text()
    assert "team0,staff1,coach" in members and "team0,student1,member" in members


@pytest.fixture
def reluctant() -> Iterator[tuple[int, list[bytes]]]:
    """A server that refuses the first two messages with 452 and takes the third; the commands it saw."""
    seen: list[bytes] = []
    with socket.create_server((LOOPBACK, 0)) as listener:
        thread = threading.Thread(target=_serve, args=(listener, seen))
        thread.start()
        yield listener.getsockname()[1], seen
        thread.join(10)


def _serve(listener: socket.socket, seen: list[bytes]) -> None:
    for last_reply in (b"452 4.3.1 later", b"452-4.3.1 still\r\n452 4.3.1 later", b"250 2.0.0 taken"):
        connection, _ = listener.accept()
        with connection, connection.makefile("rwb") as stream:
            _converse(stream, seen, last_reply)


def _converse(stream: io.BufferedRWPair, seen: list[bytes], last_reply: bytes) -> None:
    def say(line: bytes) -> None:
        stream.write(line + b"\r\n")
        stream.flush()

    say(b"220 here")
    while line := stream.readline():
        seen.append(line.strip())
        if line.startswith(b"EHLO"):
            say(b"250-here\r\n250 SIZE 99999")
        elif line.startswith(b"DATA"):
            say(b"354 go on")
            while stream.readline() != b".\r\n":
                pass
            say(last_reply)
        else:
            say(b"250 2.0.0 ok")
        if line.startswith(b"QUIT"):
            return


def test_client_tries_again_after_later(reluctant: tuple[int, list[bytes]]) -> None:
    port, seen = reluctant
    mail = compose(LETTERS[0], 2500, 1)
    assert send_until_taken(port, mail, time.monotonic() + 30) == 2
    expected = f"MAIL FROM:<{mail.letter.sender}> SIZE=2500".encode()
    assert seen.count(expected) == 3


def test_client_gives_up_at_its_deadline(reluctant: tuple[int, list[bytes]]) -> None:
    port, _ = reluctant
    mail = compose(LETTERS[0], 2500, 1)
    with pytest.raises(RefusalError, match=r"452 4\.3\.1 later"):
        send_until_taken(port, mail, time.monotonic() - 1)
    with pytest.raises(RefusalError, match="still / 452"):
        send_until_taken(port, mail, time.monotonic() - 1)
    with Client(port) as client:
        client.send(mail)


def test_child_ends_with_its_descendants(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys, signal; signal.signal(signal.SIGTERM, lambda *_: sys.exit(0));"
        "child = subprocess.Popen(['sleep', '600']); print('ready', flush=True); child.wait()"
    )
    log = tmp_path / "log"
    child = Child("sleeper", [sys.executable, "-c", code], log)
    child.wait_ready(lambda: "ready" in log.read_text(), 20)
    pids = child.tree()
    assert len(pids) == 2
    assert child.memory().processes == 2 and child.memory().pss > 0
    child.stop(seconds=10, orphans=0.1)
    assert memory_of(pids).pss == 0


def test_child_that_ends_early_is_named_with_its_last_words(tmp_path: Path) -> None:
    child = Child(
        "fails", [sys.executable, "-c", "print('no such luck'); raise SystemExit(3)"], tmp_path / "log"
    )
    with pytest.raises(BenchError, match="fails: ended with 3: no such luck"):
        child.wait_ready(lambda: False, 20)


def test_missing_program_is_named(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="No such file"):
        Child("gone", [str(tmp_path / "nothing")], tmp_path / "log")
    with pytest.raises(BenchError, match="No such file"):
        run([str(tmp_path / "nothing")], 5)
    with pytest.raises(BenchError, match="exit code 4: oh"):
        run([sys.executable, "-c", "print('oh'); raise SystemExit(4)"], 20)


def test_descendants_hold_the_process_itself() -> None:
    assert os.getpid() in descendants(os.getppid())


def test_profile_counts_recursion_once() -> None:
    profile = fold("main (a.py:1);walk (a.py:2);walk (a.py:3) 3\nmain (a.py:9) 1\nno number\n")
    assert profile.samples == 4
    assert profile.own == {"walk (a.py)": 3, "main (a.py)": 1}
    assert profile.cumulative == {"main (a.py)": 4, "walk (a.py)": 3}
    assert "100.0%  main (a.py)" in render(profile, 5)
